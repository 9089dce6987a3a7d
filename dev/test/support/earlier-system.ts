import type { Sql } from "postgres";

/**
 * A database of the shape that the running system has: agents' logs with their view, and the tables
 * of its billing. Months July to October 2026; September is the last that it has invoiced.
 */
export async function buildEarlierSystem(sql: Sql, logs: number): Promise<void> {
  await sql`set statement_timeout = 0`;
  await sql.unsafe(SHAPE).simple();
  await sql.unsafe(ROWS).simple();
  await sql`
    insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
      web_searches, other_features, input_cost, output_cost, total_cost, metadata, "timestamp",
      created_at)
    select (array['SCHOLAR', 'CHIRON', 'HERALD'])[1 + n % 3], 'deep-research',
      (array['claude-sonnet-4-20250514', 'claude-opus-4-20250514', 'claude-sonnet'])[1 + n % 3],
      1000 + n % 977, 200 + n % 311, case when n % 7 = 0 then 2 else 0 end,
      case when n % 11 = 0 then '{"pdf_processing": 1}' else '{}' end::jsonb,
      0.003, 0.003, 0.006, jsonb_build_object('client_id',
        (array['c0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000002',
          'c0000000-0000-4000-8000-000000000003'])[1 + n / 3 % 3]),
      at.moment, at.moment
    from generate_series(1, ${logs}::integer) n
    cross join lateral (select timestamptz '2026-07-01 00:00+00'
      + (n::numeric / ${logs} * interval '10627199 seconds') as moment) at`;
  // What cannot be taken: the earlier table had no checks.
  await sql`insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", created_at)
    values ('BROKEN', 'claude-sonnet', -5, '2026-10-02', '2026-10-02')`;
  await sql`analyze public.agent_usage_logs`;
}

const SHAPE = `
create table public.agent_usage_logs (
  id uuid primary key default gen_random_uuid(), agent text not null, endpoint text,
  model text not null, input_tokens integer default 0, output_tokens integer default 0,
  web_searches integer default 0, other_features jsonb default '{}',
  input_cost numeric(10,6) default 0, output_cost numeric(10,6) default 0,
  feature_cost numeric(10,6) default 0, total_cost numeric(10,6) default 0,
  metadata jsonb default '{}', "timestamp" timestamptz not null default now(),
  created_at timestamptz not null default now());
create index idx_usage_agent on public.agent_usage_logs (agent);
create index idx_usage_timestamp on public.agent_usage_logs ("timestamp");
create index idx_usage_agent_timestamp on public.agent_usage_logs (agent, "timestamp");
create view public.agent_cost_summary as
select agent, date("timestamp") as date, count(*) as request_count,
  sum(input_tokens) as total_input_tokens, sum(output_tokens) as total_output_tokens,
  sum(web_searches) as total_web_searches, sum(total_cost) as total_cost
from public.agent_usage_logs group by agent, date("timestamp");
create table public.billing_clients (
  id uuid primary key default gen_random_uuid(), name text not null, email text,
  status text default 'active', stripe_customer_id text, created_at timestamptz default now());
create table public.billing_config (
  id serial primary key, client_id uuid references public.billing_clients (id),
  is_active boolean default true, sonnet_input_per_million numeric, sonnet_output_per_million numeric,
  web_search_rate numeric, monthly_minimum numeric, payment_terms_days integer, nickname text,
  created_at timestamptz default now());
create table public.billing_invoices (
  id uuid primary key default gen_random_uuid(),
  client_id uuid references public.billing_clients (id), invoice_number text unique,
  amount numeric(12,2), currency text default 'usd', status text, period_start date,
  period_end date, due_date date, line_items jsonb, sent_at timestamptz, stripe_invoice_id text);
create table public.billing_usage_records (
  id bigserial primary key, client_id uuid, agent_name text, period_start date, period_end date,
  input_tokens bigint, output_tokens bigint, web_searches integer, request_count integer,
  total_cost_usd numeric, recorded_at timestamptz default now(),
  unique (client_id, agent_name, period_start, period_end));
grant all on all tables in schema public to anon, authenticated, service_role;
grant usage on all sequences in schema public to service_role;
`;

const ROWS = `
insert into public.billing_clients (id, name, email, status, stripe_customer_id) values
  ('c0000000-0000-4000-8000-000000000001', 'Acme Robotics', 'ap@acme.example', 'active', 'cus_acme'),
  ('c0000000-0000-4000-8000-000000000002', 'Birch & Sons', 'not an address', 'active', null),
  ('c0000000-0000-4000-8000-000000000003', 'Cobalt', 'pay@cobalt.example', 'active', 'acct_wrong'),
  ('c0000000-0000-4000-8000-000000000004', 'Gone Ltd', 'x@gone.example', 'inactive', null),
  ('c0000000-0000-4000-8000-000000000005', ' ', null, 'active', null);
insert into public.billing_config (client_id, sonnet_input_per_million, sonnet_output_per_million,
  web_search_rate, monthly_minimum, payment_terms_days, nickname) values
  ('c0000000-0000-4000-8000-000000000001', 2.50, 12, 0.02, 100, 14, 'the robots'),
  ('c0000000-0000-4000-8000-000000000002', null, null, null, 75, null, null);
insert into public.billing_invoices (client_id, invoice_number, amount, status, period_start,
  period_end, due_date, line_items, stripe_invoice_id) values
  ('c0000000-0000-4000-8000-000000000001', 'INV-2026-0041', 812.40, 'paid', '2026-08-01',
    '2026-08-31', '2026-09-30', '[]', null),
  ('c0000000-0000-4000-8000-000000000001', 'INV-2026-0042', 790.15, 'sent', '2026-09-01',
    '2026-09-30', '2026-10-30', '[{"description": "Sonnet", "amount": 790.15}]', 'in_old1'),
  ('c0000000-0000-4000-8000-000000000002', 'INV-2026-0043', 75.00, 'paid', '2026-09-01',
    '2026-09-30', '2026-10-30', '[]', null),
  ('c0000000-0000-4000-8000-000000000003', 'INV-2026-0044', 611.00, 'overdue', '2026-09-01',
    '2026-09-30', '2026-10-30', '[]', null),
  ('c0000000-0000-4000-8000-000000000003', 'INV-2026-0045', 1.00, 'draft', '2026-10-01',
    '2026-10-31', null, '[]', null);
insert into public.billing_usage_records (client_id, agent_name, period_start, period_end,
  total_cost_usd) values
  ('c0000000-0000-4000-8000-000000000001', 'SCHOLAR', '2026-09-01', '2026-09-30', 790.15);
`;

/** An agent that posts a row, waits for the answer and posts the next, until it is told to stop. */
export interface SteadyAgent {
  /** Ids whose insert was answered well. */
  readonly accepted: string[];
  /** What was answered otherwise. */
  readonly failures: string[];
  /** The longest that an insert took, in milliseconds. */
  slowest: number;
  /** When that insert was answered, by `performance.now()`. */
  slowestAt: number;
  stop(): Promise<void>;
}

/** Begins at once. `sql` is a session of its own. */
export async function startAgent(sql: Sql, clientId: string): Promise<SteadyAgent> {
  await sql`set role service_role`;
  const agent = {
    accepted: new Array<string>(),
    failures: new Array<string>(),
    slowest: 0,
    slowestAt: 0,
  };
  let isStopped = false;
  const work = (async () => {
    while (!isStopped) {
      const id = crypto.randomUUID();
      const started = performance.now();
      try {
        await sql`insert into public.agent_usage_logs (id, agent, endpoint, model, input_tokens,
            output_tokens, web_searches, metadata, "timestamp", created_at)
          values (${id}, 'SCHOLAR', 'deep-research', 'claude-sonnet', 1000, 100, 1,
            ${sql.json({ client_id: clientId })}, '2026-10-20T12:00:00', '2026-10-20T12:00:00Z')`;
        agent.accepted.push(id);
      } catch (error) {
        agent.failures.push(String(error));
      }
      const answered = performance.now();
      if (answered - started > agent.slowest) {
        agent.slowest = answered - started;
        agent.slowestAt = answered;
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  return Object.assign(agent, {
    stop: async () => {
      isStopped = true;
      await work;
    },
  });
}

import type { Sql } from "postgres";
import { billJune, seedJune } from "./delivery-world.ts";

/**
 * Three clients with a June that is billed and a July that goes on: rows that are counted, rows that
 * are not yet, a delivery that a worker has taken, one that is done.
 */
export async function liveUntilJuly(sql: Sql): Promise<void> {
  await seedJune(sql, 3);
  await billJune(sql);
  await logUsage(sql, "counted", 40);
  await sql`select _billing.rollup()`;
  await logUsage(sql, "waiting", 30);
  const claimed = await sql`select id, lease from _billing.claim_deliveries('{archive}', 2)`;
  const [first] = claimed;
  await sql`select _billing.finish_delivery(${first?.id}, ${first?.lease}, '{"kind": "done"}')`;
}

/**
 * The rest of July and its bill: rows that are sent once more, a June row taken back, usage of
 * nobody that gets an owner.
 */
export async function liveUntilAugust(sql: Sql): Promise<void> {
  await logUsage(sql, "waiting", 30);
  await logUsage(sql, "after", 50);
  await sql`select _billing.rollup()`;
  await sql`
    select billing.retract_log(l.id, 'never happened')
    from public.agent_usage_logs l join public.clients c on c.id = l.client_id
    where c.name = 'Client 1' and l."timestamp" < '2026-07-01'`;
  await sql`insert into public.agent_assignments (agent, client_id)
    select 'STRAY', id from public.clients where name = 'Client 2'`;
  for (const at of ["2026-08-01 09:00+00", "2026-08-01 10:00+00"]) {
    await sql`select billing.run_monthly(${at}::text::timestamptz)`;
  }
}

/** Rows under ids of their own, every fifth of nobody: stored again, they change nothing. */
async function logUsage(sql: Sql, name: string, rows: number): Promise<void> {
  await sql`
    insert into public.agent_usage_logs (id, agent, model, input_tokens, "timestamp", client_id)
    select md5(${name} || n)::uuid, case when n % 5 = 0 then 'STRAY' else 'SCHOLAR' end,
      'claude-sonnet', 100000 * n, '2026-07-02'::timestamptz + n * interval '1 hour',
      case when n % 5 > 0 then c.id end
    from generate_series(1, ${rows}::int) n
    join public.clients c on c.name = 'Client ' || 1 + n % 3
    on conflict (id) do nothing`;
}

/** What the books say, and nothing that the clock says. */
export async function books(sql: Sql) {
  const [numbers] = await sql`
    select (select last_number from _billing.invoice_counters) as last_number,
      (select max(id) from billing.monthly_runs) as runs,
      (select count(*) from public.agent_usage_logs) as logs`;
  return {
    numbers: { ...numbers },
    usage: [
      ...await sql`
      select client_id, usage_day::text, model, metric, agent, quantity, provider_cost, log_count
      from public.usage_records order by 1, 2, 3, 4, 5`,
    ],
    invoices: [
      ...await sql`
      select id, number, client_id, status, total_minor, credited_minor, amount_due_minor, document
      from public.invoices order by number`,
    ],
    lines: [
      ...await sql`
      select i.number, l.position, l.rating_key, l.amount_minor, l.description
      from public.invoice_lines l join public.invoices i on i.id = l.invoice_id order by 1, 2`,
    ],
    creditNotes: [...await sql`select id, number, total_minor from public.credit_notes order by 2`],
    deliveries: [
      ...await sql`
      select id, dedupe_key, state, attempts from public.deliveries order by id`,
    ],
    quarantine: [...await sql`select * from _billing.summarize_quarantine()`],
  };
}

/** What must be empty in good books: violations, and differences between logs and records. */
export async function faults(sql: Sql) {
  return [
    ...await sql`select * from billing.check_invariants('2026-06-01')`,
    ...await sql`select * from billing.usage_discrepancies()`,
  ];
}

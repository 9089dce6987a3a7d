-- Runs: every client's periods that are over become invoices, in batches of clients. Idempotent:
-- what is done is not done again, what was killed has not happened, two callers share the work.
create table billing.monthly_runs (
  id bigint generated always as identity primary key,
  as_of timestamptz not null,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  actor text not null,
  repaired bigint not null default 0,
  repaired_until date,
  summary jsonb,
  constraint monthly_runs_summary_once_finished check (
    (finished_at is null) = (summary is null))
);
comment on table billing.monthly_runs is
  'Each run: what it did once it is finished. One is open at a time; a second caller joins it.';
create unique index monthly_runs_one_open on billing.monthly_runs ((true))
  where finished_at is null;
alter table billing.monthly_runs enable row level security;
revoke all on billing.monthly_runs from public;
grant select on billing.monthly_runs to service_role;

create table billing.run_clients (
  run_id bigint not null references billing.monthly_runs (id) on delete cascade,
  client_id uuid not null references public.clients (id) on delete cascade,
  place integer not null,
  state text not null default 'waiting'
    constraint run_clients_state_known check (state in ('waiting', 'failed')),
  message text,
  primary key (run_id, client_id),
  constraint run_clients_failed_says_why check ((state = 'failed') = (message is not null))
);
comment on table billing.run_clients is
  'Clients that a run has not settled yet, in the order of its invoices; those that it could not.';
create index run_clients_waiting on billing.run_clients (run_id, place) where state = 'waiting';
create index run_clients_client_id on billing.run_clients (client_id);
alter table billing.run_clients enable row level security;
revoke all on billing.run_clients from public;
grant select on billing.run_clients to service_role;

create table billing.run_batches (
  id bigint generated always as identity primary key,
  run_id bigint not null references billing.monthly_runs (id) on delete cascade,
  clients integer not null,
  invoices integer not null,
  totals jsonb not null,
  credit_notes bigint not null,
  skipped integer not null,
  blocked jsonb not null,
  finished_at timestamptz not null default clock_timestamp()
);
comment on table billing.run_batches is 'What each batch of a run did, until the run is finished.';
create index run_batches_run_id on billing.run_batches (run_id);
alter table billing.run_batches enable row level security;
revoke all on billing.run_batches from public;
grant select on billing.run_batches to service_role;

-- The first hundred are listed, all are counted: a summary is read whole.
create function _billing.summarize_run(run billing.monthly_runs)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  with batches as materialized (
    select * from billing.run_batches b where b.run_id = run.id
  ), blocked as materialized (
    select c.name, b.*,
      row_number() over (order by c.name, b.period_start, b.reason, b.message) as place
    from (
      select p.client_id, p.period_start, p.reason, p.message
      from public.billing_periods p where p.state = 'blocked'
      union all
      select l.client_id, l.period_start, l.reason, l.message
      from batches r
      cross join lateral jsonb_populate_recordset(null::_billing.blocked_target, r.blocked) l
    ) b join public.clients c on c.id = b.client_id
  ), held as materialized (
    select h.*, row_number() over (order by h.client, h.period_start, h.invoice_id) as place
    from billing.held_invoices h
  ), failed as materialized (
    select c.name, f.*, row_number() over (order by c.name, f.client_id) as rank
    from billing.run_clients f join public.clients c on c.id = f.client_id
    where f.run_id = run.id and f.state = 'failed'
  )
  select jsonb_build_object(
    'as_of', run.as_of,
    'invoices', (select coalesce(sum(b.invoices), 0) from batches b),
    'totals', (select coalesce(jsonb_object_agg(x.currency, x.total_minor), '{}') from (
      select t.key as currency, sum(t.value::numeric) as total_minor
      from batches b cross join lateral jsonb_each_text(b.totals) t group by t.key) x),
    'drafts', (select count(*) from public.invoices i where i.status = 'draft'),
    'skipped', (select coalesce(sum(b.skipped), 0) from batches b),
    'credit_notes', (select coalesce(sum(b.credit_notes), 0) from batches b),
    'discrepancies_repaired', run.repaired,
    'blocked', (select coalesce(jsonb_agg(jsonb_build_object('client', b.name,
        'client_id', b.client_id, 'period_start', b.period_start, 'reason', b.reason,
        'message', b.message) order by b.place), '[]') from blocked b where b.place <= 100),
    'blocked_count', (select count(*) from blocked),
    'held', (select coalesce(jsonb_agg(jsonb_build_object('client', h.client,
        'client_id', h.client_id, 'invoice_id', h.invoice_id, 'period_start', h.period_start,
        'message', h.message) order by h.place), '[]') from held h where h.place <= 100),
    'held_count', (select count(*) from held),
    'failed', (select coalesce(jsonb_agg(jsonb_build_object('client', f.name,
        'client_id', f.client_id, 'message', f.message) order by f.rank), '[]')
      from failed f where f.rank <= 100),
    'failed_count', (select count(*) from failed),
    'voided', (select coalesce(jsonb_agg(jsonb_build_object('client', v.name,
        'client_id', v.client_id, 'period_start', v.period_start, 'invoice', v.number)
        order by v.place), '[]')
      from (
        select c.name, p.*, row_number() over (order by c.name, p.period_start) as place
        from _billing.voided_periods() p join public.clients c on c.id = p.client_id
      ) v where v.place <= 100),
    'quarantined', (select coalesce(jsonb_agg(jsonb_build_object('reason', q.reason,
      'rows', q.rows)), '[]') from _billing.summarize_quarantine() q));
$$;
comment on function _billing.summarize_run is 'What a run did, from its batches.';

-- What is in quarantine, counted by a job. To find usage without a price all usage that is not
-- settled is priced, which takes too long for lists and for what is asked each minute. So lists and
-- health read the last count; log rows in quarantine are read as they are.

-- '' stands for what a group has not, so that the key is the order of the list: items have no
-- names. Usage has all of them, each of which may be blank.
create table billing.quarantine_groups (
  reason text collate "C" not null,
  agent text collate "C" not null,
  model text collate "C" not null,
  metric text collate "C" not null,
  client_id uuid not null,
  rate_class text collate "C" not null,
  rows bigint not null,
  first_day date not null,
  last_day date not null,
  primary key (reason, agent, model, metric, client_id, rate_class)
);
comment on table billing.quarantine_groups is
  'billing.quarantined_usage as of the last count.';
alter table billing.quarantine_groups enable row level security;
revoke all on billing.quarantine_groups from public;
grant select on billing.quarantine_groups to service_role;

create table billing.quarantine_counts (
  reason text primary key,
  rows bigint not null,
  counted_at timestamptz not null
);
comment on table billing.quarantine_counts is
  'Rows in quarantine per reason as of the last count: unpriced usage, usage outside of service,
   items after the end. Log rows are counted when health is asked.';
alter table billing.quarantine_counts enable row level security;
revoke all on billing.quarantine_counts from public;
grant select on billing.quarantine_counts to service_role;

create function billing.count_quarantine(at timestamptz default clock_timestamp())
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp
-- Many groups are compared with many: hashed, whatever the statistics say.
set enable_nestloop = off set jit = off set work_mem = '64MB' as $$
-- Definer: the counts are written by nobody but this function.
begin
  -- One count at a time. Where another session counts, the last sum is the answer: nobody waits.
  if not pg_try_advisory_xact_lock(hashtextextended('billing.count_quarantine', 0)) then
    return (select coalesce(sum(c.rows), 0) from billing.quarantine_counts c);
  end if;
  -- Only what differs is written: a flood that waits costs one pass of reading each time.
  with found as materialized (
    select u.reason, coalesce(u.agent, '') as agent, coalesce(u.model, '') as model,
      coalesce(u.metric, '') as metric, u.client_id, coalesce(u.rate_class, '') as rate_class,
      u.rows, u.first_day, u.last_day
    from billing.quarantined_usage u
  ), gone as (
    delete from billing.quarantine_groups g
    where not exists (select from found f
      where (f.reason, f.agent, f.model, f.metric, f.client_id, f.rate_class)
        = (g.reason, g.agent, g.model, g.metric, g.client_id, g.rate_class))
  )
  insert into billing.quarantine_groups as g (reason, agent, model, metric, client_id, rate_class,
    rows, first_day, last_day)
  select f.reason, f.agent, f.model, f.metric, f.client_id, f.rate_class, f.rows, f.first_day,
    f.last_day
  from found f
  where not exists (select from billing.quarantine_groups o
    where (o.reason, o.agent, o.model, o.metric, o.client_id, o.rate_class, o.rows, o.first_day,
      o.last_day) = (f.reason, f.agent, f.model, f.metric, f.client_id, f.rate_class, f.rows,
      f.first_day, f.last_day))
  on conflict (reason, agent, model, metric, client_id, rate_class) do update set
    rows = excluded.rows, first_day = excluded.first_day, last_day = excluded.last_day;
  delete from billing.quarantine_counts;
  insert into billing.quarantine_counts (reason, rows, counted_at)
  select x.reason, sum(x.rows), at
  from (
    -- A row that is unpriced in several metrics counts once.
    select m.reason, max(m.rows) as rows from (
      select g.reason, g.client_id, g.agent, g.model, g.metric, sum(g.rows) as rows
      from billing.quarantine_groups g
      group by g.reason, g.client_id, g.agent, g.model, g.metric
    ) m
    group by m.reason, m.client_id, m.agent, m.model
  ) x
  group by x.reason;
  return (select coalesce(sum(c.rows), 0) from billing.quarantine_counts c);
end $$;
comment on function billing.count_quarantine is
  'Counts what cannot be billed, for lists and billing.health; returns the rows. While another
   session counts, it returns those of the last count.';
grant execute on function billing.count_quarantine(timestamptz) to service_role;

create function billing.quarantine_summary()
returns table (reason text, rows bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select q.reason, count(*) from billing.quarantined_logs q
  where not q.dismissed group by q.reason
  union all
  select c.reason, c.rows from billing.quarantine_counts c
  order by 1;
$$;
comment on function billing.quarantine_summary is
  'Log rows in quarantine per reason; of counted usage and items as of the last count.';
grant execute on function billing.quarantine_summary() to service_role;

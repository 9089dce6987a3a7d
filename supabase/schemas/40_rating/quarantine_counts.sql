-- What is in quarantine, counted by a job. To find usage without a price all usage that is not
-- settled is priced, which takes too long for what is asked each minute.
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
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the counts are written by nobody but this function.
begin
  -- One count at a time.
  lock table billing.quarantine_counts in share row exclusive mode;
  delete from billing.quarantine_counts;
  insert into billing.quarantine_counts (reason, rows, counted_at)
  select x.reason, sum(x.rows), at
  from (
    -- As in quarantine_summary.
    select q.reason, max(q.rows) as rows from (
      select u.reason, u.client_id, u.agent, u.model, u.metric, sum(u.rows) as rows
      from billing.quarantined_usage u
      group by u.reason, u.client_id, u.agent, u.model, u.metric
    ) q
    group by q.reason, q.client_id, q.agent, q.model
  ) x
  group by x.reason;
  return (select coalesce(sum(c.rows), 0) from billing.quarantine_counts c);
end $$;
comment on function billing.count_quarantine is
  'Counts what cannot be billed, for billing.health; returns the rows.';
grant execute on function billing.count_quarantine(timestamptz) to service_role;

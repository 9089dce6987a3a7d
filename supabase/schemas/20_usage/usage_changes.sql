-- Which months of which clients have usage that changed since the dashboards were refreshed. Rows
-- are added and never looked up: a month may stand here many times, and no rollup waits for a
-- refresh.
create table _billing.usage_changes (
  id bigint generated always as identity primary key,
  client_id uuid not null,
  month date not null
);
comment on table _billing.usage_changes is
  'Months of clients whose usage_records changed since billing.refresh_dashboards. Written by what
   writes usage_records, in the same statement.';
alter table _billing.usage_changes enable row level security;
revoke all on _billing.usage_changes from public, anon, authenticated, service_role;

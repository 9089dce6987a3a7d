-- What the HTTP API calls as service_role beside what is granted elsewhere.

-- The quarantine is a view with the reader's rights, so its reader needs what it calls.
grant execute on function billing.usage_of_targets(billing.rating_target[]) to service_role;
comment on function billing.usage_of_targets is
  'Usage records on the days of service of target periods.';

create function billing.count_usage()
returns bigint language plpgsql security definer set search_path = '' as $$
-- Definer: usage_records and the watermark are written by the rollup alone.
begin
  return billing.rollup();
end $$;
comment on function billing.count_usage is
  'Counts the logs that have arrived since the last rollup; returns how many.';

revoke all on function billing.count_usage() from public;
grant execute on function billing.count_usage() to service_role;

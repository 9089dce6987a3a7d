-- What the HTTP API calls as service_role beside what is granted elsewhere.

create function billing.count_usage()
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: usage_records and the watermark are written by the rollup alone.
begin
  return _billing.rollup();
end $$;
comment on function billing.count_usage is
  'Counts the logs that have arrived since the last rollup; returns how many.';
grant execute on function billing.count_usage() to service_role;

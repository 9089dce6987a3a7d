-- What the HTTP API calls as service_role beside what is granted elsewhere.

-- A function that callers may use stands on others that they may not: it runs as its owner.
-- Callers are services; what they are shown is no more than the tables they read anyway.
alter function billing.usage_discrepancies(daterange) security definer;

-- Triggers run as who writes: whoever may write prices and config must be able to be refused.
grant execute on function billing.raise_error(text, text, text) to service_role;

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

-- Usage of the logs as they are now, counted or not: what a rollup would make of them.
create function billing.usage_in_logs(from_day date, until_day date)
returns table (client_id uuid, usage_day date, model text, metric text,
  rate_class text, agent text,
  quantity numeric, provider_cost numeric, log_count bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: summing logs is done by functions that callers may not call.
declare
  nothing billing.usage_watermark;
  upto billing.usage_watermark;
begin
  select * into nothing from billing.usage_watermark;
  upto := _billing.watermark_now(nothing);
  nothing.snapshot := '1:1:';
  nothing.own_transaction := '0';
  return query
  select s.client_id, s.usage_day, s.model, s.metric, s.rate_class, s.agent,
    s.quantity, s.provider_cost,
    s.log_count
  from _billing.sum_logs(nothing, upto, (from_day - 2)::timestamp at time zone 'UTC',
    (until_day + 2)::timestamp at time zone 'UTC') s
  where s.client_id is not null and s.usage_day >= from_day and s.usage_day < until_day;
end $$;
comment on function billing.usage_in_logs is
  'Usage of the client-local days [from_day, until_day), summed from all logs there are.';
grant execute on function billing.usage_in_logs(date, date) to service_role;

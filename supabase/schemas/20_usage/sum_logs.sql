-- The sums of log rows by the key of usage_records: what rollup, rebuild and comparison stand on.
--
-- The same as the view attributed_logs, several times faster: _billing.log_groups sums
-- plain columns; facts of a whole group (the provider's way of counting, what features may be
-- called) are found once per group. Test 20_usage/sum-logs-as-attributed holds both to the same.

-- Sums log rows by (client, day, model, metric, class, agent). Of rows counted by `upto` and not by
-- `since`; where times are given, of that time range only. Rows that cannot be billed come with a
-- reason; client, day and model are null.
create function _billing.sum_logs(
  since billing.usage_watermark, upto billing.usage_watermark,
  from_at timestamptz default '-infinity', until_at timestamptz default 'infinity',
  agents text[] default null
) returns table (client_id uuid, reason text, usage_day date, model text, metric text,
  rate_class text, agent text, quantity numeric, provider_cost numeric, log_count bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp
-- Groups have no statistics: hashed, whatever is expected. In plpgsql: its plan is kept.
set enable_nestloop = off set jit = off
set work_mem = '64MB' as $$
declare
  most_units constant bigint := (select s.max_units_per_event from public.billing_settings s);
begin
  return query
  with groups as materialized (
    select g.*, r.id as rate_class, case when g.is_unmapped then 'unmapped_' else '' end as prefix,
      case when g.reason not in ('too_many_units', 'too_many_keys', 'dismissed')
          or g.features is null then g.reason
        else coalesce(billing.feature_reason(g.features::jsonb),
          case when billing.most_units(g.features::jsonb)
            > g.bounding_calls * most_units then 'too_many_units' end,
          g.reason) end as why,
      g.input
        - case when billing.is_within(g.cache_read, g.counting, p.cache_read_within_input)
          then g.cache_read else 0 end
        - case when billing.is_within(g.cache_write, g.counting, p.cache_write_within_input)
          then g.cache_write else 0 end as own_input,
      g.output
        - case when billing.is_within(g.reasoning, g.counting, p.reasoning_within_output)
          then g.reasoning else 0 end as own_output
    from _billing.log_groups(since, upto, from_at, until_at, agents) g
    left join billing.rate_classes r on r.code = g.class
    left join public.models m on m.id = g.model
    left join public.providers p on p.id = m.provider
  ), metrics as (
    select g.client_id, g.why, g.usage_day, g.model,
      case when m.token then g.prefix || m.metric else m.metric end as metric,
      case when m.token then g.rate_class else 'standard' end as rate_class, g.agent,
      m.quantity, m.cost, m.logs
    from groups g cross join lateral (values
      ('input_tokens', true, g.own_input, g.input_cost, g.input_logs),
      ('output_tokens', true, g.own_output, g.output_cost, g.output_logs),
      ('cache_read_tokens', true, g.cache_read, 0, g.read_logs),
      ('cache_write_tokens', true, g.cache_write, 0, g.write_logs),
      ('reasoning_tokens', true, g.reasoning, 0, g.reasoning_logs),
      ('web_searches', false, g.searches, 0, g.search_logs),
      ('requests', false, g.calls,
        g.total_cost - coalesce(g.input_cost, 0) - coalesce(g.output_cost, 0), g.logs)
    ) m(metric, token, quantity, cost, logs)
    where m.logs > 0
    union all
    select g.client_id, g.why, g.usage_day, g.model, o.key,
      case when billing.is_tokens(o.key) then g.rate_class else 'standard' end, g.agent,
      o.value::text::numeric * g.logs, 0, g.logs
    -- The case keeps jsonb_each from groups that it would fail on, in whatever order it is planned.
    from groups g cross join lateral jsonb_each(
      case when g.why is null and g.features is not null then g.features else '{}' end::jsonb) o
    where o.value <> '0'
  )
  select case when m.why is null then m.client_id end, m.why,
    case when m.why is null then m.usage_day end, case when m.why is null then m.model end,
    m.metric, m.rate_class, m.agent,
    sum(m.quantity), sum(m.cost), sum(m.logs)::bigint
  from metrics m
  group by 1, 2, 3, 4, 5, 6, 7;
end $$;
comment on function _billing.sum_logs is
  'Usage of the log rows between two watermarks by the key of usage_records; of those that cannot
   be billed the reason, without client, day and model.';

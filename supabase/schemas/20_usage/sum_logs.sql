-- The sums of log rows by the key of usage_records: what rollup, rebuild and comparison stand on.
--
-- What the view attributed_logs says of each row, several times faster: one pass of plain columns,
-- which several processes can share; what holds for a whole group (the provider's way of counting,
-- what features may be called) is found once per group. Test 15-rollup-sums holds both to the same.

-- Sums log rows by (client, day, model, metric, class, agent). Of rows counted by `upto` and not by
-- `since`; where times are given, of that time range only. Rows that cannot be billed come with a
-- reason; client, day and model are null.
create function _billing.sum_logs(
  since billing.usage_watermark, upto billing.usage_watermark,
  from_at timestamptz default '-infinity', until_at timestamptz default 'infinity',
  agents text[] default null
) returns table (client_id uuid, reason text, usage_day date, model text, metric text,
  rate_class text, agent text, quantity numeric, provider_cost numeric, log_count bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
-- Many log rows meet few clients and zones: hash them, whatever the statistics say.
set enable_nestloop = off set enable_mergejoin = off set enable_sort = off set jit = off
set work_mem = '64MB' as $$
declare
  -- Outside of these two a row's transaction alone says whether it is counted; the snapshots, which
  -- cost more to ask, are asked in between.
  surely_new constant xid8 := greatest(pg_snapshot_xmax(since.snapshot), since.own_transaction);
  surely_seen constant xid8 := least(pg_snapshot_xmin(upto.snapshot), upto.own_transaction);
  reading_within constant text[] := array(select m.id from public.models m
    join public.providers p on p.id = m.provider where p.cache_read_within_input);
  writing_within constant text[] := array(select m.id from public.models m
    join public.providers p on p.id = m.provider where p.cache_write_within_input);
  reasoning_within constant text[] := array(select m.id from public.models m
    join public.providers p on p.id = m.provider where p.reasoning_within_output);
  mapped constant text[] := array(select m.id from public.models m where m.provider is not null);
  -- Beyond which input calls are long, by model, and the least of these.
  long_above constant jsonb := (select jsonb_object_agg(m.id, jsonb_build_array(
      m.long_context_above, m.long_context_2_above, m.long_context_3_above))
    from public.models m where m.long_context_above is not null);
  least_long constant numeric := (select min(m.long_context_above) from public.models m);
  class_of constant jsonb := (select jsonb_object_agg(r.code, r.id) from billing.rate_classes r);
  -- Keys of metadata that say how a row is counted.
  counted_by constant text[] := array['counting', 'cache_read_tokens', 'cache_write_tokens',
    'reasoning_tokens'] || array(select distinct k from billing.rate_class_conditions c,
      jsonb_object_keys(c.metadata) k order by k);
  -- Kinds of rows, as bits; those above them are the code of the rate class.
  inclusive constant integer := 1;
  exclusive constant integer := 2;
  unmapped constant integer := 4;
  one_class constant integer := 8;
  kept_from constant timestamptz := (select greatest(w.kept_from, '1970-01-01 00:00+00')
    from billing.usage_watermark w);
  holding constant boolean := exists (select from billing.held_logs);
  dismissing constant boolean := exists (select from billing.dismissed_logs);
begin
  return query
  with rows as not materialized (
    -- Most rows have nothing in their metadata but whose they are: the rest is asked of the others.
    select l.client_id, l.id, l."timestamp", l.created_at, l.agent, l.model, l.corrects_id,
      l.other_features, l.metadata, l.input_tokens, l.output_tokens, l.web_searches,
      l.input_cost, l.output_cost, l.total_cost, l.calls, l.metadata ?| counted_by as says_more
    from public.agent_usage_logs l
    where l.stored_by >= pg_snapshot_xmin(since.snapshot)
      and l."timestamp" >= from_at and (l."timestamp" < until_at or until_at = 'infinity')
      and (agents is null or l.agent in (select unnest(agents)))
      and (l.stored_by > surely_new or not _billing.is_counted(
        l.stored_by, l.seq, since.snapshot, since.own_transaction, since.own_seq))
      and (l.stored_by < surely_seen or _billing.is_counted(
        l.stored_by, l.seq, upto.snapshot, upto.own_transaction, upto.own_seq))
    -- Computed once per row. In quotes: of a bare 0, an integer to be cast, the planner does not
    -- see that it leaves nothing out, and would read the rows with one process.
    offset '0'
  ), logs as not materialized (
    select
      nullif(case when l.client_id is not null then l.client_id::text
        when strpos(l.metadata ->> 'client_id', ' ') = 0 then l.metadata ->> 'client_id'
        else btrim(l.metadata ->> 'client_id') end, '') as claim,
      l.id, l."timestamp", l.agent, l.model, l.corrects_id,
      billing.is_negation(l.corrects_id, l.metadata) as negates,
      l."timestamp" > l.created_at + interval '24 hours' as is_future,
      case when l.other_features <> '{}' then l.other_features::text end as features,
      l.input_tokens, l.output_tokens, l.web_searches, l.input_cost, l.output_cost, l.total_cost,
      l.metadata, case when l.says_more then _billing.rate_class_code(l.metadata, 0)
        else 0 end as class,
      l.calls,
      case when l.says_more then billing.counting_of(l.metadata) end as counting,
      case when l.says_more then _billing.token_count(l.metadata, 'cache_read_tokens')
        end as cache_read,
      case when l.says_more then _billing.token_count(l.metadata, 'cache_write_tokens')
        end as cache_write,
      case when l.says_more then _billing.token_count(l.metadata, 'reasoning_tokens')
        end as reasoning
    from rows l
    offset '0'
  ), owned as not materialized (
    select coalesce(o.client_id, d.client_id) as client_id, l.agent, l.model, l.features,
      -- What rows of a group have in common besides: one number, because each row is grouped by it.
      one_class * case when least_long is not null and abs(l.calls) = 1 and abs(l.input_tokens)
            + abs(coalesce(l.cache_read, 0)) + abs(coalesce(l.cache_write, 0))
            + case when l.features is null then 0
              else abs(billing.input_in_features(l.features::jsonb)) end > least_long
            and long_above ? l.model
          then _billing.rate_class_code(l.metadata, billing.thresholds_passed(abs(l.input_tokens
            + case when billing.is_within(l.cache_read, l.counting, l.model = any (reading_within))
              then 0 else coalesce(l.cache_read, 0) end
            + case when billing.is_within(l.cache_write, l.counting, l.model = any (writing_within))
              then 0 else coalesce(l.cache_write, 0) end
            + case when l.features is null then 0
              else billing.input_in_features(l.features::jsonb) end),
            (long_above -> l.model ->> 0)::numeric, (long_above -> l.model ->> 1)::numeric,
            (long_above -> l.model ->> 2)::numeric))
          else l.class end
        + case l.counting when 'inclusive' then inclusive when 'exclusive' then exclusive else 0 end
        + case when (l.cache_read <> 0 or l.cache_write <> 0 or l.reasoning <> 0)
          and l.counting is null and l.model <> all (mapped) then unmapped else 0 end as kind,
      l.input_tokens, l.output_tokens, l.web_searches, l.total_cost, l.calls,
      case when l."timestamp" >= kept_from and l."timestamp" < '2200-01-01 00:00+00'
        then greatest(coalesce(o.effective_from, d.effective_from),
          (l."timestamp" at time zone coalesce(o.time_zone, d.time_zone, 'UTC'))::date)
      end as usage_day,
      case
        when l."timestamp" < '1970-01-01 00:00+00' or l."timestamp" >= '2200-01-01 00:00+00'
          then 'invalid_timestamp'
        when l."timestamp" < kept_from then 'before_retention'
        when l.is_future then 'future_timestamp'
        when o.client_id is null and l.claim is not null then 'unknown_client'
        when o.client_id is null and d.client_id is null then 'no_client'
        when l.counting = 'invalid'
          or l.cache_read = 'NaN' or l.cache_write = 'NaN' or l.reasoning = 'NaN'
          or case when l.negates then l.cache_read > 0 or l.cache_write > 0 or l.reasoning > 0
            else l.cache_read < 0 or l.cache_write < 0 or l.reasoning < 0 end
          then 'invalid_metadata'
        -- Where nothing is held this is not asked of any row.
        when holding and ((l.id, coalesce(o.client_id, d.client_id)) in (
            select h.log_id, h.client_id from billing.held_logs h)
          or (l.corrects_id, coalesce(o.client_id, d.client_id)) in (
            select h.log_id, h.client_id from billing.held_logs h)) then 'too_many_keys'
        when dismissing and l.id in (select d.log_id from billing.dismissed_logs d)
          then 'dismissed'
      end as reason,
      -- What a provider counts within something else is not counted there a second time.
      case when billing.is_within(l.cache_read, l.counting, l.model = any (reading_within))
        then billing.part_of(l.cache_read, l.input_tokens) else l.cache_read end as cache_read,
      case when billing.is_within(l.cache_write, l.counting, l.model = any (writing_within))
        then billing.part_of(l.cache_write, l.input_tokens - case
          when billing.is_within(l.cache_read, l.counting, l.model = any (reading_within))
          then billing.part_of(l.cache_read, l.input_tokens) else 0 end)
        else l.cache_write end as cache_write,
      case when billing.is_within(l.reasoning, l.counting, l.model = any (reasoning_within))
        then billing.part_of(l.reasoning, l.output_tokens) else l.reasoning end as reasoning,
      case when coalesce(l.cache_read, l.cache_write) is null
          then case when l.input_tokens <> 0 then l.input_cost end
        when l.input_tokens <> billing.part_of(
            case when billing.is_within(l.cache_read, l.counting, l.model = any (reading_within))
              then l.cache_read else 0 end
            + case
              when billing.is_within(l.cache_write, l.counting, l.model = any (writing_within))
              then l.cache_write else 0 end, l.input_tokens)
          then l.input_cost end as input_cost,
      case when billing.is_within(l.reasoning, l.counting, l.model = any (reasoning_within))
          then case when l.output_tokens <> billing.part_of(l.reasoning, l.output_tokens)
            then l.output_cost end
        when l.output_tokens <> 0 then l.output_cost end as output_cost
    from logs l
    left join _billing.log_owners o
      on o.reference = coalesce(l.claim, l.agent) and o.is_claim = (l.claim is not null)
      and o.starts_at <= l."timestamp" and l."timestamp" < o.ends_at
    left join (select s.id, z.* from public.billing_settings s
      join public.client_time_zones z on z.client_id = s.default_client_id) d
      on d.id = case when o.client_id is null and l.claim is null then true end
      and d.starts_at <= l."timestamp" and l."timestamp" < d.ends_at
    offset '0'
  ), sums as materialized (
    -- Features by their text: equal numbers of other lengths (1, 1.000…) are judged by themselves.
    -- Rows that cannot be billed by their reason and agent, whatever else they name.
    select l.reason, l.agent, l.features,
      case when l.reason is null then l.client_id end as client_id,
      case when l.reason is null then l.usage_day end as usage_day,
      case when l.reason is null then l.model end as model,
      case when l.reason is null then l.kind else 0 end as kind,
      count(*) as logs, sum(l.calls) as calls, sum(l.total_cost) as total_cost,
      sum(l.input_tokens) as input, count(l.input_cost) as input_logs,
      sum(l.input_cost) as input_cost,
      sum(l.output_tokens) as output, count(l.output_cost) as output_logs,
      sum(l.output_cost) as output_cost,
      sum(l.cache_read) filter (where l.cache_read is not null) as cache_read,
      count(*) filter (where l.cache_read <> 0) as read_logs,
      sum(l.cache_write) filter (where l.cache_write is not null) as cache_write,
      count(*) filter (where l.cache_write <> 0) as write_logs,
      sum(l.reasoning) filter (where l.reasoning is not null) as reasoning,
      count(*) filter (where l.reasoning <> 0) as reasoning_logs,
      sum(l.web_searches) as searches, count(*) filter (where l.web_searches <> 0) as search_logs
    from owned l
    group by 1, 2, 3, 4, 5, 6, 7
  ), groups as (
    select s.*, case when s.reason not in ('too_many_keys', 'dismissed') or s.features is null
          then s.reason
        else coalesce(billing.feature_reason(s.features::jsonb), s.reason) end as why,
      s.input
        - case when billing.is_within(s.cache_read, s.counting, s.model = any (reading_within))
          then s.cache_read else 0 end
        - case when billing.is_within(s.cache_write, s.counting, s.model = any (writing_within))
          then s.cache_write else 0 end as own_input,
      s.output
        - case when billing.is_within(s.reasoning, s.counting, s.model = any (reasoning_within))
          then s.reasoning else 0 end as own_output,
      case when s.kind & unmapped <> 0 then 'unmapped_' else '' end as prefix,
      class_of ->> (s.kind / one_class)::text as rate_class
    from (select *, case when k.kind & inclusive <> 0 then 'inclusive'
      when k.kind & exclusive <> 0 then 'exclusive' end as counting from sums k) s
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

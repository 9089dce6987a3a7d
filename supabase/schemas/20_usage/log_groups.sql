-- The sums of log rows by whose they are, their day and all that decides how they are priced: what
-- _billing.sum_logs makes usage of. One pass of plain columns, which several processes can share.

-- The local day of a call. UTC needs no rules of a zone, which cost more than all else here.
create function _billing.local_day(at timestamptz, time_zone text)
returns date language sql immutable parallel safe
return case when time_zone = 'UTC' then (at at time zone interval '0')::date
  else (at at time zone time_zone)::date end;
comment on function _billing.local_day is 'The day in a time zone on which an instant lies.';

-- The part of a count that its whole contains: all it can where it is counted within it, else 0.
create function _billing.part_within(part numeric, whole numeric, counting text,
  by_provider boolean)
returns numeric language sql immutable parallel safe
return case when billing.is_within(part, counting, by_provider) then billing.part_of(part, whole)
  else 0 end;
comment on function _billing.part_within is 'How much of its whole a count is.';

-- A count that stands beside others is what it is; one within its whole is cut to that.
create function _billing.own_part(part numeric, whole numeric, counting text, by_provider boolean)
returns numeric language sql immutable parallel safe
return case when billing.is_within(part, counting, by_provider) then billing.part_of(part, whole)
  else part end;
comment on function _billing.own_part is 'A count, cut to its whole where it is counted within it.';

-- The two counts of a cache together, as far as they are counted within the input.
create function _billing.cache_within(counting text, cache_read numeric, reading boolean,
  cache_write numeric, writing boolean)
returns numeric language sql immutable parallel safe
return case when billing.is_within(cache_read, counting, reading) then cache_read else 0 end
  + case when billing.is_within(cache_write, counting, writing) then cache_write else 0 end;
comment on function _billing.cache_within is 'Cache tokens that are counted within the input.';

-- The input of a call by which it is long: what is not counted within its input tokens is added.
create function _billing.whole_input(input_tokens bigint, features text, counting text,
  cache_read numeric, reading boolean, cache_write numeric, writing boolean)
returns numeric language sql immutable parallel safe
return input_tokens
  + case when billing.is_within(cache_read, counting, reading) then 0
    else coalesce(cache_read, 0) end
  + case when billing.is_within(cache_write, counting, writing) then 0
    else coalesce(cache_write, 0) end
  + case when features is null then 0 else billing.input_in_features(features::jsonb) end;
comment on function _billing.whole_input is 'All input tokens of a call, of whatever kind.';

-- Whether metadata says what cannot be counted: NaN stands for what is no number. A row that takes
-- one back has the opposite sign.
create function _billing.counts_are_invalid(counting text, negates boolean, cache_read numeric,
  cache_write numeric, reasoning numeric)
returns boolean language sql immutable parallel safe
return coalesce(counting = 'invalid', false)
  or 'NaN' in (coalesce(cache_read, 0), coalesce(cache_write, 0), coalesce(reasoning, 0))
  or coalesce(case when negates then greatest(cache_read, cache_write, reasoning) > 0
    else least(cache_read, cache_write, reasoning) < 0 end, false);
comment on function _billing.counts_are_invalid is
  'Whether the counts in the metadata of a row cannot be billed.';

create function _billing.log_groups(since billing.usage_watermark, upto billing.usage_watermark,
  from_at timestamptz, until_at timestamptz, agents text[])
returns table (client_id uuid, reason text, usage_day date, model text, agent text, features text,
  class integer, counting text, is_unmapped boolean, bounding_calls integer, logs bigint,
  calls numeric, total_cost numeric, input numeric, input_logs bigint, input_cost numeric,
  output numeric, output_logs bigint, output_cost numeric, cache_read numeric, read_logs bigint,
  cache_write numeric, write_logs bigint, reasoning numeric, reasoning_logs bigint,
  searches numeric, search_logs bigint)
language plpgsql stable
-- Many log rows meet few clients and zones: sum_logs, its one caller, has them hashed, in 64 MB.
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
  counted_by constant text[] := array['counting', 'cache_read_tokens', 'cache_write_tokens',
    'reasoning_tokens'] || array(select distinct k from billing.rate_class_conditions c,
      jsonb_object_keys(c.metadata) k order by k);
  kept_from constant timestamptz := (select greatest(w.kept_from, '1970-01-01 00:00+00')
    from billing.usage_watermark w);
  default_client constant uuid := (select s.default_client_id from public.billing_settings s);
  most_units constant bigint := (select s.max_units_per_event from public.billing_settings s);
  most_counted constant numeric := most_units;
  -- Features with a number of so many digits may be beyond it.
  many constant text := format('[0-9]{%s}', length(most_units::text));
  assigned constant text[] := array(select distinct a.agent from public.agent_assignments a);
  holding constant boolean := exists (select from billing.held_logs);
  dismissing constant boolean := exists (select from billing.dismissed_logs);
  -- Models by what their providers count within input and output.
  reading constant text[] := array(select m.id from public.models m
    join public.providers p on p.id = m.provider where p.cache_read_within_input);
  writing constant text[] := array(select m.id from public.models m
    join public.providers p on p.id = m.provider where p.cache_write_within_input);
  reasoning_within constant text[] := array(select m.id from public.models m
    join public.providers p on p.id = m.provider where p.reasoning_within_output);
  mapped constant text[] := array(select m.id from public.models m where m.provider is not null);
  -- Beyond which input calls are long, by model, and the least of these.
  long_above constant jsonb := (select jsonb_object_agg(m.id, jsonb_build_array(
      m.long_context_above, m.long_context_2_above, m.long_context_3_above))
    from public.models m where m.long_context_above is not null);
  least_long constant bigint := (select min(m.long_context_above) from public.models m);
  seqscan constant text := current_setting('enable_seqscan');
begin
  -- The planner takes rows of a few days for scattered over the log, and would rather read all of
  -- it: of five months 25 GB for a day, instead of 1 GB in a tenth of the time.
  if from_at > '-infinity' or until_at < 'infinity' then
    perform set_config('enable_seqscan', 'off', true);
  end if;
  return query
  with owned as not materialized (
    select o.client_id, l.agent, l.model, l.features, l.calls, l.total_cost, l.input_tokens,
      l.output_tokens, l.web_searches,
      case when l.time_reason is null then
        greatest(o.effective_from, _billing.local_day(l.at, o.time_zone)) end as usage_day,
      case
        when l.time_reason is not null then l.time_reason
        when o.client_id is null then
          case when l.claim is null then 'no_client' else 'unknown_client' end
        when l.says_more and _billing.counts_are_invalid(l.counting,
          billing.is_negation(l.corrects_id, l.metadata), l.cache_read, l.cache_write, l.reasoning)
          then 'invalid_metadata'
        -- Features are judged by group.
        when greatest(abs(l.input_tokens), abs(l.output_tokens), abs(l.web_searches)) > most_units
            and greatest(abs(l.input_tokens), abs(l.output_tokens), abs(l.web_searches))
              > least(greatest(abs(l.calls), 1), 1000) * most_units
          then 'too_many_units'
        when l.says_more and (greatest(l.cache_read, l.cache_write, l.reasoning) > most_counted
              or least(l.cache_read, l.cache_write, l.reasoning) < -most_counted)
            and greatest(abs(l.cache_read), abs(l.cache_write), abs(l.reasoning))
              > least(greatest(abs(l.calls), 1), 1000) * most_counted
          then 'too_many_units'
        -- Where nothing is held this is not asked of any row.
        when holding and ((l.id, o.client_id) in (
            select h.log_id, h.client_id from billing.held_logs h)
          or (l.corrects_id, o.client_id) in (
            select h.log_id, h.client_id from billing.held_logs h)) then 'too_many_keys'
        when dismissing and l.id in (select d.log_id from billing.dismissed_logs d)
          then 'dismissed'
      end as reason,
      -- What rows of a group have in common besides: one number, because each row is grouped by it.
      -- The way of counting in two bits, whether it is unknown in another, in ten for how many
      -- calls a row may have features (0: one, or all of them are few), above them the class.
      case when l.says_more or l.features is not null or abs(l.input_tokens) > least_long then
        8192 * case when abs(l.calls) = 1 and long_above ? l.model
            and abs(_billing.whole_input(l.input_tokens, l.features, l.counting, l.cache_read,
              l.model = any (reading), l.cache_write, l.model = any (writing))) > least_long
          then _billing.rate_class_code(l.metadata, billing.thresholds_passed(
            abs(_billing.whole_input(l.input_tokens, l.features, l.counting, l.cache_read,
              l.model = any (reading), l.cache_write, l.model = any (writing))),
            (long_above -> l.model ->> 0)::numeric, (long_above -> l.model ->> 1)::numeric,
            (long_above -> l.model ->> 2)::numeric))
          else l.class end
        + case l.counting when 'inclusive' then 1 when 'exclusive' then 2 else 0 end
        + case when (l.cache_read <> 0 or l.cache_write <> 0 or l.reasoning <> 0)
          and l.counting is null and l.model <> all (mapped) then 4 else 0 end
        + case when abs(l.calls) > 1 and l.features ~ many
          then 8 * least(abs(l.calls), 1000)::integer else 0 end
        else 0 end as kind,
      -- What a provider counts within something else is not counted there a second time.
      case when l.says_more then _billing.own_part(
        l.cache_read, l.input_tokens, l.counting, l.model = any (reading)) end as cache_read,
      case when l.says_more then _billing.own_part(l.cache_write,
        l.input_tokens - _billing.part_within(
          l.cache_read, l.input_tokens, l.counting, l.model = any (reading)),
        l.counting, l.model = any (writing)) end as cache_write,
      case when l.says_more then _billing.own_part(
        l.reasoning, l.output_tokens, l.counting, l.model = any (reasoning_within))
        end as reasoning,
      case when not l.says_more then case when l.input_tokens <> 0 then l.input_cost end
        when l.input_tokens <> billing.part_of(_billing.cache_within(l.counting, l.cache_read,
            l.model = any (reading), l.cache_write, l.model = any (writing)), l.input_tokens)
          then l.input_cost end as input_cost,
      case when not l.says_more then case when l.output_tokens <> 0 then l.output_cost end
        when l.output_tokens <> _billing.part_within(
          l.reasoning, l.output_tokens, l.counting, l.model = any (reasoning_within))
          then l.output_cost end as output_cost
    from _billing.new_logs(since, upto, from_at, until_at, agents, counted_by, kept_from) l
    left join _billing.log_owners(default_client) o
      on o.reference
        = coalesce(l.claim, case when l.agent = any (assigned) then l.agent else '' end)
      and case when l.claim is null and l.agent = any (assigned) then not o.is_claim
        else o.is_claim end
      and o.starts_at <= l.at and l.at < o.ends_at
    offset '0'
  ), named as not materialized (
    -- Rows that cannot be billed have their reason and agent in common, whatever else they name.
    select l.*, case when l.reason is null then l.client_id end as owner,
      case when l.reason is null then l.usage_day end as day,
      case when l.reason is null then l.model end as of_model,
      case when l.reason is null then l.kind else l.kind & 8184 end as of_kind
    from owned l
  )
  -- Features by their text: equal numbers of other lengths (1, 1.000…) are judged by themselves.
  select l.owner, l.reason, l.day, l.of_model, l.agent, l.features, l.of_kind / 8192,
    case l.of_kind & 3 when 1 then 'inclusive' when 2 then 'exclusive' end, l.of_kind & 4 <> 0,
    greatest(l.of_kind / 8 & 1023, 1),
    count(*), count(*) + coalesce(sum(l.calls - 1) filter (where l.calls <> 1), 0),
    sum(l.total_cost),
    sum(l.input_tokens), count(l.input_cost), sum(l.input_cost),
    sum(l.output_tokens), count(l.output_cost), sum(l.output_cost),
    sum(l.cache_read) filter (where l.cache_read is not null),
    count(*) filter (where l.cache_read <> 0),
    sum(l.cache_write) filter (where l.cache_write is not null),
    count(*) filter (where l.cache_write <> 0),
    sum(l.reasoning) filter (where l.reasoning is not null),
    count(*) filter (where l.reasoning <> 0),
    sum(l.web_searches), count(*) filter (where l.web_searches <> 0)
  from named l
  group by l.owner, l.reason, l.day, l.of_model, l.agent, l.features, l.of_kind;
  perform set_config('enable_seqscan', seqscan, true);
end $$;
comment on function _billing.log_groups is
  'Sums of the log rows between two watermarks by owner, day, model, agent, features and class.';

-- From a log row to what it means: whose, on which day, how many units of what. One view, read by
-- the rollup, the rebuild and the reconciliation, so that they cannot disagree about a row.
create view billing.client_references with (security_invoker = true) as
select c.id::text as reference, c.id as client_id from public.clients c
union all
select c.external_id, c.id from public.clients c
where c.external_id is not null
  and not exists (select from public.clients o where o.id::text = c.external_id);
comment on view billing.client_references is
  'Every name under which a log may call a client. Each names one client: an id wins over an
   external id that spells the same, else a log would be counted for both.';
revoke all on billing.client_references from public;
grant select on billing.client_references to service_role;

-- A correction that takes a row back has each count with the opposite sign. Corrections alone can:
-- what agents put into their metadata is theirs.
create function billing.is_negation(corrects_id uuid, metadata jsonb)
returns boolean language sql immutable parallel safe
return corrects_id is not null and metadata ? 'negates';
comment on function billing.is_negation is 'Whether a log row takes another one back.';

-- What the view calls, it calls as its reader.
grant execute on function billing.is_negation(uuid, jsonb) to service_role;

create view billing.attributed_logs with (security_invoker = true) as
select
  l.id, l.seq, l.stored_by, l."timestamp", l.agent, l.model, l.other_features,
  l.input_cost, l.output_cost, l.total_cost,
  case when f.reason is null then z.client_id end as client_id,
  case when f.reason is null then
    greatest(z.effective_from, (l."timestamp" at time zone z.time_zone)::date)
    else (l."timestamp" at time zone 'UTC')::date
  end as usage_day,
  f.reason,
  -- Condition by condition, as they are stored; sum_logs has them compiled. They are read for rows
  -- that one could hold for: those with a key of a condition, and long calls.
  case when l.metadata ?| (select array(select c.key from billing.rate_class_keys c))
      or x.passed > 0
    then coalesce((select k.rate_class from billing.rate_class_conditions k
      where (k.metadata = '{}' or l.metadata @> k.metadata) and k.thresholds <= x.passed
      order by k.place limit 1), 'standard')
    else 'standard' end as rate_class,
  l.input_tokens - case when t.reading_within then t.cache_read else 0 end
    - case when t.writing_within then t.cache_write else 0 end as input,
  l.output_tokens - case when t.reasoning_within then t.reasoning else 0 end as output,
  t.cache_read, t.cache_write, t.reasoning,
  t.counting is null and p.id is null
    and coalesce(t.cache_read <> 0 or t.cache_write <> 0 or t.reasoning <> 0, false) as is_unmapped,
  l.web_searches,
  l.calls as requests,
  c.claim
from public.agent_usage_logs l
-- `offset 0`: computed once per row. Without it the planner writes these expressions out wherever
-- they are used, which parses each row's metadata a dozen times.
cross join lateral (
  select nullif(btrim(coalesce(l.client_id::text, l.metadata ->> 'client_id')), '') as claim
  offset 0
) c
left join billing.client_references r on r.reference = c.claim
left join public.agent_assignments a
  on a.agent = l.agent and c.claim is null
  and a.starts_at <= l."timestamp" and l."timestamp" < a.ends_at
left join public.client_time_zones z
  on z.client_id = case when c.claim is not null then r.client_id else
    coalesce(a.client_id, (select s.default_client_id from public.billing_settings s)) end
  and z.starts_at <= l."timestamp" and l."timestamp" < z.ends_at
left join public.models m on m.id = l.model
left join public.providers p on p.id = m.provider
cross join lateral (
  select
    w.reading_within, w.writing_within, w.reasoning_within, w.counting,
    case when w.reading_within then billing.part_of(k.cache_read, l.input_tokens)
      else k.cache_read end as cache_read,
    -- What was read first, then what is left of what was written.
    case when w.writing_within then billing.part_of(k.cache_write, l.input_tokens
        - case when w.reading_within then billing.part_of(k.cache_read, l.input_tokens) else 0 end)
      else k.cache_write end as cache_write,
    case when w.reasoning_within then billing.part_of(k.reasoning, l.output_tokens)
      else k.reasoning end as reasoning,
    -- As the log has them: cut to a whole of 0, a count below zero could not be told any more.
    least(k.cache_read, k.cache_write, k.reasoning) as lowest,
    greatest(k.cache_read, k.cache_write, k.reasoning) as highest
  from (select
    case when not h.counts then 0
      else billing.metadata_count(l.metadata, 'cache_read_tokens') end as cache_read,
    case when not h.counts then 0
      else billing.metadata_count(l.metadata, 'cache_write_tokens') end as cache_write,
    case when not h.counts then 0
      else billing.metadata_count(l.metadata, 'reasoning_tokens') end as reasoning
    from (select l.metadata ?|
      '{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[] as counts offset 0) h
    offset 0) k
  cross join lateral (
    select c.counting,
      billing.is_within(k.cache_read, c.counting, p.cache_read_within_input) as reading_within,
      billing.is_within(k.cache_write, c.counting, p.cache_write_within_input) as writing_within,
      billing.is_within(k.reasoning, c.counting, p.reasoning_within_output) as reasoning_within
    from (select billing.counting_of(l.metadata) as counting offset 0) c
    offset 0) w
  offset 0
) t
-- Thresholds of its model that the whole input of a call is beyond.
cross join lateral (
  select case when abs(l.calls) <> 1 or m.long_context_above is null then 0
    else billing.thresholds_passed(
      abs(l.input_tokens + case when t.reading_within then 0 else t.cache_read end
        + case when t.writing_within then 0 else t.cache_write end
        + billing.input_in_features(l.other_features)),
      m.long_context_above, m.long_context_2_above, m.long_context_3_above) end as passed
) x
cross join lateral (
  -- Each reason guards the rollup of everybody against one row: a day that no time zone can hold,
  -- a count that overflows a sum, a feature's name longer than an index row
  -- or that of a count of our own.
  select case
    when l."timestamp" < '1970-01-01 00:00+00' or l."timestamp" >= '2200-01-01 00:00+00'
      then 'invalid_timestamp'
    -- Counted and removed, or it could not be told from a row that was.
    when l."timestamp" < (select w.kept_from from billing.usage_watermark w)
      then 'before_retention'
    -- A day is for clocks and zones that are wrong; usage dated later would wait for its month.
    when l."timestamp" > l.created_at + interval '24 hours' then 'future_timestamp'
    when z.client_id is null and c.claim is null then 'no_client'
    when z.client_id is null then 'unknown_client'
    when t.counting = 'invalid'
      or t.cache_read is null or t.cache_write is null or t.reasoning is null
      or case when billing.is_negation(l.corrects_id, l.metadata) then t.highest > 0
        else t.lowest < 0 end
      then 'invalid_metadata'
    else coalesce(
      case when l.other_features <> '{}' then billing.feature_reason(l.other_features) end,
      -- A correction is judged as what it takes back: by size.
      case when greatest(abs(l.input_tokens), abs(l.output_tokens), abs(l.web_searches),
          t.highest, -t.lowest,
          case when l.other_features <> '{}' then billing.most_units(l.other_features) end)
          > least(greatest(abs(l.calls), 1), 1000)
            * (select s.max_units_per_event from public.billing_settings s)
        then 'too_many_units' end,
      -- What corrects a row that is held is held with it.
      -- By its id: all that is held of a client may be much.
      case when exists (select from (select h.client_id from billing.held_logs h
          where h.log_id in (l.id, l.corrects_id) offset 0) h where h.client_id = z.client_id)
        then 'too_many_keys' end,
      case when exists (select from billing.dismissed_logs d where d.log_id = l.id)
        then 'dismissed' end)
  end as reason
  offset 0
) f;
comment on view billing.attributed_logs is
  'Each log row with its client, client-local day and normalized counts, or the reason why not.';
revoke all on billing.attributed_logs from public;
grant select on billing.attributed_logs to service_role;

-- True for rows that the watermark has counted.
create function _billing.is_counted(
  stored_by xid8, seq bigint, snapshot pg_snapshot, own_transaction xid8, own_seq bigint
) returns boolean language sql immutable parallel safe
return case when stored_by = own_transaction then seq <= own_seq
  else pg_visible_in_snapshot(stored_by, snapshot) end;
comment on function _billing.is_counted is
  'Whether a log row is counted by the watermark (snapshot, own_transaction, own_seq).';

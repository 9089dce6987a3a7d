-- Log rows that a watermark counts and an earlier one does not, each with what it says by itself:
-- the first part of what _billing.log_groups sums.

-- Why the time of a call cannot be billed; null where it can. `kept_from` is not before 1970.
create function _billing.time_reason(at timestamptz, created_at timestamptz, kept_from timestamptz)
returns text language sql stable parallel safe
return case
  -- What is true of nearly all rows is asked first.
  when at >= kept_from and at < '2200-01-01 00:00+00'
    and (at <= created_at or at <= created_at + interval '24 hours') then null
  when at < '1970-01-01 00:00+00' or at >= '2200-01-01 00:00+00' then 'invalid_timestamp'
  when at < kept_from then 'before_retention'
  else 'future_timestamp' end;
comment on function _billing.time_reason is
  'invalid_timestamp, before_retention or future_timestamp, or null for a time that can be billed.';

-- Written out in the query of its caller, so that several processes can share the rows. Where times
-- are given, only calls of that time range; `counted_by` are the keys of metadata that say how a
-- row is counted. Most rows have none of them: the rest is asked of the others.
create function _billing.new_logs(since billing.usage_watermark, upto billing.usage_watermark,
  from_at timestamptz, until_at timestamptz, agents text[], counted_by text[],
  kept_from timestamptz)
returns table (claim text, id uuid, at timestamptz, agent text, model text, corrects_id uuid,
  time_reason text, features text, input_tokens bigint, output_tokens bigint, web_searches bigint,
  input_cost numeric, output_cost numeric, total_cost numeric, calls bigint, metadata jsonb,
  says_more boolean, class integer, counting text, cache_read numeric, cache_write numeric,
  reasoning numeric)
language sql stable parallel safe
begin atomic
  with rows as not materialized (
    select coalesce(l.client_id::text, l.metadata ->> 'client_id') as named,
      l.metadata ?| counted_by as says_more,
      l.id, l."timestamp", l.created_at, l.agent, l.model, l.corrects_id, l.other_features,
      l.input_tokens, l.output_tokens, l.web_searches, l.input_cost, l.output_cost, l.total_cost,
      l.calls, l.metadata
    from public.agent_usage_logs l
    where l.stored_by >= pg_snapshot_xmin(since.snapshot)
      and (l."timestamp" >= from_at or from_at = '-infinity')
      and (l."timestamp" < until_at or until_at = 'infinity')
      and (agents is null or l.agent in (select unnest(agents)))
      -- Outside of these two a row's transaction alone says whether it is counted; the snapshots,
      -- which cost more to ask, are asked in between.
      and (l.stored_by > greatest(pg_snapshot_xmax(since.snapshot), since.own_transaction)
        or not _billing.is_counted(
          l.stored_by, l.seq, since.snapshot, since.own_transaction, since.own_seq))
      and (l.stored_by < least(pg_snapshot_xmin(upto.snapshot), upto.own_transaction)
        or _billing.is_counted(
          l.stored_by, l.seq, upto.snapshot, upto.own_transaction, upto.own_seq))
    -- Computed once per row. In quotes: of a bare 0, an integer to be cast, the planner does not
    -- see that it leaves nothing out, and would read the rows with one process.
    offset '0'
  )
  select nullif(case when strpos(l.named, ' ') = 0 then l.named else btrim(l.named) end, ''),
    l.id, l."timestamp", l.agent, l.model, l.corrects_id,
    _billing.time_reason(l."timestamp", l.created_at, kept_from),
    case when l.other_features <> '{}' then l.other_features::text end,
    l.input_tokens, l.output_tokens, l.web_searches, l.input_cost, l.output_cost, l.total_cost,
    l.calls, l.metadata, l.says_more,
    case when l.says_more then _billing.rate_class_code(l.metadata, 0) else 0 end,
    case when l.says_more then billing.counting_of(l.metadata) end,
    case when l.says_more then _billing.token_count(l.metadata, 'cache_read_tokens') end,
    case when l.says_more then _billing.token_count(l.metadata, 'cache_write_tokens') end,
    case when l.says_more then _billing.token_count(l.metadata, 'reasoning_tokens') end
  from rows l
  offset '0';
end;
comment on function _billing.new_logs is
  'Log rows between two watermarks with claim, features, rate class and counts of their metadata.';

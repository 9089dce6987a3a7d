-- Correcting a log row, which is an operator's act: the row stays as it is; one new row takes it
-- back and another states it anew, both on its own day and for its own client. Two rows, because
-- what a provider counts within what (cached tokens within input) cannot be read from a difference.
-- `metadata.negates` and `metadata.restates` name the row that is taken back or stated anew.

create function billing.correct_log(log_id uuid, corrected jsonb, reason text)
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask for a correction; logs are written by agents and by this.
declare
  counts constant text[] := '{calls,input_tokens,output_tokens,web_searches,input_cost,output_cost,
    feature_cost,total_cost,other_features,cache_read_tokens,cache_write_tokens,
    reasoning_tokens}'::text[];
  -- What stands in metadata; counting says what the others are part of.
  parts constant text[] := '{cache_read_tokens,cache_write_tokens,reasoning_tokens,
    counting}'::text[];
  standing public.agent_usage_logs;
  restated public.agent_usage_logs;
  wrong text;
begin
  perform billing.require_second_factor();
  perform _billing.require_reason('a correction', 'reason', reason);
  select string_agg(k.key, ', ' order by k.key) into wrong
  from jsonb_each(corrected) k
  where k.key <> all (counts || '{counting}'::text[]) or case k.key
    when 'counting' then k.value not in ('"inclusive"', '"exclusive"', 'null')
    when 'other_features' then jsonb_typeof(k.value) <> 'object' or k.value @? '$.* ? (@ < 0)'
    else jsonb_typeof(k.value) <> 'number' or k.value @? '$ ? (@ < 0)' end;
  if wrong is not null then
    perform billing.raise_error('invalid_argument', format('cannot correct: %s', wrong),
      'a corrected value is a number of 0 or more for any of ' || array_to_string(counts, ', ')
      || '; other_features is an object of them; counting is inclusive, exclusive or null');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('log ' || log_id, 0));
  standing := _billing.standing_log(log_id);
  if standing.id is null then
    perform billing.raise_error('invalid_argument', format('log %s is retracted', log_id),
      'log the call anew');
  end if;
  select r.* into restated from jsonb_populate_record(standing, corrected - parts) r;
  restated.other_features := standing.other_features
    || coalesce(corrected -> 'other_features', '{}');
  restated.metadata := standing.metadata || (select coalesce(jsonb_object_agg(k.key, k.value), '{}')
    from jsonb_each(corrected) k where k.key = any (parts));
  if restated is not distinct from standing then
    return null;
  end if;
  return _billing.restate_log(log_id, standing, restated, reason);
end $$;
comment on function billing.correct_log is
  'Restates a log: correct_log(id, ''{"input_tokens": 1200}'', ''sent twice''). A column not named
   stays. Returns the id of the row that counts now, or null where it says so already.';
grant execute on function billing.correct_log(uuid, jsonb, text) to service_role;

create function billing.retract_log(log_id uuid, reason text)
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  standing public.agent_usage_logs;
begin
  perform billing.require_second_factor();
  perform _billing.require_reason('a retraction', 'reason', reason);
  perform pg_advisory_xact_lock(hashtextextended('log ' || log_id, 0));
  standing := _billing.standing_log(log_id);
  if standing.id is null then
    return null;
  end if;
  perform _billing.dismiss_uncountable(standing, reason);
  return _billing.negate_log(log_id, standing, reason, true);
end $$;
comment on function billing.retract_log is
  'Takes a log back, the call included; returns the id of the row that does, or null where it is
   taken back already (or never counted).';
grant execute on function billing.retract_log(uuid, text) to service_role;

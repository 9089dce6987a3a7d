-- Correcting a log row, which is an operator's act: the row stays as it is; one new row takes it
-- back and another states it anew, both on its own day and for its own client. Two rows, because
-- what a provider counts within what (cached tokens within input) cannot be read from a difference.
-- `metadata.negates` and `metadata.restates` name the row that is taken back or stated anew.
create index agent_usage_logs_corrects_id on public.agent_usage_logs (corrects_id)
  where corrects_id is not null;

insert into billing.error_codes (code, http_status, meaning) values
  ('unknown_log', 404, 'No usage log has this id.'),
  ('invalid_correction', 409, 'A correction would record something else than what it corrects.');

-- The row that counts now for a log: itself, what last restated it, or none once it is retracted.
create function billing.standing_log(log_id uuid)
returns public.agent_usage_logs language plpgsql set search_path = '' as $$
declare
  original public.agent_usage_logs;
  standing public.agent_usage_logs;
begin
  select * into original from public.agent_usage_logs l where l.id = log_id;
  if original.id is null then
    perform billing.raise_error('unknown_log', format('there is no usage log %s', log_id),
      (select case when isfinite(w.kept_from) then format('logs before %s (UTC) have been '
          || 'exported: correct them by an invoice item', (w.kept_from at time zone 'UTC')::date)
          else 'give the id of a row of agent_usage_logs' end
        from billing.usage_watermark w));
  end if;
  if original.corrects_id is not null then
    perform billing.raise_error('invalid_argument',
      format('%s is a correction itself', log_id),
      format('correct the row that it corrects, %s', original.corrects_id));
  end if;
  select l.* into standing
  from public.agent_usage_logs l
  where (l.id = log_id or l.corrects_id = log_id)
    and not billing.is_negation(l.corrects_id, l.metadata)
    and not exists (select from public.agent_usage_logs c where c.corrects_id = log_id
      and l.id::text in (c.metadata ->> 'negates', c.metadata ->> 'restates'));
  return standing;
end $$;
comment on function billing.standing_log is
  'The row that counts now for a log that may have been corrected; null once it is retracted.';

-- What agents call their metadata is theirs, what a correction says of itself is ours.
create function billing.own_metadata(metadata jsonb) returns jsonb language sql immutable
return metadata - '{negates,restates,retracts,reason,corrected_by}'::text[];
comment on function billing.own_metadata is
  'Metadata of a log without what a correction says of itself.';

-- The mirror of a row: each count with the opposite sign.
create function billing.mirrored_log(log public.agent_usage_logs)
returns public.agent_usage_logs language sql stable set search_path = '' as $$
  select jsonb_populate_record(log, jsonb_build_object(
    'input_tokens', -log.input_tokens, 'output_tokens', -log.output_tokens,
    'web_searches', -log.web_searches, 'input_cost', -log.input_cost,
    'output_cost', -log.output_cost, 'feature_cost', -log.feature_cost,
    'total_cost', -log.total_cost,
    'other_features', (select coalesce(jsonb_object_agg(f.key, -(f.value::text::numeric)), '{}')
      from jsonb_each(log.other_features) f),
    'metadata', case when jsonb_typeof(log.metadata) = 'object' then
      billing.own_metadata(log.metadata) || (
        select coalesce(jsonb_object_agg(k, -(log.metadata ->> k)::numeric), '{}')
        from unnest('{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[]) k
        where jsonb_typeof(log.metadata -> k) = 'number') else '{}' end));
$$;
comment on function billing.mirrored_log is
  'A log row with each of its counts and costs negated; its features must be an object of numbers.';

-- True for a row that is never counted, whatever its client.
create function billing.is_uncountable(standing public.agent_usage_logs)
returns boolean language plpgsql stable set search_path = '' as $$
begin
  return exists (select from billing.attributed_logs a
      where a.id = standing.id and (a.reason like 'invalid\_%'
        or a.reason in ('too_many_features', 'future_timestamp')))
    or exists (select from billing.dismissed_logs d where d.log_id = standing.id)
    -- That reason is not named where the row is nobody's as well.
    or jsonb_typeof(standing.other_features) <> 'object'
    or standing.other_features @? '$.* ? (@.type() <> "number")';
end $$;
comment on function billing.is_uncountable is
  'Whether a log row is never counted, whatever its client: unreadable, in the future, dismissed.';

-- Takes a row back, count by count. Of a row that could not be read nothing was counted.
create function billing.negate_log(log_id uuid, standing public.agent_usage_logs, reason text,
  retracts boolean)
returns uuid language sql set search_path = '' as $$
  insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
    web_searches, other_features, input_cost, output_cost, feature_cost, total_cost, metadata,
    "timestamp", client_id, corrects_id)
  select m.agent, m.endpoint, m.model, m.input_tokens, m.output_tokens, m.web_searches,
    m.other_features, m.input_cost, m.output_cost, m.feature_cost, m.total_cost,
    m.metadata || jsonb_build_object('negates', standing.id, 'reason', reason,
        'corrected_by', billing.actor())
      || case when retracts then '{"retracts": true}'::jsonb else '{}' end,
    m."timestamp", m.client_id, log_id
  from (select where not billing.is_uncountable(standing) offset 0) countable
  cross join lateral billing.mirrored_log(standing) m
  returning id;
$$;

-- Of a row that was never counted nothing is taken back; corrected or retracted, it is done with.
create function billing.dismiss_uncountable(standing public.agent_usage_logs, reason text)
returns void language sql set search_path = '' as $$
  insert into billing.dismissed_logs (log_id, why)
  select standing.id, 'corrected: ' || reason where billing.is_uncountable(standing)
  on conflict (log_id) do nothing;
$$;

create function billing.correct_log(log_id uuid, corrected jsonb, reason text)
returns uuid language plpgsql security definer set search_path = '' as $$
-- Definer: callers may ask for a correction; logs are written by agents and by this.
declare
  counts constant text[] := '{input_tokens,output_tokens,web_searches,input_cost,output_cost,
    feature_cost,total_cost,other_features,cache_read_tokens,cache_write_tokens,
    reasoning_tokens}'::text[];
  parts constant text[] := '{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[];
  standing public.agent_usage_logs;
  restated public.agent_usage_logs;
  wrong text;
begin
  select string_agg(k.key, ', ' order by k.key) into wrong
  from jsonb_each(corrected) k
  where k.key <> all (counts) or case k.key
    when 'other_features' then jsonb_typeof(k.value) <> 'object' or k.value @? '$.* ? (@ < 0)'
    else jsonb_typeof(k.value) <> 'number' or k.value @? '$ ? (@ < 0)' end;
  if wrong is not null then
    perform billing.raise_error('invalid_argument', format('cannot correct: %s', wrong),
      'what is right is a number of 0 or more for any of ' || array_to_string(counts, ', ')
      || '; other_features is an object of them');
  end if;
  if btrim(coalesce(reason, '')) = '' then
    perform billing.raise_error('invalid_argument', 'a correction needs a reason');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('log ' || log_id, 0));
  standing := billing.standing_log(log_id);
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
  perform billing.negate_log(log_id, standing, reason, false);
  perform billing.dismiss_uncountable(standing, reason);
  insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
    web_searches, other_features, input_cost, output_cost, feature_cost, total_cost, metadata,
    "timestamp", client_id, corrects_id)
  select restated.agent, restated.endpoint, restated.model, restated.input_tokens,
    restated.output_tokens, restated.web_searches, restated.other_features, restated.input_cost,
    restated.output_cost, restated.feature_cost, restated.total_cost,
    billing.own_metadata(restated.metadata) || jsonb_build_object('restates', standing.id,
      'reason', reason, 'corrected_by', billing.actor()),
    restated."timestamp", restated.client_id, log_id
  returning id into restated.id;
  return restated.id;
end $$;
comment on function billing.correct_log is
  'Restates a log: correct_log(id, ''{"input_tokens": 1200}'', ''sent twice''). What is not named
   stays. Returns the id of the row that counts now, or null where it says so already.';

create function billing.retract_log(log_id uuid, reason text)
returns uuid language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
declare
  standing public.agent_usage_logs;
begin
  if btrim(coalesce(reason, '')) = '' then
    perform billing.raise_error('invalid_argument', 'a retraction needs a reason');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('log ' || log_id, 0));
  standing := billing.standing_log(log_id);
  if standing.id is null then
    return null;
  end if;
  perform billing.dismiss_uncountable(standing, reason);
  return billing.negate_log(log_id, standing, reason, true);
end $$;
comment on function billing.retract_log is
  'Takes a log back, the call included; returns the id of the row that does, or null where it is
   taken back already (or never counted).';

-- What may be stored as a correction, by whatever way it comes: the mirror of a row of that log, or
-- that log stated anew once it was taken back. So the sum of a log and its corrections is what was
-- last stated, never below zero, and moves to no other client, day, agent or model.
create function billing.refuse_correction() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: a correction is judged by all rows of its log, whoever stores it.
declare
  original public.agent_usage_logs;
  named public.agent_usage_logs;
  mirrored public.agent_usage_logs;
  negates constant boolean := billing.is_negation(new.corrects_id, new.metadata);
  wrong text;
begin
  -- Corrections of one log are judged one after the other.
  perform pg_advisory_xact_lock(hashtextextended('log ' || new.corrects_id, 0));
  select * into original from public.agent_usage_logs l where l.id = new.corrects_id;
  select * into named from public.agent_usage_logs l
  where l.id::text = coalesce(new.metadata ->> 'negates', new.metadata ->> 'restates')
    and l.id <> new.id and (l.id = new.corrects_id or l.corrects_id = new.corrects_id)
    and not billing.is_negation(l.corrects_id, l.metadata);
  wrong := case
    -- A snapshot of before the lock would not see the corrections that it waited for.
    when current_setting('transaction_isolation') <> 'read committed'
      then 'logs are corrected at isolation level read committed'
    when original.id is null then 'there is no such log'
    when original.corrects_id is not null then 'that is a correction itself'
    when (new.agent, new.model, new."timestamp") is distinct from
      (original.agent, original.model, original."timestamp")
      then 'agent, model and timestamp are not those of that log'
    when (new.client_id, new.metadata -> 'client_id') is distinct from
      (original.client_id, original.metadata -> 'client_id')
      then 'the client is not that of that log'
    when btrim(coalesce(new.metadata ->> 'reason', '')) = '' then 'it gives no reason'
    when named.id is null or new.metadata ?& '{negates,restates}'
      then 'metadata.negates or metadata.restates must name a row of that log'
    when exists (select from public.agent_usage_logs c where c.corrects_id = new.corrects_id
        and c.id <> new.id and c.metadata ->> case when negates then 'negates' else 'restates' end
          = named.id::text)
      then format('row %s has been corrected already', named.id) end;
  if wrong is null and negates then
    mirrored := case when not billing.is_uncountable(named) then billing.mirrored_log(named) end;
    if mirrored.id is null or (new.input_tokens, new.output_tokens, new.web_searches,
        new.other_features, new.input_cost, new.output_cost, new.feature_cost, new.total_cost,
        billing.own_metadata(new.metadata)) is distinct from (mirrored.input_tokens,
        mirrored.output_tokens, mirrored.web_searches, mirrored.other_features,
        mirrored.input_cost, mirrored.output_cost, mirrored.feature_cost, mirrored.total_cost,
        mirrored.metadata) then
      wrong := format('it is not the mirror of row %s: each count with the opposite sign',
        named.id);
    end if;
  elsif wrong is null then
    wrong := case
      when least(new.input_tokens, new.output_tokens, new.web_searches) < 0
        or new.other_features @? '$.* ? (@ < 0)'
        or exists (select
          from unnest('{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[]) k
          where billing.metadata_count(new.metadata, k) < 0)
        then 'what is right is not below zero'
      when not billing.is_uncountable(named) and not exists (
          select from public.agent_usage_logs c
          where c.corrects_id = new.corrects_id and c.metadata ->> 'negates' = named.id::text)
        then format('row %s has not been taken back', named.id) end;
  end if;
  if wrong is not null then
    perform billing.raise_error('invalid_correction',
      format('log %s cannot be corrected by this row: %s', new.corrects_id, wrong),
      'call billing.correct_log or billing.retract_log, which work the rows out');
  end if;
  return null;
end $$;

-- AFTER, so that COPY still stores many rows at once; WHEN, so that no other row ever queues it.
create trigger refuse_correction after insert on public.agent_usage_logs
  for each row when (new.corrects_id is not null) execute function billing.refuse_correction();

revoke all on all functions in schema billing from public;
grant execute on function billing.correct_log(uuid, jsonb, text), billing.retract_log(uuid, text)
  to service_role;

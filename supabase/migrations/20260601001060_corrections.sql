-- Correcting a log row: the row stays as it is; one new row takes it back and another states it
-- anew, both on its own day and for its own client. Two rows, because what a provider counts within
-- what (cached tokens within input) cannot be read from a difference.
create index agent_usage_logs_corrects_id on public.agent_usage_logs (corrects_id)
  where corrects_id is not null;

insert into billing.error_codes (code, http_status, meaning) values
  ('unknown_log', 404, 'No usage log has this id.');

-- The row that counts now for a log: itself, what last restated it, or none once it is retracted.
create function billing.standing_log(log_id uuid)
returns public.agent_usage_logs language plpgsql set search_path = '' as $$
declare
  original public.agent_usage_logs;
  standing public.agent_usage_logs;
  stray uuid;
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
  select c.id into stray from public.agent_usage_logs c
  where c.corrects_id = log_id and not c.metadata ?| '{negates,restates}' limit 1;
  if stray is not null then
    perform billing.raise_error('invalid_argument',
      format('log %s has been corrected by a difference, row %s', log_id, stray),
      'correct it by another difference: an inserted row with corrects_id');
  end if;
  select l.* into standing
  from public.agent_usage_logs l
  where (l.id = log_id or l.corrects_id = log_id) and not l.metadata ? 'negates'
    and not exists (select from public.agent_usage_logs n
      where n.corrects_id = log_id and n.metadata ->> 'negates' = l.id::text);
  return standing;
end $$;
comment on function billing.standing_log is
  'The row that counts now for a log that may have been corrected; null once it is retracted.';

-- True for a row that is never counted, whatever its client.
create function billing.is_uncountable(standing public.agent_usage_logs)
returns boolean language sql stable set search_path = '' as $$
  select exists (select from billing.attributed_logs a
    where a.id = standing.id and (a.reason like 'invalid\_%'
      or a.reason in ('too_many_features', 'future_timestamp')))
    or exists (select from billing.dismissed_logs d where d.log_id = standing.id)
    -- That reason is not named where the row is nobody's as well.
    or jsonb_typeof(standing.other_features) <> 'object'
    or standing.other_features @? '$.* ? (@.type() <> "number")';
$$;
comment on function billing.is_uncountable is
  'Whether a log row is never counted, whatever its client: unreadable, in the future, dismissed.';

-- Takes a row back, count by count. Of a row that could not be read nothing was counted.
create function billing.negate_log(log_id uuid, standing public.agent_usage_logs, reason text,
  retracts boolean)
returns uuid language sql set search_path = '' as $$
  insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
    web_searches, other_features, input_cost, output_cost, feature_cost, total_cost, metadata,
    "timestamp", client_id, corrects_id)
  select standing.agent, standing.endpoint, standing.model, -standing.input_tokens,
    -standing.output_tokens, -standing.web_searches,
    (select coalesce(jsonb_object_agg(f.key, -(f.value::text::numeric)), '{}')
      from jsonb_each(standing.other_features) f),
    -standing.input_cost, -standing.output_cost, -standing.feature_cost, -standing.total_cost,
    standing.metadata - 'restates' || (
      select coalesce(jsonb_object_agg(k, -(standing.metadata ->> k)::numeric), '{}')
      from unnest('{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[]) k
      where jsonb_typeof(standing.metadata -> k) = 'number')
      || jsonb_build_object('negates', standing.id, 'reason', reason,
        'corrected_by', billing.actor())
      || case when retracts then '{"retracts": true}'::jsonb else '{}' end,
    standing."timestamp", standing.client_id, log_id
  where not billing.is_uncountable(standing)
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
    restated.metadata || jsonb_build_object('restates', standing.id, 'reason', reason,
      'corrected_by', billing.actor()),
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

revoke all on all functions in schema billing from public;
grant execute on function billing.correct_log(uuid, jsonb, text), billing.retract_log(uuid, text)
  to service_role;

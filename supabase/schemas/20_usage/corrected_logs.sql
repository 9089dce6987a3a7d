-- The log row that stands, and the row that takes it back.

create index agent_usage_logs_corrects_id on public.agent_usage_logs (corrects_id)
  where corrects_id is not null;

-- What agents call their metadata is theirs, what a correction says of itself is ours.
create function _billing.own_metadata(metadata jsonb) returns jsonb language sql immutable
return metadata - '{negates,restates,retracts,reason,corrected_by}'::text[];
comment on function _billing.own_metadata is
  'Metadata of a log without what a correction says of itself.';

-- True for a row that is never counted, whatever its client.
create function _billing.is_uncountable(standing public.agent_usage_logs)
returns boolean language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return exists (select from billing.attributed_logs a
      where a.id = standing.id and (a.reason like 'invalid\_%'
        or a.reason in ('too_many_features', 'too_many_units', 'future_timestamp')))
    or exists (select from billing.dismissed_logs d where d.log_id = standing.id)
    -- That reason is not named where the row is nobody's as well.
    or jsonb_typeof(standing.other_features) <> 'object'
    or standing.other_features @? '$.* ? (@.type() <> "number")';
end $$;
comment on function _billing.is_uncountable is
  'Whether a log row is never counted, whatever its client: unreadable, in the future, dismissed.';

-- The mirror of a row: each count with the opposite sign. In plpgsql its plan is kept.
create function _billing.mirrored_log(log public.agent_usage_logs)
returns public.agent_usage_logs language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return jsonb_populate_record(log, jsonb_build_object(
    'calls', -log.calls, 'input_tokens', -log.input_tokens, 'output_tokens', -log.output_tokens,
    'web_searches', -log.web_searches, 'input_cost', -log.input_cost,
    'output_cost', -log.output_cost, 'feature_cost', -log.feature_cost,
    'total_cost', -log.total_cost,
    'other_features', (select coalesce(jsonb_object_agg(f.key, -(f.value::text::numeric)), '{}')
      from jsonb_each(log.other_features) f),
    'metadata', case when jsonb_typeof(log.metadata) = 'object' then
      _billing.own_metadata(log.metadata) || (
        select coalesce(jsonb_object_agg(k, -(log.metadata ->> k)::numeric), '{}')
        from unnest('{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[]) k
        where jsonb_typeof(log.metadata -> k) = 'number') else '{}' end));
end $$;
comment on function _billing.mirrored_log is
  'A log row with each of its counts and costs negated; its features must be an object of numbers.';

-- The row that counts now for a log: itself, what last restated it, or none once it is retracted.
create function _billing.standing_log(log_id uuid)
returns public.agent_usage_logs language plpgsql set search_path = pg_catalog, pg_temp as $$
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
comment on function _billing.standing_log is
  'The row that counts now for a log that may have been corrected; null once it is retracted.';

-- Takes a row back, count by count. Of a row that could not be read nothing was counted.
create function _billing.negate_log(log_id uuid, standing public.agent_usage_logs, reason text,
  retracts boolean)
returns uuid language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
    web_searches, other_features, input_cost, output_cost, feature_cost, total_cost, metadata,
    "timestamp", client_id, corrects_id, calls)
  select m.agent, m.endpoint, m.model, m.input_tokens, m.output_tokens, m.web_searches,
    m.other_features, m.input_cost, m.output_cost, m.feature_cost, m.total_cost,
    m.metadata || jsonb_build_object('negates', standing.id, 'reason', reason,
        'corrected_by', billing.actor())
      || case when retracts then '{"retracts": true}'::jsonb else '{}' end,
    m."timestamp", m.client_id, log_id, m.calls
  from (select where not _billing.is_uncountable(standing) offset 0) countable
  cross join lateral _billing.mirrored_log(standing) m
  returning id;
$$;

-- Of a row that was never counted nothing is taken back; corrected or retracted, it is done with.
create function _billing.dismiss_uncountable(standing public.agent_usage_logs, reason text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing.dismissed_logs (log_id, why)
  select standing.id, 'corrected: ' || reason where _billing.is_uncountable(standing)
  on conflict (log_id) do nothing;
$$;

-- Takes the row of a log that counts back and states it anew; returns the new row.
create function _billing.restate_log(log_id uuid, standing public.agent_usage_logs,
  restated public.agent_usage_logs, reason text)
returns uuid language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  stored uuid;
begin
  perform _billing.negate_log(log_id, standing, reason, false);
  perform _billing.dismiss_uncountable(standing, reason);
  insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
    web_searches, other_features, input_cost, output_cost, feature_cost, total_cost, metadata,
    "timestamp", client_id, corrects_id, calls)
  select restated.agent, restated.endpoint, restated.model, restated.input_tokens,
    restated.output_tokens, restated.web_searches, restated.other_features, restated.input_cost,
    restated.output_cost, restated.feature_cost, restated.total_cost,
    _billing.own_metadata(restated.metadata) || jsonb_build_object('restates', standing.id,
      'reason', reason, 'corrected_by', billing.actor()),
    restated."timestamp", restated.client_id, log_id, restated.calls
  returning id into stored;
  return stored;
end $$;
comment on function _billing.restate_log is
  'Mirrors the row of a log that counts and stores what is right; returns the id of the new row.';

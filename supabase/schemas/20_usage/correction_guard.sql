-- What may be stored as a correction, by whatever way it comes: the mirror of a row of that log, or
-- that log stated anew once it was taken back. So the sum of a log and its corrections is what was
-- last stated, never below zero, and moves to no other client, day, agent or model.
create function _billing.refuse_correction() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: a correction is judged by all rows of its log, also those that its writer may not read.
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
    mirrored := case when not _billing.is_uncountable(named) then _billing.mirrored_log(named) end;
    if mirrored.id is null or (new.calls, new.input_tokens, new.output_tokens, new.web_searches,
        new.other_features, new.input_cost, new.output_cost, new.feature_cost, new.total_cost,
        _billing.own_metadata(new.metadata)) is distinct from (mirrored.calls,
        mirrored.input_tokens, mirrored.output_tokens, mirrored.web_searches,
        mirrored.other_features, mirrored.input_cost, mirrored.output_cost,
        mirrored.feature_cost, mirrored.total_cost,
        mirrored.metadata) then
      wrong := format('it is not the mirror of row %s: each count with the opposite sign',
        named.id);
    end if;
  elsif wrong is null then
    wrong := case
      when least(new.calls - 1, new.input_tokens, new.output_tokens, new.web_searches) < 0
        or new.other_features @? '$.* ? (@ < 0)'
        or exists (select
          from unnest('{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[]) k
          where billing.metadata_count(new.metadata, k) < 0)
        then 'a corrected value is not below zero'
      when not _billing.is_uncountable(named) and not exists (
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
  for each row when (new.corrects_id is not null) execute function _billing.refuse_correction();

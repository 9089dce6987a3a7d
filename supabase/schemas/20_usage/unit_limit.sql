-- How many units of a kind one event may have (billing_settings.max_units_per_event): a slip of an
-- agent, or malice, is not a month's usage in a row. attributed_logs and log_groups judge each row;
-- a row beyond it waits in quarantine as `too_many_units`.

-- Whether a row of a log is beyond a limit, whatever it is counted as.
create function _billing.has_more_units(log public.agent_usage_logs, most bigint)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select greatest(abs(log.input_tokens), abs(log.output_tokens), abs(log.web_searches),
      abs(billing.metadata_count(log.metadata, 'cache_read_tokens')),
      abs(billing.metadata_count(log.metadata, 'cache_write_tokens')),
      abs(billing.metadata_count(log.metadata, 'reasoning_tokens')),
      billing.most_units(log.other_features))
    > case when abs(log.calls) = 1 then 1 else 1000 end * most;
$$;
comment on function _billing.has_more_units is
  'Whether any count of a log row is larger than a limit allows.';

-- A limit that is raised lets rows go that waited. One that is lowered may not take back what has
-- been counted: that would credit invoices.
create function _billing.change_unit_limit() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: rebuild_requests is written by nobody but billing's own functions.
declare
  standing uuid;
begin
  -- A rollup that is under way decides before.
  perform from billing.usage_watermark for update;
  if new.max_units_per_event < old.max_units_per_event then
    -- A row that was taken back and what takes it back leave together.
    select l.id into standing
    from public.agent_usage_logs l
    where _billing.has_more_units(l, new.max_units_per_event)
      and not billing.is_negation(l.corrects_id, l.metadata)
      and not exists (select from public.agent_usage_logs c
        where c.corrects_id = coalesce(l.corrects_id, l.id)
          and c.metadata ->> 'negates' = l.id::text)
      and exists (select from billing.attributed_logs a where a.id = l.id and a.reason is null)
    limit 1;
    if standing is not null then
      perform billing.raise_error('invalid_argument',
        format('log %s is counted and has more units', standing),
        'correct or retract it first (billing.correct_log, billing.retract_log)');
    end if;
  end if;
  insert into billing.rebuild_requests (agents, from_day, until_day)
  select array_agg(distinct x.agent), (min(x.at) at time zone 'UTC')::date - 4,
    (max(x.at) at time zone 'UTC')::date + 5
  from (
    select q.agent, q.occurred_at as at from billing.quarantined_logs q
    where q.reason = 'too_many_units'
    union all
    select l.agent, l."timestamp" from public.agent_usage_logs l
    where new.max_units_per_event < old.max_units_per_event
      and _billing.has_more_units(l, new.max_units_per_event)
      and l."timestamp" >= '1970-01-01 00:00+00' and l."timestamp" < '2200-01-01 00:00+00'
  ) x
  having count(*) > 0;
  return new;
end $$;
comment on function _billing.change_unit_limit is
  'Asks for a rebuild where a changed limit of units changes what is counted; refuses to take back
   what has been.';

create trigger change_unit_limit before update of max_units_per_event on public.billing_settings
  for each row when (old.max_units_per_event <> new.max_units_per_event)
  execute function _billing.change_unit_limit();

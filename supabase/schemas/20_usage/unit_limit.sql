-- How many units of a kind one event may have (billing_settings.max_units_per_event): a slip of an
-- agent, or malice, is not a month's usage in a row. attributed_logs and log_groups judge each row;
-- a row beyond it waits in quarantine as `too_many_units`.

-- Whether a row of a log is beyond a limit, whatever it is counted as. A database whose rows were
-- counted by a wider rule (1,000 limits for any row of several calls) would lose those rows at a
-- rebuild and credit them; none has been released with it.
create function _billing.has_more_units(log public.agent_usage_logs, most bigint)
returns boolean language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return greatest(abs(log.input_tokens), abs(log.output_tokens), abs(log.web_searches),
      abs(billing.metadata_count(log.metadata, 'cache_read_tokens')),
      abs(billing.metadata_count(log.metadata, 'cache_write_tokens')),
      abs(billing.metadata_count(log.metadata, 'reasoning_tokens')),
      billing.most_units(log.other_features))
    > least(greatest(abs(log.calls), 1), 1000) * most;
end $$;
comment on function _billing.has_more_units is
  'Whether any count of a log row is larger than a limit allows.';

-- A limit that is raised lets rows go that waited: whose they are is known, so nobody else's
-- periods wait for them. Each is counted for the client that the view would find.
create function _billing.recount_waiting_units()
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing.rebuild_requests (agents, client_ids, from_day, until_day)
  select array_agg(distinct q.agent),
    array_remove(array_agg(distinct case when q.claim is not null then r.client_id else
      coalesce(a.client_id, (select s.default_client_id from public.billing_settings s)) end),
      null),
    (min(q.occurred_at) at time zone 'UTC')::date - 4,
    (max(q.occurred_at) at time zone 'UTC')::date + 5
  from billing.quarantined_logs q
  left join billing.client_references r on r.reference = q.claim
  left join public.agent_assignments a on a.agent = q.agent and q.claim is null
    and a.starts_at <= q.occurred_at and q.occurred_at < a.ends_at
  where q.reason = 'too_many_units' and not q.dismissed
  having count(*) > 0;
$$;
comment on function _billing.recount_waiting_units is
  'Asks for a rebuild of what waits as too_many_units, of its clients alone.';

-- One that is lowered may not take back what has been counted: that would credit invoices. Rows
-- beyond it are found by one pass over the log: a row that counts, or rows of which one takes the
-- other back, which leave together. Rows that wait go on waiting; dismissed ones are not counted
-- either way.
create function _billing.recount_beyond_units(most bigint)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  standing uuid;
begin
  with beyond as materialized (
    select l.id, l.corrects_id, l.metadata ->> 'negates' as negates, l.agent, l."timestamp",
      billing.is_negation(l.corrects_id, l.metadata) as negation
    from public.agent_usage_logs l
    where _billing.has_more_units(l, most)
      and l."timestamp" >= '1970-01-01 00:00+00' and l."timestamp" < '2200-01-01 00:00+00'
  ), judged as materialized (
    select b.*, a.client_id, a.reason
    from beyond b join billing.attributed_logs a on a.id = b.id
    where a.reason is null or a.reason = 'too_many_keys'
  ), counted as materialized (
    -- What takes a row back is as large as that row.
    select j.id from judged j
    where j.reason is null and not j.negation
      and not exists (select from beyond c
        where c.corrects_id = coalesce(j.corrects_id, j.id) and c.negates = j.id::text)
    limit 1
  ), requested as (
    insert into billing.rebuild_requests (agents, client_ids, from_day, until_day)
    select array_agg(distinct j.agent),
      coalesce(array_agg(distinct j.client_id) filter (where j.reason is null), '{}'),
      (min(j."timestamp") at time zone 'UTC')::date - 4,
      (max(j."timestamp") at time zone 'UTC')::date + 5
    from judged j where not exists (select from counted)
    having count(*) > 0
  )
  select c.id into standing from counted c;
  if standing is not null then
    perform billing.raise_error('invalid_argument',
      format('log %s is counted and has more units', standing),
      'correct or retract it first (billing.correct_log, billing.retract_log)');
  end if;
end $$;
comment on function _billing.recount_beyond_units is
  'Refuses a limit below what counts; asks for a rebuild of rows beyond it that were taken back.';

create function _billing.change_unit_limit() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: rebuild_requests is written by nobody but billing's own functions.
begin
  -- A rollup that is under way decides before.
  perform from billing.usage_watermark for update;
  if new.max_units_per_event < old.max_units_per_event then
    perform _billing.recount_beyond_units(new.max_units_per_event);
  else
    perform _billing.recount_waiting_units();
  end if;
  return new;
end $$;
comment on function _billing.change_unit_limit is
  'Asks for a rebuild where a changed limit of units changes what is counted; refuses to take back
   what has been.';

create trigger change_unit_limit before update of max_units_per_event on public.billing_settings
  for each row when (old.max_units_per_event <> new.max_units_per_event)
  execute function _billing.change_unit_limit();

-- The columns in which a statement differs from a held one of the same version, or null. Of no
-- calls a version takes all back, whatever else it says.
create function _billing.waiting_differences(said public.agent_usage_logs, counts jsonb)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when (said.calls > 0) <> ((counts ->> 'calls')::bigint > 0) then 'calls'
    when said.calls > 0
      then _billing.window_differences(said, _billing.with_counts(said, counts)) end
  where counts is not null;
$$;
comment on function _billing.waiting_differences is
  'Columns in which a statement of a window differs from the held one; null when in none.';

-- What becomes of a window that is not stored anew: it is there already, or there is nothing to
-- store. `detail` names the columns that differ, or the version that counts.
create function _billing.judge_window(log_id uuid, said public.agent_usage_logs, version integer,
  out result text, out detail text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  stored constant boolean := exists (select from public.agent_usage_logs l where l.id = log_id);
  known constant integer := coalesce(
    (select v.version from _billing.window_versions v where v.log_id = log_id),
    case when stored then 1 else 0 end);
  waiting constant jsonb := (select h.counts from billing.held_windows h
    where h.log_id = log_id and h.version = version);
  standing public.agent_usage_logs;
begin
  -- A version that is held is known as well.
  detail := _billing.waiting_differences(said, waiting);
  if detail is not null then
    result := 'conflict';
  elsif version < known then
    result := 'superseded';
    detail := format('version %s counts', known);
  elsif stored then
    standing := _billing.standing_log(log_id);
    detail := case when standing.id is not null and said.calls > 0
        then _billing.window_differences(said, standing)
      when standing.id is not null or said.calls > 0 then 'calls' end;
    result := case when detail is null then 'duplicate'
      when version = known or standing.id is null then 'conflict'
      when said.calls = 0 then 'retracted' else 'corrected' end;
    detail := case when result <> 'retracted' then detail end;
  elsif said.calls = 0 then
    result := case when version = known then 'duplicate' else 'retracted' end;
  else
    -- What is not there is stored, unless a version of no calls counts: known, or of the same push.
    result := case when version = known then 'conflict' else 'superseded' end;
    detail := case when version = known then 'calls' else 'a later version counts' end;
  end if;
end $$;
comment on function _billing.judge_window is
  'What becomes of a window that is not stored anew: duplicate, corrected, retracted, superseded or
   conflict; the columns that differ or the version that counts.';

-- Whether a row that a version lowers has been invoiced, or may be being invoiced right now. With
-- the client's lock a run has committed what it invoiced or has not begun. lock_lowered has waited
-- for it. A row that is lowered only since then does not wait, out of order: it counts as invoiced.
create function _billing.may_be_settled(log_id uuid)
returns boolean language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  client constant uuid := (select a.client_id from billing.attributed_logs a
    where a.id = log_id and a.reason is null);
begin
  if client is null then
    return false;
  end if;
  perform from _billing.settlement_locks l where l.client_id = client for update skip locked;
  return not found or _billing.is_settled_log(log_id);
end $$;
comment on function _billing.may_be_settled is
  'Whether the period that a log row counts in is settled, or its client is being written to.';

-- The rows that windows of a batch lower and whose periods are not settled yet.
create function _billing.lowered_logs(source billing.usage_sources, windows jsonb)
returns uuid[] language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  -- Most windows are stated once.
  later constant jsonb := (select jsonb_agg(g) from jsonb_array_elements(windows) g
    where (g ->> 'version')::integer > 1);
  w record;
  standing public.agent_usage_logs;
  lowered uuid[] := array[]::uuid[];
begin
  if later is null then
    return lowered;
  end if;
  for w in select r.id, r.said from _billing.read_windows(source, later) r
    where r.fault is null
      and exists (select from public.agent_usage_logs l where l.id = r.id)
  loop
    standing := _billing.standing_log(w.id);
    if standing.id is not null and _billing.lowers_window(w.said, standing)
      and not _billing.is_settled_log(standing.id) then
      lowered := lowered || standing.id;
    end if;
  end loop;
  return lowered;
end $$;
comment on function _billing.lowered_logs is
  'Log rows that windows would lower, of periods that are not settled.';

-- The same of a batch in which values may be unreadable: those lower nothing.
create function _billing.lowered_by(source billing.usage_sources, windows jsonb)
returns uuid[] language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  lowered uuid[] := array[]::uuid[];
begin
  return _billing.lowered_logs(source, windows);
exception when data_exception or integrity_constraint_violation or sqlstate 'PT400'
    or sqlstate 'PT404' or sqlstate 'PT409' then
  for place in 0 .. jsonb_array_length(windows) - 1 loop
    begin
      lowered := lowered || _billing.lowered_logs(source, jsonb_build_array(windows -> place));
    exception when data_exception or integrity_constraint_violation or sqlstate 'PT400'
        or sqlstate 'PT404' or sqlstate 'PT409' then null;
    end;
  end loop;
  return lowered;
end $$;
comment on function _billing.lowered_by is
  'Log rows that readable windows of a batch would lower, of periods that are not settled.';

-- Waits for writers of the books of all clients that a push may lower, in their order, before
-- their source and anything of a window is locked. Settled windows are held without waiting.
create function _billing.lock_lowered(lowered uuid[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if lowered <> '{}' then
    perform _billing.lock_clients(array(select distinct a.client_id from billing.attributed_logs a
      where a.id = any (lowered) and a.reason is null));
  end if;
end $$;
comment on function _billing.lock_lowered is 'Locks the clients of log rows that a push may lower.';

-- A window that is not stored anew. Only what is corrected is locked, and judged again then. A
-- statement that would take back invoiced usage is held.
create function _billing.restate_window(log_id uuid, said public.agent_usage_logs,
  version integer, source text)
returns table (result text, detail text) language plpgsql
set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  judged record;
  standing public.agent_usage_logs;
  restated uuid;
  why constant text := format('version %s of source %s', version, source);
begin
  select j.* into judged from _billing.judge_window(log_id, said, version) j;
  if judged.result in ('corrected', 'retracted') then
    perform pg_advisory_xact_lock(hashtextextended('log ' || log_id, 0));
    select j.* into judged from _billing.judge_window(log_id, said, version) j;
  end if;
  result := judged.result;
  detail := judged.detail;
  if exists (select from public.agent_usage_logs l where l.id = log_id) then
    standing := _billing.standing_log(log_id);
  end if;
  if result in ('corrected', 'retracted') and standing.id is not null
    and _billing.lowers_window(said, standing) and _billing.may_be_settled(standing.id) then
    insert into billing.held_windows as h (log_id, source_id, version, counts, standing_id)
    values (log_id, source, version, _billing.window_counts(said), standing.id)
    on conflict on constraint held_windows_pkey do update set version = excluded.version,
      counts = excluded.counts, standing_id = excluded.standing_id
    where h.version <= excluded.version;
    result := 'held';
    detail := 'less than what has been invoiced: an operator decides';
    return next;
    return;
  end if;
  if result not in ('conflict', 'superseded') then
    delete from billing.held_windows h where h.log_id = log_id and h.version <= version;
    insert into _billing.window_versions as v (log_id, version)
    select log_id, version where version > 1
    on conflict on constraint window_versions_pkey do update set version = excluded.version
    where v.version < excluded.version;
  end if;
  if result = 'corrected' then
    -- A later version that waits was stated after this one, and replaces it as well.
    restated := _billing.restate_log(log_id, standing, said, why);
    update billing.held_windows h set standing_id = restated
    where h.log_id = log_id and h.standing_id = standing.id;
  elsif result = 'retracted' and standing.id is not null then
    perform _billing.dismiss_uncountable(standing, why);
    perform _billing.negate_log(log_id, standing, why, true);
  end if;
  return next;
end $$;
comment on function _billing.restate_window is
  'Corrects or takes back a window that is not stored anew; says what became of it, and the columns
   that differ or the version that counts.';

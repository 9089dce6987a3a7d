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
  standing public.agent_usage_logs;
begin
  if version < known then
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
    and _billing.lowers_window(said, standing) and _billing.is_settled_log(standing.id) then
    insert into billing.held_windows as h (log_id, source_id, version, counts)
    values (log_id, source, version, _billing.window_counts(said))
    on conflict on constraint held_windows_pkey do update set version = excluded.version,
      counts = excluded.counts
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
    perform _billing.restate_log(log_id, standing, said, why);
  elsif result = 'retracted' and standing.id is not null then
    perform _billing.dismiss_uncountable(standing, why);
    perform _billing.negate_log(log_id, standing, why, true);
  end if;
  return next;
end $$;
comment on function _billing.restate_window is
  'Corrects or takes back a window that is not stored anew; says what became of it, and the columns
   that differ or the version that counts.';

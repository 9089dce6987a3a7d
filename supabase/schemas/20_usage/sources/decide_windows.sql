-- Decisions on held windows: by their ids, or of a source all.

-- Corrects or takes back what one window says, as the push would have. A correction that was made
-- meanwhile knew something else: it is not overwritten. Returns the time of the window.
create function _billing.release_window(held billing.held_windows, why text)
returns timestamptz language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  standing public.agent_usage_logs;
  said public.agent_usage_logs;
  reason constant text := format('version %s of source %s, released: %s', held.version,
    held.source_id, why);
begin
  perform pg_advisory_xact_lock(hashtextextended('log ' || held.log_id, 0));
  standing := _billing.standing_log(held.log_id);
  if standing.id is distinct from held.standing_id then
    perform billing.raise_error('invalid_correction',
      format('log %s has been corrected since version %s of its window was held', held.log_id,
        held.version),
      'drop the version by billing.refuse_windows, or have it pushed again: it is judged anew');
  end if;
  delete from billing.held_windows h where h.log_id = held.log_id;
  said := _billing.with_counts(standing, held.counts);
  if said.calls > 0 then
    perform _billing.restate_log(held.log_id, standing, said, reason);
  else
    perform _billing.negate_log(held.log_id, standing, reason, true);
  end if;
  insert into _billing.window_versions as v (log_id, version)
  values (held.log_id, held.version)
  on conflict on constraint window_versions_pkey do update set version = excluded.version
  where v.version < excluded.version;
  return standing."timestamp";
end $$;
comment on function _billing.release_window is
  'Lets one held window correct what has been invoiced; refuses where the log says otherwise now.';

-- A window that cannot be released stops no other: it stays held and is named, with what to do.
-- Where none can be, that is an error.
create function billing.release_windows(source text, why text, log_ids uuid[] default null)
returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may decide on what is held, and store no correction of their own.
declare
  held billing.held_windows;
  problem text;
  advice text;
  kept jsonb := jsonb_build_array();
  problems text[] := array[]::text[];
  changed_from timestamptz;
  released bigint := 0;
begin
  perform billing.require_second_factor();
  perform _billing.require_reason('a release', 'why', why);
  perform _billing.lock_source(source);
  for held in
    select h.* from billing.held_windows h
    where h.source_id = source and (log_ids is null or h.log_id = any (log_ids))
    order by h.log_id for update
  loop
    begin
      changed_from := least(changed_from, _billing.release_window(held, why));
      released := released + 1;
    exception when data_exception or integrity_constraint_violation or sqlstate 'PT400'
        or sqlstate 'PT404' or sqlstate 'PT409' then
      get stacked diagnostics problem = message_text, advice = pg_exception_hint;
      problems := problems || problem;
      kept := kept || jsonb_build_object('log_id', held.log_id, 'version', held.version,
        'problem', problem, 'hint', advice);
    end;
  end loop;
  if released = 0 and kept <> '[]' then
    perform billing.raise_error('invalid_correction', _billing.first_few(problems, 10, '; '),
      'drop the versions by billing.refuse_windows, or have them pushed again: they are judged '
        || 'anew');
  end if;
  update billing.usage_source_states s set equal_until = greatest(changed_from, s.equal_from)
  where s.source_id = source and s.equal_until > changed_from;
  return jsonb_build_object('released', released, 'kept', kept);
end $$;
comment on function billing.release_windows is
  'Lets held windows of a source correct what has been invoiced, all or those of some ids, and says
   why; returns how many (released), and those that stay held (kept), each with the problem and what
   to do.';
grant execute on function billing.release_windows(text, text, uuid[]) to service_role;

-- The version stands as known: pushed again it is a conflict. Its counts are kept: a source that
-- still says so is as the log should be, so comparisons agree and logs are not kept for ever.
create function billing.refuse_windows(source text, log_ids uuid[] default null)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  refused bigint;
begin
  perform billing.require_second_factor();
  perform _billing.lock_source(source);
  with gone as (
    delete from billing.held_windows h
    where h.source_id = source and (log_ids is null or h.log_id = any (log_ids))
    returning h.*
  ), kept as (
    insert into billing.refused_windows (log_id, version, source_id, counts, held_at)
    select g.log_id, g.version, g.source_id, g.counts, g.held_at from gone g
    on conflict on constraint refused_windows_pkey do nothing
  ), known as (
    insert into _billing.window_versions as v (log_id, version)
    select g.log_id, g.version from gone g
    on conflict on constraint window_versions_pkey do update set version = excluded.version
    where v.version < excluded.version
  )
  select count(*) into refused from gone;
  return refused;
end $$;
comment on function billing.refuse_windows is
  'Drops held windows of a source, all or those of some ids: what was counted stays. Returns how
   many.';
grant execute on function billing.refuse_windows(text, uuid[]) to service_role;

-- Decisions on held windows: by their ids, or of a source all.

-- Corrects or takes back what these windows say, as the push would have. Returns how many. A
-- correction that was made meanwhile knew something else: it is not overwritten.
create function billing.release_windows(source text, why text, log_ids uuid[] default null)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may decide on what is held, and store no correction of their own.
declare
  held billing.held_windows;
  standing public.agent_usage_logs;
  said public.agent_usage_logs;
  reason text;
  changed_from timestamptz;
  released bigint := 0;
begin
  perform billing.require_second_factor();
  perform _billing.require_reason('a release', 'why', why);
  perform _billing.lock_source(source);
  for held in
    delete from billing.held_windows h
    where h.source_id = source and (log_ids is null or h.log_id = any (log_ids))
    returning h.*
  loop
    perform pg_advisory_xact_lock(hashtextextended('log ' || held.log_id, 0));
    standing := _billing.standing_log(held.log_id);
    if standing.id is distinct from held.standing_id then
      perform billing.raise_error('invalid_correction',
        format('log %s has been corrected since version %s of its window was held', held.log_id,
          held.version),
        'drop the version by billing.refuse_windows, or have it pushed again: it is judged anew');
    end if;
    reason := format('version %s of source %s, released: %s', held.version, source, why);
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
    changed_from := least(changed_from, standing."timestamp");
    released := released + 1;
  end loop;
  update billing.usage_source_states s set equal_until = greatest(changed_from, s.equal_from)
  where s.source_id = source and s.equal_until > changed_from;
  return released;
end $$;
comment on function billing.release_windows is
  'Lets held windows of a source correct what has been invoiced, all or those of some ids, and says
   why; returns how many.';
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

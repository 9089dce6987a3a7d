-- Windows of a source, pushed: each is stored once, however often it comes. A later version of a
-- window states it anew: the row that counts is mirrored and the new one stored, as correct_log
-- does, so the sum of the log is what was last stated.

-- Whether a first version stands as it was stated: what a push that is tried again meets. A window
-- that was stated again, corrected or taken back since is judged (judge_window).
create function _billing.is_stored_window(log_id uuid, said public.agent_usage_logs)
returns boolean language plpgsql stable set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
begin
  return exists (select from public.agent_usage_logs l
      where l.id = log_id and l.corrects_id is null
        and (l.calls, l.input_tokens, l.output_tokens, l.web_searches, l.input_cost, l.output_cost,
            l.feature_cost, l.total_cost, l.other_features, _billing.own_metadata(l.metadata))
          = (said.calls, said.input_tokens, said.output_tokens, said.web_searches, said.input_cost,
            said.output_cost, said.feature_cost, said.total_cost, said.other_features,
            _billing.own_metadata(said.metadata)))
    and not exists (select from _billing.window_versions v where v.log_id = log_id)
    and not exists (select from public.agent_usage_logs c where c.corrects_id = log_id);
end $$;
comment on function _billing.is_stored_window is
  'Whether the row of a window is what was first stated of it, and nothing has changed it since.';

-- Stores windows, all or none. Of one id in a batch the first of the highest version is stored.
-- New windows, and first versions that are there already and say the same, are found for all at
-- once; only windows that are stated again are judged one by one.
create function _billing.store_windows(source billing.usage_sources, windows jsonb)
returns table (index integer, result text, id uuid, detail text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  changed_from timestamptz;
  w record;
begin
  for w in
    with given as materialized (
      select r.* from _billing.read_windows(source, windows) r
    ), chosen as materialized (
      select distinct on (g.id) g.* from given g
      where g.fault is null order by g.id, g.version desc, g.index
    ), stored as (
      insert into public.agent_usage_logs as l (id, agent, endpoint, model, input_tokens,
        output_tokens, web_searches, other_features, input_cost, output_cost, feature_cost,
        total_cost, metadata, "timestamp", client_id, calls)
      select c.id, (c.said).agent, (c.said).endpoint, (c.said).model, (c.said).input_tokens,
        (c.said).output_tokens, (c.said).web_searches, (c.said).other_features,
        (c.said).input_cost, (c.said).output_cost, (c.said).feature_cost, (c.said).total_cost,
        (c.said).metadata, (c.said)."timestamp", (c.said).client_id, (c.said).calls
      from chosen c
      where (c.said).calls > 0 and not exists (select from _billing.window_versions v
        where v.log_id = c.id and v.version >= c.version)
      order by c.index
      on conflict on constraint agent_usage_logs_pkey do nothing
      returning l.id
    ), later as (
      insert into _billing.window_versions (log_id, version)
      -- Few: not joined, where a plan for few would read all of the batch for each of many.
      select c.id, c.version from chosen c
      where c.version > 1 and c.id = any (array(select s.id from stored s))
      on conflict on constraint window_versions_pkey do update set version = excluded.version
    ), fresh as materialized (
      select c.index from chosen c join stored s using (id)
    )
    select g.*, case when g.fault is not null then 'invalid'
      when f.index is not null then 'inserted'
      when g.version = 1 and _billing.is_stored_window(g.id, g.said) then 'duplicate' end as result
    from given g left join fresh f on f.index = g.index order by g.index
  loop
    index := w.index;
    result := w.result;
    id := case when w.fault is null then w.id end;
    detail := w.fault;
    if result is null then
      select r.result, r.detail into result, detail
      from _billing.restate_window(w.id, w.said, w.version, source.id) r;
    end if;
    if result in ('inserted', 'corrected', 'retracted') then
      changed_from := least(changed_from, (w.said)."timestamp");
    end if;
    return next;
  end loop;
  -- What has changed since it was found equal is to be compared again.
  update billing.usage_source_states s set equal_until = greatest(changed_from, s.equal_from)
  where s.source_id = source.id and s.equal_until > changed_from;
end $$;
comment on function _billing.store_windows is
  'Stores a batch of windows of a source; per window what became of it.';

create function billing.push_windows(source text, windows jsonb)
returns table (index integer, result text, id uuid, detail text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the role of a source may push its windows and write nothing else.
declare
  known billing.usage_sources;
begin
  if jsonb_typeof(windows) is distinct from 'array' then
    perform billing.raise_error('invalid_argument', 'windows is not an array', 'send an array');
  end if;
  -- Each window that is corrected takes a lock until the push ends.
  if jsonb_array_length(windows) > 1000 then
    perform billing.raise_error('invalid_argument',
      format('%s windows are more than 1000', jsonb_array_length(windows)),
      'push 1000 windows at a time');
  end if;
  -- Clients before the source: a push that waits for a run keeps no other of its source waiting.
  perform _billing.lock_lowered(_billing.lowered_by(_billing.known_source(source), windows));
  known := _billing.lock_source(source);
  update billing.usage_source_states s set pushed_at = clock_timestamp()
  where s.source_id = source;
  begin
    return query select * from _billing.store_windows(known, windows);
  exception when data_exception or integrity_constraint_violation or sqlstate 'PT400'
      or sqlstate 'PT404' or sqlstate 'PT409' then
    -- Rare: a value that the log does not take, or not as a correction. One by one, then: it
    -- stops no other.
    for place in 0 .. jsonb_array_length(windows) - 1 loop
      begin
        return query select place, w.result, w.id, w.detail
        from _billing.store_windows(known, jsonb_build_array(windows -> place)) w;
      exception when data_exception or integrity_constraint_violation or sqlstate 'PT400'
          or sqlstate 'PT404' or sqlstate 'PT409' then
        return query select place, 'invalid', null::uuid, sqlerrm;
      end;
    end loop;
  end;
end $$;
comment on function billing.push_windows is
  'Stores windows of a source: objects with the columns of agent_usage_logs, timestamp the beginning
   of the window, key what tells rows apart that are alike otherwise, version 1 or more; 1,000 of
   them at most. Per window:
   inserted, duplicate, corrected, retracted, held (it says less than what has been invoiced),
   superseded, conflict or invalid, and why. Pushed again it changes nothing.';
grant execute on function billing.push_windows(text, jsonb) to service_role, billing_source;

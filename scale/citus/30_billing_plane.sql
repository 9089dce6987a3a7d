-- A log plane on Citus, 3: windows are pushed to the billing plane, compared with it, and removed.

-- What the billing plane answers, window by window. A batch that it does not take is pushed again
-- one by one: the window that it fails for is `failed` and stops no other. An error beyond the
-- window (a connection, a grant, a lock, an unknown source) fails the push, which is called again.
create function log_plane.send(source text, said jsonb)
returns table (index integer, result text, id uuid, detail text) language plpgsql as $$
begin
  return query select a.* from dblink('log_plane', format(
      'select w.index, w.result, w.id, w.detail from billing.push_windows(%L, %L) w', source, said))
    a(index integer, result text, id uuid, detail text);
exception when others then
  if left(sqlstate, 2) in ('08', '28', '2F', '40', '42', '53', '55', '57', '58', 'PT') then
    raise;
  elsif jsonb_array_length(said) = 1 then
    return query select 0, 'failed', null::uuid, sqlerrm;
    return;
  end if;
  for place in 0 .. jsonb_array_length(said) - 1 loop
    return query select place, s.result, s.id, s.detail
    from log_plane.send(source, jsonb_build_array(said -> place)) s;
  end loop;
end $$;

-- Pushes windows whose sums have changed. The billing plane stores each once, so one whose answer
-- was lost is pushed again. Returns how many rows were pushed.
create procedure log_plane.push(inout pushed bigint default 0, batch integer default 1000)
language plpgsql as $$
declare
  s log_plane.settings;
  keys record;
  answers bigint;
begin
  if coalesce(not ('log_plane' = any (dblink_get_connections())), true) then
    perform dblink_connect('log_plane', 'billing');
  end if;
  pushed := 0;
  loop
    select * into s from log_plane.settings;
    perform pg_advisory_xact_lock(hashtextextended('log_plane.push', 0));
    select array_agg(w.window_start) as starts, array_agg(w.key) as keys,
      array_agg(w.version) as versions, jsonb_agg(jsonb_build_object('agent', w.agent,
        'model', w.model, 'endpoint', w.endpoint, 'client_id', w.client_id,
        'timestamp', w.window_start, 'key', w.shape, 'version', w.version)
        || w.sums || jsonb_build_object('metadata', w.metadata || (w.sums -> 'metadata')))
        as windows
    into keys
    from (select * from log_plane.windows w where w.pushed_version < w.version
      order by w.window_start limit least(batch, 1000)) w;
    exit when keys.windows is null;
    update log_plane.windows w set log_id = coalesce(a.id, w.log_id),
      -- A version that is behind, of a coordinator that was restored, is said again as a later one.
      version = case when a.result = 'superseded' then w.version + 1 else w.version end,
      pushed_version = k.version,
      problem = case when a.result in ('conflict', 'invalid', 'failed')
        then a.result || ': ' || a.detail end
    from log_plane.send(s.source, keys.windows) a
    join unnest(keys.starts, keys.keys, keys.versions) with ordinality
      k(window_start, key, version, place) on k.place = a.index + 1
    where w.window_start = k.window_start and w.key = k.key;
    get diagnostics answers = row_count;
    pushed := pushed + answers;
    commit;
  end loop;
end $$;

-- What a value adds to a checksum: what is no number, or too long for one, adds nothing.
create function log_plane.number_of(value jsonb) returns numeric language sql immutable strict
return case when jsonb_typeof(value) = 'number' and length(ltrim(value::text, '-')) <= 30
  then value::text::numeric end;

-- Compares windows with the billing plane, summed from the raw calls once more: the checksum of
-- billing.compare_windows. Returns how many windows differ. Windows are known to be equal as far as
-- comparisons follow on each other: one that begins later says nothing of the windows before it.
create procedure log_plane.compare(from_at timestamptz, until_at timestamptz,
  inout differences bigint default 0)
language plpgsql as $$
declare
  s log_plane.settings;
  totals jsonb;
begin
  -- No windows are summed meanwhile.
  select * into s from log_plane.settings for update;
  if coalesce(not ('log_plane' = any (dblink_get_connections())), true) then
    perform dblink_connect('log_plane', 'billing');
  end if;
  if exists (select 1 from log_plane.touched t
      where t.window_start >= from_at and t.window_start < until_at)
    or exists (select 1 from log_plane.windows w where w.pushed_version < w.version
      and w.window_start >= from_at and w.window_start < until_at) then
    raise exception 'windows from % to % are still to be summed or pushed', from_at, until_at
      using hint = 'call log_plane.roll_up(); call log_plane.push();';
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('window', x.window_start, 'calls', x.calls,
    'checksum', x.checksum)), '[]') into totals
  from (select u.window_start, sum((u.sums ->> 'calls')::numeric) as calls,
    -- A row that was never stored has no id: whatever its number, the window differs.
    sum(coalesce(('x' || right(w.log_id::text, 7))::bit(28)::bigint, 1) * (
      (u.sums ->> 'calls')::numeric + 3 * (u.sums ->> 'input_tokens')::numeric
      + 5 * (u.sums ->> 'output_tokens')::numeric + 7 * (u.sums ->> 'web_searches')::numeric
      + 11 * (select coalesce(sum(log_plane.number_of(m.value)), 0)
        from jsonb_each(u.metadata || (u.sums -> 'metadata')) m
        where m.key in ('cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens'))
      + 13 * (select coalesce(sum(log_plane.number_of(f.value)), 0)
        from jsonb_each(case jsonb_typeof(u.sums -> 'other_features') when 'object'
          then u.sums -> 'other_features' else '{}' end) f)
      + 1000000 * (17 * (u.sums ->> 'input_cost')::numeric
        + 19 * (u.sums ->> 'output_cost')::numeric + 23 * (u.sums ->> 'feature_cost')::numeric
        + 29 * (u.sums ->> 'total_cost')::numeric))) as checksum
    from log_plane.sums_of(greatest(from_at, s.kept_from), until_at) u
    left join log_plane.windows w on w.window_start = u.window_start and w.key = u.key
    group by u.window_start) x;
  select d.n into differences from dblink('log_plane', format('select count(*) '
    || 'from billing.compare_windows(%L, %L, %L, %L)', s.source, totals, from_at, until_at))
    d(n bigint);
  if differences > 0 then
    update log_plane.settings t set compared_until = least(t.compared_until, from_at);
    return;
  end if;
  perform 1 from log_plane.calls c
  where c.window_start >= s.compared_until and c.window_start < from_at limit 1;
  if not found then
    update log_plane.settings t set compared_until = greatest(t.compared_until, until_at);
  end if;
end $$;

-- Removes calls and sums of windows before a time that were found equal, and nothing that the
-- billing plane has not got: where a call is still to be summed or pushed, or a person has to look
-- at a window, all stay. Calls that come for them afterwards are kept in too_late: their sums
-- cannot be made any more.
create procedure log_plane.forget(before timestamptz)
language plpgsql as $$
declare
  s log_plane.settings;
begin
  -- No rollup and no writer adds to them meanwhile.
  select * into s from log_plane.settings for update;
  perform pg_advisory_xact_lock(hashtextextended('log_plane.calls', 0));
  before := date_bin(s.window_length, before, '2000-01-01 00:00+00');
  if before > s.compared_until then
    raise exception 'windows before % have not been compared', before
      using hint = format('call log_plane.compare(from_at, until_at), from_at %s or earlier',
        s.compared_until);
  elsif exists (select 1 from log_plane.touched t where t.window_start < before)
    or exists (select 1 from log_plane.windows w
      where w.window_start < before and w.pushed_version < w.version) then
    raise exception 'windows before % are still to be summed or pushed', before
      using hint = 'call log_plane.roll_up(); call log_plane.push(); and compare again';
  elsif exists (select 1 from log_plane.windows w
      where w.window_start < before and w.problem is not null) then
    raise exception 'windows before % have a problem', before
      using hint = 'see log_plane.problems; once it is dealt with, set problem to null';
  end if;
  update log_plane.settings t set kept_from = greatest(t.kept_from, before);
  commit;
  delete from log_plane.calls c where c.window_start < before;
  delete from log_plane.touched t where t.window_start < before;
  delete from log_plane.windows w where w.window_start < before;
end $$;

-- What needs a person. On the coordinator alone, which is no fault.
set client_min_messages = error;
create view log_plane.problems as
select w.window_start, w.agent, w.model, w.problem from log_plane.windows w
where w.problem is not null
union all
select (l.call ->> 'timestamp')::timestamptz, l.call ->> 'agent', l.call ->> 'model',
  'came when its window was gone' from log_plane.too_late l;

-- What one window, one login or one push cannot do to others.
begin;
select plan(24);

insert into billing.usage_sources (id) values ('plane'), ('other');
insert into billing.usage_source_agents (agent, source_id) values ('FAR', 'plane'), ('B', 'other');
create function pg_temp.push(windows jsonb) returns text language sql as $$
  select string_agg(concat_ws(' ', w.index, w.result, w.detail), '; ' order by w.index)
  from billing.push_windows('plane', windows) w;
$$;
create function pg_temp.one(minute integer, more jsonb default '{}') returns jsonb
language sql as $$
  select jsonb_build_array(jsonb_build_object('agent', 'FAR', 'model', 'm', 'calls', 10,
    'timestamp', timestamptz '2026-06-03 10:00+00' + minute * interval '1 minute',
    'input_tokens', 100) || more);
$$;

-- A later version that is none stops no other window.
select is(pg_temp.push(pg_temp.one(1) || pg_temp.one(2) || pg_temp.one(3)),
  '0 inserted; 1 inserted; 2 inserted', 'three windows are stored');
select matches(pg_temp.push(pg_temp.one(1, '{"version": 2, "input_tokens": -5}')
    || pg_temp.one(2, '{"version": 2, "input_tokens": 110}')
    || pg_temp.one(3, '{"version": 2, "metadata": {"cache_read_tokens": -1}}') || pg_temp.one(4)),
  '^0 invalid input_tokens is -5.*; 1 corrected input_tokens; 2 invalid log .* not below zero; '
    || '3 inserted$', 'later versions below zero are invalid; the others are stored');
select is((select sum(l.input_tokens) from public.agent_usage_logs l), 410::numeric,
  '100 + 110 + 100 + 100');
select is(pg_temp.push(pg_temp.one(1, '{"version": 2, "input_tokens": 5}')),
  '0 corrected input_tokens', 'and the version that was invalid can be stated right');

-- Versions of no calls.
select is(pg_temp.push(pg_temp.one(5, '{"version": 2, "calls": 0}')), '0 retracted',
  'a window that never came is taken back');
select is(pg_temp.push(pg_temp.one(5, '{"version": 2}')), '0 conflict calls',
  'that version with calls is a conflict, not a duplicate');
select is(pg_temp.push(pg_temp.one(6, '{"version": 2}')
    || pg_temp.one(6, '{"version": 3, "calls": 0}')),
  '0 superseded a later version counts; 1 retracted', 'the later of two in one push counts');
select is(pg_temp.push(pg_temp.one(6, '{"version": 3, "calls": 0}')), '0 duplicate',
  'the same version is a duplicate');

-- Locks: only of what is corrected.
create function pg_temp.locks() returns bigint language sql as $$
  select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory';
$$;
create function pg_temp.many(windows integer, more jsonb default '{}') returns jsonb
language sql as $$
  select jsonb_agg(pg_temp.one(n, more) -> 0) from generate_series(101, 100 + windows) n;
$$;
select throws_like('select billing.push_windows($$plane$$, pg_temp.many(1001))',
  '1001 windows are more than 1000', 'a push takes 1,000 windows');
select is((select count(*) from billing.push_windows('plane', pg_temp.many(1000)) w
  where w.result = 'inserted'), 1000::bigint, 'and stores them');
create temporary table held on commit drop as select pg_temp.locks() as locks;
select is((select count(*) from billing.push_windows('plane', pg_temp.many(1000)) w
  where w.result = 'duplicate'), 1000::bigint, 'windows pushed again are duplicates');
select is((select count(*) from billing.push_windows('plane',
    pg_temp.many(1000, '{"input_tokens": 7}')) w where w.result = 'conflict'), 1000::bigint,
  'and in conflict');
select is(pg_temp.locks(), held.locks, 'they take no lock') from held;
select is(pg_temp.push(pg_temp.one(101, '{"version": 2, "input_tokens": 7}')),
  '0 corrected input_tokens', 'one is corrected');
select is(pg_temp.locks(), held.locks + 1, 'which takes one') from held;

-- A login pushes and compares for its own source.
select ok(_billing.acts_for_all_sources(), 'the owner acts for all sources');
update billing.usage_sources set login = session_user where id = 'plane';
grant billing_source to current_user;
create function pg_temp.as_source(statement text) returns text language plpgsql as $$
declare
  answer text;
begin
  set local role billing_source;
  execute statement into answer;
  reset role;
  return answer;
exception when others then
  return sqlerrm;
end $$;
select is(pg_temp.as_source($$select w.result from billing.push_windows('plane', '[{"agent": "FAR",
  "model": "m", "timestamp": "2026-06-03 10:01", "calls": 1, "key": "login"}]') w$$), 'inserted',
  'the login of a source pushes for it');
select is(pg_temp.as_source($$select count(*) > 0 from billing.compare_windows('plane', '[]',
  '2026-06-03 00:00+00', '2026-06-04 00:00+00', '2030-01-01')$$), 'true',
  'the login of a source compares its windows');
select matches(pg_temp.as_source($$select billing.push_windows('other', '[]')$$),
  '^source other is not one of login ', 'for another source it does not push');
select matches(pg_temp.as_source($$select billing.compare_windows('other', '[]',
  '2026-06-03 00:00+00', '2026-06-04 00:00+00')$$), '^source other is not one of login ',
  'the login of a source compares no other source');
select cmp_ok((select s.compared_at from billing.usage_source_states s where s.source_id = 'plane'),
  '<=', clock_timestamp(), 'when it compared is not its to say');

-- Where a source begins.
select throws_like($$insert into billing.usage_source_agents (agent, source_id, since)
  values ('C', 'plane', '2026-06-01 00:07+00')$$, '%usage_source_agents_since_quarter_hour%',
  'an agent''s calls lie in a source from a quarter of an hour on: no window is parted');
select throws_like($$insert into billing.usage_source_agents (agent, source_id, since)
  values ('C', 'plane', 'infinity')$$, '%usage_source_agents_since_quarter_hour%', 'never is none');
select lives_ok($$insert into billing.usage_source_agents (agent, source_id, since)
  values ('C', 'plane', '2026-06-01 00:15+00')$$, 'a quarter is one');
select * from finish();
rollback;

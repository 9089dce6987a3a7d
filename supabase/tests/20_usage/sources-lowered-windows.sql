-- Which windows of a push wait for the writer of their client's books, each step by itself.
begin;
select plan(13);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Bolt', '2026-06-01');
insert into public.agent_assignments (agent, client_id) values
  ('A', '00000000-0000-0000-0000-00000000000a'), ('B', '00000000-0000-0000-0000-00000000000b');
insert into billing.usage_sources (id) values ('plane');
insert into billing.usage_source_agents (agent, source_id) values ('A', 'plane'), ('B', 'plane'),
  ('NOBODYS', 'plane');
create function pg_temp.window(of_agent text, searches bigint, of_version integer)
returns jsonb language sql as $$
  select jsonb_build_array(jsonb_build_object('agent', of_agent, 'model', 'claude-sonnet',
    'calls', 10, 'timestamp', '2026-06-03 10:01+00', 'web_searches', searches,
    'version', of_version));
$$;
create function pg_temp.lowered(windows jsonb) returns text language sql as $$
  select coalesce(string_agg(l.agent, ',' order by l.agent), 'none')
  from public.agent_usage_logs l where l.id = any (_billing.lowered_logs(
    (select s from billing.usage_sources s), windows));
$$;
select billing.push_windows('plane', pg_temp.window('A', 100, 1) || pg_temp.window('B', 100, 1)
  || pg_temp.window('NOBODYS', 100, 1));
select _billing.rollup();

select is(pg_temp.lowered(windows), lowered, note)
from (values ('[]'::jsonb, 'none', 'a push of nothing lowers nothing'),
  (pg_temp.window('A', 50, 1), 'none', 'nor does the version that is known'),
  (pg_temp.window('A', 101, 2), 'none', 'nor does more'),
  (pg_temp.window('A', 50, 2) || pg_temp.window('B', 99, 3) || pg_temp.window('A', 500, 3), 'A,B',
    'less of a window does'),
  (pg_temp.window('A', 50, 2) || '[7, {"agent": "A", "version": 2}]', 'A',
    'a value that is no window lowers nothing')) v(windows, lowered, note);
select throws_ok($$select pg_temp.lowered('[{"version": "x"}]')$$, '22P02', null,
  'an unreadable version is an error');
select is(r.result, expected, 'pushed beside it, window ' || r.index)
from billing.push_windows('plane', pg_temp.window('B', 90, 2) || '[{"version": "x"}]'
  || pg_temp.window('A', 90, 2)) r
join (values (0, 'corrected'), (1, 'invalid'), (2, 'corrected')) v(index, expected) using (index);

select lives_ok($$select _billing.lock_lowered(array(select l.id from public.agent_usage_logs l))$$,
  'clients of rows are locked');
select is(_billing.may_be_settled(l.id), false, l.agent || ' has not been invoiced')
from public.agent_usage_logs l where l.corrects_id is null and l.agent in ('A', 'NOBODYS')
order by l.agent;
select billing.run_monthly('2026-07-01 09:00+00');
select is(_billing.may_be_settled(l.id), true, l.agent || ' has been, then')
from public.agent_usage_logs l where l.corrects_id is null and l.agent = 'A';
select * from finish();
rollback;

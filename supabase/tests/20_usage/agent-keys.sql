-- Keys of agents: what each may log, its quota, its end, and what is kept of it.
begin;
select plan(35);

insert into public.clients (id, name, external_id, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'A', 'key-a', '2026-01-01'),
  ('00000000-0000-0000-0000-00000000000b', 'B', 'key-b', '2026-01-01'),
  ('00000000-0000-0000-0000-00000000000c', 'C', 'key-c', '2026-01-01');
insert into public.agent_assignments (agent, client_id)
values ('SCHOLAR', '00000000-0000-0000-0000-00000000000c');

-- What `events` become with a key: place, result, code.
create function pg_temp.log(key uuid, events jsonb) returns text language sql as $$
  select string_agg(concat_ws(' ', i.index, i.result, coalesce(i.code, i.detail)), '; '
    order by i.index)
  from billing.ingest_usage_by_key(key, events) i;
$$;
create function pg_temp.event(more jsonb default '{}') returns jsonb language sql
return jsonb_build_object('agent', 'SCHOLAR', 'model', 'claude-sonnet', 'input_tokens', 7) || more;

create temporary table made as
select 'one' as key, * from billing.create_agent_key('SCHOLAR of A',
  '{00000000-0000-0000-0000-00000000000a}', 'SCHOLAR', daily_events => 5)
union all
select 'two', * from billing.create_agent_key('Gateway',
  '{00000000-0000-0000-0000-00000000000a,00000000-0000-0000-0000-00000000000b}')
union all
select 'all', * from billing.create_agent_key('All', null, max_age => '2 days');
create function pg_temp.id(name text) returns uuid language sql
return (select m.id from made m where m.key = name);

-- The token.
select matches((select token from made where key = 'one'), '^lea_[0-9a-f]{56}$',
  'a token begins with lea_');
select is((select left(encode(sha256(convert_to(left(token, 52), 'UTF8')), 'hex'), 8) from made
  where key = 'one'), (select right(token, 8) from made where key = 'one'),
  'and ends with a checksum of the rest');
select isnt(_billing.new_agent_token(), _billing.new_agent_token(), 'no two are alike');
select is((select f.agent from made m, billing.find_agent_key(
  encode(sha256(convert_to(m.token, 'UTF8')), 'hex')) f where m.key = 'one'), 'SCHOLAR',
  'a key is found by the hash of its token');
select is_empty($$select * from billing.find_agent_key(repeat('0', 64))$$, 'by no other');
select is_empty($$
  select 1 from made m, billing.audit_log a
  where (coalesce(a.after, '{}') || coalesce(a.before, '{}'))::text like '%' || m.token || '%'
    or a.after::text like '%' || encode(sha256(convert_to(m.token, 'UTF8')), 'hex') || '%'$$,
  'the audit log holds neither token nor hash');
select results_eq($$select operation, after ->> 'agent' from billing.audit_log
  where table_name = 'agent_keys' and row_id = pg_temp.id('one')::text$$,
  $$values ('insert', 'SCHOLAR')$$, 'but that the key was made');

-- What the key fills in.
select is(pg_temp.log(pg_temp.id('one'), jsonb_build_array(
  '{"model": "claude-sonnet", "input_tokens": 11}'::jsonb)), '0 inserted',
  'an event need name neither agent nor client');
select results_eq($$select agent, client_id from public.agent_usage_logs
  where input_tokens = 11$$,
  $$values ('SCHOLAR', '00000000-0000-0000-0000-00000000000a'::uuid)$$,
  'they are those of the key, and not those of the agent''s assignment');

-- What it may not.
select is(pg_temp.log(pg_temp.id('one'), jsonb_build_array(
    pg_temp.event('{"agent": "CHIRON"}'),
    pg_temp.event('{"metadata": {"client_id": "key-b"}}'),
    pg_temp.event('{"metadata": {"client_id": "nobody"}}'),
    pg_temp.event('{"client_id": "00000000-0000-0000-0000-00000000000b"}'),
    pg_temp.event(jsonb_build_object('timestamp', now() - interval '32 days')),
    pg_temp.event(jsonb_build_object('timestamp', now() + interval '61 minutes')),
    pg_temp.event(jsonb_build_object('timestamp', now() + interval '59 minutes')),
    pg_temp.event('{"timestamp": "2026-02-30T00:00:00"}'),
    pg_temp.event('{"metadata": {"client_id": "key-a"}}'))) ~ (
  '^0 invalid agent_not_allowed; 1 invalid client_not_allowed; 2 invalid client_not_allowed; '
    || '3 invalid client_not_allowed; 4 invalid time_not_allowed; 5 invalid time_not_allowed; '
    || '6 inserted; 7 invalid date.*; 8 inserted$'), true,
  'another agent, client or time is invalid by its code and loses none of the others');
select is(pg_temp.log(pg_temp.id('two'), jsonb_build_array(pg_temp.event(),
    pg_temp.event('{"agent": "ANY", "metadata": {"client_id": "key-b"}, "input_tokens": 12}'),
    pg_temp.event('{"metadata": {"client_id": "key-c"}}'))),
  '0 invalid client_not_allowed; 1 inserted; 2 invalid client_not_allowed',
  'a key of several clients must be told which');
select is((select client_id from public.agent_usage_logs where input_tokens = 12),
  '00000000-0000-0000-0000-00000000000b', 'and stores the id of whom it was told');
select is(pg_temp.log(pg_temp.id('all'), jsonb_build_array(
    pg_temp.event('{"input_tokens": 13}'),
    pg_temp.event('{"metadata": {"client_id": "key-c"}}'),
    pg_temp.event(jsonb_build_object('timestamp', now() - interval '49 hours')))),
  '0 inserted; 1 inserted; 2 invalid time_not_allowed',
  'a key of all clients logs as the event says, within its own times');
select is((select client_id from public.agent_usage_logs where input_tokens = 13), null,
  'and leaves to the assignment what the event does not say');
select is(pg_temp.log(pg_temp.id('all'), jsonb_build_array(
    pg_temp.event('{"corrects_id": "00000000-0000-0000-0000-00000000000a"}'))),
  '0 invalid corrects_id cannot be sent: an operator calls billing.correct_log or '
    || 'billing.retract_log', 'no key corrects');

-- Rows of others.
select pg_temp.log(pg_temp.id('all'), jsonb_build_array(pg_temp.event(
  '{"id": "00000000-0000-4000-8000-000000000001", "metadata": {"client_id": "key-c"}}')));
select is(pg_temp.log(pg_temp.id('one'), jsonb_build_array(pg_temp.event(
  '{"id": "00000000-0000-4000-8000-000000000001", "input_tokens": 8}'))), '0 conflict id',
  'of another client''s row it learns that the id is taken, nothing else');

-- The quota: 5 events, of which 3 are used.
select pg_temp.log(pg_temp.id('one'), jsonb_build_array(pg_temp.event(
  '{"id": "00000000-0000-4000-8000-000000000002"}')));
select throws_ok($$select pg_temp.log(pg_temp.id('one'),
  jsonb_build_array(pg_temp.event('{"input_tokens": 14}'), pg_temp.event()))$$, 'PT429', null,
  'beyond the quota a batch is refused');
select is_empty($$select 1 from public.agent_usage_logs where input_tokens = 14$$,
  'no event of the batch is stored');
select is(pg_temp.log(pg_temp.id('one'), jsonb_build_array(pg_temp.event(
    '{"id": "00000000-0000-4000-8000-000000000002"}'), pg_temp.event())),
  '0 duplicate; 1 inserted', 'an event stored before does not count towards the quota again');
select results_eq($$select events_today, state, last_used_at = now() from billing.agent_keys
  where id = pg_temp.id('one')$$, $$values (5::bigint, 'active', true)$$,
  'the view says how much is used, and when the key was used last');
update _billing.agent_key_use set last_used_at = now() - interval '59 seconds';
select pg_temp.log(pg_temp.id('two'), '[]');
select isnt((select last_used_at from billing.agent_keys where id = pg_temp.id('two')), now(),
  'which is written once a minute');

-- Its end.
insert into made select 'new', * from billing.rotate_agent_key(pg_temp.id('one'), '2 hours');
select results_eq($$select state, expires_at = now() + interval '2 hours' from billing.agent_keys
  where id = pg_temp.id('one')$$, $$values ('replaced', true)$$,
  'a rotated key lives for the overlap');
select results_eq($$select name, agent, daily_events, expires_at = now() + interval '1 year'
  from billing.agent_keys where replaces_id = pg_temp.id('one')$$,
  $$values ('SCHOLAR of A', 'SCHOLAR', 5::bigint, true)$$, 'its successor has its rights');
select is(pg_temp.log(pg_temp.id('new'), jsonb_build_array(pg_temp.event())), '0 inserted',
  'the successor may log');
select throws_ok($$select billing.rotate_agent_key(pg_temp.id('one'))$$, 'PT409', null,
  'a key is replaced once');
select billing.revoke_agent_key(pg_temp.id('new'), 'seen in a log');
select throws_ok($$select pg_temp.log(pg_temp.id('new'), '[]')$$, 'PT401', 'the key is not valid',
  'a revoked key logs nothing');
update _billing.agent_keys set expires_at = now() where id = pg_temp.id('one');
select throws_ok($$select pg_temp.log(pg_temp.id('one'), '[]')$$, 'PT401', 'the key is not valid',
  'nor does one that has expired');
select throws_ok($$select pg_temp.log(gen_random_uuid(), '[]')$$, 'PT401', 'the key is not valid',
  'nor one that never was');
select is_empty($$select f.* from made m, billing.find_agent_key(
  encode(sha256(convert_to(m.token, 'UTF8')), 'hex')) f where m.key in ('one', 'new')$$,
  'ended keys are not found');
select results_eq($$select operation, after ? 'revoked_at', after ->> 'revoked_because'
  from billing.audit_log where table_name = 'agent_keys' and row_id = pg_temp.id('new')::text
  order by id desc limit 1$$, $$values ('update', true, 'seen in a log')$$,
  'the end of a key is audited');
select throws_ok($$select * from billing.create_agent_key('x',
  '{00000000-0000-0000-0000-0000000000ff}')$$, 'PT404', null, 'a key is of clients that exist');
select throws_ok($$select * from billing.create_agent_key('x', '{}')$$, 'PT400', null,
  'and not of none');
select throws_ok($$select * from billing.create_agent_key('x', null, kind => 'jwt',
    expires_at => now() + interval '367 days')$$, 'PT400', null,
  'nor a signed one that lives for more than 366 days');
select lives_ok($$select * from billing.create_agent_key('x', null, expires_at => null)$$,
  'a token of ours may live until it is revoked: it is asked for in the database each time');
select throws_ok($$select * from billing.create_agent_key('x', null, kind => 'jwt',
  expires_at => null)$$, 'PT400', null, 'a signed token expires');

select * from finish();
rollback;

-- The steps that decide on an agent's key, one by one.
begin;
select plan(26);

insert into public.clients (id, name, external_id, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'A', 'key-a', '2026-01-01'),
  ('00000000-0000-0000-0000-00000000000b', 'B', 'key-b', '2026-01-01');
create temporary table made as select * from billing.create_agent_key('of A',
  '{00000000-0000-0000-0000-00000000000a}', 'SCHOLAR', 10, '{10.0.0.0/8}', '1 day', '1 hour');
create function pg_temp.key() returns _billing.agent_keys language sql
return (select k from _billing.agent_keys k join made m on m.id = k.id);

select is((_billing.valid_agent_key((select id from made), 'token')).name, 'of A', 'a valid key');
select throws_ok($$select _billing.valid_agent_key((select id from made), 'jwt')$$, 'PT401', null,
  'is of its kind');
select is((_billing.live_key_to_change((select id from made))).name, 'of A', 'it can be changed');
select throws_ok($$select _billing.live_key_to_change(gen_random_uuid())$$, 'PT404', null,
  'a key that does not exist cannot be changed');
select is(_billing.claimed_client(pg_temp.key(), 'key-a'), '00000000-0000-0000-0000-00000000000a',
  'an external id of its client');
select is(_billing.claimed_client(pg_temp.key(), '00000000-0000-0000-0000-00000000000a'),
  '00000000-0000-0000-0000-00000000000a', 'or its id');
select is(_billing.claimed_client(pg_temp.key(), 'key-b'), null, 'names none of another client');

create function pg_temp.refused(agent text, client text, "at" interval) returns text language sql
return _billing.refused_by_key(pg_temp.key(), agent,
  ('00000000-0000-0000-0000-00000000000' || client)::uuid, now() + "at");
select is(pg_temp.refused('SCHOLAR', 'a', '0'), null, 'its agent, its client, now');
select is(pg_temp.refused('scholar', 'a', '0'), 'agent_not_allowed', 'names are exact');
select is(pg_temp.refused('SCHOLAR', 'b', '0'), 'client_not_allowed',
  'a row of another client is refused');
select is(pg_temp.refused('SCHOLAR', null, '0'), 'client_not_allowed',
  'a row without a client is refused');
select is(pg_temp.refused('SCHOLAR', 'a', '-24 hours'), null, 'as old as it may be');
select is(pg_temp.refused('SCHOLAR', 'a', '-86401 seconds'), 'time_not_allowed',
  'an older row is refused');
select is(pg_temp.refused('SCHOLAR', 'a', '3601 seconds'), 'time_not_allowed',
  'a row further ahead is refused');

select is(_billing.event_time('2026-06-03T14:21:07'), '2026-06-03 14:21:07+00', 'a time is UTC');
select is(_billing.event_time('2026-02-30T00:00:00'), null, 'a day that does not exist is no time');
select results_eq($$select e.index, e.refused, e.event ->> 'agent' from _billing.events_by_key(
    pg_temp.key(), '[{"model": "m"}, {"model": "m", "agent": "X"}]') e$$,
  $$values (0, null, 'SCHOLAR'), (1, 'agent_not_allowed', 'X')$$, 'events and what refuses them');

select is(_billing.is_in_networks('{10.0.0.0/8,2001:db8::/32}', a.address), a.inside, a.address)
from (values ('10.9.8.7', true), ('11.0.0.1', false), ('2001:db8:7:8::/64', true),
  ('nowhere', false)) a(address, inside);
select throws_ok($$select billing.ingest_usage_by_key((select id from made), '[]', '11.0.0.1')$$,
  'PT403', 'the key may not be used from 11.0.0.1', 'a key of networks is for these');

select _billing.use_agent_key(pg_temp.key(), 4), _billing.use_agent_key(pg_temp.key(), 6);
select is((select sum(events)::int from _billing.agent_key_days), 10, 'all of the quota');
select throws_ok($$select _billing.use_agent_key(pg_temp.key(), 1)$$, 'PT429', null, 'and no more');

-- Of kind jwt a key has no token; and the policy asks for claims.
select is(_billing.store_agent_key(jsonb_populate_record(pg_temp.key(), jsonb_build_object(
  'id', gen_random_uuid(), 'kind', 'jwt', 'networks', null))), null, 'a jwt key has no token');
select throws_ok($$select billing.agent_may_log('SCHOLAR', null, '{}', now())$$, 'PT401', null,
  'without claims nothing is logged');

select * from finish();
rollback;

-- What agents call themselves and their clients is theirs to choose: many names cost in proportion,
-- a new client reads what claims it, and operators get one message, not one per name.
begin;
select plan(12);

insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01');
create function pg_temp.names(prefix text, count integer, rows integer default null)
returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp")
  select prefix || i, 'claude-sonnet', 1,
    case when i % 2 = 0 then '{}' else jsonb_build_object('client_id', prefix || i) end,
    '2026-06-10 12:00+00'
  from (select n % count + 1 as i from generate_series(1, coalesce(rows, count)) n) n;
$$;
create function pg_temp.seconds_of(statement text) returns numeric language plpgsql as $$
declare
  started constant timestamptz := clock_timestamp();
begin
  execute statement;
  return extract(epoch from clock_timestamp() - started);
end $$;

-- As many rows, so that a busy machine is as busy with both. A hundred times the names are not
-- much more to group and to store; where each is compared with each, it is many times as much.
select pg_temp.names('warm', 100);
select _billing.rollup();
select pg_temp.names('few', 200, 20000);
create temporary table took as select pg_temp.seconds_of('select _billing.rollup()') as few;
select pg_temp.names('many', 20000);
select cmp_ok(pg_temp.seconds_of('select _billing.rollup()'), '<', 6 * (select few from took),
  'twenty thousand unknown agents do not cost the square: six times what two hundred do at most');
select is((select count(*) from billing.quarantined_logs), 40100::bigint, 'all are in quarantine');
select results_eq($$select reason, claim, count(*) from billing.quarantined_logs
    where agent in ('few1', 'few2') group by 1, 2 order by 1$$,
  $$values ('no_client', null, 100::bigint), ('unknown_client', 'few1', 100)$$,
  'with the name under which they call their client');

-- A new client can own what claims it, by its id or its external id, and nothing else.
create function pg_temp.taken() returns table (agents text[]) language sql as $$
  select _billing.resolve_rebuild_requests();
  delete from billing.rebuild_requests returning agents;
$$;
insert into public.clients (name, external_id, started_on) values ('None', 'none', '2026-06-01');
select is_empty('select * from pg_temp.taken()', 'a client that nothing claims asks for nothing');
insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp") values
  ('BY-ID', 'claude-sonnet', 1, '{"client_id": "00000000-0000-0000-0000-00000000000b"}',
    '2026-06-10 12:00+00'),
  ('LONG', 'claude-sonnet', 1, jsonb_build_object('client_id', repeat('x', 20000)),
    '2026-06-10 12:00+00');
select lives_ok('select _billing.rollup()', 'a name longer than an index row stops nothing');
insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000b', 'Birch', 'many7', '2026-06-01');
select _billing.resolve_rebuild_requests();
select results_eq('select agents from billing.rebuild_requests',
  $$values ('{BY-ID,many7}'::text[])$$, 'one that is claimed for the agents that claim it');
select _billing.rollup();
select results_eq($$select agent, quantity from public.usage_records r
    where client_id = '00000000-0000-0000-0000-00000000000b' and metric = 'input_tokens'
    order by agent$$, $$values ('BY-ID', 1::numeric), ('many7', 1)$$, 'and gets their usage');
select is((select count(*) from billing.quarantined_logs), 40100::bigint, 'the rest stays');
update public.clients set external_id = 'few3' where name = 'None';
delete from billing.rebuild_requests;
update public.clients set external_id = null where name = 'None';
delete from billing.rebuild_requests;
update public.clients set external_id = 'few5' where name = 'None';
select results_eq('select * from pg_temp.taken()', $$values ('{few5}'::text[])$$,
  'a first external id asks for what it names');

-- Messages: one, however many names there are.
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
select 'SCHOLAR', 'mystery-' || n, 1, '00000000-0000-0000-0000-00000000000a',
  '2026-06-10 12:00+00' from generate_series(10, 35) n;
select _billing.rollup();
set local billing.as_of = '2026-06-11 09:00+00';
select billing.queue_usage_alerts('2026-06-11 09:00+00');
select is((select count(*) from public.deliveries where event = 'notice' and kind = 'hermes'),
  2::bigint, 'one message for all agents of nobody, one for all models without a price');
select matches((select payload ->> 'message' from public.deliveries
    where dedupe_key like 'nobody:%'), '^20300 agents .*: BY|^2030\d agents have logged \d+ calls',
  'it says how many');
select is((select array_agg(length(payload ->> 'message') < 1500) from public.deliveries
    where event = 'notice'), '{t,t}', 'and names the first few');

select * from finish();
rollback;

-- A log row that is held for one client's day and comes to another is judged there anew, and held
-- there where that day is full too.
begin;
select plan(5);

insert into public.clients (id, name, external_id, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', 'birch', '2026-06-01');
-- Each call has two keys: a day is full with the first agent.
update public.billing_settings set max_usage_keys_per_day = 2;
create function pg_temp.log(of_agent text, client text) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp")
  values (of_agent, 'claude-sonnet', 1, jsonb_build_object('client_id', client),
    '2026-06-10 12:00+00');
$$;
select pg_temp.log('A', 'acme');
select pg_temp.log('HELD', 'acme');
select pg_temp.log('B', '00000000-0000-0000-0000-00000000000b');
select _billing.rollup();
create view pg_temp.held as
select l.agent, c.name from billing.held_logs h
join public.agent_usage_logs l on l.id = h.log_id join public.clients c on c.id = h.client_id;
create view pg_temp.used as
select distinct r.agent, c.name from public.usage_records r
join public.clients c on c.id = r.client_id;
select set_eq('select * from pg_temp.held', $$values ('HELD', 'Acme')$$, 'one row is held');

-- Acme's name becomes that of Birch, whose day is full already.
update public.clients set external_id = 'gone' where name = 'Acme';
update public.clients set external_id = 'acme' where name = 'Birch';
select billing.rebuild_usage();
select set_eq('select * from pg_temp.used', $$values ('B', 'Birch')$$,
  'no row of the earlier name is counted beyond the bound');
select set_eq('select * from pg_temp.held', $$values ('A', 'Birch'), ('HELD', 'Birch')$$,
  'a row that was held is held for the client that it is of now, with the one that was counted');
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');

-- Rows of a client whose day has room are not held for another's.
create function pg_temp.later(of_agent text, client text) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp")
  values (of_agent, 'claude-sonnet', 1, jsonb_build_object('client_id', client),
    '2026-06-12 12:00+00');
$$;
select pg_temp.later('FIRST', 'gone');
select _billing.rollup();
select pg_temp.later('SECOND', 'gone');
select pg_temp.later('OTHER', 'acme');
select _billing.rollup();
select set_eq($$select agent, name from pg_temp.held h where agent in ('SECOND', 'OTHER')$$,
  $$values ('SECOND', 'Acme')$$, 'where one client''s day is full, another''s is not');

select * from finish();
rollback;

-- What role billing_agent may do: insert into the log for its key's clients, and nothing else.
begin;
select plan(23);
grant billing_agent to current_user;

insert into public.clients (id, name, external_id, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'A', 'key-a', '2026-01-01'),
  ('00000000-0000-0000-0000-00000000000b', 'B', 'key-b', '2026-01-01');
create temporary table made as
select 'one' as key, id from billing.create_agent_key('of A',
  '{00000000-0000-0000-0000-00000000000a}', 'SCHOLAR', daily_events => 3, kind => 'jwt')
union all
select 'two', id from billing.create_agent_key('of both',
  '{00000000-0000-0000-0000-00000000000a,00000000-0000-0000-0000-00000000000b}', kind => 'jwt')
union all
select 'token', id from billing.create_agent_key('no jwt', null);
select is((select count(*) from made m join _billing.agent_key_hashes h on h.key_id = m.id),
  1::bigint,
  'a key of kind jwt has no token here');

-- Inserts as the Data API does: the columns that are sent, with the token's role and claims.
create function pg_temp.post(key text, columns text, sent text, client text default null,
  ends jsonb default to_jsonb(extract(epoch from now() + interval '365 days')))
returns text language plpgsql as $$
declare
  told text;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('role', 'billing_agent',
    'billing_key', (select id from made m where m.key = post.key), 'billing_client', client,
    'exp', ends)::text, true);
  set local role billing_agent;
  begin
    execute format('insert into public.agent_usage_logs (%s) values (%s)', columns, sent);
    told := '201';
  exception when others then
    get stacked diagnostics told = pg_exception_detail;
    told := concat_ws(' ', sqlstate, nullif(told, ''));
  end;
  reset role;
  perform set_config('request.jwt.claims', '', true);
  return told;
end $$;
grant select on made to billing_agent;

select is(pg_temp.post('one', 'agent, model, input_tokens', $$'SCHOLAR', 'm', 21$$,
  '00000000-0000-0000-0000-00000000000a'), '201', 'a row for the client of the key');
select is((select client_id from public.agent_usage_logs where input_tokens = 21),
  '00000000-0000-0000-0000-00000000000a', 'which the token fills in');
select is(pg_temp.post('one', 'agent, model, metadata',
  $$'SCHOLAR', 'm', '{"client_id": "key-a"}'$$,
  '00000000-0000-0000-0000-00000000000a'), '201', 'as the row may say itself');
select is(pg_temp.post('one', 'agent, model, metadata',
  $$'SCHOLAR', 'm', '{"client_id": "key-b"}'$$,
  '00000000-0000-0000-0000-00000000000a'), 'PT403 client_not_allowed',
  'a row that says another client is refused');
select is(pg_temp.post('one', 'agent, model, client_id',
  $$'SCHOLAR', 'm', '00000000-0000-0000-0000-00000000000b'$$), 'PT403 client_not_allowed',
  'by column too');
select is(pg_temp.post('one', 'agent, model', $$'SCHOLAR', 'm'$$,
  '00000000-0000-0000-0000-00000000000b'), 'PT403 client_not_allowed',
  'and a token that names another client than its key');
select is(pg_temp.post('one', 'agent, model, client_id', $$'SCHOLAR', 'm', null$$,
  '00000000-0000-0000-0000-00000000000a'), 'PT403 client_not_allowed', 'nobody''s row is refused');
select is(pg_temp.post('one', 'agent, model', $$'CHIRON', 'm'$$,
  '00000000-0000-0000-0000-00000000000a'), 'PT403 agent_not_allowed',
  'a row of another agent is refused');
select is(pg_temp.post('one', 'agent, model, "timestamp"', $$'SCHOLAR', 'm', '1970-01-01'$$,
  '00000000-0000-0000-0000-00000000000a'), 'PT403 time_not_allowed', 'a time long past');
select is(pg_temp.post('two', 'agent, model, metadata, input_tokens',
  $$'ANY', 'm', '{"client_id": "key-b"}', 22$$), '201', 'of several clients the row says which');
select is(pg_temp.post('two', 'agent, model, client_id, metadata',
  $$'ANY', 'm', '00000000-0000-0000-0000-00000000000a', '{"client_id": "key-b"}'$$),
  'PT403 client_not_allowed', 'and not two of them');
select is(pg_temp.post('token', 'agent, model', $$'ANY', 'm'$$), 'PT401 unauthorized',
  'a key of the other kind is none here');
select is(pg_temp.post('nothing', 'agent, model', $$'ANY', 'm'$$), 'PT401 unauthorized',
  'and a token must name one');
select is(pg_temp.post('one', 'agent, model, created_at', $$'SCHOLAR', 'm', now()$$), '42501',
  'when a row arrived is not the agent''s to say');
select is(pg_temp.post('one', 'agent, model, corrects_id', $$'SCHOLAR', 'm', gen_random_uuid()$$),
  '42501', 'nor what it corrects');
select is(pg_temp.post('one', 'agent, model', $$'SCHOLAR', 'm'), ('SCHOLAR', 'm'$$,
  '00000000-0000-0000-0000-00000000000a'), 'PT429 quota_exceeded',
  'two rows are two events of the quota');
select billing.revoke_agent_key((select id from made where key = 'one'));
select is(pg_temp.post('one', 'agent, model', $$'SCHOLAR', 'm'$$,
  '00000000-0000-0000-0000-00000000000a'), 'PT401 unauthorized', 'a revoked key ends at once');

-- billing.agent_may_log is the one function of the log that the role may call.
create function pg_temp.refusal(statement text) returns text language plpgsql as $$
begin
  set local role billing_agent;
  execute statement;
  return 'done';
exception when others then
  return sqlstate;
end $$;
-- How long a signed token may live: as long as its key, which is 366 days at most.
select is(pg_temp.post('two', 'agent, model, metadata',
  $$'SCHOLAR', 'm', '{"client_id": "key-a"}'$$), '201', 'a token of a year is taken');
select is(pg_temp.post('two', 'agent, model, metadata',
    $$'SCHOLAR', 'm', '{"client_id": "key-a"}'$$, ends => x.ends), 'PT401 unauthorized', x.what)
from (values (to_jsonb(extract(epoch from now() + interval '367 days')),
    'a token that outlives every key is refused'),
  ('null', 'and one that never ends'), ('"later"', 'or does not say when')) x(ends, what);

select is(pg_temp.refusal('select agent from public.agent_usage_logs'), '42501',
  'the role reads nothing, not even what it has inserted');

select * from finish();
rollback;

-- The caller is read from the token, by the policies as by the audit trail.
begin;
select plan(12);

insert into auth.users (id) values ('0000000a-0000-0000-0000-000000000001'),
  ('0000000b-0000-0000-0000-000000000002');
insert into public.clients (id, name, started_on) values
  ('0000000a-0000-0000-0000-000000000000', 'Acme', '2026-06-01'),
  ('0000000b-0000-0000-0000-000000000000', 'Birch', '2026-06-01');
insert into public.client_members (client_id, user_id) values
  ('0000000a-0000-0000-0000-000000000000', '0000000a-0000-0000-0000-000000000001');
create function pg_temp.claim(claims text) returns void language sql as $$
  select set_config('request.jwt.claims', claims, true);
$$;

select is(billing.my_clients(), '{}', 'without a token nobody is a member of anything');
select ok(not billing.is_operator(), 'nor an operator');
select is(billing.actor(), session_user::text, 'and who acts is the session''s user');
select pg_temp.claim('{"sub": "0000000a-0000-0000-0000-000000000001", "role": "authenticated"}');
select is(billing.my_clients(), '{0000000a-0000-0000-0000-000000000000}',
  'a member has the clients that name it');
select is(billing.readable_clients(), billing.my_clients(), 'and reads what is theirs');
select is(billing.actor(), '0000000a-0000-0000-0000-000000000001', 'and acts by its id');
select pg_temp.claim('{"sub": "0000000b-0000-0000-0000-000000000002", "role": "authenticated",
  "user_metadata": {"role": "operator"}}');
select ok(billing.my_clients() = '{}' and not billing.is_operator(),
  'an unknown user has none, whatever its own metadata say');
select is(billing.readable_clients(), '{}', 'and reads nothing');
select pg_temp.claim('{"app_metadata": {"role": "operator"}, "role": "authenticated"}');
select ok(billing.is_operator(), 'an operator is who the server calls one');
select set_eq('select unnest(billing.readable_clients())', 'select id from public.clients',
  'and reads everybody''s');
select pg_temp.claim('{"role": "service_role"}');
select is(billing.actor(), 'service_role', 'a key without a user acts by its role');
set local billing.actor = 'ada';
select is(billing.actor(), 'ada', 'a function says for whom it acts');

select * from finish();
rollback;

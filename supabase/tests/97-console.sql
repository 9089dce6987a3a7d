-- What the console asks beyond the tables: members with their emails, and charges of open periods.
begin;
select plan(11);

insert into auth.users (id, email) values
  ('00000000-0000-0000-0000-0000000000e1', 'ann@example.com'),
  ('00000000-0000-0000-0000-0000000000e2', 'ben@example.com');
insert into public.clients (id, name, started_on, time_zone) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01', 'UTC'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01', 'UTC');
insert into public.billing_config (client_id, minimum_minor)
select id, 0 from public.clients;
insert into public.client_members (client_id, user_id, role) values
  ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-0000000000e1', 'payer'),
  ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-0000000000e2', 'viewer');
set local billing.as_of = '2026-06-21 12:00+00';

select results_eq(
  $$select email, role from billing.members_of('00000000-0000-0000-0000-00000000000a')$$,
  $$values ('ann@example.com', 'payer')$$, 'members of a client have their emails, no other');
select is(billing.user_with_email(' Ben@Example.com '), '00000000-0000-0000-0000-0000000000e2',
  'a user is found by email, however it is written');
select is(billing.user_with_email('nobody@example.com'), null, 'or not at all');
set local role authenticated;
select throws_ok($$select billing.members_of('00000000-0000-0000-0000-00000000000a')$$, '42501',
  null, 'signed-in users list no members');
select throws_ok($$select billing.user_with_email('ann@example.com')$$, '42501', null,
  'nor ask who is a user');
select throws_ok($$select billing.open_charges()$$, '42501', null, 'nor rate');
reset role;

-- Acme: 2M of m at 3.00 a million and 1M of n at 5.00 are 6.00 and 5.00. Birch: 4M of m are 12.00.
insert into public.prices (client_id, model, metric, unit_amount, per_units) values
  (null, 'm', 'input_tokens', 3, 1000000), (null, 'n', 'input_tokens', 5, 1000000);
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp", created_at)
select 'A', l.model, l.tokens, l.client::uuid, '2026-06-10', '2026-06-10'
from (values ('m', 2000000, '00000000-0000-0000-0000-00000000000a'),
  ('n', 1000000, '00000000-0000-0000-0000-00000000000a'),
  ('m', 4000000, '00000000-0000-0000-0000-00000000000b')) l(model, tokens, client);
select _billing.rollup();

select results_eq($$select client_id, currency, minor from billing.open_charges()
  order by client_id$$, $$values
  ('00000000-0000-0000-0000-00000000000a'::uuid, 'USD', 1100::numeric),
  ('00000000-0000-0000-0000-00000000000b'::uuid, 'USD', 1200::numeric)$$,
  'what is open of all clients');
select results_eq($$select minor from billing.open_charges(
  of_client => '00000000-0000-0000-0000-00000000000b')$$, 'values (1200::numeric)', 'of one');
select results_eq($$select minor from billing.open_charges('n')$$, 'values (1100::numeric)',
  'of those that used a model');
select is_empty($$select * from billing.open_charges('other')$$, 'which may be nobody');
set local role service_role;
select isnt_empty($$select * from billing.open_charges()$$, 'the service may ask');
reset role;

select * from finish();
rollback;

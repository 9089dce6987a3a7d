-- Members of clients: what each role may do, and who may say so.
begin;
select plan(41);

insert into auth.users (id, email)
select ('00000000-0000-4000-8000-0000000970' || n)::uuid, name || '@example.test'
from (values ('a1', 'ada'), ('a2', 'ben'), ('b1', 'cleo'), ('c1', 'dan'), ('d1', 'eve'))
  u(n, name);
insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000009701', 'Acme', '2026-06-01'),
  ('00000000-0000-4000-8000-000000009702', 'Birch', '2026-06-01');
insert into public.client_members (client_id, user_id, role) values
  ('00000000-0000-4000-8000-000000009701', '00000000-0000-4000-8000-0000000970a1', 'admin'),
  ('00000000-0000-4000-8000-000000009701', '00000000-0000-4000-8000-0000000970b1', 'billing'),
  ('00000000-0000-4000-8000-000000009701', '00000000-0000-4000-8000-0000000970c1', 'viewer'),
  ('00000000-0000-4000-8000-000000009702', '00000000-0000-4000-8000-0000000970a2', 'admin');

create function pg_temp.acme() returns uuid language sql immutable
return '00000000-0000-4000-8000-000000009701'::uuid;
create function pg_temp.birch() returns uuid language sql immutable
return '00000000-0000-4000-8000-000000009702'::uuid;
create function pg_temp.person(n text) returns uuid language sql immutable
return ('00000000-0000-4000-8000-0000000970' || n)::uuid;
-- The API's requests of a user: the claims of the token, and its id as the actor.
create function pg_temp.sign_in(n text, app_role text default null) returns void language sql as $$
  select set_config('request.jwt.claims', jsonb_build_object('sub', pg_temp.person(n),
      'role', 'authenticated', 'app_metadata', jsonb_build_object('role', app_role))::text, true),
    set_config('billing.actor', pg_temp.person(n)::text, true);
$$;
create function pg_temp.sign_out() returns void language sql as $$
  select set_config('request.jwt.claims', '', true), set_config('billing.actor', '', true);
$$;
create function pg_temp.members(client uuid) returns text language sql as $$
  select string_agg(split_part(m.email, '@', 1) || ' ' || m.role, ', ' order by m.email)
  from billing.members_of(client) m;
$$;
-- The code of the domain error that a statement raises, or `done`.
create function pg_temp.code_of(statement text) returns text language plpgsql as $$
declare
  code text;
begin
  execute statement;
  return 'done';
exception when others then
  get stacked diagnostics code = pg_exception_detail;
  return coalesce(nullif(code, ''), sqlerrm);
end $$;

-- Roles: each may what those before it may.
create temporary table needed as
select n, r, null::text as code from unnest('{a1,b1,c1,a2,d1}'::text[]) n
cross join unnest('{viewer,billing,admin}'::text[]) r;
do $$
declare
  one record;
begin
  for one in select * from needed loop
    perform pg_temp.sign_in(one.n);
    update needed set code = pg_temp.code_of(format('select billing.require_role(%L, %L)',
      pg_temp.acme(), one.r)) where n = one.n and r = one.r;
  end loop;
end $$;
select results_eq($$select n, string_agg(case code when 'done' then r else code end, ' '
    order by array_position('{viewer,billing,admin}', r)) from needed group by n order by n$$,
  $$values ('a1', 'viewer billing admin'), ('a2', 'role_required role_required role_required'),
    ('b1', 'viewer billing role_required'), ('c1', 'viewer role_required role_required'),
    ('d1', 'role_required role_required role_required')$$,
  'require_role: a viewer sees, billing pays too, an admin says who; others nothing');
select pg_temp.sign_in('d1', 'operator');
select is(pg_temp.code_of($$select billing.require_role(pg_temp.acme(), 'admin')$$), 'done',
  'an operator may all');
select pg_temp.sign_out();
select is(pg_temp.code_of($$select billing.require_role(pg_temp.acme(), 'admin')$$), 'done',
  'so may what acts without a user');
select pg_temp.sign_in('c1');
select is(pg_temp.code_of($$select billing.require_role(pg_temp.acme(), 'owner')$$),
  'role_required', 'a role that there is not opens nothing');

-- Money asks in the database, whatever the route has asked.
create temporary table acts(nth int, statement text);
insert into acts values
  (1, 'select billing.request_top_up(pg_temp.acme(), 100)'),
  (2, 'select billing.set_auto_recharge(pg_temp.acme(), 1, 9, target_minor => 2)'),
  (3, 'insert into public.client_budgets (client_id, amount_minor) values (pg_temp.acme(), 5)'),
  (4, 'update public.client_budgets set amount_minor = 6 where client_id = pg_temp.acme()'),
  (5, 'delete from public.client_budgets where client_id = pg_temp.acme()');
insert into public.billing_config (client_id, minimum_minor) values (pg_temp.acme(), 0);
select pg_temp.sign_out();
insert into public.client_budgets (client_id, amount_minor) values (pg_temp.acme(), 4);
select pg_temp.sign_in('c1');
select is(pg_temp.code_of(statement), 'role_required', 'a viewer may not: ' || statement)
from acts order by nth;
select pg_temp.sign_in('a2');
select is(pg_temp.code_of(statement), 'role_required',
  'nor an admin of another client: ' || statement) from acts order by nth;
select pg_temp.sign_in('b1');
delete from public.client_budgets where client_id = pg_temp.acme();
select is(pg_temp.code_of(statement), 'done', 'billing may: ' || statement)
from acts order by nth;

select trigger_is('public', 'client_budgets', 'require_role', '_billing', 'guard_budget',
  'each write of a budget asks for the role');

-- Members.
select is(pg_temp.code_of($$select _billing.begin_membership(pg_temp.acme())$$), 'role_required',
  'begin_membership: billing changes no members');
select is(pg_temp.code_of(format('select billing.add_member(%L, %L, %L)', pg_temp.acme(),
  pg_temp.person('d1'), 'admin')), 'role_required', 'billing adds no member');
select is(pg_temp.code_of(format('select billing.set_member_role(%L, %L, %L)', pg_temp.acme(),
  pg_temp.person('b1'), 'admin')), 'role_required', 'nor makes itself admin');
select is(pg_temp.code_of(format('select billing.remove_member(%L, %L)', pg_temp.acme(),
  pg_temp.person('c1'))), 'role_required', 'nor removes one');
select pg_temp.sign_in('a1');
select is(pg_temp.code_of(format('select billing.add_member(%L, %L, %L)', pg_temp.birch(),
  pg_temp.person('d1'), 'viewer')), 'role_required', 'an admin adds none to another client');
select is(pg_temp.code_of(format('select billing.remove_member(%L, %L)', pg_temp.birch(),
  pg_temp.person('a2'))), 'role_required', 'and removes none of another client');
select billing.add_member(pg_temp.acme(), pg_temp.person('d1'), 'billing');
select is(pg_temp.members(pg_temp.acme()), 'ada admin, cleo billing, dan viewer, eve billing',
  'add_member: an admin adds one, with a role');
select is(billing.set_member_role(pg_temp.acme(), pg_temp.person('d1'), 'admin'), true,
  'set_member_role: and changes the role');
select is(billing.remove_member(pg_temp.acme(), pg_temp.person('c1')), true,
  'remove_member: and removes one');
select is(billing.remove_member(pg_temp.acme(), pg_temp.person('c1')), false, 'once');
select is(pg_temp.members(pg_temp.acme()), 'ada admin, cleo billing, eve admin',
  'and these are the members');
select results_eq($$select operation, coalesce(after, before) ->> 'role', before ->> 'role'
    from billing.audit_log where table_name = 'client_members'
    and actor = pg_temp.person('a1')::text order by id$$,
  $$values ('insert', 'billing', null), ('update', 'admin', 'billing'),
    ('delete', 'viewer', 'viewer')$$,
  'the audit log has the invitation, the change and the removal, with who did it');

-- The last admin.
select is(billing.set_member_role(pg_temp.acme(), pg_temp.person('a1'), 'viewer'), true,
  'an admin may step down where there is another');
select pg_temp.sign_in('d1');
select is(pg_temp.code_of(format('select billing.set_member_role(%L, %L, %L)', pg_temp.acme(),
  pg_temp.person('d1'), 'billing')), 'last_admin', 'the last admin may not step down');
select is(pg_temp.code_of(format('select billing.remove_member(%L, %L)', pg_temp.acme(),
  pg_temp.person('d1'))), 'last_admin', 'nor leave');
select is(pg_temp.code_of($$select _billing.keep_an_admin(pg_temp.acme(),
  pg_temp.person('d1'))$$), 'last_admin', 'keep_an_admin: there would be none');
select pg_temp.sign_in('d1', 'operator');
select is(billing.set_member_role(pg_temp.acme(), pg_temp.person('d1'), 'viewer'), true,
  'an operator sets any role');

-- The mail of an invitation.
select results_eq($$select kind, client_id, payload from public.deliveries
    where event = 'invitation'$$, $$values ('email', pg_temp.acme(),
    jsonb_build_object('member_id', pg_temp.person('d1')))$$,
  'a new member is mailed, and the queue names the user alone');
select billing.remove_member(pg_temp.acme(), pg_temp.person('d1'));
select _billing.queue_invitation(pg_temp.acme(), pg_temp.person('c1'));
select is((select count(*) from public.deliveries where event = 'invitation'
  and payload ->> 'member_id' <> pg_temp.person('d1')::text), 0::bigint,
  'queue_invitation: nobody else is mailed');
select billing.add_member(pg_temp.acme(), pg_temp.person('d1'), 'admin');
select is((select count(*) from public.deliveries where event = 'invitation'), 1::bigint,
  'once a day');

select pg_temp.sign_out();
insert into auth.users (id) select gen_random_uuid() from generate_series(1, 98);
insert into public.client_members (client_id, user_id)
select pg_temp.acme(), u.id from auth.users u
where not exists (select from public.client_members m where m.user_id = u.id)
limit _billing.most_members() - 3;
select is(pg_temp.code_of(format('select billing.add_member(%L, %L, %L)', pg_temp.acme(),
  pg_temp.person('a2'), 'viewer')), 'too_many_members', 'a client has a hundred members at most');

select * from finish();
rollback;

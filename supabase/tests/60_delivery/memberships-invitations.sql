-- Invitations of addresses: what they open, for whom, and what is told of them.
begin;
select plan(38);

-- ada and cora are confirmed; ben signed up with an address and has not confirmed it.
insert into auth.users (id, email, email_confirmed_at)
select ('00000000-0000-4000-8000-0000000971' || n)::uuid, email, confirmed
from (values ('a1', 'ada@example.test', now()), ('b1', 'ben@example.test', null),
  ('c1', 'cora@example.test', now()), ('d1', null, null)) u(n, email, confirmed);
-- Auth takes an address for confirmed that a company's single sign-on says, whatever it is.
insert into auth.users (id, email, email_confirmed_at, is_sso_user)
values ('00000000-0000-4000-8000-0000000971e1', 'eve@example.test', now(), true);
insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000009711', 'Acme', '2026-06-01'),
  ('00000000-0000-4000-8000-000000009712', 'Birch', '2026-06-01');
insert into public.client_members (client_id, user_id, role) values
  ('00000000-0000-4000-8000-000000009711', '00000000-0000-4000-8000-0000000971a1', 'admin');

create function pg_temp.acme() returns uuid language sql immutable
return '00000000-0000-4000-8000-000000009711'::uuid;
create function pg_temp.birch() returns uuid language sql immutable
return '00000000-0000-4000-8000-000000009712'::uuid;
create function pg_temp.person(n text) returns uuid language sql immutable
return ('00000000-0000-4000-8000-0000000971' || n)::uuid;
create function pg_temp.sign_in(n text) returns void language sql as $$
  select set_config('request.jwt.claims', jsonb_build_object('sub', pg_temp.person(n),
      'role', 'authenticated', 'aal', 'aal1')::text, true),
    set_config('billing.actor', pg_temp.person(n)::text, true);
$$;
create function pg_temp.sign_out() returns void language sql as $$
  select set_config('request.jwt.claims', '', true), set_config('billing.actor', '', true);
$$;
-- What a user gets to see once the invitations of the address are accepted.
create function pg_temp.seen_by(n text) returns uuid[] language plpgsql as $$
begin
  perform pg_temp.sign_in(n);
  perform billing.accept_invitations();
  return billing.my_clients();
end $$;
create function pg_temp.members(client uuid) returns text language sql as $$
  select string_agg(concat_ws(' ', m.email, m.role, case when m.user_id is null then 'invited' end),
    ', ' order by m.email) from billing.members_of(client) m;
$$;
create function pg_temp.code_of(statement text) returns text language plpgsql as $$
declare
  code text;
begin
  execute statement;
  return 'done';
exception when others then
  get stacked diagnostics code = pg_exception_detail;
  return coalesce(nullif(code, ''), sqlstate);
end $$;

select is(_billing.confirmed_email(pg_temp.person('a1')), 'ada@example.test',
  'confirmed_email: an address that Auth has confirmed');
select is(_billing.confirmed_email(pg_temp.person('b1')), null, 'not one that it has not');
select is(_billing.confirmed_email(pg_temp.person('d1')), null, 'nor none');
select is(_billing.confirmed_email(pg_temp.person('e1')), null,
  'nor one that a single sign-on says');

-- An address that is not confirmed.
select pg_temp.sign_in('a1');
create temporary table invited as
select 'ben' as name, billing.invite_member(pg_temp.acme(), ' Ben@Example.test ', 'billing') as id;
select is(pg_temp.members(pg_temp.acme()),
  'ada@example.test admin, ben@example.test billing invited',
  'invite_member: the address is invited, however it is written');
select is(pg_temp.seen_by('b1'), '{}',
  'accept_invitations: an address that is not confirmed opens nothing');
select is(pg_temp.code_of($$select billing.require_role(pg_temp.acme(), 'viewer')$$),
  'role_required', 'and may do nothing');
select is(pg_temp.seen_by('c1'), '{}', 'nor does a user with another address');
select is(pg_temp.seen_by('d1'), '{}', 'nor one without');
select pg_temp.sign_out();
select lives_ok('select billing.accept_invitations()', 'a job or key accepts nothing');
select is((select count(*) from billing.member_invitations), 1::bigint, 'the invitation waits');
update auth.users set email_confirmed_at = now() where id = pg_temp.person('b1');
select is(pg_temp.seen_by('b1'), array[pg_temp.acme()], 'confirmed, the user sees the client');
select is(pg_temp.code_of($$select billing.require_role(pg_temp.acme(), 'billing')$$), 'done',
  'with the role of the invitation');
select is(pg_temp.code_of($$select billing.require_role(pg_temp.acme(), 'admin')$$),
  'role_required', 'and no higher one');
select is(pg_temp.members(pg_temp.acme()), 'ada@example.test admin, ben@example.test billing',
  'there is a member, and no invitation any more');
select results_eq($$select table_name, operation, actor,
    coalesce(after, before) ->> 'role' from billing.audit_log
    where table_name in ('member_invitations', 'client_members')
      and actor like '%0000000971%' order by id$$,
  $$values ('member_invitations', 'insert', pg_temp.person('a1')::text, 'billing'),
    ('member_invitations', 'delete', pg_temp.person('b1')::text, 'billing'),
    ('client_members', 'insert', pg_temp.person('b1')::text, 'billing')$$,
  'the audit log has who invited and who accepted');
update auth.users set email = 'benjamin@example.test' where id = pg_temp.person('b1');
select is(pg_temp.seen_by('b1'), array[pg_temp.acme()], 'a member stays one with another address');

-- The mail.
select results_eq($$select kind, client_id, payload, state from public.deliveries
    where event = 'invitation'$$, $$values ('email', pg_temp.acme(),
    jsonb_build_object('member_id', pg_temp.person('b1')), 'queued')$$,
  'the mail is of the member, where it was accepted before it went out');
select is((select dedupe_key from public.deliveries where event = 'invitation'),
  _billing.invitation_key(pg_temp.acme(), 'ben@example.test', now()),
  'invitation_key: of the address, the client and the day');
select unalike(_billing.invitation_key(pg_temp.acme(), 'ben@example.test', now()), '%ben%',
  'and names nobody');

-- What is told of an address.
select pg_temp.sign_in('a1');
insert into invited
select name, billing.invite_member(pg_temp.acme(), name || '@example.test', 'admin')
from unnest('{cora,nobody}'::text[]) name;
select is(pg_temp.members(pg_temp.acme()), 'ada@example.test admin, '
  || 'benjamin@example.test billing, cora@example.test admin invited, '
  || 'nobody@example.test admin invited',
  'an address with an account is invited as one without');
select is(pg_temp.code_of($$select billing.invite_member(pg_temp.acme(), 'CORA@example.test',
  'viewer')$$), 'already_member', 'an address is invited once');
select is(pg_temp.code_of($$select billing.invite_member(pg_temp.acme(), 'ada@example.test',
  'viewer')$$), 'already_member', 'a member is not invited');
select throws_ok($$select billing.invite_member(pg_temp.acme(), 'no address', 'viewer')$$,
  '23514', null, 'nor what is no address');
select is(pg_temp.code_of($$select billing.invite_member(pg_temp.birch(), 'cora@example.test',
  'viewer')$$), 'role_required', 'an admin invites to no other client');

-- An invitation is changed and taken back as a member is.
select is(pg_temp.code_of(format('select billing.set_member_role(pg_temp.acme(), %L, %L)',
  pg_temp.person('a1'), 'viewer')), 'last_admin', 'an invited admin is none yet');
select is(billing.set_member_role(pg_temp.acme(), id, 'viewer'), true, 'its role is changed')
from invited where name = 'cora';
select is(billing.remove_member(pg_temp.acme(), id), true, 'it is taken back')
from invited where name = 'nobody';
select is(billing.remove_member(pg_temp.acme(), id), false, 'once')
from invited where name = 'nobody';
select pg_temp.sign_out();
select is(billing.set_member_role(pg_temp.birch(), id, 'admin'), false, 'not by another client')
from invited where name = 'cora';

-- To accept takes no second factor, and neither writes nor lifts anything else.
select pg_temp.sign_out();
update public.billing_settings set require_aal2 = true;
select is(pg_temp.seen_by('c1'), array[pg_temp.acme()],
  'a user without a second factor accepts and reads');
select is(pg_temp.code_of(format('select billing.add_member(pg_temp.acme(), %L, %L)',
  pg_temp.person('d1'), 'viewer')), 'second_factor_required', 'and is asked for it as before');
select pg_temp.sign_out();
update public.billing_settings set require_aal2 = false;
select pg_temp.sign_in('c1');

-- Who reads memberships past the API.
select is(billing.administered_clients(), '{}', 'administered_clients: none of a viewer''s');
set local role authenticated;
select results_eq('select user_id from public.client_members',
  $$values (pg_temp.person('c1'))$$, 'a viewer reads its own membership, no colleague''s');
reset role;
select pg_temp.sign_in('a1');
select is(billing.administered_clients(), array[pg_temp.acme()], 'an admin''s client');
set local role authenticated;
select is((select count(*) from public.client_members), 3::bigint, 'an admin reads all of them');
reset role;

-- Bounds.
select lives_ok($$select _billing.require_room(pg_temp.acme())$$, 'require_room: there is room');
insert into public.deliveries (kind, event, dedupe_key, client_id)
select 'email', 'invitation', 'invitation:97:' || n, pg_temp.acme() from generate_series(1, 100) n;
select is(pg_temp.code_of($$select billing.invite_member(pg_temp.acme(), 'x@example.test',
  'viewer')$$), 'too_many_members', 'a client mails a hundred invitations a day');

select * from finish();
rollback;

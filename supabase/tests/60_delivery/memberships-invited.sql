-- Members who are invited again: no invitation is used up without what it says, none lowers a role.
begin;
select plan(23);

insert into auth.users (id, email, email_confirmed_at)
select ('00000000-0000-4000-8000-0000000972' || n)::uuid, email, now()
from (values ('a1', 'ada@example.test'), ('b1', 'ben@example.test'), ('c1', 'cleo@example.test'),
  ('d1', 'dan@example.test')) u(n, email);
insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000009721', 'Acme', '2026-06-01'),
  ('00000000-0000-4000-8000-000000009722', 'Birch', '2026-06-01');

create function pg_temp.acme() returns uuid language sql immutable
return '00000000-0000-4000-8000-000000009721'::uuid;
create function pg_temp.birch() returns uuid language sql immutable
return '00000000-0000-4000-8000-000000009722'::uuid;
create function pg_temp.person(n text) returns uuid language sql immutable
return ('00000000-0000-4000-8000-0000000972' || n)::uuid;
insert into public.client_members (client_id, user_id, role) values
  (pg_temp.acme(), pg_temp.person('a1'), 'admin'), (pg_temp.acme(), pg_temp.person('b1'), 'viewer'),
  (pg_temp.birch(), pg_temp.person('b1'), 'viewer');

create function pg_temp.sign_in(n text) returns void language sql as $$
  select set_config('request.jwt.claims', jsonb_build_object('sub', pg_temp.person(n),
      'role', 'authenticated', 'aal', 'aal1')::text, true),
    set_config('billing.actor', pg_temp.person(n)::text, true);
$$;
create function pg_temp.sign_out() returns void language sql as $$
  select set_config('request.jwt.claims', '', true), set_config('billing.actor', '', true);
$$;
create function pg_temp.members(client uuid) returns text language sql as $$
  select string_agg(concat_ws(' ', split_part(m.email, '@', 1), m.role,
      case when m.user_id is null then 'invited' end), ', ' order by m.email, m.user_id)
  from billing.members_of(client) m;
$$;
-- As ben, who has the address from now on.
create function pg_temp.accept_as_ben(address text) returns void language plpgsql as $$
begin
  update auth.users set email = address where id = pg_temp.person('b1');
  perform pg_temp.sign_in('b1');
  perform billing.accept_invitations();
end $$;
-- The code, message and hint of the error that a statement raises.
create function pg_temp.refusal(statement text) returns table (code text, said text, hint text)
language plpgsql as $$
begin
  execute statement;
exception when others then
  get stacked diagnostics code = pg_exception_detail, said = message_text,
    hint = pg_exception_hint;
  return next;
end $$;

select is(array(select _billing.role_rank(r) from unnest('{viewer,billing,admin,owner}'::text[]) r),
  '{1,2,3,null}', 'role_rank: each role has what those before it have');

-- Who is known is not invited again, with whatever role.
select pg_temp.sign_in('a1');
create temporary table invited as
select billing.invite_member(pg_temp.acme(), 'cleo@example.test', 'viewer') as id;
select results_eq(format('select * from pg_temp.refusal($$select billing.invite_member(
    pg_temp.acme(), %L, %L)$$)', 'Ben@Example.test', role),
  format($$values ('already_member', 'it is a member of the client already, as viewer',
    'change the role by PATCH /billing/clients/%s/members/%s')$$, pg_temp.acme(),
    pg_temp.person('b1')),
  'a member is not invited as ' || role || ': the hint names the route that changes the role')
from unnest('{viewer,billing,admin}'::text[]) role;
select results_eq($$select * from pg_temp.refusal($i$select billing.invite_member(
    pg_temp.acme(), 'cleo@example.test', 'admin')$i$)$$,
  format($$values ('already_member', 'the address is invited to the client as viewer already',
    'change the role by PATCH /billing/clients/%s/members/%s')$$, pg_temp.acme(), id),
  'nor an invited address, and the route takes the id of its invitation') from invited;
select is((select code from pg_temp.refusal(format(
    'select billing.add_member(pg_temp.acme(), %L, %L)', pg_temp.person('b1'), 'admin'))),
  'already_member', 'a member is not added again');
select lives_ok(format('select _billing.require_new_member(pg_temp.birch(), %L, %L)',
  pg_temp.person('c1'), 'cleo@example.test'),
  'require_new_member: a member of another client is none of this one');
select is(pg_temp.members(pg_temp.acme()), 'ada admin, ben viewer, cleo viewer invited',
  'no role has changed');

-- A member who comes to have another invited address.
select billing.invite_member(pg_temp.acme(), 'benjamin@example.test', 'billing');
select pg_temp.accept_as_ben('benjamin@example.test');
select is(pg_temp.members(pg_temp.acme()), 'ada admin, benjamin billing, cleo viewer invited',
  'accept_invitations: a higher role is given');
select is(pg_temp.members(pg_temp.birch()), 'benjamin viewer', 'at that client alone');
select results_eq($$select actor, before ->> 'role', after ->> 'role' from billing.audit_log
    where table_name = 'client_members' and operation = 'update'$$,
  $$values (pg_temp.person('b1')::text, 'viewer', 'billing')$$, 'the audit log has it');
select is((select payload from public.deliveries where dedupe_key =
    _billing.invitation_key(pg_temp.acme(), 'benjamin@example.test', now())),
  jsonb_build_object('member_id', pg_temp.person('b1')), 'and the mail is of the member');
select pg_temp.sign_in('a1');
select billing.invite_member(pg_temp.acme(), 'benny@example.test', 'viewer');
select pg_temp.accept_as_ben('benny@example.test');
select is(pg_temp.members(pg_temp.acme()), 'ada admin, benny billing, cleo viewer invited',
  'a lower one is not');
select pg_temp.sign_in('a1');
select billing.invite_member(pg_temp.acme(), 'b@example.test', 'billing');
select pg_temp.accept_as_ben('b@example.test');
select is(pg_temp.members(pg_temp.acme()), 'ada admin, b billing, cleo viewer invited',
  'the same changes nothing');
select is((select count(*) from billing.audit_log where table_name = 'client_members'
  and operation = 'update'), 1::bigint, 'and writes nothing');

-- The last admin stays admin, by whatever address.
select pg_temp.sign_in('a1');
select billing.invite_member(pg_temp.acme(), 'lovelace@example.test', 'viewer');
update auth.users set email = 'lovelace@example.test' where id = pg_temp.person('a1');
select billing.accept_invitations();
select is(pg_temp.members(pg_temp.acme()), 'b billing, cleo viewer invited, lovelace admin',
  'the last admin accepts and stays admin');
select is((select count(*) from billing.member_invitations where email like 'lovelace%'), 0::bigint,
  'the invitation is gone');

-- To accept takes no second factor where a role is raised, either.
select billing.invite_member(pg_temp.acme(), 'bb@example.test', 'admin');
select pg_temp.sign_out();
update public.billing_settings set require_aal2 = true;
select pg_temp.accept_as_ben('bb@example.test');
select is(pg_temp.members(pg_temp.acme()), 'bb admin, cleo viewer invited, lovelace admin',
  'a role is raised without a second factor, as one is given');
select pg_temp.sign_out();
update public.billing_settings set require_aal2 = false;

-- An operator adds the user whose address is invited: the later word holds.
select billing.invite_member(pg_temp.acme(), 'dan@example.test', 'admin');
select billing.add_member(pg_temp.acme(), pg_temp.person('d1'), 'viewer');
select is(pg_temp.members(pg_temp.acme()),
  'bb admin, cleo viewer invited, dan viewer, lovelace admin',
  'add_member: the invitation of the address ends');
select pg_temp.sign_in('d1');
select billing.accept_invitations();
select is(pg_temp.members(pg_temp.acme()),
  'bb admin, cleo viewer invited, dan viewer, lovelace admin', 'and raises no role later');
select results_eq($$select payload from public.deliveries where dedupe_key =
    _billing.invitation_key(pg_temp.acme(), 'dan@example.test', now())$$,
  $$values (jsonb_build_object('member_id', pg_temp.person('d1')))$$,
  'one mail, of the membership');

-- Bounds.
select pg_temp.sign_out();
update auth.users set email_confirmed_at = null where id = pg_temp.person('c1');
select billing.add_member(pg_temp.acme(), pg_temp.person('c1'), 'billing');
select is(pg_temp.members(pg_temp.acme()),
  'bb admin, cleo billing, cleo viewer invited, dan viewer, lovelace admin',
  'an address that Auth has not confirmed ends no invitation');
insert into auth.users (id) select gen_random_uuid() from generate_series(1, 98);
insert into public.client_members (client_id, user_id)
select pg_temp.acme(), u.id from auth.users u
where not exists (select from public.client_members m where m.user_id = u.id)
limit _billing.most_members() - 5;
select is((select code from pg_temp.refusal($$select billing.invite_member(pg_temp.acme(),
  'dan@example.test', 'admin')$$)), 'already_member',
  'where there is no room for another, who is a member is told the route, too');

select * from finish();
rollback;

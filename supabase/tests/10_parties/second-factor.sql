-- Where settings ask for a second factor, users without one move no money and change no terms.
begin;
select plan(28);

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-0000000000aa', 'Acme', '2026-06-01');
insert into auth.users (id) values ('00000000-0000-0000-0000-00000000000e');
create function pg_temp.as_user(claims jsonb) returns void language sql as $$
  select set_config('request.jwt.claims', claims::text, true);
$$;
create temp table acts (name text, statement text) on commit drop;
insert into acts values
  ('a credit', $$select billing.issue_credit_note(gen_random_uuid(), 'x')$$),
  ('a void', $$select billing.void_invoice(gen_random_uuid(), 'x')$$),
  ('a new invoice', $$select billing.regenerate_invoice(gen_random_uuid())$$),
  ('a write-off', $$select billing.mark_uncollectible(gen_random_uuid())$$),
  ('a payment', $$select billing.record_payment(gen_random_uuid(), 1)$$),
  ('a one-off invoice', $$select billing.create_one_off_invoice('{}')$$),
  ('a release', $$select billing.release_invoice(gen_random_uuid(), 'x')$$),
  ('a correction', $$select billing.correct_log(gen_random_uuid(), '{}', 'x')$$),
  ('a retraction', $$select billing.retract_log(gen_random_uuid(), 'x')$$),
  ('a dismissal', $$select billing.dismiss_quarantined('x', array[gen_random_uuid()])$$),
  ('a dismissal of usage without a price', $$select billing.dismiss_unpriced('x')$$),
  ('a dismissal taken back', $$select billing.reinstate_dismissed('{}')$$),
  ('a release of held usage', $$select billing.release_held_logs()$$),
  ('settings', $$update public.billing_settings set seller_name = 'x'$$),
  ('prices', $$delete from public.prices where id = gen_random_uuid()$$),
  ('terms', $$update public.billing_config set grace_hours = 1
    where id = gen_random_uuid()$$),
  ('limits', $$delete from public.hold_limits where currency = 'CHF'$$),
  ('members', $$insert into public.client_members (client_id, user_id) values
    ('00000000-0000-0000-0000-0000000000aa', '00000000-0000-0000-0000-00000000000e')$$);
grant select on acts to service_role;
create function pg_temp.code_of(statement text) returns text language plpgsql as $$
declare
  code text;
begin
  execute statement;
  return null;
exception when others then
  get stacked diagnostics code = pg_exception_detail;
  return code;
end $$;

select pg_temp.as_user('{"sub": "u", "aal": "aal1", "app_metadata": {"role": "operator"}}');
select lives_ok('select billing.require_second_factor()', 'it is off unless it is switched on');
update public.billing_settings set require_aal2 = true;
select pg_temp.as_user('{"sub": "u", "aal": "aal1", "app_metadata": {"role": "operator"}}');
set local role service_role;
select is(pg_temp.code_of(statement), 'second_factor_required', name || ' takes a second factor')
from acts;
select is(pg_temp.code_of('select billing.require_second_factor()'), 'second_factor_required',
  'as does what asks for it');
select pg_temp.as_user('{"sub": "u"}');
select is(pg_temp.code_of('select billing.require_second_factor()'), 'second_factor_required',
  'a token that says nothing of factors has one');
select pg_temp.as_user('{"sub": "u", "aal": ["aal2"]}');
select is(pg_temp.code_of('select billing.require_second_factor()'), 'second_factor_required',
  'and one that says something else');
select pg_temp.as_user('{"sub": "u", "aal": "aal2"}');
select is_empty($$select from acts where pg_temp.code_of(statement) = 'second_factor_required'$$,
  'with it all of them are open');
select pg_temp.as_user('{"role": "service_role"}');
select is_empty($$select from acts where pg_temp.code_of(statement) = 'second_factor_required'$$,
  'a key has no factors');
select set_config('request.jwt.claims', '', true);
select lives_ok('select billing.require_second_factor()', 'nor has a job');
reset role;
select trigger_is('public', t, 'require_second_factor', '_billing', 'guard_by_second_factor',
  t || ' are guarded') from unnest('{prices,billing_settings,client_members}'::text[]) t;

select * from finish();
rollback;

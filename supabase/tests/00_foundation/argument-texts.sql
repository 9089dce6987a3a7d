-- Texts that people give to functions of `billing` and that are written down have bounds. Read from
-- the catalog: a new argument has one, or is named here with the reason why not.
begin;
select plan(9);

-- Functions that change nothing write nothing down.
create temporary table arguments as
select p.oid::regprocedure as function, p.proname || '.' || a.name as name, a.name as argument
from pg_proc p
cross join lateral unnest(p.proargnames[:p.pronargs], p.proargtypes::oid[]) a(name, type)
where p.pronamespace = 'billing'::regnamespace and p.provolatile = 'v'
  and has_function_privilege('service_role', p.oid, 'execute') and a.type = 'text'::regtype;

create temporary table exempt as
select f.name || '.' || a.name as name, f.why
from (values
  ('raise_error', 'error_code message hint', 'raised, and written nowhere'),
  ('dismiss_quarantined', 'reason agent model', 'chooses rows'),
  ('dismiss_unpriced', 'agent model metric', 'chooses rows'),
  ('requeue_deliveries', 'kind', 'chooses rows'),
  ('push_windows', 'source', 'looked up'),
  ('release_windows', 'source', 'looked up'),
  ('refuse_windows', 'source', 'looked up'),
  ('compare_windows', 'source', 'looked up'),
  ('record_earlier_payment', 'number', 'looked up'),
  ('process_stripe_event', 'event_id', 'looked up'),
  ('sync_list_prices', 'source sha256', 'a source by its id, and the hash of what it said'),
  ('create_agent_key', 'name agent kind',
    'checked by the table: 20_usage/agent-keys, 00_foundation/plain-text-names'),
  ('grant_credit', 'kind currency', 'one of a few'),
  ('request_top_up', 'currency', 'one of a few'),
  ('add_member', 'role', 'one of a few'),
  ('invite_member', 'role', 'one of a few'),
  ('set_member_role', 'role', 'one of a few'),
  ('set_auto_recharge', 'currency', 'one of a few'),
  ('revoke_agent_key', 'reason', 'cut: a key is to end at once'),
  ('queue_operator_alert', 'key priority subject message', 'made here, of names; cut when sent'),
  ('ingest_usage_by_key', 'address', 'compared with networks'),
  ('claim_idempotency_key', 'actor key operation request_hash', 'given by the functions'),
  ('apply_stripe_balance', 'customer_id', 'of Stripe'),
  ('apply_stripe_subscription', 'was', 'of Stripe'),
  ('forget_stripe_customer', 'customer_id', 'of Stripe')
) f(name, arguments, why)
cross join lateral string_to_table(f.arguments, ' ') a(name);

-- A call with this text, and null wherever something has to be given.
create function pg_temp.refusal_of(function regprocedure, argument text, value text)
returns text language plpgsql as $$
declare
  code text;
begin
  execute (select format('select %s(%s)', p.oid::regproc, string_agg(format('%I => %s', a.name,
      case when a.name = refusal_of.argument then quote_literal(value)
        else 'null::' || format_type(a.type, null) end), ', '))
    from pg_proc p
    cross join lateral unnest(p.proargnames[:p.pronargs], p.proargtypes::oid[])
      with ordinality a(name, type, place)
    where p.oid = refusal_of.function
      and (a.name = refusal_of.argument or a.place <= p.pronargs - p.pronargdefaults)
    group by p.oid);
  return 'taken';
exception when others then
  get stacked diagnostics code = pg_exception_detail;
  return code || ': ' || sqlerrm;
end $$;

select cmp_ok((select count(*) from arguments a
    where a.name not in (select e.name from exempt e)), '>=', 20::bigint,
  'texts of people are found');
select is_empty('select name from exempt where name not in (select a.name from arguments a)',
  'each exception is an argument');
create function pg_temp.not_refused(value text, message text)
returns table (name text, refusal text) language sql as $$
  select a.name, pg_temp.refusal_of(a.function, a.argument, value) from arguments a
  where a.name not in (select e.name from exempt e)
    and pg_temp.refusal_of(a.function, a.argument, value)
      not like format('invalid_argument: %s %s%%', a.argument, message)
$$;
select is_empty($$select * from pg_temp.not_refused(repeat('x', 1001), 'has 1001 characters')$$,
  'all others refuse what is too long, by their name');
select is_empty($$select * from pg_temp.not_refused(E'a\u202eb', 'holds a control or direction')$$,
  'and what turns text around');
select is_empty($$select * from pg_temp.not_refused(E'a\u001b[2J', 'holds a control or')$$,
  'and what moves a cursor');

select lives_ok($$select _billing.check_text('note', E'a\r\n\tb' || repeat('x', 6), 11)$$,
  'a note has lines and tabs, and as many characters as it may have');
select throws_ok($$select _billing.check_text('reference', E'a\nb', 200, true)$$, 'PT400',
  'reference holds a control or direction character', 'a reference is one line');
select throws_ok($$select _billing.require_reason('voiding', 'reason', E' ')$$, 'PT400',
  'voiding needs a reason', 'a reason says something');
insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000061a', 'Acme', '2026-06-01');
select billing.revoke_agent_key(k.id, E'seen\u202e ' || repeat('x', 900))
from billing.create_agent_key('A', '{00000000-0000-0000-0000-00000000061a}') k;
select results_eq($$select revoked_because from _billing.agent_keys where name = 'A'$$,
  $$values ('seen ' || repeat('x', 495))$$, 'a key ends, however long the reason is');
select * from finish();
rollback;

-- Recharges that are not due: paid already, paid for by what has expired, of a client that is not
-- served, undone, or no longer wanted. Amounts derived by hand.
begin;
select plan(45);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-0000000464' || lpad(n::text, 2, '0'))::uuid, name, '2026-06-01'
from unnest('{booked,expired,disputed,refunded,voided,ended,paused,bought,broken,sound}'::text[])
  with ordinality x(name, n);
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
create function pg_temp.client(name text) returns uuid language sql as $$
  select c.id from public.clients c where c.name = client.name;
$$;
-- Below 20.00, up to 100.00, for ten days.
select billing.set_auto_recharge(c.id, 2000, 100000, target_minor => 10000,
  expires_after_days => 10)
from public.clients c;
create function pg_temp.want(name text, at timestamptz) returns boolean language sql as $$
  select billing.want_recharge(pg_temp.client(want.name), at) is not null;
$$;
create function pg_temp.invoice(name text, at timestamptz) returns boolean language sql as $$
  select billing.invoice_recharge(pg_temp.client(invoice.name), at) is not null;
$$;
create function pg_temp.pay(name text, at timestamptz) returns void language sql as $$
  select billing.record_payment(i.id, i.amount_due_minor, at) from public.invoices i
  where i.client_id = pg_temp.client(pay.name) and i.kind = 'top_up' and i.status = 'open';
$$;
create function pg_temp.recharge(name text, at timestamptz) returns bigint language sql as $$
  select pg_temp.want(recharge.name, at);
  select pg_temp.invoice(recharge.name, at);
  select pg_temp.pay(recharge.name, at);
  select t.amount_minor from public.top_ups t where t.client_id = pg_temp.client(recharge.name)
    and t.requested_at = at and t.state = 'granted';
$$;
create function pg_temp.states(name text) returns text[] language sql as $$
  select array_agg(t.state order by t.requested_at) from public.top_ups t
  where t.client_id = pg_temp.client(states.name);
$$;
create function pg_temp.told(key text) returns bigint language sql as $$
  select count(*) from public.deliveries d where d.dedupe_key like told.key || '%:hermes';
$$;

-- Looked at as of an instant before the payment that was booked meanwhile.
select ok(pg_temp.want('booked', '2026-06-02 05:00+00'), 'nothing is below 20.00');
select ok(pg_temp.invoice('booked', '2026-06-02 05:00+00'), 'invoiced');
select pg_temp.pay('booked', '2026-06-02 06:00+00');
select is(_billing.recharge_balance(pg_temp.client('booked'), 'USD', '2026-06-02 05:30+00'),
  10000::bigint, 'a recharge paid later counts in the balance at once');
select is(pg_temp.want('booked', '2026-06-02 05:30+00'), false, 'it is not bought twice');

-- 100.00 until 12 June; June has used 30.00, which the expired credit will pay: nothing is owed.
select is(pg_temp.recharge('expired', '2026-06-02'), 10000::bigint, '100.00 that expire');
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values (pg_temp.client('expired'), 'Work', 30, 'USD', '2026-06-05');
select is(_billing.expired_credit_to_use(pg_temp.client('expired'), 'USD', '2026-06-11'),
  0::numeric, 'credit that has not expired is no expired credit to use');
select is(_billing.expired_credit_to_use(pg_temp.client('expired'), 'USD', '2026-06-20'),
  3000::numeric, 'of what has expired, 30.00 are still used');
select is(pg_temp.recharge('expired', '2026-06-20'), 10000::bigint,
  'from 0.00 to 100.00, not from -30.00');
select is(_billing.expired_credit_to_use(pg_temp.client('sound'), 'USD', '2026-06-20'),
  0::numeric, 'without credit nothing');

-- Late usage of June on the draft of July is paid by what has expired within July: 100.00 until
-- 12 July, of which June has used 30.00; July comes to 15.00, and 30.00 of June come late.
insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000046421', 'late', '2026-06-01'),
  ('00000000-0000-4000-8000-000000046422', 'two', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, grace_hours)
select id, 0, 48 from public.clients where name in ('late', 'two');
create function pg_temp.log(name text, millions integer, at timestamptz) returns void
language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  values ('S', 'claude-sonnet', millions * 1000000, pg_temp.client(log.name), at);
$$;
create function pg_temp.expired(name text, at timestamptz) returns numeric language sql as $$
  select _billing.expired_credit_to_use(pg_temp.client(expired.name), 'USD', at);
$$;
create function pg_temp.homes(at timestamptz) returns text language sql as $$
  select string_agg(h.period_start || ' ' || h.usable_after::date, ', ' order by h.period_start)
  from _billing.homes_of_periods(_billing.uninvoiced_periods(pg_temp.client('late'), at), at) h;
$$;
-- 100.00 until 1 July and 1.00 until 2 July: 60.00 of June are paid, and 1.00 of July.
select billing.grant_credit(pg_temp.client('two'), amount, expires_on => until,
  as_of => '2026-06-01')
from (values (10000, date '2026-07-01'), (100, '2026-07-02')) x(amount, until);
select pg_temp.log('two', 20, '2026-06-10'), pg_temp.log('two', 17, '2026-07-01 10:00+00');
select _billing.rollup();
select is(pg_temp.expired('two', '2026-07-02 12:00+00'), 6100::numeric,
  'no credit pays a period that begins after its expiry');
select billing.grant_credit(pg_temp.client('late'), 10000, expires_on => '2026-07-12',
  as_of => '2026-06-01');
select pg_temp.log('late', 10, '2026-06-10');
select billing.run_monthly('2026-07-03');
select pg_temp.log('late', 5, '2026-07-05');
select billing.run_monthly('2026-08-01');
select is(pg_temp.expired('late', '2026-08-01 01:00+00'), 1500::numeric, 'July is not issued yet');
select pg_temp.log('late', 10, '2026-06-11');
select _billing.rollup();
select is(pg_temp.homes('2026-08-01 01:00+00'),
  '2026-06-01 2026-07-01, 2026-07-01 2026-07-01, 2026-08-01 2026-08-01',
  'late usage of June goes on the invoice of July');
select is(pg_temp.expired('late', '2026-08-01 01:00+00'), 4500::numeric,
  'and is paid with what has expired');
select billing.run_monthly('2026-08-01 12:00+00');
select is(pg_temp.expired('late', '2026-08-02'), 4500::numeric, 'also where a draft has it');
select is(_billing.recharge_balance(pg_temp.client('late'), 'USD', '2026-08-02'), 0::bigint,
  'nothing is owed');
select billing.run_monthly('2026-08-03');
select is((select sum(-e.amount_minor) from public.credit_entries e
    where e.client_id = pg_temp.client('late') and e.kind = 'use'), 7500::numeric,
  'as it is when July is issued');
select is(pg_temp.expired('late', '2026-08-04'), 0::numeric, 'then no more');

-- What is undone is not charged again by itself.
select pg_temp.recharge(n, '2026-06-02') from unnest('{disputed,refunded,voided}'::text[]) n;
insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method)
select t.invoice_id, t.client_id, -10000, 'dispute', 'USD', '2026-06-03', 'stripe'
from public.top_ups t where t.client_id = pg_temp.client('disputed');
select is(pg_temp.want('disputed', '2026-06-04'), false, 'disputed, it is not charged again');
select is(pg_temp.told('recharge_paused:'), 1::bigint, 'operators are told, once');
select billing.issue_credit_note(t.invoice_id, 'leaves', null, true, '2026-06-03')
from public.top_ups t where t.client_id = pg_temp.client('refunded');
select is(pg_temp.want('refunded', '2026-06-04'), false, 'nor what is refunded');
select pg_temp.want('voided', '2026-06-15'), pg_temp.invoice('voided', '2026-06-15');
select billing.void_invoice(t.invoice_id, 'void in Stripe', '2026-06-16')
from public.top_ups t where t.client_id = pg_temp.client('voided') and t.state = 'invoiced';
select is(pg_temp.want('voided', '2026-06-17'), false, 'nor one whose invoice is voided');
select is(pg_temp.told('recharge_paused:'), 3::bigint, 'each is told');
select results_eq($$select c.name from public.auto_recharges r
    join public.clients c on c.id = r.client_id where r.paused order by 1$$,
  $$values ('disputed'), ('refunded'), ('voided')$$, 'until they are resumed');
update public.auto_recharges r set paused = false where r.client_id = pg_temp.client('disputed');
select ok(pg_temp.want('disputed', '2026-06-05'), 'resumed, it is made');
select lives_ok($$select _billing.pause_recharge(t.invoice_id) from public.top_ups t
  where t.client_id = pg_temp.client('refunded')$$, 'pausing paused recharges changes nothing');

-- Not served, paused, not low any more: a wanted recharge is withdrawn, not charged.
select ok(pg_temp.want(n, '2026-06-02'), n || ': wanted')
from unnest('{ended,paused,bought}'::text[]) n;
select billing.end_service(pg_temp.client('ended'), '2026-06-03');
select is((_billing.recharge_terms(pg_temp.client('ended'), '2026-06-04')).client_id, null,
  'a client that is not served is not recharged');
select is(pg_temp.invoice('ended', '2026-06-04'), false, 'nor is what was wanted');
select is(pg_temp.want('ended', '2026-06-05'), false, 'nor wanted again');
update public.auto_recharges r set paused = true where r.client_id = pg_temp.client('paused');
select is(pg_temp.invoice('paused', '2026-06-04'), false, 'paused, it is not invoiced');
select billing.grant_credit(pg_temp.client('bought'), 2000, as_of => '2026-06-03');
select is(pg_temp.invoice('bought', '2026-06-04'), false, 'nor where the balance is not low');
select is(pg_temp.states(n), '{void}', n || ': void, without an invoice')
from unnest('{ended,paused,bought}'::text[]) n;

-- What fails for one client is told once a day and holds up nobody.
select is(_billing.clients_to_recharge() @> array[pg_temp.client('broken'),
  pg_temp.client('sound')], true, 'both are looked at');
create function pg_temp.refuse() returns trigger language plpgsql as $$
begin
  if new.client_id = '00000000-0000-4000-8000-000000046409' then
    raise exception 'out of range';
  end if;
  return new;
end $$;
create trigger refuse before insert on public.top_ups for each row execute function
  pg_temp.refuse();
select _billing.look_at_recharge(pg_temp.client(n), false, '2026-06-02')
from unnest('{broken,broken,sound}'::text[]) n;
select _billing.look_at_recharge(pg_temp.client('sound'), true, '2026-06-02');
select results_eq($$select d.payload ->> 'message' from public.deliveries d
    where d.dedupe_key like 'recharge_failed:%:hermes'$$,
  $$values ('Whether the credit of broken is low cannot be said: out of range')$$, 'told once');
select is(pg_temp.states('sound'), '{invoiced}', 'and the others are recharged');
select ok((select l.looked_at from _billing.recharge_looks l
    where l.client_id = pg_temp.client('broken')) is not null, 'both were looked at');
select is((_billing.clients_to_recharge())[cardinality(_billing.clients_to_recharge())],
  pg_temp.client('sound'), 'the last one looked at is the last one next time');
select trigger_is('public', x, 'pause_after_recharge', '_billing', 'pause_after_recharge',
  x || ' are followed') from unnest('{top_ups,credit_entries,payments}'::text[]) x;
select is((select count(*) from billing.check_invariants()), 0::bigint, 'the books are sound');
select * from finish();
rollback;

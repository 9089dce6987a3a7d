-- Recharges: credit whose live balance is low is topped up once at a time, within its cap, and not
-- at once again after a payment that failed. Amounts derived by hand.
begin;
select plan(48);

insert into public.clients (id, name, email, started_on) values
  ('00000000-0000-4000-8000-000000004611', 'Acme', 'a@example.com', '2026-06-01'),
  ('00000000-0000-4000-8000-000000004612', 'Bare', 'b@example.com', '2026-06-01');
-- Without the minimum of a month, which counts as used.
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000004611', 0);
create function pg_temp.acme() returns uuid language sql as $$
  select '00000000-0000-4000-8000-000000004611'::uuid;
$$;
create function pg_temp.want(at timestamptz) returns boolean language sql as $$
  select billing.want_recharge(pg_temp.acme(), at) is not null;
$$;
-- Wants, invoices and has it paid at once.
create function pg_temp.recharge(at timestamptz) returns bigint language sql as $$
  select billing.want_recharge(pg_temp.acme(), at);
  select billing.invoice_recharge(pg_temp.acme(), at);
  select billing.record_payment(i.id, i.amount_due_minor, at) from public.invoices i
  where i.kind = 'top_up' and i.status = 'open';
  select amount_minor from public.top_ups t where t.requested_at = at and t.state = 'granted';
$$;
create function pg_temp.told(percent integer) returns text language sql as $$
  select d.payload ->> 'message' from public.deliveries d where d.dedupe_key
    = format('recharge_cap:%s:2026-06-01:%s:hermes', pg_temp.acme(), percent);
$$;

select is(pg_temp.want('2026-06-02'), false, 'a client that does not want it is not recharged');
-- Below 20.00, up to 100.00, at most 400.00 a month.
select billing.set_auto_recharge(pg_temp.acme(), 2000, 40000, target_minor => 10000,
  expires_after_days => 30, paused => true);
select is(pg_temp.want('2026-06-02'), false, 'nor while it is paused');
select lives_ok($$select billing.set_auto_recharge(pg_temp.acme(), 2000, 40000,
  amount_minor => 40000)$$, 'an amount goes up to the cap');
select billing.set_auto_recharge(pg_temp.acme(), 2000, 40000, target_minor => 10000,
  expires_after_days => 30);
select results_eq('select currency, threshold_minor, target_minor, amount_minor, monthly_cap_minor,
    expires_after_days, paused from public.auto_recharges', $$values ('USD', 2000::bigint,
    10000::bigint, null::bigint, 40000::bigint, 30, false)$$, 'terms are replaced');
select throws_ok(format('select billing.set_auto_recharge(%L, %s)', pg_temp.acme(), x.terms),
  'PT400', null, x.what)
from (values ('2000, 40000', 'a recharge without target and amount'),
  ('2000, 40000, 10000, 10000', 'or with both'), ('2000, 40000, 2000', 'one that stays below'),
  ('2000, 40000, null, 40001', 'one beyond its cap'),
  ('2000, 40000, 10000, null, ''ZZZ''', 'or of no currency')) x(terms, what);
select throws_ok($$select billing.set_auto_recharge('00000000-0000-4000-8000-0000000046ff', 1, 2,
  2)$$, 'PT404', null, 'of a client that there is not');

-- Bought by hand: 19.99 are below 20.00, 20.00 are not.
select billing.grant_credit(pg_temp.acme(), 2000, as_of => '2026-06-02');
select is(pg_temp.want('2026-06-02 01:00+00'), false, '20.00 are not below 20.00');
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values (pg_temp.acme(), 'A cent', 0.01, 'USD', '2026-06-02');
select ok(pg_temp.want('2026-06-02 02:00+00'), '19.99 are: what is not invoiced yet counts');
-- 100.00 less 19.99.
select results_eq($$select state, origin, amount_minor, balance_minor, threshold_minor, invoice_id
    from public.top_ups$$, $$values ('wanted', 'low_balance', 8001::bigint, 1999::bigint,
    2000::bigint, null::uuid)$$, 'a recharge is noted with what set it off');
select is(pg_temp.want('2026-06-02 02:00+00'), false, 'once while it is wanted');
select is(_billing.recharge_waits(pg_temp.acme(), '2026-06-02 02:00+00'), 'under way',
  'because one is under way');
select ok(billing.invoice_recharge(pg_temp.acme(), '2026-06-02 02:00+00') is not null,
  'a wanted recharge is invoiced');
select is(billing.invoice_recharge(pg_temp.acme(), '2026-06-02 02:00+00'), null,
  'a recharge is invoiced once');
select is(pg_temp.want('2026-06-02 03:00+00'), false, 'and none other before it is paid');
select throws_ok($$insert into public.top_ups (client_id, origin, currency, amount_minor,
    balance_minor, threshold_minor, requested_at)
  values (pg_temp.acme(), 'low_balance', 'USD', 1, 1, 1, now())$$, '23505', null,
  'by any writer');
select billing.record_payment(t.invoice_id, 8001, '2026-06-02 04:00+00') from public.top_ups t;
select results_eq($$select b.live_minor from billing.credit_balance(pg_temp.acme(),
    '2026-06-02 04:00+00') b$$, 'values (10000::numeric)', 'paid, the balance is at its target');
select is(pg_temp.want('2026-06-02 05:00+00'), false, 'which is not low');

-- Three in ten minutes: each is used up at once.
create function pg_temp.spend(amount numeric) returns void language sql as $$
  insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
  values (pg_temp.acme(), 'Work', amount, 'USD', '2026-06-03');
$$;
select pg_temp.spend(100);
select is(pg_temp.recharge('2026-06-03 00:00+00'), 10000::bigint, 'the first of ten minutes');
select pg_temp.spend(81);
select is(pg_temp.recharge('2026-06-03 00:01+00'), 8100::bigint,
  'a second recharge within ten minutes is made');
select pg_temp.spend(81);
select is(pg_temp.recharge('2026-06-03 00:02+00'), 8100::bigint,
  'a third recharge within ten minutes is made');
select pg_temp.spend(81);
select is(pg_temp.want('2026-06-03 00:09+00'), false, 'no fourth within ten minutes');
select is(_billing.recharge_waits(pg_temp.acme(), '2026-06-03 00:09+00'), 'too many',
  'they are many');
select is(_billing.recharge_waits(pg_temp.acme(), '2026-06-03 00:10+00'), null, 'but after them');

-- The cap: 80.01 + 100.00 + 81.00 + 81.00 = 342.01 of 400.00 are 85 %; 81.00 more are too much.
select is(_billing.recharged_in_month(pg_temp.acme(), '2026-06-30'), 34201::bigint,
  'recharged_in_month sums June''s recharges');
select is(_billing.tell_of_caps('2026-06-03'), 1::bigint, 'operators are told');
select is(pg_temp.told(80), 'Recharges of Acme come to 342.01 USD of at most 400.00 USD in the '
  'month from 2026-06-01', 'of 80 %');
select is(billing.queue_usage_alerts('2026-06-03'), 0::bigint, 'with other alerts, once');
update public.auto_recharges set monthly_cap_minor = 36000;
select is(_billing.tell_of_caps('2026-06-03'), 1::bigint, 'of a lower cap 95 %: told of 90 % too');
update public.auto_recharges set monthly_cap_minor = 40000;
select is(pg_temp.want('2026-06-03 01:00+00'), false, 'no recharge exceeds the cap');
select is(pg_temp.told(100), 'Recharges of Acme come to 342.01 USD of at most 400.00 USD in the '
  'month from 2026-06-01: no other one is made. Raise the cap, or ask for a top-up',
  'operators are told that one was not made');
select is(_billing.tell_of_cap(pg_temp.acme(), 100, '2026-06-04'), 0::bigint, 'once a month');
select is(_billing.recharged_in_month(pg_temp.acme(), '2026-07-01'), 0::bigint,
  'July begins with nothing');
update public.auto_recharges set monthly_cap_minor = 100000;

-- A payment that fails: its invoice is void, and 1, 4 and 16 hours pass before the next ones.
create function pg_temp.fail(n integer, at timestamptz) returns text language sql as $$
  select billing.want_recharge(pg_temp.acme(), at);
  select billing.invoice_recharge(pg_temp.acme(), at);
  insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
  select t.invoice_id, false, 'in_' || n, 'open' from public.top_ups t where t.state = 'invoiced';
  select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || n, 'livemode', false,
    'type', 'invoice.payment_failed', 'created', extract(epoch from at)::bigint,
    'api_version', _billing.stripe_api_version(), 'data', jsonb_build_object('object',
    jsonb_build_object('id', 'in_' || n, 'status', 'open', 'livemode', false, 'currency', 'usd',
      'total', 8100, 'amount_paid', 0, 'attempt_count', 1))));
  select billing.process_stripe_event('evt_' || n);
  select t.state || ' ' || i.status from public.top_ups t join public.invoices i
    on i.id = t.invoice_id where t.requested_at = at;
$$;
select is(pg_temp.fail(1, '2026-06-04 00:00+00'), 'declined void', 'declined, its invoice is void');
select is((select count(*) from public.deliveries d where d.event = 'reminder'), 0::bigint,
  'the client is not asked to pay it');
select is(pg_temp.want('2026-06-04 00:59+00'), false, 'no other within an hour');
select is(_billing.recharge_waits(pg_temp.acme(), '2026-06-04 00:59+00'), 'declined',
  'no recharge is made within an hour of a declined one');
select is(pg_temp.fail(2, '2026-06-04 01:00+00'), 'declined void', 'the next fails too');
select is(_billing.recharge_waits(pg_temp.acme(), '2026-06-04 04:59+00'), 'declined',
  'no recharge is made within four hours of the second declined one');
select is(pg_temp.recharge('2026-06-04 05:00+00'), 8100::bigint, 'the third is paid');
select pg_temp.spend(81);
select is(pg_temp.fail(3, '2026-06-05 00:00+00') || coalesce(_billing.recharge_waits(pg_temp.acme(),
  '2026-06-05 01:00+00'), ' once'), 'declined void once', 'which ends the waiting: an hour again');
select _billing.decline_recharge('{"id": "in_3"}', '2026-06-06');
select is((select max(t.declined_at) from public.top_ups t), '2026-06-05 00:00+00'::timestamptz,
  'a recharge is declined once');
-- What cannot be invoiced is told, and wanted still.
create function pg_temp.refuse() returns trigger language plpgsql as $$
begin
  raise exception 'no numbers today';
end $$;
create trigger refuse before insert on public.invoice_lines for each statement
  execute function pg_temp.refuse();
select billing.want_recharge(pg_temp.acme(), '2026-06-07');
select is(billing.invoice_recharge(pg_temp.acme(), '2026-06-07'), null,
  'a failed recharge stops no other');
select results_eq($$select t.problem, d.payload ->> 'message' from public.top_ups t
    join public.deliveries d on d.dedupe_key = 'recharge:' || t.id || ':hermes'
    where t.state = 'wanted'$$, $$values ('it could not be invoiced',
    'The credit of Acme is low and cannot be recharged: no numbers today')$$, 'and is told');
-- What each of its steps commits is put to the test end to end, by many sessions.
select has_function('_billing', 'recharge_credit', 'all clients are recharged by one call');
select * from finish();
rollback;

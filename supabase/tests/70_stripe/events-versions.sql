-- Events of another version of Stripe's API wait until their object is fetched in ours.
begin;
select plan(16);

insert into public.clients (name, email, started_on) values ('Acme', 'a@example.com', '2026-06-01');
select billing.run_monthly('2026-07-01 09:00+00');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_1', 'open' from public.invoices;
create function pg_temp.receive(n integer, version text, object text default 'in_1')
returns boolean language sql as $$
  select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || n, 'type', 'invoice.paid',
    'api_version', version, 'livemode', false, 'created', 1782900000 + n, 'data',
    jsonb_build_object('object', jsonb_build_object('id', object, 'object', 'invoice'))));
$$;
create function pg_temp.state(n integer) returns text language sql as $$
  select format('%s, %s tries%s', state, attempts, ', ' || note) from billing.stripe_events
  where id = 'evt_' || n;
$$;
create function pg_temp.to_fetch() returns text language sql as $$
  select string_agg(array_to_string(f.ids, '+') || ' ' || f.object_type || ' ' || f.object_id, ', '
    order by f.object_id) from _billing.stripe_events_to_fetch(10) f;
$$;

select pg_temp.receive(1, _billing.stripe_api_version());
select pg_temp.receive(2, null);
select is(pg_temp.to_fetch(), null, 'events of our version are as we need them');
delete from billing.stripe_events;
select pg_temp.receive(n, '2025-02-24.acacia') from generate_series(3, 4) n;
select pg_temp.receive(5, '2025-02-24.acacia', 'in_2');
select is(pg_temp.to_fetch(), 'evt_3+evt_4 invoice in_1, evt_5 invoice in_2',
  'each object is fetched once for all its events');
select is((select count(*) from _billing.stripe_events_to_fetch(1)), 1::bigint,
  'as many as are asked for');
select is(billing.process_stripe_event('evt_3'), null, 'nothing is done about them before');
select is(billing.process_stripe_events(), 0, 'nor by the clock');
select isnt(billing.wake_stripe('{"only": "outbox"}'), 'nothing to tell',
  'the functions are called for them');

-- Fetched an hour later: 50.00 are paid.
select _billing.save_fetched_object('{evt_3,evt_4}', '{"id": "in_1", "livemode": false,
  "currency": "usd", "status": "paid", "total": 5000, "amount_due": 5000, "amount_paid": 5000,
  "metadata": {}}', '2026-07-01 11:00+00');
select is(pg_temp.to_fetch(), 'evt_5 invoice in_2',
  'an object of another version is to be fetched');
select is(billing.process_stripe_event('evt_3'), 'invoice paid, booked 5000',
  'and acted on by what was fetched');
select is((select paid_at from public.invoices), '2026-07-01 11:00+00',
  'as of the time of the answer');
select is(billing.process_stripe_event('evt_4'), 'invoice paid', 'the event is processed once');

-- What cannot be fetched.
select _billing.save_fetch_problem('{evt_5}', 'away', false);
select is(pg_temp.state(5), 'pending, 1 tries, away', 'is tried again');
select is(pg_temp.to_fetch(), null, 'a failed fetch waits until later');
select _billing.save_fetch_problem('{evt_5}', 'No such invoice', true);
select is(pg_temp.state(5), 'ignored, 1 tries, ignored: No such invoice', 'unless it is gone');
select _billing.save_fetch_problem('{evt_4}', 'away', false);
select is(pg_temp.state(4), 'done, 1 tries, invoice paid', 'a finished event stays finished');
select pg_temp.receive(6, '2025-02-24.acacia', 'price_1');
select _billing.save_fetched_object('{evt_6}', null, now());
select is((select payload #>> '{data,object,id}' from billing.stripe_events where id = 'evt_6'),
  'price_1', 'of which nothing is done, nothing is fetched');
select _billing.save_fetch_problem('{evt_6}', 'away', true);
select is(pg_temp.state(6), 'pending, 0 tries', 'and it is left to the others');

select * from finish();
rollback;

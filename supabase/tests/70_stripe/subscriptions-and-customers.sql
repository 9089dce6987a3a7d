-- Customers and subscriptions in Stripe, and what they mean for clients.
begin;
select plan(20);

insert into public.clients (name, email, started_on) values ('Acme', 'old@acme.test', '2026-06-01');
insert into public.stripe_customers (client_id, livemode, stripe_customer_id)
select id, false, 'cus_1' from public.clients;
create function pg_temp.event(id text, type text, thing jsonb, at integer,
  changed jsonb default '{}', key text default null) returns text language sql as $$
  select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || id, 'type', type,
    'livemode', false, 'created', 1782900000 + at,
    'request', jsonb_build_object('idempotency_key', key),
    'data', jsonb_build_object('object', thing || '{"livemode":false,"currency":"eur"}',
      'previous_attributes', changed)));
  select billing.process_stripe_event('evt_' || id);
$$;
create function pg_temp.subscription(status text) returns jsonb language sql as $$
  select jsonb_build_object('id', 'sub_1', 'customer', 'cus_1', 'status', status,
    'items', '{"data":[{"quantity":2,"current_period_end":1785500000,
      "price":{"unit_amount":9900,"recurring":{"interval":"month","usage_type":"licensed"}}}]}'
      ::jsonb);
$$;

select is(pg_temp.event('1', 'customer.updated', '{"id":"cus_1","email":"new@acme.test",
  "name":"Other","address":{"line1":"1 Road","line2":"Hall","postal_code":"D02","city":"Dublin",
  "country":"IE"}}', 1, '{"email":"old@acme.test","address":null}'), 'client updated',
  'a change made in the portal is taken over');
select results_eq('select name, email, address, postal_address from public.clients',
  $$values ('Acme', 'new@acme.test', array['1 Road', 'Hall', 'D02 Dublin', 'IE'],
    '{"line1": "1 Road", "line2": "Hall", "city": "Dublin", "postal_code": "D02", "country": "IE"}'
    ::jsonb)$$, 'the address in parts and as lines, and nothing else');
select is(pg_temp.event('2', 'customer.updated', '{"id":"cus_1","email":"stale@acme.test"}', 2,
  '{"email":"x"}', 'customer-cus_1-abc'), 'ignored: our own change',
  'our own change is ignored');
select is(pg_temp.event('3', 'customer.updated', '{"id":"cus_9"}', 3),
  'ignored: not a customer of ours', 'customers that are not ours are ignored');

-- Subscriptions.
select is(pg_temp.event('4', 'customer.subscription.created', pg_temp.subscription('active'), 4),
  'subscription active, billing config made', 'a new one gives its client a billing config');
select results_eq('select currency, effective_from from public.billing_config
  where client_id is not null', $$values ('EUR', '2026-06-01'::date)$$,
  'in its currency, from the client''s first day');
select results_eq(
  'select status, base_fee_minor, billing_interval from public.stripe_subscriptions',
  $$values ('active', 19800::bigint, 'month')$$, 'the fee is mirrored');
select throws_ok($$select billing.charge_base_fee(id, 99, 'Platform fee', '2026-07-01')
  from public.clients$$, 'PT409', null, 'a fee that Stripe bills is not billed by us too');
select is(pg_temp.event('5', 'customer.subscription.updated', pg_temp.subscription('unpaid'), 6),
  'subscription unpaid, service ended', 'one that is not paid ends service');
select is(pg_temp.event('6', 'customer.subscription.updated', pg_temp.subscription('active'), 5),
  'known', 'an older state that comes late changes nothing');
select is((select ended_on from public.clients), '2026-07-02'::date,
  'service ends with the day that Stripe names');
select is(pg_temp.event('7', 'customer.subscription.updated', pg_temp.subscription('active'), 7),
  'subscription active, service started', 'paid again, service goes on');
select is(pg_temp.event('8', 'customer.subscription.deleted',
  pg_temp.subscription('canceled') || '{"ended_at":1782900008}', 8),
  'subscription canceled, service ended', 'a deleted one ends service');
select is(pg_temp.event('9', 'customer.subscription.updated', pg_temp.subscription('active'), 9),
  'known', 'nothing brings an ended subscription back');
select lives_ok($$select billing.charge_base_fee(id, 99, 'Platform fee', '2026-07-01')
  from public.clients$$, 'without one the fee may be a line of ours');

select is(pg_temp.event('11', 'customer.subscription.created',
  pg_temp.subscription('active') || '{"id":"sub_2"}', 11),
  'subscription active, service started, base fee left to Stripe',
  'a fee that waits for our invoice is dropped when a subscription with one begins');
select is_empty('select from public.invoice_items', 'so it is billed once');
update public.clients set status = 'paused';
select is(pg_temp.event('12', 'customer.subscription.updated',
  pg_temp.subscription('active') || '{"id":"sub_2"}', 12), 'known',
  'a repeated event undoes no operator''s decision');
select is(pg_temp.event('10', 'customer.deleted', '{"id":"cus_1"}', 10), 'customer forgotten',
  'a deleted customer is noticed');
select is((select _billing.stripe_client_facts(id, false) ->> 'deleted' from public.clients),
  'true',
  'and the next need makes a new one');

select * from finish();
rollback;

-- A customer is deleted in Stripe, which cancels its subscription, and is replaced here before
-- anything is told of that.
begin;
select plan(6);

insert into public.clients (id, name, email, started_on) values
  ('00000000-0000-4000-8000-000000000a79', 'One', 'one@example.com', '2026-06-01');
insert into public.billing_config (client_id, currency) values
  ('00000000-0000-4000-8000-000000000a79', 'EUR');
create function pg_temp.subscription(id text, customer text, status text, ended timestamptz)
returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'customer', customer, 'status', status, 'livemode', false,
    'currency', 'eur', 'start_date', extract(epoch from timestamptz '2026-06-01T00:00Z'),
    'ended_at', extract(epoch from ended),
    'items', '{"data": [{"quantity": 1, "price": {"unit_amount": 4900}}]}'::jsonb);
$$;
create function pg_temp.save(customer text) returns void language sql as $$
  select _billing.save_stripe_customer('00000000-0000-4000-8000-000000000a79', false, customer,
    'digest');
$$;

select pg_temp.save('cus_1');
select billing.apply_stripe_subscription(
  pg_temp.subscription('sub_1', 'cus_1', 'active', null), '2026-06-01T00:00Z');
select pg_temp.save('cus_1');
select pg_temp.save('cus_2');
select pg_temp.save('cus_3');
select results_eq($$select stripe_customer_id, former_ids from public.stripe_customers$$,
  $$values ('cus_3', '{cus_1,cus_2}'::text[])$$, 'each customer that was replaced is known once');
select is(_billing.client_of_customer('cus_1'), null,
  'changes of a replaced customer change no client');
select is(billing.owner_of_subscription('{"customer": "cus_2"}'),
  '00000000-0000-4000-8000-000000000a79', 'its subscriptions are the client''s');
select is(billing.owner_of_subscription('{"customer": "cus_4"}'), null,
  'others are nobody''s');

select billing.apply_stripe_subscription(
  pg_temp.subscription('sub_1', 'cus_1', 'canceled', '2026-06-10T12:00Z'), '2026-06-10T12:00Z');
select results_eq($$select starts_on, ends_on from public.service_intervals
  where client_id = '00000000-0000-4000-8000-000000000a79'$$,
  $$values ('2026-06-01'::date, '2026-06-11'::date)$$,
  'service ends with the subscription: its last day is served');
select lives_ok($$select billing.charge_base_fee('00000000-0000-4000-8000-000000000a79', 49,
  'Platform fee', '2026-06-11')$$, 'and the fee may be billed here again');

select * from finish();
rollback;

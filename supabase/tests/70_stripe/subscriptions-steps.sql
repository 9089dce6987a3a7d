-- Customers and subscriptions of Stripe, and which client they are.
begin;
select plan(33);

insert into public.clients (id, name, email, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', 'a@acme.test', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', 'b@birch.test', '2026-06-01');
select _billing.save_stripe_customer('00000000-0000-0000-0000-00000000000a', false, 'cus_1', 'd1');
create function pg_temp.subscription(status text, fee integer default 100) returns jsonb
language sql as $$
  select jsonb_build_object('id', 'sub_1', 'customer', 'cus_1', 'status', status,
    'livemode', false, 'currency', 'eur', 'items', jsonb_build_object('data', jsonb_build_array(
      jsonb_build_object('quantity', 2, 'price', jsonb_build_object('unit_amount', fee,
        'recurring', '{"interval": "month", "usage_type": "licensed"}'::jsonb)))));
$$;
create function pg_temp.mirror() returns public.stripe_subscriptions language sql as $$
  select s from public.stripe_subscriptions s;
$$;

select is(_billing.client_of_customer('cus_1'), '00000000-0000-0000-0000-00000000000a',
  'a customer is a client');
select is(_billing.client_of_customer('cus_x'), null, 'or somebody else''s');
select is(_billing.address_lines('{"line1": "1 Road\nBack", "line2": "", "postal_code": "D02",
  "city": "Dublin", "state": null, "country": " IE "}'), '{1 Road,Back,D02 Dublin,IE}',
  'an address is lines, without the empty ones');
select is(_billing.address_lines('{}'), '{}', 'an empty address has no lines');
select is(_billing.postal_address_of('{"line1": " 1 Road ", "line2": null, "city": "",
  "country": "IE"}'), '{"line1": "1 Road", "country": "IE"}', 'its parts are those that it has');
select is(_billing.postal_address_of('{"line1": "1 Road", "country": null}'), null,
  'and none without a country');
select is(_billing.apply_stripe_customer('{"id": "cus_1", "name": " ", "email": "new@acme.test"}',
  '{"name": null, "email": null}', now()), 'client updated', 'the changed fields are taken over');
select results_eq($$select name, email from public.clients where name like 'A%'$$,
  $$values ('Acme', 'new@acme.test')$$, 'but for a name that is blank');
select is(_billing.apply_stripe_customer('{"id": "cus_1", "email": "x@acme.test",
  "address": {"line1": "2 Road", "country": "IE"}}', '{}', now()),
  'nothing new', 'and for what did not change there');

-- Subscriptions.
select is(billing.owner_of_subscription('{"customer": "cus_1"}'),
  '00000000-0000-0000-0000-00000000000a', 'a subscription is its customer''s');
select is(billing.owner_of_subscription('{"customer": "cus_x", "metadata":
  {"leveredge_client_id": "00000000-0000-0000-0000-00000000000b"}}'),
  '00000000-0000-0000-0000-00000000000b', 'or of the client that it names');
select throws_ok($$select billing.apply_stripe_subscription('{"customer": "cus_x"}', now())$$,
  'P0001', 'waiting for the client of customer cus_x', 'or waits for one');
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day,
  is_base_fee) values
  ('00000000-0000-0000-0000-00000000000a', 'Base fee', 9, 'EUR', '2026-07-05', true),
  ('00000000-0000-0000-0000-00000000000a', 'Set-up', 9, 'EUR', '2026-07-05', false);
select is(billing.apply_stripe_subscription(pg_temp.subscription('active'), '2026-07-01'),
  'subscription active, billing config made, base fee left to Stripe',
  'a new one gives its client a config, and takes the fee that waits for our invoice');
select results_eq('select status, base_fee_minor, currency from public.stripe_subscriptions',
  $$values ('active', 200::bigint, 'EUR')$$, 'its fee is amount times quantity');
select results_eq('select description from public.invoice_items', $$values ('Set-up')$$,
  'other items stay');
select is(billing.apply_stripe_subscription(pg_temp.subscription('canceled'), '2026-06-30'),
  'known', 'an older state changes nothing');
select is(_billing.drop_doubled_fee(pg_temp.mirror(), '2026-07-01'), null,
  'no fee waits any more');
update public.stripe_subscriptions set status = 'canceled';
select is(_billing.follow_subscription(pg_temp.mirror(), '2026-07-01', '2026-07-01',
  '2026-07-10 12:00+00'), 'subscription canceled, service ended', 'when it ends service ends');
select is(_billing.follow_subscription(pg_temp.mirror(), '2026-07-01', '2026-07-01',
  '2026-07-20'), 'subscription canceled', 'the same end is followed once');
update public.stripe_subscriptions set status = 'active';
select is(_billing.follow_subscription(pg_temp.mirror(), '2026-07-01', '2026-09-05', '2026-09-05'),
  'subscription active, service started', 'when it comes back service begins anew');
select results_eq($$select s.starts_on, s.ends_on, s.start_reason, s.end_reason
    from public.service_intervals s join public.clients c on c.id = s.client_id
    where c.name = 'Acme' order by 1$$,
  $$values ('2026-06-01'::date, '2026-07-11'::date, 'started', 'subscription canceled'),
    ('2026-09-05', 'infinity', 'subscription active', null)$$,
  'the 10th of July is the last day, the 5th of September the first');
update public.stripe_subscriptions set status = 'canceled';
select is(_billing.follow_subscription(pg_temp.mirror(), '2026-07-01', '2026-07-01', '2026-08-01'),
  'subscription canceled', 'an end before service began anew ends nothing');
select is(_billing.follow_subscription(pg_temp.mirror(), '2026-07-01', '2026-07-01', '2026-10-01'),
  'subscription canceled, service ended', 'at midnight of 1 October');
select is((select ended_on from public.clients where name = 'Acme'), '2026-10-01'::date,
  'the day before was the last');
select billing.end_service(id, '2026-09-30') from public.clients where name = 'Acme';
update public.stripe_subscriptions set status = 'active';
select is(_billing.follow_subscription(pg_temp.mirror(), '2026-07-01', '2026-11-01', '2026-11-01'),
  'subscription active', 'an older subscription does not restart service that an operator ended');
select is(_billing.follow_subscription(pg_temp.mirror(), '2026-11-01', '2026-11-01', '2026-11-01'),
  'subscription active, service started', 'one that was made afterwards does');

-- Deleted there, made anew here.
select is(billing.forget_stripe_customer('cus_x', now()),
  'ignored: not a customer of ours, or known',
  'a customer of others is not forgotten');
select is(billing.forget_stripe_customer('cus_1', '2026-07-09'), 'customer forgotten',
  'a customer of ours is forgotten');
select is(billing.forget_stripe_customer('cus_1', '2026-07-10'),
  'ignored: not a customer of ours, or known', 'a customer is forgotten once');
select _billing.save_stripe_customer('00000000-0000-0000-0000-00000000000a', false, 'cus_2', 'd2');
select results_eq('select stripe_customer_id, sent_digest, deleted_at from public.stripe_customers',
  $$values ('cus_2', 'd2', null::timestamptz)$$, 'until it is made anew');

-- An end that is told in the second of the beginning.
insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000f', 'Brief', '2026-06-17');
create function pg_temp.brief(status text, more jsonb) returns text language sql as $$
  select billing.apply_stripe_subscription(jsonb_build_object('id', 'sub_brief', 'status', status,
    'livemode', false, 'currency', 'usd', 'customer', 'cus_brief', 'items', '{"data": []}'::jsonb,
    'metadata', '{"leveredge_client_id": "00000000-0000-0000-0000-00000000000f"}'::jsonb) || more,
    '2026-06-02')
$$;
select is(pg_temp.brief('active', '{"start_date": 1780358400}'),
  'subscription active, billing config made', 'a subscription begins');
select is(pg_temp.brief('canceled', '{"ended_at": 1780358400}'),
  'subscription canceled, service ended', 'and its end in the same second is the last of it');
select is_empty($$select from public.service_intervals s
  where s.client_id = '00000000-0000-0000-0000-00000000000f'$$, 'service does not begin');

select * from finish();
rollback;

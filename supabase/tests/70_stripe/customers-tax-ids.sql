-- A tax id that a client changes in Stripe's portal: operators are told, nothing is changed here.
begin;
select plan(13);

insert into public.clients (id, name, email, tax_id, started_on)
values ('00000000-0000-4000-8000-0000000079d1', 'Acme', 'a@example.com', 'IE 6388047 V',
  '2026-06-01');
select _billing.save_stripe_customer('00000000-0000-4000-8000-0000000079d1', false, 'cus_1', 'd',
  'txi_1');
create function pg_temp.event(id text, type text, tax_id jsonb) returns text language sql as $$
  select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || id, 'type',
    'customer.tax_id.' || type, 'livemode', false, 'created', 1783000000, 'api_version',
    _billing.stripe_api_version(), 'data', jsonb_build_object('object', tax_id
      || '{"object": "tax_id", "customer": "cus_1", "livemode": false}')));
  select billing.process_stripe_event('evt_' || $1);
$$;
create function pg_temp.told(key text) returns text language sql as $$
  select payload ->> 'message' from public.deliveries
  where dedupe_key = format('stripe:customer.tax_id.%s:hermes', key);
$$;

select is(_billing.plain_tax_id(' ie-638.8047 V'), 'IE6388047V', 'tax ids are compared plain');
select is(pg_temp.event('1', 'created', '{"id": "txi_1", "type": "eu_vat",
  "value": "IE6388047V"}'), 'ignored: the tax id is ours, or was replaced by ours',
  'customer.tax_id.created: ours is no news');
select is(pg_temp.event('2', 'created', '{"id": "txi_2", "type": "eu_vat", "value": "DE123456789",
  "verification": {"status": "pending"}}'), 'told of the tax id', 'one that the client adds is');
select is(pg_temp.told('created/txi_2/pending'), 'Acme has the tax id DE123456789 (eu_vat) in '
  'Stripe, here IE 6388047 V. Give it to the client where it is right, and look at its taxes; '
  'nothing is changed by itself', 'operators decide');
select is(pg_temp.event('3', 'updated', '{"id": "txi_1", "type": "eu_vat", "value": "IE6388047V",
  "verification": {"status": "verified"}}'), 'ignored: the tax id is ours, or was replaced by ours',
  'customer.tax_id.updated: nor is one that is verified');
select is(pg_temp.event('4', 'updated', '{"id": "txi_1", "type": "eu_vat", "value": "IE6388047V",
  "verification": {"status": "unverified"}}'), 'told of the tax id', 'one that is not is told of');
select is(pg_temp.told('updated/txi_1/unverified'), 'Stripe could not verify the tax id IE6388047V '
  'of Acme: ask the client whether it is right', 'with what to do');
select is(pg_temp.event('5', 'deleted', '{"id": "txi_0", "type": "eu_vat", "value": "IE1"}'),
  'ignored: the tax id is ours, or was replaced by ours',
  'customer.tax_id.deleted: one that was replaced is no news');
select is(pg_temp.event('6', 'deleted', '{"id": "txi_1", "type": "eu_vat",
  "value": "IE6388047V"}'), 'told of the tax id', 'one that the client removes is told of');
select is(pg_temp.told('deleted/txi_1'), 'The tax id IE6388047V of Acme was removed in Stripe; '
  'here it stands. Ask the client whether it holds, and look at its taxes', 'with what to do');
select is(_billing.apply_stripe_tax_id('customer.tax_id.created', '{"customer": "cus_x"}'),
  'ignored: not a customer of ours', 'of others'' customers nothing is told');
select is((select tax_id from public.clients), 'IE 6388047 V', 'the client is as it was');
select is(_billing.stripe_client_facts('00000000-0000-4000-8000-0000000079d1', false)
  ->> 'stripe_tax_id', 'txi_1', 'which tax id is ours is known, so that no other is replaced');

select * from finish();
rollback;

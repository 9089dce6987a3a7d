-- Cards and bank mandates that clients store: each becomes the default of its customer once.
begin;
select plan(11);

insert into public.clients (id, name) values ('00000000-0000-4000-8000-00000000000a', 'Acme');
insert into public.stripe_customers (client_id, livemode, stripe_customer_id)
values ('00000000-0000-4000-8000-00000000000a', false, 'cus_1');
create function pg_temp.note(thing jsonb) returns text language sql as $$
  select _billing.note_setup('{"mode": "setup", "customer": "cus_1", "livemode": false}'::jsonb
    || thing, now());
$$;

select is(pg_temp.note('{"setup_intent": "seti_1"}'), 'payment method noted', 'it is noted');
select is(pg_temp.note('{"setup_intent": "seti_1"}'), 'payment method noted',
  'a payment method is noted once');
select is(pg_temp.note('{"setup_intent": "seti_2", "mode": "payment"}'),
  'ignored: nothing was stored', 'a payment is none');
select is(pg_temp.note('{"setup_intent": null}'), 'ignored: nothing was stored', 'nor is nothing');
select is(pg_temp.note('{"setup_intent": "seti_3", "customer": "cus_2"}'),
  'ignored: not a customer of ours', 'nor is that of others');
select results_eq('select * from _billing.open_setups(false)', $$values ('seti_1', 'cus_1')$$,
  'it is to become the default');
select is_empty('select * from _billing.open_setups(true)', 'in its mode');
select _billing.save_setup('seti_1', false);
select is_empty('select * from _billing.open_setups(false)', 'one that is not ready can wait');
update _billing.stripe_setups set asked_at = now() - interval '61 minutes';
select isnt_empty('select * from _billing.open_setups(false)', 'for an hour');
select _billing.save_setup('seti_1', true);
update _billing.stripe_setups set asked_at = now() - interval '61 minutes';
select is_empty('select * from _billing.open_setups(false)', 'one that is the default is done');
update _billing.stripe_setups set done_at = null, seen_at = now() - interval '31 days';
select is_empty('select * from _billing.open_setups(false)', 'one that is never ready is given up');

select * from finish();
rollback;

-- The registry of kinds of delivery: what names one is checked by it.
begin;
select plan(7);

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-000000000060', 'Acme', '2026-05-01');

select throws_ok($$insert into public.billing_config (client_id, deliveries)
  values ('00000000-0000-0000-0000-000000000060', '{archive,pigeon}')$$, '23514',
  'deliveries of billing_config name a kind that is not known',
  'terms cannot name a kind that is not there');
select throws_ok($$insert into public.billing_config (client_id, deliveries)
  values ('00000000-0000-0000-0000-000000000060', '{log_export}')$$, '23514', null,
  'nor one that is not of invoices');
select lives_ok($$insert into public.billing_config (client_id, deliveries)
  values ('00000000-0000-0000-0000-000000000060', '{archive,email}')$$,
  'those of invoices they can');
select throws_ok($$update public.billing_config set deliveries = '{hermes,pigeon}'
  where client_id is not null$$, '23514', null, 'a change is checked too');
select trigger_is('public', 'billing_config', 'billing_config_deliveries', '_billing',
  'check_delivery_list', 'the list is read by a trigger');
select throws_ok($$insert into public.deliveries (kind, event, dedupe_key)
  values ('pigeon', 'notice', 'a')$$, '23503', null, 'a delivery is of a kind that is there');
select throws_ok($$insert into billing.delivery_kinds values ('fax', false, true, 'A fax')$$,
  '23514', null, 'a kind for credit notes is a kind for invoices');
select * from finish();
rollback;

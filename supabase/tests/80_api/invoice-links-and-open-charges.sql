-- What the console asks beyond the tables: members with their emails, and charges of open periods.
begin;
select plan(25);

insert into auth.users (id, email) values
  ('00000000-0000-0000-0000-0000000000e1', 'ann@example.com'),
  ('00000000-0000-0000-0000-0000000000e2', 'ben@example.com');
insert into public.clients (id, name, started_on, time_zone) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01', 'UTC'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01', 'UTC');
insert into public.billing_config (client_id, minimum_minor)
select id, 0 from public.clients;
insert into public.client_members (client_id, user_id, role) values
  ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-0000000000e1', 'billing'),
  ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-0000000000e2', 'viewer');
set local billing.as_of = '2026-06-21 12:00+00';

select results_eq(
  $$select email, role from billing.members_of('00000000-0000-0000-0000-00000000000a')$$,
  $$values ('ann@example.com', 'billing')$$, 'members of a client have their emails, no other');
set local role authenticated;
select throws_ok($$select billing.members_of('00000000-0000-0000-0000-00000000000a')$$, '42501',
  null, 'signed-in users list no members');
select throws_ok($$select billing.open_charges()$$, '42501', null,
  'a member may not rate open charges');
reset role;

-- Acme: 2M of m at 3.00 a million and 1M of n at 5.00 are 6.00 and 5.00. Birch: 4M of m are 12.00.
insert into public.prices (client_id, model, metric, unit_amount, per_units) values
  (null, 'm', 'input_tokens', 3, 1000000), (null, 'n', 'input_tokens', 5, 1000000);
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp", created_at)
select 'A', l.model, l.tokens, l.client::uuid, '2026-06-10', '2026-06-10'
from (values ('m', 2000000, '00000000-0000-0000-0000-00000000000a'),
  ('n', 1000000, '00000000-0000-0000-0000-00000000000a'),
  ('m', 4000000, '00000000-0000-0000-0000-00000000000b')) l(model, tokens, client);
select _billing.rollup();

select results_eq($$select client_id, currency, minor from billing.open_charges()
  order by client_id$$, $$values
  ('00000000-0000-0000-0000-00000000000a'::uuid, 'USD', 1100::numeric),
  ('00000000-0000-0000-0000-00000000000b'::uuid, 'USD', 1200::numeric)$$,
  'open_charges lists all clients');
select results_eq($$select minor from billing.open_charges(
  of_client => '00000000-0000-0000-0000-00000000000b')$$, 'values (1200::numeric)',
  'open_charges lists one client');
select results_eq($$select minor from billing.open_charges('n')$$, 'values (1100::numeric)',
  'of those that used a model');
select is_empty($$select * from billing.open_charges('other')$$, 'which may be nobody');
select results_eq($$select period_start, is_invoiced, currency, minor from billing.charges_of_day(
  '00000000-0000-0000-0000-00000000000b', '2026-06-10')$$,
  $$values ('2026-06-01'::date, false, 'USD', 1200::numeric)$$,
  'charges_of_day are those of the period that has the day');
select is_empty($$select * from billing.charges_of_day('00000000-0000-0000-0000-00000000000b',
  '2020-01-01')$$, 'of a day without a period there are none');
set local role service_role;
select isnt_empty($$select * from billing.open_charges()$$, 'the service may ask');
reset role;

-- Links that open an invoice.
select _billing.rollup();
set local billing.as_of = '2026-07-02 12:00+00';
select billing.generate_invoice('00000000-0000-0000-0000-00000000000a', '2026-06-01',
  billing.as_of());
create function pg_temp.invoice() returns uuid language sql as $$
  select i.id from public.invoices i
  where i.client_id = '00000000-0000-0000-0000-00000000000a' and i.status <> 'void';
$$;
create temporary table voided as select pg_temp.invoice() as id;
select billing.void_invoice(id, 'test', billing.as_of()) from voided;
select billing.regenerate_invoice(id, billing.as_of()) from voided;
select throws_like($$select billing.create_invoice_link(pg_temp.invoice())$$, '%draft%',
  'a draft has no link');
select billing.finalize_invoice(pg_temp.invoice(), billing.as_of());
select throws_like($$select billing.create_invoice_link(pg_temp.invoice(), 0)$$, '%1 to 366%',
  'a link ends');
select throws_like($$select billing.create_invoice_link(gen_random_uuid())$$, '%no invoice%',
  'and is of an invoice');
create temporary table link as select * from billing.create_invoice_link(pg_temp.invoice(), 7);
select matches((select token from link), '^[0-9a-f]{64}$', 'a link has a long token');
select is((select expires_at from link), now() + interval '7 days', 'until a week from now');
select is(billing.invoice_of_link((select token from link)), pg_temp.invoice(),
  'which opens the invoice');
select is(billing.invoice_of_link(repeat('0', 64)), null, 'and no other token does');
select is((select count(*) from billing.invoice_links l, link
  where l::text like '%' || link.token || '%'), 0::bigint, 'the token itself is not kept');
update billing.invoice_links set created_at = now() - interval '9 days',
  expires_at = now() - interval '1 second';
select is(billing.invoice_of_link((select token from link)), null, 'nor one that has expired');
update billing.invoice_links set expires_at = now() + interval '1 day';
select is(billing.end_invoice_links(pg_temp.invoice()), 1::bigint, 'links are ended');
select is(billing.invoice_of_link((select token from link)), null, 'and open nothing from then on');
select trigger_is('billing', 'invoice_links', t, '_billing', 'audit_invoice_links', t)
from unnest('{audit_insert,audit_delete}'::text[]) t;
select results_eq($$select operation, coalesce(after, before) ->> 'invoice_id'
    from billing.audit_log where table_name = 'invoice_links' order by id$$,
  $$select x, pg_temp.invoice()::text from unnest('{insert,delete}'::text[]) x$$,
  'the audit log says that a link was made and ended');
select is((select count(*) from billing.audit_log where table_name = 'invoice_links'
  and (coalesce(after, before) ? 'token_hash' or coalesce(after, before) ->> 'created_by' is null)),
  0::bigint, 'by whom, and no hash');

select * from finish();
rollback;

-- Items stay with their month, whatever becomes of it; a zero month spends what it was given.
begin;
select plan(13);
insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Foreign item', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Large allowance', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000c', 'Exact allowance', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
create function pg_temp.searches(client text, day date, searches integer)
returns void language sql as $$
  insert into public.agent_usage_logs
    (agent, model, web_searches, "timestamp", client_id)
  select 'ATLAS', 'claude-sonnet', searches, day, c.id
  from public.clients c where c.name = client
$$;
create function pg_temp.item(client text, amount numeric, currency text)
returns void language sql as $$
  insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
  select c.id, 'item', amount, item.currency, '2026-06-10' from public.clients c
  where c.name = client
$$;
create function pg_temp.total(client text, month date) returns bigint language sql as $$
  select i.total_minor from public.invoices i join public.clients c on c.id = i.client_id
  where c.name = client and i.period_start = month
$$;

select pg_temp.item('Foreign item', 5000, 'JPY');
select pg_temp.searches('Foreign item', '2026-07-10', 500);
select pg_temp.searches('Large allowance', '2026-06-10', 1000);
select pg_temp.item('Large allowance', -50, 'USD');
select pg_temp.searches('Large allowance', '2026-07-10', 2000);
select pg_temp.searches('Exact allowance', '2026-06-10', 1000);
select pg_temp.item('Exact allowance', -10, 'USD');
select pg_temp.searches('Exact allowance', '2026-07-10', 3000);
select billing.run_monthly('2026-07-01');
select billing.run_monthly('2026-08-01');

select results_eq($$select p.period_start, p.reason from public.billing_periods p
  join public.clients c on c.id = p.client_id where p.state = 'blocked' order by c.name, 1$$,
  $$values ('2026-06-01'::date, 'currency_mismatch'), ('2026-06-01', 'negative_total')$$,
  'a foreign item and a large allowance block their own months');
select is(pg_temp.total('Foreign item', '2026-07-01'), 500::bigint,
  '5000 JPY do not become USD in July: 500 searches at 0.01 are 5.00');
select is(pg_temp.total('Large allowance', '2026-07-01'), 2000::bigint,
  'July is billed; the allowance waits in June: 20.00');
select is(pg_temp.total('Exact allowance', '2026-06-01'), null, '10.00 less 10.00 is no invoice');
select is(pg_temp.total('Exact allowance', '2026-07-01'), 3000::bigint,
  'and the allowance is spent with it: July is 30.00');
select is_empty($$select from public.invoices i where i.status = 'draft'$$, 'no draft is left');

select pg_temp.item('Large allowance', 45, 'USD');
select billing.run_monthly('2026-08-02');
select is(pg_temp.total('Large allowance', '2026-06-01'), 500::bigint,
  'an item that mends the month releases it: 10.00 - 50.00 + 45.00');
select is((billing.run_monthly('2026-08-02') ->> 'invoices')::integer, 0,
  'a run reports what it made itself: a second one nothing');
select throws_ok($$select billing.run_monthly(now() + interval '3 years')$$, 'PT400', null,
  'a year mistyped invoices nothing');
-- An item dated after the end of service has no period to go to.
update public.clients set ended_on = '2026-08-01' where name = 'Exact allowance';
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
select c.id, 'Hand-over', 80, 'USD', '2026-08-05' from public.clients c
where c.name = 'Exact allowance';
select billing.run_monthly('2026-09-01');
select results_eq($$select c.name, q.rows, q.first_day, q.last_day from billing.quarantine q
    join public.clients c on c.id = q.client_id where q.reason = 'item_after_end'$$,
  $$values ('Exact allowance', 1::bigint, '2026-08-05'::date, '2026-08-05'::date)$$,
  'an item that no invoice will take is listed with its reason');
select billing.count_quarantine('2026-09-01');
select results_eq($$select agent, model, metric, rate_class
    from billing.list_quarantine(9, 'item_after_end')$$,
  'values (null::text, null::text, null::text, null::text)', 'it has no names');
select billing.create_one_off_invoice(
  array(select t.id from public.invoice_items t where t.description = 'Hand-over'));
select is((select i.total_minor from public.invoices i where i.kind = 'one_off'), 8000::bigint,
  'a one-off invoice takes it');
select is_empty($$select from billing.quarantine q where q.reason = 'item_after_end'$$,
  'and it is listed no more');
select * from finish();
rollback;

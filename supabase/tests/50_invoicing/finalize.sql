-- Finalizing numbers and freezes; the steps it is made of.
begin;
select plan(14);

insert into public.clients (id, name, started_on)
select ('00000000-0000-0000-0000-00000000000' || n)::uuid, name, '2026-06-01'
from (values (1, 'Cedar'), (2, 'Acme'), (3, 'Birch')) v(n, name);
create temporary table targets as
select array_agg((id, '2026-06-01', '2026-07-01')::billing.rating_target) as list
from public.clients;
create temporary table drafts as
select unnest(_billing.draft_invoices(list, '{}')) as id from targets;

-- Numbers.
select is(_billing.allocate_invoice_numbers('2030-05-05', 3, 'INV'), 0,
  'the first of a year begin after nought');
select is(_billing.allocate_invoice_numbers('2030-12-31', 1, 'INV'), 3, 'the next follow them');
select is(_billing.allocate_invoice_numbers('2031-01-01', 2, 'INV'), 0, 'each year has its own');
select is(_billing.allocate_invoice_numbers('2030-06-01', 1, 'ZZ'), 0, 'and each series');

-- Balance: taken in order, never more than there is, never more than an invoice.
insert into public.balance_entries (client_id, currency, amount_minor, reason, created_at)
values ('00000000-0000-0000-0000-000000000001', 'USD', 3000, 'adjustment', now()),
  ('00000000-0000-0000-0000-000000000002', 'USD', 9000, 'adjustment', now()),
  ('00000000-0000-0000-0000-000000000003', 'EUR', 9000, 'adjustment', now());
select results_eq($$select c.name, b.applied
    from _billing.balance_to_apply(array(select id from drafts)) b
    join public.invoices i on i.id = b.invoice_id join public.clients c on c.id = i.client_id
    order by 1$$,
  $$values ('Acme', 5000::bigint), ('Birch', 0), ('Cedar', 3000)$$,
  'each of 50.00 takes what its client has in that currency');

insert into public.billing_periods (client_id, period_start, period_end, full_days) values
  ('00000000-0000-0000-0000-000000000001', '2026-06-01', '2026-07-01', 30),
  ('00000000-0000-0000-0000-000000000001', '2026-07-01', '2026-08-01', 31);
select is(_billing.finalize_invoices(array(select id from drafts), '2026-07-01 09:00+00'), 3,
  'drafts are finalized together');
select results_eq($$select p.period_start, p.state, p.settled_at from public.billing_periods p
    where p.client_id = '00000000-0000-0000-0000-000000000001' order by 1$$,
  $$values ('2026-06-01'::date, 'invoiced', '2026-07-01 09:00+00'::timestamptz),
    ('2026-07-01', 'pending', null)$$, 'the period of a draft is settled, and no other');
select results_eq($$select c.name, i.number, i.status, i.balance_applied_minor, i.due_on
    from public.invoices i join public.clients c on c.id = i.client_id order by 2$$,
  $$values ('Acme', 'INV-2026-000001', 'paid', 5000::bigint, '2026-07-31'::date),
    ('Birch', 'INV-2026-000002', 'open', 0, '2026-07-31'),
    ('Cedar', 'INV-2026-000003', 'open', 3000, '2026-07-31')$$,
  'numbered by name; what the balance covers is paid');
select is((select sum(amount_minor) from public.balance_entries where reason = 'applied'),
  -8000::numeric, 'the balance falls by the amount applied');
select is(_billing.finalize_invoices(array(select id from drafts), '2026-07-02 09:00+00'), 0,
  'finalized invoices are not finalized again');

-- One invoice, or why not.
select throws_ok($$select _billing.get_invoice('00000000-0000-0000-0000-0000000000ff')$$, 'PT404',
  'no invoice has id 00000000-0000-0000-0000-0000000000ff', 'there is an invoice or there is not');
select throws_ok($$select billing.finalize_invoice('00000000-0000-0000-0000-0000000000ff')$$,
  'PT404', null, 'nor is what is not there finalized');
create temporary table july as
select _billing.draft_invoices(array[('00000000-0000-0000-0000-000000000003', '2026-07-01',
  '2026-08-01')::billing.rating_target], '{}') as ids;
insert into public.billing_periods (client_id, period_start, period_end, full_days)
values ('00000000-0000-0000-0000-000000000003', '2026-07-01', '2026-08-01', 31);
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'claude-sonnet', 20000000, '00000000-0000-0000-0000-000000000003', '2026-07-03');
savepoint before_usage;
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'mystery', 1, '00000000-0000-0000-0000-000000000003', '2026-07-03');
select throws_ok($$select billing.finalize_invoice(ids[1], '2026-08-01') from july$$,
  'PT409', null, 'a draft whose period is blocked is not issued');
rollback to before_usage;
select billing.finalize_invoice(ids[1], '2026-08-01') from july;
select is((select total_minor from public.invoices i join july on i.id = ids[1]), 6000::bigint,
  'a draft is brought up to date before it is issued: 50.00 of minimum, then 60.00 of usage');

select * from finish();
rollback;

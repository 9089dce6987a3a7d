-- A month without usage of its own can have an invoice: for late usage of the month before. Usage
-- of its own that comes after that is late as any other, not lost.
begin;
select plan(5);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000049', 'Quiet July', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000000049', 0);
create function pg_temp.log(tokens bigint, day date) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  values ('S', 'claude-sonnet', tokens, '00000000-0000-4000-8000-000000000049', day);
$$;

select pg_temp.log(1000000, '2026-06-10');
select billing.run_monthly('2026-07-01');
select pg_temp.log(2000000, '2026-06-11');
select billing.run_monthly('2026-08-01');
select results_eq($$
  select i.period_start, l.section_start, l.amount_minor
  from public.invoices i join public.invoice_lines l on l.invoice_id = i.id order by 1, 2$$,
  $$values ('2026-06-01'::date, '2026-06-01'::date, 300::bigint),
    ('2026-07-01', '2026-06-01', 600)$$, 'the invoice of July holds late usage of June alone');

select pg_temp.log(4000000, '2026-07-10');
select billing.run_monthly('2026-09-01');
select results_eq($$
  select i.period_start, l.section_start, l.amount_minor, l.is_late, l.description
  from public.invoices i join public.invoice_lines l on l.invoice_id = i.id
  where i.period_start = '2026-08-01'$$,
  $$values ('2026-08-01'::date, '2026-07-01'::date, 1200::bigint, true,
    'Late usage, July 2026 · Claude Sonnet · input tokens')$$,
  'usage of July that comes later is charged with August');
select is((billing.run_monthly('2026-09-02') ->> 'invoices')::integer, 0,
  'the next run bills nothing again');

-- A month that is billed anew is no home for late usage of a later month: that waits for its own.
insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000149', 'June anew', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000000149', 0);
create function pg_temp.other(tokens bigint, day date) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  values ('S', 'claude-sonnet', tokens, '00000000-0000-4000-8000-000000000149', day);
$$;
select pg_temp.other(1000000, '2026-06-10'), pg_temp.other(2000000, '2026-07-10');
select billing.run_monthly('2026-09-03');
select pg_temp.other(4000000, '2026-07-11');
select billing.void_invoice(i.id, 'address', '2026-09-04') from public.invoices i
where i.client_id = '00000000-0000-4000-8000-000000000149' and i.period_start = '2026-06-01';
select billing.regenerate_invoice(i.id, '2026-09-04') from public.invoices i
where i.status = 'void';
select results_eq($$
  select l.section_start, l.amount_minor
  from public.invoices i join public.invoice_lines l on l.invoice_id = i.id
  where i.status = 'draft'$$, $$values ('2026-06-01'::date, 300::bigint)$$,
  'June that is billed anew charges June alone');
select billing.run_monthly('2026-10-01');
select results_eq($$
  select i.period_start, l.section_start, l.amount_minor
  from public.invoices i join public.invoice_lines l on l.invoice_id = i.id
  where i.client_id = '00000000-0000-4000-8000-000000000149' and i.status <> 'void' order by 1, 2$$,
  $$values ('2026-06-01'::date, '2026-06-01'::date, 300::bigint), ('2026-07-01', '2026-07-01', 600),
    ('2026-09-01', '2026-07-01', 1200)$$, 'late usage of July is charged with September');

select * from finish();
rollback;

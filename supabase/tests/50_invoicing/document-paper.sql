-- Paper says what happened: a period that is billed anew has its own lines, a start that is moved
-- leaves lines as they are, one base stands beside every tax of the same lines.
begin;
select plan(8);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000000a58', 'Anew', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000b58', 'Moved', '2026-06-15'),
  ('00000000-0000-4000-8000-000000000c58', 'Both taxes', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000d58', 'Ordinary', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, taxes)
select id, case name when 'Anew' then 5000 else 0 end, case name when 'Both taxes'
  then '[{"name": "IVA", "rate_percent": "20", "behavior": "inclusive"},
    {"name": "City", "rate_percent": "1", "behavior": "exclusive"}]'::jsonb else '[]' end
from public.clients;
create function pg_temp.log(client text, day date, searches bigint) returns void
language sql as $$
  insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
  select 'S', 'claude-sonnet', searches, id, day from public.clients where name = client;
$$;
create view pg_temp.lines as
select c.name, i.period_start, i.status, l.position, l.is_late, l.amount_minor, l.description
from public.invoices i join public.clients c on c.id = i.client_id
join public.invoice_lines l on l.invoice_id = i.id;

-- June 10.00 of 50.00; late 5.00, which the minimum had made up: +5.00 and -5.00 on July's.
select pg_temp.log(name, '2026-06-20', 1000) from public.clients where name <> 'Both taxes';
select pg_temp.log('Both taxes', '2026-06-20', 9);
select billing.run_monthly('2026-07-01');
select pg_temp.log('Anew', '2026-06-21', 500);
-- July's invoice is there for lines to stand on.
select pg_temp.log('Moved', '2026-07-10', 200);
update public.clients set started_on = '2026-06-05' where name = 'Moved';
select billing.run_monthly('2026-08-01');
select results_eq($$select amount_minor, description from pg_temp.lines
  where name = 'Anew' and is_late order by position$$,
  $$values (500::bigint, 'Late usage, June 2026 · Web searches'),
    (-500, 'Minimum already charged, June 2026')$$, 'late lines are described as late');
select billing.void_invoice(i.id, 'address', '2026-08-02') from public.invoices i
where i.client_id = '00000000-0000-4000-8000-000000000a58' and i.period_start = '2026-06-01';
select matches((select h.detail from billing.read_health(now()) h where h.part = 'runs'),
  '1 voided periods wait to be regenerated: INV-2026-000001', 'a voided period is told of');
select is((select voided from billing.run_report order by id desc limit 1), '{}',
  'the run before knew of none');
select billing.run_monthly('2026-08-03');
select matches(billing.run_report_text((select max(id) from billing.monthly_runs)),
  'Voided and not billed anew:\n- Anew from 2026-06-01, invoice INV-2026-000001',
  'and in the report of a run');
select unalike(billing.run_report_text((select min(id) from billing.monthly_runs)),
  '%Voided and not billed anew%', 'of that one alone');
select billing.regenerate_invoice(i.id, '2026-08-04') from public.invoices i
where i.status = 'void';
select results_eq($$select is_late, amount_minor, description from pg_temp.lines
  where name = 'Anew' and status = 'draft' order by position$$,
  $$values (false, 1000::bigint, 'Web searches'), (false, 4000, 'Minimum monthly charge')$$,
  'a month that is billed anew has its own lines, less what July''s charges for it');
select is_empty($$select * from pg_temp.lines where name = 'Moved' and is_late$$,
  'a start that is moved back changes no line');
select results_eq($$select l.tax_name, l.tax_base_minor, l.amount_minor
  from public.invoice_lines l where l.kind = 'tax' order by 1$$,
  -- 9 cents contain 1.5: 7.5 before tax, 7 and 2.
  $$values ('City', 7::bigint, 0::bigint), ('IVA', 7, 2)$$,
  'taxes of the same lines have the same base');

select * from finish();
rollback;

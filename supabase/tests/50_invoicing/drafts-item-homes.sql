-- Where an item goes: to the period of its day, while that is open; else to the next one that is,
-- as itself and not as something late.
begin;
select plan(3);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-00000000045' || n)::uuid, 'Client ' || n, '2026-06-01'
from generate_series(1, 2) n;
create function pg_temp.item(n integer, name text, day date) returns void language sql as $$
  insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
  values (('00000000-0000-4000-8000-00000000045' || n)::uuid, name, 7, 'USD', day);
$$;
create function pg_temp.log(n integer, model text, day date) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  values ('S', model, 20000000, ('00000000-0000-4000-8000-00000000045' || n)::uuid, day);
$$;
create view pg_temp.items as
select c.name, i.period_start, l.description, l.is_late, l.section_start
from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
join public.clients c on c.id = i.client_id where l.kind = 'one_off' order by 1, 2;

-- Client 1: an item and usage of June that come in August.
select billing.run_monthly('2026-07-01');
select billing.run_monthly('2026-08-01');
select pg_temp.item(1, 'Forgotten', '2026-06-15');
select pg_temp.log(1, 'claude-sonnet', '2026-06-15');
-- Client 2: its August cannot be billed; an item of the first day after it can.
select pg_temp.log(2, 'mystery-1', '2026-08-10');
select billing.run_monthly('2026-09-01');
select results_eq('select * from pg_temp.items', $$values ('Client 1', date '2026-08-01',
  'Forgotten', false, date '2026-08-01')$$, 'a closed period''s is charged with the next one');
select is((select state from public.billing_periods
  where client_id = '00000000-0000-4000-8000-000000000452' and period_start = '2026-08-01'),
  'blocked', 'a month that is blocked');
select pg_temp.item(2, 'Of August', '2026-08-31');
select pg_temp.item(2, 'Of September', '2026-09-01');
select billing.run_monthly('2026-10-01');
select results_eq($$select description, section_start from pg_temp.items where name = 'Client 2'$$,
  $$values ('Of September', date '2026-09-01')$$,
  'keeps its own items, up to its last day, and no others');

select * from finish();
rollback;

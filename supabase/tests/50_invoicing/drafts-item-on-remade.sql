-- An item of a month that is settled goes on the next draft, and stays on it when it is remade.
begin;
select plan(2);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000a45', 'One', '2026-06-01');
insert into public.billing_config (client_id, grace_hours, effective_from)
values ('00000000-0000-4000-8000-000000000a45', 48, '2026-07-01');
select billing.run_monthly('2026-07-01');
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values ('00000000-0000-4000-8000-000000000a45', 'Set-up', 20, 'USD', '2026-06-10');
select billing.run_monthly('2026-08-01 01:00+00');
create view pg_temp.july as select array_agg(l.description order by l.position) as lines
from public.invoices i join public.invoice_lines l on l.invoice_id = i.id
where i.period_start = '2026-07-01' and i.status = 'draft';
select is(lines, '{Minimum monthly charge,Set-up}', 'it is on the draft of July') from pg_temp.july;
select billing.run_monthly('2026-08-02 01:00+00');
select is(lines, '{Minimum monthly charge,Set-up}', 'items_of_targets: and on it when it is made '
  'anew') from pg_temp.july;

select * from finish();
rollback;

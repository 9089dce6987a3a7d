-- What is done for one client leaves the drafts of others and of other periods as they are.
begin;
select plan(3);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-00000000036' || n)::uuid, 'Client ' || n, '2026-06-01'
from generate_series(1, 2) n;
insert into public.billing_config (client_id, grace_hours)
select id, 720 from public.clients;
create function pg_temp.period(name text, period_start date) returns billing.rating_target[]
language sql as $$
  select array[(c.id, period_start, (period_start + interval '1 month')::date)::
    billing.rating_target] from public.clients c where c.name = $1;
$$;
create view pg_temp.drafts as
select c.name, i.kind, count(l.id) as lines
from public.invoices i join public.clients c on c.id = i.client_id
left join public.invoice_lines l on l.invoice_id = i.id
where i.status = 'draft' group by i.id, c.name order by c.name, i.kind;

select billing.run_monthly('2026-07-01');
-- As late usage that no period can carry, while a run makes it.
insert into public.invoices (client_id, kind, currency)
select id, 'late', 'USD' from public.clients where name = 'Client 2';
insert into public.invoice_lines (invoice_id, position, kind, rating_key, precise_amount,
  amount_minor, description)
select id, 1, 'one_off', 'x', 1, 100, 'Late' from public.invoices where kind = 'late';
select results_eq('select * from pg_temp.drafts', $$values ('Client 1', 'period', 1::bigint),
  ('Client 2', 'late', 1), ('Client 2', 'period', 1)$$, 'three drafts with a line each');
select _billing.empty_drafts(pg_temp.period('Client 1', '2026-06-01'));
select results_eq('select * from pg_temp.drafts', $$values ('Client 1', 'period', 0::bigint),
  ('Client 2', 'late', 1), ('Client 2', 'period', 1)$$, 'one is emptied, the others are not');
select _billing.empty_drafts(pg_temp.period('Client 2', '2026-07-01'));
select results_eq('select * from pg_temp.drafts', $$values ('Client 1', 'period', 0::bigint),
  ('Client 2', 'period', 1)$$, 'for July June is not, and late usage is gathered anew');

select * from finish();
rollback;

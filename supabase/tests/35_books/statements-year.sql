-- A year of a statement ends before the first instant of the next one, in UTC.
begin;
select plan(2);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000051', 'Acme', '2026-12-01');
create function pg_temp.entries(year integer) returns table (entry text, amount_minor numeric,
  balance_minor numeric) language sql as $$
  select entry, amount_minor, balance_minor
  from billing.statement('00000000-0000-4000-8000-000000000051', year);
$$;
select billing.run_monthly('2027-01-01 00:00+00');
select results_eq('select * from pg_temp.entries(2026)',
  $$values ('opening_balance', 0::numeric, 0::numeric), ('closing_balance', 0, 0)$$,
  'an invoice of 1 January 00:00 UTC is not in the old year');
select results_eq('select * from pg_temp.entries(2027)',
  $$values ('opening_balance', 0::numeric, 0::numeric), ('invoice', 5000, 5000),
    ('closing_balance', 0, 5000)$$, 'but in the new one, once');

select * from finish();
rollback;

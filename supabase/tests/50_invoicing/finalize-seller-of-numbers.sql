-- A number and the document that shows it are of the same settings, also where these change while
-- the number is waited for.
begin;
select plan(2);

-- What another session commits while this one waits for the counter.
create function pg_temp.change_seller() returns trigger language plpgsql as $$
begin
  update public.billing_settings set number_series = 'NEW', seller_name = 'New Ltd';
  return null;
end $$;
create trigger change_seller after insert or update on _billing.invoice_counters
  for each statement execute function pg_temp.change_seller();
update public.billing_settings set number_series = 'OLD', seller_name = 'Old Ltd';

insert into public.clients (name, started_on) values ('Acme', '2026-05-01');
select billing.run_monthly('2026-06-01');
select results_eq($$select number, document ->> 'number', document #>> '{seller,name}'
    from public.invoices$$,
  $$values ('OLD-2026-000001', 'OLD-2026-000001', 'Old Ltd')$$,
  'the seller is that of the series');

select billing.run_monthly('2026-07-01');
select results_eq($$select number, document #>> '{seller,name}' from public.invoices
    where period_start = '2026-06-01'$$,
  $$values ('NEW-2026-000001', 'New Ltd')$$, 'the next batch is of the settings of then');

select * from finish();
rollback;

-- A preview is of the period that is asked for, also while another one has a draft.
begin;
select plan(3);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000a48', 'One', '2026-06-01');
insert into public.billing_config (client_id, grace_hours, effective_from)
values ('00000000-0000-4000-8000-000000000a48', 48, '2026-07-01');
select billing.run_monthly('2026-07-01 01:00+00');
select billing.run_monthly('2026-08-01 01:00+00');
create function pg_temp.previewed(day date) returns text language sql as $$
  select billing.preview_invoice('00000000-0000-4000-8000-000000000a48', day,
    '2026-08-01 02:00+00') #>> '{period,start}';
$$;
select is(pg_temp.previewed('2026-08-01'), '2026-08-01', 'preview_invoice: the running one');
select is(pg_temp.previewed('2026-07-10'), '2026-07-01', 'and the one in grace');
select billing.void_invoice(id, 'address', '2026-08-01 01:30+00') from public.invoices
where period_start = '2026-06-01';
select is(pg_temp.previewed('2026-06-10'), '2026-06-01', 'and the one whose invoice is void');

select * from finish();
rollback;

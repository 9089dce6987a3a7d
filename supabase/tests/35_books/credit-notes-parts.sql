-- The parts of a credit note sum to it, and none is below zero, for any writer.
begin;
select plan(5);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000042', 'Acme', '2026-06-01');
select billing.run_monthly('2026-07-01');
create function pg_temp.note(to_invoice bigint, to_balance bigint, to_refund bigint)
returns void language sql as $$
  insert into public.credit_notes (invoice_id, client_id, number, reason, currency, total_minor,
    to_invoice_minor, to_balance_minor, to_refund_minor, issued_at)
  select i.id, i.client_id, 'N', 'test', i.currency, 100, to_invoice, to_balance, to_refund, now()
  from public.invoices i;
$$;

select throws_ok('select pg_temp.note(-1, 101, 0)', '23514', null, 'none off the invoice');
select throws_ok('select pg_temp.note(101, -1, 0)', '23514', null, 'none from the balance');
select throws_ok('select pg_temp.note(101, 0, -1)', '23514', null, 'none back from the client');
select throws_ok('select pg_temp.note(50, 49, 0)', '23514', null, 'nothing is missing');
select lives_ok('select pg_temp.note(50, 30, 20)', 'all of it is somewhere');

select * from finish();
rollback;

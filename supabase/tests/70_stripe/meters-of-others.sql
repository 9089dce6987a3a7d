-- A meter is refused for days that the client was invoiced for, not another client.
begin;
select plan(3);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000a76', 'Invoiced', '2026-06-01');
select billing.run_monthly('2026-07-01');
insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000b76', 'New', '2026-06-01');
create function pg_temp.meter(client text) returns text language sql as $$
  select format('insert into public.stripe_meters (client_id, metric, event_name, effective_from)
    select id, ''input_tokens'', ''tokens'', ''2026-06-01'' from public.clients where name = %L',
    client);
$$;
select throws_like(pg_temp.meter('Invoiced'),
  'Stripe would rate usage of a period that we have settled: %',
  'guard_new_meter: June of the one is invoiced');
select lives_ok(pg_temp.meter('New'), 'of the other it is not');

select billing.void_invoice(i.id, 'wrong', '2026-07-02') from public.invoices i;
select lives_ok(pg_temp.meter('Invoiced'), 'nor where the invoice is void');

select * from finish();
rollback;

-- A one-off invoice takes several items of one client in one currency, and no others.
begin;
select plan(4);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-00000000450' || n)::uuid, 'Client ' || n, '2026-06-01'
from generate_series(1, 2) n;
insert into public.invoice_items (id, client_id, description, unit_amount, currency, item_day)
values
  ('00000000-0000-4000-8000-000000004511', '00000000-0000-4000-8000-000000004501', 'Set-up', 20,
    'USD', '2026-06-02'),
  ('00000000-0000-4000-8000-000000004512', '00000000-0000-4000-8000-000000004501', 'Training', 30,
    'USD', '2026-06-03'),
  ('00000000-0000-4000-8000-000000004513', '00000000-0000-4000-8000-000000004501', 'Travel', 40,
    'EUR', '2026-06-04'),
  ('00000000-0000-4000-8000-000000004514', '00000000-0000-4000-8000-000000004502', 'Set-up', 50,
    'USD', '2026-06-05');
create function pg_temp.invoice(variadic items text[]) returns uuid language sql as $$
  select billing.create_one_off_invoice(array(
    select ('00000000-0000-4000-8000-0000000045' || i)::uuid from unnest(items) i), '2026-06-10');
$$;

select throws_like($$select pg_temp.invoice('11', '13')$$, '%one client in one currency%',
  'not of two currencies');
select throws_like($$select pg_temp.invoice('11', '14')$$, '%one client in one currency%',
  'not of two clients');
select lives_ok($$select pg_temp.invoice('11', '12')$$, 'of one client and currency it is made');
select results_eq($$select i.total_minor, l.description, l.amount_minor
    from public.invoices i join public.invoice_lines l on l.invoice_id = i.id order by l.position$$,
  $$values (5000::bigint, 'Set-up', 2000::bigint), (5000, 'Training', 3000)$$,
  'with a line each: 20.00 and 30.00');

select * from finish();
rollback;

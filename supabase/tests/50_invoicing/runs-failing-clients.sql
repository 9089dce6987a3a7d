-- Clients whose closing fails: each with its reason, in the order of names, and what was settled
-- before stays settled.
begin;
select plan(6);

-- Identifiers in another order than names; two of one name.
insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000000a36', 'Zeno', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000b36', 'Abel', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000d36', 'Mara', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000c36', 'Mara', '2026-06-01');
select billing.begin_run('2026-07-01');
select is(
  (select array_agg(substr(client_id::text, 34, 1) order by place) from billing.run_clients),
  '{b,c,d,a}', 'begin_run: by name, those of one name by identifier');

select billing.run_monthly('2026-07-01');
select is((select array_agg(right(o.number, 1) order by o.place)
  from billing.overdue_invoices('2026-09-01') with ordinality o(invoice_id, number, client_id,
    client, currency, amount_due_minor, due_on, days_overdue, place)), '{1,2,3,4}',
  'overdue_invoices: those of one day by their numbers');

create function pg_temp.sabotage() returns trigger language plpgsql as $$
begin
  if new.client_id in ('00000000-0000-4000-8000-000000000a36',
    '00000000-0000-4000-8000-000000000b36') then
    raise exception 'poison';
  end if;
  return new;
end $$;
create trigger sabotage before insert on public.invoices
  for each row execute function pg_temp.sabotage();
create temporary table summary as select billing.run_monthly('2026-08-01') as s;
select is((select array_agg(f ->> 'client' order by n) from summary,
  jsonb_array_elements(s -> 'failed') with ordinality x(f, n)), '{Abel,Zeno}',
  'summarize_run: those that failed by name');
select is((select s ->> 'invoices' from summary), '2', 'the others are invoiced');
select results_eq($$select p.period_start, array_agg(p.state order by c.name)
    from public.billing_periods p join public.clients c on c.id = p.client_id
    where c.name <> 'Mara' group by 1 order by 1$$,
  $$values ('2026-06-01'::date, '{invoiced,invoiced}'::text[]),
    ('2026-07-01', '{blocked,blocked}')$$,
  'settle_alone: what fails is blocked, what was invoiced is not');

-- A section that has nothing but usage without a price comes to nothing.
select results_eq($$select f.model, f.quantity, f.total
    from _billing.rating_summary(array[jsonb_populate_record(null::_billing.rated_line,
      '{"kind": "unpriced", "model": "mystery", "quantity": 7,
        "section_start": "2026-06-01"}')]) f$$,
  $$values ('mystery', 7::numeric, null::numeric)$$, 'rating_summary: what has no price, no sum');

select * from finish();
rollback;

-- Documents that are written at once have the days of their own periods, also where two end on the
-- same day and began on different ones.
begin;
select plan(1);

insert into public.clients (id, name, started_on, billing_anchor_day) values
  ('00000000-0000-4000-8000-000000000a36', 'Month', '2026-06-01', 1),
  ('00000000-0000-4000-8000-000000000b36', 'Moved', '2026-05-15', 15);
select billing.run_monthly('2026-06-16');
update public.clients set billing_anchor_day = 1 where name = 'Moved';
select billing.run_monthly('2026-07-02');
select results_eq($$select c.name, i.period_start, i.period_end,
    jsonb_array_length(i.document -> 'daily')
  from public.invoices i join public.clients c on c.id = i.client_id
  order by 1, 2$$, $$values
  ('Month', '2026-06-01'::date, '2026-07-01'::date, 30),
  ('Moved', '2026-05-15', '2026-06-15', 31), ('Moved', '2026-06-15', '2026-07-01', 16)$$,
  'document_breakdown: a day is there once');

select * from finish();
rollback;

-- A credit that is brought down to the room of an invoice: lines and taxes keep their shares, and
-- come to the room exactly. Taxes that prices contain are no part of the sum.
begin;
select plan(3);

create temporary table credit_parts (invoice_id uuid, rating_key text, amount_minor numeric,
  tax_base_minor numeric);
create temporary table credit_rest (rating_key text, counts boolean);
create function pg_temp.scaled(room bigint) returns table (rating_key text, amount_minor numeric,
  quantity numeric) language plpgsql as $$
begin
  drop table if exists pg_temp.credit_take;
  create temporary table credit_take as select * from (values
    ('a', true, 100::numeric, 10::numeric, 1::numeric, 0::numeric), ('b', true, 100, 10, 1, 0),
    ('tax|1', true, 40, 0, 0.4, 200), ('tax|2', false, 30, 0, 0.3, 200))
    t(rating_key, counts, amount_minor, quantity, precise_amount, tax_base_minor);
  perform _billing.scale_credit(gen_random_uuid(), '2026-06-01', room, 240);
  return query
  select t.rating_key, t.amount_minor, t.quantity from pg_temp.credit_take t order by 1;
end $$;
select results_eq('select * from pg_temp.scaled(120)',
  $$values ('a', 50::numeric, 5::numeric), ('b', 50, 5), ('tax|1', 20, 0), ('tax|2', 15, 0)$$,
  'half of 2.40 is half of each line and tax');
-- Tax 16.83 of 101: 84 are left, of which a line ends at 42.
select results_eq('select s.rating_key, s.amount_minor from pg_temp.scaled(101) s',
  $$values ('a', 42::numeric), ('b', 42), ('tax|1', 17), ('tax|2', 13)$$,
  'shares that do not divide evenly come to the room');

-- Where notes by hand and this one come to all of an invoice, they come to all of its tax: 2.00 and
-- 0.40, of which 1.00 and 0.20 are given back already.
insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000531', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, taxes)
values ('00000000-0000-4000-8000-000000000531', 200,
  '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]');
select billing.run_monthly('2026-07-01 09:00+00');
select billing.issue_credit_note(i.id, 'goodwill', 120) from public.invoices i;
update pg_temp.credit_take t set amount_minor = 5, rating_key = l.rating_key
from public.invoice_lines l where t.rating_key = 'tax|1' and l.kind = 'tax';
select _billing.scale_credit(i.id, '2026-06-01', 120, 240) from public.invoices i;
select is((select t.amount_minor from pg_temp.credit_take t
  join public.invoice_lines l on l.rating_key = t.rating_key and l.kind = 'tax'), 20::numeric,
  'the last of an invoice takes what is left of the tax');

select * from finish();
rollback;

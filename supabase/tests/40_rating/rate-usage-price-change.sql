-- A price that changes inside a month splits the line there; tiers and free units run on.
begin;
select plan(6);

insert into public.clients (id, name, started_on, time_zone) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01', 'Pacific/Auckland');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-0000-0000-00000000000a', 0);
insert into public.prices (model, metric, pricing_model, unit_amount, per_units, tiers, free_units,
  effective_from, effective_until) values
  ('m', 'pages', 'per_unit', 0.10, 1, null, 0, '-infinity', '2026-06-10'),
  ('m', 'pages', 'per_unit', 0.20, 1, null, 0, '2026-06-10', 'infinity'),
  ('m', 'images', 'package', 5, 100, null, 0, '-infinity', '2026-06-10'),
  ('m', 'images', 'package', 7, 100, null, 0, '2026-06-10', 'infinity'),
  ('m', 'videos', 'graduated', null, 1, '[{"up_to": 10, "unit_amount": 1}, {"unit_amount": 0.5}]',
    0, '-infinity', '2026-06-10'),
  ('m', 'videos', 'graduated', null, 1, '[{"up_to": 10, "unit_amount": 2}, {"unit_amount": 1}]',
    0, '2026-06-10', 'infinity'),
  ('m', 'songs', 'per_unit', 1, 1, null, 5, '-infinity', '2026-06-10'),
  ('m', 'songs', 'per_unit', 2, 1, null, 5, '2026-06-10', 'infinity'),
  ('m', 'faxes', 'per_unit', 1, 1, null, 0, '2026-06-10', '2026-06-20');
-- 10 June begins in Auckland at noon UTC of the 9th: one batch a second before, one at noon.
insert into public.agent_usage_logs (agent, model, client_id, other_features, "timestamp") values
  ('SCHOLAR', 'm', '00000000-0000-0000-0000-00000000000a',
    '{"pages": 100, "images": 150, "videos": 8, "songs": 3}', '2026-06-09 11:59:59+00'),
  ('CHIRON', 'm', '00000000-0000-0000-0000-00000000000a',
    '{"pages": 100, "images": 150, "videos": 8, "songs": 4, "faxes": 1}', '2026-06-09 12:00+00');
select billing.run_monthly('2026-07-01 00:00+00');

create function pg_temp.lines(wanted text) returns table (service_start date, service_end date,
  quantity numeric, amount_minor bigint) language sql as $$
  select service_start, service_end, quantity, amount_minor from public.invoice_lines
  where metric = wanted order by 1;
$$;
select results_eq($$select * from pg_temp.lines('pages')$$,
  $$values ('2026-06-01'::date, '2026-06-10'::date, 100::numeric, 1000::bigint),
    ('2026-06-10', '2026-07-01', 100, 2000)$$,
  'each day''s usage at the price of that local day');
select results_eq($$select * from pg_temp.lines('images')$$,
  $$values ('2026-06-01'::date, '2026-06-10'::date, 150::numeric, 1000::bigint),
    ('2026-06-10', '2026-07-01', 150, 700)$$,
  'packages run on: 2 started by 150 at 5.00, 1 more by 300 at 7.00');
select results_eq($$select * from pg_temp.lines('videos')$$,
  $$values ('2026-06-01'::date, '2026-06-10'::date, 8::numeric, 800::bigint),
    ('2026-06-10', '2026-07-01', 8, 1000)$$,
  'tiers run on: 8 at 1.00, then 2 at 2.00 and 6 at 1.00');
select results_eq($$select * from pg_temp.lines('songs')$$,
  $$values ('2026-06-01'::date, '2026-06-10'::date, 3::numeric, 0::bigint),
    ('2026-06-10', '2026-07-01', 4, 400)$$,
  'free units run on: 3 free, then 2 free and 2 at 2.00');
select results_eq($$select * from pg_temp.lines('faxes')$$,
  $$values ('2026-06-10'::date, '2026-06-20'::date, 1::numeric, 100::bigint)$$,
  'a price for a stretch of the month covers usage of that stretch');
insert into public.agent_usage_logs (agent, model, client_id, other_features, "timestamp") values
  ('CHIRON', 'm', '00000000-0000-0000-0000-00000000000a', '{"faxes": 1}', '2026-07-25 00:00+00');
select billing.run_monthly('2026-08-01 00:00+00');
select matches((select message from public.billing_periods where state = 'blocked'), 'faxes',
  'usage outside of it is unpriced');

select * from finish();
rollback;

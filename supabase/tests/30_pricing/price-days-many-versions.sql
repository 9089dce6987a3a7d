-- A price that changes often: each day has the best price, and days cost what their versions do.
begin;
select plan(6);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-0000000025a1', 'Acme', '2026-01-01');
insert into public.models (id, family) values ('often', 'changing');
create function pg_temp.segments(client uuid, model text, rate_class text default 'standard')
returns table (starts date, ends date, amount numeric) language sql as $$
  select s.segment_start, s.segment_end, p.unit_amount
  from billing.price_segments(array[client], array[model], '{web_search}', array[rate_class],
    '{USD}') s join public.prices p on p.id = s.price_id order by 1;
$$;

-- By hand: default of any model 1 from January on; of the family 2 on March 1 to 10, then 3 to 20;
-- of the model 4 on March 5 to 8 and 5 on March 15 to 25. The client's own of any model is 6 on
-- March 7 and 8, 7 on the day after, and 8 on March 18 to 22.
insert into public.prices (client_id, model, family, metric, unit_amount, effective_from,
  effective_until)
values (null, null, null, 'web_search', 1, '2026-01-01', 'infinity'),
  (null, null, 'changing', 'web_search', 2, '2026-03-01', '2026-03-11'),
  (null, null, 'changing', 'web_search', 3, '2026-03-11', '2026-03-21'),
  (null, 'often', null, 'web_search', 4, '2026-03-05', '2026-03-09'),
  (null, 'often', null, 'web_search', 5, '2026-03-15', '2026-03-26'),
  ('00000000-0000-0000-0000-0000000025a1', null, null, 'web_search', 6, '2026-03-07', '2026-03-09'),
  ('00000000-0000-0000-0000-0000000025a1', null, null, 'web_search', 7, '2026-03-09', '2026-03-10'),
  ('00000000-0000-0000-0000-0000000025a1', null, null, 'web_search', 8, '2026-03-18', '2026-03-23');
select results_eq($$select * from pg_temp.segments(null, 'often')$$,
  $$values ('2026-01-01'::date, '2026-03-01'::date, 1::numeric), ('2026-03-01', '2026-03-05', 2),
    ('2026-03-05', '2026-03-09', 4), ('2026-03-09', '2026-03-11', 2),
    ('2026-03-11', '2026-03-15', 3), ('2026-03-15', '2026-03-26', 5),
    ('2026-03-26', 'infinity', 1)$$,
  'the model before its family, and that before any model');
select results_eq($$select * from pg_temp.segments('00000000-0000-0000-0000-0000000025a1',
    'often')$$,
  $$values ('2026-01-01'::date, '2026-03-01'::date, 1::numeric), ('2026-03-01', '2026-03-05', 2),
    ('2026-03-05', '2026-03-07', 4), ('2026-03-07', '2026-03-09', 6),
    ('2026-03-09', '2026-03-10', 7), ('2026-03-10', '2026-03-11', 2),
    ('2026-03-11', '2026-03-15', 3), ('2026-03-15', '2026-03-18', 5),
    ('2026-03-18', '2026-03-23', 8), ('2026-03-23', '2026-03-26', 5),
    ('2026-03-26', 'infinity', 1)$$,
  'the client''s own before all of the default list, on each of its days');
insert into public.prices (client_id, rate_class, metric, unit_amount, effective_from,
  effective_until)
values ('00000000-0000-0000-0000-0000000025a1', 'batch', 'web_search', 9, '2026-03-08',
  '2026-03-20');
select results_eq($$select * from pg_temp.segments('00000000-0000-0000-0000-0000000025a1',
    'often', 'batch') where starts >= '2026-03-05' and ends <= '2026-03-26'$$,
  $$values ('2026-03-05'::date, '2026-03-07'::date, 4::numeric), ('2026-03-07', '2026-03-08', 6),
    ('2026-03-08', '2026-03-20', 9), ('2026-03-20', '2026-03-23', 8),
    ('2026-03-23', '2026-03-26', 5)$$,
  'and its price of the class before its standard one');

-- One price of 1,500 versions, and thirty of fifty: as many rows, so that a busy machine is as busy
-- with both. Each version against each before it is thirty times the work for the one.
-- Guards of settled months ask for each row; nothing is settled here.
set constraints all immediate;
alter table public.prices disable trigger user;
insert into public.prices (model, metric, unit_amount, effective_from, effective_until)
select 'one', 'ocr_page', n, date '2020-01-01' + n, date '2020-01-01' + n + 1
from generate_series(0, 1499) n
union all
select 'many' || n / 50, 'ocr_page', n, date '2020-01-01' + n % 50, date '2020-01-01' + n % 50 + 1
from generate_series(0, 1499) n;
create function pg_temp.seconds_of(models text[]) returns numeric language plpgsql as $$
declare
  started timestamptz;
  best numeric;
begin
  for _ in 1 .. 3 loop
    started := clock_timestamp();
    perform from billing.price_segments(array_fill(null::uuid, array[cardinality(models)]), models,
      array_fill('ocr_page'::text, array[cardinality(models)]),
      array_fill('standard'::text, array[cardinality(models)]),
      array_fill('USD'::text, array[cardinality(models)]));
    best := least(best, extract(epoch from clock_timestamp() - started));
  end loop;
  return best;
end $$;
select results_eq($$select count(*), count(distinct s.price_id), min(s.segment_start),
    max(s.segment_end) from billing.price_segments('{null}', '{one}', '{ocr_page}', '{standard}',
    '{USD}') s$$, $$values (1500::bigint, 1500::bigint, date '2020-01-01', date '2024-02-09')$$,
  'each version has its day');
select is((select count(*) from billing.price_segments('{null}', '{many7}', '{ocr_page}',
  '{standard}', '{USD}')), 50::bigint, 'of each price');
select cmp_ok(pg_temp.seconds_of('{one}'), '<', 2 * pg_temp.seconds_of(
    array(select 'many' || n from generate_series(0, 29) n)),
  'fifteen hundred versions of one price do not cost their square');

select * from finish();
rollback;

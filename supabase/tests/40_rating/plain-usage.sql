-- Reads that only sum take a short way where prices hold all of the period and charge each unit the
-- same. Its lines are those of the long way, to the last digit; where it does not do, it says so.
begin;
select plan(25);

create function pg_temp.client(n integer) returns uuid language sql immutable
return ('00000000-0000-4000-8000-0000000003' || n)::uuid;
insert into public.clients (id, name, started_on) values
  (pg_temp.client(50), 'List', '2026-05-01'), (pg_temp.client(51), 'Own', '2026-06-11'),
  (pg_temp.client(52), 'Agents', '2026-05-01'), (pg_temp.client(53), 'Gap', '2026-05-01'),
  (pg_temp.client(54), 'Metered', '2026-05-01'), (pg_temp.client(55), 'Changed', '2026-05-01'),
  (pg_temp.client(56), 'Tiers', '2026-05-01'), (pg_temp.client(57), 'Free', '2026-05-01'),
  (pg_temp.client(58), 'Cost', '2026-05-01'), (pg_temp.client(59), 'Later', '2026-05-01'),
  (pg_temp.client(60), 'Unpriced', '2026-05-01'), (pg_temp.client(61), 'Idle', '2026-05-01');
select billing.end_service(pg_temp.client(53), '2026-06-12');
select billing.start_service(pg_temp.client(53), '2026-06-15');
insert into public.billing_config (client_id, line_grouping)
select pg_temp.client(n), 'agent' from unnest(array[52, 60]) n;
insert into public.models (id, family) values ('m-1', 'm'), ('m-2', 'm');
insert into public.stripe_meters (client_id, metric, event_name, effective_from) values
  (pg_temp.client(54), 'units', 'units', '2026-06-13');
insert into public.prices (client_id, model, family, metric, pricing_model, unit_amount, per_units,
  free_units, class_multipliers, tiers, markup_percent, effective_from, effective_until)
values (null, null, 'm', 'units', 'per_unit', 1.005, 3, 0, '{"batch": 0.5}', null, null,
    '-infinity', 'infinity'),
  (null, null, null, 'volume', 'percentage', 2.5, 1, 0, '{}', null, null, '-infinity', 'infinity'),
  (pg_temp.client(51), 'm-1', null, 'units', 'per_unit', 0.07, 1, 0, '{}', null, null,
    '2026-06-01', '2026-07-01'),
  (pg_temp.client(51), null, null, 'units', 'per_unit', 5, 1, 0, '{}', null, null,
    '-infinity', '2026-06-01'),
  (pg_temp.client(55), null, null, 'units', 'per_unit', 5, 1, 0, '{}', null, null,
    '2026-06-12', 'infinity'),
  (pg_temp.client(56), null, null, 'units', 'graduated', null, 1, 0, '{}',
    '[{"up_to": 5, "unit_amount": 2}, {"unit_amount": 1}]', null, '-infinity', 'infinity'),
  (pg_temp.client(57), null, null, 'units', 'per_unit', 5, 1, 4, '{}', null, null, '-infinity',
    'infinity'),
  (pg_temp.client(58), null, null, 'units', 'cost_plus', 0, 1, 0, '{}', null, 20, '-infinity',
    'infinity'),
  (pg_temp.client(59), null, null, 'units', 'per_unit', 5, 1, 0, '{}', null, null, '2026-07-01',
    'infinity');
insert into public.usage_records (client_id, usage_day, model, metric, rate_class, agent, quantity,
  provider_cost, log_count)
select pg_temp.client(c), u.day::date, u.model, u.metric, u.class, u.agent, u.quantity, 1, 1
from generate_series(50, 60) c, (values
  ('2026-05-31', 'm-1', 'units', 'standard', 'A', 100), ('2026-07-01', 'm-1', 'units', 'standard',
    'A', 100), ('2026-06-11', 'm-1', 'units', 'standard', 'A', 7),
  ('2026-06-11', 'm-1', 'units', 'standard', 'B', 2), ('2026-06-13', 'm-1', 'units', 'standard',
    'A', 4.5), ('2026-06-13', 'm-1', 'units', 'batch', 'A', 11), ('2026-06-20', 'm-2', 'units',
    'standard', 'B', -3), ('2026-06-20', 'm-2', 'volume', 'standard', 'B', 333),
  ('2026-06-20', 'm-1', 'volume', 'standard', 'A', 9), ('2026-06-21', 'm-1', 'volume', 'standard',
    'A', -9), ('2026-06-21', 'm-1', 'requests', 'standard', 'A', 5)
) u(day, model, metric, class, agent, quantity);
insert into public.usage_records (client_id, usage_day, model, metric, agent, quantity,
  provider_cost, log_count)
select pg_temp.client(c), '2026-06-22', m, 'pages', a, 1, 0, 1
from unnest(array[50, 60]) c, unnest(array['m-1', 'm-2']) m, unnest(array['A', 'B']) a;

create function pg_temp.target(n integer) returns billing.rating_target language sql immutable
return (pg_temp.client(n), '2026-06-01', '2026-07-01')::billing.rating_target;
create function pg_temp.terms(n integer) returns billing.target_terms[] language sql stable
return array(select t from billing.period_terms(array[pg_temp.target(n)]) t);
create function pg_temp.plain(n integer) returns _billing.rated_usage[] language sql stable
return _billing.plain_usage((pg_temp.terms(n))[1], 1,
  array(select d from billing.usage_by_day(pg_temp.terms(n), false) d), true, true);
-- All of a line but for what it shows of its price, as text.
create function pg_temp.told(lines _billing.rated_usage[]) returns setof text language sql stable
as $$
  select format('%s %s %s %s %s %s %s %s %s %s %s %s %s %s %s', l.client_id, l.period_start,
    l.period_end, l.rating_key, l.model, l.metric, l.rate_class, l.agent, l.price_id,
    l.service_start, l.service_end, l.quantity, l.precise_amount, l.amount_minor,
    (select array_agg(d order by d.usage_day) from unnest(l.by_day) d))
  from unnest(lines) l;
$$;
create function pg_temp.whole(n integer) returns _billing.rated_usage[] language sql stable
return array(select r from _billing.rate_usage(array[pg_temp.target(n)], true, pg_temp.terms(n),
  with_days => true) r);
create function pg_temp.summed(n integer) returns _billing.rated_usage[] language sql stable
return array(select r from _billing.rate_usage(array[pg_temp.target(n)], true, pg_temp.terms(n),
  with_texts => false, with_days => true) r);

create function pg_temp.read(n integer) returns _billing.rated_usage[] language sql stable
return _billing.read_usage(array[pg_temp.target(n)], pg_temp.terms(n), true, true);

-- 9 and 4.5 units of m-1 at 1.005 for three, 11 of batch at half of it, 3 of m-2 taken back;
-- 2.5 % of 333. Nothing of 9 - 9; a request is not sold.
select results_eq($$select l.model, l.metric, l.rate_class, l.quantity, l.amount_minor
    from unnest(pg_temp.plain(50)) l where l.price_id is not null order by 1, 2, 3$$, $$values
    ('m-1', 'units', 'batch', 11::numeric, 184::numeric), ('m-1', 'units', 'standard', 13.5, 452),
    ('m-2', 'units', 'standard', -3, -101), ('m-2', 'volume', 'standard', 333, 833)$$,
  'each line by the price that holds');
select results_eq($$select l.model, l.metric, l.quantity from unnest(pg_temp.plain(50)) l
    where l.price_id is null order by 1$$,
  $$values ('m-1', 'pages', 2::numeric), ('m-2', 'pages', 2)$$, 'and what has none');
select set_eq(format('select pg_temp.told(pg_temp.plain(%s))', n),
    format('select pg_temp.told(pg_temp.whole(%s))', n), name || ': as by the long way')
from (values (50, 'the default list, and usage without a price'), (51, 'prices of its own'),
  (52, 'lines by agent'), (53, 'a gap'), (54, 'a meter of Stripe'),
  (59, 'a price that is still to come')) v(n, name);
select is(pg_temp.plain(61), '{}', 'no lines of no usage');
select is(pg_temp.plain(n), null, name) from (values
  (55, 'a price that begins within the period takes the long way'), (56, 'tiers do'),
  (57, 'free units do'), (58, 'the list price of a day does'),
  (60, 'usage of several agents without a price does')) v(n, name);
select set_eq(format('select pg_temp.told(pg_temp.summed(%s))', n),
    format('select pg_temp.told(pg_temp.whole(%s))', n), name)
from (values (55, 'then sums are by it'), (56, 'with its tiers'),
  (60, 'and its usage without a price')) v(n, name);
select set_eq(format('select pg_temp.told(pg_temp.read(%s))', n),
    format('select pg_temp.told(pg_temp.whole(%s))', n), 'read_usage: ' || name)
from (values (50, 'lines of a client by the short way'), (57, 'by the long way where they must'))
  v(n, name);
select is(pg_temp.read(61), '{}', 'read_usage: none of no usage');
-- Of several targets: in one call, and each by itself the long way.
create function pg_temp.together(ns integer[]) returns setof text language sql stable as $$
  select pg_temp.told(array(select r from _billing.rate_usage(
    array(select pg_temp.target(n) from unnest(ns) n), false,
    array(select t from unnest(ns) n, unnest(pg_temp.terms(n)) t), with_texts => false) r));
$$;
create function pg_temp.apart(ns integer[]) returns setof text language sql stable as $$
  select pg_temp.told(array(select r from unnest(ns) n
    cross join lateral _billing.usage_lines(array[pg_temp.target(n)], false, pg_temp.terms(n),
      false, false, null) r));
$$;
select set_eq(format('select pg_temp.together(%L)', ns),
    format('select pg_temp.apart(%L)', ns), name)
from (values ('{50,51,52}'::integer[], 'several targets, and none of what has no price'),
  ('{57,50}', 'where one needs the long way, all take it'),
  ('{50,57}', 'also where it comes last')) v(ns, name);
select is(_billing.unpriced_list(pg_temp.plain(50)), '[
    {"model": "m-1", "metric": "pages", "quantity": "2", "rate_class": "standard"},
    {"model": "m-2", "metric": "pages", "quantity": "2", "rate_class": "standard"}]'::jsonb,
  'unpriced_list: usage without a price, by model');
select set_eq($$select n, preference, unit_amount, per_units, free_units, price_class
    from billing.matching_prices(array[null, pg_temp.client(57)], '{m-1,m-1}', '{units,units}',
      '{batch,standard}', '{USD,USD}')$$,
  $$values (1::bigint, 192, 1.005, 3::numeric, 0::numeric, 'standard'), (2, 3, 5, 1, 4, 'standard'),
    (2, 102, 1.005, 3, 0, 'standard')$$, 'matching_prices: with what they charge');

select * from finish();
rollback;

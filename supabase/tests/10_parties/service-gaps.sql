-- A gap in service: not rated, visible, without periods of its own, and checked.
begin;
select plan(18);

set local billing.as_of = '2026-05-01';
insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
select id, 6000 from public.clients where name = 'Acme';
-- Served 1 to 10 and 21 to 30 June, and again from 10 October.
select billing.end_service('00000000-0000-0000-0000-00000000000a', '2026-06-11'),
  billing.start_service('00000000-0000-0000-0000-00000000000a', '2026-06-21'),
  billing.end_service('00000000-0000-0000-0000-00000000000a', '2026-07-01'),
  billing.start_service('00000000-0000-0000-0000-00000000000a', '2026-10-10');
insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
select 'S', 'm', n, '00000000-0000-0000-0000-00000000000a', d
from (values (100, '2026-06-05'::date), (9000, '2026-06-11'), (9000, '2026-06-20'),
  (200, '2026-06-21'), (7, '2026-08-10'), (5, '2026-05-31')) v(n, d);
insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
values ('S', 'm', 300, '00000000-0000-0000-0000-00000000000b', '2026-06-15');
select _billing.rollup();
create function pg_temp.june() returns billing.rating_target[] language sql as $$
  select array[('00000000-0000-0000-0000-00000000000a', '2026-06-01', '2026-07-01')
    ::billing.rating_target];
$$;

-- Rating.
select results_eq($$select active_start, active_end, gaps, active_days, full_days
    from billing.period_terms(pg_temp.june())$$,
  $$values ('2026-06-01'::date, '2026-07-01'::date, '{[2026-06-11,2026-06-21)}'::datemultirange,
    20, 30)$$, 'days of service are the intersection of period and intervals');
select is((select gaps from billing.period_terms(array[('00000000-0000-0000-0000-00000000000b',
  '2026-06-01', '2026-07-01')::billing.rating_target])), null, 'mostly there is no gap');
select is(billing.service_gaps('00000000-0000-0000-0000-00000000000a', '2026-06-05', '2026-06-25'),
  '{[2026-06-11,2026-06-21)}', 'service_gaps: days between two intervals');
select results_eq($$select usage_day, quantity from billing.usage_of_targets(pg_temp.june())
    where metric = 'web_searches' order by 1$$,
  $$values ('2026-06-05'::date, 100::numeric), ('2026-06-21', 200)$$, 'usage of days of service');
select results_eq($$select quantity, segment_start, segment_end, price_start
    from billing.priced_usage(pg_temp.june()) where metric = 'web_searches'$$,
  $$values (300::numeric, '2026-06-01'::date, '2026-07-01'::date, '2026-06-01'::date)$$,
  'is one line, from the first day of service to the last');
select results_eq($$select kind, amount_minor from _billing.rate_charges(pg_temp.june())
    order by 1$$,
  $$values ('minimum', 3700::numeric), ('usage', 300)$$, '20 of 30 days of 60.00, less 3.00');

-- Live.
select is((select array[s ->> 'usage_minor', s ->> 'minimum_minor', s ->> 'elapsed_days',
    s ->> 'total_days', s ->> 'forecast_minor']
  from billing.current_spend('00000000-0000-0000-0000-00000000000a', '2026-06-25 12:00+00') s),
  '{300,4000,14,20,4000}', 'live spend counts days of service');
select is((select sum((d ->> 'amount_minor')::numeric) from jsonb_array_elements(
    billing.current_spend('00000000-0000-0000-0000-00000000000a', '2026-06-25 12:00+00')
      -> 'days') d), 300::numeric, 'day by day likewise');
select throws_ok($$select billing.current_spend('00000000-0000-0000-0000-00000000000a',
  '2026-08-15')$$, 'PT409', null, 'in a month without service nothing runs');

-- Quarantine.
select results_eq($$select q.client_id, q.first_day, q.last_day, q.rows from billing.quarantine q
    where q.reason = 'outside_service' and q.metric = 'web_searches'$$,
  $$values ('00000000-0000-0000-0000-00000000000a'::uuid, '2026-05-31'::date, '2026-08-10'::date,
    4::bigint)$$, 'usage before service and in its gaps is seen');

-- Periods.
select billing.run_monthly('2026-09-15');
select results_eq($$select p.period_start, p.state from public.billing_periods p
    join public.clients c on c.id = p.client_id where c.name = 'Acme'$$,
  $$values ('2026-06-01'::date, 'invoiced')$$, 'a month without service is no period');
select throws_ok($$select _billing.period_containing('00000000-0000-0000-0000-00000000000a',
  '2026-08-10')$$, 'PT404', null, 'nor is there one to look at');
select is((select _billing.period_containing('00000000-0000-0000-0000-00000000000a', '2026-10-20')),
  ('00000000-0000-0000-0000-00000000000a', '2026-10-01', '2026-11-01')::billing.rating_target,
  'the next begins on the anchor day before the return');
set local billing.as_of = '2026-11-01';
select billing.run_monthly('2026-11-01');
select results_eq($$select i.period_start, i.total_minor from public.invoices i
    join public.clients c on c.id = i.client_id where c.name = 'Acme' order by 1$$,
  $$values ('2026-06-01'::date, 4000::bigint), ('2026-10-01', 4258)$$,
  '20/30 of 60.00; 22/31 of 60.00 = 42.58');
select is_empty($$select * from _billing.check_periods()$$, 'gaps are no contradiction');

-- A period that is missing is one, once a run has passed it by.
delete from public.billing_periods p
where p.client_id = '00000000-0000-0000-0000-00000000000b' and p.period_start = '2026-08-01';
select results_eq($$select invariant, subject from _billing.check_periods()
    where invariant = 'service_lies_in_periods'$$, $$values ('service_lies_in_periods',
    '00000000-0000-0000-0000-00000000000b')$$, 'a month of service without a period is found');
select _billing.open_periods('2026-11-01');
select is((select count(*) from _billing.check_periods()
  where invariant = 'service_lies_in_periods'), 0::bigint, 'the next run opens it');

select ok(exists (select from billing.audit_log a where a.table_name = 'service_intervals'
  and a.operation = 'update' and a.after ->> 'end_reason' = 'ended'), 'changes are on record');

select * from finish();
rollback;

-- What people and machines read whole does not grow with what agents choose: lists are cut, and say
-- how many there are.
begin;
select plan(13);

select is(_billing.first_few(array['a', 'b', 'c'], most, '; '), shown, 'of three at most ' || most)
from (values (2, 'a; b; and 1 more'), (3, 'a; b; c'), (10, 'a; b; c')) v(most, shown);

-- Thirty metrics without a price in June of each of 120 clients.
insert into public.clients (name, external_id, started_on)
select 'Client ' || n, 'c' || n, '2026-06-01' from generate_series(101, 220) n;
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, other_features,
  "timestamp")
select 'SCHOLAR', 'claude-sonnet', 1, id,
  (select jsonb_object_agg('metric' || n, 1) from generate_series(101, 130) n),
  '2026-06-10 12:00+00'
from public.clients;
select billing.run_monthly('2026-07-01 09:00+00');
select matches((select message from public.billing_periods order by client_id limit 1),
  '^no price for metric101 of model claude-sonnet \(1 units\); .*metric110 .*; and 20 more in ',
  'a blocked period names the first ten');
select results_eq($$select jsonb_array_length(summary -> 'blocked'), summary ->> 'blocked_count'
    from billing.monthly_runs$$, $$values (100, '120')$$,
  'a run''s summary lists a hundred and counts all');
select results_eq($$select blocked, cardinality(blocked_reasons) from billing.run_report$$,
  $$values (120, 100)$$, 'so does its report');
select matches((select billing.run_report_text(id) from billing.monthly_runs),
  'Blocked months: 120:(\n- [^\n]*){10}\n- and 110 more$', 'the message names ten');
update billing.monthly_runs set summary = summary - 'blocked_count';
select is((select blocked from billing.run_report), 100, 'without a count the list is counted');

-- Notices.
set local billing.as_of = '2026-06-11 09:00+00';
select billing.count_quarantine();
select is(client_id, null, 'one notice for all clients') from _billing.unpriced_notice();
select matches(message, '^120 models have no price, .*; and 110 more\.$', 'names ten models')
from _billing.unpriced_notice();
select is_empty('select * from _billing.nobody_notice()', 'of nobody there is nothing to tell');
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
select 'STRAY-' || n, 'claude-sonnet', 1, '2026-06-10 12:00+00' from generate_series(101, 112) n;
select _billing.rollup();
select is((select message from _billing.nobody_notice()), '12 agents have logged 12 calls that '
  'belong to no client: STRAY-101 (1), STRAY-102 (1), STRAY-103 (1), STRAY-104 (1), STRAY-105 (1), '
  'STRAY-106 (1), STRAY-107 (1), STRAY-108 (1), STRAY-109 (1), STRAY-110 (1), and 2 more. '
  'Assign them: insert into public.agent_assignments (agent, client_id) …', 'or ten agents');

-- Of one kind one message a day, of the same names one a month.
select billing.queue_operator_alert('nobody:2026-06-11:names', 'high', 'x', 'x');
select results_eq($$select _billing.is_told(kind, names, at::timestamptz) from (values
    (1, 'nobody', 'others', '2026-06-11 23:00+00'), (2, 'nobody', 'names', '2026-06-30 09:00+00'),
    (3, 'nobody', 'others', '2026-06-12 09:00+00'), (4, 'nobody', 'names', '2026-07-01 09:00+00'),
    (5, 'unpriced', 'names', '2026-06-11 09:00+00')) v(n, kind, names, at) order by n$$,
  array[true, true, false, false, false], 'others are told the next day');

select * from finish();
rollback;

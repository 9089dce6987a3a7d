-- What one event may have: billing_settings.max_units_per_event of each kind, as many times as it
-- stands for calls, 1,000 times at most. A row with more waits in quarantine, whole.
begin;
select plan(35);

insert into public.clients (id, name, external_id, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01');
create function pg_temp.log(of_agent text, tokens bigint, features jsonb default '{}',
  more jsonb default '{}', of_calls bigint default 1)
returns uuid language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, other_features, metadata,
    "timestamp", calls)
  values (of_agent, 'claude-sonnet', tokens, features, '{"client_id": "acme"}' || more,
    '2026-06-10 12:00+00', of_calls)
  returning id;
$$;
create function pg_temp.waiting() returns text language sql as $$
  select string_agg(agent, ',' order by agent) from billing.quarantined_logs
  where reason = 'too_many_units' and not dismissed;
$$;
create function pg_temp.counted(of_metric text) returns numeric language sql as $$
  select sum(quantity) from public.usage_records where metric = of_metric;
$$;

select is((select max_units_per_event from public.billing_settings), 1000000000::bigint,
  'a thousand million units of a kind, unless somebody sets it otherwise');
select is(billing.most_units(features), most, features::text)
from (values ('{}'::jsonb, null), ('[7]', null), ('"x"', null),
  ('{"a": 3, "b": -4.5, "c": "9", "d": null}', 4.5),
  ('{"a": 123456789012345678901234567890}', 123456789012345678901234567890),
  ('{"a": 9e131071}', null::numeric)) v(features, most);

-- Each kind of count, at the bound and beyond it.
select pg_temp.log('A-FITS', 1000000000, '{"pages": 1000000000}', '{"cache_read_tokens": 1000000000,
  "cache_write_tokens": 1000000000, "reasoning_tokens": 1000000000}');
select pg_temp.log('B-INPUT', 1000000001);
select pg_temp.log('C-FEATURE', 1, '{"pages": 1000000000.5}');
select pg_temp.log('D-READ', 1, '{}', '{"cache_read_tokens": 1000000001}');
select pg_temp.log('E-WRITE', 1, '{}', '{"cache_write_tokens": 1000000001}');
select pg_temp.log('F-THOUGHT', 1, '{}', '{"reasoning_tokens": 1000000001}');
insert into public.agent_usage_logs (agent, model, output_tokens, web_searches, metadata,
  "timestamp")
select agent, 'claude-sonnet', output, searches, '{"client_id": "acme"}', '2026-06-10 12:00+00'
from (values ('G-OUTPUT', 1000000001, 0), ('H-SEARCHES', 0, 1000000001)) v(agent, output, searches);
select pg_temp.log('I-LARGEST', 9223372036854775807);
select pg_temp.log('J-WINDOW', 1000000000000, '{"pages": 1000000000000}',
  '{"cache_read_tokens": 1000000000000}', 1000);
select pg_temp.log('J-TWO', 2000000000, '{"pages": 2000000000}',
  '{"cache_read_tokens": 2000000000}', 2);
select pg_temp.log('K-WINDOW', 1000000000001, '{}', '{}', 1000000000);
-- One more than two calls may have; of the same features a row of three is within the bound.
select pg_temp.log('L-WINDOW', 1, '{"pages": 2000000001}', '{}', 2);
select pg_temp.log('L-THREE', 1, '{"pages": 2000000001}', '{}', 3);
select pg_temp.log('M-WINDOW', 1, '{}', '{"cache_read_tokens": 2000000001}', 2);
select _billing.rollup();
select is(pg_temp.waiting(), 'B-INPUT,C-FEATURE,D-READ,E-WRITE,F-THOUGHT,G-OUTPUT,H-SEARCHES,'
  || 'I-LARGEST,K-WINDOW,L-WINDOW,M-WINDOW', 'a row beyond the bound waits, whichever kind');
select is(pg_temp.counted('requests'), 1006::numeric,
  'one call at the bound and windows of a thousand, two and three count');
-- 1,000,000,000 + 1,000,000,000,000 + 2,000,000,000 + 2,000,000,001.
select is(pg_temp.counted('pages'), 1005000000001::numeric, 'with their features');
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');
select is((select rows from _billing.summarize_quarantine() where reason = 'too_many_units'),
  11::bigint, 'they are summed by their reason');
select matches((select detail from billing.health where part = 'quarantine'),
  '11 too_many_units', 'health names them');
select billing.rebuild_usage();
select is(pg_temp.counted('requests'), 1006::numeric, 'a rebuild decides as the rollup did');
select is((select count(*) from billing.quarantined_logs where reason = 'too_many_units'),
  11::bigint, 'of each row');

-- Other reasons come first, and a row is judged whatever else is wrong with its day.
select pg_temp.log('N-BOTH', 1000000001, '{"requests": 1}');
select pg_temp.log('O-TEXT', 1000000001, '{}', '{"cache_read_tokens": "x"}');
select _billing.rollup();
select results_eq($$select agent, reason from billing.quarantined_logs
    where agent in ('N-BOTH', 'O-TEXT') order by 1$$,
  $$values ('N-BOTH', 'invalid_feature'), ('O-TEXT', 'invalid_metadata')$$,
  'an unreadable row has its own reason');

-- Corrected, it is counted as it was meant; retracted, it is done with.
select isnt(billing.correct_log(id, '{"input_tokens": 70}', 'a slip'), null, 'it is corrected')
from public.agent_usage_logs where agent = 'B-INPUT';
select is(billing.retract_log(id, 'a slip'), null, 'of what was not counted nothing is taken back')
from public.agent_usage_logs where agent = 'I-LARGEST';
select _billing.rollup();
select is(pg_temp.waiting(), 'C-FEATURE,D-READ,E-WRITE,F-THOUGHT,G-OUTPUT,H-SEARCHES,'
  || 'K-WINDOW,L-WINDOW,M-WINDOW', 'neither waits any more');
select is((select sum(quantity) from public.usage_records
    where metric = 'input_tokens' and agent = 'B-INPUT'), 70::numeric, 'the corrected count holds');
select is(billing.dismiss_quarantined('nobody''s', reason => 'too_many_units', agent => 'K-WINDOW'),
  1::bigint, 'an operator may dismiss it');
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');

-- A bound that is raised counts waiting rows; decided ones stay.
select is(_billing.has_more_units(l, 1000000000), true, 'a row beyond the bound')
from public.agent_usage_logs l where agent = 'C-FEATURE';
select is(_billing.has_more_units(l, 1000000001), false, 'is none of a larger one')
from public.agent_usage_logs l where agent = 'C-FEATURE';
select is((select t.tgfoid::regprocedure::text from pg_trigger t
  where t.tgname = 'change_unit_limit'), '_billing.change_unit_limit()', 'a change is looked at');
update public.billing_settings set max_units_per_event = 9200000000000000;
select _billing.rollup();
select is(pg_temp.waiting(), null, 'raised, nothing waits');
select is((select sum(quantity) from public.usage_records where agent = 'C-FEATURE'
  and metric = 'pages'), 1000000000.5, 'the waiting row is counted');
select is((select sum(quantity) from public.usage_records where agent in ('I-LARGEST', 'K-WINDOW')),
  null, 'a retracted or dismissed row is not');
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');
select is(billing.reinstate_dismissed(array(select l.id from public.agent_usage_logs l
    where l.agent = 'B-INPUT' and l.corrects_id is null)), 0::bigint,
  'a corrected row is not reinstated beside its correction');

-- A bound is not lowered below what counts: that would take it back.
select throws_like('update public.billing_settings set max_units_per_event = 1000000000',
  'log % is counted and has more units', 'a setting takes no counted row back');
select billing.retract_log(l.id, 'a slip') from public.agent_usage_logs l
where l.corrects_id is null and l.agent between 'C' and 'N'
  and l.agent not in ('I-LARGEST', 'K-WINDOW', 'J-WINDOW', 'J-TWO', 'L-THREE');
select _billing.rollup();
select lives_ok('update public.billing_settings set max_units_per_event = 1000000000',
  'once it is retracted the bound is lowered');
select _billing.rollup();
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');
select is(pg_temp.counted('pages'), 1005000000001::numeric, 'rows within it count as before');
select throws_ok('update public.billing_settings set max_units_per_event = 9300000000000000',
  '23514', null, 'there is a largest bound');
select * from finish();
rollback;

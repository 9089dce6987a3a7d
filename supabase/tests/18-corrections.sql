-- A log is corrected by rows beside it. What people say is right is what counts in the end, on the
-- log's own day, for its own client, with what its provider counts within what.
begin;
select plan(17);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000018', 'Corrected Ltd', '2026-06-01');
insert into public.agent_usage_logs (id, agent, model, input_tokens, output_tokens,
  other_features, input_cost, total_cost, metadata, client_id, "timestamp")
values ('00000000-0000-4000-8000-000000001801', 'S', 'gpt-4o', 1000, 100, '{"images": 3}', 0.5, 0.5,
  '{"cache_read_tokens": 400}', '00000000-0000-4000-8000-000000000018', '2026-06-10 12:00Z');
create function pg_temp.counted() returns table (usage_day date, metric text, quantity numeric,
  provider_cost numeric) language sql as $$
  select usage_day, metric, quantity, provider_cost from public.usage_records
  where client_id = '00000000-0000-4000-8000-000000000018' and quantity <> 0
  order by metric collate "C";
$$;
create function pg_temp.correct(corrected jsonb, reason text default 'sent twice')
returns uuid language sql as $$
  select billing.correct_log('00000000-0000-4000-8000-000000001801', corrected, reason);
$$;

select isnt(pg_temp.correct('{"input_tokens": 700, "cache_read_tokens": 600}'), null,
  'a correction is a new row');
select billing.rollup();
select results_eq('select * from pg_temp.counted()', $$values
    ('2026-06-10'::date, 'cache_read_tokens', 600::numeric, 0::numeric),
    ('2026-06-10', 'images', 3, 0),
    ('2026-06-10', 'input_tokens', 100, 0.5),
    ('2026-06-10', 'output_tokens', 100, 0),
    ('2026-06-10', 'requests', 1, 0)$$,
  'what is named is set, the rest stays, and the call is still one call');
select is(pg_temp.correct('{"input_tokens": 700, "cache_read_tokens": 600}'), null,
  'the same correction again stores nothing');
select isnt(pg_temp.correct('{"other_features": {"images": 1}, "input_cost": 0.25}'), null,
  'a corrected log can be corrected again');
select billing.rollup();
select results_eq($$select metric, quantity, provider_cost from pg_temp.counted()
    where metric in ('images', 'input_tokens')$$,
  $$values ('images', 1::numeric, 0::numeric), ('input_tokens', 100, 0.25)$$,
  'the second correction stands on the first');
select is((select input_tokens from public.agent_usage_logs
  where id = '00000000-0000-4000-8000-000000001801'), 1000::bigint,
  'the log itself is as it was');
select is((select count(distinct metadata ->> 'corrected_by') from public.agent_usage_logs
  where corrects_id is not null and metadata ->> 'reason' = 'sent twice'), 1::bigint,
  'corrections say who made them and why');
select is((billing.standing_log('00000000-0000-4000-8000-000000001801')).input_cost, 0.25,
  'the standing row is the last that was stated');

select isnt(billing.retract_log('00000000-0000-4000-8000-000000001801', 'a test'), null,
  'a log can be retracted');
select billing.rollup();
select is_empty('select * from pg_temp.counted()', 'of a retracted log nothing counts, nor a call');
select is(billing.retract_log('00000000-0000-4000-8000-000000001801', 'a test'), null,
  'retracting it again stores nothing');
select throws_ok($$select pg_temp.correct('{"input_tokens": 1}')$$, 'PT400',
  'log 00000000-0000-4000-8000-000000001801 is retracted', 'a retracted log is not corrected');

select throws_ok($$select billing.correct_log('00000000-0000-4000-8000-0000000018ff', '{}', 'x')$$,
  'PT404', 'there is no usage log 00000000-0000-4000-8000-0000000018ff', 'an unknown log');
select throws_ok($$
  select pg_temp.correct('{"tokens": 1, "input_tokens": -1, "web_searches": "2"}')$$,
  'PT400', 'cannot correct: input_tokens, tokens, web_searches', 'each wrong value is named');
select throws_ok($$select pg_temp.correct('{"input_tokens": 1}', ' ')$$, 'PT400',
  'a correction needs a reason', 'a reason is required');
insert into public.agent_usage_logs (id, agent, model, input_tokens, client_id, "timestamp")
values ('00000000-0000-4000-8000-000000001802', 'S', 'gpt-4o', 10,
  '00000000-0000-4000-8000-000000000018', '2026-06-10');
insert into public.agent_usage_logs (id, agent, model, input_tokens, client_id, corrects_id)
values ('00000000-0000-4000-8000-000000001803', 'S', 'gpt-4o', -1,
  '00000000-0000-4000-8000-000000000018', '00000000-0000-4000-8000-000000001802');
select throws_like($$select billing.correct_log('00000000-0000-4000-8000-000000001802',
    '{"input_tokens": 5}', 'x')$$, '%has been corrected by a difference%',
  'a log that was corrected by hand is not restated over it');
select throws_like($$select billing.retract_log('00000000-0000-4000-8000-000000001803', 'x')$$,
  '%is a correction itself', 'a correction is not corrected');

select * from finish();
rollback;

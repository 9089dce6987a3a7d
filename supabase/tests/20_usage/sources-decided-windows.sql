-- What a decision on held windows leaves: refused, a version is evidence and holds nothing up;
-- released, it overwrites no correction that was made since it was held.
begin;
select plan(39);
update public.billing_settings set operator_emails = '{ops@example.test}';

insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01');
insert into public.prices (client_id, model, metric, unit_amount, per_units) values
  ('00000000-0000-0000-0000-00000000000a', 'm', 'input_tokens', 0.01, 1),
  ('00000000-0000-0000-0000-00000000000a', 'm', 'requests', 0, 1);
insert into public.models (id, family, provider) values ('m', 'm', 'openai');
insert into public.agent_assignments (agent, client_id)
values ('FAR', '00000000-0000-0000-0000-00000000000a');
insert into billing.usage_sources (id, created_at) values ('plane', '2026-06-01 00:00+00');
insert into billing.usage_source_agents (agent, source_id, since)
values ('FAR', 'plane', '2026-06-01 00:00+00');
create function pg_temp.push(minute integer, of_version integer, tokens bigint,
  of_calls integer default 10)
returns text language sql as $$
  select concat_ws(' ', w.result, w.detail) from billing.push_windows('plane',
    jsonb_build_array(jsonb_build_object('agent', 'FAR', 'model', 'm', 'calls', of_calls,
      'timestamp', '2026-06-03 10:00+00'::timestamptz + minute * interval '1 minute',
      'input_tokens', tokens, 'version', of_version))) w;
$$;
create function pg_temp.id(minute integer) returns uuid language sql as $$
  select l.id from public.agent_usage_logs l where l.corrects_id is null
    and l."timestamp" = '2026-06-03 10:00+00'::timestamptz + minute * interval '1 minute';
$$;
-- What the source says of June: of each minute its tokens and calls. 3 = 1 call, 3 a token.
create function pg_temp.compare(says bigint[], of_calls bigint[] default '{10,10,10}')
returns text language sql as $$
  select string_agg(format('%s: %s, %s', to_char(d.window_start at time zone 'UTC', 'MI'),
    d.said_calls, d.logged_calls), '; ' order by d.window_start)
  from billing.compare_windows('plane', (select jsonb_agg(jsonb_build_object('window',
      '2026-06-03 10:00+00'::timestamptz + place * interval '1 minute', 'calls', of_calls[place],
      'checksum', ('x' || right(pg_temp.id(place::integer)::text, 7))::bit(28)::bigint
        * (of_calls[place] + 3 * tokens)))
    from unnest(says) with ordinality s(tokens, place)),
    '2026-06-01', '2026-07-01', '2026-07-02 00:00+00') d;
$$;
create function pg_temp.blocked() returns text language sql as $$
  select _billing.uncompared_source('2026-06-01', '2026-07-01');
$$;

select is(pg_temp.push(minute, 1, 1000), 'inserted', 'a window of June')
from generate_series(1, 3) minute;
select billing.run_monthly('2026-07-01 09:00+00');
select is(pg_temp.compare('{1000,1000,1000}'), null, 'source and log agree');
select is(pg_temp.blocked(), null, 'so June may go');

select is(pg_temp.push(1, 2, 900), 'held less than what has been invoiced: an operator decides',
  'the source says less');
select is(pg_temp.push(2, 2, 0, 0), 'held less than what has been invoiced: an operator decides',
  'and takes another back');
select is(pg_temp.compare('{900,0,1000}', '{10,0,10}'), '01: 10, 10; 02: 0, 10',
  'while they wait they differ');
select is(pg_temp.blocked(), 'plane', 'and June stays');
select is(billing.refuse_windows('plane'), 2::bigint, 'an operator refuses both');
select results_eq($$select version, source_id, counts ->> 'input_tokens', refused_by is not null,
    refused_at >= held_at from billing.refused_windows order by counts ->> 'input_tokens'$$,
  $$values (2, 'plane', '0', true, true), (2, 'plane', '900', true, true)$$,
  'the refusal stands as evidence');
select results_eq($$select calls, checksum < 0 from _billing.refused_totals(
    (select s from billing.usage_sources s), '2026-06-01', '2026-07-01') order by window_start$$,
  $$values (0::numeric, true), (-10, true)$$, 'the source says less by it');
select is(pg_temp.compare('{900,0,1000}', '{10,0,10}'), null,
  'a source that still says so is as the log should be');
select is_empty($$select from _billing.source_problems('2026-07-02 00:00+00')$$,
  'nothing is reported any more');
select is(pg_temp.blocked(), null, 'and June may go');
select is(pg_temp.compare('{1000,1000,1000}'), null, 'so is one that has taken the refusal over');
select is(pg_temp.compare('{899,0,1000}', '{10,0,10}'), '01: 10, 10',
  'a version that nobody has refused still differs');
select is(pg_temp.push(1, 2, 900), 'conflict input_tokens', 'pushed again it is a conflict');

-- A later version is judged by itself.
select is(pg_temp.push(1, 3, 1000), 'duplicate', 'the source states it as it counts');
select is(pg_temp.compare('{900,0,1000}', '{10,0,10}'), '01: 10, 10',
  'then the refused version is no excuse');
select is(pg_temp.compare('{1000,0,1000}', '{10,0,10}'), null, 'for this window');
select is((select count(*) from billing.refused_windows), 2::bigint, 'the evidence stays');

-- A correction that an operator made while a version was held is not overwritten.
select pg_temp.push(3, 2, 700);
select billing.correct_log(pg_temp.id(3), '{"input_tokens": 800}', 'looked into it');
select throws_like($$select billing.release_windows('plane', 'right')$$,
  'log % has been corrected since version 2 of its window was held',
  'a release refuses what was corrected since');
select throws_ok($$select billing.release_windows('plane', 'right')$$, 'PT409', null,
  'as a conflict');
select is((select sum(input_tokens) from public.agent_usage_logs), 2800::numeric,
  'the correction stands');
select is((select count(*) from billing.held_windows), 1::bigint, 'and the version waits');
select is(pg_temp.push(3, 2, 700), 'held less than what has been invoiced: an operator decides',
  'pushed again it is judged anew');
select is(pg_temp.push(3, 3, 600), 'held less than what has been invoiced: an operator decides',
  'as is a later one');
select is(pg_temp.push(3, 2, 850), 'corrected input_tokens', 'an earlier one says more, late');
select is(billing.release_windows('plane', 'right'), '{"released": 1, "kept": []}',
  'a correction by its own source, stated before, is no reason to refuse');
select is((select sum(input_tokens) from public.agent_usage_logs), 2600::numeric, 'it counts');
select pg_temp.push(3, 4, 500);
select billing.retract_log(pg_temp.id(3), 'all wrong');
select throws_ok($$select billing.release_windows('plane', 'right')$$, 'PT409', null,
  'nor is a retracted log brought back');
select is(billing.refuse_windows('plane'), 1::bigint, 'it can be refused');

-- One of several was corrected: the others are released.
select pg_temp.push(1, 4, 950);
select is(pg_temp.push(minute, 1, 1000), 'inserted', 'late windows of June')
from generate_series(4, 5) minute;
select billing.run_monthly('2026-07-03 09:00+00');
select pg_temp.push(4, 2, 600), pg_temp.push(5, 2, 500);
select billing.correct_log(pg_temp.id(4), '{"input_tokens": 800}', 'looked into it');
select is(billing.release_windows('plane', 'right'), jsonb_build_object('released', 2,
    'kept', jsonb_build_array(jsonb_build_object('log_id', pg_temp.id(4), 'version', 2,
      'problem', format('log %s has been corrected since version 2 of its window was held',
        pg_temp.id(4)),
      'hint', 'drop the version by billing.refuse_windows, or have it pushed again: it is judged '
        || 'anew'))), '_billing.release_window: one that was corrected stays alone, and is named');
select is((select string_agg(sum::text, ' ' order by minute) from (
    select to_char(l."timestamp" at time zone 'UTC', 'MI') as minute, sum(l.input_tokens)
    from public.agent_usage_logs l group by 1) s where minute in ('01', '04', '05')),
  '950 800 500', 'with what they say');
select results_eq('select log_id, version from billing.held_windows',
  $$values (pg_temp.id(4), 2)$$, 'it waits');
select is(billing.release_windows('plane', 'right', array[pg_temp.id(5)]),
  '{"released": 0, "kept": []}', 'nothing waits of another');
select * from finish();
rollback;

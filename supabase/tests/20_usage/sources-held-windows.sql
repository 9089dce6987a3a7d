-- A source that states a window again with less than what has been invoiced waits for an
-- operator: a login of a source credits nobody by itself.
begin;
select plan(54);
update public.billing_settings set operator_emails = '{ops@example.test}';

-- June: 1,000 calls of 100 input tokens each, 10 a window, at 3.00 a million: 0.30, and one call
-- of no source. Nothing is invoiced below 0.01, so prices are set to be seen: 1 cent a token.
insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-0000-0000-00000000000a', 0);
insert into public.prices (client_id, model, metric, unit_amount, per_units) values
  ('00000000-0000-0000-0000-00000000000a', 'm', 'input_tokens', 0.01, 1),
  ('00000000-0000-0000-0000-00000000000a', 'm', 'pages', 1, 1),
  ('00000000-0000-0000-0000-00000000000a', 'm', 'cache_read_tokens', 0, 1),
  ('00000000-0000-0000-0000-00000000000a', 'm', 'requests', 0, 1);
insert into public.models (id, family, provider) values ('m', 'm', 'openai');
insert into public.agent_assignments (agent, client_id)
values ('FAR', '00000000-0000-0000-0000-00000000000a');
insert into billing.usage_sources (id, created_at) values ('plane', '2026-06-01 00:00+00');
insert into billing.usage_source_agents (agent, source_id) values ('FAR', 'plane');
create function pg_temp.window(minute integer, of_version integer default 1,
  more jsonb default '{}', of_day text default '2026-06-03')
returns jsonb language sql as $$
  select jsonb_build_array(jsonb_build_object('agent', 'FAR', 'model', 'm', 'calls', 10,
    'timestamp', (of_day || ' 10:00+00')::timestamptz + minute * interval '1 minute',
    'input_tokens', 1000, 'version', of_version, 'other_features', '{"pages": 5}'::jsonb) || more);
$$;
create function pg_temp.push(windows jsonb) returns text language sql as $$
  select string_agg(concat_ws(' ', w.index, w.result, w.detail), '; ' order by w.index)
  from billing.push_windows('plane', windows) w;
$$;
create function pg_temp.tokens() returns numeric language sql as $$
  select sum(l.input_tokens) from public.agent_usage_logs l;
$$;
create function pg_temp.held() returns text language sql as $$
  select string_agg(format('%s v%s', to_char(l."timestamp" at time zone 'UTC', 'MI'), h.version),
    ' ' order by l."timestamp")
  from billing.held_windows h join public.agent_usage_logs l on l.id = h.log_id;
$$;

select is(pg_temp.push(pg_temp.window(1) || pg_temp.window(2) || pg_temp.window(3)
    || pg_temp.window(4) || pg_temp.window(5) || pg_temp.window(6)),
  '0 inserted; 1 inserted; 2 inserted; 3 inserted; 4 inserted; 5 inserted', 'six windows of June');
select is(pg_temp.push(pg_temp.window(6, 2, '{"input_tokens": 900}')), '0 corrected input_tokens',
  'before it is invoiced a window is stated again as its source likes');
select billing.run_monthly('2026-07-01 09:00+00');
-- 5,900 tokens are 59.00, 30 pages 30.00.
select is((select sum(total_minor) from public.invoices where status = 'open'), 8900::numeric,
  'June is invoiced');

select ok(bool_and(_billing.is_settled_log(l.id)), 'with what its windows have counted')
from public.agent_usage_logs l where l.corrects_id is null;

-- Less waits, whatever of it is less.
select is(pg_temp.push(pg_temp.window(1, 2, '{"calls": 0}')),
  '0 held less than what has been invoiced: an operator decides', 'taken back it is held');
select is(pg_temp.push(pg_temp.window(2, 2, '{"input_tokens": 999}')),
  '0 held less than what has been invoiced: an operator decides', 'a token less is');
select is(pg_temp.push(pg_temp.window(3, 2, '{"other_features": {"pages": 4.5}}')),
  '0 held less than what has been invoiced: an operator decides', 'half a page less is');
select is(pg_temp.push(pg_temp.window(4, 2, '{"other_features": {}}')),
  '0 held less than what has been invoiced: an operator decides', 'a feature that is gone is');
select is(pg_temp.push(pg_temp.window(5, 2, '{"metadata": {"cache_read_tokens": 1000}}')),
  '0 held less than what has been invoiced: an operator decides',
  'tokens that are said to come from a cache are');
select is(pg_temp.push(pg_temp.window(1, 2, '{"calls": 0}')),
  '0 held less than what has been invoiced: an operator decides', 'pushed again it is held once');
select is(pg_temp.held(), '01 v2 02 v2 03 v2 04 v2 05 v2', 'all of them wait');
select is(pg_temp.tokens(), 5900::numeric, 'and nothing is taken back');
select billing.run_monthly('2026-07-02 09:00+00');
select is((select count(*) from public.credit_notes), 0::bigint, 'a run credits nothing');
select is((select sum(total_minor) from public.invoices where status = 'open'), 8900::numeric,
  'nor bills anything');

-- More is counted: it is late usage.
select is(pg_temp.push(pg_temp.window(6, 3, '{"input_tokens": 1000}')),
  '0 corrected input_tokens', 'more is no operator''s business');
select is(pg_temp.tokens(), 6000::numeric, 'and counts');
-- What would be quarantined would take back all.
select is(pg_temp.push(pg_temp.window(6, version, more)),
  '0 held less than what has been invoiced: an operator decides', more::text)
from (values (4, '{"input_tokens": 9000000000000000}'::jsonb),
  (5, '{"other_features": {"pages": 5, "requests": 1}}'),
  (6, '{"other_features": {"pages": 5, "new": 1}}'), (7, '{"output_tokens": 1}')) v(version, more);
-- A version that waits is known: the same one with other counts is no statement.
select is(pg_temp.push(pg_temp.window(6, 7, more)), '0 conflict ' || differences,
  'the version that is held, with ' || more::text)
from (values ('{"output_tokens": 2}'::jsonb, 'output_tokens'),
  ('{"output_tokens": 1, "input_tokens": 5000}', 'input_tokens'), ('{}', 'output_tokens'),
  ('{"calls": 0}', 'calls')) v(more, differences);
select is(pg_temp.push(pg_temp.window(6, 8)), '0 duplicate', 'stated right it waits no more');

-- What is not invoiced is not held.
select is(pg_temp.push(pg_temp.window(1, 1, of_day => '2026-07-03')), '0 inserted', 'in July');
select is(pg_temp.push(pg_temp.window(1, 2, '{"calls": 0}', '2026-07-03')), '0 retracted',
  'a window that is not invoiced is taken back');

-- It is told and shown.
select matches((select detail from billing.health where part = 'reconcile'),
  '5 windows of source plane wait for a decision', 'health shows what waits');
select matches(message, '^5 windows say less than what has been invoiced and are held: '
  || '2026-06-03 10:01 of source plane \(FAR\); .*release_windows', 'told in one')
from _billing.held_windows_notice();
set local billing.as_of = '2026-07-02 10:00+00';
select billing.queue_usage_alerts('2026-07-02 10:00+00');
select is((select count(*) from public.deliveries where dedupe_key like 'held_windows:%'),
  2::bigint, 'operators are told by both ways');

-- A later version that says no less takes its place.
select is(pg_temp.push(pg_temp.window(2, 3)), '0 duplicate', 'stated right again');
select is(pg_temp.held(), '01 v2 03 v2 04 v2 05 v2', 'it waits no more');
select is(pg_temp.push(pg_temp.window(3, 3, '{"input_tokens": 10}')),
  '0 held less than what has been invoiced: an operator decides', 'a third version');
select is(pg_temp.held(), '01 v2 03 v3 04 v2 05 v2', 'takes the place of the second');

-- One decision releases, another refuses.
select throws_ok($$select billing.release_windows('plane', ' ')$$, 'PT400', null,
  'a release says why');
select is(billing.release_windows('plane', 'counted twice', array[(select h.log_id
  from billing.held_windows h join public.agent_usage_logs l on l.id = h.log_id
  where l."timestamp" = '2026-06-03 10:01+00')]), '{"released": 1, "kept": []}',
  'an operator releases one');
select is(pg_temp.tokens(), 5000::numeric, 'which is taken back');
select is(pg_temp.push(pg_temp.window(1, 2, '{"calls": 0}')), '0 duplicate',
  'and known to its source');
select is((select metadata ->> 'reason' from public.agent_usage_logs
  where metadata ->> 'retracts' = 'true' and "timestamp" = '2026-06-03 10:01+00'),
  'version 2 of source plane, released: counted twice', 'the correction says why');
select is(billing.refuse_windows('plane', array[(select h.log_id
  from billing.held_windows h join public.agent_usage_logs l on l.id = h.log_id
  where l."timestamp" = '2026-06-03 10:03+00')]), 1::bigint, 'or refuses it');
select is(pg_temp.push(pg_temp.window(3, 3, '{"input_tokens": 10}')), '0 conflict input_tokens',
  'pushed again it is a conflict');
select is(billing.release_windows('plane', 'right'), '{"released": 2, "kept": []}',
  'and the rest together');
select is(pg_temp.held(), null, 'nothing waits');
select is((select l.metadata - '{restates,reason,corrected_by}'::text[]
    from public.agent_usage_logs l where l."timestamp" = '2026-06-03 10:05+00'
      and l.metadata ? 'restates'), '{"cache_read_tokens": 1000}', 'counts of metadata too');
-- 10 calls less are 10.00 and 5.00, five pages 5.00, cached tokens 10.00: late lines credit 30.00,
-- but for the 1.00 of 100 tokens more.
select billing.run_monthly('2026-07-03 09:00+00');
select is((select sum(total_minor) from public.credit_notes), 2900::numeric,
  'then the run credits what was taken back');

-- What they are made of. Tokens of a cache are part of the input where the provider counts so.
select is(_billing.billed_units(l), v.units, 'of ' || v.model)
from (values ('m', '{"requests of standard": 10, "input_tokens of standard": 700,
    "output_tokens of standard": 20, "pages of standard": 5, "cache_read_tokens of standard": 300,
    "cache_write_tokens of standard": 100, "reasoning_tokens of standard": 30}'::jsonb),
  ('claude-sonnet', '{"requests of standard": 10, "input_tokens of standard": 1000,
    "output_tokens of standard": 20, "pages of standard": 5, "cache_read_tokens of standard": 300,
    "cache_write_tokens of standard": 100, "reasoning_tokens of standard": 30}'))
  v(model, units)
cross join lateral jsonb_populate_record(null::public.agent_usage_logs, jsonb_build_object(
  'model', v.model, 'calls', 10, 'input_tokens', 1000, 'output_tokens', 50, 'web_searches', 0,
  'other_features', '{"pages": 5, "none": 0}'::jsonb, 'metadata',
  '{"cache_read_tokens": 300, "cache_write_tokens": 100, "reasoning_tokens": 30}'::jsonb)) l;
select is(_billing.lowers_window(jsonb_populate_record(l, said), l), lower,
  format('%s: %s', l.model, said))
from (values
  ('m', '{"input_tokens": 1010, "metadata": {"cache_read_tokens": 305}}'::jsonb, false),
  ('m', '{"input_tokens": 1010, "metadata": {"cache_read_tokens": 320}}', true),
  ('m', '{"input_tokens": 1010, "metadata": {"cache_read_tokens": 299}}', true),
  ('claude-sonnet', '{"input_tokens": 1010, "metadata": {"cache_read_tokens": 5000}}', false),
  ('claude-sonnet', '{"metadata": {"cache_read_tokens": "x"}}', true)) v(model, said, lower)
cross join lateral jsonb_populate_record(null::public.agent_usage_logs, jsonb_build_object(
  'model', v.model, 'calls', 10, 'input_tokens', 1000, 'output_tokens', 0, 'web_searches', 0,
  'input_cost', 0, 'output_cost', 0, 'feature_cost', 0, 'total_cost', 0, 'other_features',
  '{}'::jsonb, 'metadata', '{"cache_read_tokens": 300}'::jsonb)) l;
select is(_billing.lowers_window(_billing.with_counts(l, _billing.window_counts(l) || said), l),
  lower, said::text)
from (select * from public.agent_usage_logs where "timestamp" = '2026-06-03 10:02+00') l
cross join (values ('{"total_cost": 0.5}'::jsonb, false), ('{"calls": 9}', true)) v(said, lower);
select * from finish();
rollback;

-- What the logs sum up to is what the view attributed_logs says of each of them, whatever it holds.
begin;
select plan(42);

insert into public.clients (id, name, external_id, started_on, time_zone) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-01-01', 'America/New_York'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', ' birch', '2026-01-01', 'Asia/Kathmandu'),
  ('00000000-0000-0000-0000-00000000000c', 'Cedar', 'CHIRON', '2026-01-01', 'Pacific/Kiritimati'),
  ('00000000-0000-0000-0000-00000000000d', 'Dune', null, '2026-01-01', 'UTC');
-- A zone that changed within the time of the logs.
delete from public.client_time_zones where client_id = '00000000-0000-0000-0000-00000000000d';
insert into public.client_time_zones (client_id, effective_from, time_zone, starts_at, ends_at)
values
  ('00000000-0000-0000-0000-00000000000d', '-infinity', 'UTC', '-infinity', '2026-06-11 00:00+00'),
  ('00000000-0000-0000-0000-00000000000d', '2026-06-11', 'Asia/Tokyo', '2026-06-11 00:00+00',
    'infinity');
insert into public.agent_assignments (agent, client_id, starts_at, ends_at) values
  ('SCHOLAR', '00000000-0000-0000-0000-00000000000a', '-infinity', '2026-06-10 23:59:59.5+00'),
  ('SCHOLAR', '00000000-0000-0000-0000-00000000000d', '2026-06-10 23:59:59.5+00', '2026-06-12'),
  ('acme', '00000000-0000-0000-0000-00000000000b', '-infinity', 'infinity'),
  -- Of nobody before, in between and after.
  ('RELAY', '00000000-0000-0000-0000-00000000000a', '2026-06-10 23:59:59.5+00', '2026-06-11'),
  ('RELAY', '00000000-0000-0000-0000-00000000000b', '2026-06-11 05:00+00', '2026-06-11 06:00+00');

-- Rows that no correction could be are summed alike as well.
alter table public.agent_usage_logs disable trigger refuse_correction;
alter table public.billing_settings disable trigger change_unit_limit;
-- Whatever may stand in a row, each with each; of 63,360 rows a fifth, drawn by their hash.
insert into public.agent_usage_logs (agent, model, metadata, "timestamp", client_id, corrects_id,
  other_features, input_tokens, output_tokens, web_searches, input_cost, output_cost, total_cost)
select agent, model, metadata || extra, at::timestamptz, id::uuid,
  case when n % 9 = 0 then gen_random_uuid() end, features,
  case when n % 9 = 0 then n % 7 - 3 else n % 4 end,
  case when n % 9 = 0 then n % 5 - 2 else n % 3 end,
  n % 2, 0.000001 * n, 0.25, 1.5 + 0.000003 * n
from (
  select *, row_number() over () as n
  from unnest('{SCHOLAR,CHIRON,acme}'::text[]) agent
  cross join unnest('{claude-sonnet,gpt-4o,gemini-1.5-pro,unheard-of}'::text[]) model
  cross join (values ('{}'::jsonb), ('{"client_id": "acme"}'), ('{"client_id": " acme "}'),
    ('{"client_id": " birch"}'), ('{"client_id": "CHIRON", "retracts": true}'),
    ('{"client_id": "CHIRON", "retracts": true, "negates": "x"}'),
    ('{"client_id": ""}'), ('{"client_id": "  "}'), ('{"client_id": null}'),
    ('{"client_id": 7}'), ('{"client_id": "nobody"}')) m(metadata)
  cross join (values ('{}'::jsonb), ('{"batch": true}'), ('{"batch": "true"}'),
    ('{"cache_read_tokens": 2}'), ('{"cache_read_tokens": 1.5, "reasoning_tokens": 1}'),
    ('{"cache_write_tokens": 3, "reasoning_tokens": 9, "batch": true}'),
    ('{"cache_read_tokens": null}'), ('{"cache_read_tokens": -1}'), ('{"reasoning_tokens": "2"}'),
    ('{"cache_write_tokens": 1234567890123456789012345678901}'), ('{"counting": "both"}'),
    ('{"cache_read_tokens": 1, "cache_write_tokens": 1.5, "counting": "inclusive"}'),
    ('{"cache_write_tokens": 1, "reasoning_tokens": 1, "counting": "exclusive", "batch": true}'),
    ('{"cache_read_tokens": 2, "counting": null}'), ('{"service_tier": "priority"}'),
    ('{"cache_read_tokens": 2, "speed": "fast", "inference_geo": "us"}')) x(extra)
  cross join (values ('2026-06-10 23:59:59.4+00'), ('2026-06-10 23:59:59.5+00'),
    ('2026-06-11 03:59:59+00'), ('infinity'), ('1969-12-31 23:59:59+00')) t(at)
  cross join (values (null), ('00000000-0000-0000-0000-00000000000d'),
    ('00000000-0000-0000-0000-0000000000ff')) i(id)
  cross join (values ('{}'::jsonb), ('{"pages": 2, "input_audio_tokens": 1}')) f(features)
) rows where hashint8(n) % 5 = 0;
-- Agents that are assigned for a part of the time, or never; one has the empty name.
insert into public.agent_usage_logs (agent, model, "timestamp", input_tokens)
select agent, 'gpt-4o', at::timestamptz, 3
from unnest('{RELAY,SCHOLAR,CHIRON,""}'::text[]) agent
cross join unnest('{2026-06-10 23:59:59.4+00,2026-06-10 23:59:59.5+00,2026-06-11 00:00+00,
  2026-06-11 05:00+00,2026-06-11 06:00+00,2026-06-13 00:00+00}'::text[]) at;
insert into public.agent_usage_logs (agent, model, metadata, other_features, "timestamp")
select 'SCHOLAR', 'claude-sonnet', m, f, '2026-06-11 12:00+00'
from (values ('{}'::jsonb), ('[]'), ('["cache_read_tokens", {"batch": true}]'),
  ('"cache_read_tokens"'), ('["counting"]'), ('"counting"'), ('7'), ('null')) m(m)
cross join (values ('{}'::jsonb), ('[]'), ('"text"'), ('null'), ('{"pages": 1}'),
  ('{"pages": 1.0000000000000000000000000000000000}'), ('{"pages": "1"}'), ('{"requests": 1}'),
  ('{"pages": 9e131071}'), ('{"a\tb": 1}'),
  ((select jsonb_object_agg('f' || n, 1) from generate_series(1, 51) n))) f(f);

create temporary table marks as
select w as before, _billing.watermark_now(w) as now from billing.usage_watermark w;
-- The sums as the view says them, row by row.
create function pg_temp.viewed(since billing.usage_watermark, upto billing.usage_watermark)
returns table (client_id uuid, reason text, usage_day date, model text, metric text,
  rate_class text, agent text, quantity numeric, provider_cost numeric, log_count bigint)
language sql set jit = off as $$
  with scope as not materialized (
    select l.* from billing.attributed_logs l
    where l.stored_by >= pg_snapshot_xmin(since.snapshot)
      and not _billing.is_counted(
        l.stored_by, l.seq, since.snapshot, since.own_transaction, since.own_seq)
      and _billing.is_counted(
        l.stored_by, l.seq, upto.snapshot, upto.own_transaction, upto.own_seq)
  ), sums as (
    select l.client_id, l.reason, l.usage_day, l.model, l.agent, l.rate_class, l.is_unmapped,
      count(*) as logs, sum(l.requests) as requests, sum(l.total_cost) as total_cost,
      sum(l.input) as input, count(*) filter (where l.input <> 0) as input_logs,
      sum(l.input_cost) filter (where l.input <> 0) as input_cost,
      sum(l.output) as output, count(*) filter (where l.output <> 0) as output_logs,
      sum(l.output_cost) filter (where l.output <> 0) as output_cost,
      sum(l.cache_read) as cache_read, count(*) filter (where l.cache_read <> 0) as read_logs,
      sum(l.cache_write) as cache_write, count(*) filter (where l.cache_write <> 0) as write_logs,
      sum(l.reasoning) as reasoning, count(*) filter (where l.reasoning <> 0) as reasoning_logs,
      sum(l.web_searches) as searches, count(*) filter (where l.web_searches <> 0) as search_logs
    from scope l
    group by l.client_id, l.reason, l.usage_day, l.model, l.agent, l.rate_class, l.is_unmapped
  ), metrics as (
    select s.client_id, s.reason, s.usage_day, s.model,
      concat(case when s.is_unmapped and m.token then 'unmapped_' end, m.metric) as metric,
      case when m.token then s.rate_class else 'standard' end as rate_class, s.agent,
      m.quantity, m.cost, m.logs
    from sums s cross join lateral (values
      ('input_tokens', true, s.input, s.input_cost, s.input_logs),
      ('output_tokens', true, s.output, s.output_cost, s.output_logs),
      ('cache_read_tokens', true, s.cache_read, 0, s.read_logs),
      ('cache_write_tokens', true, s.cache_write, 0, s.write_logs),
      ('reasoning_tokens', true, s.reasoning, 0, s.reasoning_logs),
      ('web_searches', false, s.searches, 0, s.search_logs),
      ('requests', false, s.requests,
        s.total_cost - coalesce(s.input_cost, 0) - coalesce(s.output_cost, 0), s.logs)
    ) m(metric, token, quantity, cost, logs)
    where m.logs > 0
    union all
    select l.client_id, l.reason, l.usage_day, l.model, o.key,
      case when o.key = 'input_audio_tokens' then l.rate_class else 'standard' end, l.agent,
      o.value::text::numeric, 0, 1
    -- The case keeps jsonb_each from rows that it would fail on, in whatever order it is planned.
    from scope l cross join lateral jsonb_each(
      case when l.reason is null then l.other_features else '{}' end) o
    where l.other_features <> '{}' and o.value <> '0'
  )
  select m.client_id, m.reason, m.usage_day, m.model, m.metric, m.rate_class, m.agent,
    sum(m.quantity), sum(m.cost), sum(m.logs)::bigint
  from metrics m
  group by m.client_id, m.reason, m.usage_day, m.model, m.metric, m.rate_class,
    m.agent;
$$;
create function pg_temp.same(what text) returns setof text language sql as $$
  select set_eq(
    'select (s.client_id, s.usage_day, s.model, s.metric, s.rate_class, s.agent,
        s.quantity, s.provider_cost, s.log_count)::text
      from marks m, _billing.sum_logs(m.before, m.now) s where s.reason is null',
    'select (s.client_id, s.usage_day, s.model, s.metric, s.rate_class, s.agent,
        s.quantity, s.provider_cost, s.log_count)::text
      from marks m, pg_temp.viewed(m.before, m.now) s where s.reason is null',
    what || ': the same usage, digit by digit')
  union all
  select set_eq(
    'select s.reason, s.agent, sum(s.log_count)
      from marks m, _billing.sum_logs(m.before, m.now) s
      where s.reason is not null and s.metric = ''requests'' group by 1, 2',
    'select s.reason, s.agent, sum(s.log_count)
      from marks m, pg_temp.viewed(m.before, m.now) s
      where s.reason is not null and s.metric = ''requests'' group by 1, 2',
    what || ': as many rows for each reason');
$$;

select is((select array_agg(distinct s.reason order by s.reason)
    from marks m, _billing.sum_logs(m.before, m.now) s),
  '{invalid_feature,invalid_metadata,invalid_timestamp,no_client,too_many_features,
    unknown_client,null}',
  'rows of every kind are there');
select pg_temp.same('without a default client');
update public.billing_settings set default_client_id = '00000000-0000-0000-0000-00000000000d';
select pg_temp.same('with one');
update public.providers set cache_read_within_input = not cache_read_within_input,
  cache_write_within_input = not cache_write_within_input,
  reasoning_within_output = not reasoning_within_output;
select pg_temp.same('providers that count the other way round');
update public.models set long_context_above = 2 where id in ('claude-sonnet', 'gpt-4o');
update public.models set long_context_above = 1, long_context_2_above = 2,
  long_context_3_above = 3 where id = 'gemini-1.5-pro';
select pg_temp.same('with calls that are long');
-- Rows of one transaction are told apart by their sequence number.
update marks set before.own_transaction = (now).own_transaction,
  before.own_seq = (now).own_seq - 1000;
select pg_temp.same('of a part of the rows');
-- Rows that are held, for whom they are or for another by now; a correction goes with its row.
insert into billing.held_logs (log_id, client_id, usage_day)
select coalesce(case when hashint8(seq) % 2 = 0 then corrects_id end, id),
  case when seq % 3 = 0 then '00000000-0000-0000-0000-00000000000a'
    else '00000000-0000-0000-0000-00000000000d' end::uuid, '2026-06-10'
from public.agent_usage_logs where seq % 4 = 0 or corrects_id is not null;
select pg_temp.same('with rows that are held');
select ok(exists (select from marks m, _billing.sum_logs(m.before, m.now) s
  where s.reason = 'too_many_keys'), 'of which there are some');
-- Few units: rows of several calls may have as many times more, up to 1,000, features and all.
update public.billing_settings set max_units_per_event = 1;
insert into public.agent_usage_logs (agent, model, input_tokens, calls, other_features, metadata,
  "timestamp", client_id)
select 'SCHOLAR', 'claude-sonnet', tokens, calls, features, metadata, '2026-06-11 12:00+00',
  '00000000-0000-0000-0000-00000000000d'
from unnest('{1,2,1000,1001}'::bigint[]) tokens
cross join unnest('{1,2,1000,1500}'::bigint[]) calls
cross join (values ('{}'::jsonb), ('{"pages": 1}'), ('{"pages": 2}'), ('{"pages": 1000}'),
    ('{"pages": 1000.5}'))
  f(features)
cross join (values ('{}'::jsonb), ('{"cache_read_tokens": 2}'), ('{"cache_read_tokens": 1000}'),
    ('{"cache_read_tokens": 1001}'))
  m(metadata);
update marks set now = _billing.watermark_now(before);
select pg_temp.same('with few units');
select ok(exists (select from marks m, _billing.sum_logs(m.before, m.now) s
  where s.reason = 'too_many_units'), 'of which there are too many');
update billing.usage_watermark set kept_from = '2026-06-11 00:00+00';
select pg_temp.same('of a time whose logs are gone');

select is(_billing.token_count('{"a": 1.5, "b": null, "c": "1"}', key), value,
    format('%s is %s', key, coalesce(value::text, 'absent')))
from (values ('a', 1.5), ('b', 0), ('c', 'NaN'), ('d', null)) v(key, value);
select is(billing.feature_reason(features), reason, features::text)
from (values ('{"pages": 1}'::jsonb, null), ('[1]', 'invalid_feature'),
  ('{"requests": 1}', 'invalid_feature'),
  ('{"a\u007fb": 1}', 'invalid_feature')) v(features, reason);

-- What they are made of.
select is(_billing.time_reason(at::timestamptz, '2026-06-10 12:00+00', '2026-06-01'), reason,
    format('%s: %s', at, coalesce(reason, 'can be billed')))
from (values ('1969-12-31 23:59:59+00', 'invalid_timestamp'), ('2026-05-31', 'before_retention'),
  ('2026-06-11 12:00+00', null), ('2026-06-11 12:00:01+00', 'future_timestamp')) v(at, reason);
select is(_billing.local_day('2026-06-10 23:30+00', zone), day::date, 'the day in ' || zone)
from (values ('UTC', '2026-06-10'), ('Asia/Tokyo', '2026-06-11')) v(zone, day);
select is(array[_billing.part_within(9, 4, counting, false),
    _billing.own_part(9, 4, counting, false),
    _billing.cache_within(counting, 3, false, 4, true),
    _billing.whole_input(10, '{"input_audio_tokens": 5}', counting, 3, false, 4, true)],
  expected::numeric[], 'counting ' || coalesce(counting, 'as the provider does'))
from (values ('inclusive', '{4,4,7,15}'), ('exclusive', '{0,9,0,22}'), (null, '{0,9,4,18}'))
  v(counting, expected);
select is(_billing.counts_are_invalid(counting, negates, read, 0, null), invalid,
  format('%s, %s, %s', counting, negates, read))
from (values (null, false, 1, false), (null, false, -1, true), (null, true, -1, false),
  ('invalid', false, 1, true)) v(counting, negates, read, invalid);
select set_eq(
  'select client_id, starts_at, ends_at
    from _billing.log_owners(''00000000-0000-0000-0000-00000000000c'') where reference = ''RELAY''',
  $$values
    ('00000000-0000-0000-0000-00000000000c'::uuid, '-infinity'::timestamptz,
      '2026-06-10 23:59:59.5+00'::timestamptz),
    ('00000000-0000-0000-0000-00000000000a', '2026-06-10 23:59:59.5+00', '2026-06-11'),
    ('00000000-0000-0000-0000-00000000000c', '2026-06-11', '2026-06-11 05:00+00'),
    ('00000000-0000-0000-0000-00000000000b', '2026-06-11 05:00+00', '2026-06-11 06:00+00'),
    ('00000000-0000-0000-0000-00000000000c', '2026-06-11 06:00+00', 'infinity')$$,
  'while an agent is not assigned, its logs are the default client''s');
select is((select sum(g.logs) from marks m,
    _billing.log_groups(m.before, m.now, '-infinity', 'infinity', null) g),
  (select count(*)::numeric from marks m, _billing.new_logs(m.before, m.now, '-infinity',
    'infinity', null, '{}', '1970-01-01')), 'each new log is in one group');

select * from finish();
rollback;

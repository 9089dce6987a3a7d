-- Batches of events: each with its own result, each id stored once, nothing merged.
begin;
select plan(11);

create function pg_temp.ingest(events jsonb) returns text language sql as $$
  select string_agg(concat_ws(' ', i.index, i.result, i.detail), '; ' order by i.index)
  from billing.ingest_usage(events) i;
$$;

select is(pg_temp.ingest('[]'), null, 'an empty batch has no results');
select is(pg_temp.ingest('[{"agent": "A", "model": "m"}, {"agent": "A", "model": "m"}]'),
  '0 inserted; 1 inserted', 'events without ids are all stored');
select is(pg_temp.ingest('[
    {"id": "00000000-0000-0000-0000-000000000001", "agent": "A", "model": "m", "input_tokens": 5,
     "input_cost": 0.1234567, "timestamp": "2026-06-03T14:21:07.123456"},
    {"id": "00000000-0000-0000-0000-000000000001", "agent": "A", "model": "m", "input_tokens": 5,
     "input_cost": 0.1234567, "timestamp": "2026-06-03T14:21:07.123456"},
    {"id": "00000000-0000-0000-0000-000000000001", "agent": "B", "model": "m",
     "input_tokens": 6}]'),
  '0 inserted; 1 duplicate; 2 conflict agent, input_tokens',
  'of one id the first is stored; equal content after rounding is a duplicate, other a conflict');
select results_eq($$select agent, input_tokens, input_cost,
    to_char("timestamp" at time zone 'UTC', 'HH24:MI:SS.US') from public.agent_usage_logs
    where id = '00000000-0000-0000-0000-000000000001'$$,
  $$values ('A', 5::bigint, 0.123457, '14:21:07.123456')$$,
  'a conflict changes nothing; a time without zone is UTC');
select is(pg_temp.ingest('[{"id": "00000000-0000-0000-0000-000000000001", "agent": "A",
    "model": "m"}]'), '0 duplicate', 'only what an event says is compared');
set local timezone = 'Asia/Tokyo';
select is(pg_temp.ingest('[{"id": "00000000-0000-0000-0000-000000000001", "agent": "A",
    "model": "m", "timestamp": "2026-06-03T14:21:07.123456"}]'), '0 duplicate',
  'a time without a zone is the same in any session''s zone');
select matches(pg_temp.ingest('[{"agent": "A", "model": "m"},
    {"agent": "A", "model": "m", "input_tokens": -1},
    {"agent": "A", "model": "m", "total_cost": 123456},
    {"agent": "A"},
    {"agent": "A", "model": "m"}]'),
  '^0 inserted; 1 invalid input_tokens is -1.*; 2 invalid numeric.*; 3 invalid null.*; 4 inserted$',
  'an event that the table refuses is invalid and loses none of the others');
select is(pg_temp.ingest('[{"agent": "A", "model": "m"},
    {"agent": "A", "model": "m", "corrects_id": "00000000-0000-0000-0000-000000000001"},
    {"agent": "A", "model": "m", "corrects_id": null}]'),
  '0 inserted; 1 invalid corrects_id cannot be sent: an operator calls billing.correct_log or '
    || 'billing.retract_log; 2 inserted', 'no event corrects a log');
select throws_ok($$select billing.refuse_corrections('[{"corrects_id": "x"}]')$$, 'PT400', null,
  'it is refused by a code of its own');
set local role service_role;
select is(pg_temp.ingest('[{"agent": "A", "model": "m"}]'), '0 inserted',
  'the service role may ingest');
set local role authenticated;
select throws_ok($$select * from billing.ingest_usage('[]')$$, '42501', null,
  'a signed-in user may not');

select * from finish();
rollback;

-- What the HTTP functions call: events stored once, keys taken once, months found.
begin;
select plan(17);

-- Events.
select results_eq($$select billing.insert_events('[
    {"index": 0, "id": "00000000-0000-4000-8000-000000000001",
      "event": {"agent": "S", "model": "m", "input_tokens": 5}},
    {"index": 1, "id": "00000000-0000-4000-8000-000000000001",
      "event": {"agent": "S", "model": "m", "input_tokens": 6}},
    {"index": 2, "id": "00000000-0000-4000-8000-000000000002",
      "event": {"agent": "S", "model": "m", "timestamp": "2026-06-03T10:00:00"}}]')$$,
  $$values ('{0,2}'::integer[])$$, 'of two with one id the first is stored');
select is(billing.insert_events('[{"index": 7, "id": "00000000-0000-4000-8000-000000000001",
  "event": {"agent": "S", "model": "m"}}]'), '{}', 'one that is stored is not stored again');
select results_eq('select input_tokens, output_tokens, "timestamp" from public.agent_usage_logs
    order by id', $$values (5::bigint, 0::bigint, now()),
    (0, 0, '2026-06-03 10:00+00'::timestamptz)$$,
  'absent fields have their defaults; a time without a zone is UTC');
select results_eq($$
  select billing.event_differences(l, e) from public.agent_usage_logs l
  cross join unnest(array['{"agent": "S"}', '{"input_tokens": 5, "total_cost": "0"}',
    '{"input_tokens": 6, "model": "n", "agent": "S"}', '{"timestamp": "2026-06-03T12:00:00+02:00"}',
    '{}']::jsonb[]) with ordinality x(e, n)
  where l.input_tokens = case n when 4 then 0 else 5 end order by n$$,
  $$values (null), (null), ('input_tokens, model'), (null), (null)$$,
  'an event differs in what it says, as it would be stored');

-- Idempotency keys.
create function pg_temp.claim(key text, operation text default 'POST /x', hash text default 'h',
  actor text default 'ada') returns text language sql as $$
  select concat_ws(' ', is_new, same_request, coalesce(status::text, '-'), coalesce(answer::text,
    '-')) from billing.claim_idempotency_key(actor, key, operation, hash);
$$;
select is(pg_temp.claim('k'), 't t - -', 'a key is taken');
update billing.idempotency_keys set status = 201, answer = '{"id":1}';
select is(pg_temp.claim('k'), 'f t 201 {"id":1}', 'and then answers as it did');
select is(pg_temp.claim('k', 'POST /y'), 'f f 201 {"id":1}',
  'another operation is another request');
select is(pg_temp.claim('k', 'POST /x', 'other'), 'f f 201 {"id":1}', 'so is another body');
select is(pg_temp.claim('k', 'POST /x', 'h', 'bob'), 't t - -',
  'another caller has keys of its own');
update billing.idempotency_keys set created_at = now() - interval '8 days' where actor = 'ada';
select is(pg_temp.claim('k'), 't t - -', 'after a week a key is new');

-- Months.
insert into public.clients (id, name, started_on, billing_anchor_day) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01', 1),
  ('00000000-0000-0000-0000-00000000000b', 'Mid', '2026-05-31', 31);
set local billing.as_of = '2026-07-10';
create function pg_temp.month(client text, month date) returns text language sql as $$
  select (t).period_start || ' ' || (t).period_end
  from public.clients c cross join lateral _billing.period_of_month(c.id, month) t
    where c.name = $1;
$$;
select is(pg_temp.month('Acme', '2026-06-20'), '2026-06-01 2026-07-01',
  'a month is the period that begins in it');
select is(pg_temp.month('Mid', '2026-06-01'), '2026-06-30 2026-07-31',
  'on the anchor day, or the last that the month has');
insert into public.billing_periods (client_id, period_start, period_end, full_days)
values ('00000000-0000-0000-0000-00000000000a', '2026-05-20', '2026-06-10', 30);
select is(pg_temp.month('Acme', '2026-06-01'), '2026-05-20 2026-06-10',
  'a period that is on record is as it is there');
select throws_ok($$select _billing.period_of_month('00000000-0000-0000-0000-0000000000ff',
  '2026-06-01')$$, 'PT404', null, 'of nobody there is none');
delete from public.billing_periods;

-- Counting on demand.
select is(billing.count_usage(), 2::bigint, 'the logs that have arrived are counted');
select is(billing.count_usage(), 0::bigint, 'logs are counted once');
set local role service_role;
select is(billing.count_usage(), 0::bigint, 'by the service role too');

select * from finish();
rollback;

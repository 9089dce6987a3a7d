-- Features are names that agents choose: a row may bring fifty, a client's day so many keys of
-- usage. Rows beyond it wait in quarantine, whole; a rebuild decides as the rollup did.
begin;
select plan(24);

insert into public.clients (id, name, external_id, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', 'birch', '2026-06-01');
create function pg_temp.features(first integer, last integer) returns jsonb language sql as $$
  select jsonb_object_agg('f' || lpad(n::text, 3, '0'), 1) from generate_series(first, last) n;
$$;
create function pg_temp.log(of_agent text, features jsonb,
  at timestamptz default '2026-06-10 12:00+00', client text default 'acme')
returns uuid language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, metadata, other_features,
    "timestamp")
  values (of_agent, 'claude-sonnet', 1, jsonb_build_object('client_id', client), features, at)
  returning id;
$$;
create function pg_temp.held() returns text[] language sql as $$
  select array_agg(agent order by agent) from billing.quarantined_logs
  where reason = 'too_many_keys';
$$;

-- A row.
select is(billing.feature_reason(pg_temp.features(1, 50)), null, 'fifty features are taken');
select is(billing.feature_reason(pg_temp.features(1, 51)), 'too_many_features',
  'fifty-one features are too many');
select is(billing.feature_reason(jsonb_build_object('a' || chr(code) || 'b', 1)), reason,
  'character ' || code)
from (values (10, 'invalid_feature'), (127, 'invalid_feature'), (133, 'invalid_feature'),
  (160, null), (228, null)) v(code, reason);
select pg_temp.log('FLOOD', pg_temp.features(1, 51));
select _billing.rollup();
select results_eq('select agent, reason from billing.quarantined_logs',
  $$values ('FLOOD', 'too_many_features')$$, 'a row with more is quarantined');
select is_empty('select * from public.usage_records', 'as a whole');

-- A client's day: at most 12 keys. Each call has input_tokens and requests, two keys.
update public.billing_settings set max_usage_keys_per_day = 12;
select pg_temp.log('A', pg_temp.features(1, 5));   -- 7 keys
select pg_temp.log('B', pg_temp.features(1, 3));   -- 12
select pg_temp.log('C', '{}');                     -- 14: too many
select pg_temp.log('A', pg_temp.features(5, 6));   -- 13: too many, though 6 of 7 names are known
select pg_temp.log('A', pg_temp.features(2, 4));   -- none that is new
select pg_temp.log('C', '{}', '2026-06-11 12:00+00');
select pg_temp.log('C', '{}', client => 'birch');
select is(_billing.rollup(), 7::bigint, 'every row is dealt with');
create view pg_temp.used as
select r.usage_day, c.external_id, r.agent, count(*)::integer as keys,
  sum(r.quantity) filter (where r.metric = 'requests') as calls
from public.usage_records r join public.clients c on c.id = r.client_id
group by r.usage_day, c.external_id, r.agent order by 1, 2, 3;
create temporary table expected as select * from (values
  ('2026-06-10'::date, 'acme', 'A', 7, 2::numeric), ('2026-06-10', 'acme', 'B', 5, 1),
  ('2026-06-10', 'birch', 'C', 2, 1), ('2026-06-11', 'acme', 'C', 2, 1))
  v(usage_day, external_id, agent, keys, calls);
select results_eq('select * from pg_temp.used', 'select * from expected',
  'keys in order of arrival up to the bound; known keys go on; other days, other clients as well');
select is(pg_temp.held(), '{A,C}', 'rows that bring more wait in quarantine, each as a whole');
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');
select pg_temp.log('A', '{}'), pg_temp.log('D', '{}');
select _billing.rollup();
select is(pg_temp.held(), '{A,C,D}', 'the next rollup goes on from there');
update expected set calls = 3 where agent = 'A';
select set_eq('select * from pg_temp.used', 'select * from expected', 'and counts what is known');

-- Nothing is held where nothing new lies between two watermarks.
select _billing.hold_logs(w, w, array[('00000000-0000-0000-0000-00000000000a', '2026-06-10', 0)
  ::_billing.crowded_day]) from billing.usage_watermark w;
select is((select count(*) from billing.held_logs), 3::bigint, 'counted rows are not held again');

-- What was decided stays so.
create temporary table known as select md5(string_agg((r.*)::text, '|' order by r.*::text))
  || (select md5(string_agg((q.*)::text, '|' order by q.log_id)) from billing.quarantined_logs q)
  as print from public.usage_records r;
create function pg_temp.print() returns text language sql as $$
  select md5(string_agg((r.*)::text, '|' order by r.*::text))
    || (select md5(string_agg((q.*)::text, '|' order by q.log_id)) from billing.quarantined_logs q)
  from public.usage_records r;
$$;
select billing.rebuild_usage();
select is(pg_temp.print(), (select print from known), 'rebuilt it is the same bit for bit');
delete from public.usage_records;
select billing.rebuild_usage();
select is(pg_temp.print(), (select print from known), 'also from nothing');
update billing.usage_watermark set system_identifier = system_identifier + 1;
select _billing.rollup();
select is(pg_temp.print(), (select print from known), 'also where it was restored');

-- A retraction of what waits waits with it; nothing goes below zero.
select billing.retract_log((select id from public.agent_usage_logs where agent = 'D'), 'twice');
select _billing.rollup();
select is(pg_temp.held(), '{A,C,D,D}', 'the mirror of a held row is held with it');

-- Usage that comes to a client by an assignment is bounded like any other.
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
values ('LATE', 'claude-sonnet', 1, '2026-06-10 12:00+00');
select _billing.rollup();
insert into public.agent_assignments (agent, client_id)
values ('LATE', '00000000-0000-0000-0000-00000000000a');
select _billing.rollup();
select is(pg_temp.held(), '{A,C,D,D,LATE}',
  'rows released by an assignment may be held by the limit');

-- One message a day, then an operator raises the bound.
select billing.queue_usage_alerts(now()), billing.queue_usage_alerts(now());
select is((select array_agg(payload ->> 'message') from public.deliveries
    where dedupe_key like 'too\_many\_keys:%' and kind = 'hermes'),
  array['4 log rows would take clients beyond 12 keys of usage in a day and wait in quarantine: '
    'Acme on 2026-06-10 (4). If they are meant, raise billing_settings.max_usage_keys_per_day, '
    'then select billing.release_held_logs().'], 'one message says where');
update public.billing_settings set max_usage_keys_per_day = 100;
select is(billing.release_held_logs(), 4::bigint, 'released, they are counted');
select _billing.rollup();
select ok(pg_temp.held() is null
  and (select count(*) from pg_temp.used where usage_day = '2026-06-10' and external_id = 'acme')
    = 5, 'nothing of them is lost');

select * from finish();
rollback;

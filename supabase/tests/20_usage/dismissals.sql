-- Usage dated in the future waits in quarantine; rows in quarantine can be dismissed, and then
-- block nothing; a corrected row leaves by itself.
begin;
select plan(36);

insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01');
create function pg_temp.id(n integer) returns uuid language sql as
  $$select ('00000000-0000-4000-8000-0000000013' || lpad(n::text, 2, '0'))::uuid$$;
create function pg_temp.log(n integer, claim text, at timestamptz, arrived timestamptz,
  extra jsonb default '{}') returns void language sql as $$
  insert into public.agent_usage_logs (id, agent, model, web_searches, metadata, "timestamp",
    created_at)
  values (pg_temp.id(n), 'A' || n, 'claude-sonnet', n, jsonb_build_object('client_id', claim)
    || extra, at, arrived);
$$;
create view pg_temp.searches as select usage_day, quantity from public.usage_records
where metric = 'web_searches' order by 1, 2;
create view pg_temp.agrees as select * from billing.usage_discrepancies()
union all select null, null, null, null, null, l.agent, null, null from billing.attributed_logs l
left join billing.quarantined_logs q on q.log_id = l.id
where l.reason is distinct from q.reason;

-- A day ahead is a clock or a zone that is wrong, more is a mistake.
select pg_temp.log(1, 'acme', '2026-06-11 12:00+00', '2026-06-10 12:00+00');
select pg_temp.log(2, 'acme', '2026-06-11 12:00:01+00', '2026-06-10 12:00+00');
select pg_temp.log(3, 'acme', '2062-06-10 12:00+00', '2026-06-10 12:00+00');
select pg_temp.log(4, 'acme', '2026-07-10 12:00+00', '2026-06-10 12:00+00');
select _billing.rollup();
select results_eq('select * from pg_temp.searches', $$values ('2026-06-11'::date, 1::numeric)$$,
  'usage dated a day ahead is counted, later usage is not');
select results_eq($$select agent, first_day from billing.quarantine
    where reason = 'future_timestamp' order by agent$$,
  $$values ('A2', '2026-06-11'::date), ('A3', '2062-06-10'), ('A4', '2026-07-10')$$,
  'it waits in quarantine');
select is_empty('select * from pg_temp.agrees', 'logs, records and quarantine agree');

select matches(message, '^3 calls are dated more than a day after they arrived and are not billed: '
  || 'A2 \(1\), A3 \(1\), A4 \(1\). Mend',
  'the notice names the calls and their agents') from _billing.future_notice();
select billing.queue_usage_alerts('2026-06-12 12:00+00');
select billing.queue_usage_alerts('2026-06-13 12:00+00');
select is((select count(*) from public.deliveries where dedupe_key like 'future:%'), 1::bigint,
  'operators are told of it, once');

-- Retracted, or corrected, such a row is done with.
select is(billing.retract_log(pg_temp.id(3), 'a wrong clock'), null,
  'nothing was counted, nothing is taken back');
select is_empty($$select * from billing.quarantine where agent = 'A3'$$,
  'but what is retracted has left the quarantine');
select results_eq($$select log_id, reason, why from billing.dismissed_quarantine$$,
  $$values (pg_temp.id(3), 'future_timestamp', 'corrected: a wrong clock')$$,
  'and stands among what was dismissed');
select pg_temp.log(5, 'acme', '2026-06-12 12:00+00', '2026-06-12 12:00+00',
  '{"cache_read_tokens": "many"}');
select _billing.rollup();
select is((select reason from billing.quarantine where agent = 'A5'), 'invalid_metadata',
  'a row that cannot be read');
select isnt(billing.correct_log(pg_temp.id(5), '{"cache_read_tokens": 0}', 'no number'), null,
  'an unreadable row is corrected');
select _billing.rollup();
select is_empty($$select * from billing.quarantine where agent = 'A5'$$,
  'a corrected row leaves quarantine');
select results_eq('select * from pg_temp.searches',
  $$values ('2026-06-11'::date, 1::numeric), ('2026-06-12', 5)$$,
  'the row that restates a dismissed log counts');
select ok(_billing.is_uncountable(l), 'the row itself never does') from public.agent_usage_logs l
where l.id = pg_temp.id(5);
select ok(not _billing.is_uncountable(l), 'as others do') from public.agent_usage_logs l
where l.id = pg_temp.id(1);
select lives_ok($$select _billing.dismiss_uncountable(l, 'x') from public.agent_usage_logs l
  where l.id = pg_temp.id(1)$$, 'a countable log is not dismissed by its correction');
select is_empty($$select * from billing.dismissed_logs where log_id = pg_temp.id(1)$$, 'it is not');

-- Dismissed by hand.
select throws_ok($$select billing.dismiss_quarantined(' ', reason => 'no_client')$$, 'PT400', null,
  'a dismissal needs a reason');
select throws_ok($$select billing.dismiss_quarantined('a test')$$, 'PT400', null,
  'and something to dismiss');
select pg_temp.log(6, 'birch', '2026-06-13 12:00+00', '2026-06-13 12:00+00');
select pg_temp.log(7, 'birch', '2026-06-14 12:00+00', '2026-06-14 12:00+00');
select pg_temp.log(8, 'birch', '2026-06-15 12:00+00', '2026-06-15 12:00+00');
select _billing.rollup();
select billing.correct_log(pg_temp.id(8), '{"web_searches": 80}', 'counted wrong');
select is(billing.dismiss_quarantined('a trial', reason => 'unknown_client', agent => 'A6'),
  1::bigint, 'by its agent and reason');
select is(billing.dismiss_quarantined('a trial', reason => 'unknown_client', agent => 'A6'),
  0::bigint, 'a row is dismissed once');
select is(billing.dismiss_quarantined('a trial', log_ids => array[pg_temp.id(8)]), 3::bigint,
  'with what corrects it');
select is(billing.dismiss_quarantined('never', model => 'claude-sonnet',
  before => '2026-06-12 00:00+00'), 1::bigint, 'by its model and time');
select is(billing.dismiss_quarantined('not mine', log_ids => array[pg_temp.id(1)]), 0::bigint,
  'a counted log cannot be dismissed');
select results_eq('select agent, reason from billing.quarantine order by agent',
  $$values ('A4', 'future_timestamp'), ('A7', 'unknown_client')$$, 'the others stay');
select results_eq($$select a.actor = billing.actor(), a.after ->> 'why' from billing.audit_log a
    where a.table_name = 'dismissed_logs' and a.row_id = pg_temp.id(6)::text$$,
  $$values (true, 'a trial')$$, 'the audit trail says who and why');

-- Whatever becomes of their client.
insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000b', 'Birch', 'birch', '2026-06-01');
select _billing.rollup();
select results_eq('select * from pg_temp.searches', $$values ('2026-06-11'::date, 1::numeric),
    ('2026-06-12', 5), ('2026-06-14', 7)$$, 'a client that comes gets what was not dismissed');
select is_empty('select * from pg_temp.agrees', 'logs, records and quarantine agree');
select billing.rebuild_usage();
select results_eq('select * from pg_temp.searches', $$values ('2026-06-11'::date, 1::numeric),
    ('2026-06-12', 5), ('2026-06-14', 7)$$, 'also after a rebuild');
select is((select reason from billing.dismissed_quarantine where log_id = pg_temp.id(6)),
  'dismissed', 'they could be billed, but were dismissed');
select isnt(billing.correct_log(pg_temp.id(6), '{"web_searches": 60}', 'a customer'), null,
  'one that is corrected is billed as it was corrected');
select _billing.rollup();
select results_eq($$select * from pg_temp.searches where usage_day = '2026-06-13'$$,
  $$values ('2026-06-13'::date, 60::numeric)$$, 'nothing is taken back that was not counted');

-- Taken back.
select is(billing.reinstate_dismissed(array(select l.id from public.agent_usage_logs l
  where pg_temp.id(8) in (l.id, l.corrects_id))), 3::bigint, 'a dismissal can be taken back');
select _billing.rollup();
select results_eq($$select * from pg_temp.searches where usage_day = '2026-06-15'$$,
  $$values ('2026-06-15'::date, 80::numeric)$$, 'then it counts');
select is_empty('select * from pg_temp.agrees', 'logs, records and quarantine agree');
select cron.alter_job(jobid, active := true) from cron.job where jobname = 'billing-quarantine';
update billing.job_definitions set created_at = now();
select is((select state from billing.health where part = 'quarantine'), 'broken',
  'health tells of what is left alone');
select billing.dismiss_quarantined('a wrong clock', reason => 'future_timestamp');
select is((select state from billing.health where part = 'quarantine'), 'fine',
  'and not of what was dismissed');

select * from finish();
rollback;

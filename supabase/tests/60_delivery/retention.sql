-- Logs leave the table only exported, billed and agreed; the others are counted as before.
begin;
select plan(41);

insert into public.clients (id, name, external_id, started_on) values
  ('00000000-0000-4000-8000-000000006501', 'Acme', 'acme-65', '2025-01-01');
insert into public.agent_usage_logs (id, agent, model, input_tokens, "timestamp", metadata)
select ('00000000-0000-4000-8000-0000000065' || lpad((n + 50)::text, 2, '0'))::uuid, 'SCHOLAR',
  'claude-sonnet', 1000000 * n, timestamptz '2025-01-05 00:00+00' + n * interval '7 days',
  '{"client_id": "acme-65"}'
from generate_series(1, 8) n;
insert into public.agent_usage_logs (id, agent, model, input_tokens, "timestamp") values
  ('00000000-0000-4000-8000-000000006520', 'STRAY', 'claude-sonnet', 5, '2025-01-20');
-- What the jobs do between two steps: count logs and compare what has changed.
create function pg_temp.step() returns text language plpgsql as $$
begin
  perform _billing.rollup();
  perform _billing.request_month_comparison('2025-01-01');
  while billing.rebuild_step() loop null; end loop;
  return billing.apply_retention('2025-06-03 00:00+00');
end $$;
create function pg_temp.store() returns void language sql as $$
  select _billing.save_log_export(e.month, e.part, r.log_count, r.checksum, 'p/' || e.part, 'x', 1)
  from billing.log_exports e cross join lateral _billing.read_log_export(e.month, e.part) r
  where e.state = 'queued'
$$;

select throws_ok('update public.billing_settings set log_retention_months = 2', '23514', null,
  'less than three months are not for the choosing: late usage would find no logs');
select is(pg_temp.step(), 'logs are kept for ever', 'nothing goes unless asked for');
update public.billing_settings set log_retention_months = 3;
select _billing.rollup();
select is(_billing.expired_log_month('2025-04-30'), null, 'January is kept for three months');
select is(_billing.expired_log_month('2025-05-01'), date '2025-01-01', 'and no longer');
select is(pg_temp.step(), '2025-01: 1 log rows are in quarantine: select * from '
  || 'billing.quarantine, or dismiss them by billing.dismiss_quarantined',
  'logs without an owner stay');
select results_eq('select month, state from billing.log_months',
  $$values (date '2025-01-01', 'blocked')$$, 'the month says that it is blocked');
insert into public.agent_assignments (agent, client_id, starts_at)
  values ('STRAY', '00000000-0000-4000-8000-000000006501', '2025-01-01');
select is(pg_temp.step(), '2025-01: usage of 1 clients is not in a finalized period',
  'logs that are not billed stay');
select is(_billing.retention_blocker('2025-01-01'),
  'usage of 1 clients is not in a finalized period', 'which can be asked for');
select lives_ok($$select billing.run_monthly('2025-06-02 09:00+00')$$, 'all of it is billed');
select is(_billing.retention_blocker('2025-01-01'), null, 'and nothing is in the way');

select is(pg_temp.step(), '2025-01: exporting 1 files', 'then it is exported');
select is((select reason from billing.log_months), null, 'and no longer blocked');
select results_eq($$select kind, event, payload ->> 'month' from public.deliveries
  where kind = 'log_export'$$, $$values ('log_export', 'log_export', '2025-01-01')$$,
  'by the worker');
select is(pg_temp.step(), '2025-01: waiting for exports', 'and waits for it');
select is((select log_count from _billing.read_log_export('2025-01-01', 1)), 4::bigint,
  'the rows of the month');
select is((select array_agg(x.line::jsonb ->> 'id' order by x.place)
  from _billing.read_log_export('2025-01-01', 1) r
  cross join regexp_split_to_table(rtrim(r.lines, E'\n'), E'\n')
    with ordinality x(line, place)),
  (select array_agg(l.id::text order by l.seq) from public.agent_usage_logs l
    where l."timestamp" < '2025-02-01'), 'in the order of their arrival, each a line');
select is(_billing.log_line(l)::jsonb, to_jsonb(l) - 'stored_by',
  'a line is the row, without the transaction that stored it')
from public.agent_usage_logs l where l.id = '00000000-0000-4000-8000-000000006552';
select throws_ok('delete from public.agent_usage_logs where "timestamp" < ''2025-02-01''', 'PT409',
  'agent_usage_logs is append-only: delete refused', 'nobody else removes them');
select pg_temp.store();
select is((select state from billing.log_exports), 'stored', 'a worker says that it has stored it');
select is_empty($$select from _billing.read_log_export('2025-01-01', 1)$$,
  'there is nothing to store any more');
select throws_ok('delete from public.agent_usage_logs where "timestamp" < ''2025-02-01''', 'PT409',
  null, 'and still nobody else removes them');

-- A row comes late: it is billed first, and stored with the others.
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", metadata) values
  ('SCHOLAR', 'claude-sonnet', 3, '2025-01-31 23:59:59.999999+00', '{"client_id": "acme-65"}');
select is(pg_temp.step(), '2025-01: usage of 1 clients is not in a finalized period',
  'usage that comes late meanwhile is billed first');
select billing.run_monthly('2025-07-01 09:00+00');
select is(pg_temp.step(), '2025-01: removed 0 log rows', 'a file without it removes nothing');
select is((select e.state || ' ' || d.state from billing.log_exports e, public.deliveries d
  where d.kind = 'log_export'), 'queued queued', 'but is stored anew');
select pg_temp.store();
create temporary table before on commit drop as select * from public.usage_records;
select throws_ok($$delete from public.agent_usage_logs$$, 'PT409', null,
  'beyond the month nothing can be removed at all');
select is(pg_temp.step(), '2025-01: removed 5 log rows', 'then they go');
select results_eq('select month, state, log_count from billing.log_months',
  $$values (date '2025-01-01', 'removed', 5::bigint)$$, 'all of them');
select is((select min("timestamp") from public.agent_usage_logs),
  '2025-02-02 00:00+00'::timestamptz, 'and no others');

-- What is gone stays counted.
select is(_billing.first_kept_day(), date '2025-02-03', 'days from here on can be counted anew');
select _billing.recount_all();
select set_eq('select * from public.usage_records', 'select * from before',
  'counting everything anew changes nothing');
select is_empty('select * from billing.usage_discrepancies()', 'nothing is missed');
insert into public.agent_usage_logs (id, agent, model, input_tokens, "timestamp", metadata)
  values ('00000000-0000-4000-8000-000000006551', 'SCHOLAR', 'claude-sonnet', 1000000,
    '2025-01-12', '{"client_id": "acme-65"}');
select _billing.rollup();
select results_eq('select reason, rows from billing.quarantine_summary()',
  $$values ('before_retention', 1::bigint)$$, 'a late log of an exported month is not counted');
select throws_like(
  $$select billing.correct_log('00000000-0000-4000-8000-000000006552', '{}', 'r')$$,
  'there is no usage log%', 'a removed log cannot be corrected');

-- The pieces, by themselves.
select is(_billing.remove_stored_exports('2025-01-01', 100), 0::bigint,
  'nothing of it is left to be removed');
select trigger_is('public', 'agent_usage_logs', 'refuse_delete', '_billing', 'refuse_unexported',
  'the table is guarded');
insert into billing.log_months (month, state) values ('2025-02-01', 'exporting');
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", metadata)
select 'SCHOLAR', 'claude-sonnet', 1, '2025-02-02', '{"client_id": "acme-65"}'
from generate_series(1, 2);
select _billing.rollup();
select is(_billing.plan_log_exports('2025-02-01', 2), 2::bigint,
  'six rows, two to a file: three of one instant stay together with the next');
select results_eq($$select from_at, until_at from billing.log_exports
    where month = '2025-02-01' order by part$$,
  $$values (timestamptz '2025-02-01 00:00+00', timestamptz '2025-02-16 00:00+00'),
    ('2025-02-16 00:00+00', '2025-03-01 00:00+00')$$, 'files follow each other over the month');
select pg_temp.store();
select throws_ok($$select _billing.remove_log_export('2025-02-01', 1)$$, 'PT409',
  'agent_usage_logs is append-only: delete refused', 'nothing goes before its month does');
update billing.log_months set state = 'removing' where month = '2025-02-01';
select is(_billing.remove_log_export('2025-02-01', 1), 4::bigint, 'then it does');
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", metadata)
values ('SCHOLAR', 'claude-sonnet', 1, '2025-02-20', '{"client_id": "acme-65"}');
update billing.log_exports e set state = 'queued' where month = '2025-02-01' and part = 2;
select pg_temp.store();
select throws_ok($$select _billing.remove_log_export('2025-02-01', 2)$$, 'PT409',
  'the rows are not those that were stored', 'a row that no rollup has counted does not go');
select _billing.rollup();
update billing.log_exports set checksum = checksum + 1 where month = '2025-02-01' and part = 2;
select throws_ok($$select _billing.remove_log_export('2025-02-01', 2)$$, 'PT409',
  'the rows are not those that were stored', 'but never what was stored otherwise');
select * from finish();
rollback;

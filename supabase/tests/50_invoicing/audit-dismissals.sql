-- A flood is dismissed by one statement and stands in the audit log as one act, whatever its size.
begin;
select plan(11);

insert into public.agent_usage_logs (id, agent, model, input_tokens, "timestamp")
select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'nobody', 'claude-sonnet', 1,
  '2026-06-15 12:00+00'
from generate_series(1, 1004) n;
select _billing.rollup();
create view pg_temp.entries as
select a.row_id, a.operation, a.actor, coalesce(a.before, a.after) as entry
from billing.audit_log a where a.table_name = 'dismissed_logs';
create function pg_temp.ids(from_n integer, to_n integer) returns uuid[] language sql as $$
  select array_agg(('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid)
  from generate_series(from_n, to_n) n;
$$;

select is(billing.dismiss_quarantined('some', pg_temp.ids(1, 3)), 3::bigint, 'a few are dismissed');
select results_eq($$select row_id, operation, entry ->> 'why' from pg_temp.entries order by 1$$,
  $$select id::text, 'insert', 'some' from unnest(pg_temp.ids(1, 3)) id$$,
  'each of a few has an entry');
select is(billing.dismiss_quarantined('a flood', agent => 'nobody'), 1001::bigint,
  'the rest goes by one statement');
select results_eq($$select row_id, operation, actor = billing.actor(), entry ->> 'why',
    entry ->> 'log_rows' from pg_temp.entries where entry ->> 'why' <> 'some'$$,
  $$values ('1001 log rows', 'insert', true, 'a flood', '1001')$$, 'and is one entry');
select is(
  (select entry ->> 'log_ids_sha256' from pg_temp.entries where row_id = '1001 log rows'),
  (select encode(sha256(convert_to(string_agg(d.log_id::text, ',' order by d.log_id), 'UTF8')),
    'hex') from billing.dismissed_logs d where d.why = 'a flood'),
  'which proves what rows they were');
select is_empty('select * from billing.quarantine', 'quarantine is empty');
select is(billing.reinstate_dismissed(pg_temp.ids(4, 1004)), 1001::bigint, 'taken back at once');
select results_eq($$select row_id, entry ->> 'log_rows' from pg_temp.entries
    where operation = 'delete'$$, $$values ('1001 log rows', '1001')$$, 'it is one entry too');
select _billing.rollup();
select is((select sum(rows)::integer from billing.quarantine), 1001, 'and they wait again');

select trigger_is('billing', 'dismissed_logs', t, '_billing', 'audit_dismissals',
  t || ' is kept by one function') from unnest('{audit_insert,audit_delete}'::text[]) t;

select * from finish();
rollback;

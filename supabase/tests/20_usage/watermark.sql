-- What lies between two watermarks is summed, once; a watermark of elsewhere is known as such.
begin;
select plan(17);

insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01');
create temporary table marks (name text, mark billing.usage_watermark);
create function pg_temp.mark(name text) returns void language sql as $$
  insert into marks select name, _billing.watermark_now(w) from billing.usage_watermark w;
$$;
create function pg_temp.get(name text) returns billing.usage_watermark language sql as $$
  select mark from marks m where m.name = get.name;
$$;
create function pg_temp.log(agent text, tokens integer, client text, day text) returns void
language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp")
  values (agent, 'claude-sonnet', tokens, jsonb_build_object('client_id', client),
    (day || ' 12:00+00')::timestamptz);
$$;

select pg_temp.mark('start');
select pg_temp.log('SCHOLAR', 10, 'acme', '2026-06-10');
select pg_temp.log('CHIRON', 7, 'acme', '2026-06-11');
select pg_temp.mark('two');
select pg_temp.log('STRAY', 5, 'nobody', '2026-06-12');
select pg_temp.mark('three');

create function pg_temp.sums(since text, upto text, from_at timestamptz default '-infinity',
  agents text[] default null)
returns table (reason text, usage_day date, metric text, quantity numeric, log_count bigint)
language sql as $$
  select s.reason, s.usage_day, s.metric, s.quantity, s.log_count
  from _billing.sum_logs(pg_temp.get(since), pg_temp.get(upto), from_at, 'infinity', agents) s
  order by s.usage_day, s.metric;
$$;
select results_eq($$select * from pg_temp.sums('start', 'two')$$, $$values
    (null::text, '2026-06-10'::date, 'input_tokens', 10::numeric, 1::bigint),
    (null, '2026-06-10', 'requests', 1, 1),
    (null, '2026-06-11', 'input_tokens', 7, 1), (null, '2026-06-11', 'requests', 1, 1)$$,
  'the rows stored between two watermarks are summed');
select results_eq($$select reason, metric, quantity from pg_temp.sums('two', 'three')$$,
  $$values ('unknown_client', 'input_tokens', 5::numeric), ('unknown_client', 'requests', 1)$$,
  'rows of nobody with their reason');
select is_empty($$select * from pg_temp.sums('three', 'three')$$, 'nothing lies in nothing');
select is((select sum(quantity) from pg_temp.sums('start', 'three') where metric = 'input_tokens'),
  22::numeric, 'two stretches are as one');
select is((select sum(quantity) from pg_temp.sums('start', 'three', '2026-06-11')
  where metric = 'input_tokens'), 12::numeric, 'of a time on');
select is((select sum(quantity) from pg_temp.sums('start', 'three', '-infinity', '{CHIRON}')
  where metric = 'input_tokens'), 7::numeric, 'or of some agents');

select _billing.quarantine_logs(pg_temp.get('start'), pg_temp.get('two'));
select is_empty('select * from billing.quarantined_logs',
  'a log with an owner is not in quarantine');
select _billing.quarantine_logs(pg_temp.get('two'), pg_temp.get('three'));
select _billing.quarantine_logs(pg_temp.get('two'), pg_temp.get('three'));
select results_eq('select reason, agent, occurred_at from billing.quarantined_logs',
  $$values ('unknown_client', 'STRAY', '2026-06-12 12:00+00'::timestamptz)$$,
  'a log without an owner is in quarantine once');

-- Rows of one transaction stay together: here all are of this one.
select is(_billing.watermark_after(pg_temp.get('start'), pg_temp.get('three'), 1)::text,
  pg_temp.get('three')::text, 'a step ends where the rows do');

-- What the watermark of the table has counted is what usage_records should hold.
select is_empty($$select * from _billing.logged_usage('2026-06-01', '2026-07-01')$$,
  'before a rollup no log is counted');
select is(_billing.rollup_step(1), 3::bigint, 'the rollup counts them');
select results_eq($$select usage_day, agent, quantity
    from _billing.logged_usage('2026-06-01', '2026-06-11') where metric = 'input_tokens'$$,
  $$values ('2026-06-10'::date, 'SCHOLAR', 10::numeric)$$, 'after it all are, by their local days');

-- Elsewhere snapshots mean nothing.
select ok(_billing.watermark_is_here(w), 'the watermark is of this database')
from billing.usage_watermark w;
select is_empty($$
  select x.of from billing.usage_watermark w
  cross join lateral (values
    ('another cluster', (w.id, w.snapshot, w.own_transaction, w.own_seq, w.system_identifier + 1,
      w.database_oid, w.table_oid, w.kept_from, w.moved_at)::billing.usage_watermark),
    ('another database', (w.id, w.snapshot, w.own_transaction, w.own_seq, w.system_identifier,
      1, w.table_oid, w.kept_from, w.moved_at)::billing.usage_watermark),
    ('another table', (w.id, w.snapshot, w.own_transaction, w.own_seq, w.system_identifier,
      w.database_oid, 1, w.kept_from, w.moved_at)::billing.usage_watermark)) x(of, mark)
  where _billing.watermark_is_here(x.mark)$$, 'one of another cluster, database or table is not');
delete from public.usage_records;
insert into billing.rebuild_requests (from_day, until_day) values ('2026-06-01', '2026-06-02');
select is(_billing.recount_all(), 3::bigint, 'after a restore every log is counted again');
select is((select sum(quantity) from public.usage_records where metric = 'input_tokens'),
  17::numeric, 'to what it was');
select ok(not exists (select from billing.rebuild_requests)
  and exists (select from billing.usage_watermark w where _billing.watermark_is_here(w)),
  'with nothing left to rebuild, and a watermark of here');

select * from finish();
rollback;

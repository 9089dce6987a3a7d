-- The rollup counts each log row exactly once, whatever was counted before in whatever transaction.
begin;
select plan(19);

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
create function pg_temp.log(tokens bigint, features jsonb default '{}') returns void
language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, other_features, client_id,
    "timestamp", input_cost, total_cost)
  values ('SCHOLAR', 'claude-sonnet', tokens, features, '00000000-0000-0000-0000-00000000000a',
    '2026-06-10', 0.000003 * tokens, 0.000003 * tokens + 0.01);
$$;
create function pg_temp.counted(wanted text) returns numeric language sql as $$
  select sum(quantity) from public.usage_records where metric = wanted;
$$;

select is(_billing.rollup(), 0::bigint, 'with no logs there is nothing to count');
select is(_billing.rollup_is_due(), false, 'and none is due');
select pg_temp.log(100);
select pg_temp.log(20, '{"pdf_processing": 2.5, "ocr": 0, "Bildbeschreibung ü": 1}');
select is(_billing.rollup_is_due(), true, 'new rows make one due');
select is(_billing.rollup(), 2::bigint, 'new rows are counted, also those of this transaction');
select is(pg_temp.counted('input_tokens'), 120::numeric, 'their tokens are summed');
select is(_billing.rollup(), 0::bigint, 'and not counted again');
select is(_billing.hold_usage(), 0::bigint, 'holding usage with nothing to count counts nothing');
select is((select count(*)::integer from pg_locks l where l.pid = pg_backend_pid()
  and l.relation = 'billing.usage_watermark'::regclass and l.mode = 'RowShareLock'), 1,
  'and locks the watermark all the same');
select pg_temp.log(3);
select is(_billing.rollup(), 1::bigint, 'rows stored after a rollup in the same transaction count');
select is(pg_temp.counted('input_tokens'), 123::numeric, 'each row is counted exactly once');

savepoint killed;
select pg_temp.log(1000);
select _billing.rollup();
rollback to killed;
select is(pg_temp.counted('input_tokens'), 123::numeric,
  'a rollup that is undone has done nothing');
select is(_billing.rollup(), 0::bigint, 'and left nothing to count');

select results_eq($$select metric, quantity, provider_cost, log_count from public.usage_records
    order by metric collate "C"$$,
  $$values ('Bildbeschreibung ü', 1::numeric, 0::numeric, 1::bigint),
    ('input_tokens', 123, 0.000369, 3), ('pdf_processing', 2.5, 0, 1),
    ('requests', 3, 0.03, 3)$$,
  'any feature is a metric; costs stand where they arose');

-- What else makes one due: usage to be attributed anew, a watermark that was restored elsewhere.
savepoint another_cluster;
update billing.usage_watermark set system_identifier = 1;
select is(_billing.rollup_is_due(), true, 'a watermark of elsewhere makes a recount due');
rollback to another_cluster;
insert into billing.rebuild_requests (from_day, until_day) values ('2026-06-01', '2026-07-01');
select is(_billing.rollup_is_due(), true, 'a request to rebuild makes one due');
select _billing.rollup();
select is(_billing.rollup_is_due(), false, 'which serves it');

-- An idle rollup leaves the records and the watermark as they are.
create temporary table before as
select (select array_agg((r.*)::text order by r.metric) from public.usage_records r) as records,
  (select (w.*)::text from billing.usage_watermark w) as watermark;
select _billing.rollup();
select is((select array_agg((r.*)::text order by r.metric) from public.usage_records r),
  (select records from before), 'an idle rollup changes no record');
select is((select (w.*)::text from billing.usage_watermark w), (select watermark from before),
  'and does not move the watermark');
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');

select * from finish();
rollback;

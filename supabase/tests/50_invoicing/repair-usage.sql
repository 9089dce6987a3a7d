-- A run bills what the logs say: days whose records changed since they were compared are compared
-- once more, and mended.
begin;
select plan(4);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000037', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000000037', 0);
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'claude-sonnet', 2000000, '00000000-0000-4000-8000-000000000037', '2026-06-10 12:00Z'),
  ('S', 'claude-sonnet', 1000000, '00000000-0000-4000-8000-000000000037', '2026-06-11 12:00Z');
create temporary view june as select array[('00000000-0000-4000-8000-000000000037', '2026-06-01',
  '2026-07-01')::billing.rating_target] as targets;

select _billing.rollup();
select is(_billing.repair_usage(targets), 0::bigint, 'compared, all days agree') from june;
update public.usage_records set quantity = 9000000
where metric = 'input_tokens' and usage_day = '2026-06-10';
savepoint changed;
select is(_billing.repair_usage(targets), 1::bigint, 'the one that was changed is mended')
from june;
rollback to changed;
select is(billing.run_monthly('2026-07-01') ->> 'discrepancies_repaired', '1', 'a run does so');
select results_eq('select total_minor from public.invoices', 'values (900::bigint)',
  'and bills the 3M tokens of the logs at 3.00');

select * from finish();
rollback;

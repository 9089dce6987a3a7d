-- What is in quarantine is counted by one session at a time, and each count replaces the last.
begin;
select plan(9);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000091', 'Acme', '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp", created_at)
values ('S', 'no-such-model', 1, '00000000-0000-4000-8000-000000000091', '2026-06-02',
  '2026-06-02');
select _billing.rollup();
select is(billing.count_quarantine('2026-06-03'), 1::bigint, 'usage without a price is counted');
select results_eq('select reason, rows from billing.quarantine_counts',
  $$values ('unpriced_usage', 1::bigint)$$, 'with its reason');
select is((select count(*) from pg_locks where pid = pg_backend_pid() and granted
    and locktype = 'advisory' and mode = 'ExclusiveLock'
    and (classid::bigint << 32) + objid::bigint = hashtextextended('billing.count_quarantine', 0)),
  1::bigint, 'one session counts: another takes the last sum');
select is((select count(*) from pg_locks where pid = pg_backend_pid() and granted
    and relation = 'billing.quarantine_counts'::regclass and mode = 'ShareRowExclusiveLock'),
  0::bigint, 'the table is not locked: nobody waits');
select billing.count_quarantine('2026-06-04');
select is((select count(*) from billing.quarantine_counts), 1::bigint, 'again it is counted once');

-- An item that no invoice will take has no model.
insert into public.clients (id, name, started_on, ended_on)
values ('00000000-0000-4000-8000-000000000092', 'Gone', '2026-05-01', '2026-05-15');
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values ('00000000-0000-4000-8000-000000000092', 'Set-up', 5, 'USD', '2026-05-20');
select is(billing.count_quarantine('2026-06-05'), 2::bigint, 'an item is counted too');
select is((select g.model || '/' || g.metric from billing.quarantine_groups g
  where g.reason = 'item_after_end'), '/', 'it is of no model');
select matches((select n.message from _billing.unpriced_notice() n),
  '^Model no-such-model of client Acme has no price', 'nor is it told of as usage without a price');
-- Another model, as often as the first.
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp", created_at)
values ('S', 'another-model', 1, '00000000-0000-4000-8000-000000000091', '2026-06-02',
  '2026-06-02');
select _billing.rollup();
select results_eq('select reason, rows from _billing.summarize_quarantine()',
  $$values ('item_after_end', 1::bigint), ('unpriced_usage', 2)$$,
  'summarize_quarantine: equal counts of two models are two');

select * from finish();
rollback;

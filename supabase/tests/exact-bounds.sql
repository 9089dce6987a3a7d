-- Bounds that are met exactly: an instant, a day, a hundred.
begin;
select plan(9);

-- An answer is kept for seven days.
insert into billing.idempotency_keys (actor, key, operation, request_hash, created_at)
values ('ada', 'week', 'x', 'x', now() - interval '7 days'),
  ('ada', 'older', 'x', 'x', now() - interval '7 days 1 microsecond');
select billing.claim_idempotency_key('bob', 'k', 'x', 'x');
select is((select array_agg(key) from billing.idempotency_keys where actor = 'ada'), '{week}',
  'claim_idempotency_key forgets what is older than a week');

-- A range has a day at least.
select throws_ok($$insert into public.billing_config (client_id, effective_from, effective_until)
  values ('00000000-0000-4000-8000-000000000a94', '2026-06-01', '2026-06-01')$$, '23514', null,
  'a config of no day is refused');

-- Work is due at its instant.
delete from vault.secrets where name like 'billing_%';
select vault.create_secret('http://127.0.0.1:1', 'billing_functions_url');
select vault.create_secret('key', 'billing_cron_key');
select billing.queue_operator_alert('test', 'low', 'Test', 'Test');
select is(billing.wake_deliver(due_at), 'woken', 'wake_deliver: due now is due')
from public.deliveries;
select is(billing.wake_deliver(due_at - interval '1 microsecond'), 'nothing is due',
  'wake_deliver: a microsecond before nothing is due')
from public.deliveries;

-- A summary names a hundred clients that failed, and counts all.
insert into public.clients (name, started_on)
select 'Client ' || lpad(n::text, 3, '0'), '2026-06-01' from generate_series(1, 101) n;
select billing.begin_run('2026-07-01');
update billing.run_clients set state = 'failed', message = 'poison';
create temporary table summary as
select _billing.summarize_run(r) as s from billing.monthly_runs r;
select results_eq($$select jsonb_array_length(s -> 'failed'), s -> 'failed' -> 99 ->> 'client',
  (s ->> 'failed_count')::integer from summary$$, $$values (100, 'Client 100', 101)$$,
  'summarize_run: the first hundred by name');

-- Days of a range begin with the first and end before the last.
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
select 'S', 'claude-sonnet', n, id, '2026-06-01'::date + n from public.clients,
  generate_series(1, 3) n where name = 'Client 001';
select results_eq($$select usage_day, quantity
    from billing.usage_in_logs('2026-06-02', '2026-06-04') where metric = 'input_tokens'
    order by 1$$, $$values ('2026-06-02'::date, 1::numeric), ('2026-06-03', 2)$$,
  'usage_in_logs: two days');

-- What is dismissed is no longer told of, what waits beside it is.
update public.billing_settings set max_usage_keys_per_day = 1;
select _billing.rollup();
select is((select array_agg(distinct reason) from billing.quarantined_logs), '{too_many_keys}',
  'rows beyond the bound of a day');
insert into billing.dismissed_logs (log_id, why) select log_id, 'test' from billing.held_logs
order by usage_day limit 1;
select billing.queue_usage_alerts('2026-06-05 12:00Z');
select is((select array_agg(payload ->> 'message' ~ '^2 log rows') from public.deliveries
  where dedupe_key like 'too\_many\_keys%'), '{t}',
  'queue_usage_alerts tells of those that are not dismissed');
select is((select count(*) from billing.held_logs), 3::bigint, 'three log rows are held');

select * from finish();
rollback;

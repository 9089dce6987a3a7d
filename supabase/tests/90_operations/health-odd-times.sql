-- A log row of an impossible time, which the Data API takes, makes no view and no page fail.
begin;
select plan(6);

insert into public.clients (name, external_id, started_on) values ('Acme', 'acme', '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", created_at, metadata)
select 'SCHOLAR', 'claude-sonnet', 1, t.at, '2026-06-10', '{"client_id": "acme"}'
from unnest('{-infinity,infinity,4713-01-01 BC,294276-12-31,1969-12-31,1970-01-01}'::timestamptz[])
  t(at);
select _billing.rollup();
select is((select count(*) from billing.quarantined_logs where reason = 'invalid_timestamp'),
  5::bigint, 'they are set aside');
select is((select count(*) from billing.read_health('2026-06-11') h
  where not isfinite(h.since) or h.since < '1970-01-01' or h.since > '2200-01-01'), 0::bigint,
  'health tells no time that is none');
select alike(
  (select h.detail from billing.read_health('2026-06-11') h where h.part = 'quarantine'),
  '%5 invalid_timestamp%', 'and that something waits in quarantine');
select is((select count(*) from billing.quarantine q where q.reason = 'invalid_timestamp'
  and (q.first_day is not null or q.last_day is not null)), 0::bigint,
  'quarantine names no days of it');
select billing.dismiss_quarantined('no such time', reason => 'invalid_timestamp');
select billing.count_quarantine();
select matches(
  (select h.detail from billing.read_health('2026-06-11') h where h.part = 'quarantine'),
  '(^|; )1 outside_service', 'dismissed, they are gone; what is of 1970 is a day like any other');
update public.billing_settings set log_retention_months = 3;
select _billing.request_month_comparison('1970-01-01');
select billing.rebuild_step() from generate_series(1, 9);
select alike(billing.apply_retention('2026-12-01'), '1970-01: exporting%',
  'and retention goes on');

select * from finish();
rollback;

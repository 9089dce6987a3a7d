-- List prices are fetched daily from sources that are on; an unreadable one is reported once.
begin;
select plan(22);

select is(billing.queue_price_syncs('2026-06-20 05:30+00'), 0::bigint,
  'nothing is fetched while no source is on');
update public.price_sources set enabled = true where id in ('litellm', 'openrouter');
select is(billing.queue_price_syncs('2026-06-20 05:30+00'), 2::bigint,
  'a delivery for each that is');
select is(billing.queue_price_syncs('2026-06-20 23:30+00'), 0::bigint, 'once a day');
select is(billing.queue_price_syncs('2026-06-21 05:30+00'), 2::bigint,
  'each source is fetched every day');
select results_eq($$select dedupe_key, payload, max_attempts from public.deliveries
    where kind = 'price_sync' order by 1 limit 1$$,
  $$values ('price_sync:litellm:2026-06-20', '{"source": "litellm"}'::jsonb, 6)$$,
  'as the worker takes it');

-- Problems.
create function pg_temp.warning() returns text language sql as $$
  select j.warning from billing.read_jobs() j where j.name = 'billing-list-prices';
$$;
create function pg_temp.told() returns bigint language sql as $$
  select count(*) from public.deliveries d where d.dedupe_key like 'price_source:%';
$$;
update billing.job_definitions set created_at = now();
select cron.alter_job(jobid, active := true) from cron.job where jobname like 'billing-%';
select is(pg_temp.warning(), _billing.price_problems(), 'nothing is wrong');
select _billing.note_price_problem('litellm', 'it answered 503', '2026-06-20 05:31+00');
select is(pg_temp.told(), 1::bigint, 'a source that cannot be read is told');
select matches((select payload ->> 'message' from public.deliveries d
  where d.dedupe_key like 'price_source:%'),
  'of litellm cannot be read: it answered 503\. Nothing was changed', 'with what it means');
select _billing.note_price_problem('litellm', 'it is no price list', '2026-06-21 05:31+00');
select is(pg_temp.told(), 1::bigint, 'once, as long as it lasts');
select is(_billing.price_problems(),
  'litellm cannot be read since 2026-06-20 05:31: it is no price list', 'since when, and why now');
select matches(pg_temp.warning(), 'litellm cannot be read since', 'billing.jobs shows it');
select matches((select h.state || ' ' || h.detail from billing.read_health() h
  where h.part = 'jobs'), '^late .*billing-list-prices: litellm cannot be read',
  'billing.health shows the unreadable source');
update public.price_sources set enabled = false where id = 'litellm';
select is(_billing.price_problems(), null, 'of a source that is off nothing is expected');
update public.price_sources set enabled = true where id = 'litellm';
select _billing.note_compared('litellm', 'h', 5, '2026-06-22');
select is(_billing.price_problems(), null, 'it ends when the source can be read');
select _billing.note_price_problem('litellm', 'it answered 503', '2026-06-23 05:31+00');
select is(pg_temp.told(), 2::bigint, 'the next one is told again');
select results_eq($$select sha256, models from billing.price_source_states$$,
  $$values ('h', 5)$$, 'a source keeps its last hash and models while it cannot be read');
select _billing.note_compared('litellm', 'h', 5, '2026-06-24');
select is(_billing.price_problems(), null, 'the same text ends a problem, too');

-- Access.
select has_index('public', 'price_policies', 'price_policies_one_each', 'a list has one policy');
select trigger_is('public', 'price_sources', 'require_second_factor', '_billing',
  'guard_by_second_factor', 'sources are settings');
select trigger_is('public', 'price_policies', 'require_second_factor', '_billing',
  'guard_by_second_factor', 'changes of policies take a second factor');
select trigger_is('public', 'price_proposals', 'follow_agreement', '_billing', 'follow_agreement',
  'prices follow when two sources agree');
select throws_like('truncate public.price_policies', '%append-only%', 'policies are not emptied');

select * from finish();
rollback;

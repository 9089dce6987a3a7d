-- A job that calls a function over HTTP is as well as the answer was.
begin;
select plan(25);

create function pg_temp.warning(job text, at timestamptz default now()) returns text
language sql as $$
  select j.warning from billing.read_jobs(at) j where j.name = job;
$$;
create function pg_temp.health(part text, at timestamptz default now()) returns text
language sql as $$
  select h.state || ': ' || h.detail from billing.read_health(at) h where h.part = health.part;
$$;
create function pg_temp.told() returns bigint language sql as $$
  select count(*) from public.deliveries d
  where d.dedupe_key like 'job_call:%' and d.kind = 'hermes';
$$;
-- What pg_net writes down when the answer has come.
create function pg_temp.answer(job text, status integer, content text, error text default null)
returns void language sql as $$
  insert into net._http_response (id, status_code, content, timed_out, error_msg, created)
  select c.request_id, answer.status, content, error is not null, error, c.called_at
  from billing.job_calls c where c.job = answer.job order by c.id desc limit 1;
$$;
update billing.job_definitions set created_at = now();
select cron.alter_job(jobid, active := true) from cron.job where jobname like 'billing-%';
delete from vault.secrets where name like 'billing_%';
select vault.create_secret('http://127.0.0.1:1', 'billing_functions_url');
select vault.create_secret('wrong', 'billing_cron_key');

select billing.queue_operator_alert('test', 'low', 'Test', 'Test');
select is(billing.wake_deliver(now() + interval '1 second'), 'woken', 'a job calls a function');
select results_eq($$
  select c.job, q.url, q.timeout_milliseconds, q.headers ->> 'x-billing-signature'
    = _billing.sign_call('wrong', '/deliver', convert_from(q.body, 'UTF8'),
      substring(q.headers ->> 'x-billing-signature' from '^t=(\d+)')::bigint)
  from billing.job_calls c join net.http_request_queue q on q.id = c.request_id$$,
  $$values ('billing-deliver', 'http://127.0.0.1:1/deliver', 60000, true)$$,
  'the call is noted, by the id of its request');
select billing.watch_jobs(now());
select is(pg_temp.warning('billing-deliver'), null, 'while no answer is due all is well');

select is(_billing.answer_problem(204, '', null), null, 'nothing is wrong with an answer of 2xx');
select pg_temp.answer('billing-deliver', 401, E'{"title":\n"Not allowed"}');
select is(pg_temp.warning('billing-deliver'),
  'the last call was answered 401: {"title": "Not allowed"}', 'an answer shows before it is noted');
select is(billing.watch_jobs(now()), 1::bigint, 'a wrong key is told to operators');
select is(pg_temp.warning('billing-deliver'),
  'the last call was answered 401: {"title": "Not allowed"}', 'billing.jobs says so');
select is(pg_temp.health('deliveries'),
  'broken: the last call was answered 401: {"title": "Not allowed"}',
  'billing.health shows the failed call');
select matches((select payload ->> 'message' from public.deliveries
  where dedupe_key like 'job_call:%' limit 1),
  '^Calls of billing-deliver fail: the last call was answered 401: .*Not allowed',
  'the message names the job and the answer');

savepoint under_way;
delete from public.deliveries where dedupe_key like 'job_call:%';
select billing.wake_deliver(now() + interval '1500 milliseconds');
select is(billing.watch_jobs(now()), 1::bigint, 'also while the next call is under way');
rollback to under_way;

-- Again, and by another job: the same cause.
select billing.wake_deliver(now() + interval '2 seconds');
select pg_temp.answer('billing-deliver', 401, '{"title": "Not allowed", "id": 2}');
select _billing.call_function('billing-stripe-outbox', '/reconcile-stripe', '{}', at => now());
select pg_temp.answer('billing-stripe-outbox', 401, '');
select is(billing.watch_jobs(now() + interval '1 minute'), 0::bigint,
  'a cause is told once, however many calls of however many jobs it spoils');
select is(pg_temp.warning('billing-stripe-outbox'), 'the last call was answered 401',
  'each job shows it');
select billing.watch_jobs(now() + interval '1 day');
select is(pg_temp.told(), 2::bigint, 'and again the next day');

-- Another cause.
select billing.wake_deliver(now() + interval '3 seconds');
select pg_temp.answer('billing-deliver', null, null, 'Couldn''t connect to server');
select is(billing.watch_jobs(now() + interval '2 minutes'), 1::bigint, 'another cause is told');
select is(pg_temp.warning('billing-deliver'),
  'the last call got no answer: Couldn''t connect to server', 'with its words');

-- Lost: pg_net keeps its queue in memory only.
select billing.wake_deliver(now() + interval '4 seconds');
select billing.watch_jobs(now() + interval '3 minutes');
select is(pg_temp.warning('billing-deliver'),
  'the last call got no answer: Couldn''t connect to server',
  'a call that is under way says nothing yet');
select billing.watch_jobs(now() + interval '6 minutes');
select is(pg_temp.warning('billing-deliver'),
  'the last call got no answer: it was lost, or pg_net does not work', 'a lost one does');

-- Mended.
select billing.wake_deliver(now() + interval '5 seconds');
select pg_temp.answer('billing-deliver', 200, '{}');
select is(billing.watch_jobs(now() + interval '7 minutes'), 0::bigint, 'an answer of 200 ends it');
select is(pg_temp.warning('billing-deliver'), null, 'billing.jobs has no warning any more');
select matches(pg_temp.health('deliveries'), '^fine: ', 'and in billing.health');
select results_eq($$select status, problem from billing.job_calls order by id desc limit 1$$,
  $$values (200, null::text)$$, 'it is noted too');

-- Ids of pg_net begin anew after a crash: an old answer is not that of a new call.
insert into net._http_response (id, status_code, timed_out, created)
select 1 + max(id), 500, false, now() - interval '1 hour' from net.http_request_queue;
select billing.wake_deliver(now() + interval '6 seconds');
select _billing.note_answers(now());
select is((select problem from billing.job_calls order by id desc limit 1), null,
  'an answer that is older than its call is of another');

-- A comparison may take longer than a worker.
select _billing.call_function('billing-stripe-reconcile', '/reconcile-stripe', '{}',
  interval '150 seconds', now());
select is((select timeout_milliseconds from net.http_request_queue order by id desc limit 1),
  150000, 'each call has its timeout');

select isnt((select count(*) from billing.job_calls), 0::bigint, 'calls are kept');
select _billing.purge_job_details(now() + interval '15 days');
select is((select count(*) from billing.job_calls), 0::bigint, 'for two weeks');

select * from finish();
rollback;

-- Deliveries: queued with what they tell of, taken with a lease, tried again, given up, requeued.
begin;
select plan(35);

insert into public.clients (name, external_id, email, started_on)
values ('Mailed', 'mailed', 'a@example.test', '2026-06-01'),
  ('Mute', 'mute', null, '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
select 'CHIRON', 'claude-sonnet', 20000000, '2026-06-10 12:00+00', id from public.clients;
select billing.run_monthly('2026-07-01 09:00+00');
create function pg_temp.states(name text) returns table (kind text, state text) language sql as $$
  select d.kind, d.state from public.deliveries d join public.clients c on c.id = d.client_id
  where c.name = states.name order by d.kind;
$$;
create function pg_temp.take(kind text, at timestamptz default now() + interval '1 second')
returns public.deliveries language sql as $$
  select d from _billing.claim_deliveries(array[kind], 1, 120, at) d;
$$;
create function pg_temp.finish(d public.deliveries, outcome jsonb,
  at timestamptz default now() + interval '2 seconds') returns text language sql as $$
  select _billing.finish_delivery(d.id, d.lease, outcome, at);
$$;

select results_eq($$select * from pg_temp.states('Mailed')$$,
  $$values ('archive', 'queued'), ('email', 'waiting'), ('hermes', 'queued'),
    ('stripe', 'queued')$$, 'an issued invoice has one delivery per kind; mail waits for Stripe');
select results_eq($$select * from pg_temp.states('Mute')$$,
  $$values ('archive', 'queued'), ('email', 'skipped'), ('hermes', 'queued'),
    ('stripe', 'queued')$$, 'without an address the mail is skipped');
select is((select last_error from public.deliveries where kind = 'email' and state = 'skipped'),
  'the client has no e-mail address', 'and says why');
select billing.run_monthly('2026-07-01 09:00+00');
select is((select count(*) from public.deliveries where event = 'invoice_issued'), 8::bigint,
  'running again queues nothing twice');

-- Claims.
create temporary table taken as select pg_temp.take('archive') as job;
select is((select (job).attempts from taken), 1, 'a claim counts the try');
select is((select count(*) from _billing.claim_deliveries('{archive}', 9, 120,
  now() + interval '1 second')), 1::bigint, 'a leased delivery is not given to another worker');
select is(_billing.finish_delivery((select (job).id from taken), gen_random_uuid(),
  '{"kind": "done"}'), null, 'only the holder of the lease finishes it');
select is((pg_temp.take('archive', now() + interval '3 minutes')).id, (select (job).id from taken),
  'a lease that is over is given to the next worker');
select is((select pg_temp.finish(job, '{"kind": "done"}') from taken), null,
  'and the first one''s outcome no longer counts');
select results_eq($$select kind, count(*) from _billing.claim_deliveries(
    '{hermes,stripe,archive}', 1, 120, now() + interval '10 minutes') group by kind order by kind$$,
  $$values ('archive', 1::bigint), ('hermes', 1), ('stripe', 1)$$,
  'every kind gets its share of a claim');
select is_empty($$select * from _billing.claim_deliveries('{email}', 9)$$,
  'a waiting delivery is not given out');

-- Outcomes.
update public.deliveries set state = 'queued', lease = null, due_at = now(), attempts = 0
where state = 'running';
create temporary table tried as select pg_temp.take('stripe') as job;
select is((select pg_temp.finish(job,
  '{"kind": "retry", "error": "no answer", "retryAfterSeconds": 600}') from tried), 'queued',
  'a failed try is queued again');
select is((select due_at from public.deliveries where id = (select (job).id from tried)),
  now() + interval '602 seconds', 'not before the receiver said');
savepoint patient;
update public.deliveries set state = 'running', lease = '00000000-0000-0000-0000-00000000000f'
where id = (select (job).id from tried);
select _billing.finish_delivery((job).id, '00000000-0000-0000-0000-00000000000f',
  '{"kind": "retry", "error": "come again", "retryAfterSeconds": 1e300}', now()) from tried;
select is((select due_at from public.deliveries where id = (select (job).id from tried)),
  now() + interval '1 day', 'a receiver puts it off for a day at most');
rollback to patient;
select is((select last_error from public.deliveries where id = (select (job).id from tried)),
  'no answer',
  'with the reason');
select is((select array_agg(_billing.retry_delay(n, 1)) from generate_series(1, 4) n),
  '{00:00:30,00:01:00,00:02:00,00:04:00}'::interval[], 'the delay doubles with each try');
select is(_billing.retry_delay(1, 0), interval '15 seconds', 'jitter takes up to half of it');
select is(_billing.retry_delay(50, 1), interval '2 hours', 'two hours are the most');

select is(_billing.skip_deliveries('stripe', 'Stripe is off', now() + interval '3 seconds'), 2,
  'deliveries of a kind that is off are skipped');
select is((select state from public.deliveries where kind = 'email' and state <> 'skipped'),
  'queued', 'and what waited for them goes');
select matches((select d.payload ->> 'message' from public.deliveries d
  where d.dedupe_key like 'channel_off:stripe:____-__:hermes'),
  '^2 deliveries of kind stripe were skipped: Stripe is off', 'operators are told of what was not');
savepoint hermes_off;
update public.billing_settings set operator_emails = '{ops@example.test}';
select _billing.skip_deliveries('hermes', 'no HERMES', now() + interval '1 day');
select _billing.report_channel_off('hermes', 'no HERMES', 2, now() + interval '1 day');
select results_eq($$
  select kind from public.deliveries where dedupe_key like 'channel_off:hermes:%'$$,
  $$values ('email')$$, 'once, not by the kind that is off');
rollback to hermes_off;

-- Giving up.
update public.billing_settings set operator_emails = '{ops@example.test}';
update public.deliveries set attempts = max_attempts - 1 where kind = 'email' and state = 'queued';
create temporary table last_try as select pg_temp.take('email', now() + interval '1 minute') as job;
select is((select pg_temp.finish(job, '{"kind": "retry", "error": "full"}')
  from last_try), 'dead', 'after the last try it gives up');
select is((select array_agg(kind) from public.deliveries where dedupe_key like 'dead:%'),
  '{hermes}', 'operators are told, not by the way that failed');
select matches((select payload ->> 'message' from public.deliveries where dedupe_key like 'dead:%'),
  'email, invoice_issued, INV-2026-000001, Mailed\) gave up after 32 tries: full',
  'of what, whose and why');
select is((select payload ->> 'priority' from public.deliveries where dedupe_key like 'dead:%'),
  'high', 'with high priority');
update public.deliveries set attempts = max_attempts, state = 'running', due_at = now(),
  lease = gen_random_uuid() where kind = 'archive' and state = 'queued'
  and id = (select min(id) from public.deliveries where kind = 'archive');
select is((select count(*) from _billing.claim_deliveries('{archive}', 9, 120,
  now() + interval '1 second') c where c.id = (select min(id) from public.deliveries)), 0::bigint,
  'a delivery whose worker died on its last try is not tried for ever');
select matches((select last_error from public.deliveries where kind = 'archive' and state = 'dead'),
  'its worker died on the last try', 'it is dead, and says so');
select is(billing.requeue_deliveries(), 2::bigint, 'all that gave up can be told to try again');
select is((select attempts from public.deliveries where kind = 'email' and state = 'queued'
  and event = 'invoice_issued'), 0,
  'with all their tries');
select throws_ok($$select billing.requeue_delivery(0)$$, 'PT404', null,
  'one that there is not cannot');

-- What follows an invoice.
select billing.record_payment((select id from public.invoices where number = 'INV-2026-000001'),
  1000, '2026-07-05 10:00+00');
select is((select payload ->> 'message' from public.deliveries where event = 'payment_received'),
  'Payment received from Mailed: 10.00 USD for invoice INV-2026-000001',
  'a payment is told of');
select billing.issue_credit_note((select id from public.invoices where number = 'INV-2026-000001'),
  'Goodwill', 500);
select results_eq($$select kind, state from public.deliveries where event = 'credit_note_issued'
  order by kind$$, $$values ('archive', 'queued'), ('email', 'queued')$$,
  'a credit note is filed and mailed');
update public.clients set email = 'b@example.test' where name = 'Mute';
select billing.requeue_deliveries('email', '{skipped}');
select billing.void_invoice((select id from public.invoices where number = 'INV-2026-000002'),
  'no');
select is((select last_error from public.deliveries d join public.invoices i on i.id = d.invoice_id
  where i.number = 'INV-2026-000002' and d.kind = 'email'), 'the invoice is void',
  'the mail of a voided invoice is not sent');
select results_eq($$select has_table_privilege(r, 'public.deliveries', p)
  from unnest('{anon,authenticated,service_role}'::text[]) r,
    unnest('{select,insert,update,delete}'::text[]) p order by r, p$$,
  $$values (false), (false), (false), (false), (false), (false), (true), (false),
    (false), (false), (true), (false)$$, 'deliveries are read, and written by functions only');

select * from finish();
rollback;

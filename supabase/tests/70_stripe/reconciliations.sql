-- A reconciliation that is cut off goes on where it was.
begin;
select plan(17);

create function pg_temp.run(days integer, at timestamptz) returns billing.stripe_reconciliations
language sql as $$
  select r from _billing.begin_reconciliation(false, days, at) r;
$$;
select is((pg_temp.run(30, '2026-07-01 04:20+00')).since, '2026-06-01 04:20+00'::timestamptz,
  'it looks back so many days');
select _billing.save_reconciliation(id, 'refunds', 'page', '{"told": 3}', '2026-07-01 04:22+00')
from billing.stripe_reconciliations;
select results_eq($$select step, cursor, report, started_at
    from pg_temp.run(30, '2026-07-01 04:25+00') r$$,
  $$values ('refunds', 'page', '{"told": 3}'::jsonb, '2026-07-01 04:20+00'::timestamptz)$$,
  'the next call goes on with it');
select is((pg_temp.run(3, '2026-07-01 04:25+00')).step, null, 'one of other days is another one');
select is(_billing.cut_off_reconciliation('2026-07-01 04:26+00'), null,
  'a reconciliation under way is not cut off');
select is(_billing.cut_off_reconciliation('2026-07-01 04:29+00'), 30,
  'one that nobody works on is cut off');
select _billing.save_reconciliation(id, 'refunds', 'page', '{}', '2026-07-01 04:30+00',
  '2026-07-01 04:50+00') from billing.stripe_reconciliations where days = 30;
select is(_billing.cut_off_reconciliation('2026-07-01 04:49+00'), 3,
  'one that a rate limit has ended waits as long as it is to');
select is(_billing.cut_off_reconciliation('2026-07-01 04:50+00'), 30, 'and goes on then');
select _billing.save_reconciliation(id, null, null, '{}', '2026-07-01 04:30+00')
from billing.stripe_reconciliations where days = 3;
select is((pg_temp.run(3, '2026-07-01 05:00+00')).started_at, '2026-07-01 05:00+00'::timestamptz,
  'after one that has finished begins another');
select is((pg_temp.run(30, '2026-07-02 05:00+00')).step, null,
  'one of more than a day ago begins anew');
select is((select count(*)::int from billing.stripe_reconciliations where finished_at is null), 2,
  'there is one at a time');
-- The key of the account is replaced by one of the other mode.
select is((_billing.begin_reconciliation(true, 30, '2026-07-02 06:00+00')).since,
  '2026-06-02 06:00+00'::timestamptz, 'one with a key of the other mode is another one');
select _billing.save_reconciliation(id, null, null, '{}', '2026-07-02 06:01+00')
from billing.stripe_reconciliations where livemode;
select is(_billing.cut_off_reconciliation('2026-07-02 06:10+00'), null,
  'a run of the former key goes on no more');

-- The outbox is told of beside it, whether it waits, goes on, or there is none.
insert into public.clients (name, email, started_on) values ('Acme', 'a@example.com', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 5000 from public.clients;
select billing.run_monthly('2026-07-01 09:00+00');
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_1', 'open' from public.invoices;
select vault.create_secret('http://127.0.0.1:1', 'billing_functions_url')
where not exists (select from vault.secrets where name = 'billing_functions_url');
select vault.create_secret('key', 'billing_cron_key')
where not exists (select from vault.secrets where name = 'billing_cron_key');
create function pg_temp.wake() returns text language sql as $$
  delete from billing.job_calls;
  select billing.wake_stripe('{"only": "outbox"}');
$$;
create function pg_temp.called() returns text language sql as $$
  select coalesce(string_agg(job, ' ' order by job), 'nobody') from billing.job_calls;
$$;
update billing.stripe_reconciliations set finished_at = now();
select is(pg_temp.wake() || ': ' || pg_temp.called(), 'nothing to tell: nobody',
  'nobody is called for nothing');
select _billing.save_reconciliation((pg_temp.run(30, now() - interval '10 minutes')).id, 'refunds',
  null, '{}', now() - interval '10 minutes', now() + interval '1 hour');
select is(pg_temp.wake() || ': ' || pg_temp.called(), 'nothing to tell: nobody',
  'nor for a reconciliation that waits');
select billing.void_invoice(id, 'wrong', '2026-07-04') from public.invoices;
select is(pg_temp.wake() || ': ' || pg_temp.called(), 'woken: billing-stripe-outbox',
  'a void is told while a rate limit holds a reconciliation up');
update billing.stripe_reconciliations set due_at = now() where finished_at is null;
select is(pg_temp.wake() || ': ' || pg_temp.called(),
  'woken: billing-stripe-outbox billing-stripe-reconcile', 'and beside one that goes on');
update public.stripe_invoices set state = 'void';
select is(pg_temp.wake() || ': ' || pg_temp.called(), 'woken: billing-stripe-reconcile',
  'which goes on when there is nothing to tell');

select * from finish();
rollback;

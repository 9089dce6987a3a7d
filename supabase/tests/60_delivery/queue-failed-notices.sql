-- Notices that cannot be sent one way go the other; a channel that is down for a day loses nothing.
begin;
select plan(14);

create function pg_temp.fail(key text, outcome text, tries integer default 1)
returns text language plpgsql as $$
declare
  state text;
begin
  for i in 1..tries loop
    update public.deliveries d set state = 'running', lease = gen_random_uuid(),
      attempts = d.attempts + 1 where d.dedupe_key = key;
    select _billing.finish_delivery(d.id, d.lease,
      jsonb_build_object('kind', outcome, 'error', '550 <ap@acme.test>: unknown'))
    into state from public.deliveries d where d.dedupe_key = key;
  end loop;
  return state;
end $$;

-- The only notice of a mail that bounced goes by HERMES, since mail has failed.
update public.billing_settings set operator_emails = '{ops@example.test}';
insert into public.deliveries (kind, event, dedupe_key, max_attempts)
values ('email', 'invoice_issued', 'bounced', 1);
select is(pg_temp.fail('bounced', 'dead'), 'dead', 'a mail that is refused is dead');
create temporary table notice as
select dedupe_key as hermes, regexp_replace(dedupe_key, 'hermes$', 'email') as email
from public.deliveries where event = 'notice';
select is((select count(*) from notice), 1::bigint, 'operators are told of it by HERMES');
select is((select pg_temp.fail(hermes, 'retry', 4) from notice), 'queued',
  'HERMES fails four times');
select is_empty($$select from public.deliveries d join notice n on d.dedupe_key = n.email$$,
  'and may yet be back');
select is((select pg_temp.fail(hermes, 'retry') from notice), 'queued', 'it fails a fifth time');
select results_eq($$select d.kind, d.event, d.state, d.payload -> 'to', d.payload ->> 'text'
  from public.deliveries d join notice n on d.dedupe_key = n.email$$,
  $$select 'email', 'notice', 'queued', '["ops@example.test"]'::jsonb, h.payload ->> 'message'
    from public.deliveries h join notice n on h.dedupe_key = n.hermes$$,
  'then the notice is mailed too, word for word');
select is((select pg_temp.fail(email, 'dead') from notice), 'dead', 'the mail is refused as well');
select is((select count(*) from public.deliveries where event = 'notice'), 2::bigint,
  'nothing is told of a notice that failed both ways');

-- Without an address the message can only wait for HERMES.
update public.billing_settings set operator_emails = '{}';
select billing.queue_operator_alert('alone', 'high', 'Subject', 'Message');
select pg_temp.fail('alone:hermes', 'retry', 5);
select is((select count(*) from public.deliveries where dedupe_key like 'alone:%'), 1::bigint,
  'without an address of operators nothing is mailed');
-- A mail that nobody took, of a notice that went by mail alone.
insert into public.deliveries (kind, event, dedupe_key, payload) values ('email', 'notice',
  'mailed:email', '{"to": ["ops@example.test"], "subject": "Subject", "text": "Text"}');
select pg_temp.fail('mailed:email', 'dead');
select is((select payload from public.deliveries where dedupe_key = 'mailed:hermes'),
  '{"message": "Subject\n\nText", "priority": "high"}',
  'a mailed notice that failed goes by HERMES');

-- A channel that is off where the worker runs.
update public.billing_settings set operator_emails = '{ops@example.test}';
insert into public.deliveries (kind, event, dedupe_key, payload) values ('hermes', 'notice',
  'off:hermes', '{"message": "Message", "priority": "high"}');
select _billing.skip_deliveries('hermes', 'HERMES is off');
select is((select payload ->> 'text' from public.deliveries where dedupe_key = 'off:email'),
  'Message', 'a notice for HERMES is mailed where HERMES is off');
select _billing.skip_deliveries('email', 'mail is off');
select is((select count(*) from public.deliveries where dedupe_key like 'off:%'), 2::bigint,
  'where both are off it ends there');

select _billing.send_notice_otherwise(array(select id from public.deliveries));
select is((select count(*) from public.deliveries where dedupe_key like 'off:%'), 2::bigint,
  'a notice on both ways is not queued a third time');

-- The shortest waits between as many tries as a delivery has.
select cmp_ok((select sum(_billing.retry_delay(n, 0)) from public.billing_settings s
  cross join generate_series(1, s.delivery_attempts - 1) n), '>=', interval '1 day',
  'a delivery is tried for a day at least before it gives up');

select * from finish();
rollback;

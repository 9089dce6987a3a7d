-- Who mails an invoice, we or Stripe: decided once, so never both; reminders follow.
begin;
select plan(16);

insert into public.clients (name, external_id, email, started_on)
values ('By us', 'us', 'a@example.test', '2026-06-01'),
  ('By Stripe', 'stripe', 'b@example.test', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
select id, 5000 from public.clients;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select c.external_id as name, i.id
from public.invoices i join public.clients c on c.id = i.client_id;
create function pg_temp.claim(name text, mailer text) returns boolean language sql as $$
  select _billing.claim_mail((select id from inv where inv.name = claim.name), mailer);
$$;

select ok(pg_temp.claim('us', 'us'), 'we mail what nobody mails');
select ok(pg_temp.claim('us', 'us'), 'and may try again');
select ok(not pg_temp.claim('us', 'stripe'), 'then Stripe does not');
select ok(pg_temp.claim('stripe', 'stripe'), 'Stripe mails what nobody mails');
select ok(pg_temp.claim('stripe', 'stripe'), 'and is asked again while it is not noted');
select ok(not pg_temp.claim('stripe', 'us'), 'then we do not');
select _billing.release_mail((select id from inv where name = 'stripe'));
select ok(pg_temp.claim('stripe', 'us'), 'an invoice that Stripe refuses to mail is mailed by us');
delete from _billing.invoice_mailers m using inv where inv.id = m.invoice_id and name = 'stripe';
select ok(pg_temp.claim('stripe', 'stripe'), 'or Stripe''s again');
select _billing.note_mailed((select id from inv where name = 'stripe'));
select _billing.release_mail((select id from inv where name = 'stripe'));
select ok(not pg_temp.claim('stripe', 'stripe'), 'once it is noted Stripe is not asked again');
select results_eq($$select name, _billing.is_mailed_by_stripe(id) from inv order by name$$,
  $$values ('stripe', true), ('us', false)$$, 'which is which');
select ok(pg_temp.claim('us', 'us'), 'our own mail may be sent again by an operator');

update public.deliveries set state = 'done', finished_at = now() where finished_at is null;
select is(billing.queue_reminders('2026-07-31 09:00+00'), 1::bigint, 'one is reminded of');
select results_eq($$select i.name from public.deliveries d join inv i on i.id = d.invoice_id
    where d.event = 'reminder'$$, $$values ('us')$$, 'the one that we have mailed');

-- A payment that fails: the same choice.
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || name, 'open' from inv;
select billing.receive_stripe_event(jsonb_build_object('id', 'evt_' || name, 'type',
  'invoice.payment_failed', 'livemode', false, 'created', 1783000000, 'data', jsonb_build_object(
    'object', jsonb_build_object('id', 'in_' || name, 'status', 'open', 'total', 5000,
      'amount_paid', 0, 'attempt_count', 1, 'livemode', false, 'currency', 'usd',
      'metadata', '{}'::jsonb))))
from inv;
select _billing.remind_of_failed_payment(e) from billing.stripe_events e;
select results_eq($$select i.name from public.deliveries d join inv i on i.id = d.invoice_id
    where d.payload ? 'failure'$$, $$values ('us')$$, 'Stripe tells of its payment by itself');

-- The choice itself.
select trigger_is('public', 'stripe_terms', 'guard_stripe_terms', '_billing',
  'guard_stripe_terms', 'changes of stripe_terms are guarded');
select throws_ok($$insert into public.stripe_terms (client_id, collection_method, mailed_by)
  select id, 'charge_automatically', 'stripe' from public.clients where external_id = 'us'$$,
  'PT400', null, 'Stripe cannot be asked to mail what it charges by itself');

select * from finish();
rollback;

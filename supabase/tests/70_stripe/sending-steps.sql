-- What is written down while an invoice goes to Stripe, and what Stripe is still to be told.
begin;
select plan(25);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 3) n;
select billing.run_monthly('2026-07-01 09:00+00');
create function pg_temp.id_of(n integer) returns uuid language sql as $$
  select id from public.invoices where number = 'INV-2026-00000' || n;
$$;
create function pg_temp.mirror(n integer) returns public.stripe_invoices language sql as $$
  select m from public.stripe_invoices m where m.invoice_id = pg_temp.id_of(n);
$$;

delete from vault.secrets where name like 'billing_%';
select matches(billing.wake_stripe('{}'), '^not configured', 'without secrets nobody is called');
select vault.create_secret('http://127.0.0.1:1', 'billing_functions_url');
select vault.create_secret('key', 'billing_cron_key');
select is(billing.wake_stripe('{}'), 'nothing is in Stripe', 'nor before Stripe has anything');

select _billing.begin_stripe_invoice(pg_temp.id_of(n), false) from generate_series(1, 3) n;
select _billing.begin_stripe_invoice(pg_temp.id_of(1), false);
select is((select count(*) from public.stripe_invoices where state = 'creating'), 3::bigint,
  'an invoice is begun once, before Stripe is asked');
select _billing.save_stripe_problem(pg_temp.id_of(1), false, 'held', 'too small', false);
select is((pg_temp.mirror(1)).state || (pg_temp.mirror(1)).problem
    || (pg_temp.mirror(1)).generation,
  'heldtoo small1', 'the reason for holding an invoice is noted');
select _billing.save_stripe_draft(pg_temp.id_of(1), false, 'in_1');
select is((pg_temp.mirror(1)).state || (pg_temp.mirror(1)).stripe_invoice_id, 'draftin_1',
  'then its draft');
select is((pg_temp.mirror(1)).problem, null, 'and the problem is gone');
select _billing.save_stripe_problem(pg_temp.id_of(1), false, 'refused', 'differs', true);
select is((pg_temp.mirror(1)).generation || coalesce((pg_temp.mirror(1)).stripe_invoice_id, '-'),
  '2-', 'a draft that was deleted is made anew under another key');
-- Stripe no longer has it: forgotten once, and begun anew if it is still due.
select _billing.save_stripe_draft(pg_temp.id_of(3), false, 'in_gone');
select _billing.forget_stripe_draft(pg_temp.id_of(3), false, 'in_another');
select is((pg_temp.mirror(3)).stripe_invoice_id, 'in_gone', 'only the draft that is gone');
select _billing.forget_stripe_draft(pg_temp.id_of(3), false, 'in_gone') from generate_series(1, 2);
select is((pg_temp.mirror(3)).state || (pg_temp.mirror(3)).generation, 'creating2',
  'is forgotten, once');
savepoint settled;
select _billing.save_stripe_draft(pg_temp.id_of(3), false, 'in_gone');
select billing.record_payment(pg_temp.id_of(3), 5000, '2026-07-02', 'bank', 'transfer');
select _billing.forget_stripe_draft(pg_temp.id_of(3), false, 'in_gone');
select is((pg_temp.mirror(3)).state, 'refused', 'and not begun anew when it has been paid');
rollback to settled;
update public.stripe_invoices set stripe_invoice_id = 'in_open', state = 'open'
where invoice_id = pg_temp.id_of(3);
select _billing.forget_stripe_draft(pg_temp.id_of(3), false, 'in_open');
select is((pg_temp.mirror(3)).state, 'open', 'a finalized invoice is never forgotten');
rollback to settled;
select _billing.save_stripe_draft(pg_temp.id_of(n), false, 'in_' || n) from generate_series(1, 3) n;
select billing.issue_credit_note(pg_temp.id_of(2), 'before', 100, false, '2026-07-02');
-- What the worker reads; then, before it notes what is sent, another credit note is issued.
create temporary table facts as
select _billing.stripe_invoice_facts(pg_temp.id_of(2), false) as facts;
savepoint meanwhile;
select billing.issue_credit_note(pg_temp.id_of(2), 'meanwhile', 50, false, '2026-07-02');
select _billing.save_stripe_carried(pg_temp.id_of(2), false, '[]', 4900, array(
  select n::uuid from facts, jsonb_array_elements_text(facts -> 'credit_notes') n));
select results_eq('select amount_minor, reason
    from _billing.unsent_credit_notes(pg_temp.mirror(2))',
  $$values (50::bigint, 'meanwhile')$$,
  'a credit note that was issued after the amount was read must be sent');
rollback to meanwhile;
select _billing.save_stripe_carried(pg_temp.id_of(2), false, jsonb_build_array(jsonb_build_object(
  'invoice_id', pg_temp.id_of(1), 'amount_minor', 5000)), 9900, array(
  select n::uuid from facts, jsonb_array_elements_text(facts -> 'credit_notes') n));
select results_eq('select held_invoice_id, amount_minor from public.stripe_carried',
  'select pg_temp.id_of(1), 5000::bigint', 'an amount collected for another invoice is noted');
select is((pg_temp.mirror(2)).agreed_total_minor || ' ' || (pg_temp.mirror(2)).carried_minor,
  '9900 5000', 'with the total that both sides agreed on');
select is_empty('select * from _billing.unsent_credit_notes(pg_temp.mirror(2))',
  'a credit note that the amount allows for need not be sent');

-- What Stripe is to be told.
update public.stripe_invoices set state = 'open';
select is(billing.wake_stripe('{"only": "outbox"}'), 'nothing to tell', 'so far it knows all');
-- A payment method that was stored in either mode is to become the default. Taken back.
create function pg_temp.woken_by_setup(live boolean) returns text language plpgsql as $$
declare
  said text;
begin
  insert into public.clients (id, name) values ('00000000-0000-4000-8000-000000000075', 'Card');
  insert into public.stripe_customers (client_id, livemode, stripe_customer_id)
  values ('00000000-0000-4000-8000-000000000075', live, 'cus_card');
  perform _billing.note_setup(jsonb_build_object('mode', 'setup', 'customer', 'cus_card',
    'livemode', live, 'setup_intent', 'seti_card'), now());
  said := billing.wake_stripe('{"only": "outbox"}');
  raise exception using errcode = 'LB001', message = said;
exception when sqlstate 'LB001' then
  return sqlerrm;
end $$;
select is(array[pg_temp.woken_by_setup(true), pg_temp.woken_by_setup(false)], '{woken,woken}',
  'a payment method that was stored is told of');
select billing.issue_credit_note(pg_temp.id_of(2), 'after', 200, false, '2026-07-03');
select results_eq('select amount_minor, refund_minor, reason
    from _billing.unsent_credit_notes(pg_temp.mirror(2))',
  $$values (200::bigint, 0::bigint, 'after')$$, 'a later one must be');
select billing.void_invoice(pg_temp.id_of(1), 'wrong', '2026-07-04');
select billing.record_payment(pg_temp.id_of(3), 5000, '2026-07-04');
select results_eq('select task, stripe_invoice_id, amount_minor, memo
    from _billing.stripe_outbox(false)
      order by 2', $$values ('void', 'in_1', 0::bigint, null::text),
    ('credit_note', 'in_2', 200, 'after'), ('paid_elsewhere', 'in_3', 0, null)$$,
  'voids, credits and payments made elsewhere');
select is_empty('select * from _billing.stripe_outbox(true)', 'in the mode that they are of');
select is(billing.wake_stripe('{"only": "outbox"}'), 'woken', 'then the function is called');
select _billing.save_stripe_credit_note(u.credit_note_id, false, 'cn_1')
from _billing.unsent_credit_notes(pg_temp.mirror(2)) u;
select results_eq($$select stripe_credit_note_id, origin from public.stripe_credit_notes
    where stripe_credit_note_id is not null$$, $$values ('cn_1', 'ours')$$,
  'a credit note that was sent has its id at Stripe');
select is_empty($$select * from _billing.stripe_outbox(false) where task = 'credit_note'$$,
  'and not sent again');
select _billing.save_paid_off_stripe(pg_temp.id_of(3), false, 5000);
select is((pg_temp.mirror(3)).paid_off_stripe_minor, 5000::bigint,
  'a payment told as made elsewhere is not booked again');
select results_eq($$select number, status, wanted, expected_total_minor, state,
    paid_off_stripe_minor, remaining_minor
    from _billing.stripe_both_sides('2026-07-01', false)$$,
  $$values ('INV-2026-000001', 'void', false, null::bigint, 'open', 0::bigint, 0::bigint),
    ('INV-2026-000002', 'open', true, 9900, 'open', 0, 4700),
    ('INV-2026-000003', 'paid', false, null, 'open', 5000, 0)$$,
  'both sides of every invoice, to compare');

select * from finish();
rollback;

-- Payments that paid several invoices: a refund names its payment only, so what is refunded is
-- divided among them in order, until a credit note of Stripe says of which invoice it is.

-- Moves refunds that a credit note of Stripe names to its invoice, from invoices that they were put
-- on without a note.
create function _billing.move_noted_refunds(note jsonb)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  other record;
  moved bigint;
begin
  for other in
    select o.*, x.amount as noted
    from (
      select coalesce(p #>> '{refund,id}', p ->> 'refund') as refund_id, sum(_billing.from_stripe(
        coalesce(p ->> 'amount_refunded', note ->> 'total')::bigint, note ->> 'currency')) as amount
      from jsonb_array_elements(coalesce(note -> 'refunds', '[]')) p group by 1
    ) x
    join public.stripe_refunds o using (refund_id)
    where o.stripe_invoice_id <> note ->> 'invoice' and o.stripe_credit_note_id is null
    order by o.refund_id, o.stripe_invoice_id
  loop
    moved := least(other.amount_minor, other.noted - coalesce((
      select r.amount_minor from public.stripe_refunds r where r.refund_id = other.refund_id
        and r.stripe_invoice_id = note ->> 'invoice'), 0));
    continue when moved <= 0;
    insert into public.stripe_refunds as r (refund_id, stripe_invoice_id, payment_intent_id,
      amount_minor, status, failure_reason, seen_at)
    values (other.refund_id, note ->> 'invoice', other.payment_intent_id, moved, other.status,
      other.failure_reason, other.seen_at)
    on conflict (refund_id, stripe_invoice_id) do update
    set amount_minor = r.amount_minor + excluded.amount_minor;
    update public.stripe_refunds r set amount_minor = r.amount_minor - moved,
      taken_minor = least(r.taken_minor, r.amount_minor - moved)
    where r.refund_id = other.refund_id and r.stripe_invoice_id = other.stripe_invoice_id;
    delete from public.stripe_refunds r where r.refund_id = other.refund_id
      and r.stripe_invoice_id = other.stripe_invoice_id and r.amount_minor = 0;
  end loop;
end $$;
comment on function _billing.move_noted_refunds is
  'Puts refunds on the invoice whose credit note of Stripe names them.';

-- Divides anew what charges said of payments that this invoice shares with others, now that more of
-- its refunds is known, and books what is not of the others after all.
create function _billing.divide_anew(stripe_id text, at timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  other text;
begin
  update public.stripe_payments p set refunded_minor = d.part
  from (
    select s.payment_intent_id, sum(s.refunded_minor)::bigint as said
    from public.stripe_payments s
    where s.payment_intent_id in (select o.payment_intent_id from public.stripe_payments o
      where o.stripe_invoice_id = stripe_id)
    group by s.payment_intent_id having count(*) > 1
  ) s
  cross join lateral _billing.divide_refund(s.payment_intent_id, s.said, true) d
  where p.payment_intent_id = s.payment_intent_id and p.stripe_invoice_id = d.stripe_invoice_id;
  for other in
    select distinct o.stripe_invoice_id
    from public.stripe_payments p join public.stripe_payments o using (payment_intent_id)
    where p.stripe_invoice_id = stripe_id and o.stripe_invoice_id <> stripe_id order by 1
  loop
    perform _billing.book_stripe_refunds(_billing.sum_stripe_refunds(other), at);
  end loop;
end $$;
comment on function _billing.divide_anew is
  'Takes off other invoices of a payment what a credit note says was refunded of this one.';

-- What Stripe grants on an invoice: by its credit notes, and by refunds that are on none of them.

-- What a credit note of Stripe, which is not noted yet but whose refunds are, grants beyond the
-- credit notes that the invoice has here. A refund comes without its note's id, so one that was
-- told of before its note may have been taken for another: for the refund that a note of ours waits
-- for, for one that is made again after it failed, or for one that is on no note. All that is known
-- together says how much is granted, whatever came first. A refund that is on no note of Stripe,
-- and for which none was made here, may still be one of the former two.
create function _billing.ungranted_credit(mirror public.stripe_invoices, amount bigint)
returns bigint language sql stable set search_path = pg_catalog, pg_temp as $$
  select greatest(0, least(i.total_minor, n.own + amount + r.alone
    + _billing.noted_by_stripe(mirror.stripe_invoice_id) - _billing.taken_by_lone_refunds(mirror))
    - n.granted)
  from public.invoices i, (
    select coalesce(sum(x.total_minor), 0)::bigint as granted,
      coalesce(sum(x.total_minor) filter (where s.origin is null or s.origin = 'ours'), 0)::bigint
        as own
    from public.credit_notes x
    left join public.stripe_credit_notes s on s.credit_note_id = x.id
    where x.invoice_id = mirror.invoice_id and x.voided_at is null
  ) n, (
    select _billing.stripe_refunded(mirror.stripe_invoice_id)
      - coalesce(sum(x.amount_minor), 0)::bigint as alone
    from public.stripe_refunds x
    where x.stripe_invoice_id = mirror.stripe_invoice_id and x.stripe_credit_note_id is not null
      and x.status not in ('failed', 'canceled')
  ) r
  where i.id = mirror.invoice_id and i.status in ('open', 'paid', 'uncollectible');
$$;
comment on function _billing.ungranted_credit is
  'What a credit note of Stripe grants beyond the notes of its invoice here; null where it cannot.';

-- A credit note of Stripe that is told of when its refund has failed, or has taken credit of
-- another: the amount is on a note to be refunded, and on the balance, as it is where the note is
-- told of first. So a refund that is made again takes it from there.
create function _billing.credit_late_note(mirror public.stripe_invoices, note_id text,
  amount bigint, at timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
    created_at, note)
  select i.client_id, i.currency, amount, 'refund', i.id, at, 'Credited in Stripe after its refund'
  from public.invoices i where i.id = mirror.invoice_id and amount > 0;
  update public.stripe_refunds r set credited_minor = r.amount_minor
  where amount > 0 and r.stripe_credit_note_id = note_id and r.status in ('failed', 'canceled');
$$;
comment on function _billing.credit_late_note is
  'Puts on the balance what a credit note grants whose refund took credit, or failed, before.';

-- Books the refunds of a credit note. One of a note of ours that was told of before its note may
-- have been taken for one on no note, because another refund had taken what the note promises, and
-- have got a note here. Where that other one has failed since, the promise is credit again, and the
-- note that was made here is not needed: it is void, and its amount comes off that credit.
create function _billing.book_refunds_of_note(mirror public.stripe_invoices, named uuid,
  at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  off record;
  uncovered bigint;
begin
  perform _billing.book_stripe_refunds(mirror, at);
  perform _billing.name_taken(mirror.stripe_invoice_id, null);
  select * into mirror from public.stripe_invoices m
  where m.stripe_invoice_id = mirror.stripe_invoice_id;
  if named is null or _billing.unneeded_refund_notes(mirror) <= 0 then
    return null;
  end if;
  select * into off from _billing.take_refund_off_notes(mirror, mirror.refunded_minor, at);
  select least(off.taken, c.uncovered) into uncovered
  from _billing.refund_cover(mirror.invoice_id, mirror.refunded_minor) c;
  if uncovered > 0 then
    perform _billing.take_refund_off_balance(_billing.get_invoice(mirror.invoice_id), uncovered,
      format('%s/noted/%s', mirror.stripe_invoice_id, named), at);
  end if;
  return off.outcome;
end $$;
comment on function _billing.book_refunds_of_note is
  'Books refunds that a credit note names; voids notes that were made here for them alone.';

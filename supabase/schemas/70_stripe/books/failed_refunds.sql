-- Refunds that fail or are canceled: the money stays with us.

-- What was given back beyond notes and balance, and what failed refunds have put on the balance.
create function _billing.refund_cover(invoice_id uuid, gone bigint)
returns table (uncovered bigint, returned bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select gone - n.noted + b.entries, greatest(b.entries, 0)
  from (
    select coalesce(sum(x.to_refund_minor), 0)::bigint as noted
    from public.credit_notes x
    where x.invoice_id = refund_cover.invoice_id and x.voided_at is null
  ) n, (
    select coalesce(sum(x.amount_minor), 0)::bigint as entries
    from public.balance_entries x
    where x.invoice_id = refund_cover.invoice_id and x.reason = 'refund'
  ) b;
$$;
comment on function _billing.refund_cover is
  'What of an invoice''s refunds is on no credit note and off no balance.';

-- What credit notes of Stripe, none of ours among them, grant on an invoice; of one that is void
-- there and stands here, what stands.
create function _billing.noted_by_stripe(stripe_id text) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(sum(case when t.status = 'issued' then t.amount_minor else h.standing end),
    0)::bigint
  from public.stripe_notes t
  cross join lateral (
    select coalesce(sum(n.total_minor) filter (where n.voided_at is null), 0)::bigint as standing,
      coalesce(bool_or(s.origin = 'ours'), false) as is_ours
    from public.stripe_credit_notes s
    join public.credit_notes n on n.id = s.credit_note_id
    where s.stripe_credit_note_id = t.stripe_credit_note_id) h
  where t.stripe_invoice_id = stripe_id and not h.is_ours;
$$;
comment on function _billing.noted_by_stripe is
  'What Stripe''s own credit notes on one of its invoices grant.';

-- What refunds on no credit note of Stripe took that needs no note of their own: what notes of ours
-- promise, or credit of refunds that failed. It cannot be more than there is of both: where it is,
-- refunds that were told of with their notes since are the ones that were promised.
create function _billing.taken_by_lone_refunds(mirror public.stripe_invoices) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select least(m.unnamed_taken_minor + r.taken, greatest(0, n.promised - r.own_given) + r.failed)
  from public.stripe_invoices m, (
    select coalesce(sum(x.to_refund_minor), 0)::bigint as promised
    from public.credit_notes x
    left join public.stripe_credit_notes s on s.credit_note_id = x.id
    where x.invoice_id = mirror.invoice_id and x.voided_at is null
      and (s.origin is null or s.origin = 'ours')
  ) n, (
    select coalesce(sum(x.taken_minor) filter (where x.stripe_credit_note_id is null
        and not f.has_failed), 0)::bigint as taken,
      coalesce(sum(x.amount_minor) filter (where o.is_own and not f.has_failed), 0)::bigint
        as own_given,
      coalesce(sum(x.amount_minor) filter (where x.stripe_credit_note_id is not null
        and f.has_failed and not o.is_own), 0)::bigint as failed
    from public.stripe_refunds x
    cross join lateral (select exists (select from public.stripe_credit_notes s
      where s.stripe_credit_note_id = x.stripe_credit_note_id and s.origin = 'ours') as is_own) o
    cross join lateral (select x.status in ('failed', 'canceled') as has_failed) f
    where x.stripe_invoice_id = mirror.stripe_invoice_id
  ) r
  where m.stripe_invoice_id = mirror.stripe_invoice_id;
$$;
comment on function _billing.taken_by_lone_refunds is
  'What of refunds on no credit note of Stripe needs no note that was made here for them.';

-- What of the notes that were made here for refunds alone no refund needs any more: neither one
-- that stands, nor a credit note of Stripe that was told of after its refund and has no other here.
create function _billing.unneeded_refund_notes(mirror public.stripe_invoices) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select n.alone - greatest(0, _billing.noted_by_stripe(mirror.stripe_invoice_id) - n.noted)
    - (mirror.refunded_minor - r.noted_and_gone - _billing.taken_by_lone_refunds(mirror))
  from (
    select coalesce(sum(x.total_minor) filter (where s.origin = 'refund'), 0)::bigint as alone,
      coalesce(sum(x.total_minor) filter (where s.origin = 'stripe'), 0)::bigint as noted
    from public.credit_notes x join public.stripe_credit_notes s on s.credit_note_id = x.id
    where x.invoice_id = mirror.invoice_id and x.voided_at is null
  ) n, (
    select coalesce(sum(x.amount_minor), 0)::bigint as noted_and_gone
    from public.stripe_refunds x
    where x.stripe_invoice_id = mirror.stripe_invoice_id and x.stripe_credit_note_id is not null
      and x.status not in ('failed', 'canceled')
  ) r;
$$;
comment on function _billing.unneeded_refund_notes is
  'What notes that were made here for refunds alone credit beyond the refunds that need them.';

-- Takes a refund that failed off the notes that were made here for refunds alone, each of one or
-- of several that came together: such a note is void, and what it credits besides is on a new one.
create function _billing.take_refund_off_notes(mirror public.stripe_invoices, amount bigint,
  at timestamptz, out taken bigint, out outcome text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  most constant bigint := least(amount, _billing.unneeded_refund_notes(mirror));
  own public.credit_notes;
  replaced text;
begin
  taken := 0;
  while taken < most loop
    select n.* into own from public.stripe_credit_notes s
    join public.credit_notes n on n.id = s.credit_note_id
    where n.invoice_id = mirror.invoice_id and s.origin = 'refund' and n.voided_at is null
    order by n.total_minor < most - taken, abs(n.total_minor - (most - taken)), n.issued_at desc,
      n.number desc limit 1;
    exit when not _billing.void_credit_note(own.id, at);
    outcome := concat_ws(', ', outcome, 'voided ' || own.number);
    if own.total_minor > most - taken then
      replaced := _billing.credit_by_amount(_billing.get_invoice(mirror.invoice_id),
        own.total_minor - (most - taken), 'Refunded in Stripe', true, at, true);
      insert into public.stripe_credit_notes (credit_note_id, livemode, origin)
      select n.id, mirror.livemode, 'refund' from public.credit_notes n where n.number = replaced;
      outcome := concat_ws(', ', outcome, 'issued ' || replaced);
    end if;
    taken := least(most, taken + own.total_minor);
  end loop;
end $$;
comment on function _billing.take_refund_off_notes is
  'Voids notes of a refund that failed; their credit for other refunds is on a new one.';

-- Money that a failed or canceled refund leaves with us. Where a credit note of Stripe is behind
-- the refund (noted), that note granted the money and stands: it is the client's credit. Else the
-- note that was made here for the refund is void: as in Stripe, nothing was granted. Money on no
-- account, because the credit was spent, ends as it began. So the end is the same as where the
-- refund was first heard of when it had failed.
create function _billing.book_failed_refund(mirror public.stripe_invoices, amount bigint,
  reference text, at timestamptz, noted boolean default false)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
  taken bigint := 0;
  outcome text;
  credit bigint;
begin
  select greatest(c.uncovered, 0) into credit
  from _billing.refund_cover(invoice.id, mirror.booked_refund_minor) c;
  insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method,
    reference)
  values (invoice.id, invoice.client_id, amount, 'refund_failed', invoice.currency, at, 'stripe',
    reference);
  if not noted then
    select t.taken, t.outcome into taken, outcome
    from _billing.take_refund_off_notes(mirror, amount, at) t;
  end if;
  credit := greatest(0, amount - taken - credit);
  if credit > 0 then
    insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
      created_at, note)
    values (invoice.client_id, invoice.currency, credit, 'refund', invoice.id, at,
      'A refund in Stripe did not arrive');
  end if;
  return concat_ws(', ', format('refund of %s failed', amount), outcome,
    case when credit > 0 or taken = 0 then credit || ' is credit' end);
end $$;

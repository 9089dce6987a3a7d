-- Money that goes back, and comes back where a refund fails.

-- Credit that was given back as money cannot be spent once more. The part spent already is
-- money that the client owes, and on no account until somebody puts it on an invoice.
create function _billing.take_refund_off_balance(invoice public.invoices, amount bigint,
  reference text, at timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  credit constant bigint := coalesce((select sum(b.amount_minor) from public.balance_entries b
    where b.client_id = invoice.client_id and b.currency = invoice.currency), 0);
begin
  if credit > 0 then
    insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
      created_at, note)
    values (invoice.client_id, invoice.currency, -least(amount, credit), 'refund', invoice.id, at,
      'Refunded in Stripe');
  end if;
  if amount > credit then
    perform _billing.notice('spent/' || reference, 'high',
      format('%s of %s was refunded in Stripe, '
      || 'but the client had spent that credit: put it on an invoice with an item',
      billing.money_text(amount - credit, invoice.currency), invoice.number));
  end if;
end $$;

-- What has gone back of an invoice's payments: its refunds but for those that failed, and what
-- charges say beyond the refunds that are known one by one. A charge's figure includes each refund
-- while it has not failed, so the most that it ever said is never more than all refunds together.
create function _billing.stripe_refunded(stripe_id text) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(r.gone, 0) + greatest(0, coalesce(p.said, 0) - coalesce(r.ever, 0))
  from (
    select sum(x.amount_minor) filter (where x.status not in ('failed', 'canceled')) as gone,
      sum(x.amount_minor) as ever
    from public.stripe_refunds x where x.stripe_invoice_id = stripe_id
  ) r, (
    select sum(x.refunded_minor) as said
    from public.stripe_payments x where x.stripe_invoice_id = stripe_id
  ) p;
$$;
comment on function _billing.stripe_refunded is
  'What Stripe has given back of an invoice''s payments and not got back.';

-- A refund is money gone. Its amount must be on a credit note; one that was made without
-- (in the Dashboard) gets one here. An amount that cannot be credited, because the invoice is void
-- or was credited to the balance already, was the client's credit and no longer is; the same
-- holds for a refund that failed once and is made again.
create function _billing.cover_stripe_refund(mirror public.stripe_invoices, gone bigint,
  reference text, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
  uncovered bigint;
  off_balance bigint;
  to_note bigint;
  note_number text;
begin
  select least(gone, c.uncovered), least(gone, c.uncovered, c.returned)
  into uncovered, off_balance
  from _billing.refund_cover(invoice.id, mirror.refunded_minor) c;
  update public.stripe_invoices m set unnamed_taken_minor = m.unnamed_taken_minor + gone
    - greatest(0, uncovered) + greatest(0, off_balance)
  where m.stripe_invoice_id = mirror.stripe_invoice_id;
  if coalesce(uncovered, 0) <= 0 then
    return null;
  end if;
  to_note := least(uncovered - off_balance, case
    when invoice.status in ('open', 'paid', 'uncollectible') then invoice.total_minor - (
      select coalesce(sum(n.total_minor), 0) from public.credit_notes n
      where n.invoice_id = invoice.id and n.voided_at is null)
    else 0 end);
  if to_note > 0 then
    note_number := _billing.credit_by_amount(invoice, to_note, 'Refunded in Stripe', true, at,
      true);
    insert into public.stripe_credit_notes (credit_note_id, livemode, origin)
    select n.id, mirror.livemode, 'refund' from public.credit_notes n
    where n.number = note_number;
  end if;
  if uncovered > greatest(to_note, 0) then
    perform _billing.take_refund_off_balance(invoice, uncovered - greatest(to_note, 0), reference,
      at);
  end if;
  return note_number;
end $$;

-- What refunds took that needs no note is summed on the invoice as they are booked. A refund that
-- has been named is one of these: of a sum of a charge, it is taken to be one that has its note,
-- as long as enough of the sum is left for the others.
create function _billing.name_taken(stripe_id text, refund text) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  with named as (
    update public.stripe_invoices m set unnamed_taken_minor = m.unnamed_taken_minor - x.part
    from (
      select greatest(0, i.unnamed_taken_minor - greatest(0, _billing.stripe_refunded(stripe_id)
        - (select coalesce(sum(r.amount_minor), 0) from public.stripe_refunds r
          where r.stripe_invoice_id = stripe_id
            and r.status not in ('failed', 'canceled'))))::bigint as part
      from public.stripe_invoices i where i.stripe_invoice_id = stripe_id
    ) x
    where m.stripe_invoice_id = stripe_id
    returning x.part
  )
  update public.stripe_refunds r set taken_minor = r.taken_minor + n.part
  from named n where r.refund_id = refund and r.stripe_invoice_id = stripe_id;
$$;
comment on function _billing.name_taken is
  'Notes at a refund what of it needed no note.';

-- Books what has gone back since the last time, or has come back; noted: of a credit note of
-- Stripe's.
create function _billing.book_stripe_refunds(mirror public.stripe_invoices, at timestamptz,
  noted boolean default false)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
  gone constant bigint := mirror.refunded_minor - mirror.booked_refund_minor;
  failures constant bigint := (select count(*) from public.payments p
    where p.invoice_id = mirror.invoice_id and p.kind = 'refund_failed');
  reference text := format('%s/refunded/%s', mirror.stripe_invoice_id, mirror.refunded_minor)
    || case when failures > 0 then '/' || failures else '' end;
  outcome text;
begin
  if gone = 0 then
    return 'refund already booked';
  end if;
  update public.stripe_invoices m set booked_refund_minor = mirror.refunded_minor
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode;
  if gone < 0 then
    return _billing.book_failed_refund(mirror, -gone, format('%s/refund-failed/%s',
      mirror.stripe_invoice_id, failures + 1), at, noted);
  end if;
  insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method,
    reference)
  values (invoice.id, invoice.client_id, -gone, 'refund', invoice.currency, at, 'stripe',
    reference);
  outcome := _billing.cover_stripe_refund(mirror, gone, reference, at);
  perform _billing.notice(reference, 'normal', format('Refunded: %s of %s',
    billing.money_text(gone, invoice.currency), invoice.number));
  return concat_ws(', ', format('refund of %s booked', gone), outcome);
end $$;

-- Sums an invoice's refunds anew and returns its mirror.
create function _billing.sum_stripe_refunds(stripe_id text)
returns public.stripe_invoices language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_invoices m set refunded_minor = _billing.stripe_refunded(stripe_id)
  where m.stripe_invoice_id = stripe_id
  returning m;
$$;
comment on function _billing.sum_stripe_refunds is
  'Notes what has gone back of an invoice''s payments.';

-- Divides what was refunded of a payment among the invoices that it paid, in order, by what of the
-- payment is left on each. Nearly every payment is of one invoice, which takes it all. Of all
-- refunds together (since_ever), those that are known are where they are; no more known is nothing.
create function _billing.divide_refund(intent text, amount bigint, since_ever boolean)
returns table (stripe_invoice_id text, part bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select r.stripe_invoice_id, case when r.rest <= 0 then 0
    when r.place = r.last then r.known + greatest(0, r.rest - r.before)
    else r.known + greatest(0, least(r.room, r.rest - r.before)) end
  from (
    select p.stripe_invoice_id, k.known, x.room, row_number() over w as place,
      count(*) over () as last, (amount - sum(k.known) over ())::bigint as rest,
      coalesce(sum(x.room) over (order by p.stripe_invoice_id
        rows between unbounded preceding and 1 preceding), 0)::bigint as before
    from public.stripe_payments p
    cross join lateral (select coalesce(sum(f.amount_minor), 0)::bigint as known
      from public.stripe_refunds f
      where since_ever and f.stripe_invoice_id = p.stripe_invoice_id
        and coalesce(f.payment_intent_id, intent) = intent
        and exists (select from public.stripe_payments o where o.payment_intent_id = intent
          and o.stripe_invoice_id <> p.stripe_invoice_id)) k
    cross join lateral (select greatest(0, p.amount_minor - case when since_ever then k.known
      else coalesce((select sum(f.amount_minor) from public.stripe_refunds f
        where f.payment_intent_id = intent and f.stripe_invoice_id = p.stripe_invoice_id
          and f.status not in ('failed', 'canceled')), 0) end)::bigint as room) x
    where p.payment_intent_id = intent
    window w as (order by p.stripe_invoice_id)
  ) r;
$$;
comment on function _billing.divide_refund is
  'Which part of a refund is of which invoice of its payment; since_ever: of all refunds together.';

-- A charge as Stripe describes it: `amount_refunded` is all that is given back of it.
create function billing.apply_stripe_charge(charge jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  part record;
  outcome text;
  refused text;
begin
  perform _billing.lock_clients(_billing.clients_of_payment(charge ->> 'payment_intent'));
  refused := _billing.other_currency_of(array(select p.stripe_invoice_id
    from public.stripe_payments p where p.payment_intent_id = charge ->> 'payment_intent'), charge);
  if refused is not null then
    return refused;
  end if;
  for part in
    select d.* from _billing.divide_refund(charge ->> 'payment_intent', _billing.from_stripe(
      (charge ->> 'amount_refunded')::bigint, charge ->> 'currency'), true) d
  loop
    update public.stripe_payments p set charge_id = charge ->> 'id',
      refunded_minor = greatest(p.refunded_minor, part.part)
    where p.payment_intent_id = charge ->> 'payment_intent'
      and p.stripe_invoice_id = part.stripe_invoice_id;
    outcome := concat_ws('; ', outcome, _billing.book_stripe_refunds(
      _billing.sum_stripe_refunds(part.stripe_invoice_id), seen));
  end loop;
  return outcome;
end $$;
comment on function billing.apply_stripe_charge is
  'Books refunds of a charge; null while the payment it belongs to is not known.';
grant execute on function billing.apply_stripe_charge(jsonb, timestamptz) to service_role;

-- A refund's status only moves forward: one that has failed is not pending again.
create function _billing.refund_rank(status text) returns integer language sql immutable
return case when status = 'unknown' then 0 when status in ('pending', 'requires_action') then 1
  when status = 'succeeded' then 2 else 3 end;

create function _billing.notice_of_failed_refund(kept public.stripe_refunds)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.notice('refund-failed/' || kept.refund_id, 'high', format(
    'A refund of %s of %s %s in Stripe%s: the money is with us. What a credit note granted is '
    'credit on the client''s balance; a refund without one is not. Refund it again, or '
    'leave it',
    billing.money_text(kept.amount_minor, i.currency), i.number,
    case kept.status when 'failed' then 'failed' else 'was canceled' end,
    coalesce(' (' || kept.failure_reason || ')', '')))
  from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
  where m.stripe_invoice_id = kept.stripe_invoice_id and kept.status in ('failed', 'canceled');
$$;

-- The part of a refund that is of one invoice.
create function _billing.apply_refund_part(refund jsonb, stripe_id text, amount bigint,
  seen timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  kept public.stripe_refunds;
  mirror public.stripe_invoices;
  outcome text;
begin
  insert into public.stripe_refunds as r (refund_id, stripe_invoice_id, payment_intent_id,
    amount_minor, status, failure_reason, seen_at)
  values (refund ->> 'id', stripe_id, refund ->> 'payment_intent', amount,
    coalesce(refund ->> 'status', 'pending'), refund ->> 'failure_reason', seen)
  on conflict (refund_id, stripe_invoice_id) do update
  set payment_intent_id = excluded.payment_intent_id, amount_minor = excluded.amount_minor,
    status = excluded.status, failure_reason = excluded.failure_reason, seen_at = excluded.seen_at
  where _billing.refund_rank(excluded.status) > _billing.refund_rank(r.status)
  returning * into kept;
  perform _billing.notice_of_failed_refund(kept);
  mirror := _billing.sum_stripe_refunds(stripe_id);
  perform _billing.name_taken(stripe_id, refund ->> 'id');
  outcome := _billing.book_stripe_refunds(mirror, seen, kept.stripe_credit_note_id is not null);
  perform _billing.name_taken(stripe_id, refund ->> 'id');
  update public.stripe_refunds r set credited_minor = substring(outcome, '(\d+) is credit')::bigint
  where r.refund_id = kept.refund_id and r.stripe_invoice_id = stripe_id
    and outcome like '% is credit';
  return outcome;
end $$;

-- A refund as Stripe describes it: by itself, or inside an event of its charge. A refund known
-- already, by a credit note, is of that note's invoice.
create function billing.apply_stripe_refund(refund jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  total constant bigint := _billing.from_stripe((refund ->> 'amount')::bigint,
    refund ->> 'currency');
  known constant text[] := array(select r.stripe_invoice_id from public.stripe_refunds r
    where r.refund_id = refund ->> 'id' order by 1);
  part record;
  outcome text;
  refused text;
begin
  perform _billing.lock_clients(_billing.clients_of_payment(refund ->> 'payment_intent')
    || array(select c from unnest(known) k, unnest(_billing.clients_of_stripe_invoice(k)) c));
  refused := _billing.other_currency_of(known || array(select p.stripe_invoice_id
    from public.stripe_payments p where p.payment_intent_id = refund ->> 'payment_intent'), refund);
  if refused is not null then
    return refused;
  end if;
  for part in
    select d.stripe_invoice_id, d.part
    from _billing.divide_refund(refund ->> 'payment_intent', total, false) d
    where cardinality(known) = 0 and d.part > 0
    union all
    select r.stripe_invoice_id, case when cardinality(known) = 1 then total else r.amount_minor end
    from public.stripe_refunds r where r.refund_id = refund ->> 'id'
    order by 1
  loop
    outcome := concat_ws('; ', outcome, _billing.apply_refund_part(refund, part.stripe_invoice_id,
      part.part, seen));
  end loop;
  return outcome;
end $$;
comment on function billing.apply_stripe_refund is
  'Books a refund, or takes it back where it failed; null while its payment is not known.';
grant execute on function billing.apply_stripe_refund(jsonb, timestamptz) to service_role;

-- What Stripe says about money, brought into our books.
--
-- Stripe's figures are cumulative (`amount_paid`, `amount_refunded`), so nothing here counts
-- events: each figure may only grow, and what it grew by is booked. Events may therefore come
-- twice, in any order, or not at all, and reconciliation calls the very same functions.

-- Statuses of a Stripe invoice only move forward; an older one never overwrites a newer one.
create function billing.stripe_rank(state text) returns integer language sql immutable
return coalesce(array_position(
  '{creating,held,refused,draft,open,uncollectible,deleted,paid,void}'::text[], state), 0);

-- Whose they are, as lock_clients wants it; none where they are not ours.
create function billing.clients_of_stripe_invoice(stripe_id text)
returns uuid[] language sql stable set search_path = '' as $$
  select array(select i.client_id from public.stripe_invoices m
    join public.invoices i on i.id = m.invoice_id where m.stripe_invoice_id = stripe_id);
$$;

create function billing.clients_of_payment(intent_id text)
returns uuid[] language sql stable set search_path = '' as $$
  select array(select i.client_id from public.stripe_payments p
    join public.stripe_invoices m on m.stripe_invoice_id = p.stripe_invoice_id
    join public.invoices i on i.id = m.invoice_id where p.payment_intent_id = intent_id);
$$;

-- One invoice of Stripe, as it is in an event or an answer. Returns what came of it, or null when
-- it is none of ours (a subscription's, one made by hand there).
create function billing.apply_stripe_invoice(invoice jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = '' as $$
-- Definer: the books are written by functions only.
declare
  mirror public.stripe_invoices;
  currency constant text := invoice ->> 'currency';
begin
  perform billing.lock_clients(array(
    select distinct i.client_id from public.stripe_invoices m
    join public.invoices i on i.id = m.invoice_id
    where m.stripe_invoice_id = invoice ->> 'id'
      or m.invoice_id::text = invoice #>> '{metadata,leveredge_invoice_id}'));
  select * into mirror from public.stripe_invoices m
  where m.livemode = (invoice ->> 'livemode')::boolean
    and (m.stripe_invoice_id = invoice ->> 'id' or (m.stripe_invoice_id is null
      and m.state = 'creating'
      and m.invoice_id::text = invoice #>> '{metadata,leveredge_invoice_id}'));
  if mirror.invoice_id is null then
    return null;
  end if;
  update public.stripe_invoices m set
    stripe_invoice_id = invoice ->> 'id',
    state = case when billing.stripe_rank(invoice ->> 'status') >= billing.stripe_rank(m.state)
      then invoice ->> 'status' else m.state end,
    total_minor = case when invoice ->> 'status' = 'draft' then m.total_minor
      else billing.from_stripe((invoice ->> 'total')::bigint, currency) end,
    amount_paid_minor = greatest(m.amount_paid_minor,
      billing.from_stripe((invoice ->> 'amount_paid')::bigint, currency)),
    hosted_invoice_url = coalesce(invoice ->> 'hosted_invoice_url', m.hosted_invoice_url),
    invoice_pdf = coalesce(invoice ->> 'invoice_pdf', m.invoice_pdf),
    seen_at = greatest(m.seen_at, seen)
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode
  returning * into mirror;
  return concat_ws(', ', 'invoice ' || mirror.state,
    billing.book_stripe_payments(mirror, seen), billing.follow_stripe_status(mirror, seen));
end $$;
comment on function billing.apply_stripe_invoice is
  'Brings an invoice as Stripe describes it into the books; null when it is none of ours.';

-- Books what Stripe has received since the last time: held invoices first, then the invoice itself.
create function billing.book_stripe_payments(mirror public.stripe_invoices, at timestamptz)
returns text language plpgsql set search_path = '' as $$
declare
  received constant bigint := mirror.amount_paid_minor - mirror.paid_off_stripe_minor
    - mirror.booked_minor;
  rest bigint := received;
  held record;
  reference constant text := format('%s/%s', mirror.stripe_invoice_id, mirror.amount_paid_minor);
begin
  if received <= 0 then
    return null;
  end if;
  for held in
    select i.id, least(c.amount_minor, i.amount_due_minor) as due
    from public.stripe_carried c join public.invoices i on i.id = c.held_invoice_id
    where c.carrying_invoice_id = mirror.invoice_id and c.livemode = mirror.livemode
      and i.status in ('open', 'uncollectible')
    order by i.issued_on, i.number
  loop
    continue when least(held.due, rest) <= 0;
    perform billing.book_stripe_payment(held.id, least(held.due, rest), at,
      reference || '/' || held.id);
    rest := rest - least(held.due, rest);
  end loop;
  if rest > 0 then
    perform billing.book_stripe_payment(mirror.invoice_id, rest, at, reference);
  end if;
  update public.stripe_invoices m set booked_minor = m.booked_minor + received
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode;
  return format('booked %s', received);
end $$;

-- Money that arrives for an invoice that needs none any more is the client's.
create function billing.book_stripe_payment(invoice_id uuid, amount bigint, at timestamptz,
  reference text)
returns void language plpgsql set search_path = '' as $$
declare
  invoice public.invoices := billing.get_invoice(invoice_id);
begin
  if invoice.status in ('open', 'uncollectible') then
    perform billing.record_payment(invoice.id, amount, at, 'stripe', reference);
    return;
  end if;
  insert into public.payments (invoice_id, client_id, amount_minor, currency, paid_at, method,
    reference)
  values (invoice.id, invoice.client_id, amount, invoice.currency, at, 'stripe', reference);
  insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
    created_at, note)
  values (invoice.client_id, invoice.currency, amount, 'overpayment', invoice.id, at,
    'Paid in Stripe when the invoice was ' || invoice.status);
  perform billing.notice('overpaid/' || reference, 'high', format(
    '%s was paid in Stripe although %s is %s: it is on the client''s balance',
    billing.money_text(amount, invoice.currency), invoice.number, invoice.status));
end $$;

-- Voided or written off there: here too, where our rules allow it; else somebody is told.
create function billing.follow_stripe_status(mirror public.stripe_invoices, at timestamptz)
returns text language plpgsql set search_path = '' as $$
declare
  invoice public.invoices := billing.get_invoice(mirror.invoice_id);
begin
  if mirror.state = 'void' and invoice.status in ('open', 'uncollectible') then
    if invoice.paid_minor + invoice.credited_minor > 0 then
      perform billing.notice('void/' || mirror.stripe_invoice_id, 'high', format(
        '%s was voided in Stripe, but it is partly paid or credited here', invoice.number));
      return 'cannot be voided here';
    end if;
    perform billing.void_invoice(invoice.id, 'Voided in Stripe', at);
    return 'voided';
  elsif mirror.state = 'uncollectible' and invoice.status = 'open' then
    perform billing.mark_uncollectible(invoice.id, at);
    return 'marked uncollectible';
  end if;
  return null;
end $$;

-- A charge as Stripe describes it: `amount_refunded` is all that was ever given back of it.
create function billing.apply_stripe_charge(charge jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
declare
  payment public.stripe_payments;
  mirror public.stripe_invoices;
begin
  perform billing.lock_clients(billing.clients_of_payment(charge ->> 'payment_intent'));
  update public.stripe_payments p set charge_id = charge ->> 'id',
    refunded_minor = greatest(p.refunded_minor, billing.from_stripe(
      (charge ->> 'amount_refunded')::bigint, charge ->> 'currency'))
  where p.payment_intent_id = charge ->> 'payment_intent'
  returning * into payment;
  if payment.payment_intent_id is null then
    return null;
  end if;
  update public.stripe_invoices m set refunded_minor = (
    select sum(p.refunded_minor) from public.stripe_payments p
    where p.stripe_invoice_id = m.stripe_invoice_id)
  where m.stripe_invoice_id = payment.stripe_invoice_id
  returning * into mirror;
  return billing.book_stripe_refunds(mirror, seen);
end $$;
comment on function billing.apply_stripe_charge is
  'Books refunds of a charge; null while the payment it belongs to is not known.';

-- A refund is money gone. What it takes back must be on a credit note; one that was made without
-- (in the Dashboard) gets one here. What cannot be credited, because the invoice is void or was
-- credited to the balance already, was the client's credit, and is that no more.
create function billing.book_stripe_refunds(mirror public.stripe_invoices, at timestamptz)
returns text language plpgsql set search_path = '' as $$
declare
  invoice public.invoices := billing.get_invoice(mirror.invoice_id);
  gone constant bigint := mirror.refunded_minor - mirror.booked_refund_minor;
  reference constant text := format('%s/refunded/%s', mirror.stripe_invoice_id,
    mirror.refunded_minor);
  uncovered bigint;
  creditable bigint;
  note_number text;
begin
  if gone <= 0 then
    return 'refund already booked';
  end if;
  insert into public.payments (invoice_id, client_id, amount_minor, currency, paid_at, method,
    reference)
  values (invoice.id, invoice.client_id, -gone, invoice.currency, at, 'stripe', reference);
  update public.stripe_invoices m set booked_refund_minor = mirror.refunded_minor
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode;
  select least(gone, mirror.refunded_minor - coalesce(sum(n.to_refund_minor), 0)),
    case when invoice.status in ('open', 'paid', 'uncollectible')
      then invoice.total_minor - coalesce(sum(n.total_minor), 0) else 0 end
  into uncovered, creditable
  from public.credit_notes n where n.invoice_id = invoice.id;
  if least(uncovered, creditable) > 0 then
    note_number := billing.credit_by_amount(invoice, least(uncovered, creditable),
      'Refunded in Stripe', true, at, true);
    insert into public.stripe_credit_notes (credit_note_id, livemode, origin)
    select n.id, mirror.livemode, 'refund' from public.credit_notes n
    where n.number = note_number;
  end if;
  if uncovered > creditable then
    perform billing.take_refund_off_balance(invoice, uncovered - creditable, reference, at);
  end if;
  perform billing.notice(reference, 'normal', format('Refunded: %s of %s',
    billing.money_text(gone, invoice.currency), invoice.number));
  return concat_ws(', ', format('refund of %s booked', gone), note_number);
end $$;

-- Credit that was given back as money cannot be spent once more. What of it is spent already is
-- money that the client owes, and on no account until somebody puts it on an invoice.
create function billing.take_refund_off_balance(invoice public.invoices, amount bigint,
  reference text, at timestamptz)
returns void language plpgsql set search_path = '' as $$
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
    perform billing.notice('spent/' || reference, 'high', format('%s of %s was refunded in Stripe, '
      || 'but the client had spent that credit: put it on an invoice with an item',
      billing.money_text(amount - credit, invoice.currency), invoice.number));
  end if;
end $$;

-- A credit note of Stripe: ours if it names one, else one is issued here for it.
create function billing.apply_stripe_credit_note(note jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
declare
  mirror public.stripe_invoices;
  own uuid := (note #>> '{metadata,leveredge_credit_note_id}')::uuid;
  live constant boolean := (note ->> 'livemode')::boolean;
  amount constant bigint := billing.from_stripe(
    (note ->> 'total')::bigint, note ->> 'currency');
  refunded constant bigint := least(amount, billing.from_stripe((
    select coalesce(sum(coalesce(r ->> 'amount_refunded', note ->> 'total')::bigint), 0)
    from jsonb_array_elements(coalesce(note -> 'refunds', '[]')) r)::bigint, note ->> 'currency'));
  rest bigint := amount;
  note_number text;
  invoice_number text;
  creditable bigint;
  part record;
  made uuid;
begin
  perform billing.lock_clients(billing.clients_of_stripe_invoice(note ->> 'invoice'));
  select * into mirror from public.stripe_invoices m
  where m.stripe_invoice_id = note ->> 'invoice';
  if mirror.invoice_id is null then
    return null;
  end if;
  own := coalesce(own, (select s.credit_note_id from public.stripe_credit_notes s
    where s.stripe_credit_note_id = note ->> 'id'));
  -- Of days that a restore took back: told again once the run that makes it has been, or by hand.
  if not exists (select from public.credit_notes n where n.id = coalesce(own, n.id)) then
    return format('not credited here: it names credit note %s, which the books do not have', own);
  end if;
  if own is not null then
    rest := 0;
  elsif refunded > 0 then
    -- The refund was told first, and has a note here.
    select s.credit_note_id, amount - refunded into own, rest
    from public.stripe_credit_notes s join public.credit_notes n on n.id = s.credit_note_id
    where n.invoice_id = mirror.invoice_id and s.origin = 'refund'
      and s.stripe_credit_note_id is null and n.total_minor = refunded
    order by n.number limit 1;
    rest := coalesce(rest, amount);
  end if;
  if rest > 0 then
    select i.number, case when i.status in ('open', 'paid', 'uncollectible')
      then i.total_minor - (select coalesce(sum(n.total_minor), 0)
        from public.credit_notes n where n.invoice_id = i.id)
      else 0 end into invoice_number, creditable
    from public.invoices i where i.id = mirror.invoice_id;
    if rest > creditable then
      perform billing.notice('credit/' || (note ->> 'id'), 'high', format(
        '%s was credited in Stripe by %s, but only %s is left to credit here', invoice_number,
        billing.money_text(rest, upper(note ->> 'currency')),
        billing.money_text(creditable, upper(note ->> 'currency'))));
      return format('not credited here: %s of %s is more than the %s left', rest,
        invoice_number, creditable);
    end if;
    -- What went back as money and what did not are settled otherwise: a note each.
    for part in
      select x.amount, x.is_refund from (values (refunded - (amount - rest), true),
        (amount - refunded, false)) x(amount, is_refund) where x.amount > 0
    loop
      note_number := billing.credit_by_amount(billing.get_invoice(mirror.invoice_id), part.amount,
        coalesce(nullif(btrim(note ->> 'memo'), ''), note ->> 'reason', 'Credited in Stripe'),
        part.is_refund, seen, part.is_refund);
      select n.id into made from public.credit_notes n where n.number = note_number;
      insert into public.stripe_credit_notes (credit_note_id, livemode, origin)
      values (made, live, 'stripe');
      own := coalesce(own, made);
    end loop;
  end if;
  insert into public.stripe_credit_notes as s (credit_note_id, livemode, stripe_credit_note_id,
    origin)
  values (own, live, note ->> 'id', case when note_number is null then 'ours' else 'stripe' end)
  on conflict (credit_note_id) do update set stripe_credit_note_id = note ->> 'id';
  return coalesce('issued ' || note_number, 'known');
end $$;
comment on function billing.apply_stripe_credit_note is
  'Links or issues the credit note that Stripe''s stands for, or says why it cannot; null when its
   invoice is not ours.';

revoke all on all functions in schema billing from public;
grant execute on function billing.apply_stripe_invoice(jsonb, timestamptz),
  billing.apply_stripe_charge(jsonb, timestamptz),
  billing.apply_stripe_credit_note(jsonb, timestamptz) to service_role;

-- Where Stripe and the books differ: what Stripe is still to be told, and both sides to compare.

-- Credit notes that Stripe does not have, in order. Credit for the client's balance goes there
-- in our books only (`out of band`): Stripe's balance of a customer stays zero.
create function _billing.unsent_credit_notes(mirror public.stripe_invoices)
returns table (credit_note_id uuid, amount_minor bigint, refund_minor bigint, reason text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  -- They give back no more than Stripe has of the invoice, all together: what was paid elsewhere is
  -- given back elsewhere.
  select n.id, n.total_minor, greatest(0, least(n.to_refund_minor, mirror.amount_paid_minor
      - mirror.paid_off_stripe_minor - mirror.refunded_minor
      - sum(n.to_refund_minor) over w + n.to_refund_minor))::bigint, n.reason
  from public.credit_notes n
  where n.invoice_id = mirror.invoice_id and n.voided_at is null and not exists (
    select from public.stripe_credit_notes s where s.credit_note_id = n.id)
  window w as (order by n.issued_at, n.number)
  order by n.issued_at, n.number;
$$;

-- What Stripe must still be told: our state and its mirror differ. Found by comparing, so a call
-- that failed or was forgotten is found again. Of an invoice that is settled here and collects
-- small ones too, Stripe is told that all of it is paid: the next collects what is due of those.
create function _billing.stripe_outbox(livemode boolean)
returns table (task text, invoice_id uuid, stripe_invoice_id text, credit_note_id uuid,
  amount_minor bigint, refund_minor bigint, currency text, memo text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case
      when i.status = 'void' and m.state = 'draft' then 'delete'
      when i.status = 'void' then 'void'
      when i.status = 'uncollectible' then 'write_off'
      else 'paid_elsewhere' end,
    i.id, m.stripe_invoice_id, null::uuid, 0::bigint, 0::bigint, i.currency, null::text
  from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
  where m.livemode = stripe_outbox.livemode and (
    i.status = 'void' and m.state in ('draft', 'open', 'uncollectible')
    or i.status = 'uncollectible' and m.state = 'open'
    or i.status = 'paid' and m.state in ('open', 'uncollectible')
      and (i.paid_minor > 0 or m.carried_minor > 0)
      and not exists (select from _billing.unsent_credit_notes(m) u))
  union all
  select 'credit_note', i.id, m.stripe_invoice_id, u.credit_note_id, u.amount_minor,
    u.refund_minor, i.currency, u.reason
  from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
  cross join lateral _billing.unsent_credit_notes(m) u
  where m.livemode = stripe_outbox.livemode and m.state in ('open', 'paid', 'uncollectible');
$$;
comment on function _billing.stripe_outbox is
  'Voids, write-offs, payments made elsewhere and credit notes that Stripe has not been told of.';

-- Both sides of every invoice issued, or brought to Stripe, since a day. Two days more, because an
-- invoice is begun here some time before Stripe makes it. However old it is, an invoice that takes
-- payments on either side is among them: what is due of it is to be the same for as long.
create function _billing.stripe_both_sides(since date, livemode boolean)
returns table (invoice_id uuid, number text, status text, currency text, wanted boolean,
  expected_total_minor bigint, amount_due_minor bigint, stripe_invoice_id text, state text,
  problem text, total_minor bigint, amount_paid_minor bigint, booked_minor bigint,
  paid_off_stripe_minor bigint, refunded_minor bigint, booked_refund_minor bigint,
  remaining_minor bigint, left_over_minor bigint, has_link boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select i.id, i.number, i.status, i.currency, 'stripe' = any (i.deliveries)
      and i.status in ('open', 'uncollectible') and i.amount_due_minor > 0,
    m.agreed_total_minor, i.amount_due_minor, m.stripe_invoice_id, m.state, m.problem,
    m.total_minor,
    m.amount_paid_minor, m.booked_minor, m.paid_off_stripe_minor, m.refunded_minor,
    m.booked_refund_minor, i.amount_due_minor - coalesce(m.left_over_minor, 0) + (
      select coalesce(sum(least(c.amount_minor, h.amount_due_minor)), 0)
      from public.stripe_carried c join public.invoices h on h.id = c.held_invoice_id
      where c.carrying_invoice_id = i.id and c.livemode = m.livemode
        and h.status in ('open', 'uncollectible')),
    coalesce(m.left_over_minor, 0), m.hosted_invoice_url is not null
  from (
    select r.invoice_id from public.stripe_invoices r
    where r.livemode = stripe_both_sides.livemode and r.created_at >= since - 2
    union
    select r.invoice_id from public.stripe_invoices r
    where r.livemode = stripe_both_sides.livemode and r.state in ('open', 'uncollectible')
    union
    select r.invoice_id from public.stripe_invoices r
    join public.invoices o on o.id = r.invoice_id and o.status = 'open'
    where r.livemode = stripe_both_sides.livemode and r.stripe_invoice_id is not null
    union
    select o.id from public.invoices o where o.issued_on >= since
  ) x
  join public.invoices i on i.id = x.invoice_id
  left join public.stripe_invoices m
    on m.invoice_id = i.id and m.livemode = stripe_both_sides.livemode
  where i.status <> 'draft' and (m.invoice_id is not null or 'stripe' = any (i.deliveries))
  order by i.number;
$$;
comment on function _billing.stripe_both_sides is
  'Issued invoices since a day, and older ones that take payments, beside what is known of them in
   Stripe.';

-- What invoices are known as in Stripe, however old and whatever has become of them.
create function _billing.known_stripe_invoices(ids uuid[], livemode boolean)
returns table (invoice_id uuid, number text, stripe_invoice_id text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select i.id, i.number, m.stripe_invoice_id
  from public.invoices i
  left join public.stripe_invoices m
    on m.invoice_id = i.id and m.livemode = known_stripe_invoices.livemode
  where i.id = any (ids) and i.number is not null
  order by i.number;
$$;
comment on function _billing.known_stripe_invoices is
  'What issued invoices are known as in Stripe.';

-- Invoices of whose money the amount is known, but not all of the payments: the event that names a
-- payment was lost. Refunds and disputes name their payment only.
create function _billing.unnamed_stripe_payments(since date, livemode boolean)
returns table (stripe_invoice_id text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select m.stripe_invoice_id from public.stripe_invoices m
  where m.livemode = unnamed_stripe_payments.livemode and m.stripe_invoice_id is not null
    and greatest(m.seen_at, m.created_at) >= since - 2
    and m.amount_paid_minor - m.paid_off_stripe_minor > (
      select coalesce(sum(p.amount_minor), 0) from public.stripe_payments p
      where p.stripe_invoice_id = m.stripe_invoice_id)
  order by 1;
$$;
comment on function _billing.unnamed_stripe_payments is
  'Invoices seen since a day that are paid by more than the payments that are known of them.';

-- Customers whose credit balance in Stripe is to be taken over.
create function _billing.moved_balances(livemode boolean)
returns table (stripe_customer_id text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.stripe_customer_id from public.stripe_customers s
  where s.livemode = moved_balances.livemode and s.balance_moved_at is not null
    and s.deleted_at is null
  order by s.balance_moved_at;
$$;
comment on function _billing.moved_balances is
  'Customers of whose credit balance Stripe has told and which is not taken over yet.';

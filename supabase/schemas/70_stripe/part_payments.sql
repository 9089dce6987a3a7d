-- Part payments made elsewhere, told to Stripe, so that its page asks for the rest alone. A payment
-- that settles an invoice is told otherwise: stripe_outbox, `paid_elsewhere`.

create table public.stripe_payment_records (
  payment_id uuid not null references public.payments (id),
  livemode boolean not null,
  payment_record_id text,
  amount_minor bigint not null,
  state text not null constraint stripe_payment_records_state_known check (
    state in ('counted', 'telling', 'told', 'left')),
  created_at timestamptz not null default now(),
  primary key (payment_id, livemode)
);
comment on table public.stripe_payment_records is
  'Payments made elsewhere, and what Stripe knows of each.';
comment on column public.stripe_payment_records.state is
  'counted: the Stripe invoice was made without its amount; telling: begun; told: Stripe has it;
   left: Stripe no longer needs it, or cannot take its amount.';
comment on column public.stripe_payment_records.amount_minor is
  'What of the payment is on the Stripe invoice.';
alter table public.stripe_payment_records enable row level security;
revoke all on public.stripe_payment_records from anon, authenticated, service_role;
grant select on public.stripe_payment_records to service_role, authenticated;
create policy "operators read" on public.stripe_payment_records for select to authenticated
  using ((select billing.is_operator()));

-- Payments that an invoice's lines at Stripe already allow for.
create function _billing.count_payments(livemode boolean, payment_ids uuid[]) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_payment_records (payment_id, livemode, amount_minor, state)
  select p.id, count_payments.livemode, 0, 'counted' from public.payments p
  where p.id = any (payment_ids)
  on conflict do nothing;
$$;
comment on function _billing.count_payments is
  'Notes payments that Stripe is not told of: its invoice was made for what they leave.';

-- Those that were begun come again whatever has become of their invoice. An invoice that collects
-- earlier ones is left alone: which of them is paid is not Stripe's to know. Credit notes go first.
create function _billing.untold_payments(livemode boolean)
returns table (payment_id uuid, invoice_id uuid, stripe_invoice_id text, amount_minor bigint,
  currency text, paid_at bigint, method text, reference text, payment_record_id text, begun boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.id, i.id, m.stripe_invoice_id, coalesce(r.amount_minor, p.amount_minor), p.currency,
    floor(extract(epoch from p.paid_at))::bigint, p.method, p.reference, r.payment_record_id,
    r.payment_id is not null
  from public.payments p
  join public.invoices i on i.id = p.invoice_id
  join public.stripe_invoices m
    on m.invoice_id = i.id and m.livemode = untold_payments.livemode
  left join public.stripe_payment_records r on r.payment_id = p.id and r.livemode = m.livemode
  where p.kind = 'payment' and p.method not in ('stripe', 'stripe_balance')
    and (r.state = 'telling' or r.payment_id is null and i.status = 'open' and m.state = 'open'
      and m.carried_minor = 0 and not exists (select from _billing.unsent_credit_notes(m) u))
  order by p.paid_at, p.id;
$$;
comment on function _billing.untold_payments is
  'Part payments made elsewhere that Stripe is to be told of.';

-- Noted before Stripe is told, so that what its invoice then says is paid is not booked again.
create function _billing.begin_payment_record(payment_id uuid, livemode boolean, amount bigint)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with begun as (
    insert into public.stripe_payment_records as r (payment_id, livemode, amount_minor, state)
    values (payment_id, livemode, amount, 'telling')
    on conflict do nothing
    returning r.payment_id, r.livemode, r.amount_minor
  )
  update public.stripe_invoices m
  set paid_off_stripe_minor = m.paid_off_stripe_minor + b.amount_minor
  from begun b join public.payments p on p.id = b.payment_id
  where m.invoice_id = p.invoice_id and m.livemode = b.livemode;
$$;
comment on function _billing.begin_payment_record is
  'Notes that Stripe is about to be told of a payment made elsewhere.';

create function _billing.save_payment_record(payment_id uuid, livemode boolean, record_id text,
  is_told boolean)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_payment_records r set payment_record_id = record_id,
    state = case when is_told then 'told' else r.state end
  where r.payment_id = save_payment_record.payment_id
    and r.livemode = save_payment_record.livemode;
$$;
comment on function _billing.save_payment_record is
  'Notes Stripe''s record of a payment, and whether it is on the invoice.';

-- Stripe no longer needs it. `received`: what Stripe says was paid for the invoice in all, without
-- it.
create function _billing.leave_payment(payment_id uuid, livemode boolean, received bigint)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with was as (
    select r.payment_id, r.amount_minor from public.stripe_payment_records r
    where r.payment_id = leave_payment.payment_id and r.livemode = leave_payment.livemode
      and r.state = 'telling'
  ), taken_back as (
    update public.stripe_invoices m set amount_paid_minor = received,
      paid_off_stripe_minor = m.paid_off_stripe_minor - w.amount_minor
    from was w join public.payments p on p.id = w.payment_id
    where m.invoice_id = p.invoice_id and m.livemode = leave_payment.livemode
  )
  insert into public.stripe_payment_records as r (payment_id, livemode, amount_minor, state)
  values (leave_payment.payment_id, leave_payment.livemode, 0, 'left')
  on conflict on constraint stripe_payment_records_pkey do update
  set state = 'left', amount_minor = 0 where r.state = 'telling';
$$;
comment on function _billing.leave_payment is
  'Notes that Stripe is not told of a payment made elsewhere.';

-- What we know of Stripe: which of its objects is which of ours, and how they stood when last seen.
--
-- Test and live mode are two worlds with ids of their own. Every row says which one it is of, so
-- going live begins with an empty mirror instead of asking live Stripe for test objects.

create table public.stripe_customers (
  client_id uuid not null references public.clients (id),
  livemode boolean not null,
  stripe_customer_id text not null,
  sent_digest text,
  stripe_tax_id text,
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  balance_moved_at timestamptz,
  changed_at timestamptz not null default '-infinity',
  former_ids text[] not null default '{}',
  primary key (client_id, livemode),
  constraint stripe_customers_once unique (stripe_customer_id),
  constraint stripe_customers_id_shape check (stripe_customer_id ~ '^cus_')
);
comment on table public.stripe_customers is 'The Stripe customer of each client, per mode.';
comment on column public.stripe_customers.sent_digest is
  'Digest of the details last sent; another one means that the customer must be updated.';
comment on column public.stripe_customers.stripe_tax_id is
  'Stripe''s id of the tax id that was sent; others of the customer are the client''s own.';
comment on column public.stripe_customers.deleted_at is
  'When Stripe said that the customer is deleted; the next need makes a new one.';
comment on column public.stripe_customers.former_ids is
  'Customers that were deleted in Stripe before: of their subscriptions Stripe still tells.';
comment on column public.stripe_customers.changed_at is
  'When Stripe made the newest change of details that was taken over; older ones change nothing.';
comment on column public.stripe_customers.balance_moved_at is
  'When Stripe told of a credit balance that is to be taken over; null once it is.';

create index stripe_customers_former_ids on public.stripe_customers using gin (former_ids);

create table public.stripe_invoices (
  invoice_id uuid not null references public.invoices (id),
  livemode boolean not null,
  stripe_invoice_id text,
  generation smallint not null default 1,
  state text not null default 'creating',
  agreed_total_minor bigint,
  total_minor bigint,
  carried_minor bigint not null default 0,
  left_over_minor bigint not null default 0,
  amount_paid_minor bigint not null default 0,
  paid_off_stripe_minor bigint not null default 0,
  booked_minor bigint not null default 0,
  refunded_minor bigint not null default 0,
  booked_refund_minor bigint not null default 0,
  unnamed_taken_minor bigint not null default 0,
  hosted_invoice_url text,
  invoice_pdf text,
  problem text,
  seen_at timestamptz not null default '-infinity',
  disputed_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (invoice_id, livemode),
  constraint stripe_invoices_once unique (stripe_invoice_id),
  constraint stripe_invoices_state_known check (state in
    ('creating', 'draft', 'open', 'paid', 'void', 'uncollectible', 'held', 'refused', 'deleted')),
  constraint stripe_invoices_id_of_state check (
    (state in ('draft', 'open', 'paid', 'void', 'uncollectible'))
      <= (stripe_invoice_id is not null))
);
comment on table public.stripe_invoices is
  'The Stripe invoice of each of our invoices, per mode, as last seen.';
comment on column public.stripe_invoices.generation is
  'Part of the idempotency keys; one more each time a wrong draft was deleted.';
comment on column public.stripe_invoices.state is
  'Stripe''s status; creating: not finished; held: below what Stripe takes, goes on the next one;
   refused: Stripe''s total differed or the amount cannot be charged, problem says how.';
comment on column public.stripe_invoices.agreed_total_minor is
  'What Stripe''s total was found to be, and ours, before the invoice was finalized.';
comment on column public.stripe_invoices.carried_minor is
  'What this Stripe invoice collects for earlier invoices that were too small.';
comment on column public.stripe_invoices.left_over_minor is
  'What stays due because Stripe takes thousandths only in tens; the next invoice collects it.';
comment on column public.stripe_invoices.amount_paid_minor is
  'Most that Stripe ever said is paid; only grows, so old events do no harm.';
comment on column public.stripe_invoices.paid_off_stripe_minor is
  'Part of it that we told Stripe was paid elsewhere.';
comment on column public.stripe_invoices.booked_minor is 'Part of it that is in public.payments.';
comment on column public.stripe_invoices.refunded_minor is
  'What has gone back of its payments; less again where a refund failed.';
comment on column public.stripe_invoices.booked_refund_minor is
  'Part of it that is in public.payments.';
comment on column public.stripe_invoices.unnamed_taken_minor is
  'What of refunds that only a charge has told of needed no note: see stripe_refunds.taken_minor.';
comment on column public.stripe_invoices.seen_at is
  'When Stripe made the newest object seen; older ones change nothing but money.';

-- What a reconciliation compares: what is new, and what takes payments.
create index stripe_invoices_created on public.stripe_invoices (created_at);
create index stripe_invoices_payable on public.stripe_invoices (livemode)
  where state in ('open', 'uncollectible');

create policy "read with their invoice" on public.stripe_invoices for select to authenticated
  using (exists (select from public.invoices i where i.id = invoice_id));

create table public.stripe_carried (
  held_invoice_id uuid not null references public.invoices (id),
  livemode boolean not null,
  carrying_invoice_id uuid not null references public.invoices (id),
  amount_minor bigint not null constraint stripe_carried_positive check (amount_minor > 0),
  primary key (held_invoice_id, livemode)
);
comment on table public.stripe_carried is
  'Invoices too small for Stripe, and the invoice whose Stripe invoice collects them.';
create index stripe_carried_carrying on public.stripe_carried (carrying_invoice_id);

create table public.stripe_credit_notes (
  credit_note_id uuid primary key references public.credit_notes (id),
  livemode boolean not null,
  stripe_credit_note_id text,
  origin text not null constraint stripe_credit_notes_origin_known
    check (origin in ('ours', 'stripe', 'refund')),
  created_at timestamptz not null default now()
);
comment on table public.stripe_credit_notes is
  'The Stripe credit note of each of ours; one of Stripe''s may be two of ours (refund and rest).';
create index stripe_credit_notes_id on public.stripe_credit_notes (stripe_credit_note_id);
comment on column public.stripe_credit_notes.origin is
  'ours: issued here, sent there; stripe: issued there; refund: made here for a refund made there.';

create table public.stripe_notes (
  stripe_credit_note_id text primary key,
  stripe_invoice_id text not null,
  amount_minor bigint not null,
  status text not null constraint stripe_notes_status_known check (status in ('issued', 'void')),
  seen_at timestamptz not null
);
comment on table public.stripe_notes is
  'Credit notes of Stripe on our invoices that have been acted on; void is final.';
create index stripe_notes_invoice on public.stripe_notes (stripe_invoice_id);

create table public.stripe_payments (
  payment_intent_id text not null,
  stripe_invoice_id text not null,
  charge_id text,
  amount_minor bigint not null default 0,
  refunded_minor bigint not null default 0,
  failure text,
  disputed_at timestamptz,
  seen_at timestamptz not null default now(),
  primary key (payment_intent_id, stripe_invoice_id)
);
comment on table public.stripe_payments is
  'Payments Stripe took for our invoices: what a charge or a refund belongs to.';
comment on column public.stripe_payments.refunded_minor is
  'Most that the charge ever said is refunded: refunds that are not known by themselves yet.';
create index stripe_payments_invoice on public.stripe_payments (stripe_invoice_id);

create table public.stripe_refunds (
  refund_id text not null,
  stripe_invoice_id text not null,
  payment_intent_id text,
  stripe_credit_note_id text,
  amount_minor bigint not null,
  status text not null constraint stripe_refunds_status_known check (status in
    ('unknown', 'pending', 'requires_action', 'succeeded', 'failed', 'canceled')),
  failure_reason text,
  credited_minor bigint not null default 0,
  taken_minor bigint not null default 0,
  summed_note_ids text[] not null default '{}',
  seen_at timestamptz not null,
  primary key (refund_id, stripe_invoice_id)
);
comment on table public.stripe_refunds is
  'Refunds of payments for our invoices, one by one; failed and canceled ones are money we hold.';
comment on column public.stripe_refunds.status is
  'Stripe''s; it only moves forward. unknown: told of by a credit note, not yet by itself.';
comment on column public.stripe_refunds.credited_minor is
  'What of it went onto the client''s balance when it failed.';
comment on column public.stripe_refunds.taken_minor is
  'What of it needed no note when it was booked: it was promised by one, or was credit of a refund
   that had failed.';
comment on column public.stripe_refunds.summed_note_ids is
  'Stripe''s credit notes whose parts are in the amount of a refund that is unknown.';
create index stripe_refunds_invoice on public.stripe_refunds (stripe_invoice_id);

create table public.stripe_balance_transactions (
  transaction_id text primary key,
  client_id uuid not null references public.clients (id),
  stripe_customer_id text not null,
  type text not null,
  amount_minor bigint not null,
  currency text not null,
  stripe_invoice_id text,
  outcome text not null,
  seen_at timestamptz not null
);
comment on table public.stripe_balance_transactions is
  'Moves of customers'' credit balances in Stripe, and what each did here; negative is credit.';
create index stripe_balance_transactions_client on public.stripe_balance_transactions (client_id);

create table public.stripe_disputes (
  dispute_id text primary key,
  stripe_invoice_id text not null,
  payment_intent_id text not null,
  amount_minor bigint not null,
  status text not null,
  reason text,
  taken_minor bigint not null default 0,
  booked_minor bigint not null default 0,
  seen_at timestamptz not null
);
comment on table public.stripe_disputes is
  'Disputes of payments for our invoices, as last seen.';
comment on column public.stripe_disputes.taken_minor is
  'What Stripe has withdrawn for it and not reinstated.';
comment on column public.stripe_disputes.booked_minor is 'Part of it that is in public.payments.';
create index stripe_disputes_invoice on public.stripe_disputes (stripe_invoice_id);

create table public.stripe_subscriptions (
  stripe_subscription_id text primary key,
  client_id uuid not null references public.clients (id),
  livemode boolean not null,
  status text not null,
  currency text not null,
  base_fee_minor bigint not null default 0,
  billing_interval text,
  description text,
  current_period_end timestamptz,
  seen_at timestamptz not null,
  ended_at timestamptz
);
comment on table public.stripe_subscriptions is
  'Mirror of clients'' Stripe subscriptions: the platform fee that Stripe bills.';
create index stripe_subscriptions_client_id on public.stripe_subscriptions (client_id);

create policy "members and operators read subscriptions" on public.stripe_subscriptions
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

do $$
declare
  mirrored text;
begin
  foreach mirrored in array array['stripe_customers', 'stripe_invoices',
    'stripe_carried', 'stripe_credit_notes', 'stripe_notes', 'stripe_payments', 'stripe_refunds',
    'stripe_balance_transactions', 'stripe_disputes', 'stripe_subscriptions']
  loop
    execute format('alter table public.%I enable row level security', mirrored);
    execute format('revoke all on public.%I from anon, authenticated, service_role', mirrored);
    execute format('grant select, insert, update, delete on public.%I to service_role', mirrored);
    continue when mirrored = 'stripe_invoices';
    execute format('grant select on public.%I to authenticated', mirrored);
  end loop;
  foreach mirrored in array array['stripe_customers', 'stripe_carried',
    'stripe_credit_notes', 'stripe_notes', 'stripe_payments', 'stripe_refunds', 'stripe_disputes',
    'stripe_balance_transactions']
  loop
    execute format('create policy "operators read" on public.%I for select to authenticated
      using ((select billing.is_operator()))', mirrored);
  end loop;
end $$;

-- Where to pay, and what was paid; not what is wrong with it.
grant select (invoice_id, livemode, stripe_invoice_id, state, total_minor, amount_paid_minor,
  hosted_invoice_url, invoice_pdf, created_at)
  on public.stripe_invoices to authenticated;

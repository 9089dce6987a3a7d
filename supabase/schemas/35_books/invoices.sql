-- Invoices, their lines, and the state of each client's period.
create table public.invoices (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients (id),
  kind text not null default 'period',
  period_start date,
  period_end date,
  status text not null default 'draft',
  number text unique,
  replaces_id uuid references public.invoices (id),
  currency text not null references public.currencies (code),
  subtotal_minor bigint not null default 0,
  discount_minor bigint not null default 0,
  tax_minor bigint not null default 0,
  tax_included_minor bigint not null default 0,
  total_minor bigint not null default 0,
  balance_applied_minor bigint not null default 0,
  credited_minor bigint not null default 0,
  paid_minor bigint not null default 0,
  amount_due_minor bigint not null generated always as (case when status = 'void' then 0 else
    total_minor - balance_applied_minor - credited_minor - paid_minor end) stored,
  payment_terms_days smallint not null default 30,
  deliveries text[] not null default '{}',
  document jsonb not null default '{}',
  note text,
  created_at timestamptz not null default now(),
  finalized_at timestamptz,
  issued_on date,
  due_on date,
  paid_at timestamptz,
  voided_at timestamptz,
  void_reason text,
  written_off_minor bigint not null default 0,
  uncollectible_at timestamptz,
  constraint invoices_kind_known check (
    kind in ('period', 'late', 'one_off', 'top_up')),
  constraint invoices_period_of_kind check (case when kind = 'period'
    then num_nulls(period_start, period_end) = 0 and period_start < period_end
    else num_nulls(period_start, period_end) = 2 end),
  constraint invoices_status_known check (
    status in ('draft', 'open', 'paid', 'void', 'uncollectible')),
  constraint invoices_numbered_once_final check (
    (status = 'draft') = (num_nulls(number, finalized_at, issued_on, due_on) = 4)
    and num_nulls(number, finalized_at, issued_on, due_on) in (0, 4)),
  constraint invoices_total_adds_up check (
    total_minor = subtotal_minor - discount_minor + tax_minor),
  constraint invoices_amounts_in_range check (total_minor >= 0
    and balance_applied_minor >= 0 and credited_minor >= 0 and paid_minor >= 0
    and balance_applied_minor + credited_minor <= total_minor),
  constraint invoices_times_of_status check (
    (status = 'void') = (voided_at is not null)
    and (status = 'paid') <= (paid_at is not null)
    and (status = 'uncollectible') <= (uncollectible_at is not null))
);
comment on table public.invoices is
  'Invoices. draft -> open -> paid | void | uncollectible; frozen from open on.';
comment on column public.invoices.period_start is
  'First client-local day covered; null for one-off and late-usage invoices.';
comment on column public.invoices.amount_due_minor is 'What is still to be paid.';
comment on column public.invoices.balance_applied_minor is
  'What credit has paid: grants (credit_entries say which), then the balance.';
comment on column public.invoices.document is
  'Everything a renderer needs; frozen with the invoice.';
comment on column public.invoices.tax_included_minor is
  'Tax contained in the line amounts (inclusive taxes); not added to the total.';
create unique index invoices_one_live_per_period on public.invoices (client_id, period_start)
  where kind = 'period' and status <> 'void';
create index invoices_client_id on public.invoices (client_id, created_at);
create index invoices_created_at on public.invoices (created_at, (id::text));
create index invoices_drafts on public.invoices (client_id) where status = 'draft';
-- Promotional credit asks each client of a batch for them: mostly there are none, and it is empty.
create index invoices_void on public.invoices (client_id) where voided_at is not null;
create index invoices_replaces_id on public.invoices (replaces_id);
create index invoices_currency on public.invoices (currency);
create index invoices_unsettled on public.invoices (due_on) where status in ('draft', 'open');
alter table public.invoices enable row level security;
revoke all on public.invoices from anon, authenticated, service_role;
grant select on public.invoices to service_role;
-- All but what the seller notes: as of clients, `select=*` is refused.
grant select (id, client_id, kind, period_start, period_end, status, number, replaces_id, currency,
  subtotal_minor, discount_minor, tax_minor, tax_included_minor, total_minor,
  balance_applied_minor, credited_minor, paid_minor, amount_due_minor, payment_terms_days,
  deliveries, document, created_at, finalized_at, issued_on, due_on, paid_at, voided_at,
  written_off_minor, uncollectible_at)
  on public.invoices to authenticated;

-- `case` takes less planning than `or`; either way the sub-select is asked once, for a draft only.
create policy "members read issued invoices, operators all" on public.invoices
  for select to authenticated
  using (client_id = any ((select billing.readable_clients())::uuid[])
    and case when status = 'draft' then (select billing.is_operator()) else true end);

-- Truncate would pass by row triggers.
create trigger refuse_truncate before truncate on public.invoices
  for each statement execute function _billing.refuse_change();

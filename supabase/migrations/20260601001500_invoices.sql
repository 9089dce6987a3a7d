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
  constraint invoices_kind_known check (kind in ('period', 'late', 'one_off')),
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
comment on column public.invoices.document is
  'Everything a renderer needs; frozen with the invoice.';
comment on column public.invoices.tax_included_minor is
  'Tax contained in the line amounts (inclusive taxes); not added to the total.';
create unique index invoices_one_live_per_period on public.invoices (client_id, period_start)
  where kind = 'period' and status <> 'void';
create index invoices_client_id on public.invoices (client_id, created_at);
create index invoices_created_at on public.invoices (created_at, (id::text));
create index invoices_drafts on public.invoices (client_id) where status = 'draft';
create index invoices_replaces_id on public.invoices (replaces_id);
create index invoices_currency on public.invoices (currency);
create index invoices_unsettled on public.invoices (due_on) where status in ('draft', 'open');

create table public.invoice_lines (
  id uuid primary key default gen_random_uuid(),
  invoice_id uuid not null references public.invoices (id) on delete cascade,
  position integer not null,
  kind text not null,
  section_start date,
  section_end date,
  rating_key text not null,
  is_late boolean not null default false,
  model text,
  metric text,
  agent text,
  price_id uuid,
  service_start date,
  service_end date,
  quantity numeric,
  unit_amount numeric,
  per_units numeric,
  pricing_model text,
  tiers jsonb,
  precise_amount numeric not null,
  amount_minor bigint not null,
  tax_name text,
  tax_rate_percent numeric,
  tax_behavior text,
  tax_base_minor bigint,
  tax_note text,
  description text not null,
  detail text,
  constraint invoice_lines_kind_known check (
    kind in ('usage', 'minimum', 'one_off', 'discount', 'tax')),
  constraint invoice_lines_tax_complete check (
    (kind = 'tax') = (num_nulls(tax_name, tax_rate_percent, tax_behavior, tax_base_minor) = 0)),
  constraint invoice_lines_position unique (invoice_id, position)
);
comment on table public.invoice_lines is
  'Lines of invoices; discounts and taxes are lines too. Rounded once each.';
comment on column public.invoice_lines.section_start is
  'Period whose rating the line belongs to: the invoice''s own, or an earlier one (late usage).';
comment on column public.invoice_lines.rating_key is
  'What the line charges for within its section; re-rating compares by it.';
comment on column public.invoice_lines.precise_amount is 'Amount in major units before rounding.';
-- Re-rating sums what was booked for a section, wherever it was booked.
create index invoice_lines_section on public.invoice_lines (section_start, invoice_id);

create table public.invoice_items (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients (id),
  description text not null constraint invoice_items_described check (btrim(description) <> ''),
  quantity numeric not null default 1,
  unit_amount numeric not null,
  currency text not null references public.currencies (code),
  item_day date not null,
  section_start date,
  invoice_id uuid references public.invoices (id),
  is_base_fee boolean not null default false,
  created_at timestamptz not null default now(),
  -- Keeps NaN and infinity out too.
  constraint invoice_items_amount_in_range check (
    quantity between -1e12 and 1e12 and unit_amount between -1e12 and 1e12)
);
comment on table public.invoice_items is
  'One-off charges (or, negative, allowances) that go on the next invoice or one of their own.';
comment on column public.invoice_items.item_day is
  'Client-local day it is charged for; it goes on the invoice of the period with that day.';
comment on column public.invoice_items.section_start is
  'Period it was taken into; null while pending or on a one-off invoice.';
comment on column public.invoice_items.invoice_id is 'The one-off invoice made for it.';
create index invoice_items_client_id on public.invoice_items (client_id, section_start);
create index invoice_items_invoice_id on public.invoice_items (invoice_id);
create index invoice_items_currency on public.invoice_items (currency);

-- The item that a line charges for. Null for every other line, whatever its key: a cast would fail
-- wherever the planner happens to evaluate it.
create function billing.item_of(rating_key text) returns uuid language sql immutable
return case when starts_with(rating_key, 'item|') then substr(rating_key, 6)::uuid end;
comment on function billing.item_of is 'The invoice item that a rating key names, or null.';

create table public.billing_periods (
  client_id uuid not null references public.clients (id),
  period_start date not null,
  period_end date not null,
  full_days integer not null,
  state text not null default 'pending',
  reason text,
  message text,
  usage_version bigint not null default 0,
  rated_version bigint not null default 0,
  usage_changed boolean not null generated always as (usage_version <> rated_version) stored,
  updated_at timestamptz not null default now(),
  primary key (client_id, period_start),
  constraint billing_periods_forward check (period_start < period_end),
  constraint billing_periods_state_known check (
    state in ('pending', 'blocked', 'skipped', 'invoiced', 'voided')),
  constraint billing_periods_blocked_says_why check (
    (state = 'blocked') = (num_nulls(reason, message) = 0))
);
comment on table public.billing_periods is
  'What became of each client''s period: invoiced, skipped (zero), voided, blocked with a reason.';
comment on column public.billing_periods.full_days is
  'Days that the whole minimum is for; more than the period has where the anchor day changed.';
comment on column public.billing_periods.usage_version is
  'How often usage or service of the period has changed.';
comment on column public.billing_periods.rated_version is
  'The usage_version that was last rated for good.';
comment on column public.billing_periods.usage_changed is
  'Usage of the period has changed since it was last rated; the next run rates it again.';
create index billing_periods_to_do on public.billing_periods (client_id)
  where usage_changed or state in ('pending', 'blocked');
create index billing_periods_voided on public.billing_periods (client_id) where state = 'voided';

-- Where each client's next period starts: at the end of the last, or after a gap in service on the
-- anchor day on or before the day on which service begins again. A client without service to come
-- has none. Not pinned, so that it is inlined: whoever asks for one client does not compute all.
create function billing.next_periods()
returns table (client_id uuid, billing_anchor_day smallint, ended_on date, next_start date)
language sql stable
begin atomic
  select c.id, c.billing_anchor_day, c.ended_on, n.next_start
  from public.clients c
  left join lateral (
    select p.period_end from public.billing_periods p where p.client_id = c.id
    order by p.period_start desc limit 1
  ) l on true
  cross join lateral (
    -- The anchor day is worked out for those few that begin or return.
    select case when s.starts_on <= l.period_end then l.period_end
      else greatest(l.period_end, billing.period_start_of(s.starts_on, c.billing_anchor_day))
      end as next_start
    from public.service_intervals s
    where s.client_id = c.id and s.ends_on > coalesce(l.period_end, '-infinity')
    order by s.starts_on limit 1
  ) n;
end;
comment on function billing.next_periods is 'Where the next period of each client starts.';

alter table public.invoices enable row level security;
alter table public.invoice_lines enable row level security;
alter table public.invoice_items enable row level security;
alter table public.billing_periods enable row level security;
revoke all on public.invoices, public.invoice_lines, public.invoice_items,
  public.billing_periods from anon, authenticated, service_role;
grant select on public.invoices, public.invoice_lines, public.invoice_items,
  public.billing_periods to authenticated, service_role;
grant insert on public.invoice_items to service_role;
create policy "members read issued invoices, operators all" on public.invoices
  for select to authenticated
  using (client_id = any ((select billing.readable_clients())::uuid[])
    and (status <> 'draft' or (select billing.is_operator())));
create policy "lines are read with their invoice" on public.invoice_lines
  for select to authenticated
  using (exists (select from public.invoices i where i.id = invoice_id));
create policy "operators read invoice items" on public.invoice_items
  for select to authenticated using ((select billing.is_operator()));
create policy "operators read billing periods" on public.billing_periods
  for select to authenticated using ((select billing.is_operator()));

revoke all on all functions in schema billing from public;

-- What happens to an issued invoice: credit notes, payments, and the client's balance.
create table public.credit_notes (
  id uuid primary key default gen_random_uuid(),
  invoice_id uuid not null references public.invoices (id),
  client_id uuid not null references public.clients (id),
  number text not null unique,
  reason text not null constraint credit_notes_reason_given check (btrim(reason) <> ''),
  currency text not null references public.currencies (code),
  total_minor bigint not null constraint credit_notes_positive check (total_minor > 0),
  to_invoice_minor bigint not null default 0,
  to_balance_minor bigint not null default 0,
  to_refund_minor bigint not null default 0,
  to_grants_minor bigint not null default 0,
  issued_at timestamptz not null,
  document jsonb not null default '{}',
  voided_at timestamptz,
  constraint credit_notes_settled check (
    total_minor = to_invoice_minor + to_balance_minor + to_refund_minor + to_grants_minor
    and least(to_invoice_minor, to_balance_minor, to_refund_minor, to_grants_minor) >= 0),
  constraint credit_notes_voided_undo check (
    voided_at is null or total_minor in (to_invoice_minor, to_refund_minor))
);
comment on table public.credit_notes is
  'Credits on issued invoices: off what is due, onto the client''s balance, refunded, or back to
   the grants of credit that had paid.';
comment on column public.credit_notes.voided_at is
  'When it was taken back. Only of a note that was all off what was due, or all to be refunded.';
create index credit_notes_invoice_id on public.credit_notes (invoice_id);
create index credit_notes_client_id on public.credit_notes (client_id, issued_at);
create index credit_notes_currency on public.credit_notes (currency);
alter table public.credit_notes enable row level security;
revoke all on public.credit_notes from anon, authenticated, service_role;
grant select on public.credit_notes to authenticated, service_role;

create policy "members and operators read credit notes" on public.credit_notes
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

create trigger refuse_truncate before truncate on public.credit_notes
  for each statement execute function _billing.refuse_change();

create table public.credit_note_lines (
  id uuid primary key default gen_random_uuid(),
  credit_note_id uuid not null references public.credit_notes (id),
  section_start date,
  rating_key text not null,
  kind text not null,
  model text,
  metric text,
  rate_class text,
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
  constraint credit_note_lines_tax_complete check (
    (kind = 'tax') = (num_nulls(tax_name, tax_rate_percent, tax_behavior, tax_base_minor) = 0))
);
comment on table public.credit_note_lines is
  'What a credit note takes back, by the rating key of the lines it takes it from; positive.';
create index credit_note_lines_credit_note_id on public.credit_note_lines (credit_note_id);
create index credit_note_lines_section on public.credit_note_lines (section_start);

create trigger refuse_change before update or delete or truncate on public.credit_note_lines
  for each statement execute function _billing.refuse_change();
alter table public.credit_note_lines enable row level security;
revoke all on public.credit_note_lines from anon, authenticated, service_role;
grant select on public.credit_note_lines to authenticated, service_role;

create policy "lines are read with their credit note" on public.credit_note_lines
  for select to authenticated
  using (exists (select from public.credit_notes n where n.id = credit_note_id));

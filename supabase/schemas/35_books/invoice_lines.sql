-- The lines of invoices.

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
  constraint invoice_lines_kind_known check (
    kind in ('usage', 'minimum', 'one_off', 'top_up', 'discount', 'promotional_credit', 'tax')),
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
alter table public.invoice_lines enable row level security;
revoke all on public.invoice_lines from anon, authenticated, service_role;
grant select on public.invoice_lines to authenticated, service_role;

create policy "lines are read with their invoice" on public.invoice_lines
  for select to authenticated
  using (exists (select from public.invoices i where i.id = invoice_id));

create trigger refuse_truncate before truncate on public.invoice_lines
  for each statement execute function _billing.refuse_change();

-- The item that a line charges for. Null for every other line, whatever its key: a cast would fail
-- wherever the planner happens to evaluate it.
create function _billing.item_of(rating_key text) returns uuid language sql immutable
return case when starts_with(rating_key, 'item|') then substr(rating_key, 6)::uuid end;
comment on function _billing.item_of is 'The invoice item that a rating key names, or null.';

-- A line of promotional credit is of one grant and one metric, model and agent.
create function _billing.promotional_key(grant_id uuid, metric text, model text, agent text)
returns text language sql stable
return format('promotional|%s|%s', grant_id, jsonb_build_array(metric, model, agent));
comment on function _billing.promotional_key is
  'The rating key of what a grant of promotional credit takes off charges of these names.';

-- The grant of a line of promotional credit; null for every other line, as above.
create function _billing.grant_of(rating_key text) returns uuid language sql immutable
return case when starts_with(rating_key, 'promotional|') then substr(rating_key, 13, 36)::uuid end;
comment on function _billing.grant_of is
  'The grant of promotional credit that a rating key names, or null.';

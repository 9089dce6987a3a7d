-- Charges and credits that wait for their invoice.

create table public.invoice_items (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients (id),
  description text not null constraint invoice_items_described check (
    btrim(description) <> '' and length(description) <= 500),
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
alter table public.invoice_items enable row level security;
revoke all on public.invoice_items from anon, authenticated, service_role;
grant select on public.invoice_items to authenticated, service_role;
grant insert on public.invoice_items to service_role;

create policy "operators read invoice items" on public.invoice_items
  for select to authenticated using ((select billing.is_operator()));

-- Not what settling itself writes of an item: which period or invoice took it.
create constraint trigger count_terms_change_of_items
  after update of client_id, description, quantity, unit_amount, currency, item_day
  on public.invoice_items
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');
create constraint trigger count_terms_change after delete on public.invoice_items
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');

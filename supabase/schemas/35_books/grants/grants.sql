-- Grants of credit that a client has before it is invoiced. ADR 41 says why they are as they are.

create table public.credit_grants (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients (id),
  kind text not null,
  currency text not null references public.currencies (code),
  amount_minor bigint not null
    constraint credit_grants_amount_in_range check (amount_minor between 1 and 1e15),
  cost_minor bigint not null,
  priority smallint not null default 50
    constraint credit_grants_priority_in_range check (priority between 0 and 100),
  granted_at timestamptz not null,
  effective_at timestamptz not null,
  expires_at timestamptz,
  metrics text[],
  models text[],
  agents text[],
  continues_id uuid references public.credit_grants (id),
  method text,
  top_up_id uuid unique references public.top_ups (id),
  reference text unique,
  note text,
  tax_minor bigint not null default 0,
  tax_invoice_id uuid references public.invoices (id),
  constraint credit_grants_kind_known check (
    kind in ('paid', 'refund', 'rollover', 'promotional')),
  constraint credit_grants_cost_in_range check (cost_minor between 0 and amount_minor
    and (kind = 'paid' or kind = 'rollover' or cost_minor = 0)),
  constraint credit_grants_paid_somehow check ((kind = 'paid') = (method is not null)),
  constraint credit_grants_of_top_ups check (
    top_up_id is null or (method = 'top_up' and cost_minor = amount_minor)),
  constraint credit_grants_tax_of_purchase check (tax_minor between 0 and amount_minor
    and (tax_minor > 0) = (tax_invoice_id is not null)
    and (tax_minor = 0 or top_up_id is not null or kind = 'rollover')),
  constraint credit_grants_rollover_continues check (
    (kind = 'rollover') = (continues_id is not null)),
  constraint credit_grants_expires_later check (
    expires_at > greatest(effective_at, granted_at) and expires_at < 'infinity'),
  constraint credit_grants_scope_not_empty check (
    cardinality(metrics) > 0 and cardinality(models) > 0 and cardinality(agents) > 0)
);
comment on table public.credit_grants is
  'Credit that a client has before it is invoiced: what was granted, and for what. Append-only;
   credit_entries say what became of it.';
comment on column public.credit_grants.kind is
  'paid: the client has paid for it; refund: instead of money given back; rollover: what was left
   of another grant; promotional: given for nothing, a discount before tax. The others pay.';
comment on column public.credit_grants.cost_minor is
  'What was paid for all of it; less than the amount where there is a bonus.';
comment on column public.credit_grants.priority is 'Lower is used first.';
comment on column public.credit_grants.effective_at is
  'From when it may be used: a beginning of a local day of the client, or the grant itself.';
comment on column public.credit_grants.expires_at is
  'From when it may not be used: the beginning of a local day of the client; null: never.';
comment on column public.credit_grants.metrics is
  'It is for lines of these metrics (models, agents) alone; null: for all lines.';
comment on column public.credit_grants.top_up_id is
  'The top-up whose invoice has paid for it.';
comment on column public.credit_grants.continues_id is 'Of a rollover: the grant it comes from.';
comment on column public.credit_grants.reference is
  'What it is called where it was paid or decided; the same reference is granted once.';
comment on column public.credit_grants.tax_minor is
  'Tax contained in all of it that was paid with it (ADR 64); 0 where it is taxed on use.';
comment on column public.credit_grants.tax_invoice_id is
  'The invoice of the top-up that says that tax, also of what rolled over.';
create index credit_grants_client_id on public.credit_grants (client_id, currency);
create index credit_grants_promotional on public.credit_grants (client_id)
  where kind = 'promotional';
create index credit_grants_currency on public.credit_grants (currency);
create index credit_grants_continues_id on public.credit_grants (continues_id);
create index credit_grants_tax_invoice_id on public.credit_grants (tax_invoice_id);

create trigger refuse_change before update or delete or truncate on public.credit_grants
  for each statement execute function _billing.refuse_change();
alter table public.credit_grants enable row level security;
revoke all on public.credit_grants from anon, authenticated, service_role;
grant select on public.credit_grants to authenticated, service_role;

create policy "members and operators read grants of credit" on public.credit_grants
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- The order in which grants are used, as one value that is compared.
create type _billing.burn_rank as (priority smallint, expires_at timestamptz, is_paid boolean,
  granted_at timestamptz, grant_id uuid);

create function _billing.burn_rank(credit public.credit_grants)
returns _billing.burn_rank language sql immutable
return ((credit).priority, coalesce((credit).expires_at, 'infinity'),
  (credit).kind <> 'promotional', (credit).granted_at, (credit).id)::_billing.burn_rank;
comment on function _billing.burn_rank is
  'The order in which grants are used: priority, expiry, promotional before paid, age.';

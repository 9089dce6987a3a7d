-- Credit that a client buys ahead. ADR 55 says why it is as it is.

create table public.top_ups (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients (id),
  origin text not null,
  state text not null default 'wanted',
  currency text not null references public.currencies (code),
  amount_minor bigint not null
    constraint top_ups_amount_in_range check (amount_minor between 1 and 1e15),
  expires_after_days integer
    constraint top_ups_expire_within_years check (expires_after_days between 1 and 36500),
  balance_minor bigint,
  threshold_minor bigint,
  reference text,
  note text,
  requested_at timestamptz not null,
  invoice_id uuid unique references public.invoices (id),
  declined_at timestamptz,
  problem text,
  constraint top_ups_reference_once unique (client_id, reference),
  constraint top_ups_origin_known check (origin in ('request', 'low_balance')),
  constraint top_ups_state_known check (
    state in ('wanted', 'invoiced', 'granted', 'declined', 'void')),
  constraint top_ups_invoiced_once_wanted check (case state when 'wanted' then invoice_id is null
    else invoice_id is not null or (state = 'void' and origin = 'low_balance') end),
  constraint top_ups_say_what_set_them_off check (num_nulls(balance_minor, threshold_minor)
    = case origin when 'low_balance' then 0 else 2 end)
);
comment on table public.top_ups is
  'Credit that clients buy: wanted -> invoiced -> granted, when the invoice is paid.';
comment on column public.top_ups.origin is
  'request: somebody asked for it; low_balance: auto_recharges did.';
comment on column public.top_ups.state is
  'granted: the invoice is paid and the credit granted; declined: the payment was refused or the
   invoice written off; void: nothing was granted. Void without an invoice: it was no longer due.';
comment on column public.top_ups.expires_after_days is
  'The credit expires at the beginning of the local day that is so many days after the payment;
   null: never.';
comment on column public.top_ups.balance_minor is
  'The live balance that was below the threshold; null where somebody asked.';
comment on column public.top_ups.reference is 'The same reference is one top-up.';
comment on column public.top_ups.problem is 'Why it has no invoice yet, or why it was declined.';
-- However many see the low balance at once: one recharge of a client is under way.
create unique index top_ups_one_recharge on public.top_ups (client_id)
  where origin = 'low_balance' and state in ('wanted', 'invoiced');
-- Counted at each request, however many a client has paid.
create index top_ups_open_requests on public.top_ups (client_id)
  where origin = 'request' and state in ('wanted', 'invoiced');
create index top_ups_client_id on public.top_ups (client_id, requested_at);
create index top_ups_currency on public.top_ups (currency);
create trigger refuse_truncate before truncate on public.top_ups
  for each statement execute function _billing.refuse_change();
alter table public.top_ups enable row level security;
revoke all on public.top_ups from anon, authenticated, service_role;
grant select on public.top_ups to authenticated, service_role;

create policy "members and operators read top-ups" on public.top_ups
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- The credit balance of clients, entry by entry.

create table public.balance_entries (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients (id),
  currency text not null references public.currencies (code),
  amount_minor bigint not null constraint balance_entries_not_zero check (amount_minor <> 0),
  reason text not null
    constraint balance_entries_reason_known
    check (reason in ('credit_note', 'applied', 'void', 'adjustment', 'overpayment', 'refund')),
  invoice_id uuid references public.invoices (id),
  credit_note_id uuid references public.credit_notes (id),
  created_at timestamptz not null,
  note text
);
comment on table public.balance_entries is
  'Ledger of each client''s credit balance; the sum is what the next invoices are reduced by.';
create index balance_entries_client_id on public.balance_entries (client_id, currency);
create index balance_entries_invoice_id on public.balance_entries (invoice_id);
create index balance_entries_credit_note_id on public.balance_entries (credit_note_id);
create index balance_entries_currency on public.balance_entries (currency);

create trigger refuse_change before update or delete or truncate on public.balance_entries
  for each statement execute function _billing.refuse_change();
alter table public.balance_entries enable row level security;
revoke all on public.balance_entries from anon, authenticated, service_role;
grant select on public.balance_entries to authenticated, service_role;

create policy "members and operators read balances" on public.balance_entries
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

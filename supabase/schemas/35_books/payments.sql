-- Payments of issued invoices.

create table public.payments (
  id uuid primary key default gen_random_uuid(),
  invoice_id uuid not null references public.invoices (id),
  client_id uuid not null references public.clients (id),
  amount_minor bigint not null constraint payments_not_zero check (amount_minor <> 0),
  kind text not null default 'payment',
  currency text not null references public.currencies (code),
  paid_at timestamptz not null,
  method text not null default 'manual',
  reference text unique,
  constraint payments_kind_known check (kind in ('payment', 'refund', 'refund_failed', 'dispute',
    'dispute_reversed')),
  constraint payments_sign_of_kind check (
    (amount_minor > 0) = (kind in ('payment', 'refund_failed', 'dispute_reversed')))
);
comment on table public.payments is
  'Money received for invoices; money that went back, by refund or dispute, is negative.';
comment on column public.payments.kind is
  'payment: received; refund: given back; refund_failed: what was given back came back to us;
   dispute: taken back through the payer''s bank; dispute_reversed: returned by it.';
comment on column public.payments.reference is
  'The payment''s id where it was made; the same reference is recorded once.';
create index payments_invoice_id on public.payments (invoice_id);
create index payments_client_id on public.payments (client_id, paid_at);
create index payments_currency on public.payments (currency);

create trigger refuse_change before update or delete or truncate on public.payments
  for each statement execute function _billing.refuse_change();
alter table public.payments enable row level security;
revoke all on public.payments from anon, authenticated, service_role;
grant select on public.payments to authenticated, service_role;

create policy "members and operators read payments" on public.payments
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- The accounts of the ledger. ADR 35 says why it is as it is.
--
-- A debit is more than zero, a credit less. A debt of a client is a debit of `receivable`; money
-- that we owe the client is a credit of `customer_credit`.

-- Names as those of named_id. Written out, so that a query computes them without a call for each.
create function _billing.account_id(client_id uuid, currency text, kind text, processor text)
returns uuid language sql immutable
return overlay(overlay(md5('account|' || client_id::text || '|' || currency || '|' || kind || '|'
  || coalesce(processor, '')) placing '8' from 13) placing 'a' from 17)::uuid;
comment on function _billing.account_id is 'The id of an account: always the same.';

create table billing.ledger_accounts (
  id uuid primary key,
  client_id uuid not null references public.clients (id),
  currency text not null,
  kind text not null,
  processor text,
  constraint ledger_accounts_kind_known check (kind in ('receivable', 'customer_credit', 'cash',
    'refunds_due', 'earnings', 'tax_payable', 'write_off', 'adjustments', 'prepaid_credit',
    'breakage', 'promotion_expense', 'advances', 'advance_tax')),
  constraint ledger_accounts_processor_of_cash check ((kind = 'cash') = (processor is not null)),
  -- So there is one of each. The currency is one of the row that is posted, which refers to it.
  constraint ledger_accounts_named check (
    id = _billing.account_id(client_id, currency, kind, processor))
);
comment on table billing.ledger_accounts is
  'Accounts of the ledger: one for each client, currency and kind; cash by each way to pay.';
comment on column billing.ledger_accounts.kind is
  'receivable: what the client owes; customer_credit: what the next invoices take; cash: what was
   received and not given back; refunds_due: what is to be given back; earnings: what was charged
   without its tax; tax_payable: the tax of it; write_off: what will not be paid; adjustments:
   credit that was given or taken without an invoice; prepaid_credit: what is left of grants;
   breakage: what of them has expired; promotion_expense: what of them was not paid for;
   advances: top-ups that are invoiced and not granted; advance_tax: tax that was due with the
   purchase of credit, and that the invoices which it will pay deduct (ADR 64).';
create index ledger_accounts_client_id on billing.ledger_accounts (client_id);

create trigger refuse_change before update or delete or truncate on billing.ledger_accounts
  for each statement execute function _billing.refuse_change();
alter table billing.ledger_accounts enable row level security;
revoke all on billing.ledger_accounts from public;
grant select on billing.ledger_accounts to service_role;

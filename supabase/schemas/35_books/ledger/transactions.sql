-- What happened to money. A transaction is named by its kind and its source, and its id is made of
-- that name: what has been posted cannot be posted again under another id.

-- A name as those of named_id. Written out, so that a query computes it without a call for each.
create function _billing.ledger_id(kind text, source_id uuid) returns uuid language sql immutable
return overlay(overlay(md5('ledger|' || kind || '|' || source_id::text)
  placing '8' from 13) placing 'a' from 17)::uuid;
comment on function _billing.ledger_id is 'The id of a transaction: always the same.';

create table billing.ledger_transactions (
  id uuid primary key,
  kind text not null,
  source_id uuid not null,
  invoice_id uuid references public.invoices (id),
  effective_at timestamptz not null,
  posted_at timestamptz not null default now(),
  posted_by xid8 generated always as (billing.storing_transaction()) stored,
  constraint ledger_transactions_kind_known check (kind in ('invoice', 'void', 'write_off',
    'recovery', 'credit_note', 'credit_note_void', 'refund_promise', 'refund_withdrawal', 'payment',
    'refund', 'refund_failure', 'dispute', 'dispute_loss', 'credit_use', 'credit_return',
    'overpayment', 'credit_grant', 'credit_refund', 'credit_refund_failure', 'adjustment',
    'prepayment', 'prepaid_use', 'prepaid_return', 'prepaid_transfer', 'prepaid_expiry',
    'prepaid_withdrawal', 'promotional_use', 'promotional_return')),
  constraint ledger_transactions_named check (id = _billing.ledger_id(kind, source_id))
);
comment on table billing.ledger_transactions is
  'Movements of money. Append-only: what is taken back is posted again with the opposite sign.';
comment on column billing.ledger_transactions.source_id is
  'The row that says what happened: of invoices, payments, credit_notes, balance_entries
   or credit_entries.';
comment on column billing.ledger_transactions.effective_at is
  'When it happened; posted_at says when it was written.';
comment on column billing.ledger_transactions.posted_by is
  'The transaction of the database that wrote it: an export in pieces is of what one snapshot saw.';
create index ledger_transactions_invoice_id on billing.ledger_transactions (invoice_id);
-- A month of the journal is read block by block; expiries, which are booked ahead, lie far off.
create index ledger_transactions_effective_at on billing.ledger_transactions
  using brin (effective_at timestamptz_minmax_multi_ops);

create trigger refuse_change before update or delete or truncate on billing.ledger_transactions
  for each statement execute function _billing.refuse_change();
alter table billing.ledger_transactions enable row level security;
revoke all on billing.ledger_transactions from public;
grant select on billing.ledger_transactions to service_role;

-- The client's account, as a statement shows it: the entries of what it owes and of its credit.

create view billing.account_entries with (security_invoker = true) as
select a.client_id, a.currency, t.effective_at as at, k.rank, k.entry,
  coalesce(n.number, i.number) as number, sum(e.amount_minor) as amount_minor, t.invoice_id,
  t.id as transaction_id, t.posted_at
from billing.ledger_entries e
join billing.ledger_accounts a on a.id = e.account_id
  and a.kind in ('receivable', 'customer_credit')
join billing.ledger_transactions t on t.id = e.transaction_id
-- What only turns a debt into credit, or credit into a payment, is no entry of a statement.
join (values
  ('recovery', 0, 'recovered'), ('invoice', 1, 'invoice'), ('void', 2, 'void'),
  ('credit_note', 3, 'credit_note'), ('credit_note_void', 3, 'credit_note_voided'),
  ('refund_promise', 4, 'refund'), ('refund_withdrawal', 4, 'refund_failed'),
  ('payment', 5, 'payment'), ('credit_refund', 5, 'refund'),
  ('credit_refund_failure', 5, 'refund_failed'), ('adjustment', 5, 'adjustment'),
  ('prepaid_use', 4, 'credit_used'), ('prepaid_return', 4, 'credit_returned'),
  ('prepaid_transfer', 4, 'credit_moved'), ('write_off', 6, 'written_off'),
  ('dispute', 7, 'disputed'), ('dispute_loss', 8, 'written_off')
) k(kind, rank, entry) on k.kind = t.kind
left join public.invoices i on i.id = t.invoice_id
left join public.credit_notes n on n.id = t.source_id and t.kind in ('credit_note',
  'credit_note_void', 'refund_promise', 'refund_withdrawal')
group by a.client_id, a.currency, t.id, k.rank, k.entry, n.id, i.id;
comment on view billing.account_entries is
  'Invoices, voids, credits, refunds, payments and write-offs of each client, from the ledger:
   signed, what is owed is more than zero.';
revoke all on billing.account_entries from public;
grant select on billing.account_entries to service_role;

-- The ledger as a journal, entry by entry, for bookkeeping.

create view billing.journal with (security_invoker = true) as
select t.id as transaction_id, t.effective_at as at, t.posted_at, t.kind,
  coalesce(n.number, i.number) as number, a.client_id, c.name as client, a.kind as account,
  a.processor, x.taxes, greatest(e.amount_minor, 0) as debit_minor,
  greatest(-e.amount_minor, 0) as credit_minor, a.currency
from billing.ledger_transactions t
join billing.ledger_entries e on e.transaction_id = t.id
join billing.ledger_accounts a on a.id = e.account_id
join public.clients c on c.id = a.client_id
left join public.invoices i on i.id = t.invoice_id
left join public.credit_notes n on n.id = t.source_id and t.kind in ('credit_note',
  'credit_note_void', 'refund_promise', 'refund_withdrawal')
left join lateral (
  select string_agg(distinct l.tax_name || ' ' || trim_scale(l.tax_rate_percent) || ' %', ', ')
    as taxes
  from public.invoice_lines l
  -- What moves tax of a purchase is of the rates of then.
  where a.kind = 'tax_payable' and l.invoice_id = case when t.kind like 'prepa%' then (
      select g.tax_invoice_id
      from public.credit_entries c join public.credit_grants g on g.id = c.grant_id
      where c.id = t.source_id)
    else t.invoice_id end and l.kind = 'tax' and l.amount_minor <> 0
) x on true;
comment on view billing.journal is
  'Debits and credits of the ledger, with the number of the invoice or credit note they are of.';
comment on column billing.journal.at is
  'When it happened. An event told late is of an earlier month than its posting: see posted_at.';
comment on column billing.journal.taxes is
  'The taxes of the invoice, on entries of tax_payable; where credit is used or goes back, those
   that were contained in what was paid for it.';
revoke all on billing.journal from public;
grant select on billing.journal to service_role;

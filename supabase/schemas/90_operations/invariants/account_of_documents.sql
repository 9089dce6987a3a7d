-- The client's account once more, without the ledger: from invoices, credit notes, payments and
-- entries of balances. Nothing is paid or told by it; the invariants hold the ledger against it.

create view _billing.account_of_documents as
select i.client_id, i.currency, i.finalized_at as at, 1 as rank, 'invoice' as entry, i.number,
  i.total_minor as amount_minor, i.id as invoice_id
from public.invoices i where i.status <> 'draft'
union all
select i.client_id, i.currency, i.voided_at, 2, 'void', i.number, -i.total_minor, i.id
from public.invoices i where i.status = 'void'
union all
select n.client_id, n.currency, n.issued_at, 3, 'credit_note', n.number, -n.total_minor,
  n.invoice_id
from public.credit_notes n
union all
select n.client_id, n.currency, n.voided_at, 3, 'credit_note_voided', n.number, n.total_minor,
  n.invoice_id
from public.credit_notes n where n.voided_at is not null
union all
select n.client_id, n.currency, n.voided_at, 4, 'refund_failed', n.number, -n.to_refund_minor,
  n.invoice_id
from public.credit_notes n where n.voided_at is not null and n.to_refund_minor > 0
union all
select n.client_id, n.currency, n.issued_at, 4, 'refund', n.number, n.to_refund_minor,
  n.invoice_id
from public.credit_notes n where n.to_refund_minor > 0
union all
select p.client_id, p.currency, p.paid_at, 5, 'payment', i.number, -p.amount_minor, p.invoice_id
from public.payments p join public.invoices i on i.id = p.invoice_id
where p.kind = 'payment'
union all
-- What goes back as a credit note says stands at the note; here is what was the client's credit, or
-- became it again because the refund failed.
select b.client_id, b.currency, b.created_at, 5,
  case when b.amount_minor < 0 then 'refund' else 'refund_failed' end, i.number, -b.amount_minor,
  i.id
from public.balance_entries b join public.invoices i on i.id = b.invoice_id
where b.reason = 'refund'
union all
select e.client_id, e.currency, e.effective_at, 4, case e.kind when 'use' then 'credit_used'
    when 'return' then 'credit_returned' else 'credit_moved' end, i.number, e.amount_minor, i.id
from public.credit_entries e join public.invoices i on i.id = e.invoice_id
where e.kind in ('use', 'return', 'transfer')
union all
select i.client_id, i.currency, i.uncollectible_at, 6, 'written_off', i.number,
  -i.written_off_minor, i.id
from public.invoices i where i.uncollectible_at is not null
union all
select b.client_id, b.currency, b.created_at, 5, 'adjustment', i.number, -b.amount_minor,
  b.invoice_id
from public.balance_entries b left join public.invoices i on i.id = b.invoice_id
where b.reason = 'adjustment'
union all
-- What a dispute takes back is no credit that we grant: it is due again, and written off with that.
select p.client_id, p.currency, p.paid_at, d.rank, d.entry, i.number, d.sign * p.amount_minor,
  p.invoice_id
from public.payments p join public.invoices i on i.id = p.invoice_id
cross join (values (7, 'disputed', -1), (8, 'written_off', 1)) d(rank, entry, sign)
where p.kind in ('dispute', 'dispute_reversed')
union all
-- What comes after all for an invoice that was written off stands again before it is settled, so
-- that a year once closed stays as it was; in all never more than was written off. Earlier
-- settlements are told by the amounts, not by times: late news of Stripe is older than its booking,
-- and one second may hold both.
select r.client_id, r.currency, r.at, 0, 'recovered', r.number,
  greatest(least(r.written_off_minor, r.beyond), 0)
    - greatest(least(r.written_off_minor, r.beyond - r.amount_minor), 0),
  r.invoice_id
from (
  select s.*, i.number, i.written_off_minor, sum(s.amount_minor) over (
    partition by s.invoice_id order by s.at, s.id)
    - (i.total_minor - i.balance_applied_minor - i.written_off_minor) as beyond
  from (
    select p.id, p.invoice_id, p.client_id, p.currency, p.paid_at as at, p.amount_minor
    from public.payments p where p.kind = 'payment'
    union all
    select n.id, n.invoice_id, n.client_id, n.currency, n.issued_at, n.to_invoice_minor
    from public.credit_notes n where n.to_invoice_minor > 0 and n.voided_at is null
  ) s join public.invoices i on i.id = s.invoice_id and i.uncollectible_at is not null
    and i.status <> 'void'
) r
where r.written_off_minor > 0 and r.beyond > 0
union all
select i.client_id, i.currency, i.voided_at, 0, 'recovered', i.number, i.written_off_minor, i.id
from public.invoices i where i.uncollectible_at is not null and i.status = 'void';
comment on view _billing.account_of_documents is
  'What moves a client''s account by the documents; billing.account_entries says it by the ledger.';
revoke all on _billing.account_of_documents from public;

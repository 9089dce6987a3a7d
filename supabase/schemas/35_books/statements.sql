-- Statements of account and the balance of a client.

-- Everything that moves what a client owes, signed: invoices up, credits and payments down.
create view billing.account_entries with (security_invoker = true) as
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
-- that a year once closed stays as it was; in all never more than was written off. What had been
-- settled before is told by the amounts, not by times: what Stripe tells late is older than it is
-- booked, and one second may hold both.
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
comment on view billing.account_entries is
  'Invoices, voids, credits, refunds, payments and write-offs as one signed ledger.';
revoke all on billing.account_entries from public;
grant select on billing.account_entries to service_role;

create function billing.statement(client_id uuid, year integer)
returns table (at timestamptz, entry text, number text, currency text, amount_minor numeric,
  balance_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with entries as (
    select e.*, make_date(year, 1, 1)::timestamp at time zone 'UTC' as year_start,
      make_date(year + 1, 1, 1)::timestamp at time zone 'UTC' as year_end
    from billing.account_entries e where e.client_id = statement.client_id
  ), currencies as (
    select distinct e.currency, e.year_start, e.year_end from entries e
  ), rows as (
    select c.year_start as at, 0 as rank, 'opening_balance' as entry, null::text as number,
      c.currency, coalesce((select sum(e.amount_minor) from entries e
        where e.currency = c.currency and e.at < c.year_start), 0) as amount_minor
    from currencies c
    union all
    select e.at, e.rank, e.entry, e.number, e.currency, e.amount_minor
    from entries e where e.at >= e.year_start and e.at < e.year_end
    union all
    select c.year_end, 9, 'closing_balance', null, c.currency, 0 from currencies c
  )
  select r.at, r.entry, r.number, r.currency, r.amount_minor,
    sum(r.amount_minor) over (
      partition by r.currency order by r.at, r.rank, r.number, r.entry
      rows unbounded preceding)
  from rows r
  order by r.currency, r.at, r.rank, r.number, r.entry;
$$;
comment on function billing.statement is
  'A client''s account of a year: opening balance, every entry, closing balance; per currency.
   A positive balance is owed by the client, a negative one is credit.';
grant execute on function billing.statement(uuid, integer) to service_role;

create function billing.client_balance(client_id uuid)
returns table (currency text, credit_minor numeric, due_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select x.currency, sum(x.credit), sum(x.due)
  from (
    select b.currency, b.amount_minor as credit, 0 as due from public.balance_entries b
    where b.client_id = client_balance.client_id
    union all
    select i.currency, 0, i.amount_due_minor from public.invoices i
    where i.client_id = client_balance.client_id and i.status = 'open'
  ) x
  group by x.currency;
$$;
comment on function billing.client_balance is
  'Credit that the next invoices will take, and what is due on open ones.';
grant execute on function billing.client_balance(uuid) to service_role;

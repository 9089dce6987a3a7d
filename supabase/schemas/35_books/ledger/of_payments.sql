-- What is posted of payments: money received, given back, taken back by a dispute.

-- What comes for an invoice that was written off stands again before it is paid, so that a year
-- once closed stays as it was; never more than is due.
create function _billing.post_payments() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.post(array(
    with recovered as (
      select n.id, least(n.amount_minor, i.amount_due_minor - coalesce(sum(n.amount_minor) over (
        partition by n.invoice_id order by n.paid_at, n.id
        rows between unbounded preceding and 1 preceding), 0)) as amount,
        _billing.write_off_account(i.kind) as account
      from new_rows n join public.invoices i on i.id = n.invoice_id
      where n.kind = 'payment' and i.status = 'uncollectible'
    )
    select (x.kind, n.id, n.invoice_id, n.client_id, n.currency, n.paid_at, x.debit, x.credit,
      x.amount, n.method)::_billing.ledger_transfer
    from new_rows n
    left join recovered r on r.id = n.id
    cross join lateral (values
      ('recovery', 'receivable', r.account, r.amount, r.amount > 0),
      -- Credit at Stripe is no money: the entry of the balance that took it is on `adjustments`.
      ('payment', case when n.method = 'stripe_balance' then 'adjustments' else 'cash' end,
        'receivable', n.amount_minor, n.kind = 'payment'),
      ('refund', 'refunds_due', 'cash', -n.amount_minor, n.kind = 'refund'),
      ('refund_failure', 'cash', 'refunds_due', n.amount_minor, n.kind = 'refund_failed'),
      -- Due again, and written off with that. Of a top-up that is not granted nothing is lost;
      -- the money of one that was void is on the balance, and the client keeps it.
      ('dispute', 'receivable', 'cash', -n.amount_minor, n.kind like 'dispute%'),
      ('dispute_loss', case when exists (select from public.invoices i
          where i.id = n.invoice_id and i.kind = 'top_up' and i.status not in ('paid', 'void'))
          then 'advances'
        else 'write_off' end, 'receivable', -n.amount_minor, n.kind like 'dispute%')
    ) x(kind, debit, credit, amount, applies)
    where x.applies));
  return null;
end $$;
comment on function _billing.post_payments is
  'Posts payments, refunds and disputes of this statement.';

create trigger post_payments after insert on public.payments
  referencing new table as new_rows
  for each statement execute function _billing.post_payments();

-- What is posted of a client's credit balance.

create function _billing.post_balance_entries() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.post(array(
    select (x.kind, n.id, n.invoice_id, n.client_id, n.currency, n.created_at, x.debit,
      'customer_credit', n.amount_minor, null)::_billing.ledger_transfer
    from new_rows n
    join (values
      ('applied', 'credit_use', 'receivable'), ('void', 'credit_return', 'receivable'),
      ('overpayment', 'overpayment', 'receivable'), ('credit_note', 'credit_grant', 'receivable'),
      ('refund', null, 'refunds_due'), ('adjustment', 'adjustment', 'adjustments')
    ) r(reason, kind, debit) on r.reason = n.reason
    cross join lateral (select coalesce(r.kind, case when n.amount_minor < 0 then 'credit_refund'
      else 'credit_refund_failure' end) as kind, r.debit) x));
  return null;
end $$;
comment on function _billing.post_balance_entries is
  'Posts the entries of balances of this statement.';

create trigger post_balance_entries after insert on public.balance_entries
  referencing new table as new_rows
  for each statement execute function _billing.post_balance_entries();

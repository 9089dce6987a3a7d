-- What is posted of invoices: issued, written off, void. By a trigger, as of the other registers: a
-- writer of the books cannot leave the ledger out. Once a statement: a run issues many at once.

-- Of a top-up nothing has been earned and nothing granted: one that is not paid costs us nothing.
create function _billing.write_off_account(kind text) returns text language sql immutable
return case kind when 'top_up' then 'advances' else 'write_off' end;
comment on function _billing.write_off_account is
  'The account that an invoice of a kind is written off against.';

create function _billing.post_invoices() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
set enable_nestloop = off set jit = off as $$
begin
  perform _billing.post(array(
    with moved as materialized (
      select n.id, n.client_id, n.currency, n.total_minor, n.written_off_minor,
        -- Tax in a top-up is due when it is paid, and posted with its grant.
        case n.kind when 'top_up' then 0 else n.tax_minor + n.tax_included_minor end as tax_minor,
        case when o.status = 'draft' then n.finalized_at end as issued_at,
        case when o.uncollectible_at is null then n.uncollectible_at end as written_off_at,
        case when o.status <> 'void' then n.voided_at end as voided_at,
        n.uncollectible_at is not null as is_written_off,
        -- A top-up earns nothing: what it has paid for is owed until it is used or expires.
        case n.kind when 'top_up' then 'advances' else 'earnings' end as earnings,
        _billing.write_off_account(n.kind) as write_off
      from new_rows n join old_rows o on o.id = n.id
      where n.status <> 'draft' and (o.status = 'draft' or n.status <> o.status)
    )
    select (x.kind, m.id, m.id, m.client_id, m.currency, x.at, x.debit, x.credit, x.amount,
      null)::_billing.ledger_transfer
    from moved m
    cross join lateral (values
      ('invoice', m.issued_at, 'receivable', m.earnings, m.total_minor - m.tax_minor, true),
      ('invoice', m.issued_at, 'receivable', 'tax_payable', m.tax_minor, m.tax_minor <> 0),
      ('write_off', m.written_off_at, m.write_off, 'receivable', m.written_off_minor, true),
      ('recovery', m.voided_at, 'receivable', m.write_off, m.written_off_minor, m.is_written_off),
      ('void', m.voided_at, m.earnings, 'receivable', m.total_minor - m.tax_minor, true),
      ('void', m.voided_at, 'tax_payable', 'receivable', m.tax_minor, m.tax_minor <> 0)
    ) x(kind, at, debit, credit, amount, applies)
    where x.at is not null and x.applies));
  return null;
end $$;
comment on function _billing.post_invoices is
  'Posts invoices that are issued, written off or void by this statement.';

create trigger post_invoices after update on public.invoices
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.post_invoices();

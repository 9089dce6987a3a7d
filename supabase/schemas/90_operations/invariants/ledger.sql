-- Of the ledger: that it balances, and that it says what the documents say, and they what it says.

-- What is wrong in the ledger by itself.
create function _billing.check_ledger_balance()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'ledger_transaction_balances', x.id::text, format('%s: debits less credits %s %s', x.kind,
    x.total, x.currency)
  from (
    select t.id, t.kind, a.currency, sum(e.amount_minor) as total
    from billing.ledger_transactions t
    left join billing.ledger_entries e on e.transaction_id = t.id
    left join billing.ledger_accounts a on a.id = e.account_id
    group by t.id, a.currency
  ) x
  where x.total is distinct from 0
  union all
  select 'ledger_trial_balance', a.currency, format('debits less credits %s', sum(e.amount_minor))
  from billing.ledger_entries e left join billing.ledger_accounts a on a.id = e.account_id
  group by a.currency having sum(e.amount_minor) <> 0;
$$;
comment on function _billing.check_ledger_balance is
  'Transactions of the ledger whose debits and credits differ, and currencies.';

-- Invoice by invoice, what is still to be paid. One that the ledger lacks, or that it has and there
-- is none of, differs too.
create function _billing.check_ledger_invoices()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'ledger_is_invoices', coalesce(i.number, x.invoice_id::text, i.id::text),
    format('due %s, by the ledger %s', i.due, x.due)
  from (
    select i.id, i.number, case when i.status = 'open' then i.amount_due_minor else 0 end as due
    from public.invoices i where i.status <> 'draft'
  ) i
  full join (
    select t.invoice_id, sum(e.amount_minor) as due
    from billing.ledger_transactions t
    join billing.ledger_entries e on e.transaction_id = t.id
    join billing.ledger_accounts a on a.id = e.account_id and a.kind = 'receivable'
    group by t.invoice_id
  ) x on x.invoice_id = i.id
  where i.due is distinct from x.due;
$$;
comment on function _billing.check_ledger_invoices is
  'Invoices of which something else is due than the ledger says.';

-- Account by account, of each client and currency: what grants of credit and their entries say.
create function _billing.grants_by_account()
returns table (client_id uuid, currency text, kind text, amount_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select g.client_id, g.currency, case when g.top_up_id is null then 'cash' else 'advances' end,
    g.cost_minor::numeric
  from public.credit_grants g where g.kind = 'paid'
  union all
  select e.client_id, e.currency, 'advances', e.amount_minor
  from public.credit_entries e
  where e.kind in ('withdrawal', 'restoration') and e.credit_note_id is not null
  union all
  -- The unexpired rest of grants is owed; credit that expires is earned, whenever that is.
  select e.client_id, e.currency, x.kind, x.amount
  from public.credit_entries e
  join public.credit_grants g on g.id = e.grant_id
  cross join lateral (values ('prepaid_credit', -e.amount_minor, g.kind <> 'promotional'),
    ('breakage', e.amount_minor, g.kind <> 'promotional'
      and e.kind in ('expiry', 'release', 'reopening')),
    -- Charges that promotional credit reduces are earned in full, and the reduction is our expense.
    ('earnings', e.amount_minor, e.kind in ('discount', 'discount_return')),
    -- Tax of a purchase: due with the grant, off what is due with what becomes of it, or expired.
    ('advance_tax', e.tax_minor, e.tax_minor <> 0),
    (case when e.kind in ('expiry', 'release', 'reopening') then 'breakage'
      else 'tax_payable' end, -e.tax_minor, e.tax_minor <> 0)
  ) x(kind, amount, applies)
  where x.applies;
$$;
comment on function _billing.grants_by_account is
  'What accounts of the ledger stand at, by grants of credit: rows to be summed.';

-- The same by all documents.
create function _billing.documents_by_account()
returns table (client_id uuid, currency text, kind text, amount_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select b.client_id, b.currency, 'customer_credit', -b.amount_minor::numeric
  from public.balance_entries b
  union all
  select p.client_id, p.currency, 'cash', p.amount_minor
  from public.payments p where p.method <> 'stripe_balance' or p.kind <> 'payment'
  union all
  select * from _billing.grants_by_account()
  union all
  select i.client_id, i.currency, x.kind, -x.amount
  from public.invoices i
  cross join lateral (select case i.kind when 'top_up' then 0
    else i.tax_minor + i.tax_included_minor end as tax) t
  cross join lateral (values ('tax_payable', t.tax), (case i.kind when 'top_up' then 'advances'
    else 'earnings' end, i.total_minor - t.tax)) x(kind, amount)
  where i.status not in ('draft', 'void')
  union all
  select i.client_id, i.currency, 'advances', i.amount_due_minor
  from public.invoices i where i.kind = 'top_up' and i.status = 'uncollectible'
  union all
  -- Payments that went back before anything was granted for them.
  select p.client_id, p.currency, 'advances', -p.amount_minor
  from public.payments p join public.invoices i on i.id = p.invoice_id
  where p.kind in ('dispute', 'dispute_reversed') and i.kind = 'top_up'
    and i.status not in ('paid', 'void')
  union all
  select n.client_id, n.currency, x.kind, x.amount
  from public.credit_notes n
  cross join lateral (
    select coalesce(sum(l.amount_minor), 0) as tax from public.credit_note_lines l
    where l.credit_note_id = n.id and l.kind = 'tax' and not exists (
      select from public.invoices i where i.id = n.invoice_id and i.kind = 'top_up')
  ) t
  cross join lateral (
    select i.kind = 'top_up' as is_advance, case
      when i.kind = 'top_up' and i.status <> 'paid' then n.total_minor
      else n.to_invoice_minor - coalesce((
        select sum(e.amount_minor) from public.credit_entries e
        where e.credit_note_id = n.id and e.kind = 'withdrawal'), 0) end as in_advance
    from public.invoices i where i.id = n.invoice_id
  ) a
  cross join lateral (values ('tax_payable', t.tax), (case when a.is_advance then 'advances'
      else 'earnings' end, case when a.is_advance then a.in_advance else n.total_minor - t.tax end),
    ('refunds_due', -n.to_refund_minor)) x(kind, amount)
  where n.voided_at is null
  union all
  select p.client_id, p.currency, 'refunds_due', -p.amount_minor
  from public.payments p where p.kind in ('refund', 'refund_failed')
  union all
  select b.client_id, b.currency, 'refunds_due', b.amount_minor
  from public.balance_entries b where b.reason = 'refund';
$$;
comment on function _billing.documents_by_account is
  'What accounts of the ledger stand at, by the documents: rows to be summed.';

create function _billing.check_ledger()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select * from _billing.check_ledger_balance()
  union all select * from _billing.check_ledger_invoices()
  union all
  select 'ledger_is_documents', x.client_id::text, format('%s %s: documents %s, ledger %s', x.kind,
    x.currency, sum(x.documents), sum(x.ledger))
  from (
    select d.client_id, d.currency, d.kind, d.amount_minor as documents, 0 as ledger
    from _billing.documents_by_account() d
    union all
    select a.client_id, a.currency, a.kind, 0, e.amount_minor
    from billing.ledger_entries e join billing.ledger_accounts a on a.id = e.account_id
    where a.kind in ('customer_credit', 'cash', 'tax_payable', 'earnings', 'refunds_due',
      'prepaid_credit', 'breakage', 'advances', 'advance_tax')
  ) x
  group by x.client_id, x.currency, x.kind having sum(x.documents) <> sum(x.ledger)
  union all
  select 'ledger_is_statement', x.client_id::text, format('%s: documents %s, ledger %s', x.currency,
    sum(x.documents), sum(x.ledger))
  from (
    select d.client_id, d.currency, d.amount_minor as documents, 0 as ledger
    from _billing.account_of_documents d
    union all
    select e.client_id, e.currency, 0, e.amount_minor from billing.account_entries e
  ) x
  group by x.client_id, x.currency having sum(x.documents) <> sum(x.ledger);
$$;
comment on function _billing.check_ledger is
  'Where the ledger does not balance, or differs from invoices, notes, payments and balances.';

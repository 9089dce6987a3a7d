-- Of money after the invoice: credit notes, payments, balance, and the account over all of it.
create function _billing.check_money()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'credit_note_is_sum_of_lines', n.number, format('total %s, lines %s', n.total_minor,
    s.total)
  from public.credit_notes n
  cross join lateral (
    select coalesce(sum(l.amount_minor), 0) as total from public.credit_note_lines l
    where l.credit_note_id = n.id
      and (l.tax_behavior is null or l.tax_behavior <> 'inclusive')
  ) s
  where s.total <> n.total_minor
  union all
  select 'credited_is_sum_of_notes', i.number, format('credited %s, notes off it %s',
    i.credited_minor, s.off)
  from public.invoices i
  cross join lateral (
    select coalesce(sum(n.to_invoice_minor), 0) as off, coalesce(sum(n.total_minor), 0) as total
    from public.credit_notes n where n.invoice_id = i.id and n.voided_at is null
  ) s
  where i.status <> 'draft' and (s.off <> i.credited_minor or s.total > i.total_minor)
  union all
  select 'paid_is_sum_of_payments', i.number, format('paid %s, received %s, of that %s too much',
    i.paid_minor, s.received, s.excess)
  from public.invoices i
  cross join lateral (
    select coalesce((select sum(p.amount_minor) from public.payments p
        where p.invoice_id = i.id and p.kind = 'payment'), 0) as received,
      coalesce((select sum(b.amount_minor) from public.balance_entries b
        where b.invoice_id = i.id and b.reason = 'overpayment'), 0) as excess
  ) s
  where i.status <> 'draft' and s.received - s.excess <> i.paid_minor
  union all
  select 'balance_is_not_negative', b.client_id::text, format('%s %s', sum(b.amount_minor),
    b.currency)
  from public.balance_entries b group by b.client_id, b.currency having sum(b.amount_minor) < 0
  union all
  -- Two ways to the same figure: what the documents move, and what is due less what is credit.
  select 'statement_closes', x.client_id::text, format('%s: documents %s, due less credit %s',
    x.currency, sum(x.moved), sum(x.balance))
  from (
    select a.client_id, a.currency, a.amount_minor as moved, 0 as balance
    from _billing.account_of_documents a
    union all
    select i.client_id, i.currency, 0, i.amount_due_minor from public.invoices i
    where i.status = 'open'
    union all
    select e.client_id, e.currency, 0, -e.amount_minor from public.balance_entries e
  ) x
  group by x.client_id, x.currency having sum(x.moved) <> sum(x.balance);
$$;
comment on function _billing.check_money is
  'Credit notes, payments and balances that do not add up.';

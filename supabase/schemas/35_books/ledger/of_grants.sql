-- What is posted of grants of credit and of what becomes of them.

-- What of the payments of a top-up has gone back before it is granted: by disputes and by credit
-- notes. Until then it is on `advances`: nothing was granted for it.
create function _billing.gone_before_grant(top_up_id uuid)
returns table (disputed_minor bigint, noted_minor bigint)
-- Strict: not run for the many entries that grant no top-up.
language sql stable strict set search_path = pg_catalog, pg_temp as $$
  select coalesce((
      select -sum(p.amount_minor) from public.payments p
      where p.invoice_id = t.invoice_id and p.kind in ('dispute', 'dispute_reversed')), 0)::bigint,
    coalesce((
      select sum(n.total_minor - n.to_invoice_minor) from public.credit_notes n
      where n.invoice_id = t.invoice_id and n.voided_at is null and n.document <> '{}'), 0)::bigint
  from public.top_ups t where t.id = gone_before_grant.top_up_id;
$$;
comment on function _billing.gone_before_grant is
  'What has gone back of the payments of a top-up that is being granted.';

-- Granted when it was granted, whenever it may be used: the payment is owed from then on. Credit
-- that moves from one grant to another stays on the account. Promotional credit is owed to nobody
-- and is on no account until it is used: then it is an expense, and the charge is earned in full.
create function _billing.post_credit_entries() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.post(array(
    select (x.kind, n.id, case n.kind when 'grant' then g.tax_invoice_id else n.invoice_id end,
      n.client_id, n.currency,
      case when n.kind = 'grant' then g.granted_at else n.effective_at end, x.debit,
      case when g.kind = 'promotional' then 'earnings' else 'prepaid_credit' end, x.amount,
      g.method)::_billing.ledger_transfer
    from new_rows n
    join public.credit_grants g on g.id = n.grant_id
    left join lateral _billing.gone_before_grant(
      case when n.kind = 'grant' then g.top_up_id end) b on true
    cross join lateral (values
      ('prepayment', case when g.top_up_id is null then 'cash' else 'advances' end, g.cost_minor,
        n.kind = 'grant' and g.kind = 'paid'),
      ('prepayment', 'promotion_expense', g.amount_minor - g.cost_minor,
        n.kind = 'grant' and g.kind = 'paid'),
      -- Is lost from now on, as far as credit is granted for it that is not taken back.
      ('prepayment', 'advances', -b.disputed_minor - b.noted_minor, b.disputed_minor is not null),
      ('prepayment', 'write_off', b.disputed_minor, b.disputed_minor is not null),
      ('prepayment', 'promotion_expense', b.noted_minor, b.disputed_minor is not null),
      ('prepayment', 'adjustments', n.amount_minor, n.kind = 'grant' and g.kind = 'refund'),
      ('prepaid_use', 'receivable', n.amount_minor, n.kind = 'use'),
      ('prepaid_return', 'receivable', n.amount_minor, n.kind = 'return'),
      ('prepaid_transfer', 'receivable', n.amount_minor, n.kind = 'transfer'),
      ('promotional_use', 'promotion_expense', -n.amount_minor, n.kind = 'discount'),
      ('promotional_return', 'promotion_expense', -n.amount_minor, n.kind = 'discount_return'),
      ('prepaid_expiry', 'breakage', n.amount_minor,
        n.kind in ('expiry', 'release', 'reopening') and g.kind <> 'promotional'),
      -- Of a dispute: what is written off is the less by what was not used. Of a note that is
      -- posted already: what it has posted as granted for nothing.
      ('prepaid_withdrawal', case when n.credit_note_id is null then 'write_off'
        when n.kind = 'withdrawal' and exists (select from billing.ledger_transactions t
          where t.id = _billing.ledger_id('credit_note', n.credit_note_id))
          then 'promotion_expense'
        else 'advances' end, n.amount_minor, n.kind in ('withdrawal', 'restoration'))
    ) x(kind, debit, amount, applies)
    where x.applies and x.amount <> 0
    union all
    -- Tax of a purchase is due with its grant, and off what is due with all that becomes of it; of
    -- what expires it stays paid. From grant to grant it stays on the account.
    select (k.transaction, n.id,
      case n.kind when 'grant' then g.tax_invoice_id else n.invoice_id end, n.client_id,
      n.currency, case when n.kind = 'grant' then g.granted_at else n.effective_at end,
      'advance_tax', k.credit, n.tax_minor, null)::_billing.ledger_transfer
    from new_rows n
    join public.credit_grants g on g.id = n.grant_id
    join (values
      ('grant', 'prepayment', 'tax_payable'), ('use', 'prepaid_use', 'tax_payable'),
      ('return', 'prepaid_return', 'tax_payable'),
      ('transfer', 'prepaid_transfer', 'tax_payable'),
      ('withdrawal', 'prepaid_withdrawal', 'tax_payable'),
      ('restoration', 'prepaid_withdrawal', 'tax_payable'),
      ('expiry', 'prepaid_expiry', 'breakage'), ('release', 'prepaid_expiry', 'breakage'),
      ('reopening', 'prepaid_expiry', 'breakage')
    ) k(entry, transaction, credit) on k.entry = n.kind
    where n.tax_minor <> 0 and (n.kind <> 'grant' or g.kind <> 'rollover')));
  return null;
end $$;
comment on function _billing.post_credit_entries is
  'Posts what this statement has booked of grants of credit.';

create trigger post_credit_entries after insert on public.credit_entries
  referencing new table as new_rows
  for each statement execute function _billing.post_credit_entries();

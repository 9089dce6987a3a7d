-- Of grants of credit: that none is used beyond what it is, at any instant.

create function _billing.check_grants()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'grant_is_not_negative', x.grant_id::text, format('%s %s at %s', min(x.has), x.currency,
    min(x.effective_at))
  from (
    select e.grant_id, e.currency, e.effective_at, sum(e.amount_minor) over (
      partition by e.grant_id order by e.effective_at) as has
    from public.credit_entries e
  ) x
  where x.has < 0 group by x.grant_id, x.currency
  union all
  -- The whole amount of a grant has been granted; its rest is what expires.
  select 'grant_is_its_entries', g.id::text, format('granted %s of %s; %s left, %s expire',
    x.granted, g.amount_minor, x.rest, x.expiring)
  from public.credit_grants g
  cross join lateral (
    select coalesce(sum(e.amount_minor) filter (where e.kind = 'grant'), 0) as granted,
      coalesce(sum(e.amount_minor) filter (where e.kind not in ('expiry', 'release',
        'reopening')), 0) as rest,
      coalesce(-sum(e.amount_minor) filter (where e.kind in ('expiry', 'release',
        'reopening')), 0) as expiring
    from public.credit_entries e where e.grant_id = g.id
  ) x
  where x.granted <> g.amount_minor
    or x.expiring <> case when g.expires_at is null then 0 else x.rest end
  union all
  -- What credit has paid of an invoice: grants and the balance, with what came back too late.
  select 'credit_applied_is_entries', i.number, format('applied %s, by entries %s',
    i.balance_applied_minor, x.used + x.balance)
  from public.invoices i
  cross join lateral (
    select coalesce((select -sum(e.amount_minor) from public.credit_entries e
        where e.invoice_id = i.id and e.kind = 'use'), 0) as used,
      coalesce((select -sum(b.amount_minor) from public.balance_entries b
        where b.invoice_id = i.id and b.reason = 'applied'), 0) as balance
  ) x
  where i.status <> 'draft' and i.balance_applied_minor <> x.used + x.balance
  union all
  -- What promotional credit has taken off charges: of each grant what invoices and notes say. A
  -- period whose invoice is void may have given back more than it took, and takes that again.
  select case when sum(x.entries) <> sum(x.lines) then 'promotional_credit_is_lines'
      else 'promotional_credit_is_granted' end, x.grant_id::text,
    format('used %s, on invoices %s, by periods %s of %s', -sum(x.entries), -sum(x.lines),
      sum(greatest(-x.lines, 0)), g.amount_minor)
  from (
    select y.grant_id, y.section_start, sum(y.entries) as entries, sum(y.lines) as lines
    from (
      select e.grant_id, null::date as section_start, e.amount_minor as entries, 0 as lines
      from public.credit_entries e where e.kind in ('discount', 'discount_return')
      union all
      select _billing.grant_of(l.rating_key), l.section_start, 0, l.amount_minor
      from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
      where l.kind = 'promotional_credit' and i.status not in ('draft', 'void')
      union all
      select _billing.grant_of(l.rating_key), l.section_start, 0, -l.amount_minor
      from public.credit_note_lines l
      join public.credit_notes n on n.id = l.credit_note_id
      join public.invoices i on i.id = n.invoice_id
      where l.kind = 'promotional_credit' and i.status <> 'void'
    ) y
    group by y.grant_id, y.section_start
  ) x
  left join public.credit_grants g on g.id = x.grant_id
  group by x.grant_id, g.amount_minor
  having sum(x.entries) <> sum(x.lines)
    or sum(greatest(-x.lines, 0)) > coalesce(g.amount_minor, 0);
$$;
comment on function _billing.check_grants is
  'Grants of credit that are used beyond what they are, and invoices that credit has paid
   otherwise than entries say.';

create function _billing.check_top_ups()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  -- One grant of what was to be paid, where it is paid; else none.
  select 'top_up_is_granted', coalesce(i.number, i.id::text), format('granted %s of %s that is %s',
    x.granted, i.total_minor - i.credited_minor, i.status)
  from public.invoices i
  cross join lateral (
    select coalesce(sum(g.amount_minor), 0) as granted
    from public.top_ups t join public.credit_grants g on g.top_up_id = t.id
    where t.invoice_id = i.id
  ) x
  where i.kind = 'top_up' and x.granted
    <> case i.status when 'paid' then i.total_minor - i.credited_minor else 0 end
  union all
  -- What of it can still be used is no more than what was paid and has not gone back.
  select 'top_up_is_paid_for', i.number, format('%s can be used, %s are paid', x.usable, p.net)
  from public.invoices i
  cross join lateral (
    select coalesce(sum(y.amount_minor), 0) as net, max(y.paid_at) as last_at
    from public.payments y where y.invoice_id = i.id
  ) p
  cross join lateral (
    select coalesce(sum(e.amount_minor), 0) as usable
    from _billing.grants_of_top_up(i.id) c
    join public.credit_grants g on g.id = c.grant_id
    join public.credit_entries e on e.grant_id = g.id
    where e.kind not in ('expiry', 'release', 'reopening')
      -- What had expired when a payment went back had been used.
      and coalesce(g.expires_at > greatest(billing.as_of(), p.last_at), true)
  ) x
  where i.kind = 'top_up' and i.status = 'paid' and x.usable > greatest(p.net, 0);
$$;
comment on function _billing.check_top_ups is
  'Top-ups that are granted otherwise than they are paid.';

-- The tax of purchases that the ledger holds for a client is the tax in what is left of its grants,
-- and what expires takes it along: said by amounts alone, not by the tax of entries.
create function _billing.check_advance_tax()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'advance_tax_is_in_grants', x.client_id::text, format('%s%s: in grants %s, ledger %s',
    x.currency, case when x.expires then ', expiring' end, sum(x.grants), sum(x.ledger))
  from (
    select a.client_id, a.currency, t.kind = 'prepaid_expiry' as expires, 0 as grants,
      e.amount_minor as ledger
    from billing.ledger_accounts a
    join billing.ledger_entries e on e.account_id = a.id
    join billing.ledger_transactions t on t.id = e.transaction_id
    where a.kind = 'advance_tax'
    union all
    select g.client_id, g.currency, y.expires, y.sign * _billing.tax_share(l.left_minor,
      g.amount_minor, g.tax_minor), 0
    from public.credit_grants g
    cross join lateral (
      select sum(e.amount_minor) as left_minor from public.credit_entries e
      where e.grant_id = g.id and e.kind not in ('expiry', 'release', 'reopening')
    ) l
    join (values (false, 1), (true, -1)) y(expires, sign)
      on not y.expires or g.expires_at is not null
    where g.tax_minor > 0
  ) x
  group by x.client_id, x.currency, x.expires having sum(x.grants) <> sum(x.ledger);
$$;
comment on function _billing.check_advance_tax is
  'Clients whose tax of purchases is not that in what is left of their credit.';

-- Of the sums that balances are read from: that each is the sum of its entries, and that there is
-- one of each day and month that has entries.

create function _billing.check_balance_sums()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'ledger_sum_is_entries', x.account_id::text, format('%s %s of %s: entries %s, sum %s',
    a.kind, x.span, x.starts_on, sum(x.entries), sum(x.summed))
  from (
    select e.account_id, s.span, s.starts_on, e.amount_minor as entries, 0 as summed, 1 as entry
    from billing.ledger_entries e
    join billing.ledger_accounts a on a.id = e.account_id
      and a.kind in ('receivable', 'customer_credit')
    cross join lateral _billing.spans_of(e.effective_at) s
    union all
    select s.account_id, s.span, s.starts_on, 0, s.amount_minor, 0 from billing.ledger_sums s
  ) x
  left join billing.ledger_accounts a on a.id = x.account_id
  group by x.account_id, a.kind, x.span, x.starts_on
  having sum(x.entries) <> sum(x.summed) or sum(x.entry) = 0
  union all
  select 'credit_sum_is_entries', x.client_id::text, format('%s %s of %s: entries %s, sum %s',
    x.currency, x.span, x.starts_on, sum(x.entries), sum(x.summed))
  from (
    select e.client_id, e.currency, s.span, s.starts_on, e.amount_minor as entries, 0 as summed,
      1 as entry
    from public.credit_entries e
    join public.credit_grants g on g.id = e.grant_id and g.kind <> 'promotional'
    cross join lateral _billing.spans_of(e.effective_at) s
    union all
    select s.client_id, s.currency, s.span, s.starts_on, 0, s.amount_minor, 0
    from billing.credit_sums s
  ) x
  group by x.client_id, x.currency, x.span, x.starts_on
  having sum(x.entries) <> sum(x.summed) or sum(x.entry) = 0;
$$;
comment on function _billing.check_balance_sums is
  'Sums of days and months that are not what their entries are, or that lack.';

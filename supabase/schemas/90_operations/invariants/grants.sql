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
  -- All of what a grant is has been granted; what is left of it is what expires.
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
  where i.status <> 'draft' and i.balance_applied_minor <> x.used + x.balance;
$$;
comment on function _billing.check_grants is
  'Grants of credit that are used beyond what they are, and invoices that credit has paid
   otherwise than entries say.';

-- What a client's credit is worth at this moment: the books less what is used and not invoiced yet.

-- Periods of a client that are not invoiced: those that are over, and the one that runs.
create function _billing.uninvoiced_periods(client_id uuid, as_of timestamptz)
returns billing.rating_target[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where p.client_id = uninvoiced_periods.client_id and p.state in ('pending', 'blocked')
    union
    select (u.client_id, u.period_start, u.period_end)::billing.rating_target
    from _billing.unopened_periods(as_of, uninvoiced_periods.client_id) u
    union
    select (r.client_id, x.period_start, x.period_end)::billing.rating_target
    from billing.current_periods(as_of) r
    cross join lateral (
      select greatest(r.next_start, billing.period_start_of(r.today, r.billing_anchor_day))
          as period_start,
        billing.period_end_of(r.today, r.billing_anchor_day) as period_end
    ) x
    where r.client_id = uninvoiced_periods.client_id and r.next_start <= r.today
      and exists (select from public.service_intervals s
        where s.client_id = r.client_id and s.starts_on < x.period_end
          and s.ends_on > x.period_start));
$$;
comment on function _billing.uninvoiced_periods is
  'Periods of a client that are over without an invoice, and the one that runs.';

create function billing.credit_balance(client_id uuid, as_of timestamptz default now())
returns table (currency text, balance_minor numeric, granted_minor numeric,
  uninvoiced_minor numeric, live_minor numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
-- Definer: rating reads functions that callers may not call; the caller checks whose client it is.
#variable_conflict use_column
declare
  open_periods constant billing.rating_target[] :=
    _billing.uninvoiced_periods(credit_balance.client_id, as_of);
begin
  return query
  with amount as (
    select b.currency, -b.amount_minor as balance, 0::numeric as granted, 0::numeric as uninvoiced
    from billing.ledger_balances(credit_balance.client_id, as_of) b
    where b.kind = 'customer_credit'
    union all
    select g.currency, 0, g.amount_minor, 0
    from billing.granted_credit(credit_balance.client_id, as_of) g
    union all
    select t.currency, 0, 0, l.amount_minor
    from _billing.rate_periods(open_periods) l
    join billing.period_terms(open_periods) t on t.period_start = l.section_start
    where l.tax_behavior is null or l.tax_behavior = 'exclusive'
    union all
    select i.currency, 0, 0, i.total_minor from public.invoices i
    where i.client_id = credit_balance.client_id and i.status = 'draft'
      and i.kind not in ('period', 'top_up')
  )
  select a.currency, sum(a.balance)::numeric, sum(a.granted), sum(a.uninvoiced),
    sum(a.balance + a.granted - a.uninvoiced)
  from amount a group by a.currency order by a.currency;
end $$;
comment on function billing.credit_balance is
  'Credit of a client in each currency: its balance and its grants, less what the periods that are
   not invoiced come to so far, minimum and tax included.';
grant execute on function billing.credit_balance(uuid, timestamptz) to service_role;

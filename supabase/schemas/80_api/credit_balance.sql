-- What a client's credit is worth at this moment: the books less what is used and not invoiced yet.

-- Periods of a client that a run would still charge: over without an issued invoice (also where a
-- draft waits), changed since they were settled, with late lines on a draft; and the one that runs.
-- As _billing.run_targets, of one client, with the periods that have no row yet.
create function _billing.uninvoiced_periods(client_id uuid, as_of timestamptz)
returns billing.rating_target[]
language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
-- plpgsql keeps the plans: planning takes longer than reading.
#variable_conflict use_column
declare
  targets billing.rating_target[] := array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where p.client_id = uninvoiced_periods.client_id and p.state <> 'voided'
      and (p.usage_changed or p.state in ('pending', 'blocked')));
  running record;
  month record;
begin
  -- Mostly there is no draft: then none of its periods need be looked for.
  if exists (select from public.invoices d
    where d.client_id = uninvoiced_periods.client_id and d.status = 'draft') then
    targets := array(
      select t from unnest(targets) t
      union
      select (p.client_id, p.period_start, p.period_end)::billing.rating_target
      from public.invoices d
      join public.billing_periods p
        on p.client_id = d.client_id and p.period_start = d.period_start
      where d.client_id = uninvoiced_periods.client_id and d.status = 'draft'
        and d.kind = 'period'
      union
      select (p.client_id, p.period_start, p.period_end)::billing.rating_target
      from public.invoices d
      join public.invoice_lines l on l.invoice_id = d.id and l.is_late
      join public.billing_periods p
        on p.client_id = d.client_id and p.period_start = l.section_start and p.state <> 'voided'
      where d.client_id = uninvoiced_periods.client_id and d.status = 'draft');
  end if;
  select r.client_id, r.next_start, r.today, r.billing_anchor_day into running
  from billing.current_periods(as_of) r where r.client_id = uninvoiced_periods.client_id;
  month := billing.period_around(running.today, running.billing_anchor_day);
  -- Mostly none: then the periods that lack a row need not be worked out.
  if running.next_start < month.starts or exists (
    select from (
      select min(p.period_start) as first_start,
        sum(p.period_end - p.period_start) < max(p.period_end) - min(p.period_start) as has_holes
      from public.billing_periods p where p.client_id = uninvoiced_periods.client_id
    ) o
    join public.clients c on c.id = uninvoiced_periods.client_id
    where o.has_holes or c.started_on < o.first_start) then
    targets := targets || array(
      select (u.client_id, u.period_start, u.period_end)::billing.rating_target
      from _billing.unopened_periods(as_of, uninvoiced_periods.client_id) u);
  end if;
  if running.next_start <= running.today and exists (
    select from public.service_intervals s
    where s.client_id = running.client_id and s.starts_on < month.ends
      and s.ends_on > greatest(running.next_start, month.starts)) then
    targets := targets || (running.client_id, greatest(running.next_start, month.starts),
      month.ends)::billing.rating_target;
  end if;
  return targets;
end $$;
comment on function _billing.uninvoiced_periods is
  'Periods of a client that a run would still charge, and the one that runs.';

-- What such periods of one client come to: their rating less what is booked for them. A credit
-- still to be noted on a booked period does not count before its credit note.
create function _billing.uninvoiced_amounts(targets billing.rating_target[],
  as_of timestamptz default billing.as_of())
returns table (period_start date, currency text, amount_minor numeric)
language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  -- A period without a row has nothing booked; mostly that is the only one.
  recorded constant billing.rating_target[] := array(
    select t from unnest(targets) t join public.billing_periods p using (client_id, period_start));
  -- Terms are read once, for the rating and for the currencies.
  terms constant billing.target_terms[] := array(
    select t from billing.period_terms(targets) t);
begin
  return query
  with booked as materialized (
    select b.section_start, b.amount_minor, (b.sample).tax_behavior as tax_behavior
    from (select recorded as of_periods where recorded <> '{}') r
    cross join lateral _billing.booked_lines(r.of_periods) b
  ), net as (
    select l.section_start, sum(l.amount_minor) as amount_minor
    from (
      select r.section_start, r.amount_minor, r.tax_behavior
      from _billing.rate_with_terms(targets, terms, false, as_of, with_texts => false) r
      union all
      select b.section_start, -b.amount_minor, b.tax_behavior from booked b
    ) l
    where l.tax_behavior is null or l.tax_behavior = 'exclusive'
    group by l.section_start
  )
  select n.section_start, t.currency, case
    when n.section_start in (select b.section_start from booked b) then greatest(n.amount_minor, 0)
    else n.amount_minor end
  from net n join unnest(terms) t on t.period_start = n.section_start;
end $$;
comment on function _billing.uninvoiced_amounts is
  'What periods of a client are still to be charged, minimum and tax included.';

create function billing.credit_balance(client_id uuid, as_of timestamptz default now())
returns table (currency text, balance_minor numeric, granted_minor numeric,
  uninvoiced_minor numeric, live_minor numeric, promotional_minor numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
-- Definer: rating reads functions that callers may not call; the caller checks whose client it is.
#variable_conflict use_column
declare
  targets constant billing.rating_target[] :=
    _billing.uninvoiced_periods(credit_balance.client_id, as_of);
begin
  return query
  with amount as (
    select b.currency, -b.amount_minor as balance, 0::numeric as granted, 0::numeric as uninvoiced,
      0::numeric as promotional
    from billing.ledger_balances(credit_balance.client_id, as_of) b
    where b.kind = 'customer_credit'
    union all
    select g.currency, 0, g.amount_minor, 0, 0
    from billing.granted_credit(credit_balance.client_id, as_of) g
    union all
    select u.currency, 0, 0, u.amount_minor, 0 from _billing.uninvoiced_amounts(targets, as_of) u
    union all
    -- Drafts of periods and of late usage are rated above.
    select i.currency, 0, 0, i.total_minor, 0 from public.invoices i
    where i.client_id = credit_balance.client_id and i.status = 'draft' and i.kind = 'one_off'
    union all
    select p.currency, 0, 0, 0, p.amount_minor
    -- Mostly nobody has any: then the function need not be planned.
    from (select where exists (select from public.credit_grants g
      where g.client_id = credit_balance.client_id and g.kind = 'promotional')) given
    cross join lateral billing.promotional_credit(credit_balance.client_id, as_of) p
  )
  select a.currency, sum(a.balance)::numeric, sum(a.granted), sum(a.uninvoiced),
    sum(a.balance + a.granted - a.uninvoiced), sum(a.promotional)
  from amount a group by a.currency order by a.currency;
end $$;
comment on function billing.credit_balance is
  'Credit of a client in each currency: its balance and its grants, less what the periods that are
   not invoiced come to so far, drafts, late usage, minimum and tax included. Promotional credit
   pays nothing: it is taken off what is not invoiced already, and told apart.';
grant execute on function billing.credit_balance(uuid, timestamptz) to service_role;

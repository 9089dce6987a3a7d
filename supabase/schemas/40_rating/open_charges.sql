-- Charges of what is not settled yet, for a preview: what they are before an act and after it.

create function billing.open_charges(of_model text default null, of_client uuid default null)
returns table (client_id uuid, currency text, minor numeric)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  -- Definer: callers may rate what is open, and not call what rates.
  select c.client_id, t.currency, sum(c.amount_minor)
  from (select array(
    select u from unnest(billing.unsettled_targets()) u
    where (of_client is null or u.client_id = of_client)
      and (of_model is null or exists (select from public.usage_records r
        where r.client_id = u.client_id and r.model = of_model
          and r.usage_day >= u.period_start and r.usage_day < u.period_end))) as targets) x
  cross join lateral _billing.rate_charges(x.targets) c
  join billing.period_terms(x.targets) t
    on t.client_id = c.client_id and t.period_start = c.section_start
  group by c.client_id, t.currency;
$$;
comment on function billing.open_charges is
  'Charges of open periods per client and currency, minor units before discount and tax: of a
   client, of those that used a model, or of all.';
grant execute on function billing.open_charges(text, uuid) to service_role;

-- The same of the period that has a day, settled or not: a correction of the day changes them. An
-- invoice stays as it is; the next run notes the difference.
create function billing.charges_of_day(of_client uuid, of_day date)
returns table (period_start date, period_end date, is_invoiced boolean, currency text,
  minor numeric)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  -- Definer: as above.
  select t.period_start, t.period_end, x.is_invoiced, t.currency, coalesce(c.minor, 0)
  from (
    select array[u.target] as targets, exists (
      select from _billing.settled_targets(array[u.target])) as is_invoiced
    from (
      select (p.client_id, p.period_start, p.period_end)::billing.rating_target as target
      from public.billing_periods p
      where p.client_id = of_client and p.period_start <= of_day and of_day < p.period_end
      union all
      select (r.client_id, greatest(r.next_start,
        billing.period_start_of(of_day, r.billing_anchor_day)),
        billing.period_end_of(of_day, r.billing_anchor_day))::billing.rating_target
      from billing.current_periods(billing.as_of()) r
      where r.client_id = of_client and r.next_start <= of_day
      limit 1
    ) u
  ) x
  cross join lateral billing.period_terms(x.targets) t
  cross join lateral (
    select sum(l.amount_minor) as minor from _billing.rate_charges(x.targets) l
  ) c;
$$;
comment on function billing.charges_of_day is
  'Charges of the period of a client that has a day, minor units before discount and tax; none where
   no period has it.';
grant execute on function billing.charges_of_day(uuid, date) to service_role;

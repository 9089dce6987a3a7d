-- What settled periods were charged for: usage whose price may not change any more.

-- Models, metrics and classes that settled periods (billing_periods.settled_at) overlapping `days`
-- have been charged for, or had for nothing; with `charged`, the days that issued lines charge for.
-- Of periods without an invoice of their own, and of metrics that may go without a price, usage
-- says it. `is_open`: usage may have come since that waits for a price. Null asks for all.
create function _billing.settled_usage(of_client uuid, of_model text, metrics text[],
  currencies text[], days datemultirange)
returns table (client_id uuid, period_start date, period_end date, currency text, model text,
  metric text, rate_class text, charged datemultirange, is_open boolean)
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
declare
  without_lines constant billing.rating_target[] := array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where p.settled_at is not null and days && daterange(p.period_start, p.period_end)
      and (of_client is null or p.client_id = of_client)
      and (metrics is null
        or exists (select from billing.unbilled_metrics n where n.metric = any (metrics))
        or not exists (select from public.invoices i where i.client_id = p.client_id
          and i.period_start = p.period_start and i.kind = 'period'
          and i.status in ('open', 'paid', 'uncollectible'))));
begin
  return query
  select i.client_id, l.section_start, p.period_end, i.currency, l.model, l.metric,
    l.rate_class, range_agg(daterange(l.service_start, l.service_end)), true
  from public.invoices i
  join public.invoice_lines l on l.invoice_id = i.id and l.kind = 'usage'
  join public.billing_periods p on p.client_id = i.client_id and p.period_start = l.section_start
  where i.status in ('open', 'paid', 'uncollectible') and p.settled_at is not null
    and days && daterange(p.period_start, p.period_end)
    and (of_client is null or i.client_id = of_client)
    and (of_model is null or l.model = of_model)
    and (metrics is null or l.metric = any (metrics))
    and (currencies is null or i.currency = any (currencies))
  group by i.client_id, l.section_start, p.period_end, i.currency, l.model, l.metric,
    l.rate_class
  union all
  select distinct u.client_id, u.period_start, t.period_end, t.currency, u.model, u.metric,
    u.rate_class,
    '{}'::datemultirange, p.state = 'blocked' or p.usage_changed
  from billing.usage_of_targets(without_lines) u
  join billing.period_terms(without_lines) t
    on t.client_id = u.client_id and t.period_start = u.period_start
  join public.billing_periods p
    on p.client_id = u.client_id and p.period_start = u.period_start
  where u.quantity <> 0 and (of_model is null or u.model = of_model)
    and (metrics is null or u.metric = any (metrics))
    and (currencies is null or t.currency = any (currencies));
end $$;
comment on function _billing.settled_usage is
  'Models and metrics that settled periods were charged for, or had for nothing.';

create type _billing.settled_section as (client_id uuid, period_start date, period_end date);
comment on type _billing.settled_section is 'A settled period that a change would alter.';

-- Refuses a change for the last of the settled periods that it would alter, and says what to do.
create function _billing.refuse_settled(change text, sections _billing.settled_section[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  last record;
begin
  select c.name, s.period_start, s.period_end, i.number into last
  from unnest(sections) s join public.clients c on c.id = s.client_id
  left join public.invoices i on i.client_id = s.client_id and i.kind = 'period'
    and i.period_start = s.period_start and i.status in ('open', 'paid', 'uncollectible')
  order by s.period_end desc, c.name limit 1;
  if last.name is not null then
    perform billing.raise_error('past_is_frozen',
      format('%s would change what %s was charged for %s, which is settled (%s)', change,
        last.name, _billing.period_label(last.period_start, last.period_end),
        coalesce('invoice ' || last.number, 'skipped, nothing was due')),
      format('leave the days before %1$s as they are: end the row there (effective_until %1$s) '
        || 'and let a new one begin (effective_from %1$s); only a period whose invoice is void '
        || 'can be charged otherwise', last.period_end));
  end if;
end $$;
comment on function _billing.refuse_settled is
  'Raises past_is_frozen for the last of these settled periods; none is fine.';

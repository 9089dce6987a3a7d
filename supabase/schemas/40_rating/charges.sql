-- Which target each item goes to: the period that took it when it was settled, else the first
-- period that ends after the item's day and is not settled yet. Decided by the periods there are,
-- not by the targets at hand: an item does not move on because its own period is blocked.
create function _billing.items_of_targets(targets billing.rating_target[])
returns table (item_id uuid, period_start date)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with open_target as (
    -- `offset 0`: asked target by target, by index; a join would read all invoices and periods.
    select t.* from unnest(targets) t
    where not exists (
      select from public.invoices v
      where v.client_id = t.client_id and v.period_start = t.period_start
        and v.kind = 'period' and v.status not in ('draft', 'void') offset 0)
      -- Skipped and unchanged since, it is settled like an invoiced one.
      and not exists (
        select from public.billing_periods s
        where s.client_id = t.client_id and s.period_start = t.period_start
          and s.state = 'skipped' and not s.usage_changed offset 0)
  ), next_period as (
    select c.client_id, n.next_start
    from (select distinct o.client_id from open_target o) c
    left join billing.next_periods() n on n.client_id = c.client_id
  )
  select i.id, t.period_start
  from unnest(targets) t
  join public.invoice_items i on i.client_id = t.client_id and i.section_start = t.period_start
  where i.invoice_id is null
  union all
  select i.id, min(t.period_start)
  from open_target t
  join next_period n on n.client_id = t.client_id
  join public.invoice_items i on i.client_id = t.client_id and i.item_day < t.period_end
  where i.invoice_id is null and i.section_start is null
    and (i.item_day >= t.period_start or t.period_start <= coalesce(n.next_start, 'infinity'))
    and not exists (
      select from public.billing_periods p
      left join public.invoices v on v.client_id = p.client_id and v.kind = 'period'
        and v.period_start = p.period_start and v.status <> 'void'
      where p.client_id = t.client_id and p.period_start < t.period_start
        and p.period_end > i.item_day and (p.state in ('pending', 'blocked')
          or (p.state = 'skipped' and p.usage_changed) or v.status = 'draft'))
  group by i.id;
$$;

-- Usage, minimum and one-off items: what is charged before discount and tax. The minimum is
-- prorated by days of service and compared with the rounded usage lines.
-- `with_unpriced` adds what rating has found without a price, as lines of kind `unpriced`, which
-- are never charged: they block. `terms`: those of the targets, where the caller has read them.
create function _billing.rate_charges(targets billing.rating_target[],
  with_unpriced boolean default false, terms billing.target_terms[] default null,
  with_texts boolean default true)
returns setof _billing.rated_line language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  if terms is null then
    terms := array(select t from billing.period_terms(targets) t);
  end if;
  return query
  with target as materialized (
    select * from unnest(terms)
  ), usage as materialized (
    select * from _billing.rate_usage(targets, with_unpriced, terms, with_texts)
  ), minimum as (
    select t.*, t.minimum_minor::numeric * t.active_days / t.full_days as prorated,
      -- Usage taken back is not made up for: a correction is worth what it corrects.
      greatest(coalesce(u.amount_minor, 0), 0) as usage_minor
    from target t left join (
      select client_id, period_start, sum(amount_minor) as amount_minor
      from usage group by client_id, period_start
    ) u using (client_id, period_start)
  )
  select u.client_id, u.period_start, u.period_end,
    case when u.rating_key is null then 'unpriced' else 'usage' end, u.rating_key, u.model,
    u.metric, u.rate_class, u.agent, u.price_id, u.service_start, u.service_end, u.quantity,
    u.unit_amount, u.per_units, u.pricing_model, u.tiers, u.precise_amount, u.amount_minor,
    null::text, null::numeric, null::text, null::numeric, null::text, u.description, u.detail
  from usage u
  union all
  select m.client_id, m.period_start, m.period_end, 'minimum', 'minimum', null, null, null, null,
    null, m.active_start, m.active_end, null, null, null, null, null,
    (m.prorated - m.usage_minor) / _billing.to_minor(1, m.exponent),
    round(m.prorated) - m.usage_minor, null, null, null, null, null,
    'Minimum monthly charge',
    format('minimum %s %s%s', m.currency,
      _billing.format_minor(m.minimum_minor, m.exponent),
      case when m.active_days < m.full_days
        then format(', %s of %s days', m.active_days, m.full_days) else '' end)
  from minimum m
  where round(m.prorated) > m.usage_minor
  union all
  select i.client_id, t.period_start, t.period_end, 'one_off', 'item|' || i.id, null, null, null,
    null, null, i.item_day, i.item_day + 1, i.quantity, i.unit_amount, 1, null, null,
    i.quantity * i.unit_amount, _billing.to_minor(i.quantity * i.unit_amount, t.exponent),
    null, null, null, null, null, i.description, null
  -- Mostly nobody has any: then which period takes them need not be asked.
  from (
    select array(
      select t from unnest(targets) t where exists (
        select from public.invoice_items o where o.client_id = t.client_id
          and o.invoice_id is null offset 0)) as targets
  ) w
  cross join lateral _billing.items_of_targets(w.targets) p
  join public.invoice_items i on i.id = p.item_id
  join target t on t.client_id = i.client_id and t.period_start = p.period_start
    and t.currency = i.currency
  where w.targets <> '{}';
end $$;
comment on function _billing.rate_charges is
  'Usage, minimum and one-off lines of target periods.';

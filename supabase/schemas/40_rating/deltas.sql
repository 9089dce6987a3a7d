-- What is still to be charged: the rating of a period less what is booked for it. For a period
-- never invoiced that is the whole rating; afterwards it is late usage. One rule for both.

-- Lines that bring what is booked for each target to its rating. Empty for a target where both
-- agree to the cent. `is_late`: something is booked for the target, or its own invoice is issued.
-- Only where its own invoice is issued are the lines called late: a period that is billed anew has
-- its own lines, less what other invoices charge for it.
create function _billing.line_deltas(targets billing.rating_target[], rating _billing.rated_line[])
returns table (line _billing.rated_line, is_late boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with rated as materialized (
    select * from unnest(rating)
  ), booked as materialized (
    select * from _billing.booked_lines(targets)
  ), issued as materialized (
    select i.client_id, i.period_start
    from unnest(targets) t join public.invoices i
      on i.client_id = t.client_id and i.period_start = t.period_start and i.kind = 'period'
      and i.status in ('open', 'paid', 'uncollectible')
  ), sections as (
    select b.client_id, b.section_start from booked b
    union
    -- Invoiced without a line of its own: the invoice was there for late usage of earlier periods.
    select i.client_id, i.period_start from issued i
  ), delta as (
    select coalesce(r.client_id, b.client_id) as client_id,
      coalesce(r.section_start, b.section_start) as section_start,
      coalesce(r.rating_key, b.rating_key) as rating_key, b.sample,
      b.rating_key is not null as is_booked,
      coalesce(r.quantity, 0) - coalesce(b.quantity, 0) as quantity,
      coalesce(r.precise_amount, 0) - coalesce(b.precise_amount, 0) as precise_amount,
      coalesce(r.amount_minor, 0) - coalesce(b.amount_minor, 0) as amount_minor,
      coalesce(r.tax_base_minor, 0) - coalesce(b.tax_base_minor, 0) as tax_base_minor,
      r as rated, coalesce(r.client_id, b.client_id) is not null and (
        coalesce(r.client_id, b.client_id), coalesce(r.section_start, b.section_start)
      ) in (select s.client_id, s.section_start from sections s) as is_late
    from rated r full join booked b
      on b.client_id = r.client_id and b.section_start = r.section_start
      and b.rating_key = r.rating_key
  )
  select (d.client_id, t.period_start, t.period_end, coalesce((d.rated).kind, l.kind),
    d.rating_key, coalesce((d.rated).model, l.model), coalesce((d.rated).metric, l.metric),
    coalesce((d.rated).rate_class, l.rate_class), coalesce((d.rated).agent, l.agent),
    coalesce((d.rated).price_id, l.price_id),
    coalesce((d.rated).service_start, l.service_start),
    coalesce((d.rated).service_end, l.service_end),
    case when coalesce((d.rated).kind, l.kind) in ('usage', 'one_off') then d.quantity end,
    coalesce((d.rated).unit_amount, l.unit_amount), coalesce((d.rated).per_units, l.per_units),
    coalesce((d.rated).pricing_model, l.pricing_model), coalesce((d.rated).tiers, l.tiers),
    d.precise_amount, d.amount_minor, coalesce((d.rated).tax_name, l.tax_name),
    coalesce((d.rated).tax_rate_percent, l.tax_rate_percent),
    coalesce((d.rated).tax_behavior, l.tax_behavior),
    case when coalesce((d.rated).kind, l.kind) = 'tax' then d.tax_base_minor end,
    coalesce((d.rated).tax_note, l.tax_note),
    case when (d.client_id, d.section_start) in (select o.client_id, o.period_start from issued o)
      then _billing.late_description(coalesce((d.rated).kind, l.kind), d.amount_minor, n.label,
        coalesce((d.rated).description, l.description))
      else coalesce((d.rated).description,
        _billing.plain_description(l.kind, n.label, l.description)) end,
    coalesce((d.rated).detail, l.detail))::_billing.rated_line, d.is_late
  from delta d
  join unnest(targets) t on t.client_id = d.client_id and t.period_start = d.section_start
  cross join lateral (select _billing.period_label(t.period_start, t.period_end) as label) n
  left join lateral (select (d.sample).*) l on true
  where (not d.is_late and not d.is_booked) or d.amount_minor <> 0
    or d.quantity <> 0 or d.tax_base_minor <> 0;
$$;
comment on function _billing.line_deltas is
  'Lines that bring what is booked for target periods to their rating.';

create function _billing.section_deltas(targets billing.rating_target[])
returns table (line _billing.rated_line, is_late boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  -- Nothing is rated for nothing: most batches of a run have no such targets.
  select d.* from _billing.line_deltas(targets,
    array(select r from _billing.rate_periods(targets) r)) d where targets <> '{}';
$$;
comment on function _billing.section_deltas is
  'Lines that are still to be charged (or, negative, given back) for target periods.';

-- Net of late lines per section: what the client would pay more (or, negative, less).
create function _billing.late_sections(targets billing.rating_target[])
returns table (client_id uuid, section_start date, net_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select x.client_id, x.section_start, x.net_minor
  from (
    select (d.line).client_id, (d.line).section_start, bool_or(d.is_late) as is_late,
      coalesce(sum((d.line).amount_minor) filter (
        where (d.line).tax_behavior is null or (d.line).tax_behavior = 'exclusive'), 0)
        as net_minor
    from _billing.section_deltas(targets) d
    group by 1, 2
  ) x
  where x.is_late or x.net_minor < 0;
$$;
comment on function _billing.late_sections is
  'Net difference of each target period that has been invoiced and is now rated otherwise, or that
   is rated below zero.';

-- The whole of a period: usage, minimum, one-off items, discount, taxes, in this order.
create type billing.rated_line as (
  client_id uuid, section_start date, section_end date, kind text, rating_key text, model text,
  metric text, agent text, price_id uuid, service_start date, service_end date, quantity numeric,
  unit_amount numeric, per_units numeric, pricing_model text, tiers jsonb, precise_amount numeric,
  amount_minor numeric, tax_name text, tax_rate_percent numeric, tax_behavior text,
  tax_base_minor numeric, tax_note text, description text, detail text);

create type billing.section_terms as (client_id uuid, section_start date, exponent smallint,
  discount_percent numeric, discount_minor bigint, taxes jsonb);

-- Which target each item goes to: the period that took it when it was settled, else the first
-- period that ends after the item's day and is not settled yet. Decided by the periods there are,
-- not by the targets at hand: an item does not move on because its own period is blocked.
create function billing.items_of_targets(targets billing.rating_target[])
returns table (item_id uuid, period_start date)
language sql stable set search_path = '' as $$
  with open_target as (
    select t.* from unnest(targets) t
    where not exists (
      select from public.invoices v
      where v.client_id = t.client_id and v.period_start = t.period_start
        and v.kind = 'period' and v.status not in ('draft', 'void'))
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
-- are never charged: they block.
create function billing.rate_charges(targets billing.rating_target[],
  with_unpriced boolean default false)
returns setof billing.rated_line language sql stable set search_path = '' set jit = off
set enable_nestloop = off set enable_mergejoin = off as $$
  with terms as materialized (
    select * from billing.period_terms(targets)
  ), usage as materialized (
    select * from billing.rate_usage(targets, with_unpriced)
  ), minimum as (
    select t.*, t.minimum_minor::numeric * t.active_days / t.full_days as prorated,
      -- Usage taken back is not made up for: a correction is worth what it corrects.
      greatest(coalesce(u.amount_minor, 0), 0) as usage_minor
    from terms t left join (
      select client_id, period_start, sum(amount_minor) as amount_minor
      from usage group by client_id, period_start
    ) u using (client_id, period_start)
  )
  select u.client_id, u.period_start, u.period_end,
    case when u.rating_key is null then 'unpriced' else 'usage' end, u.rating_key, u.model,
    u.metric, u.agent, u.price_id, u.service_start, u.service_end, u.quantity, u.unit_amount,
    u.per_units, u.pricing_model, u.tiers, u.precise_amount, u.amount_minor,
    null::text, null::numeric, null::text, null::numeric, null::text, u.description, u.detail
  from usage u
  union all
  select m.client_id, m.period_start, m.period_end, 'minimum', 'minimum', null, null, null, null,
    m.active_start, m.active_end, null, null, null, null, null,
    (m.prorated - m.usage_minor) / billing.to_minor(1, m.exponent),
    round(m.prorated) - m.usage_minor, null, null, null, null, null,
    'Minimum monthly charge',
    format('minimum %s %s%s', m.currency,
      billing.format_minor(m.minimum_minor, m.exponent),
      case when m.active_days < m.full_days
        then format(', %s of %s days', m.active_days, m.full_days) else '' end)
  from minimum m
  where round(m.prorated) > m.usage_minor
  union all
  select i.client_id, t.period_start, t.period_end, 'one_off', 'item|' || i.id, null, null, null,
    null, i.item_day, i.item_day + 1, i.quantity, i.unit_amount, 1, null, null,
    i.quantity * i.unit_amount, billing.to_minor(i.quantity * i.unit_amount, t.exponent),
    null, null, null, null, null, i.description, null
  from billing.items_of_targets(targets) p
  join public.invoice_items i on i.id = p.item_id
  join terms t on t.client_id = i.client_id and t.period_start = p.period_start
    and t.currency = i.currency;
$$;
comment on function billing.rate_charges is
  'Usage, minimum and one-off lines of target periods.';

-- Discounts and taxes of charges that belong together: of each (client, section). A percent
-- discount and a fixed one reduce usage and minimum; taxes are taken from what is left of the
-- lines they apply to. Inclusive taxes are contained in the amounts, reverse charge is only noted.
-- Sums first, one division last: parts divided one by one would carry half a cent to either side.
create function billing.discounts_and_taxes(
  charges billing.rated_line[], terms billing.section_terms[]
) returns setof billing.rated_line language sql immutable set search_path = '' set jit = off
set enable_nestloop = off as $$
  with charge as (
    -- Charges without a section (one-off invoices) share one name, so that joins can hash.
    select c.*, coalesce(c.section_start, '-infinity') as section,
      c.kind in ('usage', 'minimum') as discountable
    from unnest(charges) c
  ), term as (
    select t.*, coalesce(t.section_start, '-infinity') as section from unnest(terms) t
  ), base as (
    select client_id, section, section_start, section_end, sum(amount_minor) as amount_minor
    from charge where discountable group by client_id, section, section_start, section_end
  ), discount as (
    select b.*, t.exponent, t.discount_percent, case
      when t.discount_percent is not null then b.amount_minor * t.discount_percent / 100
      else least(t.discount_minor, b.amount_minor) end as precise
    from base b join term t on t.client_id = b.client_id and t.section = b.section
    where b.amount_minor > 0
      and (t.discount_percent > 0 or t.discount_minor > 0)
  ), subject as (
    select c.client_id, c.section, c.section_start, c.section_end,
      coalesce(c.metric, c.kind) as subject, sum(c.amount_minor) as gross,
      coalesce(sum(c.amount_minor) filter (where c.discountable), 0) as discountable
    from charge c group by 1, 2, 3, 4, 5
  ), tax as (
    select t.client_id, t.section, t.exponent, x.n, x.tax ->> 'name' as name,
      (x.tax ->> 'rate_percent')::numeric as rate, x.tax ->> 'behavior' as behavior,
      x.tax ->> 'note' as note,
      case when jsonb_typeof(x.tax -> 'applies_to') = 'array' then x.tax -> 'applies_to' end
        as applies_to
    from term t
    cross join lateral jsonb_array_elements(t.taxes) with ordinality x(tax, n)
  ), inclusive as (
    select s.client_id, s.section, s.subject, sum(t.rate) as rate
    from subject s join tax t on t.client_id = s.client_id and t.section = s.section
    where t.behavior = 'inclusive' and (t.applies_to is null or t.applies_to ? s.subject)
    group by s.client_id, s.section, s.subject
  ), taxed as (
    select s.client_id, s.section, s.section_start, s.section_end, t.exponent, t.n, t.name,
      t.rate, t.behavior, t.note, coalesce(i.rate, 0) as inclusive_rate, sum(s.gross) as gross,
      sum(s.discountable) as discountable
    from subject s
    join tax t on t.client_id = s.client_id and t.section = s.section
      and (t.applies_to is null or t.applies_to ? s.subject)
    left join inclusive i
      on i.client_id = s.client_id and i.section = s.section and i.subject = s.subject
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  ), net as (
    select t.*,
      t.gross * coalesce(d.amount_minor, 1) - t.discountable * coalesce(round(d.precise), 0)
        as numerator, coalesce(d.amount_minor, 1) * (100 + t.inclusive_rate) as denominator
    from taxed t left join discount d
      on d.client_id = t.client_id and d.section = t.section
  ), tax_line as (
    select x.client_id, x.section_start, x.section_end, x.exponent, x.n, x.name, x.rate,
      x.behavior, x.note, x.precise,
      -- Half a cent goes to the tax: an amount is its base and the tax contained in it, exactly.
      -- Every tax of these lines has the same base, also one that comes on top.
      case when x.contains_tax then sign(x.base) * ceil(abs(x.base) - 0.5)
        else round(x.base) end as base
    from (
      select client_id, section_start, section_end, exponent, n, name, rate, behavior, note,
        sum(numerator * 100 / denominator) as base, bool_or(inclusive_rate > 0) as contains_tax,
        case when behavior = 'reverse_charge' then 0
          else sum(numerator * rate / denominator) end as precise
      from net
      group by client_id, section_start, section_end, exponent, n, name, rate, behavior, note
    ) x
  )
  select d.client_id, d.section_start, d.section_end, 'discount', 'discount', null, null, null,
    null::uuid, null::date, null::date, null::numeric, null::numeric, null::numeric, null,
    null::jsonb, -d.precise / billing.to_minor(1, d.exponent), -round(d.precise),
    null, null::numeric, null, null::numeric, null,
    case when d.discount_percent is not null
      then format('Discount %s %%', trim_scale(d.discount_percent)) else 'Discount' end, null
  from discount d where round(d.precise) <> 0
  union all
  select t.client_id, t.section_start, t.section_end, 'tax',
    concat_ws('|', 'tax', t.n, t.name, trim_scale(t.rate), t.behavior), null, null, null,
    null, null, null, null, null, null, null, null,
    t.precise / billing.to_minor(1, t.exponent), round(t.precise),
    t.name, t.rate, t.behavior, t.base, t.note,
    format('%s %s %%', t.name, trim_scale(t.rate)), null
  from tax_line t where t.base <> 0 or round(t.precise) <> 0;
$$;
comment on function billing.discounts_and_taxes is
  'Discount and tax lines that charges entail.';

create function billing.add_discounts_and_taxes(
  charges billing.rated_line[], terms billing.section_terms[]
) returns setof billing.rated_line language sql immutable set search_path = '' as $$
  select c.* from unnest(charges) c
  union all
  select d.* from billing.discounts_and_taxes(charges, terms) d;
$$;
comment on function billing.add_discounts_and_taxes is
  'Charges with the discount and tax lines that they entail.';

create function billing.rate_periods(targets billing.rating_target[],
  with_unpriced boolean default false)
returns setof billing.rated_line language sql stable set search_path = '' set jit = off
set enable_nestloop = off set enable_mergejoin = off as $$
  with charges as materialized (
    select * from billing.rate_charges(targets, with_unpriced)
  ), terms as materialized (
    select t.* from billing.period_terms(targets) t
    where t.discount_percent > 0 or t.discount_minor > 0 or t.taxes <> '[]'
  )
  select c.* from charges c
  union all
  -- Discounts and taxes are of sums: all that they ask of lines is what kind and metric come to.
  select d.* from billing.discounts_and_taxes(
    array(
      select (c.client_id, c.section_start, c.section_end, c.kind, null, null, c.metric, null, null,
        null, null, null, null, null, null, null, null, sum(c.amount_minor), null, null, null,
        null, null, null, null)::billing.rated_line
      from charges c
      join terms t on t.client_id = c.client_id and t.period_start = c.section_start
      where c.kind <> 'unpriced'
      group by c.client_id, c.section_start, c.section_end, c.kind, c.metric),
    array(
      select (t.client_id, t.period_start, t.exponent, t.discount_percent, t.discount_minor,
        t.taxes)::billing.section_terms from terms t)) d;
$$;
comment on function billing.rate_periods is
  'All lines of target periods as if nothing had been invoiced: charges, discounts, taxes.';

-- What issued invoices and credit notes already charge for sections, by rating key.
create function billing.booked_lines(targets billing.rating_target[])
returns table (client_id uuid, section_start date, rating_key text, quantity numeric,
  precise_amount numeric, amount_minor numeric, tax_base_minor numeric,
  sample billing.rated_line)
-- By index from the targets' clients on: history is not read, whatever it seems to cost.
language sql stable set search_path = '' set enable_seqscan = off as $$
  select b.client_id, b.section_start, b.rating_key, sum(b.quantity), sum(b.precise_amount),
    sum(b.amount_minor), sum(b.tax_base_minor),
    (array_agg(b.sample order by b.is_note) filter (where b.sample is distinct from null))[1]
  from (
    select i.client_id, l.section_start, l.rating_key, l.quantity, l.precise_amount,
      l.amount_minor, l.tax_base_minor, false as is_note, (i.client_id, l.section_start,
        l.section_end, l.kind, l.rating_key, l.model, l.metric, l.agent, l.price_id,
        l.service_start, l.service_end, l.quantity, l.unit_amount, l.per_units,
        l.pricing_model, l.tiers, l.precise_amount, l.amount_minor, l.tax_name,
        l.tax_rate_percent, l.tax_behavior, l.tax_base_minor, l.tax_note, l.description,
        l.detail)::billing.rated_line as sample
    from unnest(targets) t
    join public.invoices i on i.client_id = t.client_id
      and i.status in ('open', 'paid', 'uncollectible')
    join public.invoice_lines l on l.invoice_id = i.id and l.section_start = t.period_start
    union all
    select n.client_id, l.section_start, l.rating_key, -l.quantity, -l.precise_amount,
      -l.amount_minor, -l.tax_base_minor, true,
      case when l.kind <> 'credit' then (n.client_id, l.section_start, null, l.kind,
        l.rating_key, l.model, l.metric, l.agent, l.price_id, l.service_start, l.service_end,
        -l.quantity, l.unit_amount, l.per_units, l.pricing_model, l.tiers, -l.precise_amount,
        -l.amount_minor, l.tax_name, l.tax_rate_percent, l.tax_behavior, -l.tax_base_minor,
        l.tax_note, l.description, l.detail)::billing.rated_line end
    from unnest(targets) t
    join public.credit_notes n on n.client_id = t.client_id
    join public.invoices i on i.id = n.invoice_id and i.status <> 'void'
    join public.credit_note_lines l on l.credit_note_id = n.id
      and l.section_start = t.period_start
  ) b
  group by b.client_id, b.section_start, b.rating_key;
$$;
comment on function billing.booked_lines is
  'What is invoiced for target periods so far, net of credit notes; with one of the lines, of
   whichever document, that stand for it.';

revoke all on all functions in schema billing from public;

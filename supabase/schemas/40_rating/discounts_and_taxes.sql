-- Charges without a section (one-off invoices) share one name, so that joins can hash.
create function _billing.discounts_of(charges _billing.rated_line[], terms _billing.section_terms[])
returns table (client_id uuid, section date, section_start date, section_end date,
  exponent smallint, discount_percent numeric, amount_minor numeric, precise numeric)
language sql immutable
set search_path = pg_catalog, pg_temp as $$
  select b.client_id, b.section, b.section_start, b.section_end, t.exponent, t.discount_percent,
    b.amount_minor, case
      when t.discount_percent is not null then b.amount_minor * t.discount_percent / 100
      else least(t.discount_minor, b.amount_minor) end
  from (
    select c.client_id, coalesce(c.section_start, '-infinity') as section, c.section_start,
      c.section_end, sum(c.amount_minor) as amount_minor
    from unnest(charges) c where c.kind in ('usage', 'minimum') group by 1, 2, 3, 4
  ) b
  join unnest(terms) t on t.client_id = b.client_id
    and coalesce(t.section_start, '-infinity') = b.section
  where b.amount_minor > 0 and (t.discount_percent > 0 or t.discount_minor > 0);
$$;
comment on function _billing.discounts_of is
  'The discount of each section, not rounded yet, and what it is taken from.';

create function _billing.taxes_of(terms _billing.section_terms[])
returns table (client_id uuid, section date, exponent smallint, n bigint, name text, rate numeric,
  behavior text, note text, applies_to jsonb)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select t.client_id, coalesce(t.section_start, '-infinity'), t.exponent, x.n, x.tax ->> 'name',
    (x.tax ->> 'rate_percent')::numeric, x.tax ->> 'behavior', x.tax ->> 'note',
    case when jsonb_typeof(x.tax -> 'applies_to') = 'array' then x.tax -> 'applies_to' end
  from unnest(terms) t
  cross join lateral jsonb_array_elements(t.taxes) with ordinality x(tax, n);
$$;
comment on function _billing.taxes_of is 'The taxes of each section, in their order.';

-- Discounts and taxes of charges that belong together: of each (client, section). A percent
-- discount and a fixed one reduce usage and minimum; taxes are taken from what is left of the
-- lines they apply to. Inclusive taxes are contained in the amounts, reverse charge is only noted.
-- Sums first, one division last: parts divided one by one would carry half a cent to either side.
-- plpgsql keeps the plan.
create function _billing.discounts_and_taxes(charges _billing.rated_line[],
  terms _billing.section_terms[]) returns setof _billing.rated_line language plpgsql immutable
set search_path = pg_catalog, pg_temp as $$
begin
  return query
  with charge as (
    select c.*, coalesce(c.section_start, '-infinity') as section,
      c.kind in ('usage', 'minimum') as discountable
    from unnest(charges) c
  ), discount as materialized (
    select * from _billing.discounts_of(charges, terms)
  ), subject as (
    select c.client_id, c.section, c.section_start, c.section_end,
      coalesce(c.metric, c.kind) as subject, sum(c.amount_minor) as gross,
      coalesce(sum(c.amount_minor) filter (where c.discountable), 0) as discountable
    from charge c group by 1, 2, 3, 4, 5
  ), tax as materialized (
    select * from _billing.taxes_of(terms)
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
    null, null::uuid, null::date, null::date, null::numeric, null::numeric, null::numeric, null,
    null::jsonb, -d.precise / _billing.to_minor(1, d.exponent), -round(d.precise),
    null, null::numeric, null, null::numeric, null,
    case when d.discount_percent is not null
      then format('Discount %s %%', trim_scale(d.discount_percent)) else 'Discount' end, null
  from discount d where round(d.precise) <> 0
  union all
  select t.client_id, t.section_start, t.section_end, 'tax',
    concat_ws('|', 'tax', t.n, t.name, trim_scale(t.rate), t.behavior), null, null, null,
    null, null, null, null, null, null, null, null, null,
    t.precise / _billing.to_minor(1, t.exponent), round(t.precise), t.name, t.rate, t.behavior,
    t.base, t.note, format('%s %s %%', t.name, trim_scale(t.rate)), null
  from tax_line t where t.base <> 0 or round(t.precise) <> 0;
end $$;
comment on function _billing.discounts_and_taxes is
  'Discount and tax lines that charges entail.';

create function _billing.add_discounts_and_taxes(
  charges _billing.rated_line[], terms _billing.section_terms[]
) returns setof _billing.rated_line language sql immutable
set search_path = pg_catalog, pg_temp as $$
  select c.* from unnest(charges) c
  union all
  select d.* from _billing.discounts_and_taxes(charges, terms) d;
$$;
comment on function _billing.add_discounts_and_taxes is
  'Charges with the discount and tax lines that they entail.';

-- Promotional credit: a discount before tax, of each grant that a period may use. ADR 59 says why.

-- Targets of clients that have such grants: mostly none, and then nothing else is asked.
create function _billing.promoted_targets(targets billing.rating_target[])
returns billing.rating_target[] language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return array(
    select t from unnest(targets) t where exists (
      select from public.credit_grants g
      where g.client_id = t.client_id and g.kind = 'promotional' offset 0));
end $$;
comment on function _billing.promoted_targets is
  'Those of the targets whose clients have promotional credit, used or not.';

-- A share of an amount in whole units, half away from zero; shares of parts that are summed one by
-- one come to the amount. `whole` is more than zero.
create function _billing.share_of(amount numeric, part numeric, whole numeric)
returns numeric language sql immutable
return sign(amount * part) * div(2 * abs(amount * part) + whole, 2 * whole);
comment on function _billing.share_of is 'What a part of a whole bears of an amount, rounded.';

-- What a section charges by metric, model and agent, with what its discount takes off each: whole
-- minor units, so that no part is ever reduced below zero. `growth`: what of it is not booked yet.
create type _billing.promoted_part as (client_id uuid, section_start date, place bigint,
  subject text, metric text, model text, agent text, amount_minor numeric,
  discount_minor numeric, growth_minor numeric);

create function _billing.promoted_parts(charges _billing.rated_line[],
  terms _billing.section_terms[], booked _billing.rated_line[])
returns setof _billing.promoted_part
language sql immutable set search_path = pg_catalog, pg_temp as $$
  with part as (
    select x.client_id, x.section_start, coalesce(x.metric, x.kind) as subject, x.metric, x.model,
      x.agent, sum(x.amount) as amount, sum(x.booked) as booked
    from (
      select c.client_id, c.section_start, c.kind, c.metric, c.model, c.agent,
        c.amount_minor as amount, 0 as booked
      from unnest(charges) c
      union all
      select b.client_id, b.section_start, b.kind, b.metric, b.model, b.agent, 0, b.amount_minor
      from unnest(booked) b
    ) x
    where x.kind in ('usage', 'minimum')
    group by 1, 2, 3, 4, 5, 6
  ), placed as (
    select p.*, row_number() over w as place, sum(p.amount) over w as upto,
      sum(p.booked) over w as booked_upto,
      sum(p.booked) over (partition by p.client_id, p.section_start) as booked_whole
    from part p
    window w as (partition by p.client_id, p.section_start order by p.metric collate "C" nulls last,
      p.model collate "C", p.agent collate "C")
  ), given as (
    select b.client_id, b.section_start, -sum(b.amount_minor) as minor
    from unnest(booked) b where b.kind = 'discount' group by 1, 2
  )
  select p.client_id, p.section_start, p.place, p.subject, p.metric, p.model, p.agent,
    p.amount, n.discount, greatest(0, p.amount - n.discount - p.booked + n.booked_discount)
  from placed p
  left join _billing.discounts_of(charges, terms) d
    on d.client_id = p.client_id and d.section = p.section_start
  left join given g on g.client_id = p.client_id and g.section_start = p.section_start
  cross join lateral (
    select case when d.client_id is null then 0
        else _billing.share_of(round(d.precise), p.upto, d.amount_minor)
          - _billing.share_of(round(d.precise), p.upto - p.amount, d.amount_minor)
        end as discount,
      case when p.booked_whole > 0 and g.minor is not null
        then _billing.share_of(g.minor, p.booked_upto, p.booked_whole)
          - _billing.share_of(g.minor, p.booked_upto - p.booked, p.booked_whole)
        else 0 end as booked_discount
  ) n;
$$;
comment on function _billing.promoted_parts is
  'What sections charge by metric, model and agent, each with its part of the discount, and what of
   it is not booked yet.';

-- The most that taxes on top may take off a section whose charges are covered: where items in
-- favour are taxed and the charges beside them are not, or contain taxes, a tax is less than zero.
-- So much is left of the charges, so that no total is below zero. Mostly nothing: charges that are
-- left are taxed as the items are. ADR 59 derives it.
create function _billing.negative_taxes(charges _billing.rated_line[],
  terms _billing.section_terms[])
returns table (client_id uuid, section_start date, minor numeric)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  with subject as (
    select c.client_id, c.section_start, coalesce(c.metric, c.kind) as subject,
      sum(c.amount_minor) as amount
    from unnest(charges) c where c.kind in ('usage', 'minimum', 'one_off')
    group by 1, 2, 3
  ), section as (
    select s.client_id, s.section_start, -sum(least(s.amount, 0)) as favour
    from subject s group by 1, 2 having min(s.amount) < 0
  ), tax as (
    select t.client_id, t.section, t.rate, t.behavior, t.applies_to,
      100 + coalesce(sum(t.rate) filter (where t.behavior = 'inclusive')
        over (partition by t.client_id, t.section), 0) as contained
    from _billing.taxes_of(terms) t
  ), worst as (
    select x.client_id, x.section_start, t.rate, t.contained, x.favour, (
        select -coalesce(sum(least(s.amount, 0)), 0) from subject s
        where s.client_id = x.client_id and s.section_start = x.section_start
          and (t.applies_to is null or t.applies_to ? s.subject)) as taxed, (
        select coalesce(sum(greatest(s.amount, 0)), 0) from subject s
        where s.client_id = x.client_id and s.section_start = x.section_start
          and t.applies_to is not null and not t.applies_to ? s.subject) as untaxed
    from section x
    join tax t on t.client_id = x.client_id and t.section = x.section_start
    where t.behavior = 'exclusive'
  )
  select w.client_id, w.section_start,
    sum(div(y.n, y.d) + case when y.n % y.d > 0 then 1 else 0 end)
  from worst w
  cross join lateral (select w.rate * greatest(0, w.taxed * w.contained
    - 100 * greatest(0, w.favour - w.untaxed)) as n, 100 * w.contained as d) y
  group by 1, 2;
$$;
comment on function _billing.negative_taxes is
  'The most that taxes on items in favour may take off what is left of a section.';

-- Sections with what they charge in all, less discount: no credit takes more. `growth` is the part
-- of it that is not booked yet.
create type _billing.promoted_section as (client_id uuid, section_start date, section_end date,
  turn bigint, currency text, exponent smallint, begins_at timestamptz, room_minor numeric,
  growth_minor numeric);

create function _billing.promoted_sections(targets billing.rating_target[],
  charges _billing.rated_line[], terms _billing.section_terms[], booked _billing.rated_line[])
returns setof _billing.promoted_section
language sql stable set search_path = pg_catalog, pg_temp as $$
  select t.client_id, t.period_start, t.period_end,
    row_number() over (partition by t.client_id order by t.period_start), t.currency, t.exponent,
    _billing.day_start(t.client_id, t.period_start),
    greatest(x.charged - coalesce(v.minor, 0), 0), greatest(x.charged - x.booked, 0)
  from billing.period_terms(targets) t
  left join _billing.discounts_of(charges, terms) d
    on d.client_id = t.client_id and d.section = t.period_start
  left join _billing.negative_taxes(charges, terms) v
    on v.client_id = t.client_id and v.section_start = t.period_start
  left join (
    select c.client_id, c.section_start, sum(c.amount_minor) as minor
    from unnest(charges) c where c.kind in ('usage', 'minimum', 'one_off') group by 1, 2
  ) c on c.client_id = t.client_id and c.section_start = t.period_start
  left join (
    select b.client_id, b.section_start, sum(b.amount_minor) as minor
    from unnest(booked) b where b.kind in ('usage', 'minimum', 'one_off', 'discount') group by 1, 2
  ) b on b.client_id = t.client_id and b.section_start = t.period_start
  cross join lateral (
    select coalesce(c.minor, 0) - coalesce(round(d.precise), 0) as charged,
      coalesce(b.minor, 0) as booked
  ) x;
$$;
comment on function _billing.promoted_sections is
  'What sections charge before promotional credit, and what of it is not booked yet.';

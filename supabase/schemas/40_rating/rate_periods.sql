-- The whole of a period: usage, minimum, one-off items, discount, taxes, in this order.

create function _billing.rate_periods(targets billing.rating_target[],
  with_unpriced boolean default false)
returns setof _billing.rated_line language plpgsql stable
set search_path = pg_catalog, pg_temp set jit = off set plan_cache_mode = force_generic_plan
set enable_nestloop = off set enable_mergejoin = off as $$
begin
  return query
  with charges as materialized (
    select * from _billing.rate_charges(targets, with_unpriced)
  ), terms as materialized (
    select t.* from billing.period_terms(targets) t
    where t.discount_percent > 0 or t.discount_minor > 0 or t.taxes <> '[]'
  )
  select c.* from charges c
  union all
  -- Discounts and taxes are of sums: all that they ask of lines is what kind and metric come to.
  select d.* from _billing.discounts_and_taxes(
    array(
      select (c.client_id, c.section_start, c.section_end, c.kind, null, null, c.metric, null, null,
        null, null, null, null, null, null, null, null, null, sum(c.amount_minor), null, null, null,
        null, null, null, null)::_billing.rated_line
      from charges c
      join terms t on t.client_id = c.client_id and t.period_start = c.section_start
      where c.kind <> 'unpriced'
      group by c.client_id, c.section_start, c.section_end, c.kind, c.metric),
    array(
      select (t.client_id, t.period_start, t.exponent, t.discount_percent, t.discount_minor,
        t.taxes)::_billing.section_terms from terms t)) d;
end $$;
comment on function _billing.rate_periods is
  'All lines of target periods as if nothing had been invoiced: charges, discounts, taxes.';

-- The whole of a period: usage, minimum, one-off items, discount, promotional credit, taxes, in
-- this order.

-- Of clients without promotional credit. `reduced`: discounts and taxes of targets that have some;
-- mostly none has, and then charges are all there is.
create function _billing.rate_unpromoted(targets billing.rating_target[],
  reduced _billing.section_terms[], with_unpriced boolean,
  terms billing.target_terms[] default null, with_texts boolean default true)
returns setof _billing.rated_line language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
begin
  return query
  with charges as materialized (
    select * from _billing.rate_charges(targets, with_unpriced, terms, with_texts)
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
      join unnest(reduced) t
        on t.client_id = c.client_id and t.section_start = c.section_start
      where c.kind <> 'unpriced'
      group by c.client_id, c.section_start, c.section_end, c.kind, c.metric), reduced) d;
end $$;
comment on function _billing.rate_unpromoted is
  'All lines of target periods of clients that have no promotional credit.';

create function _billing.rate_with_terms(targets billing.rating_target[],
  terms billing.target_terms[], with_unpriced boolean,
  as_of timestamptz default billing.as_of(), with_texts boolean default true)
returns setof _billing.rated_line language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
declare
  promoted constant billing.rating_target[] := _billing.promoted_targets(targets);
  reduced _billing.section_terms[] := array(
    select (t.client_id, t.period_start, t.exponent, t.discount_percent, t.discount_minor,
      t.taxes)::_billing.section_terms
    from unnest(terms) t
    where t.discount_percent > 0 or t.discount_minor > 0 or t.taxes <> '[]');
begin
  if promoted <> '{}' then
    return query select * from _billing.rate_promoted(promoted, array(
      select r from unnest(reduced) r
      where r.client_id in (select p.client_id from unnest(promoted) p)), with_unpriced, as_of);
    targets := array(select t from unnest(targets) t
      where t.client_id not in (select p.client_id from unnest(promoted) p));
    terms := array(select t from unnest(terms) t
      where t.client_id not in (select p.client_id from unnest(promoted) p));
  end if;
  if targets = '{}' then
    return;
  elsif reduced = '{}' then
    return query select * from _billing.rate_charges(targets, with_unpriced, terms, with_texts);
  else
    return query
    select * from _billing.rate_unpromoted(targets, reduced, with_unpriced, terms, with_texts);
  end if;
end $$;
comment on function _billing.rate_with_terms is
  'All lines of target periods by terms that the caller has read.';

create function _billing.rate_periods(targets billing.rating_target[],
  with_unpriced boolean default false)
returns setof _billing.rated_line language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
begin
  return query
  select * from _billing.rate_with_terms(targets,
    array(select t from billing.period_terms(targets) t), with_unpriced);
end $$;
comment on function _billing.rate_periods is
  'All lines of target periods: charges, discounts, promotional credit, taxes.';

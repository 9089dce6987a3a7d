-- Lines of promotional credit, and the rating of periods that may have some.

create function _billing.sum_line(client_id uuid, section_start date, section_end date, kind text,
  rating_key text, metric text, precise_amount numeric, amount_minor numeric,
  model text default null, agent text default null)
returns _billing.rated_line language sql stable
return (client_id, section_start, section_end, kind, rating_key, model, metric, null, agent, null,
  null, null, null, null, null, null, null, precise_amount, amount_minor, null, null, null, null,
  null, case kind when 'promotional_credit' then 'Promotional credit' end,
  case kind when 'promotional_credit'
    then concat_ws(' · ', coalesce(_billing.display_metric(metric), 'minimum'), model, agent) end
  )::_billing.rated_line;
comment on function _billing.sum_line is 'A line that is of a section, and of no usage by itself.';

-- What targets have booked, as lines: charges, discounts and promotional credit.
create function _billing.promoted_bookings(targets billing.rating_target[])
returns setof _billing.rated_line
language sql stable set search_path = pg_catalog, pg_temp as $$
  select _billing.sum_line(b.client_id, b.section_start, null, (b.sample).kind, b.rating_key,
    (b.sample).metric, b.precise_amount, b.amount_minor, (b.sample).model, (b.sample).agent)
  from _billing.booked_lines(targets) b
  where (b.sample).kind <> 'tax';
$$;
comment on function _billing.promoted_bookings is
  'What is booked for targets before tax, as far as promotional credit depends on it.';

-- One line of each section, grant, metric, model and agent: which grant took how much of which
-- charges, so that rating again keeps it. And rows of kind `reduction` for the taxes: what discount
-- and promotional credit take off each metric of a section.
create function _billing.promotional_lines(targets billing.rating_target[],
  charges _billing.rated_line[], as_of timestamptz)
returns setof _billing.rated_line
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  terms constant _billing.section_terms[] := array(
    select (t.client_id, t.period_start, t.exponent, t.discount_percent, t.discount_minor,
      t.taxes)::_billing.section_terms from billing.period_terms(targets) t);
  booked constant _billing.rated_line[] := array(
    select b from _billing.promoted_bookings(targets) b);
  sections constant _billing.promoted_section[] := array(
    select s from _billing.promoted_sections(targets, charges, terms, booked) s);
  parts constant _billing.promoted_part[] := array(
    select p from _billing.promoted_parts(charges, terms, booked) p);
  credits constant _billing.burning_credit[] := array(
    select c from _billing.burning_credits(targets, booked, as_of) c);
  kept constant _billing.promoted_use[] := array(
    select k from _billing.promoted_kept(sections, parts, booked, credits) k);
  wants constant _billing.promoted_want[] := array(
    select w from _billing.promoted_wants(sections, kept, booked, credits) w);
  uses _billing.promoted_use[] := kept;
begin
  for n in 1..coalesce((select max(w.turn) from unnest(wants) w), 0) loop
    uses := uses || array(
      select u from _billing.promoted_turn(parts, uses, wants, n) u);
  end loop;
  return query
  select (x.line).*
  from (
    select _billing.sum_line(s.client_id, s.section_start, s.section_end, 'promotional_credit',
      _billing.promotional_key(u.grant_id, p.metric, p.model, p.agent), p.metric,
      -sum(u.amount_minor) / _billing.to_minor(1, s.exponent), -sum(u.amount_minor), p.model,
      p.agent) as line
    from unnest(uses) u
    join unnest(sections) s on s.client_id = u.client_id and s.section_start = u.section_start
    join unnest(parts) p on p.client_id = u.client_id and p.section_start = u.section_start
      and p.place = u.place
    group by s.client_id, s.section_start, s.section_end, s.exponent, u.grant_id, p.metric,
      p.model, p.agent
    union all
    select _billing.sum_line(p.client_id, p.section_start, s.section_end, 'reduction', null,
      p.subject, null, -sum(p.discount_minor + coalesce(u.minor, 0)))
    from unnest(parts) p
    join unnest(sections) s on s.client_id = p.client_id and s.section_start = p.section_start
    left join (
      select y.client_id, y.section_start, y.place, sum(y.amount_minor) as minor
      from unnest(uses) y group by y.client_id, y.section_start, y.place
    ) u on u.client_id = p.client_id and u.section_start = p.section_start and u.place = p.place
    where (p.client_id, p.section_start) in (
        select y.client_id, y.section_start from unnest(uses) y)
      and p.discount_minor + coalesce(u.minor, 0) <> 0
    group by p.client_id, p.section_start, s.section_end, p.subject
  ) x;
end $$;
comment on function _billing.promotional_lines is
  'Lines of promotional credit that charges of target periods use, and what they leave for taxes.';

-- All lines of targets whose clients have promotional credit.
create function _billing.rate_promoted(targets billing.rating_target[],
  terms _billing.section_terms[], with_unpriced boolean, as_of timestamptz)
returns setof _billing.rated_line
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  rated constant _billing.rated_line[] := array(
    select c from _billing.rate_charges(targets, with_unpriced) c);
  charges constant _billing.rated_line[] := array(
    select c from unnest(rated) c where c.kind <> 'unpriced');
  credits constant _billing.rated_line[] := array(
    select p from _billing.promotional_lines(targets, charges, as_of) p);
begin
  return query
  select c.* from unnest(rated) c
  union all
  select p.* from unnest(credits) p where p.kind = 'promotional_credit'
  union all
  -- Taxes of what is left: where credit is used, discount and credit are taken off each metric.
  select d.* from _billing.discounts_and_taxes(charges, terms) d
  where d.kind = 'discount' or (d.client_id, d.section_start) not in (
    select p.client_id, p.section_start from unnest(credits) p)
  union all
  select d.* from _billing.discounts_and_taxes(array(
      select c from unnest(charges) c
      where (c.client_id, c.section_start) in (
        select p.client_id, p.section_start from unnest(credits) p)
      union all
      select p from unnest(credits) p where p.kind = 'reduction'), array(
    select (t.client_id, t.section_start, t.exponent, null, null, t.taxes)::_billing.section_terms
    from unnest(terms) t)) d
  where d.kind = 'tax';
end $$;
comment on function _billing.rate_promoted is
  'All lines of target periods of clients that have promotional credit.';

-- Which grants reduce which sections, and by how much.

-- Promotional grants of clients by their place in the burn order, with what may be used of each.
-- Drafts that are not rated now keep what they have of promotional credit.
create type _billing.burning_credit as (grant_id uuid, place bigint, client_id uuid, currency text,
  expires_at timestamptz, left_minor numeric);

create function _billing.burning_credits(targets billing.rating_target[], as_of timestamptz)
returns setof _billing.burning_credit
language sql stable set search_path = pg_catalog, pg_temp as $$
  with client as materialized (
    select distinct t.client_id from unnest(targets) t
  ), drafted as materialized (
    select _billing.grant_of(l.rating_key) as grant_id, -sum(l.amount_minor) as minor
    from client c
    join public.invoices i on i.client_id = c.client_id and i.status = 'draft'
    join public.invoice_lines l on l.invoice_id = i.id and l.kind = 'promotional_credit'
      and l.amount_minor < 0
    where (c.client_id, l.section_start) not in (
      select t.client_id, t.period_start from unnest(targets) t)
    group by 1
  )
  select g.id, row_number() over (partition by g.client_id, g.currency
      order by _billing.burn_rank(g)), g.client_id, g.currency,
    coalesce(g.expires_at, 'infinity'), l.left_minor - coalesce(d.minor, 0)
  from client c
  join public.credit_grants g on g.client_id = c.client_id
  join _billing.left_of_grants(array(select k.client_id from client k), as_of) l
    on l.grant_id = g.id
  left join drafted d on d.grant_id = g.id
  where g.kind = 'promotional' and g.effective_at <= as_of and g.granted_at <= as_of;
$$;
comment on function _billing.burning_credits is
  'Grants of the clients of targets that may be used by an instant, in burn order.';

-- A turn in which a section may use a grant.
create type _billing.promoted_want as (client_id uuid, turn bigint, section_start date,
  grant_id uuid, is_recorded boolean, has_minor numeric);

-- First what a section has used already, as far as its charges still come to that; then, for what
-- it charges beyond what is booked, what is left: the oldest section first, in burn order.
create function _billing.promoted_wants(sections _billing.promoted_section[],
  booked _billing.rated_line[], credits _billing.burning_credit[])
returns setof _billing.promoted_want
language sql stable set search_path = pg_catalog, pg_temp as $$
  select w.client_id, row_number() over (partition by w.client_id
      order by not w.is_recorded, w.turn, w.place), w.section_start, w.grant_id, w.is_recorded,
    w.has_minor
  from (
    select b.client_id, s.turn, b.section_start, g.id as grant_id, true as is_recorded,
      -sum(b.amount_minor) as has_minor,
      row_number() over (partition by b.client_id, b.section_start order by _billing.burn_rank(g))
        as place
    from unnest(booked) b
    join public.credit_grants g on g.id = _billing.grant_of(b.rating_key)
    join unnest(sections) s on s.client_id = b.client_id and s.section_start = b.section_start
    where b.kind = 'promotional_credit'
    group by b.client_id, s.turn, b.section_start, g.id
    union all
    select s.client_id, s.turn, s.section_start, c.grant_id, false, c.left_minor, c.place
    from unnest(sections) s
    join unnest(credits) c on c.client_id = s.client_id and c.currency = s.currency
      and c.expires_at > s.begins_at and c.left_minor > 0
    where s.growth_minor > 0
  ) w;
$$;
comment on function _billing.promoted_wants is
  'The turns in which sections use grants, in their order.';

create type _billing.promoted_use as (client_id uuid, section_start date, place bigint,
  subject text, grant_id uuid, is_recorded boolean, amount_minor numeric);

-- One turn of each client.
create function _billing.promoted_turn(sections _billing.promoted_section[],
  parts _billing.promoted_part[], uses _billing.promoted_use[], wants _billing.promoted_want[])
returns setof _billing.promoted_use
language sql immutable set search_path = pg_catalog, pg_temp as $$
  with want as (
    select w.*, least(w.has_minor - coalesce(o.minor, 0), s.room_minor - coalesce(u.minor, 0),
      case when not w.is_recorded then s.growth_minor - coalesce(u.grown, 0) end) as most
    from unnest(wants) w
    join unnest(sections) s on s.client_id = w.client_id and s.section_start = w.section_start
    left join (
      select x.client_id, x.section_start, sum(x.amount_minor) as minor,
        sum(x.amount_minor) filter (where not x.is_recorded) as grown
      from unnest(uses) x group by x.client_id, x.section_start
    ) u on u.client_id = s.client_id and u.section_start = s.section_start
    left join (
      select x.grant_id, sum(x.amount_minor) as minor
      from unnest(uses) x where not x.is_recorded group by x.grant_id
    ) o on o.grant_id = w.grant_id and not w.is_recorded
  ), part as (
    select p.*, greatest(p.amount_minor - p.discount_minor, 0) - coalesce(u.minor, 0) as open
    from unnest(parts) p
    left join (
      select x.client_id, x.section_start, x.place, sum(x.amount_minor) as minor
      from unnest(uses) x group by x.client_id, x.section_start, x.place
    ) u on u.client_id = p.client_id and u.section_start = p.section_start and u.place = p.place
  ), wanted as (
    select w.*, p.place, p.subject, p.open,
      sum(p.open) over (partition by w.client_id order by p.place) - p.open as taken
    from want w
    join part p on p.client_id = w.client_id and p.section_start = w.section_start and p.open > 0
  )
  select x.client_id, x.section_start, x.place, x.subject, x.grant_id, x.is_recorded,
    least(x.open, x.most - x.taken)
  from wanted x
  where x.most > x.taken;
$$;
comment on function _billing.promoted_turn is
  'What the credit of one turn of each client takes of what the turns before have left.';

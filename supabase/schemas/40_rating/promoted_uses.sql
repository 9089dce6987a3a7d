-- Which grants reduce which sections, and by how much: what is recorded, then new charges.

-- Promotional grants of clients with what may be used of each. Drafts that are not rated now keep
-- what they have of promotional credit, but not those of blocked periods: they are made anew.
create type _billing.burning_credit as (grant_id uuid, client_id uuid, currency text,
  expires_at timestamptz, left_minor numeric);

-- A section that is rated now and has given back more than it took, because the invoice that it was
-- on is void, takes that again before any takes more. `booked`: what sections that are rated have.
create function _billing.burning_credits(targets billing.rating_target[],
  booked _billing.rated_line[], as_of timestamptz)
returns setof _billing.burning_credit
language sql stable set search_path = pg_catalog, pg_temp as $$
  with client as materialized (
    select distinct t.client_id from unnest(targets) t
  ), drafted as materialized (
    select x.grant_id, sum(greatest(x.minor, 0)) as minor
    from (
      -- A section that gives back to a grant and takes again takes that first.
      select _billing.grant_of(l.rating_key) as grant_id, -sum(l.amount_minor) as minor
      from client c
      join public.invoices i on i.client_id = c.client_id and i.status = 'draft'
      join public.invoice_lines l on l.invoice_id = i.id and l.kind = 'promotional_credit'
      where (c.client_id, l.section_start) not in (
          select t.client_id, t.period_start from unnest(targets) t)
        and not exists (
          select from public.billing_periods p
          where i.kind = 'period' and p.client_id = i.client_id
            and p.period_start = i.period_start and p.state = 'blocked')
      group by i.id, l.section_start, 1
    ) x
    group by x.grant_id
  ), taken_again as materialized (
    select x.grant_id, sum(x.amount_minor) as minor
    from _billing.credit_to_take_again(array(select k.client_id from client k)) x
    where (x.client_id, x.section_start) not in (
      select t.client_id, t.period_start from unnest(targets) t)
    group by x.grant_id
  ), given_back as materialized (
    select x.grant_id, sum(x.minor) as minor
    from (
      select _billing.grant_of(b.rating_key) as grant_id, sum(b.amount_minor) as minor
      from unnest(booked) b where b.kind = 'promotional_credit'
      group by b.client_id, b.section_start, 1 having sum(b.amount_minor) > 0
    ) x
    group by x.grant_id
  )
  select g.id, g.client_id, g.currency, coalesce(g.expires_at, 'infinity'),
    l.left_minor - coalesce(d.minor, 0) - coalesce(a.minor, 0) - coalesce(b.minor, 0)
  from client c
  join public.credit_grants g on g.client_id = c.client_id
  join _billing.left_of_grants(array(select k.client_id from client k), as_of) l
    on l.grant_id = g.id
  left join drafted d on d.grant_id = g.id
  left join taken_again a on a.grant_id = g.id
  left join given_back b on b.grant_id = g.id
  where g.kind = 'promotional' and g.effective_at <= as_of and g.granted_at <= as_of;
$$;
comment on function _billing.burning_credits is
  'Grants of the clients of targets that may be used by an instant, with what is left of each.';

create type _billing.promoted_use as (client_id uuid, section_start date, place bigint,
  grant_id uuid, is_new boolean, amount_minor numeric);

-- Grants keep their part of each metric, model and agent of a section as far as these charges still
-- come to it. Where they do not, the last in the burn order keeps least. Where another line of a
-- grant gives back, because the invoice that it was on is void, parts come to more than the section
-- has of the grant: as far as that is left.
create function _billing.promoted_kept(sections _billing.promoted_section[],
  parts _billing.promoted_part[], booked _billing.rated_line[], credits _billing.burning_credit[])
returns setof _billing.promoted_use
language sql stable set search_path = pg_catalog, pg_temp as $$
  with recorded as (
    select p.client_id, p.section_start, p.place, g.id as grant_id,
      _billing.burn_rank(g) as rank, greatest(p.amount_minor - p.discount_minor, 0) as open,
      greatest(-sum(b.amount_minor), 0) as has
    from unnest(booked) b
    join public.credit_grants g on g.id = _billing.grant_of(b.rating_key)
    join unnest(parts) p on p.client_id = b.client_id and p.section_start = b.section_start
      and (p.metric, p.model, p.agent) is not distinct from (b.metric, b.model, b.agent)
    where b.kind = 'promotional_credit'
    group by p.client_id, p.section_start, p.place, g.id, p.amount_minor, p.discount_minor
  ), fitting as (
    select r.*, greatest(0, least(r.has, r.open + r.has - sum(r.has) over (
      partition by r.client_id, r.section_start, r.place order by r.rank))) as fits
    from recorded r
  ), kept as (
    select f.*, greatest(0, least(f.fits, s.room_minor + f.fits - sum(f.fits) over (
      partition by f.client_id, f.section_start order by f.rank, f.place))) as minor
    from fitting f
    join unnest(sections) s on s.client_id = f.client_id and s.section_start = f.section_start
  ), whole as (
    select b.client_id, b.section_start, g.id as grant_id,
      greatest(-sum(b.amount_minor), 0) as has
    from unnest(booked) b
    cross join lateral (select _billing.grant_of(b.rating_key) as id) g
    where b.kind = 'promotional_credit' group by b.client_id, b.section_start, g.id
  ), beyond as (
    select w.client_id, w.section_start, w.grant_id, x.kept, x.kept - w.has as minor,
      sum(greatest(x.kept - w.has, 0)) over (partition by w.grant_id order by w.section_start)
        as upto
    from whole w
    join (
      select k.client_id, k.section_start, k.grant_id, sum(k.minor) as kept from kept k
      group by 1, 2, 3
    ) x on x.client_id = w.client_id and x.section_start = w.section_start
      and x.grant_id = w.grant_id
  ), limited as (
    select k.*, least(k.minor, b.kept + k.minor
      - greatest(0, least(b.minor, b.upto - greatest(coalesce(c.left_minor, 0), 0)))
      - sum(k.minor) over (partition by k.client_id, k.section_start, k.grant_id order by k.place))
      as at_most
    from kept k
    join beyond b on b.client_id = k.client_id and b.section_start = k.section_start
      and b.grant_id = k.grant_id
    left join unnest(credits) c on c.grant_id = k.grant_id
  )
  select l.client_id, l.section_start, l.place, l.grant_id, false, l.at_most
  from limited l where l.at_most > 0;
$$;
comment on function _billing.promoted_kept is
  'What sections keep of the promotional credit that they have booked, part by part.';

-- A section's use of a grant, in the order of its client. Those that follow each other for the same
-- section and scope share a turn. `recorded`: what is booked, or zero where more was given back
-- than taken. `cap`: so much may the section use in all.
create type _billing.promoted_want as (client_id uuid, turn bigint, place bigint,
  section_start date, grant_id uuid, is_new boolean, metrics text[], models text[], agents text[],
  left_minor numeric, recorded_minor numeric, cap_minor numeric);

-- First the rest of what is recorded: other charges of the section in the scope of the grant keep
-- it, so that a correction gives money back before credit. Then new charges, the oldest section
-- first, in burn order: never more than a section charges beyond what is booked, so that credit
-- that is given later reduces no invoice that is issued.
create function _billing.promoted_wants(sections _billing.promoted_section[],
  kept _billing.promoted_use[], booked _billing.rated_line[], credits _billing.burning_credit[])
returns setof _billing.promoted_want
language sql stable set search_path = pg_catalog, pg_temp as $$
  with used as (
    select x.client_id, x.section_start, x.grant_id, sum(x.recorded) as recorded,
      sum(x.kept) as kept
    from (
      select b.client_id, b.section_start, _billing.grant_of(b.rating_key) as grant_id,
        -b.amount_minor as recorded, 0 as kept
      from unnest(booked) b where b.kind = 'promotional_credit'
      union all
      select k.client_id, k.section_start, k.grant_id, 0, k.amount_minor from unnest(kept) k
    ) x
    group by 1, 2, 3
  ), section as (
    select s.*, coalesce(u.recorded, 0) as recorded, coalesce(u.kept, 0) as kept
    from unnest(sections) s
    left join (
      select u.client_id, u.section_start, sum(u.recorded) as recorded, sum(u.kept) as kept
      from used u group by 1, 2
    ) u on u.client_id = s.client_id and u.section_start = s.section_start
  ), want as (
    select s.client_id, s.turn, s.section_start, u.grant_id, false as is_new, 0 as left_minor,
      u.recorded, s.room_minor as cap
    from section s
    join used u on u.client_id = s.client_id and u.section_start = s.section_start
    where u.recorded > u.kept
    union all
    select s.client_id, s.turn, s.section_start, c.grant_id, true, c.left_minor,
      greatest(u.recorded, 0), least(s.room_minor, s.growth_minor + s.recorded)
    from section s
    join unnest(credits) c on c.client_id = s.client_id and c.currency = s.currency
      and c.expires_at > s.begins_at
    left join used u on u.client_id = s.client_id and u.section_start = s.section_start
      and u.grant_id = c.grant_id
    where (s.growth_minor + s.recorded > s.kept or u.kept > u.recorded)
      and c.left_minor + greatest(u.recorded, 0) > 0
  )
  select x.client_id, sum(x.turns::integer) over (partition by x.client_id order by x.place),
    x.place, x.section_start, x.grant_id, x.is_new, x.metrics, x.models, x.agents, x.left_minor,
    x.recorded, x.cap
  from (
    select w.*, g.metrics, g.models, g.agents, row_number() over ranked as place,
      (w.is_new, w.section_start, g.metrics, g.models, g.agents) is distinct from (
        lag(w.is_new) over ranked, lag(w.section_start) over ranked, lag(g.metrics) over ranked,
        lag(g.models) over ranked, lag(g.agents) over ranked) as turns
    from want w join public.credit_grants g on g.id = w.grant_id
    window ranked as (partition by w.client_id order by w.is_new, w.turn, _billing.burn_rank(g))
  ) x;
$$;
comment on function _billing.promoted_wants is
  'The uses of grants that sections want beyond what they keep, in their order and turns.';

-- One turn of each client: its grants, one after the other, and its charges in their scope, laid
-- side by side. Each takes of the charges that it lies beside. New charges alone use more. The cost
-- grows with the turns: with grants only where each has another scope than the one before it.
create function _billing.promoted_turn(parts _billing.promoted_part[],
  uses _billing.promoted_use[], wants _billing.promoted_want[], turn bigint)
returns setof _billing.promoted_use
language sql immutable set search_path = pg_catalog, pg_temp as $$
  with used as (
    select x.client_id, x.section_start, x.grant_id, sum(x.amount_minor) as minor
    from unnest(uses) x group by 1, 2, 3
  ), whole as (
    select u.client_id, u.section_start, sum(u.minor) as minor from used u group by 1, 2
  ), spent as materialized (
    -- Taken by sections of what is left of a grant, beyond what they give back to it.
    select w.grant_id, sum(greatest(0, u.minor - w.recorded_minor)) as minor
    from unnest(wants) w
    join used u on u.client_id = w.client_id and u.section_start = w.section_start
      and u.grant_id = w.grant_id
    where w.is_new group by w.grant_id
  ), want as materialized (
    select w.*, w.cap_minor - coalesce(a.minor, 0) as at_most, m.most,
      sum(m.most) over (partition by w.client_id order by w.place) as upto
    from unnest(wants) w
    left join whole a on a.client_id = w.client_id and a.section_start = w.section_start
    left join used u on u.client_id = w.client_id and u.section_start = w.section_start
      and u.grant_id = w.grant_id
    left join spent s on w.is_new and s.grant_id = w.grant_id
    -- What the section itself has taken beyond what is recorded counts once.
    cross join lateral (
      select greatest(0, w.left_minor - greatest(0, coalesce(s.minor, 0)
          - greatest(0, coalesce(u.minor, 0) - w.recorded_minor))
        + w.recorded_minor - coalesce(u.minor, 0)) as most) m
    where w.turn = promoted_turn.turn
  ), part as (
    select p.*, greatest(p.amount_minor - p.discount_minor, 0) - coalesce(u.minor, 0) as open,
      p.growth_minor - coalesce(u.grown, 0) as fresh
    from unnest(parts) p
    left join (
      select x.client_id, x.section_start, x.place, sum(x.amount_minor) as minor,
        sum(x.amount_minor) filter (where x.is_new) as grown
      from unnest(uses) x group by x.client_id, x.section_start, x.place
    ) u on u.client_id = p.client_id and u.section_start = p.section_start and u.place = p.place
  ), charge as (
    select s.client_id, s.section_start, p.place, o.minor as open,
      sum(o.minor) over (partition by s.client_id order by p.place) as upto
    from (
      select distinct on (w.client_id) w.* from want w order by w.client_id, w.place
    ) s
    join part p on p.client_id = s.client_id and p.section_start = s.section_start
      and (s.metrics is null or p.metric = any (s.metrics))
      and (s.models is null or p.model = any (s.models))
      and (s.agents is null or p.agent = any (s.agents))
    cross join lateral (
      select case when s.is_new then least(p.open, p.fresh) else p.open end as minor) o
    where o.minor > 0
  )
  select w.client_id, w.section_start, c.place, w.grant_id, w.is_new, x.minor
  from want w
  join charge c on c.client_id = w.client_id
  cross join lateral (
    select least(w.upto, w.at_most, c.upto) - greatest(w.upto - w.most, c.upto - c.open) as minor
  ) x
  where x.minor > 0;
$$;
comment on function _billing.promoted_turn is
  'What the credit of one turn of each client takes of what the turns before have left.';

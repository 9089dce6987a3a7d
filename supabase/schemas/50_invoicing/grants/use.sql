-- Which grants pay which lines of invoices that are finalized.

-- What there is to pay: a charge with its part of the invoice's total, discount and tax included.
create type _billing.payable_part as (invoice_id uuid, place bigint, client_id uuid,
  currency text, usable_after timestamptz, line_id uuid, metric text, model text, agent text,
  amount_minor bigint);

-- The parts of an invoice add up to its total: cumulative shares are rounded, not each part.
create function _billing.payable_parts(ids uuid[], as_of timestamptz)
returns setof _billing.payable_part
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- plpgsql keeps the plan: planning takes longer than reading.
#variable_conflict use_column
begin
  return query
  with line as (
    select i.id, x.place, i.client_id, i.currency, i.total_minor, l.id as line_id, l.position,
      l.metric, l.model, l.agent, l.amount_minor,
      case when i.kind = 'period' then _billing.day_start(i.client_id, i.period_start)
        else as_of end as usable_after,
      sum(l.amount_minor) over (partition by i.id order by l.position) as until,
      sum(l.amount_minor) over (partition by i.id) as charged
    from unnest(ids) with ordinality x(id, place)
    join public.invoices i on i.id = x.id
    join public.invoice_lines l on l.invoice_id = i.id
      and l.kind in ('usage', 'minimum', 'one_off') and l.amount_minor > 0
  )
  select l.id, row_number() over (order by l.place, l.position), l.client_id, l.currency,
    l.usable_after, l.line_id, l.metric, l.model, l.agent,
    (round(l.total_minor * l.until / l.charged)
      - round(l.total_minor * (l.until - l.amount_minor) / l.charged))::bigint
  from line l;
end $$;
comment on function _billing.payable_parts is
  'Charges of invoices with what each is of the invoice''s total.';

-- Credit that has expired pays the invoices of periods that began before: until all of them are
-- issued, it may still be used. `invoice_ids` count as issued.
create function _billing.pays_after_expiry(client_id uuid, expires_at timestamptz,
  invoice_ids uuid[] default '{}')
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(not bool_and(p.is_settled) or not bool_or(p.period_end > x.last_day), true)
  from (
    select billing.day_of(pays_after_expiry.client_id,
      pays_after_expiry.expires_at - interval '1 microsecond') as last_day
  ) x
  join (
    select s.period_start, max(s.period_end) as period_end, bool_or(s.is_settled) as is_settled
    from (
      select b.period_start, b.period_end, b.settled_at is not null as is_settled
      from public.billing_periods b where b.client_id = pays_after_expiry.client_id
      union all
      select i.period_start, i.period_end, true from public.invoices i
      where i.id = any (invoice_ids) and i.client_id = pays_after_expiry.client_id
        and i.kind = 'period'
    ) s
    group by s.period_start
  ) p on p.period_start <= x.last_day;
$$;
comment on function _billing.pays_after_expiry is
  'Whether the invoice of a period that began before an expiry is still to be issued.';

-- Grants that may be used when invoices are finalized, by their place in the client's burn order.
create type _billing.usable_credit as (grant_id uuid, place bigint, client_id uuid, currency text,
  expires_at timestamptz, metrics text[], models text[], agents text[], left_minor bigint);

create function _billing.usable_credits(client_ids uuid[], as_of timestamptz)
returns setof _billing.usable_credit
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- plpgsql keeps the plan: planning takes longer than reading.
#variable_conflict use_column
begin
  return query
  select g.id, row_number() over (partition by g.client_id, g.currency
      order by _billing.burn_rank(g)), g.client_id, g.currency, coalesce(g.expires_at, 'infinity'),
    g.metrics, g.models, g.agents, l.left_minor
  from public.credit_grants g
  join _billing.left_of_grants(client_ids, as_of) l on l.grant_id = g.id and l.left_minor > 0
  where g.client_id = any (client_ids) and g.kind <> 'promotional' and g.effective_at <= as_of
    and g.granted_at <= as_of;
end $$;
comment on function _billing.usable_credits is
  'Grants that pay, with something left that may be used by an instant, in burn order.';

create type _billing.grant_use as (grant_id uuid, invoice_id uuid, line_id uuid,
  amount_minor bigint);

-- What grants of one client and currency, in burn order, pay of its charges, in theirs. Grants that
-- follow each other and may pay the same charges go through them once, together: the cost grows
-- with grants and charges, and with their product only where each grant has another scope than the
-- one before it.
create function _billing.uses_of_credits(parts _billing.payable_part[],
  credits _billing.usable_credit[])
returns setof _billing.grant_use
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  rests bigint[] := array(select p.amount_minor from unnest(parts) p);
  unpaid bigint := (select count(*) from unnest(parts) p where p.amount_minor > 0);
  credit _billing.usable_credit;
  -- The first of the grants that go together. They expire after the last instant from which one of
  -- `places` may be paid, and not after the first instant of another charge.
  leader _billing.usable_credit;
  lower_end timestamptz;
  upper_end timestamptz;
  places bigint[];
  turn integer;
  part _billing.payable_part;
  taken bigint;
begin
  foreach credit in array credits loop
    exit when unpaid = 0;
    if leader is null or (credit.metrics, credit.models, credit.agents)
        is distinct from (leader.metrics, leader.models, leader.agents)
        or credit.expires_at <= lower_end or credit.expires_at > upper_end then
      leader := credit;
      turn := 1;
      select coalesce(max(p.usable_after) filter (where p.usable_after < credit.expires_at),
          '-infinity'),
        coalesce(min(p.usable_after) filter (where p.usable_after >= credit.expires_at),
          'infinity'),
        array_agg(p.n order by p.n) filter (where p.usable_after < credit.expires_at
          and (credit.metrics is null or p.metric = any (credit.metrics))
          and (credit.models is null or p.model = any (credit.models))
          and (credit.agents is null or p.agent = any (credit.agents)))
      into lower_end, upper_end, places
      from unnest(parts) with ordinality p(invoice_id, place, client_id, currency, usable_after,
        line_id, metric, model, agent, amount_minor, n)
      where rests[p.n] > 0;
    end if;
    while credit.left_minor > 0 and turn <= cardinality(places) loop
      part := parts[places[turn]];
      taken := least(credit.left_minor, rests[places[turn]]);
      return next (credit.grant_id, part.invoice_id, part.line_id, taken)::_billing.grant_use;
      credit.left_minor := credit.left_minor - taken;
      rests[places[turn]] := rests[places[turn]] - taken;
      if rests[places[turn]] = 0 then
        turn := turn + 1;
        unpaid := unpaid - 1;
      end if;
    end loop;
  end loop;
end $$;
comment on function _billing.uses_of_credits is
  'What grants of one client and currency pay of its charges, each of what those before it leave.';

create function _billing.grants_to_use(ids uuid[], as_of timestamptz)
returns _billing.grant_use[] language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  -- Most batches have no client with grants: then this is all that is asked.
  clients constant uuid[] := array(
    select distinct i.client_id from public.invoices i where i.id = any (ids)
      and exists (select from public.credit_grants g
        where g.client_id = i.client_id and g.kind <> 'promotional'));
begin
  if clients = '{}' then
    return array[]::_billing.grant_use[];
  end if;
  return array(
    select u
    from (
      select p.client_id, p.currency, array_agg(p order by p.place) as parts
      from _billing.payable_parts(ids, as_of) p
      where p.client_id = any (clients) group by p.client_id, p.currency
    ) p
    join (
      select c.client_id, c.currency, array_agg(c order by c.place) as credits
      from _billing.usable_credits(clients, as_of) c group by c.client_id, c.currency
    ) c on c.client_id = p.client_id and c.currency = p.currency
    cross join lateral _billing.uses_of_credits(p.parts, c.credits) u);
end $$;
comment on function _billing.grants_to_use is
  'What grants pay of invoices that are finalized at an instant, line by line.';

create function _billing.use_credit(uses _billing.grant_use[], as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if uses <> '{}' then
    perform _billing.move_credit(array(
      select (u.grant_id, 'use', -u.amount_minor, as_of, u.invoice_id, u.line_id,
        null)::_billing.credit_movement
      from unnest(uses) u));
  end if;
end $$;
comment on function _billing.use_credit is 'Books what grants pay.';

-- Giving credit back that an invoice has used: the last use first.

-- What each use of an invoice still is after what was given back of it; the last one is number 1.
create function _billing.standing_uses(invoice_id uuid)
returns table (place bigint, grant_id uuid, line_id uuid, expires_at timestamptz,
  used_minor bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select row_number() over (order by _billing.burn_rank(g) desc, l.position desc), g.id, l.id,
    g.expires_at, s.used_minor
  from (
    select e.grant_id, e.line_id, -sum(e.amount_minor)::bigint as used_minor
    from public.credit_entries e
    where e.invoice_id = standing_uses.invoice_id and e.kind in ('use', 'return')
    group by e.grant_id, e.line_id having sum(e.amount_minor) <> 0
  ) s
  join public.credit_grants g on g.id = s.grant_id
  join public.invoice_lines l on l.id = s.line_id;
$$;
comment on function _billing.standing_uses is
  'What grants have paid of an invoice and was not given back, the last use first.';

-- How an amount goes back to the grants. Credit that comes back after its expiry leaves them again,
-- for the balance, which the caller books.
create function _billing.credit_to_give_back(invoice_id uuid, amount bigint, as_of timestamptz,
  credit_note_id uuid default null)
returns _billing.credit_movement[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(
    with given as (
      select u.*, least(u.used_minor, credit_to_give_back.amount
        - (sum(u.used_minor) over (order by u.place) - u.used_minor))::bigint as minor
      from _billing.standing_uses(credit_to_give_back.invoice_id) u
    )
    select (g.grant_id, x.kind, x.sign * g.minor, as_of, credit_to_give_back.invoice_id, g.line_id,
      credit_to_give_back.credit_note_id)::_billing.credit_movement
    from given g
    join (values ('return', 1), ('transfer', -1)) x(kind, sign)
      on x.kind = 'return' or g.expires_at <= as_of
    where g.minor > 0
    order by g.place, x.sign desc);
$$;
comment on function _billing.credit_to_give_back is
  'Movements that give an amount of what grants have paid of an invoice back to them.';

create function _billing.sum_of_movements(movements _billing.credit_movement[])
returns bigint language sql immutable
return (select coalesce(sum(m.amount_minor), 0)::bigint from unnest(movements) m);
comment on function _billing.sum_of_movements is 'What grants keep of movements.';

-- Credit whose payment goes back: its unused part is taken back with it.

-- Grants that hold the credit of an invoice's top-up: its own, and those that continue it.
create function _billing.grants_of_top_up(invoice_id uuid)
returns table (grant_id uuid, place integer)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with recursive chain as (
    select g.id, 1 as place
    from public.top_ups t join public.credit_grants g on g.top_up_id = t.id
    where t.invoice_id = grants_of_top_up.invoice_id
    union all
    select g.id, c.place + 1 from chain c join public.credit_grants g on g.continues_id = c.id
  )
  select c.id, c.place from chain c;
$$;
comment on function _billing.grants_of_top_up is
  'Grants that hold the credit that an invoice of a top-up has paid for.';

create function _billing.unused_of_top_up(invoice_id uuid, as_of timestamptz)
returns bigint language sql stable set search_path = pg_catalog, pg_temp as $$
  with held as materialized (
    select g.id, g.client_id, g.expires_at
    from _billing.grants_of_top_up(unused_of_top_up.invoice_id) x
    join public.credit_grants g on g.id = x.grant_id
  )
  select coalesce(sum(l.left_minor), 0)::bigint
  from held h
  join _billing.left_of_grants(array(select distinct c.client_id from held c), as_of) l
    on l.grant_id = h.id
  where h.expires_at is null or h.expires_at > as_of;
$$;
comment on function _billing.unused_of_top_up is
  'What is left at an instant of the credit that an invoice of a top-up has paid for.';

-- What of an amount is not used and can be taken back. Expired credit counts as used, too,
-- unless an invoice may still take it: that goes last.
create function _billing.credit_to_take_back(invoice_id uuid, amount bigint, as_of timestamptz,
  credit_note_id uuid default null)
returns _billing.credit_movement[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  -- Its own grants first: asked together, grants of all clients would be asked what is left.
  with held as materialized (
    select g.id, g.client_id, g.effective_at, g.expires_at, x.place
    from _billing.grants_of_top_up(credit_to_take_back.invoice_id) x
    join public.credit_grants g on g.id = x.grant_id
  ), unused as (
    select h.id, h.effective_at, l.left_minor,
      sum(l.left_minor) over (order by coalesce(h.expires_at <= as_of, false), h.place, h.id)
        - l.left_minor as before
    from held h
    join _billing.left_of_grants(array(select distinct c.client_id from held c), as_of) l
      on l.grant_id = h.id
    where l.left_minor > 0 and (coalesce(h.expires_at > as_of, true)
      or _billing.pays_after_expiry(h.client_id, h.expires_at))
  )
  select coalesce(array_agg((u.id, 'withdrawal', -least(u.left_minor, amount - u.before),
    greatest(as_of, u.effective_at), credit_to_take_back.invoice_id, null,
    credit_to_take_back.credit_note_id)::_billing.credit_movement), '{}')
  from unused u where u.before < amount;
$$;
comment on function _billing.credit_to_take_back is
  'Movements that take the unused part of a top-up back from its grants, up to an amount.';

create function _billing.take_top_up_back(invoice_id uuid, amount bigint, as_of timestamptz,
  credit_note_id uuid default null)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  taken constant _billing.credit_movement[] := _billing.credit_to_take_back(invoice_id, amount,
    as_of, credit_note_id);
begin
  perform _billing.move_credit(taken);
  return -_billing.sum_of_movements(taken);
end $$;
comment on function _billing.take_top_up_back is
  'Takes the unused part of a top-up back from its grants, up to an amount; returns how much.';

-- What has gone back of the payments of a top-up and was not taken back from its grants: of each
-- note that stands, in the order in which they were made, then of its disputes.
create function _billing.not_taken_back(invoice_id uuid)
returns table (place bigint, credit_note_id uuid, amount_minor bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select row_number() over (order by x.number is null, length(x.number), x.number),
    x.credit_note_id, (x.gone_minor + coalesce(sum(e.amount_minor), 0))::bigint
  from (
    select n.id as credit_note_id, n.number, n.total_minor - n.to_invoice_minor as gone_minor
    from public.credit_notes n
    where n.invoice_id = not_taken_back.invoice_id and n.voided_at is null and n.document <> '{}'
    union all
    select null, null, -sum(p.amount_minor) from public.payments p
    where p.invoice_id = not_taken_back.invoice_id and p.kind in ('dispute', 'dispute_reversed')
    having count(*) > 0
  ) x
  left join public.credit_entries e on e.invoice_id = not_taken_back.invoice_id
    and e.kind in ('withdrawal', 'restoration')
    and e.credit_note_id is not distinct from x.credit_note_id
  group by x.credit_note_id, x.number, x.gone_minor
  having x.gone_minor + coalesce(sum(e.amount_minor), 0) > 0;
$$;
comment on function _billing.not_taken_back is
  'What has gone back of the payments of a top-up beyond what was taken back of its credit.';

-- Takes back what could not be taken when its payment went back, up to an amount.
create function _billing.take_rest_back(invoice_id uuid, most bigint, as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  part record;
  rest bigint := most;
begin
  for part in
    select x.credit_note_id, x.amount_minor
    from _billing.not_taken_back(take_rest_back.invoice_id) x order by x.place
  loop
    rest := rest - _billing.take_top_up_back(take_rest_back.invoice_id,
      least(rest, part.amount_minor), as_of, part.credit_note_id);
  end loop;
end $$;
comment on function _billing.take_rest_back is
  'Takes credit of a top-up back whose payment has gone back already, up to an amount.';

-- Credit that comes back to the grants of a top-up is taken back, as far as more of its payment has
-- gone back than of its credit.
create function _billing.take_returned_back(returned _billing.credit_movement[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  part record;
begin
  for part in
    with recursive chain as (
      select g.id, g.continues_id, g.top_up_id, m.amount_minor, m.at
      from unnest(returned) m join public.credit_grants g on g.id = m.grant_id
      union all
      select g.id, g.continues_id, g.top_up_id, c.amount_minor, c.at
      from chain c join public.credit_grants g on g.id = c.continues_id
    )
    select t.invoice_id, sum(c.amount_minor)::bigint as amount_minor, max(c.at) as at
    from chain c join public.top_ups t on t.id = c.top_up_id
    group by t.invoice_id having sum(c.amount_minor) > 0 order by t.invoice_id
  loop
    perform _billing.take_rest_back(part.invoice_id, part.amount_minor, part.at);
  end loop;
end $$;
comment on function _billing.take_returned_back is
  'Takes credit back that comes back to a top-up whose payment has gone back.';

-- Gives back what was taken: of a credit note that is void, or of disputes that were won. Credit
-- that has expired meanwhile comes back expired.
create function _billing.restore_top_up(invoice_id uuid, amount bigint, as_of timestamptz,
  credit_note_id uuid default null)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.move_credit(array(
    select (t.grant_id, 'restoration', least(t.minor, restore_top_up.amount - t.before), as_of,
      restore_top_up.invoice_id, null, restore_top_up.credit_note_id)::_billing.credit_movement
    from (
      select e.grant_id, -sum(e.amount_minor)::bigint as minor,
        (sum(-sum(e.amount_minor)) over (order by e.grant_id) + sum(e.amount_minor))::bigint
          as before
      from public.credit_entries e
      where e.invoice_id = restore_top_up.invoice_id and e.kind in ('withdrawal', 'restoration')
        and e.credit_note_id is not distinct from restore_top_up.credit_note_id
      group by e.grant_id having sum(e.amount_minor) < 0
    ) t
    where t.before < restore_top_up.amount));
$$;
comment on function _billing.restore_top_up is
  'Gives credit of a top-up back that was taken from its grants, up to an amount.';

-- A note that gives money back, when it gets its document; an amount taken off what is due was
-- never granted.
create function _billing.follow_top_up_note() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (select from public.top_ups t where t.invoice_id = new.invoice_id) then
    return null;
  end if;
  if new.voided_at is not null then
    perform _billing.restore_top_up(new.invoice_id, new.total_minor, new.voided_at, new.id);
  else
    perform _billing.take_top_up_back(new.invoice_id, new.total_minor - new.to_invoice_minor,
      new.issued_at, new.id);
  end if;
  return null;
end $$;
comment on function _billing.follow_top_up_note is
  'Takes credit back with what a credit note gives back of its invoice.';

create trigger follow_top_up_note after update on public.credit_notes
  for each row when (old.document = '{}' and new.document <> '{}'
    or old.voided_at is null and new.voided_at is not null)
  execute function _billing.follow_top_up_note();

create function _billing.follow_top_up_dispute() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if new.kind = 'dispute' then
    perform _billing.take_top_up_back(new.invoice_id, -new.amount_minor, new.paid_at);
  else
    perform _billing.restore_top_up(new.invoice_id, new.amount_minor, new.paid_at);
  end if;
  return null;
end $$;
comment on function _billing.follow_top_up_dispute is
  'Takes credit back with a payment that is disputed, and gives it back where that is won.';

create trigger follow_top_up_dispute after insert on public.payments
  for each row when (new.kind in ('dispute', 'dispute_reversed'))
  execute function _billing.follow_top_up_dispute();

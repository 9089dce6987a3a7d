-- Credit whose payment goes back: what of it is not used is taken back with it.

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
  select coalesce(sum(l.left_minor), 0)::bigint
  from _billing.grants_of_top_up(unused_of_top_up.invoice_id) x
  join public.credit_grants g on g.id = x.grant_id
  join _billing.left_of_grants(array[g.client_id], as_of) l on l.grant_id = g.id
  where g.expires_at is null or g.expires_at > as_of;
$$;
comment on function _billing.unused_of_top_up is
  'What is left at an instant of the credit that an invoice of a top-up has paid for.';

-- Takes back what of an amount is not used. What has expired is used too: it is not the client's.
create function _billing.take_top_up_back(invoice_id uuid, amount bigint, as_of timestamptz,
  credit_note_id uuid default null)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  taken _billing.credit_movement[];
begin
  with unused as (
    select g.id, g.effective_at, l.left_minor,
      sum(l.left_minor) over (order by x.place, g.id) - l.left_minor as before
    from _billing.grants_of_top_up(take_top_up_back.invoice_id) x
    join public.credit_grants g on g.id = x.grant_id
    join _billing.left_of_grants(array[g.client_id], as_of) l on l.grant_id = g.id
    where l.left_minor > 0 and (g.expires_at is null or g.expires_at > as_of)
  )
  select coalesce(array_agg((u.id, 'withdrawal', -least(u.left_minor, amount - u.before),
    greatest(as_of, u.effective_at), take_top_up_back.invoice_id, null,
    take_top_up_back.credit_note_id)::_billing.credit_movement), '{}') into taken
  from unused u where u.before < amount;
  perform _billing.move_credit(taken);
  return -_billing.sum_of_movements(taken);
end $$;
comment on function _billing.take_top_up_back is
  'Takes the unused part of a top-up back from its grants, up to an amount; returns how much.';

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

-- A note that gives money back, when it gets its document; what it takes off what is due was never
-- granted.
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

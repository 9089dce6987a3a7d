-- What promotional credit becomes when lines of it are issued, credited and void.

-- Drafts that use more promotional credit than there is any more: an invoice that had given it back
-- is void meanwhile. Credit that another section is to take again after a void is not for them.
create function _billing.drafts_without_credit(drafts uuid[], as_of timestamptz)
returns uuid[] language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return array(
    with used as materialized (
      select i.id, i.client_id, _billing.grant_of(l.rating_key) as grant_id, l.section_start,
        sum(l.amount_minor) as minor
      from public.invoices i
      join public.invoice_lines l on l.invoice_id = i.id and l.kind = 'promotional_credit'
      where i.id = any (drafts)
      group by 1, 2, 3, 4
    ), again as materialized (
      select a.* from _billing.credit_to_take_again(
        array(select distinct u.client_id from used u), 'infinity') a
    )
    select distinct x.id
    from (
      select u.id, u.client_id, u.grant_id, sum(u.minor) as minor
      from used u group by 1, 2, 3 having sum(u.minor) < 0
    ) x
    join _billing.left_of_grants(array[x.client_id], as_of) g on g.grant_id = x.grant_id
    where g.left_minor + x.minor < (
      select coalesce(sum(greatest(0, a.amount_minor + coalesce(u.minor, 0))), 0)
      from again a
      left join used u on u.id = x.id and u.grant_id = a.grant_id
        and u.section_start = a.section_start
      where a.grant_id = x.grant_id));
end $$;
comment on function _billing.drafts_without_credit is
  'Those of the drafts whose promotional credit is not there any more; they have to be made anew.';

-- Books what lines of drafts use of their grants, or give back, as they are issued. A section
-- that gives back to a grant and takes again for other charges moves the difference alone, as one
-- movement of no line.
create function _billing.use_promotional_credit(invoice_ids uuid[], as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  movements constant _billing.credit_movement[] := array(
    select (x.grant_id, case when sum(x.amount_minor) < 0 then 'discount'
        else 'discount_return' end, sum(x.amount_minor), as_of, x.invoice_id, x.line_id,
      null)::_billing.credit_movement
    from (
      select l.invoice_id, l.section_start, g.id as grant_id, l.amount_minor,
        case when abs(sum(l.amount_minor) over w) = sum(abs(l.amount_minor)) over w
          then l.id end as line_id
      -- Lines are read of clients that have such grants, and of no other.
      from unnest(array(
        select i.id from public.invoices i
        where i.id = any (invoice_ids) and exists (
          select from public.credit_grants g
          where g.client_id = i.client_id and g.kind = 'promotional' offset 0))) x(id)
      join public.invoice_lines l on l.invoice_id = x.id and l.kind = 'promotional_credit'
      cross join lateral (select _billing.grant_of(l.rating_key) as id) g
      window w as (partition by l.invoice_id, l.section_start, g.id)
    ) x
    group by x.invoice_id, x.section_start, x.grant_id, x.line_id
    having sum(x.amount_minor) <> 0);
  short uuid;
begin
  if movements = '{}' then
    return;
  end if;
  select x.grant_id into short
  from (
    select m.grant_id, sum(m.amount_minor) as minor from unnest(movements) m group by m.grant_id
  ) x
  join _billing.left_of_grants(array(select i.client_id from public.invoices i
    where i.id = any (invoice_ids)), as_of) l on l.grant_id = x.grant_id
  where x.minor < 0 and l.left_minor + x.minor < 0;
  if short is not null then
    perform billing.raise_error('illegal_transition', format(
      'the drafts use more of grant %s than is left of it', short), 'make them anew');
  end if;
  perform _billing.move_credit(movements);
end $$;
comment on function _billing.use_promotional_credit is
  'Books what invoices that are issued use of promotional credit.';

-- Books what a credit note gives back of it, as above. A note's lines are positive where they give.
create function _billing.return_promotional_credit(note_id uuid, as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  movements constant _billing.credit_movement[] := array(
    select (x.grant_id, case when sum(x.amount_minor) > 0 then 'discount'
        else 'discount_return' end, -sum(x.amount_minor), as_of, x.invoice_id, null,
      note_id)::_billing.credit_movement
    from (
      select n.invoice_id, g.id as grant_id, l.amount_minor,
        case when abs(sum(l.amount_minor) over w) = sum(abs(l.amount_minor)) over w
          then l.id end as line_id
      from public.credit_notes n
      join public.credit_note_lines l on l.credit_note_id = n.id and l.kind = 'promotional_credit'
      cross join lateral (select _billing.grant_of(l.rating_key) as id) g
      where n.id = note_id
      window w as (partition by g.id)
    ) x
    group by x.invoice_id, x.grant_id, x.line_id having sum(x.amount_minor) <> 0);
begin
  if movements <> '{}' then
    perform _billing.move_credit(movements);
  end if;
end $$;
comment on function _billing.return_promotional_credit is
  'Books what a credit note gives back of promotional credit.';

-- A void takes back what the invoice and its notes have done. Credit that it gave back to a grant
-- may be used meanwhile, or be all that another section may take again: then the invoice stands.
create function _billing.void_promotional_credit(invoice public.invoices, as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  movements constant _billing.credit_movement[] := array(
    select (e.grant_id, case when sum(e.amount_minor) > 0 then 'discount'
        else 'discount_return' end, -sum(e.amount_minor), as_of, invoice.id, null,
      null)::_billing.credit_movement
    from public.credit_entries e
    where e.invoice_id = invoice.id and e.kind in ('discount', 'discount_return')
    group by e.grant_id having sum(e.amount_minor) <> 0);
  used uuid;
begin
  if movements = '{}' then
    return;
  end if;
  select m.grant_id into used
  from unnest(movements) m
  join _billing.left_of_grants(array[invoice.client_id], as_of) l on l.grant_id = m.grant_id
  where l.left_minor + m.amount_minor < (
    select coalesce(sum(a.amount_minor), 0)
    from _billing.credit_to_take_again(array[invoice.client_id], 'infinity') a
    where a.grant_id = m.grant_id);
  if used is not null then
    perform billing.raise_error('illegal_transition', format(
      'invoice %s gave credit back to grant %s that is used meanwhile; it cannot be voided',
      invoice.number, used), 'void the invoices that have used it first');
  end if;
  perform _billing.move_credit(movements);
end $$;
comment on function _billing.void_promotional_credit is
  'Books what a void invoice had used of promotional credit back to its grants.';

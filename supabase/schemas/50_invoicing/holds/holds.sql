-- Drafts whose total is above the limits are held: no run and no person issues them until one
-- decision has released them.

-- By the invoice's id, which a draft keeps however often it is made anew; a late one is deleted
-- and inserted then, so there is no foreign key.
-- `not_held` was released beforehand.
create table billing.invoice_holds (
  invoice_id uuid primary key,
  client_id uuid not null references public.clients (id) on delete cascade,
  total_minor bigint not null,
  reason text not null
    constraint invoice_holds_reason_known check (reason in ('ceiling', 'unusual', 'not_held')),
  message text not null,
  held_at timestamptz not null,
  released_minor bigint,
  released_at timestamptz,
  released_by text,
  release_reason text,
  constraint invoice_holds_released_whole check (
    num_nulls(released_minor, released_at, released_by, release_reason) in (0, 4))
);
comment on table billing.invoice_holds is
  'Why drafts were held, and who released them up to which total, with the reason.';
comment on column billing.invoice_holds.released_minor is
  'The largest total that may be issued; a draft above it is held again.';
create index invoice_holds_client_id on billing.invoice_holds (client_id);
alter table billing.invoice_holds enable row level security;
revoke all on billing.invoice_holds from public;
grant select on billing.invoice_holds to service_role;

create view billing.held_invoices with (security_invoker = true) as
select i.id as invoice_id, i.client_id, c.name as client, i.period_start, i.currency,
  i.total_minor, h.reason, h.message, h.held_at, h.released_minor
from billing.invoice_holds h
join public.invoices i on i.id = h.invoice_id and i.status = 'draft'
join public.clients c on c.id = i.client_id
where i.total_minor > coalesce(h.released_minor, 0);
comment on view billing.held_invoices is
  'Drafts that are held now: what they come to, and why they are not issued.';
revoke all on billing.held_invoices from public;
grant select on billing.held_invoices to service_role;

-- The usual invoice of a client is the median of its last six of periods, in the same currency; of
-- fewer than three nothing is said. The lower of two in the middle: an amount that was invoiced.
-- Promotional credit counts as if it had been charged: once it is used up, nothing is unusual.
create function _billing.judge_drafts(invoice_ids uuid[])
returns table (invoice_id uuid, reason text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select i.id, case when i.total_minor > l.ceiling_minor then 'ceiling' else 'unusual' end,
    format('the total of %s is ', billing.money_text(i.total_minor, i.currency))
      || concat_ws(', and ',
        case when i.total_minor > l.ceiling_minor then format('above the ceiling of %s',
          billing.money_text(l.ceiling_minor, i.currency)) end,
        case when i.total_minor > u.usual_minor * l.factor then format(
          'more than %s times the usual %s', trim_scale(l.factor),
          billing.money_text(u.usual_minor, i.currency)) end)
  from public.invoices i
  cross join lateral (
    select x.ceiling_minor, x.factor, x.floor_minor from public.hold_limits x
    where x.currency = i.currency and (x.client_id = i.client_id or x.client_id is null)
    order by x.client_id is null limit 1
  ) l
  cross join lateral (
    -- Not looked up for totals that the factor does not hold.
    select case when count(*) >= 3 then
      percentile_disc(0.5) within group (order by p.total_minor) end as usual_minor
    from (
      select e.total_minor + case when e.discount_minor > 0 then coalesce((
          select -sum(l.amount_minor) from public.invoice_lines l
          where l.invoice_id = e.id and l.kind = 'promotional_credit'), 0) else 0 end::bigint
        as total_minor
      from public.invoices e
      where i.total_minor > l.floor_minor and l.factor is not null
        and e.client_id = i.client_id and e.kind = 'period' and e.currency = i.currency
        and e.status in ('open', 'paid', 'uncollectible')
      order by e.period_start desc limit 6
    ) p
  ) u
  where i.id = any (invoice_ids) and i.status = 'draft' and i.kind in ('period', 'late')
    and (i.total_minor > l.ceiling_minor or i.total_minor > u.usual_minor * l.factor);
$$;
comment on function _billing.judge_drafts is 'Those of the drafts that are above a limit, and why.';

-- Holds those of the drafts that are above a limit, lets go of those that no longer are, and notes
-- the reason at their periods. A release stays: what it covers is not held.
create function _billing.hold_drafts(invoice_ids uuid[], as_of timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with judged as materialized (
    select i.id, i.client_id, i.period_start, i.total_minor, j.reason, j.message
    from _billing.judge_drafts(invoice_ids) j join public.invoices i on i.id = j.invoice_id
  ), passed as (
    delete from billing.invoice_holds h
    where h.invoice_id = any (invoice_ids) and h.released_at is null
      and h.invoice_id not in (select j.id from judged j)
  ), held as (
    insert into billing.invoice_holds (invoice_id, client_id, total_minor, reason, message, held_at)
    select j.id, j.client_id, j.total_minor, j.reason, j.message, as_of from judged j
    on conflict (invoice_id) do update set total_minor = excluded.total_minor,
      reason = excluded.reason, message = excluded.message
  )
  update public.billing_periods p
  set reason = 'held', message = j.message, updated_at = as_of
  from judged j left join billing.invoice_holds h on h.invoice_id = j.id
  where p.client_id = j.client_id and p.period_start = j.period_start and p.state = 'invoiced'
    and j.total_minor > coalesce(h.released_minor, 0);
$$;
comment on function _billing.hold_drafts is 'Judges drafts that have been made, and holds some.';

create function _billing.unheld(invoice_ids uuid[])
returns uuid[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(
    select x.id from unnest(invoice_ids) with ordinality x(id, place)
    where x.id not in (select h.invoice_id from billing.held_invoices h) order by x.place);
$$;
comment on function _billing.unheld is 'Those of the invoices that are not held.';

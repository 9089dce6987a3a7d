-- What happens to grants of credit, each at the time when it takes effect: the balance at an
-- instant is the sum of the entries until then. Expiries are entries of a time that may be still
-- to come.

create table public.credit_entries (
  id uuid primary key default gen_random_uuid(),
  grant_id uuid not null references public.credit_grants (id),
  client_id uuid not null references public.clients (id),
  currency text not null references public.currencies (code),
  kind text not null,
  amount_minor bigint not null,
  effective_at timestamptz not null,
  invoice_id uuid references public.invoices (id),
  line_id uuid references public.invoice_lines (id),
  credit_note_id uuid references public.credit_notes (id),
  created_at timestamptz not null default now(),
  tax_minor bigint not null default 0,
  constraint credit_entries_kind_known check (kind in ('grant', 'expiry', 'use', 'release',
    'return', 'reopening', 'transfer', 'rollover', 'withdrawal', 'restoration', 'discount',
    'discount_return')),
  constraint credit_entries_sign_of_kind check (amount_minor <> 0
    and (amount_minor > 0) = (kind in ('grant', 'release', 'return', 'restoration',
      'discount_return'))),
  constraint credit_entries_tax_of_amount check (tax_minor = 0
    or (tax_minor > 0) = (amount_minor > 0) and abs(tax_minor) <= abs(amount_minor)),
  constraint credit_entries_of_lines check (case
    when kind in ('use', 'return', 'transfer') then num_nulls(invoice_id, line_id) = 0
    when kind in ('withdrawal', 'restoration') then invoice_id is not null and line_id is null
    when kind in ('discount', 'discount_return') then invoice_id is not null
    when kind in ('release', 'reopening') then line_id is null or invoice_id is not null
    else num_nulls(invoice_id, line_id) = 2 end)
);
comment on table public.credit_entries is
  'What became of grants of credit, with the invoice line that was paid. Append-only; a balance at
   an instant is the sum of what is effective by then.';
comment on column public.credit_entries.kind is
  'grant; expiry, booked ahead; use by a line; release of the expiry of what is used; return of a
   use; reopening of its expiry; transfer to the balance of what came back too late; rollover to
   another grant; withdrawal of credit whose payment goes back; restoration of it; discount by
   promotional credit; discount_return of it.';
comment on column public.credit_entries.tax_minor is
  'The tax of the grant that moves with the amount: what is left of a grant contains its share.';
create index credit_entries_balance on public.credit_entries (client_id, effective_at)
  include (currency, amount_minor);
create index credit_entries_grant_id on public.credit_entries (grant_id);
create index credit_entries_invoice_id on public.credit_entries (invoice_id);
create index credit_entries_line_id on public.credit_entries (line_id);
create index credit_entries_credit_note_id on public.credit_entries (credit_note_id);
create index credit_entries_currency on public.credit_entries (currency);
create unique index credit_entries_line_uses_once on public.credit_entries (grant_id, line_id)
  where kind in ('use', 'discount');
create unique index credit_entries_granted_once on public.credit_entries (grant_id, kind)
  where kind in ('grant', 'expiry');

create trigger refuse_change before update or delete or truncate on public.credit_entries
  for each statement execute function _billing.refuse_change();
alter table public.credit_entries enable row level security;
revoke all on public.credit_entries from anon, authenticated, service_role;
grant select on public.credit_entries to authenticated, service_role;

create policy "members and operators read what became of credit" on public.credit_entries
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- What is left of grants, whether or not it may be used now: the least that is left at the instant
-- and at any later one. A movement that waited for the lock of its client may be of an earlier
-- instant than what is booked already; credit that came back after it is not there yet.
create function _billing.left_of_grants(client_ids uuid[], as_of timestamptz default 'infinity')
returns table (grant_id uuid, left_minor bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off as $$
-- plpgsql keeps the plan: planning takes longer than reading.
#variable_conflict use_column
begin
  return query
  select x.grant_id, min(x.has)::bigint
  from (
    select e.grant_id, sum(e.amount_minor) over until_then as has,
      lead(e.effective_at) over (partition by e.grant_id order by e.effective_at) as next_at
    from (select distinct c.id from unnest(client_ids) c(id)) k
    -- `offset 0`: client by client, for an index in the order of grants has those of all clients.
    cross join lateral (
      select x.grant_id, x.effective_at, x.amount_minor from public.credit_entries x
      where x.client_id = k.id and x.kind not in ('expiry', 'release', 'reopening') offset 0
    ) e
    window until_then as (partition by e.grant_id order by e.effective_at)
  ) x
  where x.next_at is null or x.next_at > as_of
  group by x.grant_id;
end $$;
comment on function _billing.left_of_grants is
  'What may be taken of each grant of these clients at an instant, expired or not.';

create type _billing.credit_movement as (grant_id uuid, kind text, amount_minor bigint,
  at timestamptz, invoice_id uuid, line_id uuid, credit_note_id uuid);

-- The tax in a part of what contains it. Of a grant it is the tax in what is left: what moves bears
-- the difference of two rests, in any order, and the last movement brings the tax to zero.
create function _billing.tax_share(part numeric, whole bigint, tax_minor bigint)
returns bigint language sql immutable
return round(tax_minor * part / whole)::bigint;
comment on function _billing.tax_share is 'The tax in a part of an amount that contains tax.';

create function _billing.tax_of_movements(movements _billing.credit_movement[])
returns table (place bigint, tax_minor bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- plpgsql keeps the plan: planning takes longer than reading.
#variable_conflict use_column
begin
  return query
  with taxed as materialized (
    select g.id, g.amount_minor, g.tax_minor, coalesce(l.left_minor, 0) as left_minor
    from public.credit_grants g
    cross join lateral (
      select sum(e.amount_minor) as left_minor from public.credit_entries e
      where e.grant_id = g.id and e.kind not in ('expiry', 'release', 'reopening')
    ) l
    where g.id in (select m.grant_id from unnest(movements) m) and g.tax_minor > 0
  )
  select x.place, _billing.tax_share(x.rest, x.amount_minor, x.tax_minor)
    - _billing.tax_share(x.rest - x.moved, x.amount_minor, x.tax_minor)
  from (
    select m.place, m.amount_minor as moved, t.amount_minor, t.tax_minor,
      t.left_minor + sum(m.amount_minor) over (partition by t.id order by m.place) as rest
    from unnest(movements) with ordinality m(grant_id, kind, amount_minor, at, invoice_id, line_id,
      credit_note_id, place)
    join taxed t on t.id = m.grant_id
  ) x;
end $$;
comment on function _billing.tax_of_movements is
  'The tax that each of these movements bears, in their order; no row of grants without tax.';

-- Books movements of grants, and with each that takes or gives back what its expiry is now: credit
-- that has been used does not expire. At the expiry, or after it at the instant of the movement: a
-- movement changes no balance of an instant before it.
create function _billing.move_credit(movements _billing.credit_movement[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  insert into public.credit_entries (grant_id, client_id, currency, kind, amount_minor, tax_minor,
    effective_at, invoice_id, line_id, credit_note_id)
  select g.id, g.client_id, g.currency, x.kind, x.sign * m.amount_minor,
    x.sign * coalesce(t.tax_minor, 0), x.at, m.invoice_id, m.line_id, m.credit_note_id
  from unnest(movements) with ordinality m(grant_id, kind, amount_minor, at, invoice_id, line_id,
    credit_note_id, place)
  join public.credit_grants g on g.id = m.grant_id
  left join _billing.tax_of_movements(movements) t on t.place = m.place
  cross join lateral (values
    (m.kind, 1, m.at),
    (case when m.kind = 'grant' then 'expiry' when m.amount_minor < 0 then 'release'
      else 'reopening' end, -1,
      case when g.expires_at is not null then greatest(g.expires_at, m.at) end)
  ) x(kind, sign, at)
  where x.at is not null;
end $$;
comment on function _billing.move_credit is
  'Writes movements of grants and, at the expiry or after it at once, what they change of it.';

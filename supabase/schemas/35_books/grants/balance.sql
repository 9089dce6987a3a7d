-- What clients have of granted credit, at any instant.

create function billing.granted_credit(client_id uuid, at timestamptz default now())
returns table (currency text, amount_minor numeric)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- plpgsql keeps the plan: planning takes longer than reading.
#variable_conflict use_column
declare
  today constant date := (at at time zone 'UTC')::date;
  month constant date := date_trunc('month', today::timestamp);
begin
  return query
  select x.currency, sum(x.amount_minor)
  from (
    select s.currency, s.amount_minor from billing.credit_sums s
    where s.client_id = granted_credit.client_id and s.span = 'month' and s.starts_on < month
    union all
    select s.currency, s.amount_minor from billing.credit_sums s
    where s.client_id = granted_credit.client_id and s.span = 'day'
      and s.starts_on >= month and s.starts_on < today
    union all
    select e.currency, e.amount_minor from public.credit_entries e
    where e.client_id = granted_credit.client_id and e.effective_at <= at
      and e.effective_at >= today::timestamp at time zone 'UTC'
      and not exists (select from public.credit_grants g
        where g.id = e.grant_id and g.kind = 'promotional')
  ) x
  group by x.currency;
end $$;
comment on function billing.granted_credit is
  'Granted credit that pays, of a client at an instant, past or future, as far as it is booked now;
   promotional credit is not in it.';
grant execute on function billing.granted_credit(uuid, timestamptz) to service_role;

-- Promotional credit that invoices gave back of a use that is void: with the void it has come back
-- twice. The invoice in place of the void takes this again, so nothing else may. At an instant, or,
-- without one, beside what drafts take, but for those of blocked periods, which are made anew.
create function _billing.credit_to_take_again(client_ids uuid[], at timestamptz default null)
returns table (client_id uuid, section_start date, grant_id uuid, amount_minor numeric)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- plpgsql keeps the plan: planning takes longer than reading.
#variable_conflict use_column
begin
  return query
  with section as materialized (
    -- Mostly none.
    select distinct i.client_id, l.section_start
    from public.invoices i
    join public.invoice_lines l on l.invoice_id = i.id and l.kind = 'promotional_credit'
    where i.client_id = any (client_ids) and i.voided_at <= coalesce(at, 'infinity')
  )
  select s.client_id, s.section_start, x.grant_id, sum(x.minor)
  from section s
  cross join lateral (
    select _billing.grant_of(l.rating_key) as grant_id,
      case when i.status = 'draft' then least(l.amount_minor, 0) else l.amount_minor end as minor
    from public.invoices i
    join public.invoice_lines l on l.invoice_id = i.id and l.kind = 'promotional_credit'
      and l.section_start = s.section_start
    where i.client_id = s.client_id and (at is null or i.finalized_at <= at)
      and coalesce(i.voided_at > at, i.voided_at is null)
      and not exists (
        select from public.billing_periods p
        where i.status = 'draft' and i.kind = 'period' and p.client_id = i.client_id
          and p.period_start = i.period_start and p.state = 'blocked')
    union all
    select _billing.grant_of(l.rating_key), -l.amount_minor
    from public.credit_notes n
    join public.invoices i on i.id = n.invoice_id
      and coalesce(i.voided_at > at, i.voided_at is null)
    join public.credit_note_lines l on l.credit_note_id = n.id and l.kind = 'promotional_credit'
      and l.section_start = s.section_start
    where n.client_id = s.client_id and n.issued_at <= coalesce(at, 'infinity')
  ) x
  group by s.client_id, s.section_start, x.grant_id having sum(x.minor) > 0;
end $$;
comment on function _billing.credit_to_take_again is
  'Promotional credit of clients that has come back twice, and is taken again by what replaces a
   void invoice.';

create function billing.promotional_credit(client_id uuid, at timestamptz default now())
returns table (currency text, amount_minor numeric)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- plpgsql keeps the plan: planning takes longer than reading.
#variable_conflict use_column
begin
  return query
  -- Definer: as billing.credits_of.
  select x.currency, sum(x.amount_minor)
  from (
    select e.currency, e.amount_minor
    from public.credit_grants g join public.credit_entries e on e.grant_id = g.id
    where g.client_id = promotional_credit.client_id and g.kind = 'promotional'
      and e.effective_at <= at
    union all
    select g.currency, -a.amount_minor
    from _billing.credit_to_take_again(array[promotional_credit.client_id], at) a
    join public.credit_grants g on g.id = a.grant_id and coalesce(g.expires_at > at, true)
  ) x
  group by x.currency;
end $$;
comment on function billing.promotional_credit is
  'Promotional credit that a client has at an instant: a discount on what is still to be charged.';
grant execute on function billing.promotional_credit(uuid, timestamptz) to service_role;

create function billing.credits_of(client_id uuid, at timestamptz default now())
returns table (grant_id uuid, kind text, currency text, amount_minor bigint, left_minor bigint,
  state text, priority smallint, granted_at timestamptz, effective_at timestamptz,
  expires_at timestamptz, metrics text[], models text[], agents text[], note text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  -- Definer: the order is one of functions that callers may not call.
  select g.id, g.kind, g.currency, g.amount_minor, l.left_minor,
    case when l.left_minor = 0 then 'used' when at < g.effective_at then 'future'
      when at >= g.expires_at then 'expired' else 'usable' end,
    g.priority, g.granted_at, g.effective_at, g.expires_at, g.metrics, g.models, g.agents, g.note
  from public.credit_grants g
  left join (
    select x.grant_id, sum(x.amount_minor) as amount_minor
    from _billing.credit_to_take_again(array[credits_of.client_id], at) x group by x.grant_id
  ) a on a.grant_id = g.id
  cross join lateral (
    select (sum(e.amount_minor) - coalesce(a.amount_minor, 0))::bigint as left_minor
    from public.credit_entries e
    where e.grant_id = g.id and e.kind not in ('expiry', 'release', 'reopening')
      and (e.effective_at <= at or e.kind = 'grant')
  ) l
  where g.client_id = credits_of.client_id and g.granted_at <= at
  order by g.currency, _billing.burn_rank(g);
$$;
comment on function billing.credits_of is
  'Grants of a client in the order in which they are used, with what is left of each.';
grant execute on function billing.credits_of(uuid, timestamptz) to service_role;

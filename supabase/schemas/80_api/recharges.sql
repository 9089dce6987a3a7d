-- Credit that is topped up by itself when its live balance is low.

-- Why no recharge may be made at an instant: one is under way, the last ones were declined, or
-- three were made within ten minutes. Null where it may.
create function _billing.recharge_waits(client_id uuid, as_of timestamptz)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  with recharge as (
    select t.* from public.top_ups t
    where t.client_id = recharge_waits.client_id and t.origin = 'low_balance'
  ), declined as (
    -- Since the last one that was granted: 1, 4, 16 and then 24 hours after each.
    select count(*)::integer as times, max(d.declined_at) as last_at from recharge d
    where d.state = 'declined' and d.requested_at > coalesce((
      select max(g.requested_at) from recharge g where g.state = 'granted'), '-infinity')
  )
  select case
    when exists (select from recharge r where r.state in ('wanted', 'invoiced')) then 'under way'
    when d.times > 0
      and as_of < d.last_at + least(interval '1 hour' * 4 ^ least(d.times - 1, 5), interval '1 day')
      then 'declined'
    when (select count(*) from recharge r
      where r.requested_at > as_of - interval '10 minutes') >= 3 then 'too many' end
  from declined d;
$$;
comment on function _billing.recharge_waits is
  'Why a client''s credit may not be recharged at an instant; null where it may.';

-- Periods of a client that are still to be charged, each with the instant after which credit that
-- pays it may have expired: the beginning of the period whose invoice it goes on. Late usage goes
-- on the draft that has it, or that of the newest period that is over; else on that of the one
-- that runs.
create function _billing.homes_of_periods(targets billing.rating_target[], as_of timestamptz)
returns table (period_start date, usable_after timestamptz)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with target as materialized (
    select t.client_id, t.period_start, t.period_end, exists (
      select from public.invoices i where i.client_id = t.client_id
        and i.period_start = t.period_start and i.kind = 'period'
        and i.status not in ('draft', 'void')) as is_late
    from unnest(targets) t
  )
  select t.period_start, _billing.day_start(t.client_id, case when not t.is_late
    then t.period_start else coalesce((
      select max(d.period_start) from public.invoices d
      join public.invoice_lines l on l.invoice_id = d.id and l.is_late
        and l.section_start = t.period_start
      where d.client_id = t.client_id and d.status = 'draft'), (
      select coalesce(max(o.period_start) filter (
        where _billing.day_start(o.client_id, o.period_end) <= as_of), max(o.period_start))
      from target o where not o.is_late and o.period_start > t.period_start)) end)
  from target t;
$$;
comment on function _billing.homes_of_periods is
  'Since when credit that pays periods of a client may have expired.';

-- What credit that has expired will still pay: a grant pays periods whose invoices are of periods
-- that began before its expiry. The most that all can pay is, of all instants, the least of the
-- credit that expires after it and the charges of periods that began before it.
create function _billing.expired_credit_to_use(client_id uuid, currency text, as_of timestamptz)
returns numeric language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
declare
  expiries timestamptz[];
  left_minors bigint[];
  targets billing.rating_target[];
begin
  select array_agg(g.expires_at), array_agg(l.left_minor) into expiries, left_minors
  from _billing.left_of_grants(array[expired_credit_to_use.client_id], as_of) l
  join public.credit_grants g on g.id = l.grant_id
  where l.left_minor > 0 and g.kind <> 'promotional'
    and g.currency = expired_credit_to_use.currency and g.expires_at <= as_of
    and _billing.pays_after_expiry(g.client_id, g.expires_at);
  if expiries is null then
    return 0;
  end if;
  targets := _billing.uninvoiced_periods(expired_credit_to_use.client_id, as_of);
  return (
    with amount as materialized (
      select h.usable_after, u.amount_minor
      from _billing.uninvoiced_amounts(targets, as_of) u
      join _billing.homes_of_periods(targets, as_of) h on h.period_start = u.period_start
      where u.currency = expired_credit_to_use.currency
    )
    select min(coalesce((
        select sum(a.amount_minor) from amount a where a.usable_after < x.expires_at), 0)
      + coalesce((
        select sum(g.left_minor) from unnest(expiries, left_minors) g(expires_at, left_minor)
        where g.expires_at > x.expires_at), 0))
    from unnest(expiries || timestamptz '-infinity') x(expires_at));
end $$;
comment on function _billing.expired_credit_to_use is
  'What expired credit of a client will still pay of periods that are not invoiced.';

-- The live balance that decides on a recharge. Credit of a top-up that is paid counts, also where
-- the payment was booked as of a later instant: it is not bought twice.
create function _billing.recharge_balance(client_id uuid, currency text, as_of timestamptz)
returns bigint language sql stable set search_path = pg_catalog, pg_temp as $$
  select (coalesce((select floor(b.live_minor)
      from billing.credit_balance(recharge_balance.client_id, as_of) b
      where b.currency = recharge_balance.currency), 0)
    + coalesce((select sum(e.amount_minor)
      from public.credit_grants g join public.credit_entries e on e.grant_id = g.id
      where g.client_id = recharge_balance.client_id and g.currency = recharge_balance.currency
        and g.top_up_id is not null and g.effective_at > as_of
        and e.kind not in ('expiry', 'release', 'reopening')), 0)
    + floor(_billing.expired_credit_to_use(recharge_balance.client_id, recharge_balance.currency,
      as_of)))::bigint;
$$;
comment on function _billing.recharge_balance is
  'The live balance of a client that its threshold is compared with.';

-- The terms by which a client's credit is recharged at an instant: none while they are paused, or
-- on a day on which the client is not served.
create function _billing.recharge_terms(client_id uuid, as_of timestamptz)
returns public.auto_recharges language sql stable set search_path = pg_catalog, pg_temp as $$
  select r.* from public.auto_recharges r
  where r.client_id = recharge_terms.client_id and not r.paused and exists (
    select from public.service_intervals s
    cross join lateral (select billing.day_of(r.client_id, as_of) as today) x
    where s.client_id = r.client_id and s.starts_on <= x.today and x.today < s.ends_on);
$$;
comment on function _billing.recharge_terms is
  'How a client''s credit is recharged at an instant; null where it is not.';

-- Notes that a client's credit is to be recharged, where it is low and may be. Any number of
-- callers at once: one recharge.
create function billing.want_recharge(client_id uuid, as_of timestamptz default now())
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  terms public.auto_recharges;
  live bigint;
  amount bigint;
  made uuid;
begin
  perform _billing.lock_clients(array[want_recharge.client_id]);
  terms := _billing.recharge_terms(client_id, as_of);
  if terms.client_id is null or _billing.recharge_waits(client_id, as_of) is not null then
    return null;
  end if;
  live := _billing.recharge_balance(client_id, terms.currency, as_of);
  if live >= terms.threshold_minor then
    return null;
  end if;
  amount := coalesce(terms.amount_minor, terms.target_minor - live);
  if _billing.recharged_in_month(client_id, as_of) + amount > terms.monthly_cap_minor then
    perform _billing.tell_of_cap(client_id, 100, as_of);
    return null;
  end if;
  insert into public.top_ups (client_id, origin, currency, amount_minor, expires_after_days,
    balance_minor, threshold_minor, requested_at)
  values (terms.client_id, 'low_balance', terms.currency, amount, terms.expires_after_days, live,
    terms.threshold_minor, as_of)
  on conflict do nothing
  returning id into made;
  return made;
end $$;
comment on function billing.want_recharge is
  'Notes a recharge where a client''s live balance is below its threshold; null where none is due.';
grant execute on function billing.want_recharge(uuid, timestamptz) to service_role;

-- Invoices the recharge of a client that is wanted. One that is no longer due is void: recharges
-- are paused meanwhile, or the balance is not low any more. A failure is reported and tried again.
create function billing.invoice_recharge(client_id uuid, as_of timestamptz default now())
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  wanted public.top_ups;
  terms public.auto_recharges;
  made uuid;
begin
  perform _billing.lock_clients(array[invoice_recharge.client_id]);
  select * into wanted from public.top_ups t
  where t.client_id = invoice_recharge.client_id and t.origin = 'low_balance'
    and t.state = 'wanted';
  if wanted.id is null then
    return null;
  end if;
  begin
    terms := _billing.recharge_terms(client_id, as_of);
    if terms.client_id is null or terms.currency <> wanted.currency or _billing.recharge_balance(
      client_id, terms.currency, as_of) >= terms.threshold_minor then
      update public.top_ups t set state = 'void', problem = 'it was no longer due'
      where t.id = wanted.id;
      return null;
    end if;
    made := _billing.invoice_top_up(wanted.id, as_of);
  exception when others then
    -- Clients read it: what went wrong is for operators.
    update public.top_ups t set problem = 'it could not be invoiced' where t.id = wanted.id;
    perform billing.queue_operator_alert('recharge:' || wanted.id, 'high',
      'A recharge cannot be invoiced', format('The credit of %s is low and cannot be recharged: %s',
        c.name, sqlerrm), c.id)
    from public.clients c where c.id = invoice_recharge.client_id;
  end;
  return made;
end $$;
comment on function billing.invoice_recharge is
  'Issues the invoice of a client''s recharge that is wanted and still due; null where there is
   none.';
grant execute on function billing.invoice_recharge(uuid, timestamptz) to service_role;

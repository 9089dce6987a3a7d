-- Drafts: one per client and period that is over, remade as often as one likes until finalized.

-- Rates targets once for all that a run or a draft asks of their rating: the lines stand in
-- pg_temp.draft_lines. A table, not an array: it has no limit in size, and the planner sees how
-- large it is. Returns what was found.
create function billing.rate_drafts(targets billing.rating_target[])
returns billing.rating_finding[] language plpgsql
set search_path = '' set client_min_messages = warning as $$
begin
  -- Dropped first: a table that a caller made beforehand could bring triggers along.
  drop table if exists pg_temp.draft_lines;
  create temporary table draft_lines of billing.rated_line on commit drop;
  insert into pg_temp.draft_lines select * from billing.rate_periods(targets, true);
  return array(
    select (l.client_id, l.section_start, l.model, l.metric, l.quantity, null, null, null)
      ::billing.rating_finding
    from pg_temp.draft_lines l where l.kind = 'unpriced'
    union all
    select (l.client_id, l.section_start, null, null, null,
      sum(l.amount_minor) filter (where l.tax_behavior is null or l.tax_behavior = 'exclusive'),
      sum(abs(l.amount_minor)), bool_or(l.kind = 'one_off'))::billing.rating_finding
    from pg_temp.draft_lines l where l.kind <> 'unpriced'
    group by l.client_id, l.section_start);
end $$;
comment on function billing.rate_drafts is
  'Rates targets into pg_temp.draft_lines, for make_drafts; returns what may block them.';

-- Writes the drafts of the targets that are due and puts late lines of earlier periods on the
-- newest of them in the same currency, where a preview shows them; where there will be none,
-- because the client has ended or changed its currency, late usage gets an invoice of its own. A
-- due period for which more is booked (late lines elsewhere, its own invoice void) than it is rated
-- at, or that is rated below zero, is left to credit_overcharges. Targets are rated by rate_drafts
-- and not blocked. Returns the drafts; their documents are written by the caller, which knows
-- whether they are issued at once.
create function billing.make_drafts(due billing.rating_target[], late billing.rating_target[])
returns uuid[] language plpgsql
set search_path = '' set client_min_messages = warning as $$
declare
  settled constant billing.rating_target[] := array(
    select t from billing.settled_targets(due || late) t);
  drafted uuid[];
begin
  perform billing.keep_deltas(due || late, settled);
  perform billing.find_homes(due, late, settled);
  drafted := billing.write_draft_headers(due || late);
  insert into public.invoice_lines (invoice_id, position, kind, section_start, section_end,
    rating_key, is_late, model, metric, agent, price_id, service_start, service_end, quantity,
    unit_amount, per_units, pricing_model, tiers, precise_amount, amount_minor, tax_name,
    tax_rate_percent, tax_behavior, tax_base_minor, tax_note, description, detail)
  select s.invoice_id, row_number() over (partition by s.invoice_id order by
      array_position('{usage,minimum,one_off,discount,tax}', x.kind),
      s.is_late, x.section_start, x.model is null, x.detail,
      array_position('{input_tokens,output_tokens}', x.metric), x.metric,
      x.service_start, x.agent, x.rating_key),
    x.kind, x.section_start, x.section_end, x.rating_key, s.is_late, x.model, x.metric, x.agent,
    x.price_id, x.service_start, x.service_end, x.quantity, x.unit_amount, x.per_units,
    x.pricing_model, x.tiers, x.precise_amount, x.amount_minor, x.tax_name, x.tax_rate_percent,
    x.tax_behavior, x.tax_base_minor, x.tax_note, x.description, x.detail
  from pg_temp.draft_lines x
  join pg_temp.draft_sections s
    on s.client_id = x.client_id and s.section_start = x.section_start
  where s.invoice_id is not null;
  return drafted;
end $$;
comment on function billing.make_drafts is
  'Makes or remakes the drafts of rated periods, with late usage of earlier ones.';

create function billing.draft_invoices(
  due billing.rating_target[], late billing.rating_target[]
) returns uuid[] language plpgsql set search_path = '' as $$
declare
  drafted uuid[];
begin
  perform billing.rate_drafts(due || late);
  drafted := billing.make_drafts(due, late);
  perform billing.write_documents(drafted);
  return drafted;
end $$;
comment on function billing.draft_invoices is
  'Rates due periods and makes or remakes their drafts, documents included.';

-- Leaves in draft_lines what is still to be charged: for settled targets the difference to what is
-- booked, for the others all that they are rated at.
create function billing.keep_deltas(targets billing.rating_target[],
  settled billing.rating_target[])
returns void language plpgsql set search_path = '' as $$
declare
  rating constant billing.rated_line[] := array(
    select l::billing.rated_line from pg_temp.draft_lines l
    where l.kind <> 'unpriced' and (l.client_id, l.section_start) in (
      select t.client_id, t.period_start from unnest(settled) t));
begin
  delete from pg_temp.draft_lines l
  where l.kind = 'unpriced'
    or (l.client_id, l.section_start) not in (
      select t.client_id, t.period_start from unnest(targets) t)
    or (l.client_id, l.section_start) in (
      select t.client_id, t.period_start from unnest(settled) t);
  insert into pg_temp.draft_lines
  select (d.line).* from billing.deltas_of(settled, rating) d;
end $$;

-- Where the lines of each section go: its own draft, or for late ones that of the newest due period
-- after it. A section that is not there is not charged now: it waits for a later period's invoice.
create function billing.find_homes(due billing.rating_target[], late billing.rating_target[],
  settled billing.rating_target[])
returns void language plpgsql
set search_path = '' set client_min_messages = warning as $$
begin
  drop table if exists pg_temp.draft_sections;
  create temporary table draft_sections (client_id uuid, section_start date, section_end date,
    is_late boolean, currency text, payment_terms_days smallint, deliveries text[],
    home_start date, invoice_id uuid) on commit drop;
  with nets as materialized (
    select l.client_id, l.section_start, sum(l.amount_minor) filter (
      where l.tax_behavior is null or l.tax_behavior = 'exclusive') as net_minor
    from pg_temp.draft_lines l
    group by l.client_id, l.section_start
  ), homes as materialized (
    select t.* from billing.period_terms(due) t
  ), late_homes as (
    select t.*, h.home_start, h.home_start is not null or h.moved_on
      or billing.has_ended(t.client_id) as is_charged
    from billing.period_terms(late) t
    left join lateral (
      select max(o.period_start) filter (where o.currency = t.currency) as home_start,
        count(*) > 0 as moved_on
      from homes o where o.client_id = t.client_id and o.period_start > t.period_start
    ) h on true
  )
  insert into pg_temp.draft_sections
  select h.client_id, h.period_start, h.period_end, false, h.currency, h.payment_terms_days,
    h.deliveries, h.period_start, null::uuid
  from homes h left join nets n on n.client_id = h.client_id and n.section_start = h.period_start
  where coalesce(n.net_minor, 0) >= 0
  union all
  select h.client_id, h.period_start, h.period_end, true, h.currency, h.payment_terms_days,
    h.deliveries, h.home_start, null::uuid
  from late_homes h
  join nets n on n.client_id = h.client_id and n.section_start = h.period_start
  where h.is_charged and coalesce(n.net_minor, 0) >= 0;
end $$;

-- True when no period of the client is still to come: it has ended, or is in a gap.
create function billing.has_ended(client_id uuid) returns boolean language sql stable
begin atomic
  select not exists (select from public.service_intervals s
      where s.client_id = c.id and s.ends_on > billing.day_of(c.id, billing.as_of()))
    and not exists (select from public.billing_periods p
      where p.client_id = c.id and p.state in ('pending', 'blocked'))
  from public.clients c where c.id = has_ended.client_id;
end;
comment on function billing.has_ended is
  'Whether a client''s service is over and every period of it settled.';

-- One draft with its totals, without lines yet, per (client, home period), and one per client and
-- currency for late usage that has no home. Drafts of targets that have lines again are emptied and
-- kept, those of targets without lines go, and so do those of zero: nothing to pay, no invoice.
create function billing.write_draft_headers(targets billing.rating_target[])
returns uuid[] language plpgsql set search_path = '' as $$
declare
  drafted uuid[];
begin
  perform billing.empty_drafts(targets);
  with homes as materialized (
    select s.client_id, s.home_start, s.currency, max(s.section_start) as terms_start,
      coalesce(sum(x.amount_minor) filter (where x.kind in ('usage', 'minimum', 'one_off')), 0)
        as subtotal,
      coalesce(sum(x.amount_minor) filter (where x.kind = 'discount'), 0) as discount,
      coalesce(sum(x.amount_minor) filter (where x.tax_behavior = 'exclusive'), 0) as tax,
      coalesce(sum(x.amount_minor) filter (where x.tax_behavior = 'inclusive'), 0)
        as tax_included,
      bool_or(x.kind in ('usage', 'minimum')) as has_charges
    from pg_temp.draft_lines x
    join pg_temp.draft_sections s
      on s.client_id = x.client_id and s.section_start = x.section_start
    group by s.client_id, s.home_start, s.currency
  ), spent as materialized (
    -- An allowance that met usage is spent; items that only cancel each other wait for an invoice
    -- to stand on.
    select billing.item_of(x.rating_key) as id, x.section_start
    from homes h
    join pg_temp.draft_sections s on s.client_id = h.client_id and s.currency = h.currency
      and s.home_start is not distinct from h.home_start
    join pg_temp.draft_lines x on x.client_id = s.client_id and x.section_start = s.section_start
    where h.subtotal + h.discount + h.tax = 0 and h.has_charges and x.kind = 'one_off'
      and billing.item_of(x.rating_key) is not null
  ), settled as (
    update public.invoice_items t
    set section_start = (select s.section_start from spent s where s.id = t.id)
    where t.id = any (array(select s.id from spent s))
  ), named as (
    -- Of a client's period: the first, or the one that follows the last that was voided. Of late
    -- usage: the first, second, ... of its currency.
    select h.*, case when h.home_start is not null then s.section_end end as home_end,
      s.payment_terms_days, s.deliveries, v.id as replaces_id, case when h.home_start is not null
        then billing.named_id('period', h.client_id::text, h.home_start::text, v.id::text)
        else billing.named_id('late', h.client_id::text, h.currency, (
          select count(*)::text from public.invoices o where o.client_id = h.client_id
            and o.kind = 'late' and o.currency = h.currency and o.status <> 'draft')) end as id
    from homes h
    join pg_temp.draft_sections s on s.client_id = h.client_id
      and s.section_start = coalesce(h.home_start, h.terms_start)
    left join lateral (
      select v.id from public.invoices v
      where v.client_id = h.client_id and v.period_start = h.home_start and v.status = 'void'
      order by v.finalized_at desc, v.number desc limit 1
    ) v on true
    where h.subtotal + h.discount + h.tax <> 0
  ), written as (
    insert into public.invoices as i (id, client_id, kind, period_start, period_end, currency,
      payment_terms_days, deliveries, replaces_id, subtotal_minor, discount_minor, tax_minor,
      tax_included_minor, total_minor)
    select n.id, n.client_id, case when n.home_start is null then 'late' else 'period' end,
      n.home_start, n.home_end, n.currency, n.payment_terms_days, n.deliveries, n.replaces_id,
      n.subtotal, -n.discount, n.tax, n.tax_included, n.subtotal + n.discount + n.tax
    from named n
    on conflict (client_id, period_start) where kind = 'period' and status <> 'void'
    do update set period_end = excluded.period_end, currency = excluded.currency,
      payment_terms_days = excluded.payment_terms_days, deliveries = excluded.deliveries,
      subtotal_minor = excluded.subtotal_minor, discount_minor = excluded.discount_minor,
      tax_minor = excluded.tax_minor, tax_included_minor = excluded.tax_included_minor,
      total_minor = excluded.total_minor
    where i.status = 'draft'
    returning i.id, i.client_id, i.period_start, i.currency
  ), attached as (
    update pg_temp.draft_sections s set invoice_id = w.id from written w
    where w.client_id = s.client_id
      and w.period_start is not distinct from s.home_start and w.currency = s.currency
  )
  select coalesce(array_agg(w.id), '{}') into drafted from written w;
  delete from public.invoices i
  where i.status = 'draft' and i.kind = 'period' and i.id <> all (drafted)
    and (i.client_id, i.period_start) in (
      select t.client_id, t.period_start from unnest(targets) t);
  return drafted;
end $$;

-- Those of targets in draft_lines that are rated below what is booked for them.
create function billing.overcharged_targets(targets billing.rating_target[])
returns billing.rating_target[] language plpgsql stable set search_path = '' as $$
begin
  return array(
    select t from unnest(targets) t
    where (t.client_id, t.period_start) in (
      select l.client_id, l.section_start from pg_temp.draft_lines l
      where l.tax_behavior is null or l.tax_behavior = 'exclusive'
      group by l.client_id, l.section_start having sum(l.amount_minor) < 0));
end $$;
comment on function billing.overcharged_targets is
  'Targets of make_drafts that are owed money; nobody else need be rated once more to find them.';

-- Takes the lines off the drafts of targets that there are, and late invoices not issued yet away.
create function billing.empty_drafts(targets billing.rating_target[])
returns void language plpgsql set search_path = '' as $$
declare
  emptied constant uuid[] := array(
    select i.id from public.invoices i where i.status = 'draft' and (
      (i.kind = 'period' and (i.client_id, i.period_start) in (
        select t.client_id, t.period_start from unnest(targets) t))
      or (i.kind = 'late' and i.client_id in (select t.client_id from unnest(targets) t))));
begin
  if emptied <> '{}' then
    delete from public.invoice_lines l where l.invoice_id = any (emptied);
    delete from public.invoices i where i.id = any (emptied) and i.kind = 'late';
  end if;
end $$;

create function billing.write_totals(invoice_ids uuid[])
returns void language sql set search_path = '' as $$
  update public.invoices i set subtotal_minor = s.subtotal, discount_minor = -s.discount,
    tax_minor = s.tax, tax_included_minor = s.tax_included,
    total_minor = s.subtotal + s.discount + s.tax
  from (
    select l.invoice_id,
      coalesce(sum(l.amount_minor) filter (where l.kind in ('usage', 'minimum', 'one_off')), 0)
        as subtotal,
      coalesce(sum(l.amount_minor) filter (where l.kind = 'discount'), 0) as discount,
      coalesce(sum(l.amount_minor) filter (where l.tax_behavior = 'exclusive'), 0) as tax,
      coalesce(sum(l.amount_minor) filter (where l.tax_behavior = 'inclusive'), 0)
        as tax_included
    from public.invoice_lines l where l.invoice_id = any (invoice_ids)
    group by l.invoice_id
  ) s
  where i.id = s.invoice_id;
$$;
comment on function billing.write_totals is 'Totals of drafts: sums of their rounded lines.';

revoke all on all functions in schema billing from public;

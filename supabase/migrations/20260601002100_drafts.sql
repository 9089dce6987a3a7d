-- Drafts: one per client and period that is over, remade as often as one likes until finalized.

-- Why targets cannot be billed now. Each is visible with its reason and stops nobody else.
create function billing.blocked_targets(targets billing.rating_target[])
returns table (client_id uuid, period_start date, reason text, message text)
language sql stable set search_path = '' as $$
  select t.client_id, t.period_start, 'client_paused', format('%s is paused', c.name)
  from unnest(targets) t join public.clients c on c.id = t.client_id
  where c.status = 'paused'
  union all
  select u.client_id, u.period_start, 'unpriced_usage', format(
    'no price for %s in %s: %s', string_agg(format('%s of model %s (%s units)',
      u.metric, u.model, trim_scale(u.quantity)), '; ' order by u.model, u.metric),
    billing.period_label(u.period_start, t.period_end),
    'add it to prices and run again')
  from billing.unpriced_usage(targets) u
  join unnest(targets) t using (client_id, period_start)
  group by u.client_id, u.period_start, t.period_end
  union all
  select t.client_id, t.period_start, 'currency_mismatch',
    format('invoice item %L is in %s, the client is billed in %s', i.description, i.currency,
      t.currency)
  from billing.period_terms(targets) t
  join billing.items_of_targets(targets) p on p.period_start = t.period_start
  join public.invoice_items i on i.id = p.item_id and i.client_id = t.client_id
  where i.currency <> t.currency
  union all
  select t.client_id, t.period_start, 'no_config', format(
    'no default billing_config holds on the last day of %s: add one and run again',
    billing.period_label(t.period_start, t.period_end))
  from unnest(targets) t
  where not exists (select from billing.period_terms(targets) g
    where g.client_id = t.client_id and g.period_start = t.period_start)
  union all
  select r.client_id, r.section_start,
    case when r.total < 0 then 'negative_total' else 'amount_out_of_range' end,
    format('the period adds up to %s minor units', r.total)
  from (
    select l.client_id, l.section_start, sum(abs(l.amount_minor)) as largest,
      sum(l.amount_minor) filter (
        where l.tax_behavior is null or l.tax_behavior = 'exclusive') as total
    from billing.rate_periods(targets) l group by l.client_id, l.section_start
  ) r
  -- The limit keeps every sum within what JSON readers hold exactly (2^53).
  where r.total < 0 or r.largest > 9e14;
$$;
comment on function billing.blocked_targets is 'Targets that cannot be billed, with the reason.';

-- Writes the drafts of the targets that are due and puts late lines of earlier periods on the
-- newest of them in the same currency, where a preview shows them; where there will be none,
-- because the client has ended or changed its currency, late usage gets an invoice of its own. A
-- due period for which more is booked (late lines elsewhere, its own invoice void) than it is rated
-- at is left to credit_overcharges. Targets are not blocked. Returns the drafts.
create function billing.draft_invoices(
  due billing.rating_target[], late billing.rating_target[]
) returns uuid[] language plpgsql set search_path = '' set client_min_messages = warning as $$
declare
  drafted uuid[];
begin
  -- Dropped first: a table that a caller made beforehand could bring triggers along.
  drop table if exists pg_temp.draft_lines;
  create temporary table draft_lines (
    invoice_id uuid, home_start date, currency text, line billing.rated_line, is_late boolean)
    on commit drop;
  insert into pg_temp.draft_lines
  select null, (d.line).section_start, t.currency, d.line, false
  from billing.section_deltas(due) d
  join billing.period_terms(due) t
    on t.client_id = (d.line).client_id and t.period_start = (d.line).section_start;
  delete from pg_temp.draft_lines x using (
    select (o.line).client_id, (o.line).section_start from pg_temp.draft_lines o
    where (o.line).tax_behavior is null or (o.line).tax_behavior = 'exclusive'
    group by 1, 2 having sum((o.line).amount_minor) < 0) over
  where (x.line).client_id = over.client_id and (x.line).section_start = over.section_start;
  with homes as materialized (
    select t.client_id, t.period_start, t.currency from billing.period_terms(due) t
  )
  insert into pg_temp.draft_lines
  select null, h.home_start, t.currency, d.line, true
  from billing.late_sections(late) s
  join billing.period_terms(late) t
    on t.client_id = s.client_id and t.period_start = s.section_start
  join billing.section_deltas(late) d
    on (d.line).client_id = s.client_id and (d.line).section_start = s.section_start
  left join lateral (
    select max(o.period_start) filter (where o.currency = t.currency) as home_start,
      count(*) > 0 as moved_on
    from homes o where o.client_id = s.client_id
  ) h on true
  where s.net_minor >= 0
    and (h.home_start is not null or h.moved_on or billing.has_ended(s.client_id));
  drafted := billing.write_draft_headers(due || late);
  insert into public.invoice_lines (invoice_id, position, kind, section_start, section_end,
    rating_key, is_late, model, metric, agent, price_id, service_start, service_end, quantity,
    unit_amount, per_units, pricing_model, tiers, precise_amount, amount_minor, tax_name,
    tax_rate_percent, tax_behavior, tax_base_minor, tax_note, description, detail)
  select x.invoice_id, row_number() over (partition by x.invoice_id order by
      array_position('{usage,minimum,one_off,discount,tax}', (x.line).kind),
      x.is_late, (x.line).section_start, (x.line).model is null, (x.line).detail,
      array_position('{input_tokens,output_tokens}', (x.line).metric), (x.line).metric,
      (x.line).service_start, (x.line).agent, (x.line).rating_key),
    (x.line).kind, (x.line).section_start, (x.line).section_end, (x.line).rating_key, x.is_late,
    (x.line).model, (x.line).metric, (x.line).agent, (x.line).price_id, (x.line).service_start,
    (x.line).service_end, (x.line).quantity, (x.line).unit_amount, (x.line).per_units,
    (x.line).pricing_model, (x.line).tiers, (x.line).precise_amount, (x.line).amount_minor,
    (x.line).tax_name, (x.line).tax_rate_percent, (x.line).tax_behavior,
    (x.line).tax_base_minor, (x.line).tax_note, (x.line).description, (x.line).detail
  from pg_temp.draft_lines x where x.invoice_id = any (drafted);
  perform billing.write_totals(drafted);
  drafted := billing.drop_zero_drafts(drafted);
  perform billing.write_documents(drafted);
  return drafted;
end $$;
comment on function billing.draft_invoices is
  'Makes or remakes the drafts of due periods, with late usage of earlier ones.';

-- True when no period of the client is still to come.
create function billing.has_ended(client_id uuid) returns boolean language sql stable
begin atomic
  select c.ended_on is not null and c.ended_on <= billing.day_of(c.id, billing.as_of())
    and not exists (select from public.billing_periods p
      where p.client_id = c.id and p.state in ('pending', 'blocked'))
  from public.clients c where c.id = has_ended.client_id;
end;
comment on function billing.has_ended is
  'Whether a client''s service is over and every period of it settled.';

-- One empty draft per (client, home period) in draft_lines, and one per client and currency for
-- late usage that has no home. Drafts of targets that have lines again are emptied and kept, those
-- of targets without lines go.
create function billing.write_draft_headers(targets billing.rating_target[])
returns uuid[] language plpgsql set search_path = '' as $$
declare
  drafted uuid[];
begin
  delete from public.invoice_lines l using public.invoices i
  where i.id = l.invoice_id and i.status = 'draft' and (
    (i.kind = 'period' and (i.client_id, i.period_start) in (
      select t.client_id, t.period_start from unnest(targets) t))
    or (i.kind = 'late' and i.client_id in (select t.client_id from unnest(targets) t)));
  delete from public.invoices i
  where i.status = 'draft' and i.kind = 'late'
    and i.client_id in (select t.client_id from unnest(targets) t);
  with homes as (
    select (x.line).client_id as client_id, x.home_start, x.currency,
      max((x.line).section_start) as terms_start
    from pg_temp.draft_lines x group by 1, 2, 3
  ), terms as (
    select h.client_id, h.home_start, h.currency, g.payment_terms_days, g.deliveries,
      case when h.home_start is not null then g.period_end end as home_end
    from homes h
    join billing.period_terms(targets) g
      on g.client_id = h.client_id and g.period_start = coalesce(h.home_start, h.terms_start)
  ), named as (
    -- Of a client's period: the first, or the one that follows the last that was voided. Of late
    -- usage: the first, second, ... of its currency.
    select t.*, v.id as replaces_id, case when t.home_start is not null
        then billing.named_id('period', t.client_id::text, t.home_start::text, v.id::text)
        else billing.named_id('late', t.client_id::text, t.currency, (
          select count(*)::text from public.invoices o where o.client_id = t.client_id
            and o.kind = 'late' and o.currency = t.currency and o.status <> 'draft')) end as id
    from terms t
    left join lateral (
      select v.id from public.invoices v
      where v.client_id = t.client_id and v.period_start = t.home_start and v.status = 'void'
      order by v.finalized_at desc, v.number desc limit 1
    ) v on true
  ), written as (
    insert into public.invoices as i (id, client_id, kind, period_start, period_end, currency,
      payment_terms_days, deliveries, replaces_id)
    select t.id, t.client_id, case when t.home_start is null then 'late' else 'period' end,
      t.home_start, t.home_end, t.currency, t.payment_terms_days, t.deliveries, t.replaces_id
    from named t
    on conflict (client_id, period_start) where kind = 'period' and status <> 'void'
    do update set period_end = excluded.period_end, currency = excluded.currency,
      payment_terms_days = excluded.payment_terms_days, deliveries = excluded.deliveries
    where i.status = 'draft'
    returning i.id, i.client_id, i.period_start, i.currency
  ), attached as (
    update pg_temp.draft_lines x set invoice_id = w.id from written w
    where w.client_id = (x.line).client_id
      and w.period_start is not distinct from x.home_start and w.currency = x.currency
    returning w.id
  )
  select coalesce(array_agg(distinct a.id), '{}') into drafted from attached a;
  delete from public.invoices i
  where i.status = 'draft' and i.kind = 'period' and i.id <> all (drafted)
    and (i.client_id, i.period_start) in (
      select t.client_id, t.period_start from unnest(targets) t);
  return drafted;
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

-- Zero invoices are skipped. An allowance that met usage is spent; items that only cancel each
-- other wait for an invoice to stand on.
create function billing.drop_zero_drafts(invoice_ids uuid[])
returns uuid[] language sql set search_path = '' as $$
  with settled as (
    update public.invoice_items t set section_start = l.section_start
    from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
    where i.id = any (invoice_ids) and i.status = 'draft' and i.total_minor = 0
      and l.kind = 'one_off' and l.rating_key = 'item|' || t.id
      and exists (select from public.invoice_lines u where u.invoice_id = i.id
        and u.kind in ('usage', 'minimum'))
  ), dropped as (
    delete from public.invoices i
    where i.id = any (invoice_ids) and i.status = 'draft' and i.total_minor = 0
    returning i.id
  )
  select coalesce(array_agg(x), '{}') from unnest(invoice_ids) x
  where x not in (select id from dropped);
$$;

revoke all on all functions in schema billing from public;

-- Takes the lines off the drafts of targets that there are, and late invoices not issued yet away.
-- Periods that are no targets, because something blocks them, lose lines that nothing makes anew
-- now: they are marked for the run that comes after.
create function _billing.empty_drafts(targets billing.rating_target[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  emptied constant uuid[] := array(
    select i.id from public.invoices i where i.status = 'draft' and (
      (i.kind = 'period' and (i.client_id, i.period_start) in (
        select t.client_id, t.period_start from unnest(targets) t))
      or (i.kind = 'late' and i.client_id in (select t.client_id from unnest(targets) t))));
begin
  if emptied <> '{}' then
    -- Locked by close_periods (with_drafted_sections).
    update public.billing_periods p set usage_version = p.usage_version + 1
    where p.state <> 'voided' and (p.client_id, p.period_start) in (
        select i.client_id, l.section_start
        from public.invoices i join public.invoice_lines l on l.invoice_id = i.id
        where i.id = any (emptied))
      and not exists (select from unnest(targets) t
        where t.client_id = p.client_id and t.period_start = p.period_start);
    delete from public.invoice_lines l where l.invoice_id = any (emptied);
    delete from public.invoices i where i.id = any (emptied) and i.kind = 'late';
  end if;
end $$;

-- What the lines of drafts come to, per home period and currency.
create function _billing.draft_sums()
returns table (client_id uuid, home_start date, currency text, terms_start date, subtotal numeric,
  discount numeric, tax numeric, tax_included numeric, has_charges boolean,
  has_credit boolean)
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
  select s.client_id, s.home_start, s.currency, max(s.section_start),
    coalesce(sum(x.amount_minor) filter (where x.kind in ('usage', 'minimum', 'one_off')), 0),
    coalesce(sum(x.amount_minor) filter (where x.kind in ('discount', 'promotional_credit')), 0),
    coalesce(sum(x.amount_minor) filter (where x.tax_behavior = 'exclusive'), 0),
    coalesce(sum(x.amount_minor) filter (where x.tax_behavior = 'inclusive'), 0),
    bool_or(x.kind in ('usage', 'minimum')), bool_or(x.kind = 'promotional_credit')
  from pg_temp.draft_lines x
  join pg_temp.draft_sections s
    on s.client_id = x.client_id and s.section_start = x.section_start
  group by s.client_id, s.home_start, s.currency;
end $$;
comment on function _billing.draft_sums is 'Totals of the lines that are being drafted.';

-- One draft with its totals, without lines yet, per (client, home period), and one per client and
-- currency for late usage without a later period. Drafts of targets that have lines again are
-- emptied and kept, those of targets without lines go, and so do those of zero: nothing to pay, no
-- invoice. Where promotional credit is used there is one, also of zero: it says what was used.
create function _billing.write_draft_headers(targets billing.rating_target[])
returns uuid[] language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  drafted uuid[];
begin
  perform _billing.empty_drafts(targets);
  with homes as materialized (
    select * from _billing.draft_sums()
  ), spent as materialized (
    -- An allowance that met usage is spent; items that only cancel each other wait for an invoice
    -- to stand on.
    select _billing.item_of(x.rating_key) as id, x.section_start
    from homes h
    join pg_temp.draft_sections s on s.client_id = h.client_id and s.currency = h.currency
      and s.home_start is not distinct from h.home_start
    join pg_temp.draft_lines x on x.client_id = s.client_id and x.section_start = s.section_start
    where h.subtotal + h.discount + h.tax = 0 and h.has_charges and not h.has_credit
      and x.kind = 'one_off'
      and _billing.item_of(x.rating_key) is not null
  ), settled as (
    update public.invoice_items t
    set section_start = (select s.section_start from spent s where s.id = t.id)
    where t.id = any (array(select s.id from spent s))
  ), named as (
    -- Of a client's period: the first, or the one that follows the last that was voided. Of late
    -- usage: the first, second, ... of its currency.
    select h.*, case when h.home_start is not null then s.section_end end as home_end,
      s.payment_terms_days, s.deliveries, v.id as replaces_id, case when h.home_start is not null
        then _billing.named_id('period', h.client_id::text, h.home_start::text, v.id::text)
        else _billing.named_id('late', h.client_id::text, h.currency, (
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
    where h.subtotal + h.discount + h.tax <> 0 or h.has_credit
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

create function _billing.write_totals(invoice_ids uuid[])
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.invoices i set subtotal_minor = s.subtotal, discount_minor = -s.discount,
    tax_minor = s.tax, tax_included_minor = s.tax_included,
    total_minor = s.subtotal + s.discount + s.tax
  from (
    select l.invoice_id,
      coalesce(sum(l.amount_minor) filter (
        where l.kind in ('usage', 'minimum', 'one_off', 'top_up')), 0) as subtotal,
      coalesce(sum(l.amount_minor) filter (
        where l.kind in ('discount', 'promotional_credit')), 0) as discount,
      coalesce(sum(l.amount_minor) filter (where l.tax_behavior = 'exclusive'), 0) as tax,
      coalesce(sum(l.amount_minor) filter (where l.tax_behavior = 'inclusive'), 0)
        as tax_included
    from public.invoice_lines l where l.invoice_id = any (invoice_ids)
    group by l.invoice_id
  ) s
  where i.id = s.invoice_id;
$$;
comment on function _billing.write_totals is 'Totals of drafts: sums of their rounded lines.';

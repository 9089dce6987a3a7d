-- Of invoices, by themselves and by their lines.
create function _billing.check_invoices()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'total_is_sum_of_lines', coalesce(i.number, i.id::text),
    format('total %s, lines %s', i.total_minor, s.total)
  from public.invoices i
  cross join lateral (
    select coalesce(sum(l.amount_minor) filter (
      where l.tax_behavior is null or l.tax_behavior = 'exclusive'), 0) as total
    from public.invoice_lines l where l.invoice_id = i.id
  ) s
  where s.total <> i.total_minor
  union all
  select 'document_says_the_total', i.number, format('total %s, document %s', i.total_minor,
    i.document #>> '{totals,total_minor}')
  from public.invoices i
  where i.status <> 'draft' and (i.document #>> '{totals,total_minor}', i.document ->> 'number')
    is distinct from (i.total_minor::text, i.number)
  union all
  select 'paid_means_nothing_due', i.number, format('%s, due %s', i.status, i.amount_due_minor)
  from public.invoices i
  where i.status = 'paid' and i.amount_due_minor > 0
    or i.status = 'open' and i.amount_due_minor <= 0
  union all
  -- By the record of the moment: what came before and after it cannot be told from its amount.
  select 'write_off_is_what_was_due', i.number, format('written off %s, recorded %s',
    i.written_off_minor, a.recorded)
  from public.invoices i
  left join lateral (
    select a.after ->> 'written_off_minor' as recorded from billing.audit_log a
    where a.table_name = 'invoices' and a.row_id = i.id::text and a.after ? 'uncollectible_at'
    order by a.id desc limit 1
  ) a on true
  where i.uncollectible_at is not null
    and i.written_off_minor::text is distinct from coalesce(a.recorded, '0')
  union all
  select 'late_lines_have_a_period', coalesce(i.number, i.id::text), format('section %s',
    l.section_start)
  from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
  where l.section_start is not null and not exists (
    select from public.billing_periods p
    where p.client_id = i.client_id and p.period_start = l.section_start)
  union all
  select 'delivered_or_queued', i.number, format('no delivery of kind %s', k.kind)
  from public.invoices i cross join unnest(i.deliveries) k(kind)
  where i.status <> 'draft' and not exists (
    select from public.deliveries d
    where d.invoice_id = i.id and d.kind = k.kind and d.event = 'invoice_issued');
$$;
comment on function _billing.check_invoices is
  'Invoices that contradict their lines, documents, periods, deliveries or what was recorded.';

-- Numbers of a series and year run from 1, or from the last one of an earlier system, to the
-- counter, each once.
create function _billing.check_numbers()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with given as (
    select m[1] as series, m[2]::integer as year, m[3]::integer as number
    from public.invoices i
    cross join lateral regexp_match(i.number, '^(.*)-(\d{4})-(\d{6,})$') m
    where i.number is not null
  )
  select 'numbers_are_gapless', format('%s-%s', c.series, c.year),
    format('%s given, the counter says %s', count(g.number), c.last_number - c.earlier_numbers)
  from _billing.invoice_counters c left join given g using (series, year)
  group by c.series, c.year, c.last_number, c.earlier_numbers
  having count(g.number) <> c.last_number - c.earlier_numbers
    or count(distinct g.number) <> c.last_number - c.earlier_numbers
    or max(g.number) <> c.last_number or min(g.number) <= c.earlier_numbers
  union all
  select 'numbers_are_counted', g.series || '-' || g.year, 'no counter'
  from given g
  where not exists (select from _billing.invoice_counters c
    where c.series = g.series and c.year = g.year)
  group by g.series, g.year;
$$;
comment on function _billing.check_numbers is 'Series of invoice numbers with gaps or doubles.';

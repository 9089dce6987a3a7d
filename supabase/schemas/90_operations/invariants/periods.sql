-- Settled periods that are rated otherwise than they are booked, drafts included. More than the
-- rating may stay booked where notes by hand have left no invoice with room to credit it on.
create function _billing.misbooked_sections()
returns table (client_id uuid, section_start date, net_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with section as materialized (
    select s.client_id, s.section_start, s.net_minor - coalesce((
      select sum(l.amount_minor)
      from public.invoices d
      join public.invoice_lines l on l.invoice_id = d.id and l.section_start = s.section_start
      where d.client_id = s.client_id and d.status = 'draft'
        and (l.tax_behavior is null or l.tax_behavior = 'exclusive')), 0) as net_minor
    from _billing.late_sections(array(
      select (p.client_id, p.period_start, p.period_end)::billing.rating_target
      from public.billing_periods p
      where p.state in ('invoiced', 'skipped') and not p.usage_changed)) s
  )
  select s.* from section s
  where s.net_minor > 0 or s.net_minor < 0 and exists (
    select from public.billing_periods p
    cross join lateral _billing.creditable_invoices(
      (p.client_id, p.period_start, p.period_end)::billing.rating_target) c
    where p.client_id = s.client_id and p.period_start = s.section_start and c.room > 0);
$$;
comment on function _billing.misbooked_sections is
  'Settled periods for which more or less is booked than they are rated at, and by how much.';

-- Of periods: a client's follow each other, none is missing where there was service, and each says
-- what became of it.
create function _billing.check_periods()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'periods_follow_each_other', p.client_id::text, format('%s ends on %s, the next begins %s',
    p.period_start, p.period_end, p.next_start)
  from (
    select x.*, lead(x.period_start) over (
      partition by x.client_id order by x.period_start) as next_start
    from public.billing_periods x
  ) p
  where p.next_start < p.period_end
  union all
  -- Before the first period or between two. Days that came into service after the last run wait for
  -- the next.
  select 'service_lies_in_periods', s.client_id::text, format('no period has all of %s to %s',
    s.starts_on, least(s.ends_on, l.last_end) - 1)
  from public.service_intervals s
  cross join lateral (
    select max(p.period_end) as last_end,
      sum(least(p.period_end, s.ends_on) - greatest(p.period_start, s.starts_on)) filter (
        where p.period_start < s.ends_on and p.period_end > s.starts_on) as days
    from public.billing_periods p where p.client_id = s.client_id
  ) l
  where s.starts_on < l.last_end
    and coalesce(l.days, 0) < least(s.ends_on, l.last_end) - s.starts_on
    and s.changed_at < (select max(r.started_at) from billing.monthly_runs r)
  union all
  select 'invoiced_means_an_invoice', p.client_id::text, format('%s is %s', p.period_start, p.state)
  from public.billing_periods p
  where (p.state = 'invoiced') <> exists (
      select from public.invoices i where i.client_id = p.client_id and i.kind = 'period'
        -- A draft within its grace is an invoice that is not issued yet.
        and i.period_start = p.period_start and i.status <> 'void')
    and p.state in ('invoiced', 'skipped', 'voided')
  union all
  -- What is booked for a settled period is what it is rated at: nothing is billed twice or never.
  select 'booked_is_rated', s.client_id::text, format('%s: %s %s', s.section_start,
    abs(s.net_minor), case when s.net_minor > 0 then 'is missing' else 'too much is charged' end)
  from _billing.misbooked_sections() s;
$$;
comment on function _billing.check_periods is
  'Periods that overlap or are missing, without what they say they have, or booked below their
   rating.';

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
    and p.state in ('invoiced', 'skipped', 'voided');
$$;
comment on function _billing.check_periods is
  'Periods that overlap or are missing, or without what they say they have.';

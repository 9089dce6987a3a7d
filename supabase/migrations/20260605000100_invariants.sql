-- What must hold at all times, asked of the data: one row per violation. Much of it is a constraint
-- already; a restore, a superuser or a mistake of ours can get past those, and not past this.

-- Of invoices, by themselves and by their lines.
create function billing.check_invoices()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = '' as $$
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
comment on function billing.check_invoices is
  'Invoices that contradict their lines, documents, periods, deliveries or what was recorded.';

-- Numbers of a series and year run from 1 to the counter, each once.
create function billing.check_numbers()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = '' as $$
  with given as (
    select m[1] as series, m[2]::integer as year, m[3]::integer as number
    from public.invoices i
    cross join lateral regexp_match(i.number, '^(.*)-(\d{4})-(\d{6,})$') m
    where i.number is not null
  )
  select 'numbers_are_gapless', format('%s-%s', c.series, c.year),
    format('%s given, the counter says %s', count(g.number), c.last_number)
  from billing.invoice_counters c left join given g using (series, year)
  group by c.series, c.year, c.last_number
  having count(g.number) <> c.last_number or count(distinct g.number) <> c.last_number
    or max(g.number) <> c.last_number
  union all
  select 'numbers_are_counted', g.series || '-' || g.year, 'no counter'
  from given g
  where not exists (select from billing.invoice_counters c
    where c.series = g.series and c.year = g.year)
  group by g.series, g.year;
$$;
comment on function billing.check_numbers is 'Series of invoice numbers with gaps or doubles.';

-- Of money after the invoice: credit notes, payments, balance, and the ledger over all of it.
create function billing.check_money()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = '' as $$
  select 'credit_note_is_sum_of_lines', n.number, format('total %s, lines %s', n.total_minor,
    s.total)
  from public.credit_notes n
  cross join lateral (
    select coalesce(sum(l.amount_minor), 0) as total from public.credit_note_lines l
    where l.credit_note_id = n.id
      and (l.tax_behavior is null or l.tax_behavior <> 'inclusive')
  ) s
  where s.total <> n.total_minor
  union all
  select 'credited_is_sum_of_notes', i.number, format('credited %s, notes off it %s',
    i.credited_minor, s.off)
  from public.invoices i
  cross join lateral (
    select coalesce(sum(n.to_invoice_minor), 0) as off, coalesce(sum(n.total_minor), 0) as total
    from public.credit_notes n where n.invoice_id = i.id
  ) s
  where i.status <> 'draft' and (s.off <> i.credited_minor or s.total > i.total_minor)
  union all
  select 'paid_is_sum_of_payments', i.number, format('paid %s, received %s, of that %s too much',
    i.paid_minor, s.received, s.excess)
  from public.invoices i
  cross join lateral (
    select coalesce((select sum(p.amount_minor) from public.payments p
        where p.invoice_id = i.id and p.amount_minor > 0), 0) as received,
      coalesce((select sum(b.amount_minor) from public.balance_entries b
        where b.invoice_id = i.id and b.reason = 'overpayment'), 0) as excess
  ) s
  where i.status <> 'draft' and s.received - s.excess <> i.paid_minor
  union all
  select 'balance_is_not_negative', b.client_id::text, format('%s %s', sum(b.amount_minor),
    b.currency)
  from public.balance_entries b group by b.client_id, b.currency having sum(b.amount_minor) < 0
  union all
  -- Two ways to the same figure: the ledger's sum, and what is due less what is credit.
  select 'statement_closes', x.client_id::text, format('%s: statement %s, due less credit %s',
    x.currency, sum(x.ledger), sum(x.balance))
  from (
    select a.client_id, a.currency, a.amount_minor as ledger, 0 as balance
    from billing.account_entries a
    union all
    select i.client_id, i.currency, 0, i.amount_due_minor from public.invoices i
    where i.status = 'open'
    union all
    select e.client_id, e.currency, 0, -e.amount_minor from public.balance_entries e
  ) x
  group by x.client_id, x.currency having sum(x.ledger) <> sum(x.balance);
$$;
comment on function billing.check_money is
  'Credit notes, payments and balances that do not add up.';

-- Settled periods that are rated otherwise than they are booked, drafts included. More than the
-- rating may stay booked where notes by hand have left no invoice with room to credit it on.
create function billing.misbooked_sections()
returns table (client_id uuid, section_start date, net_minor numeric)
language sql stable set search_path = '' as $$
  with section as materialized (
    select s.client_id, s.section_start, s.net_minor - coalesce((
      select sum(l.amount_minor)
      from public.invoices d
      join public.invoice_lines l on l.invoice_id = d.id and l.section_start = s.section_start
      where d.client_id = s.client_id and d.status = 'draft'
        and (l.tax_behavior is null or l.tax_behavior = 'exclusive')), 0) as net_minor
    from billing.late_sections(array(
      select (p.client_id, p.period_start, p.period_end)::billing.rating_target
      from public.billing_periods p
      where p.state in ('invoiced', 'skipped') and not p.usage_changed)) s
  )
  select s.* from section s
  where s.net_minor > 0 or s.net_minor < 0 and exists (
    select from public.billing_periods p
    cross join lateral billing.creditable_invoices(
      (p.client_id, p.period_start, p.period_end)::billing.rating_target) c
    where p.client_id = s.client_id and p.period_start = s.section_start and c.room > 0);
$$;
comment on function billing.misbooked_sections is
  'Settled periods for which more or less is booked than they are rated at, and by how much.';

-- Of periods: a client's follow each other, none is missing where there was service, and each says
-- what became of it.
create function billing.check_periods()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = '' as $$
  select 'periods_follow_each_other', p.client_id::text, format('%s ends on %s, the next begins %s',
    p.period_start, p.period_end, p.next_start)
  from (
    select x.*, lead(x.period_start) over (
      partition by x.client_id order by x.period_start) as next_start
    from public.billing_periods x
  ) p
  where p.next_start < p.period_end
  union all
  -- Before the first period or between two. What came into service after the last run waits for the
  -- next.
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
  from billing.misbooked_sections() s;
$$;
comment on function billing.check_periods is
  'Periods that overlap or are missing, without what they say they have, or booked below their
   rating.';

-- Of usage: records equal logs, quarantine is of logs that exist.
create function billing.check_usage(days daterange)
returns table (invariant text, subject text, detail text)
language sql stable set search_path = '' as $$
  select 'records_equal_logs', concat_ws('/', d.client_id, d.usage_day, d.model, d.metric, d.agent),
    format('logged %s, recorded %s', d.logged, d.recorded)
  from billing.usage_discrepancies(days) d
  where not billing.is_being_rebuilt(d.client_id, d.usage_day, d.usage_day + 1)
  union all
  select 'quarantine_is_of_logs', q.log_id::text, q.reason
  from billing.quarantined_logs q
  where not exists (select from public.agent_usage_logs l where l.id = q.log_id)
    and q.occurred_at >= (select w.kept_from from billing.usage_watermark w)
  union all
  select 'watermark_is_there', 'usage_watermark', 'no row says how far logs are counted'
  where not exists (select from billing.usage_watermark);
$$;
comment on function billing.check_usage is 'Usage records of these days that differ from the logs.';

create function billing.check_invariants(usage_since date default null)
returns table (invariant text, subject text, detail text)
language sql stable security definer set search_path = '' set jit = off
set statement_timeout = '30min' as $$
-- Definer: callers may ask; what it looks at is more than they may read.
  select * from billing.check_invoices()
  union all select * from billing.check_numbers()
  union all select * from billing.check_money()
  union all select * from billing.check_periods()
  union all select * from billing.check_usage(daterange(coalesce(usage_since,
    (billing.as_of() at time zone 'UTC')::date - 40), null));
$$;
comment on function billing.check_invariants is
  'Every violation of what must always hold, none in good books. Logs are compared from
   usage_since on, the last 40 days unless given; all else is looked at whole.';

create function billing.report_violations(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer set search_path = '' as $$
-- Definer: as above; it tells operators.
declare
  violations bigint;
  examples text;
begin
  with found as materialized (select * from billing.check_invariants())
  select count(*), (select string_agg(format('%s %s: %s', f.invariant, f.subject, f.detail), E'\n')
    from (select * from found order by invariant, subject limit 10) f)
  into violations, examples from found;
  if violations > 0 then
    perform billing.queue_notice('invariants:' || (as_of at time zone 'UTC')::date, 'critical',
      'The books contradict themselves', format(E'%s violations: %s\nAll of them: '
        || 'select * from billing.check_invariants()', violations, examples));
  end if;
  return violations;
end $$;
comment on function billing.report_violations is
  'Checks the invariants and tells operators of violations, once a day; returns how many.';

select billing.schedule_job('billing-invariants', '10 4 * * *',
  $c$set statement_timeout = '1h'; select billing.report_violations()$c$,
  'Checks that the books do not contradict themselves');

revoke all on all functions in schema billing from public;
grant execute on function billing.check_invariants(date), billing.report_violations(timestamptz)
  to service_role;

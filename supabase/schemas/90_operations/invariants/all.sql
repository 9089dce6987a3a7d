-- What must hold at all times, asked of the data: one row per violation. Much of it is a constraint
-- already; a restore, a superuser or a mistake of ours can get past those, and not past this.

create function billing.check_invariants(usage_since date default null)
returns table (invariant text, subject text, detail text)
language sql stable security definer set search_path = pg_catalog, pg_temp set jit = off
set statement_timeout = '30min' as $$
-- Definer: callers may ask, but not read all that it looks at.
  select * from _billing.check_invoices()
  union all select * from _billing.check_numbers()
  union all select * from _billing.check_money()
  union all select * from _billing.check_ledger()
  union all select * from _billing.check_grants()
  union all select * from _billing.check_top_ups()
  union all select * from _billing.check_balance_sums()
  union all select * from _billing.check_periods()
  union all select * from _billing.check_usage(daterange(coalesce(usage_since,
    (billing.as_of() at time zone 'UTC')::date - 40), null));
$$;
comment on function billing.check_invariants is
  'Every violation of what must always hold, none in good books. Logs are compared from
   usage_since on, the last 40 days unless given; all else is looked at whole.';
grant execute on function billing.check_invariants(date) to service_role;

-- Sections that are booked otherwise than they are rated are marked: whatever lost the mark of a
-- change, the next run bills or credits the difference. It is the rating less all that is booked,
-- so nothing is billed twice, also where a run has billed it meanwhile. Many at once are no lost
-- marks but a fault of the rating or of what it reads: they are left to operators. So is a credit
-- above the floor of hold_limits: no draft is held for it, and lost usage records look like one.
create function _billing.mark_misbooked()
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  misbooked bigint;
  targets billing.rating_target[];
begin
  select count(*), coalesce(array_agg((p.client_id, p.period_start, p.period_end)
      ::billing.rating_target) filter (where -s.net_minor <= coalesce(f.floor_minor, 0)), '{}')
  into misbooked, targets
  from _billing.misbooked_sections() s
  join public.billing_periods p on p.client_id = s.client_id and p.period_start = s.section_start
  left join lateral (
    select l.floor_minor
    from billing.config_on(array[s.client_id], array[s.section_start]) k
    join public.hold_limits l on l.currency = k.currency
      and (l.client_id = s.client_id or l.client_id is null)
    order by l.client_id is null limit 1
  ) f on true;
  if misbooked > 20 then
    return null;
  end if;
  perform _billing.mark_changed(targets);
  return cardinality(targets);
end $$;
comment on function _billing.mark_misbooked is
  'Marks settled periods that are booked otherwise than rated, but for large credits; returns how
   many, or null where they are more than 20 and none is marked.';

create function billing.report_violations(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above; it tells operators.
declare
  violations bigint;
  examples text;
  is_misbooked boolean;
  marked bigint := 0;
begin
  with found as materialized (select * from billing.check_invariants())
  select count(*), (select string_agg(format('%s %s: %s', f.invariant, f.subject, f.detail), E'\n')
    from (select * from found order by invariant, subject limit 10) f),
    bool_or(x.invariant = 'booked_is_rated')
  into violations, examples, is_misbooked from found x;
  if is_misbooked then
    marked := _billing.mark_misbooked();
  end if;
  if violations > 0 then
    perform billing.queue_operator_alert('invariants:' || (as_of at time zone 'UTC')::date,
      'critical', 'The books contradict themselves', format(E'%s violations: %s\nAll of them: '
        || 'select * from billing.check_invariants()%s', violations, examples,
        case when marked > 0 then format(E'\n%s periods that are booked otherwise than rated are '
          || 'marked: the next run bills or credits the difference', marked)
          when marked is null then E'\nToo many periods are booked otherwise than rated to be lost '
          || 'changes: none is marked, nothing is billed by itself' else '' end));
  end if;
  return violations;
end $$;
comment on function billing.report_violations is
  'Checks the invariants, marks periods that are booked otherwise than rated, and tells operators,
   once a day; returns how many violations there are.';
grant execute on function billing.report_violations(timestamptz) to service_role;

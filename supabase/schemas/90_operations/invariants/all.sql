-- What must hold at all times, asked of the data: one row per violation. Much of it is a constraint
-- already; a restore, a superuser or a mistake of ours can get past those, and not past this.

-- The sections are given, because finding them rates all that is settled: once a night is enough.
create function _billing.violations(usage_since date, sections _billing.misbooked_section[])
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select * from _billing.check_invoices()
  union all select * from _billing.check_numbers()
  union all select * from _billing.check_money()
  union all select * from _billing.check_ledger()
  union all select * from _billing.check_grants()
  union all select * from _billing.check_top_ups()
  union all select * from _billing.check_advance_tax()
  union all select * from _billing.check_balance_sums()
  union all select * from _billing.check_periods()
  union all select * from _billing.check_booked(sections)
  union all select * from _billing.check_usage(daterange(coalesce(usage_since,
    (billing.as_of() at time zone 'UTC')::date - 40), null));
$$;
comment on function _billing.violations is
  'All violations, where these settled periods are booked otherwise than rated.';

create function billing.check_invariants(usage_since date default null)
returns table (invariant text, subject text, detail text)
language sql stable security definer set search_path = pg_catalog, pg_temp set jit = off
set statement_timeout = '30min' as $$
-- Definer: callers may ask, but not read all that it looks at.
  select * from _billing.violations(usage_since,
    array(select s from _billing.misbooked_sections() s));
$$;
comment on function billing.check_invariants is
  'Every violation of what must always hold, none in good books. Logs are compared from
   usage_since on, the last 40 days unless given; all else is looked at whole.';
grant execute on function billing.check_invariants(date) to service_role;

create function billing.report_violations(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp
set jit = off as $$
-- Definer: as above; it tells operators.
declare
  sections _billing.misbooked_section[] := array(select s from _billing.misbooked_sections() s);
  mendable _billing.misbooked_section[] := array(
    select s from _billing.mendable_sections(sections) s);
  to_mark billing.rating_target[] := _billing.sections_to_mark(mendable, as_of);
  violations bigint;
  message text;
begin
  with found as materialized (select * from _billing.violations(null, sections))
  select count(*), format(E'%s violations: %s\nAll of them: select * from '
    || 'billing.check_invariants()%s', count(*), (
      select string_agg(format('%s %s: %s', f.invariant, f.subject, f.detail), E'\n')
      from (select * from found order by invariant, subject limit 10) f),
    _billing.told_of_sections(sections, mendable, to_mark))
  into violations, message from found;
  -- Nothing is marked without its alert.
  if violations > 0 and billing.queue_operator_alert(
      'invariants:' || (as_of at time zone 'UTC')::date, 'critical',
      'The books contradict themselves', message) > 0 then
    perform _billing.note_told_sections(mendable, as_of), _billing.mark_changed(to_mark);
  end if;
  return violations;
end $$;
comment on function billing.report_violations is
  'Checks the invariants and tells operators, once a day. Periods that are booked otherwise than
   rated and were told of a night ago are marked. Returns how many violations there are.';
grant execute on function billing.report_violations(timestamptz) to service_role;

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

create function billing.report_violations(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
    perform billing.queue_operator_alert('invariants:' || (as_of at time zone 'UTC')::date,
      'critical', 'The books contradict themselves', format(E'%s violations: %s\nAll of them: '
        || 'select * from billing.check_invariants()', violations, examples));
  end if;
  return violations;
end $$;
comment on function billing.report_violations is
  'Checks the invariants and tells operators of violations, once a day; returns how many.';
grant execute on function billing.report_violations(timestamptz) to service_role;

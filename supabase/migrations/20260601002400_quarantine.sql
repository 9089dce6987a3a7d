-- What cannot be billed as things are, each with its reason. Nothing of it is lost: an assignment,
-- a client or a price releases it, the next run bills it.

-- Where each client's next period starts, and what day it is there. A client without service to
-- come is not among them. Inlined, as next_periods is.
create function billing.running_periods(as_of timestamptz)
returns table (client_id uuid, billing_anchor_day smallint, ended_on date, today date,
  next_start date)
language sql stable
begin atomic
  -- As billing.day_of, joined: for all clients at once.
  select n.client_id, n.billing_anchor_day, n.ended_on,
    greatest(z.effective_from, (as_of at time zone z.time_zone)::date), n.next_start
  from billing.next_periods() n
  join public.client_time_zones z on z.client_id = n.client_id
    and z.starts_at <= as_of and as_of < z.ends_at;
end;

comment on function billing.running_periods is
  'For each client with service to come the local day at an instant and where its next period
   starts.';

-- Periods whose usage is not settled: over but not invoiced, changed since, and the running one.
create function billing.unsettled_targets(as_of timestamptz default billing.as_of())
returns billing.rating_target[] language sql stable set search_path = '' as $$
  select coalesce(array_agg((x.client_id, x.period_start, x.period_end)::billing.rating_target),
    '{}')
  from (
    select p.client_id, p.period_start, p.period_end from public.billing_periods p
    where p.usage_changed or p.state in ('pending', 'blocked')
    union all
    select r.client_id, r.next_start, billing.period_end_of(r.today, r.billing_anchor_day)
    from billing.running_periods(as_of) r where r.next_start <= r.today
  ) x;
$$;

comment on function billing.unsettled_targets is
  'Periods to be rated yet: over but not invoiced, changed since, and the running ones.';

create view billing.quarantine with (security_invoker = true) as
select q.reason, null::uuid as client_id, q.agent, q.model, null::text as metric,
  count(*) as rows, min(q.occurred_at)::date as first_day, max(q.occurred_at)::date as last_day
from billing.quarantined_logs q
where not exists (select from billing.dismissed_logs d where d.log_id = q.log_id)
group by q.reason, q.agent, q.model
union all
select 'unpriced_usage', u.client_id, u.agent, u.model, u.metric,
  sum(u.log_count)::bigint, min(u.first_day), max(u.last_day)
from billing.priced_usage(billing.unsettled_targets()) u
where u.price_id is null
  and not exists (select from billing.unbilled_metrics n where n.metric = u.metric)
group by u.client_id, u.agent, u.model, u.metric
having sum(u.quantity) <> 0
union all
select 'outside_service', r.client_id, r.agent, r.model, r.metric,
  sum(r.log_count)::bigint, min(r.usage_day), max(r.usage_day)
from (
  -- Before each interval, and after the last.
  select s.client_id, lag(s.ends_on, 1, '-infinity'::date) over (
    partition by s.client_id order by s.starts_on) as from_day, s.starts_on as until_day
  from public.service_intervals s
  union all
  select c.id, coalesce(max(s.ends_on), '-infinity'), 'infinity'
  from public.clients c left join public.service_intervals s on s.client_id = c.id
  group by c.id having coalesce(max(s.ends_on), '-infinity') < 'infinity'
) g
-- Gap by gap by index: all usage there has ever been is not looked at.
cross join lateral (
  select * from public.usage_records u
  where u.client_id = g.client_id and u.usage_day >= g.from_day and u.usage_day < g.until_day
  offset 0
) r
group by r.client_id, r.agent, r.model, r.metric
union all
-- An item waits for the next invoice of its client's service; of one that has ended there is none.
select 'item_after_end', i.client_id, null, null, null, count(*), min(i.item_day), max(i.item_day)
from public.invoice_items i
where i.section_start is null and i.invoice_id is null and billing.has_ended(i.client_id)
group by i.client_id;
comment on view billing.quarantine is
  'What is not billed: usage of nobody, unreadable, without a price, outside a client''s service;
   items that no invoice will take (make one by create_one_off_invoice).';

-- Log rows (or items) per reason. A row that is unpriced in several metrics counts once.
create function billing.quarantine_summary()
returns table (reason text, rows bigint)
language sql stable set search_path = '' set jit = off as $$
  select x.reason, sum(x.rows)::bigint
  from (
    select q.reason, q.client_id, q.agent, q.model,
      case when q.client_id is null then sum(q.rows) else max(q.rows) end as rows
    from billing.quarantine q group by q.reason, q.client_id, q.agent, q.model
  ) x
  group by x.reason order by x.reason;
$$;
comment on function billing.quarantine_summary is 'Log rows in quarantine per reason.';

revoke all on all functions in schema billing from public;
revoke all on billing.quarantine from public;
grant select on billing.quarantine to service_role;
grant execute on function billing.quarantine_summary(), billing.unsettled_targets(timestamptz),
  billing.running_periods(timestamptz), billing.day_of(uuid, timestamptz),
  billing.has_ended(uuid),
  billing.priced_usage(billing.rating_target[], boolean),
  billing.price_segments(uuid[], text[], text[], text[]),
  billing.period_terms(billing.rating_target[]), billing.next_periods(),
  billing.usage_of_targets(billing.rating_target[]), billing.full_days(date, date, integer),
  billing.price_candidates(uuid[], text[], text[], text[]) to service_role;
grant execute on function billing.anchor_in_month(date, integer),
  billing.period_start_of(date, integer), billing.period_end_of(date, integer) to service_role;

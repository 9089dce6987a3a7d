-- What cannot be billed as things are, each with its reason. Nothing of it is lost: an assignment,
-- a client, a price or the provider of its model releases it, the next run bills it.

-- Counted usage and items.
create view billing.quarantined_usage with (security_invoker = true) as
-- Once for what has no price and what has a cost alone.
with unsettled as materialized (
  select u.*, exists (select from billing.unbilled_metrics n where n.metric = u.metric) as unbilled
  from billing.priced_usage(billing.unsettled_targets()) u
)
select case when billing.is_unmapped(u.metric) then 'unknown_provider' else 'unpriced_usage' end
    as reason, u.client_id, u.agent, u.model, u.metric, u.rate_class,
  sum(u.log_count)::bigint as rows,
  min(u.first_day) as first_day, max(u.last_day) as last_day
from unsettled u
where u.price_id is null and not u.unbilled
group by u.client_id, u.agent, u.model, u.metric, u.rate_class
having sum(u.quantity) <> 0
union all
-- Nothing of a model but calls was counted, which may go without a price, and they cost something.
select 'unpriced_cost', u.client_id, u.agent, u.model, min(u.metric), 'standard', max(r.rows),
  min(u.first_day), max(u.last_day)
from (
  select u.client_id, u.agent, u.model, min(u.metric) as metric, min(u.first_day) as first_day,
    max(u.last_day) as last_day
  from unsettled u group by u.client_id, u.period_start, u.agent, u.model
  having bool_and(u.unbilled and u.price_id is null)
) u
cross join lateral (
  select sum(x.log_count)::bigint as rows, sum(x.provider_cost) as cost
  from public.usage_records x
  where x.client_id = u.client_id and x.usage_day between u.first_day and u.last_day
    and x.agent = u.agent and x.model = u.model and x.metric = u.metric
) r
where r.cost > 0
group by u.client_id, u.agent, u.model
union all
select 'outside_service', r.client_id, r.agent, r.model, r.metric, r.rate_class,
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
group by r.client_id, r.agent, r.model, r.metric, r.rate_class
union all
-- An item waits for the next invoice of its client's service; of one that has ended there is none.
select 'item_after_end', i.client_id, null, null, null, null, count(*), min(i.item_day),
  max(i.item_day)
from public.invoice_items i
where i.section_start is null and i.invoice_id is null and billing.has_ended(i.client_id)
group by i.client_id;
comment on view billing.quarantined_usage is
  'What is counted and not billed: usage without a price, of an unknown provider, outside
   a client''s service; calls with a cost and nothing to be billed by; items that no invoice
   will take.';
revoke all on billing.quarantined_usage from public;
grant select on billing.quarantined_usage to service_role;

create view billing.quarantine with (security_invoker = true) as
select q.reason, null::uuid as client_id, q.agent, q.model, null::text as metric,
  null::text as rate_class, count(*) as rows,
  min(case when q.reason <> 'invalid_timestamp' then q.occurred_at end)::date as first_day,
  max(case when q.reason <> 'invalid_timestamp' then q.occurred_at end)::date as last_day
from billing.quarantined_logs q
where not q.dismissed
group by q.reason, q.agent, q.model
union all
select u.reason, u.client_id, u.agent, u.model, u.metric, u.rate_class, u.rows, u.first_day,
  u.last_day
from billing.quarantined_usage u;
comment on view billing.quarantine is
  'What is not billed: usage of nobody, unreadable, without a price, of an unknown provider, outside
   a client''s service; calls with a cost and nothing to be billed by; items that no invoice will
   take (make one by create_one_off_invoice).';
revoke all on billing.quarantine from public;
grant select on billing.quarantine to service_role;

-- As things are at this moment, for the report of a run: all usage that is not settled is priced.
-- A row that is unpriced in several metrics counts once.
create function _billing.summarize_quarantine()
returns table (reason text, rows bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select x.reason, sum(x.rows)::bigint
  from (
    select q.reason, count(*) as rows from billing.quarantined_logs q
    where not q.dismissed group by q.reason
    union all
    select u.reason, max(u.rows) from (
      select q.reason, q.client_id, q.agent, q.model, q.metric, sum(q.rows) as rows
      from billing.quarantined_usage q
      group by q.reason, q.client_id, q.agent, q.model, q.metric
    ) u
    group by u.reason, u.client_id, u.agent, u.model
  ) x
  group by x.reason order by x.reason;
$$;
comment on function _billing.summarize_quarantine is
  'Log rows in quarantine per reason, found anew.';

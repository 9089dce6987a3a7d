-- For dashboards: usage by month. Kept in a table, of which a refresh replaces the months that have
-- changed. Nothing that bills reads it.
create table billing.monthly_usage (
  client_id uuid not null,
  month date not null,
  model text not null,
  metric text not null,
  rate_class text not null,
  agent text not null,
  quantity numeric not null,
  provider_cost numeric not null,
  primary key (client_id, month, model, metric, rate_class, agent)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table billing.monthly_usage is
  'Sums of usage_records per month, as of the last billing.refresh_dashboards.';
create index monthly_usage_month on billing.monthly_usage (month);
alter table billing.monthly_usage enable row level security;
revoke all on billing.monthly_usage from public;
grant select on billing.monthly_usage to service_role;

-- What each day cost: what a chart of days shows.
create table billing.daily_usage (
  usage_day date not null,
  client_id uuid not null,
  provider_cost numeric not null,
  primary key (client_id, usage_day)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table billing.daily_usage is
  'Provider cost (USD) per client and day, as of the last billing.refresh_dashboards.';
-- A refresh reads a month of a client, a chart some days of all.
create index daily_usage_day on billing.daily_usage (usage_day);
alter table billing.daily_usage enable row level security;
revoke all on billing.daily_usage from public;
grant select on billing.daily_usage to service_role;

-- Notes all months of all clients, those too that have no usage any more.
create function _billing.note_all_usage() returns void language sql
set search_path = pg_catalog, pg_temp as $$
  insert into _billing.usage_changes (client_id, month)
  select r.client_id, date_trunc('month', r.usage_day)::date from public.usage_records r
  union
  select m.client_id, m.month from billing.monthly_usage m;
$$;
comment on function _billing.note_all_usage is
  'Has the next refresh of the dashboards sum all usage anew.';

-- A month that was noted is summed anew as of the snapshot that saw its note, which was written
-- with the change. Client by client by index: other usage is not looked at. Rows of a month are
-- found by one search and written by their places, where they differ: a search for each would cost
-- more with each year. One refresh at a time writes here, so places stay as they are.
create function _billing.refresh_monthly_usage(everything boolean)
returns void language plpgsql set search_path = pg_catalog, pg_temp set jit = off as $$
declare
  differing record;
begin
  -- A statement of its own: the other is planned for what has changed, not for all there is.
  -- Where an earlier release has summed months alone, their days come with the next refresh.
  if everything or (not exists (select from billing.daily_usage)
    and exists (select from billing.monthly_usage)) then
    perform _billing.note_all_usage();
  end if;
  with taken as (
    delete from _billing.usage_changes u returning u.client_id, u.month
  ), changed as materialized (
    select distinct t.client_id, t.month, (t.month + interval '1 month')::date as next
    from taken t
  ), usage as materialized (
    select c.month, r.* from changed c cross join lateral (
      select * from public.usage_records u
      where u.client_id = c.client_id and u.usage_day >= c.month and u.usage_day < c.next offset 0
    ) r
  ), months as materialized (
    select client_id, month, model, metric, rate_class, agent, k.place, s.units, s.cost,
      (s.units, s.cost) is distinct from (k.quantity, k.provider_cost) as differs
    from (select u.client_id, u.month, u.model, u.metric, u.rate_class, u.agent,
        sum(u.quantity) as units, sum(u.provider_cost) as cost
      from usage u group by 1, 2, 3, 4, 5, 6) s
    full join (select o.* from changed c cross join lateral (
        select m.ctid as place, m.* from billing.monthly_usage m
        where m.client_id = c.client_id and m.month = c.month offset 0) o
    ) k using (client_id, month, model, metric, rate_class, agent)
  ), days as materialized (
    select client_id, usage_day, k.place, s.cost, s.cost is distinct from k.provider_cost as differs
    from (select u.client_id, u.usage_day, sum(u.provider_cost) as cost
      from usage u group by 1, 2) s
    full join (select o.* from changed c cross join lateral (
        select d.ctid as place, d.* from billing.daily_usage d where d.client_id = c.client_id
          and d.usage_day >= c.month and d.usage_day < c.next offset 0) o
    ) k using (client_id, usage_day)
  ), gone as (
    delete from billing.monthly_usage d
    where d.ctid = any (array(select m.place from months m where m.units is null))
  ), gone_days as (
    delete from billing.daily_usage d
    where d.ctid = any (array(select x.place from days x where x.cost is null))
  ), added as (
    insert into billing.monthly_usage
      (client_id, month, model, metric, rate_class, agent, quantity, provider_cost)
    select m.client_id, m.month, m.model, m.metric, m.rate_class, m.agent, m.units, m.cost
    from months m where m.place is null
  ), added_days as (
    insert into billing.daily_usage (client_id, usage_day, provider_cost)
    select x.client_id, x.usage_day, x.cost from days x where x.place is null
  )
  select m.places, m.units, m.costs, d.places as days, d.costs as day_costs into differing
  from (select array_agg(m.place) as places, array_agg(m.units) as units, array_agg(m.cost) as costs
      from months m where m.differs and m.place is not null and m.units is not null) m,
    (select array_agg(x.place) as places, array_agg(x.cost) as costs
      from days x where x.differs and x.place is not null and x.cost is not null) d;
  update billing.monthly_usage m set quantity = c.units, provider_cost = c.cost
  from unnest(differing.places, differing.units, differing.costs) c(place, units, cost)
  where m.ctid = c.place;
  update billing.daily_usage d set provider_cost = c.cost
  from unnest(differing.days, differing.day_costs) c(place, cost) where d.ctid = c.place;
end $$;
comment on function _billing.refresh_monthly_usage is
  'Sums anew the months of clients whose usage has changed, or all of them.';

create view billing.client_monthly_usage with (security_invoker = true) as
select m.client_id, c.name as client, m.month, m.metric, m.rate_class,
  sum(m.quantity) as quantity, sum(m.provider_cost) as provider_cost
from billing.monthly_usage m join public.clients c on c.id = m.client_id
group by m.client_id, c.name, m.month, m.metric, m.rate_class;
comment on view billing.client_monthly_usage is
  'Usage and provider cost (USD) per client, month, metric and class.';
revoke all on billing.client_monthly_usage from public;
grant select on billing.client_monthly_usage to service_role;

create view billing.agent_model_usage with (security_invoker = true) as
select m.agent, m.model, m.month, m.metric, m.rate_class, sum(m.quantity) as quantity,
  sum(m.provider_cost) as provider_cost, count(distinct m.client_id) as clients
from billing.monthly_usage m
group by m.agent, m.model, m.month, m.metric, m.rate_class;
comment on view billing.agent_model_usage is
  'Usage and provider cost (USD) per agent, model, month, metric and class.';
revoke all on billing.agent_model_usage from public;
grant select on billing.agent_model_usage to service_role;

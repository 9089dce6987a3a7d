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
  primary key (usage_day, client_id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table billing.daily_usage is
  'Provider cost (USD) per client and day, as of the last billing.refresh_dashboards.';
alter table billing.daily_usage enable row level security;
revoke all on billing.daily_usage from public;
grant select on billing.daily_usage to service_role;

-- A month that was noted is summed anew as of the snapshot that saw its note, which was written
-- with the change. Client by client by index: other usage is not looked at.
create function _billing.refresh_monthly_usage(everything boolean)
returns void language plpgsql set search_path = pg_catalog, pg_temp set jit = off as $$
begin
  -- A statement of its own: the other is planned for what has changed, not for all there is.
  -- Where an earlier release has summed months alone, their days come with the next refresh.
  if everything or (not exists (select from billing.daily_usage)
    and exists (select from billing.monthly_usage)) then
    insert into _billing.usage_changes (client_id, month)
    select r.client_id, date_trunc('month', r.usage_day)::date from public.usage_records r
    union
    select m.client_id, m.month from billing.monthly_usage m;
  end if;
  with taken as (
    delete from _billing.usage_changes u returning u.client_id, u.month
  ), changed as materialized (
    select distinct t.client_id, t.month from taken t
  ), usage as materialized (
    select c.client_id, c.month, r.usage_day, r.model, r.metric, r.rate_class, r.agent, r.quantity,
      r.provider_cost
    from changed c
    cross join lateral (
      select * from public.usage_records u
      where u.client_id = c.client_id and u.usage_day >= c.month
        and u.usage_day < (c.month + interval '1 month')::date
      offset 0
    ) r
  ), summed as materialized (
    select u.client_id, u.month, u.model, u.metric, u.rate_class, u.agent,
      sum(u.quantity) as quantity, sum(u.provider_cost) as provider_cost
    from usage u group by u.client_id, u.month, u.model, u.metric, u.rate_class, u.agent
  ), gone as (
    -- By their places, found by index: joined with what changed, all months of all would be read.
    delete from billing.monthly_usage d
    where d.ctid = any (array(
      select m.place from changed c
      cross join lateral (
        select o.ctid as place, o.* from billing.monthly_usage o
        where o.client_id = c.client_id and o.month = c.month
        offset 0
      ) m
      where not exists (
        select from summed s where (s.client_id, s.month, s.model, s.metric, s.rate_class, s.agent)
          = (m.client_id, m.month, m.model, m.metric, m.rate_class, m.agent))))
  ), days as materialized (
    select u.usage_day, u.client_id, sum(u.provider_cost) as provider_cost
    from usage u group by u.usage_day, u.client_id
  ), gone_days as (
    -- Day by day, as the key has them.
    delete from billing.daily_usage d
    using changed c, generate_series(0, 30) n
    where d.usage_day = c.month + n and d.usage_day < (c.month + interval '1 month')::date
      and d.client_id = c.client_id and not exists (
        select from days x where (x.usage_day, x.client_id) = (d.usage_day, d.client_id))
  ), written_days as (
    insert into billing.daily_usage as d (usage_day, client_id, provider_cost)
    select x.usage_day, x.client_id, x.provider_cost from days x
    on conflict (usage_day, client_id) do update set provider_cost = excluded.provider_cost
    where d.provider_cost <> excluded.provider_cost
  )
  insert into billing.monthly_usage as m
    (client_id, month, model, metric, rate_class, agent, quantity, provider_cost)
  select s.client_id, s.month, s.model, s.metric, s.rate_class, s.agent, s.quantity, s.provider_cost
  from summed s
  on conflict (client_id, month, model, metric, rate_class, agent) do update set
    quantity = excluded.quantity, provider_cost = excluded.provider_cost
  where (m.quantity, m.provider_cost) is distinct from (excluded.quantity, excluded.provider_cost);
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

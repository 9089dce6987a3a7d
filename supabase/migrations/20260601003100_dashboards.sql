-- For dashboards: sums over clients, months, agents and models, refreshed beside the work. Nothing
-- that bills reads them.
create materialized view billing.client_monthly_usage as
select r.client_id, c.name as client, date_trunc('month', r.usage_day)::date as month, r.metric,
  sum(r.quantity) as quantity, sum(r.provider_cost) as provider_cost
from public.usage_records r join public.clients c on c.id = r.client_id
group by r.client_id, c.name, date_trunc('month', r.usage_day), r.metric;
comment on materialized view billing.client_monthly_usage is
  'Usage and provider cost (USD) per client, month and metric.';
create unique index client_monthly_usage_key
  on billing.client_monthly_usage (client_id, month, metric);

create materialized view billing.agent_model_usage as
select r.agent, r.model, date_trunc('month', r.usage_day)::date as month, r.metric,
  sum(r.quantity) as quantity, sum(r.provider_cost) as provider_cost,
  count(distinct r.client_id) as clients
from public.usage_records r
group by r.agent, r.model, date_trunc('month', r.usage_day), r.metric;
comment on materialized view billing.agent_model_usage is
  'Usage and provider cost (USD) per agent, model, month and metric.';
create unique index agent_model_usage_key
  on billing.agent_model_usage (agent, model, month, metric);

create materialized view billing.client_margin as
with cost as (
  select r.client_id, date_trunc('month', r.usage_day)::date as month,
    sum(r.provider_cost) as provider_cost
  from public.usage_records r group by 1, 2
), revenue as (
  select i.client_id, date_trunc('month', l.section_start)::date as month, i.currency,
    sum(l.amount_minor) filter (where l.kind <> 'tax') -
      coalesce(sum(l.amount_minor) filter (where l.tax_behavior = 'inclusive'), 0) as net_minor
  from public.invoices i join public.invoice_lines l on l.invoice_id = i.id
  where i.status in ('open', 'paid', 'uncollectible') and l.section_start is not null
  group by 1, 2, 3
)
select client_id, month, coalesce(r.currency, '') as currency,
  coalesce(r.net_minor, 0) as revenue_minor, coalesce(k.provider_cost, 0) as provider_cost
from revenue r full join cost k using (client_id, month);
comment on materialized view billing.client_margin is
  'Invoiced net of tax (minor units) beside provider cost (USD), per client and month.';
create unique index client_margin_key on billing.client_margin (client_id, month, currency);

create function billing.refresh_dashboards() returns void
language plpgsql security definer set search_path = '' as $$
-- Definer: a refresh needs the owner.
begin
  refresh materialized view concurrently billing.client_monthly_usage;
  refresh materialized view concurrently billing.agent_model_usage;
  refresh materialized view concurrently billing.client_margin;
end $$;
comment on function billing.refresh_dashboards is
  'Refreshes the dashboard views without blocking their readers.';

revoke all on all functions in schema billing from public;
revoke all on billing.client_monthly_usage, billing.agent_model_usage, billing.client_margin
  from public;
grant select on billing.client_monthly_usage, billing.agent_model_usage, billing.client_margin
  to service_role;
grant execute on function billing.refresh_dashboards() to service_role;

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
revoke all on billing.client_monthly_usage from public;
grant select on billing.client_monthly_usage to service_role;

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
revoke all on billing.agent_model_usage from public;
grant select on billing.agent_model_usage to service_role;

create materialized view billing.client_margin as
with cost as (
  select r.client_id, date_trunc('month', r.usage_day)::date as month,
    sum(r.provider_cost) as provider_cost
  from public.usage_records r group by 1, 2
), invoiced as (
  select i.client_id, date_trunc('month', l.section_start)::date as month, i.currency,
    sum(l.amount_minor) filter (where l.kind <> 'tax') -
      coalesce(sum(l.amount_minor) filter (where l.tax_behavior = 'inclusive'), 0) as net_minor
  from public.invoices i join public.invoice_lines l on l.invoice_id = i.id
  where i.status in ('open', 'paid', 'uncollectible') and l.section_start is not null
  group by 1, 2, 3
), credited as (
  -- Tax that is contained in the amounts is no more ours when it is given back than when charged.
  select n.client_id, date_trunc('month', s.section_start)::date as month, n.currency,
    sum(case when x.kind <> 'tax' then -x.amount_minor
      when t.tax_behavior = 'inclusive' then x.amount_minor else 0 end) as net_minor
  from public.credit_notes n
  join public.invoices i on i.id = n.invoice_id and i.status in ('open', 'paid', 'uncollectible')
    and n.voided_at is null
  join public.credit_note_lines x on x.credit_note_id = n.id
  left join lateral (
    select l.tax_behavior from public.invoice_lines l
    where l.invoice_id = n.invoice_id and l.rating_key = x.rating_key and x.kind = 'tax' limit 1
  ) t on true
  -- A credit of an amount names no section: it is of the month that the invoice was for.
  cross join lateral (select coalesce(x.section_start, i.period_start, (
    select min(l.section_start) from public.invoice_lines l where l.invoice_id = i.id
  )) as section_start) s
  where s.section_start is not null
  group by 1, 2, 3
), revenue as (
  select client_id, month, currency, sum(net_minor) as net_minor
  from (select * from invoiced union all select * from credited) r group by 1, 2, 3
)
select client_id, month, coalesce(r.currency, '') as currency,
  coalesce(r.net_minor, 0) as revenue_minor, coalesce(k.provider_cost, 0) as provider_cost
from revenue r full join cost k using (client_id, month);
comment on materialized view billing.client_margin is
  'Invoiced less credited, net of tax (minor units), beside provider cost (USD); by client and
   month.';
create unique index client_margin_key on billing.client_margin (client_id, month, currency);
revoke all on billing.client_margin from public;
grant select on billing.client_margin to service_role;

create function billing.refresh_dashboards() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: a refresh needs the owner.
begin
  refresh materialized view concurrently billing.client_monthly_usage;
  refresh materialized view concurrently billing.agent_model_usage;
  refresh materialized view concurrently billing.client_margin;
end $$;
comment on function billing.refresh_dashboards is
  'Refreshes the dashboard views without blocking their readers.';
grant execute on function billing.refresh_dashboards() to service_role;

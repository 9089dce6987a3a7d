-- For dashboards: what was invoiced beside what it cost.
create table _billing.revenue_changes (
  id bigint generated always as identity primary key,
  client_id uuid not null
);
comment on table _billing.revenue_changes is
  'Clients whose invoices or credit notes changed since billing.refresh_dashboards, each maybe many
   times.';
alter table _billing.revenue_changes enable row level security;
revoke all on _billing.revenue_changes from public, anon, authenticated, service_role;

create function _billing.note_revenue_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: revenue_changes is written by nobody else.
begin
  insert into _billing.revenue_changes (client_id) values (new.client_id);
  return null;
end $$;

-- Lines are frozen once an invoice is issued, so revenue changes with the status of an invoice.
create trigger note_revenue_change after insert or update of status on public.invoices
  for each row when (new.status <> 'draft') execute function _billing.note_revenue_change();
create trigger note_revenue_change after insert or update of voided_at on public.credit_notes
  for each row execute function _billing.note_revenue_change();

create table billing.monthly_revenue (
  client_id uuid not null,
  month date not null,
  currency text not null,
  net_minor bigint not null,
  primary key (client_id, month, currency)
);
comment on table billing.monthly_revenue is
  'Invoiced less credited, net of tax, per client and month, as of billing.refresh_dashboards.';
alter table billing.monthly_revenue enable row level security;
revoke all on billing.monthly_revenue from public;
grant select on billing.monthly_revenue to service_role;

-- What was invoiced and credited to some clients, by the month that it is for.
create function _billing.revenue_of(client_ids uuid[])
returns table (client_id uuid, month date, currency text, net_minor bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with invoice as materialized (
    -- Client by client by index: other clients' invoices are not looked at.
    select i.id, i.client_id, i.currency, i.period_start
    from unnest(client_ids) c(id)
    cross join lateral (
      select * from public.invoices x where x.client_id = c.id
        and x.status in ('open', 'paid', 'uncollectible')
      offset 0
    ) i
  ), invoiced as (
    select i.client_id, date_trunc('month', l.section_start)::date as month, i.currency,
      sum(case when l.kind <> 'tax' then l.amount_minor
        when l.tax_behavior = 'inclusive' then -l.amount_minor else 0 end) as net_minor
    from invoice i
    cross join lateral (
      select * from public.invoice_lines x where x.invoice_id = i.id
        and x.section_start is not null
      offset 0
    ) l
    group by 1, 2, 3
  ), credited as (
    -- Tax contained in the amounts is not ours, neither when charged nor when given back.
    select i.client_id, date_trunc('month', s.section_start)::date as month, i.currency,
      sum(case when x.kind <> 'tax' then -x.amount_minor
        when t.tax_behavior = 'inclusive' then x.amount_minor else 0 end) as net_minor
    from invoice i
    join public.credit_notes n on n.invoice_id = i.id and n.voided_at is null
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
  )
  select r.client_id, r.month, r.currency, sum(r.net_minor)::bigint
  from (select * from invoiced union all select * from credited) r group by 1, 2, 3;
$$;
comment on function _billing.revenue_of is
  'Invoiced less credited, net of tax, of some clients by month.';

create function _billing.refresh_monthly_revenue(everything boolean)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if everything then
    insert into _billing.revenue_changes (client_id) select c.id from public.clients c;
  end if;
  with taken as (
    delete from _billing.revenue_changes t returning t.client_id
  ), changed as materialized (
    select distinct t.client_id from taken t
  ), revenue as materialized (
    select * from _billing.revenue_of(array(select c.client_id from changed c))
  ), gone as (
    -- By their places, as of monthly_usage.
    delete from billing.monthly_revenue d
    where d.ctid = any (array(
      select m.place from changed c
      cross join lateral (
        select o.ctid as place, o.* from billing.monthly_revenue o
        where o.client_id = c.client_id
        offset 0
      ) m
      where not exists (select from revenue r
        where (r.client_id, r.month, r.currency) = (m.client_id, m.month, m.currency))))
  )
  insert into billing.monthly_revenue as m (client_id, month, currency, net_minor)
  select r.client_id, r.month, r.currency, r.net_minor from revenue r
  on conflict (client_id, month, currency) do update set net_minor = excluded.net_minor
  where m.net_minor <> excluded.net_minor;
end $$;
comment on function _billing.refresh_monthly_revenue is
  'Computes anew the revenue of clients whose invoices have changed, or of all.';

create view billing.client_margin with (security_invoker = true) as
with cost as (
  select m.client_id, m.month, sum(m.provider_cost) as provider_cost
  from billing.monthly_usage m group by m.client_id, m.month
)
select client_id, month, coalesce(r.currency, '') as currency,
  coalesce(r.net_minor, 0)::numeric as revenue_minor, coalesce(k.provider_cost, 0) as provider_cost
from billing.monthly_revenue r full join cost k using (client_id, month);
comment on view billing.client_margin is
  'Invoiced less credited, net of tax (minor units), beside provider cost (USD); by client and
   month.';
revoke all on billing.client_margin from public;
grant select on billing.client_margin to service_role;

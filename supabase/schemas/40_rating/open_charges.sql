-- Charges of what is not settled yet, for a preview: what they are before an act and after it.

create function billing.open_charges(of_model text default null, of_client uuid default null)
returns table (client_id uuid, currency text, minor numeric)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  -- Definer: callers may rate what is open, and not call what rates.
  select c.client_id, t.currency, sum(c.amount_minor)
  from (select array(
    select u from unnest(billing.unsettled_targets()) u
    where (of_client is null or u.client_id = of_client)
      and (of_model is null or exists (select from public.usage_records r
        where r.client_id = u.client_id and r.model = of_model
          and r.usage_day >= u.period_start and r.usage_day < u.period_end))) as targets) x
  cross join lateral _billing.rate_charges(x.targets) c
  join billing.period_terms(x.targets) t
    on t.client_id = c.client_id and t.period_start = c.section_start
  group by c.client_id, t.currency;
$$;
comment on function billing.open_charges is
  'Charges of open periods per client and currency, minor units before discount and tax: of a
   client, of those that used a model, or of all.';
grant execute on function billing.open_charges(text, uuid) to service_role;

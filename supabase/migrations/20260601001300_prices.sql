-- Prices: what a client pays for a metric of a model, from a day on.
create table public.prices (
  id uuid primary key default gen_random_uuid(),
  client_id uuid references public.clients (id) on delete cascade,
  model text,
  family text,
  metric text not null,
  currency text not null default 'USD' references public.currencies (code),
  pricing_model text not null default 'per_unit',
  unit_amount numeric,
  per_units numeric not null default 1,
  tiers jsonb,
  free_units numeric not null default 0,
  batch_multiplier numeric not null default 1,
  effective_from date not null default '-infinity',
  effective_until date not null default 'infinity',
  created_at timestamptz not null default now(),
  scope text generated always as
    (case when model is not null then 'model:' || model
      when family is not null then 'family:' || family else 'any' end) stored,
  constraint prices_model_or_family check (model is null or family is null),
  constraint prices_pricing_model_known check (
    pricing_model in ('per_unit', 'package', 'graduated', 'volume')),
  constraint prices_amount_or_tiers check (case
    when pricing_model in ('per_unit', 'package') then unit_amount is not null and tiers is null
    else unit_amount is null and tiers is not null and billing.is_tier_list(tiers) end),
  -- Upper bounds keep NaN and what would overflow a rating out: one price is rated for everybody.
  constraint prices_unit_amount_in_range check (unit_amount between 0 and 1e12),
  constraint prices_per_units_in_range check (per_units between 1e-6 and 1e12),
  constraint prices_free_units_in_range check (free_units between 0 and 1e18),
  constraint prices_batch_multiplier_range check (batch_multiplier between 0 and 1),
  constraint prices_forward check (effective_from < effective_until),
  constraint prices_no_overlap exclude using gist (
    coalesce(client_id, '00000000-0000-0000-0000-000000000000'::uuid) with =,
    scope with =, metric with =, currency with =,
    daterange(effective_from, effective_until) with &&)
);
comment on table public.prices is
  'Price of a metric for a model, a model family or any model; of a client or the default list.';
comment on column public.prices.client_id is 'Null: the default price list.';
comment on column public.prices.unit_amount is
  'Major units of currency (3.00 = three dollars) per per_units units.';
comment on column public.prices.tiers is
  '[{up_to, unit_amount, flat_amount}], ascending, the last without up_to; bounds are inclusive.';
comment on column public.prices.free_units is 'Units per period that cost nothing.';
comment on column public.prices.batch_multiplier is
  'Factor for batch usage where the batch_… metric has no price of its own.';
comment on column public.prices.effective_until is 'First client-local day it no longer holds.';
create index prices_lookup on public.prices (client_id, metric, currency, scope);
create index prices_currency on public.prices (currency);
alter table public.prices enable row level security;
revoke all on public.prices from anon, authenticated, service_role;
grant select, insert, update, delete on public.prices to service_role;
grant select on public.prices to authenticated;
create policy "members read their and default prices, operators all" on public.prices
  for select to authenticated
  using (client_id is null or client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- Metrics that need no price: they are billed where one exists.
create table billing.unbilled_metrics (metric text primary key, why text not null);
comment on table billing.unbilled_metrics is
  'Metrics that may go without a price; usage of all others must have one.';
alter table billing.unbilled_metrics enable row level security;
revoke all on billing.unbilled_metrics from public;
grant select on billing.unbilled_metrics to service_role;
insert into billing.unbilled_metrics values ('requests', 'counts calls; tokens are what is sold');

-- Every price that could hold for a model and metric, best first (rank 1 wins on days where it is
-- in force): the client's before the default, a price of its own for batch before the multiplier,
-- exact model before family before any model.
create function billing.price_candidates(
  client_ids uuid[], models text[], metrics text[], currencies text[]
) returns table (client_id uuid, model text, metric text, currency text, price_id uuid,
  effective_from date, effective_until date, multiplier numeric, preference integer, why text)
language plpgsql stable set search_path = '' set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  return query
  with wanted as (
    select k.client_id, k.model, k.metric, k.currency, s.scope, s.specificity, s.kind,
      m.metric as price_metric, m.own
    from unnest(client_ids, models, metrics, currencies) k(client_id, model, metric, currency)
    left join public.models fam on fam.id = k.model
    cross join lateral (values ('model:' || k.model, 1, 'exact model'),
      ('family:' || fam.family, 2, 'model family'), ('any', 3, 'any model')
    ) s(scope, specificity, kind)
    cross join lateral (
      select k.metric as metric, true as own
      union all select substr(k.metric, 7), false where starts_with(k.metric, 'batch_')
    ) m
  ), matched as (
    -- Two joins by equality: one with `client_id is null or =` compares every client with the
    -- prices of every other.
    select w.*, p.id, p.effective_from, p.effective_until, p.batch_multiplier, true as is_own
    from wanted w join public.prices p on p.client_id = w.client_id
      and p.metric = w.price_metric and p.currency = w.currency and p.scope = w.scope
    union all
    select w.*, p.id, p.effective_from, p.effective_until, p.batch_multiplier, false
    from wanted w join public.prices p on p.client_id is null
      and p.metric = w.price_metric and p.currency = w.currency and p.scope = w.scope
  )
  select m.client_id, m.model, m.metric, m.currency, m.id, m.effective_from, m.effective_until,
    case when m.own then 1 else m.batch_multiplier end,
    (not m.is_own)::integer * 100 + (not m.own)::integer * 10 + m.specificity,
    concat(case when m.is_own then 'client''s own' else 'default list' end, ', ',
      m.kind, case when not m.own then ', times batch multiplier' end)
  from matched m;
end $$;
comment on function billing.price_candidates is
  'Prices that could hold for each (client, model, metric, currency); least preference wins.';

create function billing.explain_price(client_id uuid, model text, metric text, day date)
returns table (rank bigint, chosen boolean, price_id uuid, why text, pricing_model text,
  unit_amount numeric, per_units numeric, tiers jsonb, free_units numeric, multiplier numeric,
  currency text, effective_from date, effective_until date)
language sql stable set search_path = '' set jit = off as $$
  select row_number() over best, row_number() over best = 1 and x.in_force, p.id,
    c.why || case when not x.in_force then ', not in force on this day' else '' end,
    p.pricing_model, p.unit_amount, p.per_units, p.tiers, p.free_units, c.multiplier,
    p.currency, p.effective_from, p.effective_until
  from billing.config_on(array[explain_price.client_id], array[explain_price.day]) cfg
  cross join lateral billing.price_candidates(array[cfg.client_id], array[explain_price.model],
    array[explain_price.metric], array[cfg.currency]) c
  join public.prices p on p.id = c.price_id
  cross join lateral (
    select c.effective_from <= cfg.day and cfg.day < c.effective_until as in_force) x
  window best as (order by not x.in_force, c.preference, p.effective_from)
  order by 1;
$$;
comment on function billing.explain_price is
  'Every price considered for a client, model, metric and day, best first, and why.';

revoke all on all functions in schema billing from public;
grant execute on function billing.explain_price(uuid, text, text, date) to service_role;

-- Prices: what a client pays for a metric of a model, from a day on.

-- Factors by rate class; the bounds keep NaN and what would overflow a rating out.
create function billing.is_multiplier_list(multipliers jsonb)
returns boolean language sql immutable
return jsonb_typeof(multipliers) = 'object' and not exists (
  select from jsonb_each_text(
    case jsonb_typeof(multipliers) when 'object' then multipliers else '{}' end) e
  where not coalesce(e.value::numeric between 0 and 1000, false));
comment on function billing.is_multiplier_list is
  'Whether jsonb is an object of factors from 0 to 1000.';
grant execute on function billing.is_multiplier_list(jsonb) to service_role;

create table public.prices (
  id uuid primary key default gen_random_uuid(),
  client_id uuid references public.clients (id) on delete cascade,
  model text,
  family text,
  metric text not null,
  rate_class text not null default 'standard' references billing.rate_classes (id),
  currency text not null default 'USD' references public.currencies (code),
  pricing_model text not null default 'per_unit' references billing.price_models (model),
  unit_amount numeric,
  per_units numeric not null default 1,
  tiers jsonb,
  free_units numeric not null default 0,
  class_multipliers jsonb not null default '{}',
  effective_from date not null default '-infinity',
  effective_until date not null default 'infinity',
  created_at timestamptz not null default now(),
  scope text generated always as
    (case when model is not null then 'model:' || model
      when family is not null then 'family:' || family else 'any' end) stored,
  markup_percent numeric,
  cost_basis text not null default 'list',
  constraint prices_model_or_family check (model is null or family is null),
  constraint prices_tiers_ascend check (billing.is_tier_list(tiers)),
  -- Upper bounds keep NaN and what would overflow a rating out: one price is rated for everybody.
  constraint prices_unit_amount_in_range check (unit_amount between 0 and 1e12),
  constraint prices_per_units_in_range check (per_units between 1e-6 and 1e12),
  constraint prices_free_units_in_range check (free_units between 0 and 1e18),
  constraint prices_class_multipliers_numbers check (
    billing.is_multiplier_list(class_multipliers)),
  -- List prices are in USD.
  constraint prices_cost_plus_in_usd check (pricing_model <> 'cost_plus' or currency = 'USD'),
  -- Tokens have a logged cost, at input and output; other metrics with a list price have none.
  constraint prices_cost_basis_known check (cost_basis in ('list', 'logged_cost', 'higher')),
  constraint prices_cost_basis_fits check (case cost_basis when 'list' then true
    else pricing_model = 'cost_plus' and (cost_basis <> 'higher' or billing.is_tokens(metric)) end),
  constraint prices_markup_percent_in_range check (markup_percent between -100 and 1e6),
  constraint prices_forward check (effective_from < effective_until),
  constraint prices_no_overlap exclude using gist (
    coalesce(client_id, '00000000-0000-0000-0000-000000000000'::uuid) with =,
    scope with =, metric with =, rate_class with =, currency with =,
    daterange(effective_from, effective_until) with &&)
);
comment on table public.prices is
  'Price of a metric for a model, a model family or any model; of a client or the default list.';
comment on column public.prices.client_id is 'Null: the default price list.';
comment on column public.prices.unit_amount is
  'Major units of currency (3.00 = three dollars) per per_units units; under cost_plus the fee,
   under percentage percent of the units.';
comment on column public.prices.markup_percent is
  'Under cost_plus: percent on the cost.';
comment on column public.prices.cost_basis is
  'Under cost_plus: list (the list price of the day, public.list_prices), logged_cost (what agents
   logged), or higher (for tokens: whichever of both is more for a model in the period).';
comment on column public.prices.tiers is
  '[{up_to, unit_amount, flat_amount}], ascending, the last without up_to; bounds are inclusive.';
comment on column public.prices.free_units is 'Units per period that cost nothing.';
comment on column public.prices.rate_class is
  'The rate class of usage (billing.rate_classes) that it is for.';
comment on column public.prices.class_multipliers is
  'Factor for usage of a class that has no price of its own: {"batch": 0.5}; of one not named 1.';
comment on column public.prices.effective_until is 'First client-local day it no longer holds.';
create index prices_lookup on public.prices (client_id, metric, currency, scope);
create index prices_rate_class on public.prices (rate_class);
-- What rating has to look up in the catalogue is of one model.
create index prices_pricing_model on public.prices (pricing_model, id);
create index prices_currency on public.prices (currency);
alter table public.prices enable row level security;
revoke all on public.prices from anon, authenticated, service_role;
grant select, insert, update, delete on public.prices to service_role;
grant select on public.prices to authenticated;

-- The default list is for clients: a user without one sees nothing.
create policy "members read their and default prices, operators all" on public.prices
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or client_id is null and (select billing.my_clients())::uuid[] <> '{}'
    or (select billing.is_operator()));

-- At the commit of a change, once more: an invoice may have been issued since the statement, by a
-- run that could not see it. Which it was is decided by the version of the terms (ADR 20).
-- Triggers of one event fire by name: count_terms_change before the guards.
create constraint trigger count_terms_change after insert or update or delete on public.prices
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');

-- Truncate would pass by row triggers.
create trigger require_second_factor before insert or update or delete on public.prices
  for each statement execute function _billing.guard_by_second_factor();
create trigger refuse_truncate before truncate on public.prices
  for each statement execute function _billing.refuse_change();

-- What a price names is what its model needs, and no more: a column that does not count would be
-- believed to.
create function _billing.check_price_model() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  known billing.price_models;
  given constant text[] := array_remove(array[
    case when new.unit_amount is not null then 'unit_amount' end,
    case when new.tiers is not null then 'tiers' end,
    case when new.markup_percent is not null then 'markup_percent' end], null);
  changed constant text[] := array_remove(array[
    case when new.per_units <> 1 then 'per_units' end,
    case when new.free_units <> 0 then 'free_units' end], null);
  missing text;
  refused text;
begin
  select m.* into strict known from billing.price_models m where m.model = new.pricing_model;
  select string_agg(x, ', ') into missing from unnest(known.needs) x where x <> all (given);
  select string_agg(x, ', ') into refused from (
    select x from unnest(given) x where x <> all (known.needs)
    union all
    select x from unnest(changed) x where x <> all (known.allows)) r(x);
  if missing is not null or refused is not null then
    perform billing.raise_error('invalid_argument', format('a price of the model %s %s',
        known.model, concat_ws(' and ', 'needs ' || missing, 'takes no ' || refused)),
      concat(known.model, ': ', known.purpose));
  end if;
  return null;
end $$;
comment on function _billing.check_price_model is
  'Refuses a price that does not name what its model needs, or names more.';

create trigger check_price_model after insert or update of pricing_model, unit_amount, tiers,
  markup_percent, per_units, free_units
  on public.prices for each row execute function _billing.check_price_model();

-- The catalogue: what providers charge by their price lists, in USD. Facts with their source, not
-- terms: nothing is sold by them but under the price model cost_plus (ADR 36).

-- What a source said when: rows only for what brought something new.
create table public.price_syncs (
  id bigint generated always as identity primary key,
  source text not null
    constraint price_syncs_source_known check (source in ('litellm', 'openrouter', 'models.dev')),
  sha256 text not null constraint price_syncs_sha256_shape check (sha256 ~ '^[0-9a-f]{64}$'),
  fetched_at timestamptz not null,
  raw bytea,
  constraint price_syncs_once unique (source, sha256),
  constraint price_syncs_raw_hashed check (encode(sha256(raw), 'hex') = sha256)
);
comment on table public.price_syncs is
  'Sources of list prices: which, the hash of what they sent, and when it was fetched.';
comment on column public.price_syncs.raw is
  'What it sent, byte by byte, where the daily job has fetched it; its hash is checked.';
alter table public.price_syncs enable row level security;
revoke all on public.price_syncs from anon, authenticated, service_role;
grant select on public.price_syncs to authenticated, service_role;

create policy "operators read price syncs" on public.price_syncs
  for select to authenticated using ((select billing.is_operator()));

create trigger refuse_change before update or delete or truncate on public.price_syncs
  for each statement execute function _billing.refuse_change();

-- Model ids exactly as a source has them. One provider each: a source names a model of another
-- provider otherwise.
create table public.listed_models (
  id text primary key,
  provider text not null,
  mode text,
  alias_of text,
  is_decided_alias boolean not null default false,
  deprecated_on date,
  sync_id bigint not null references public.price_syncs (id)
);
comment on table public.listed_models is
  'Models that have a list price, or whose source says that they have none.';
comment on column public.listed_models.alias_of is
  'The id whose prices the source gives it; its prices are rows of their own.';
comment on column public.listed_models.is_decided_alias is
  'Somebody has accepted that it means alias_of: a change of that list price is one of its own.';
create index listed_models_sync_id on public.listed_models (sync_id);
alter table public.listed_models enable row level security;
revoke all on public.listed_models from anon, authenticated, service_role;
grant select on public.listed_models to authenticated, service_role;

create policy "operators read listed models" on public.listed_models
  for select to authenticated using ((select billing.is_operator()));

create table public.list_prices (
  id bigint generated always as identity primary key,
  provider text not null,
  model text not null references public.listed_models (id),
  metric text not null,
  rate_class text not null default 'standard',
  above_tokens bigint,
  amount numeric not null,
  effective_from date not null default '-infinity',
  effective_until date not null default 'infinity',
  sync_id bigint not null references public.price_syncs (id),
  source_field text not null,
  source_text text not null,
  -- A source writes 0 for what it does not know: no price is no price.
  constraint list_prices_above_zero check (amount > 0 and amount < 1e12),
  constraint list_prices_rate_class_shape check (
    rate_class ~ '^[a-z0-9_.]{1,40}(\+[a-z0-9_.]{1,40}){0,3}$'),
  constraint list_prices_counting_known check (not billing.is_unmapped(metric)),
  constraint list_prices_forward check (effective_from < effective_until),
  constraint list_prices_one_at_a_time exclude using gist (
    model with =, metric with =, rate_class with =,
    daterange(effective_from, effective_until) with &&)
);
comment on table public.list_prices is
  'What a provider charges for a unit of a metric of a model at a rate class, from a day on.
   Append-only: a price ends where another begins.';
comment on column public.list_prices.amount is 'USD for one unit, exact.';
comment on column public.list_prices.above_tokens is
  'Input tokens of a call beyond which the rate class holds, where the source says it.';
comment on column public.list_prices.effective_from is
  'First client-local day. The first price of a model holds for all days before, too.';
comment on column public.list_prices.source_text is 'The number as the source writes it.';
create index list_prices_lookup on public.list_prices (model, metric, rate_class);
create index list_prices_sync_id on public.list_prices (sync_id);
alter table public.list_prices enable row level security;
revoke all on public.list_prices from anon, authenticated, service_role;
grant select on public.list_prices to authenticated, service_role;

create policy "operators read list prices" on public.list_prices
  for select to authenticated using ((select billing.is_operator()));

-- All that may change is when a price ends, and that only to make it end.
create function _billing.guard_list_price() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'UPDATE' and old.effective_until = 'infinity'
    and to_jsonb(old) - 'effective_until' = to_jsonb(new) - 'effective_until' then
    return new;
  end if;
  perform billing.raise_error('append_only',
    format('list_prices is append-only: %s refused', lower(tg_op)),
    'accept a proposal: a new price begins where the old one ends');
  return null;
end $$;

create trigger guard_list_price before update or delete on public.list_prices
  for each row execute function _billing.guard_list_price();
create trigger refuse_truncate before truncate on public.list_prices
  for each statement execute function _billing.refuse_change();
create constraint trigger count_terms_change after insert or update on public.list_prices
  deferrable initially deferred for each row execute function _billing.count_terms_change();

-- A source's prices, compared with the catalogue: only differences are written.

create type _billing.given_price as (model text, metric text, rate_class text, above_tokens bigint,
  amount numeric, source_field text, source_text text);

-- The prices of models as billing.sync_list_prices takes them. Amounts come as text, so that no
-- float is between the source and here.
create function _billing.given_prices(models jsonb)
returns setof _billing.given_price language sql immutable
set search_path = pg_catalog, pg_temp as $$
  select m ->> 'id', p ->> 'metric', p ->> 'rate_class', (p ->> 'above_tokens')::bigint,
    (p ->> 'amount')::numeric, p ->> 'field', p ->> 'written'
  from jsonb_array_elements(models) m cross join lateral jsonb_array_elements(m -> 'prices') p;
$$;
comment on function _billing.given_prices is 'List prices of models in JSON.';

-- Prices of known models that are not those in force, and have not been refused.
create function _billing.differing_prices(given _billing.given_price[], source text)
returns table (price _billing.given_price, old_amount numeric, kind text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select g, l.amount, case when s.source <> differing_prices.source then 'disagreement'
      else 'changed_price' end,
    format('%s: %s of %s (%s) is %s USD%s', differing_prices.source, g.metric, g.model,
      g.rate_class, trim_scale(g.amount), coalesce(format(', in the catalogue %s USD by %s',
      trim_scale(l.amount), s.source), ', not in the catalogue so far'))
  from unnest(given) g
  join public.listed_models m on m.id = g.model
  left join public.list_prices l on l.model = g.model and l.metric = g.metric
    and l.rate_class = g.rate_class and l.effective_until = 'infinity'
  left join public.price_syncs s on s.id = l.sync_id
  where l.amount is distinct from g.amount and not exists (
    select from public.price_proposals p
    where p.model = g.model and p.metric = g.metric and p.rate_class = g.rate_class
      and p.new_amount = g.amount and p.state in ('open', 'refused'));
$$;
comment on function _billing.differing_prices is
  'Given prices of known models that are neither in force nor decided on.';

-- Makes proposals of what differs. What a source says now replaces what it said before, also where
-- it is again what is in force.
create function _billing.supersede_proposals(given _billing.given_price[], source text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.price_proposals p set state = 'superseded', decided_at = billing.as_of()
  from unnest(given) g
  where p.state = 'open' and p.model = g.model and p.metric = g.metric
    and p.rate_class = g.rate_class and p.new_amount <> g.amount
    and p.sync_id in (
      select s.id from public.price_syncs s where s.source = supersede_proposals.source);
$$;
comment on function _billing.supersede_proposals is
  'Ends open proposals of a source that says something else now.';

create function _billing.propose_prices(given _billing.given_price[], source text, sync bigint)
returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  proposed integer;
begin
  insert into public.price_proposals (kind, model, metric, rate_class, above_tokens, old_amount,
    new_amount, source_field, source_text, sync_id, message)
  select d.kind, (d.price).model, (d.price).metric, (d.price).rate_class, (d.price).above_tokens,
    d.old_amount, (d.price).amount, (d.price).source_field, (d.price).source_text, sync, d.message
  from _billing.differing_prices(given, source) d
  on conflict do nothing;
  get diagnostics proposed = row_count;
  return proposed;
end $$;
comment on function _billing.propose_prices is
  'Makes a proposal of each given price that differs; returns how many.';

-- Takes some models of a source that has `total` of them. Unknown models get their prices at once:
-- nobody has been billed by another. What differs from a price in force becomes a proposal, and
-- what a source leaves out stays.
create function billing.sync_list_prices(source text, sha256 text, fetched_at timestamptz,
  total integer, models jsonb)
returns table (new_models integer, new_prices integer, proposals integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_nestloop = off as $$
-- Definer: nobody writes the catalogue but these functions. Thousands of prices meet thousands: no
-- nested loops, also where statistics hold the catalogue for empty.
#variable_conflict use_column
declare
  known constant integer := (select count(*) from public.listed_models m
    join public.price_syncs s on s.id = m.sync_id where s.source = sync_list_prices.source);
  given constant _billing.given_price[] := array(select g from _billing.given_prices(models) g);
  fresh text[];
  sync bigint;
begin
  perform billing.require_second_factor();
  if total < known * 0.8 then
    perform billing.raise_error('invalid_argument', format(
      '%s has %s models, and %s were known: it looks cut off', source, total, known),
      'fetch it again; nothing was changed');
  end if;
  lock table public.listed_models in share row exclusive mode;
  fresh := array(select m ->> 'id' from jsonb_array_elements(models) m
    where m ->> 'id' not in (select l.id from public.listed_models l));
  new_models := cardinality(fresh);
  new_prices := 0;
  proposals := 0;
  perform _billing.supersede_proposals(given, source);
  if fresh <> '{}' or exists (select from _billing.differing_prices(given, source)) then
    insert into public.price_syncs as s (source, sha256, fetched_at)
    values (source, sha256, fetched_at) on conflict on constraint price_syncs_once do nothing;
    sync := (select s.id from public.price_syncs s
      where s.source = sync_list_prices.source and s.sha256 = sync_list_prices.sha256);
    proposals := _billing.propose_prices(given, source, sync);
    insert into public.listed_models (id, provider, mode, alias_of, deprecated_on, sync_id)
    select m ->> 'id', m ->> 'provider', m ->> 'mode', m ->> 'alias_of',
      (m ->> 'deprecated_on')::date, sync
    from jsonb_array_elements(models) m where m ->> 'id' = any (fresh);
    insert into public.list_prices (provider, model, metric, rate_class, above_tokens, amount,
      sync_id, source_field, source_text)
    select m.provider, g.model, g.metric, g.rate_class, g.above_tokens, g.amount, sync,
      g.source_field, g.source_text
    from unnest(given) g join public.listed_models m on m.id = g.model
    where g.model = any (fresh);
    get diagnostics new_prices = row_count;
  end if;
  return next;
end $$;
comment on function billing.sync_list_prices is
  'Compares models of a source ([{id, provider, mode, alias_of, deprecated_on, prices: [{metric,
   rate_class, above_tokens, amount, field, written}]}]) with the catalogue: new models are added,
   other prices proposed. `total`: models of the whole source.';
grant execute on function billing.sync_list_prices(text, text, timestamptz, integer, jsonb)
  to service_role;

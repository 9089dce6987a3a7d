-- A source's prices, compared with the catalogue: only differences are written.

-- The end of a model's life, where the source that lists it says another day now.
create function _billing.update_deprecations(models jsonb, source text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.listed_models l set deprecated_on = (m ->> 'deprecated_on')::date
  from jsonb_array_elements(models) m
  where l.id = m ->> 'id' and l.deprecated_on is distinct from (m ->> 'deprecated_on')::date
    and m ->> 'deprecated_on' is not null
    and l.sync_id in (
      select s.id from public.price_syncs s where s.source = update_deprecations.source);
$$;
comment on function _billing.update_deprecations is
  'Takes over on which days models end.';

-- Models that nobody knew, with their prices, at once: nobody has been billed by another. Returns
-- how many prices.
create function _billing.add_models(models jsonb, given _billing.given_price[], fresh text[],
  sync bigint)
returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  added integer;
begin
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
  get diagnostics added = row_count;
  return added;
end $$;
comment on function _billing.add_models is 'Adds models to the catalogue, with their list prices.';

-- A source with much less in it than it had looks cut off.
create function _billing.require_whole(source text, total integer)
returns void language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  known constant integer := greatest(
    (select count(*) from public.listed_models m join public.price_syncs s on s.id = m.sync_id
      where s.source = require_whole.source),
    (select t.models from billing.price_source_states t where t.source = require_whole.source));
begin
  if total < known * 0.8 then
    perform billing.raise_error('invalid_argument', format(
      '%s has %s models, and %s were known: it looks cut off', source, total, known),
      'fetch it again; nothing was changed');
  end if;
end $$;
comment on function _billing.require_whole is
  'Refuses a source that has fewer than four fifths of the models that it had.';

-- Takes some models of a source that has `total` of them. A price that differs from the one in
-- force becomes a proposal, and a price that a source leaves out stays.
create function billing.sync_list_prices(source text, sha256 text, fetched_at timestamptz,
  total integer, models jsonb, raw bytea default null)
returns table (new_models integer, new_prices integer, proposals integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_nestloop = off as $$
-- Definer: nobody writes the catalogue but these functions. Thousands of prices meet thousands: no
-- nested loops, also where statistics hold the catalogue for empty.
#variable_conflict use_column
declare
  given constant _billing.given_price[] := array(select g from _billing.given_prices(models) g);
  fresh text[];
  agreeing bigint[];
  sync bigint;
begin
  perform billing.require_second_factor();
  perform _billing.require_whole(source, total);
  lock table public.listed_models in share row exclusive mode;
  fresh := array(select m ->> 'id' from jsonb_array_elements(models) m
    where m ->> 'id' not in (select l.id from public.listed_models l));
  new_models := cardinality(fresh);
  new_prices := 0;
  proposals := 0;
  perform _billing.supersede_proposals(given, source);
  perform _billing.withdraw_agreement(given, source);
  perform _billing.update_deprecations(models, source);
  agreeing := array(select _billing.agreeing_proposals(given, source));
  if fresh <> '{}' or agreeing <> '{}'
    or exists (select from _billing.differing_prices(given, source)) then
    insert into public.price_syncs as s (source, sha256, fetched_at, raw)
    values (source, sha256, fetched_at, raw) on conflict on constraint price_syncs_once do nothing;
    sync := (select s.id from public.price_syncs s
      where s.source = sync_list_prices.source and s.sha256 = sync_list_prices.sha256);
    proposals := _billing.propose_prices(given, source, sync);
    new_prices := _billing.add_models(models, given, fresh, sync);
    -- Last: prices may follow, and what was proposed is compared with those in force.
    update public.price_proposals p set agreed_sync_id = sync where p.id = any (agreeing);
  end if;
  return next;
end $$;
comment on function billing.sync_list_prices is
  'Compares models of a source ([{id, provider, mode, alias_of, deprecated_on, prices: [{metric,
   rate_class, above_tokens, amount, field, written}]}]) with the catalogue: new models are added,
   other prices proposed. `total`: models of the whole source; `raw`: all that it sent.';
grant execute on function billing.sync_list_prices(text, text, timestamptz, integer, jsonb, bytea)
  to service_role;

-- What accepting a proposal does.

-- A model, and the ids of which somebody has accepted that they mean it.
create function _billing.model_and_aliases(model text)
returns text[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select model || array(select m.id from public.listed_models m
    where m.alias_of = model and m.is_decided_alias order by m.id);
$$;
comment on function _billing.model_and_aliases is
  'A model and its accepted aliases: they have one list price.';

-- The first day from which a proposed list price can hold: the day that the source was fetched, or
-- the first after what is settled by the price before. The first price of a metric holds for all
-- days: its usage could not be billed so far.
create function _billing.first_day_of(proposal public.price_proposals)
returns date language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  day constant date := (select (s.fetched_at at time zone 'UTC')::date from public.price_syncs s
    where s.id = proposal.sync_id);
  price public.list_prices;
begin
  if proposal.metric is null or not exists (
    select from public.list_prices l where l.model = proposal.model and (l.metric = proposal.metric
      or proposal.metric = 'reasoning_tokens' and l.metric = 'output_tokens'))
  then
    return date '-infinity';
  end if;
  price.metric := proposal.metric;
  price.effective_from := greatest(day, (
    select max(l.effective_from) + 1 from public.list_prices l
    where l.model = proposal.model and l.metric = proposal.metric
      and l.rate_class = proposal.rate_class and l.effective_from > '-infinity'));
  foreach price.model in array _billing.model_and_aliases(proposal.model) loop
    price.effective_from := greatest(price.effective_from, (
      select max(s.period_end) from _billing.relisted_sections(price) s));
  end loop;
  return price.effective_from;
end $$;
comment on function _billing.first_day_of is
  'The first day from which a proposed price can hold.';

create function _billing.apply_list_price(proposal public.price_proposals, first_day date)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  of_model text;
  before public.list_prices;
begin
  foreach of_model in array _billing.model_and_aliases(proposal.model) loop
    select l.* into before from public.list_prices l
    where l.model = of_model and l.metric = proposal.metric
      and l.rate_class = proposal.rate_class and l.effective_until = 'infinity';
    if before.effective_from >= first_day then
      perform billing.raise_error('invalid_argument', format(
        'the list price in force begins on %s, and the new one must begin later than that',
        before.effective_from), 'name a later first_day');
    end if;
    update public.list_prices l set effective_until = first_day where l.id = before.id;
    insert into public.list_prices (provider, model, metric, rate_class, above_tokens, amount,
      effective_from, sync_id, source_field, source_text)
    select m.provider, m.id, proposal.metric, proposal.rate_class, proposal.above_tokens,
      proposal.new_amount, first_day, proposal.sync_id, proposal.source_field,
      proposal.source_text
    from public.listed_models m where m.id = of_model;
  end loop;
end $$;
comment on function _billing.apply_list_price is
  'Ends the list price in force where a proposed one begins.';

-- Usage of open periods that has no price, and the list prices of today that it could have.
create function _billing.unpriced_but_listed()
returns table (model text, metric text, rate_class text, list_price public.list_prices)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select q.model, q.metric, q.rate_class, l
  from (select distinct u.model, u.metric, u.rate_class from billing.quarantined_usage u
    where u.reason = 'unpriced_usage') q
  cross join lateral billing.list_price(q.model, q.metric, q.rate_class,
    (billing.as_of() at time zone 'UTC')::date) l
  where l.id is not null and not exists (
    select from billing.matching_prices(array[null::uuid], array[q.model], array[q.metric],
      array[q.rate_class], array['USD']));
$$;
comment on function _billing.unpriced_but_listed is
  'Models, metrics and rate classes without a price whose list price is known.';

-- Sells what nobody could be billed for at its list price with a markup: default prices for the
-- model, fixed from then on.
create function _billing.sell_at_list(of_model text, markup_percent numeric, first_day date)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.prices (model, metric, rate_class, unit_amount, per_units, effective_from)
  select u.model, u.metric, u.rate_class,
    billing.cost_plus_amount((u.list_price).amount, markup_percent, 0, x.per_units),
    x.per_units, first_day
  from _billing.unpriced_but_listed() u
  cross join lateral (
    select case when u.metric like '%\_tokens' then 1000000 else 1 end as per_units) x
  where u.model = of_model;
$$;
comment on function _billing.sell_at_list is
  'Default prices for usage of a model without a price: its list prices with a markup.';

-- The list prices of a known model are those of another id from then on, and where the model is
-- mapped, so is the id: how its calls count, and the family whose prices are its own.
create function _billing.apply_alias(id text, of_model text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.listed_models (id, provider, mode, alias_of, is_decided_alias, deprecated_on,
    sync_id)
  select apply_alias.id, m.provider, m.mode, m.id, true, m.deprecated_on, m.sync_id
  from public.listed_models m where m.id = of_model;
  insert into public.list_prices (provider, model, metric, rate_class, above_tokens, amount,
    effective_from, effective_until, sync_id, source_field, source_text)
  select l.provider, apply_alias.id, l.metric, l.rate_class, l.above_tokens, l.amount,
    l.effective_from, l.effective_until, l.sync_id, l.source_field, l.source_text
  from public.list_prices l where l.model = of_model;
  insert into public.models (id, family, provider, long_context_above)
  select apply_alias.id, m.family, m.provider, m.long_context_above
  from public.models m where m.id = of_model
  on conflict do nothing;
$$;
comment on function _billing.apply_alias is 'Makes an id another name of a known model.';

create function _billing.apply_proposal(proposal public.price_proposals, first_day date,
  markup_percent numeric)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if proposal.kind in ('changed_price', 'disagreement') then
    perform _billing.apply_list_price(proposal,
      coalesce(first_day, _billing.first_day_of(proposal)));
  elsif proposal.kind = 'new_model' then
    perform _billing.sell_at_list(proposal.model, markup_percent,
      coalesce(first_day, _billing.first_day_of(proposal)));
  elsif proposal.kind = 'alias' then
    perform _billing.apply_alias(proposal.model, proposal.alias_of);
  end if;
end $$;
comment on function _billing.apply_proposal is 'Does what a proposal proposes.';

-- Prices as a source gives them.

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

-- The catalogue of list prices: what a source says is written once, and a difference is proposed.
begin;
select plan(27);

create function pg_temp.model(id text, variadic amounts text[]) returns jsonb language sql as $$
  select jsonb_build_object('id', id, 'provider', 'openai', 'mode', 'chat', 'alias_of', null,
    'deprecated_on', null, 'prices', jsonb_agg(jsonb_build_object('metric', m, 'rate_class', r,
      'above_tokens', null, 'amount', a, 'field', 'f_' || m, 'written', a)))
  from unnest(amounts) with ordinality x(a, n)
  join (values (1, 'input_tokens', 'standard'), (2, 'output_tokens', 'standard'),
    (3, 'input_tokens', 'batch')) k(n, m, r) using (n);
$$;
create function pg_temp.sync(models jsonb, total integer default 2, source text default 'litellm')
returns text language sql as $$
  select concat_ws(' ', s.new_models, s.new_prices, s.proposals)
  from billing.sync_list_prices(source, encode(sha256(models::text::bytea), 'hex'),
    '2026-06-10 00:00+00', total, models) s;
$$;
create function pg_temp.both(price text default '0.000003') returns jsonb language sql as $$
  select jsonb_build_array(pg_temp.model('new-1', price, '0.000015', '0.0000015'),
    pg_temp.model('new-2', '0.0000001'));
$$;

select is(pg_temp.sync(pg_temp.both()), '2 4 0', 'two models with four prices are new');
select results_eq($$select model, metric, rate_class, amount, effective_from::text, source_text
    from public.list_prices order by model, metric, rate_class$$,
  $$values ('new-1', 'input_tokens', 'batch', 0.0000015, '-infinity', '0.0000015'),
    ('new-1', 'input_tokens', 'standard', 0.000003, '-infinity', '0.000003'),
    ('new-1', 'output_tokens', 'standard', 0.000015, '-infinity', '0.000015'),
    ('new-2', 'input_tokens', 'standard', 0.0000001, '-infinity', '0.0000001')$$,
  'the first price of a model holds from the beginning, exactly as it was written');
select is(pg_temp.sync(pg_temp.both()), '0 0 0', 'the same source once more is nothing new');
select is((select count(*) from public.price_syncs), 1::bigint, 'and writes nothing');

-- A price that is halved.
select is(pg_temp.sync(pg_temp.both('0.0000015')), '0 0 1', 'a halved price is proposed');
select results_eq($$select kind, model, metric, rate_class, old_amount, new_amount, state
    from public.price_proposals$$,
  $$values ('changed_price', 'new-1', 'input_tokens', 'standard', 0.000003, 0.0000015, 'open')$$,
  'with the price in force and the new one');
select is((select amount from public.list_prices where model = 'new-1' and metric = 'input_tokens'
  and rate_class = 'standard'), 0.000003, 'and nothing that is in force has changed');
select is(pg_temp.sync(pg_temp.both('0.0000015')), '0 0 0', 'it is proposed once');
select is(pg_temp.sync(pg_temp.both('0.000002')), '0 0 1', 'another amount is another proposal');
select results_eq($$select new_amount, state from public.price_proposals order by id$$,
  $$values (0.0000015, 'superseded'), (0.000002, 'open')$$, 'which replaces the one before');
select is(pg_temp.sync(pg_temp.both()), '0 0 0', 'back to the price in force');
select is((select count(*) from public.price_proposals where state = 'open'), 0::bigint,
  'nothing is left to decide');

-- Sources that are cut off or leave something out.
select throws_like($$select pg_temp.sync(jsonb_build_array(pg_temp.model('new-3', '1')), 1)$$,
  '%looks cut off%', 'a source with fewer than four fifths of its models is refused');
select is(pg_temp.sync('[]'), '0 0 0', 'prices that a source leaves out stay');
select is(pg_temp.sync(jsonb_build_array(pg_temp.model('new-2', '0.0000002')), 1,
  'openrouter'), '0 0 1',
  'another source that disagrees makes a proposal');
select is((select kind from public.price_proposals where state = 'open'), 'disagreement',
  'which says so: nothing is averaged');

-- Steps.
create temporary table given on commit drop as
select array(select g from _billing.given_prices(jsonb_build_array(pg_temp.model('new-1',
  '0.000003', '0.00002'), pg_temp.model('unknown', '1'))) g) as prices;
select results_eq($$select (g).model, (g).metric, (g).amount, (g).source_text
    from given, unnest(prices) g order by 1, 2$$,
  $$values ('new-1', 'input_tokens', 0.000003, '0.000003'),
    ('new-1', 'output_tokens', 0.00002, '0.00002'), ('unknown', 'input_tokens', 1, '1')$$,
  'prices as they are given');
select results_eq($$select (d.price).metric, d.old_amount, d.kind, d.message
    from given cross join lateral _billing.differing_prices(prices, 'litellm') d$$,
  $$values ('output_tokens', 0.000015, 'changed_price', 'litellm: output_tokens of new-1 '
    || '(standard) is 0.00002 USD, in the catalogue 0.000015 USD by litellm')$$,
  'prices of known models that differ from those in force, and no others');
select is(_billing.propose_prices(prices, 'litellm', (select max(id) from public.price_syncs
  where source = 'litellm')), 1,
  'a differing price is proposed') from given;
select is(_billing.propose_prices(prices, 'litellm', (select max(id) from public.price_syncs
  where source = 'litellm')), 0,
  'the same price is proposed once') from given;
select is((select count(*) from public.price_proposals where state = 'open'), 2::bigint,
  'beside that of the other source');
select _billing.supersede_proposals(array[('new-1', 'output_tokens', 'standard', null, 0.000015,
  'f', '1.5e-05')::_billing.given_price], 'openrouter');
select is((select count(*) from public.price_proposals where state = 'open'), 2::bigint,
  'another source''s price ends no proposal of this source');
select _billing.supersede_proposals(array[('new-1', 'output_tokens', 'standard', null, 0.000015,
  'f', '1.5e-05')::_billing.given_price], 'litellm');
select is((select count(*) from public.price_proposals where state = 'open'), 1::bigint,
  'the source''s own new price ends its proposal');

-- Append-only.
select trigger_is('public', 'list_prices', 'guard_list_price', '_billing', 'guard_list_price',
  'list prices are guarded');
select throws_like('update public.list_prices set amount = 1', '%append-only%',
  'a list price cannot be changed');
select throws_like('delete from public.list_prices', '%append-only%',
  'a list price cannot be removed');
select throws_like($$update public.list_prices set effective_until = '2026-07-01', amount = 1$$,
  '%append-only%', 'nor changed while it is ended');

select * from finish();
rollback;

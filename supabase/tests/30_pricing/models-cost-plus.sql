-- Cost-plus: the list price of the day with a markup and a fee, on the line and in the books.
begin;
select plan(24);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
select id, 0 from public.clients;

create function pg_temp.sync(id text, prices text) returns text language sql as $$
  select concat_ws(' ', s.new_models, s.new_prices, s.proposals)
  from billing.sync_list_prices('litellm', encode(sha256((id || prices)::bytea), 'hex'),
    '2026-06-10 00:00+00', 1000, jsonb_build_array(jsonb_build_object('id', id, 'provider', 'p',
      'prices', (select jsonb_agg(jsonb_build_object('metric', split_part(p, ' ', 1),
        'rate_class', split_part(p, ' ', 2), 'amount', split_part(p, ' ', 3), 'field', 'f',
        'written', split_part(p, ' ', 3))) from regexp_split_to_table(prices, ', ') p)))) s;
$$;
select pg_temp.sync('new-1', 'input_tokens standard 0.000003, output_tokens standard 0.000015, '
  || 'input_tokens batch 0.0000015, cache_read_tokens standard 0.0000003');

-- Steps.
select is(billing.cost_plus_amount(0.000003, 20, 0.10, 1000000), 3.7,
  'three dollars per million and a fifth and ten cents');
select is(billing.cost_plus_amount(0.1, -10, 0, 1), 0.09, 'a negative markup is a discount');
select is(billing.cost_plus_text(0.000003, 20, 0, 1000000), 'list $3.00 per 1M + 20 %',
  'the line says what it is made of');
select is(billing.cost_plus_text(0.0000000375, -2.5, 0.1, 1000),
  'list $0.0000375 per 1K - 2.5 % + $0.10 per 1K', 'to the last digit');
select is(billing.cost_plus_text(0.01, 0, 0, 1), 'list $0.01', 'without what is nothing');
select is(billing.dollars_per(5, 7), '$5.00 per 7', 'per any number');
select results_eq($$select listed_class from billing.class_chain('batch+regional+long_context')
    order by place$$, $$values ('batch+regional+long_context'), ('long_context'), ('regional'),
    ('batch'), ('standard')$$, 'a class falls back to its parts, the last one first');
select results_eq($$select listed_class from billing.class_chain('standard')$$,
  $$values ('standard')$$, 'standard to nothing');
select results_eq($$select k.metric, k.rate_class, l.amount
    from (values ('input_tokens', 'standard'), ('input_tokens', 'batch'), ('input_tokens', 'flex'),
      ('reasoning_tokens', 'standard'), ('cache_read_tokens', 'batch'), ('pages', 'standard')
    ) k(metric, rate_class)
    cross join lateral billing.list_price('new-1', k.metric, k.rate_class, '2026-06-10') l$$,
  $$values ('input_tokens', 'standard', 0.000003), ('input_tokens', 'batch', 0.0000015),
    ('input_tokens', 'flex', 0.000003), ('reasoning_tokens', 'standard', 0.000015),
    ('cache_read_tokens', 'batch', 0.0000003), ('pages', 'standard', null)$$,
  'a class without a price is standard; reasoning is output; what is unknown has none');

-- Prices: a markup goes with cost_plus, in USD, with nothing free.
select throws_like($$insert into public.prices (metric, pricing_model, unit_amount)
    values ('x', 'cost_plus', 0)$$, '%cost_plus needs markup_percent', 'a markup is needed');
select throws_like($$insert into public.prices (metric, pricing_model, unit_amount, markup_percent)
    values ('x', 'per_unit', 0, 1)$$, '%takes no markup_percent', 'and of nothing else');
select throws_like($$insert into public.prices (metric, pricing_model, unit_amount, markup_percent,
    currency) values ('x', 'cost_plus', 0, 1, 'EUR')$$, '%prices_cost_plus_in_usd%', 'in USD');
select throws_like($$insert into public.prices (metric, pricing_model, unit_amount, markup_percent,
    free_units) values ('x', 'cost_plus', 0, 1, 5)$$, '%takes no free_units',
  'a cost-plus price has no free units');

insert into public.prices (client_id, metric, pricing_model, unit_amount, per_units,
  markup_percent, class_multipliers)
select '00000000-0000-0000-0000-00000000000a', m, 'cost_plus', 0, 1000000, 20, '{"batch": 0.5}'
from unnest('{input_tokens,output_tokens,cache_read_tokens}'::text[]) m;
insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, metadata,
  client_id, "timestamp")
select a, m, i, o, x::jsonb, c.id, '2026-06-20'
from (values ('Acme', 'S', 'new-1', 2000000, 100000, '{}'),
  ('Acme', 'S', 'new-1', 1000000, 200000, '{"batch": true}'),
  ('Birch', 'S', 'new-1', 1000000, 0, '{}')) v(client, a, m, i, o, x)
join public.clients c on c.name = v.client;
select _billing.rollup();
create function pg_temp.june(client text default 'Acme') returns billing.rating_target[]
language sql as $$
  select array[(id, '2026-06-01', '2026-07-01')::billing.rating_target] from public.clients
  where name = client;
$$;

-- Input 2M at 3.60 is 7.20; output 0.1M at 18.00 is 1.80. In a batch, input has a list price of
-- its own: 1M at 1.80; output is the standard price, halved by the price: 0.2M at 9.00 is 1.80.
select results_eq($$select concat_ws(' ', nullif(rate_class, 'standard'), metric) collate "C",
      quantity, unit_amount, pricing_model, amount_minor, detail
    from _billing.rate_usage(pg_temp.june()) order by 1$$, $$values
    ('batch input_tokens' collate "C", 1000000::numeric, 1.8, 'cost_plus', 180::numeric,
      'new-1 · list $1.50 per 1M + 20 %'),
    ('batch output_tokens', 200000, 9, 'cost_plus', 180,
      'new-1 · list $15.00 per 1M + 20 % × 0.5'),
    ('input_tokens', 2000000, 3.6, 'cost_plus', 720, 'new-1 · list $3.00 per 1M + 20 %'),
    ('output_tokens', 100000, 18, 'cost_plus', 180, 'new-1 · list $15.00 per 1M + 20 %')$$,
  'a new model is billed without a hand');
select is((select reason from _billing.blocked_targets(pg_temp.june('Birch'))), 'unpriced_usage',
  'under fixed prices the same model blocks its client');
select results_eq($$select why, unit_amount from billing.explain_price(
    '00000000-0000-0000-0000-00000000000a', 'new-1', 'input_tokens', '2026-06-10')$$,
  $$values ('client''s own, any model, list $3.00 per 1M + 20 %', 3.6)$$, 'it is explained');

-- A model without a list price blocks: the default list does not step in.
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'claude-sonnet', 5, '00000000-0000-0000-0000-00000000000a', '2026-06-20');
select _billing.rollup();
select is((select message from _billing.blocked_targets(pg_temp.june())),
  'no price for input_tokens of model claude-sonnet (5 units) in June 2026: add it to prices and '
  || 'run again', 'a model that the catalogue does not have is unpriced');
select is((select why from billing.explain_price('00000000-0000-0000-0000-00000000000a',
  'claude-sonnet', 'input_tokens', '2026-06-10') where chosen),
  'client''s own, any model, no list price on this day', 'and says why');
select is(pg_temp.sync('claude-sonnet', 'input_tokens standard 0.000004'), '1 1 0',
  'when a source knows it');
select is_empty('select * from _billing.blocked_targets(pg_temp.june())', 'it is billed');

-- Another list price in the middle of the month.
update public.list_prices set effective_until = '2026-06-15'
where model = 'new-1' and metric = 'output_tokens';
insert into public.list_prices (provider, model, metric, amount, effective_from, sync_id,
  source_field, source_text)
select provider, model, metric, 0.00002, '2026-06-15', sync_id, 'f', '2e-05'
from public.list_prices where model = 'new-1' and metric = 'output_tokens';
insert into public.agent_usage_logs (agent, model, output_tokens, client_id, "timestamp")
values ('S', 'new-1', 300000, '00000000-0000-0000-0000-00000000000a', '2026-06-14');
select _billing.rollup();
-- 0.3M at 18.00 on the 14th, 0.1M at 24.00 on the 20th.
select results_eq($$select rating_key, service_start, service_end, amount_minor
    from _billing.rate_usage(pg_temp.june()) where metric = 'output_tokens'
      and rate_class = 'standard' order by 2$$,
  $$select concat_ws('|', 'usage|new-1|output_tokens', p.id, starts), starts, ends, amount::numeric
    from public.prices p cross join (values ('2026-06-01'::date, '2026-06-15'::date, 540),
      ('2026-06-15', '2026-07-01', 240)) v(starts, ends, amount)
    where p.pricing_model = 'cost_plus' and p.metric = 'output_tokens'$$,
  'each day is billed by the list price of the day, a line for each');
select results_eq($$select effective_from::text, effective_until::text, is_own
    from billing.list_price_ranges('{new-1,new-1}', '{reasoning_tokens,reasoning_tokens}',
      '{standard,standard}') order by 1$$,
  $$values ('-infinity', '2026-06-15', true), ('2026-06-15', 'infinity', true)$$,
  'asked for once or twice');
insert into public.list_prices (provider, model, metric, rate_class, amount, effective_from,
  sync_id, source_field, source_text)
select provider, model, metric, 'batch', 0.00001, '2026-06-18', sync_id, 'f', '1e-05'
from public.list_prices where effective_from = '2026-06-15';
select results_eq($$select effective_from::text, effective_until::text, is_own
    from billing.list_price_ranges('{new-1}', '{output_tokens}', '{batch}') order by 1$$,
  $$values ('-infinity', '2026-06-15', false), ('2026-06-15', '2026-06-18', false),
    ('2026-06-18', 'infinity', true)$$, 'a class has its own price from its first day on');
select is((select count(*) from billing.price_segments('{null}', '{claude-sonnet}',
  '{input_tokens}', '{standard}', '{USD}') where list_price_id is null), 1::bigint,
  'prices that are no cost_plus have no list price');

select * from finish();
rollback;

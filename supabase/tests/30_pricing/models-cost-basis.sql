-- Cost-plus on what agents logged, or on the higher of that and the list price.
begin;
select plan(16);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000025', 'Media Ltd', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, line_grouping)
values ('00000000-0000-4000-8000-000000000025', 0, 'agent');
create function pg_temp.june() returns billing.rating_target[] language sql as $$
  select array[('00000000-0000-4000-8000-000000000025', '2026-06-01', '2026-07-01')
    ::billing.rating_target];
$$;
create function pg_temp.sell(metric text, basis text, markup numeric default 20,
  fee numeric default 0, class_multipliers jsonb default '{}') returns void language sql as $$
  insert into public.prices (client_id, metric, pricing_model, cost_basis, unit_amount, per_units,
    markup_percent, class_multipliers)
  values ('00000000-0000-4000-8000-000000000025', metric, 'cost_plus', basis, fee,
    case when metric = 'requests' then 1 else 1000000 end, markup, class_multipliers);
$$;
create function pg_temp.log(agent text, model text, input bigint, costs numeric[],
  metadata jsonb default '{}', at text default '2026-06-02') returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, input_cost, total_cost,
    metadata, client_id, "timestamp", created_at)
  values (agent, model, input, costs[1], costs[2], metadata,
    '00000000-0000-4000-8000-000000000025', at::timestamptz, at::timestamptz);
$$;
create function pg_temp.lines() returns setof text language sql as $$
  select concat_ws(' ', l.agent, nullif(l.rate_class, 'standard'), l.metric, l.amount_minor,
    trim_scale(l.unit_amount), '"' || l.detail || '"') collate "C"
  from _billing.rate_usage(pg_temp.june()) l order by 1;
$$;

-- Steps.
select is(_billing.logged_cost_plus(4.5, 3, 20, 0.1, 1), 5.7, '4.50 and a fifth, 3 at 0.10');
select is(_billing.logged_cost_plus(1, 2000000, -50, 3, 1000000), 6.5, 'half of it, 2M at 3.00');
select is(_billing.logged_cost_text(4.2, 20, 0.1, 1), 'logged cost $4.20 + 20 % + $0.10',
  'the line says what it is made of');
select is(billing.markup_text(0, 0, 1), '', 'and nothing of what is nothing');
select throws_like($$select pg_temp.sell('requests', 'higher')$$, '%prices_cost_basis_fits%',
  'only tokens have a list price and a logged cost of the same');
select throws_like($$insert into public.prices (metric, unit_amount, cost_basis)
    values ('x', 1, 'logged_cost')$$, '%prices_cost_basis_fits%', 'a basis is of cost_plus');

-- Media: a cost and nothing else. It waits in quarantine until it is sold by its cost.
select pg_temp.log('MUSE', 'whisper-1', 0, '{0,4.20}');
select pg_temp.log('MUSE', 'whisper-1', 0, '{0,0.30}');
select _billing.rollup();
select is((select reason from billing.quarantine), 'unpriced_cost', 'a cost alone is visible');
select pg_temp.sell('requests', 'logged_cost', 20, 0.1);
select is_empty('select * from billing.quarantine', 'sold by its cost it is released');
select results_eq('select pg_temp.lines()',
  array['MUSE requests 560 "whisper-1 · logged cost $4.50 + 20 % + $0.10"'],
  '4.50 × 1.2 + 2 × 0.10 = 5.60; a line by cost has no price per unit');
select is((select why from billing.explain_price('00000000-0000-4000-8000-000000000025',
    'whisper-1', 'requests', '2026-06-02') where chosen),
  'client''s own, any model, logged cost + 20 % + $0.10', 'it is explained');

-- Tokens by their logged cost: the factor of a class does not hold for what its calls cost.
select pg_temp.sell('input_tokens', 'logged_cost', 20, 0, '{"batch": 0.5}');
select pg_temp.log('SAGE', 'new-1', 1000000, '{1.50,1.50}', '{"batch": true}');
select _billing.rollup();
select is((select l from pg_temp.lines() l where l ~ 'SAGE batch'),
  'SAGE batch input_tokens 180 "new-1 · logged cost $1.50 + 20 %"', '1.50 × 1.2, not halved');

-- An agent that logs no cost blocks, beside one that does.
select pg_temp.log('MUTE', 'new-1', 70, '{0,0}');
select _billing.rollup();
select is((select message from _billing.blocked_targets(pg_temp.june())),
  'no price for input_tokens of model new-1 (70 units) in June 2026: add it to prices and run '
  || 'again',
  'tokens without a cost have no price');
select pg_temp.log('MUTE', 'new-1', 70, '{0.01,0.01}');
select _billing.rollup();
select is_empty('select * from _billing.blocked_targets(pg_temp.june())',
  'a day has a cost or none');

-- The higher of both: by agent here, as its lines are.
update public.prices set cost_basis = 'higher' where metric = 'input_tokens'
  and client_id = '00000000-0000-4000-8000-000000000025';
select is((select reason from _billing.blocked_targets(pg_temp.june())), 'unpriced_usage',
  'without a list price nothing can be compared');
select new_prices from billing.sync_list_prices('litellm', encode(sha256('1'), 'hex'),
  '2026-06-10 00:00+00', 1, '[{"id": "new-1", "provider": "p", "prices": [{"metric":
    "input_tokens", "rate_class": "standard", "amount": "0.000002", "field": "f",
    "written": "2e-06"}]}]');
-- SAGE: list 1M × 2.00 × 0.5 = 1.00 < 1.50 logged. MUTE: 140 × $2 = 0.00028 < 0.01 logged.
select pg_temp.log('ECHO', 'new-1', 3000000, '{5.99,5.99}');
select _billing.rollup();
select results_eq($$select l from pg_temp.lines() l where l !~ 'requests'$$, array[
  'ECHO input_tokens 720 2.4 "new-1 · list $2.00 per 1M + 20 %"',
  'MUTE input_tokens 1 "new-1 · logged cost $0.01 + 20 %"',
  'SAGE batch input_tokens 180 "new-1 · logged cost $1.50 + 20 %"'],
  'ECHO by the list, 6.00 × 1.2; what cost more than the list by its cost');
select is((select why from billing.explain_price('00000000-0000-4000-8000-000000000025',
    'new-1', 'input_tokens', '2026-06-02') where chosen),
  'client''s own, any model, list $2.00 per 1M + 20 %, or the logged cost if higher',
  'it is explained');

select * from finish();
rollback;

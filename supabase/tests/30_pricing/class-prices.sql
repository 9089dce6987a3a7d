-- What usage of a rate class costs: a price of its own, else that of a part of it, else the
-- standard price times the multiplier; and lines, messages and settled periods tell classes apart.
begin;
select plan(36);

insert into public.clients (id, name, external_id, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', 'birch', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-0000-0000-00000000000a', 0), ('00000000-0000-0000-0000-00000000000b', 0);
insert into public.models (id, family, provider, long_context_above)
values ('m-1', 'm', 'anthropic', 1000);
delete from public.prices;
insert into public.prices (metric, rate_class, unit_amount, class_multipliers) values
  ('input_tokens', 'standard', 2, '{"batch": 0.5, "long_context": "2", "fast": 6}'),
  ('input_tokens', 'flex', 0.7, '{}'),
  ('input_tokens', 'priority', 5, '{"long_context": 3}'),
  ('output_tokens', 'standard', 10, '{"batch+long_context": 0.9, "batch": 0.5, "long_context": 2}');

-- The factor of a class that combines others.
select is(billing.class_multiplier('{"a": 0.5, "b": "3", "a+b": 7, "c": 2}', of, wanted), factor,
    format('%s for %s', of, wanted))
from (values ('standard', 'standard', 1), ('standard', 'a', 0.5), ('standard', 'z', 1),
  ('standard', 'a+b', 7), ('standard', 'b+c', 6), ('standard', 'a+b+c', 3), ('a', 'a+c', 2),
  ('a', 'a+z', 1), ('a', 'a', 1)) v(of, wanted, factor);
select is(billing.class_distance(of, wanted), distance, format('%s for %s', of, wanted))
from (values ('a', 'a', 0), ('standard', 'a', 9), ('b', 'a', null), ('b', 'a+b', 2),
  ('a', 'standard', null), ('a+b', 'a+b', 0)) v(of, wanted, distance);

create function pg_temp.chosen(metric text, rate_class text) returns text language sql as $$
  select concat_ws(' ', trim_scale(e.unit_amount * e.multiplier), e.price_class, e.why)
  from billing.explain_price('00000000-0000-0000-0000-00000000000a', 'm-1', metric, '2026-06-10',
    rate_class) e where e.chosen;
$$;
select is(pg_temp.chosen(metric, rate_class), expected, metric || ' ' || rate_class) from (values
  ('input_tokens', 'standard', '2 standard default list, any model'),
  ('input_tokens', 'batch', '1 standard default list, any model, times batch multiplier'),
  ('input_tokens', 'flex', '0.7 flex default list, any model'),
  ('input_tokens', 'regional', '2 standard default list, any model, times regional multiplier'),
  ('input_tokens', 'priority+long_context', '15 priority default list, any model, '
    || 'price for priority, times long_context multiplier'),
  ('input_tokens', 'batch+long_context',
    '2 standard default list, any model, times batch+long_context multiplier'),
  ('output_tokens', 'batch+long_context',
    '9 standard default list, any model, times batch+long_context multiplier')
) v(metric, rate_class, expected);

-- On the invoice: each class a line of its own. 10 × 2 + 10 × 1 + 10 × 0.7 + 1001 × 4 + 2 × 10.
insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, metadata, client_id,
  "timestamp")
select 'ANY', 'm-1', n, o, m::jsonb, '00000000-0000-0000-0000-00000000000a', '2026-06-10'
from (values (10, 2, '{}'), (10, 0, '{"batch": true}'), (10, 0, '{"service_tier": "flex"}'),
  (1001, 0, '{}')) v(n, o, m);
select billing.run_monthly('2026-07-02');
select results_eq($$select l.description, l.rate_class, l.quantity, l.unit_amount, l.amount_minor
    from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
    where i.client_id = '00000000-0000-0000-0000-00000000000a' order by l.position$$, $$values
    ('Input tokens', 'standard', 10::numeric, 2::numeric, 2000::bigint),
    ('Output tokens', 'standard', 2, 10, 2000), ('Batch input tokens', 'batch', 10, 1.0, 1000),
    ('Flex input tokens', 'flex', 10, 0.7, 700),
    ('Long context input tokens', 'long_context', 1001, 4, 400400)$$,
  'each class has a line of its own, which says it');

-- A settled period keeps the prices of the classes it used; others may change.
select throws_ok($$update public.prices set class_multipliers = '{"batch": 0.4, "long_context": 2}'
    where metric = 'input_tokens' and rate_class = 'standard'$$, 'PT409', null,
  'the multiplier of what was charged is frozen');
select throws_ok($$insert into public.prices (metric, rate_class, unit_amount)
    values ('input_tokens', 'batch', 1)$$, 'PT409', null,
  'nor can a price of its own come before it');
select lives_ok($$insert into public.prices (metric, rate_class, unit_amount)
    values ('input_tokens', 'regional', 1)$$, 'a class that was not used may get one');
select throws_ok($$update public.prices set class_multipliers = '{"bacth": 1}'
    where rate_class = 'flex'$$, 'PT400', 'class_multipliers names unknown rate classes: bacth',
  'a class that does not exist is refused');

-- Without any price the period is blocked, and it is said of which class.
delete from public.prices where metric = 'input_tokens' and rate_class = 'regional';
insert into public.agent_usage_logs (agent, model, input_tokens, metadata, client_id, "timestamp",
  other_features)
values ('ANY', 'm-1', 10, '{"batch": true, "cache_read_tokens": 3}',
  '00000000-0000-0000-0000-00000000000b', '2026-06-10', '{}');
select billing.run_monthly('2026-07-02');
select is((select message from public.billing_periods
    where client_id = '00000000-0000-0000-0000-00000000000b' and period_start = '2026-06-01'),
  'no price for batch cache_read_tokens of model m-1 (3 units) in June 2026: add it to prices and '
    || 'run again', 'a class without a price blocks, by its name');
select results_eq($$select reason, metric, rate_class from billing.quarantine
    where client_id = '00000000-0000-0000-0000-00000000000b'$$,
  $$values ('unpriced_usage', 'cache_read_tokens', 'batch')$$, 'and is in quarantine so');

select is(billing.dismiss_unpriced('a test', metric => 'cache_read_tokens'), 1::bigint,
  'dismissing unpriced usage dismisses its log');
select _billing.rollup();
select is_empty('select * from billing.quarantine
    where client_id = ''00000000-0000-0000-0000-00000000000b''', 'and blocks no more');

-- Names, factors and what is refused.
select is(_billing.display_usage('input_tokens', 'batch+long_context'),
  'batch long context input tokens', 'people read the class before the metric');
select is(array(select billing.is_multiplier_list(l) from unnest(
    '{"{}","{\"a\": 0.5, \"b\": \"1000\"}","[]","{\"a\": null}","{\"a\": 1000.1}"}'::jsonb[]) l),
  '{t,t,f,f,f}', 'factors are numbers from 0 to 1000');
select trigger_is('public', 'prices', 'check_price_classes', '_billing', 'check_price_classes',
  'factors are of classes that there are');
select trigger_is('public', name, 'refuse_class_metric', '_billing', 'refuse_class_metric',
  'a class is not a part of a metric''s name, for ' || name)
from unnest('{prices,stripe_meters}'::text[]) name;

select * from finish();
rollback;

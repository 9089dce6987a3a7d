-- Which price holds: the client's before the default list, a batch price of its own before the
-- multiplier, the exact model before its family before any model.
begin;
select plan(11);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01');

create function pg_temp.chosen(model text, metric text, day date default '2026-06-10',
  client uuid default '00000000-0000-0000-0000-00000000000a', rate_class text default 'standard')
returns text language sql as $$
  select concat_ws(' ', unit_amount * multiplier, why)
  from billing.explain_price(client, model, metric, day, rate_class) where chosen;
$$;

select is(pg_temp.chosen('claude-sonnet-4-20250514', 'input_tokens'),
  '3.00 default list, model family', 'the family''s price of the default list');
select is(pg_temp.chosen('anything', 'web_searches'), '0.01 default list, any model',
  'a price for any model');
select is(pg_temp.chosen('mystery-1', 'input_tokens'), null, 'no price is no price: never 0');
insert into public.prices (model, metric, unit_amount, per_units)
values ('claude-sonnet-4-20250514', 'input_tokens', 2.50, 1000000);
select is(pg_temp.chosen('claude-sonnet-4-20250514', 'input_tokens'),
  '2.50 default list, exact model', 'an exact model wins over its family');
select is(pg_temp.chosen('claude-sonnet', 'input_tokens'), '3.00 default list, model family',
  'other models of the family keep theirs');
insert into public.prices (client_id, metric, unit_amount, per_units)
values ('00000000-0000-0000-0000-00000000000a', 'input_tokens', 9, 1000000);
select is(pg_temp.chosen('claude-sonnet-4-20250514', 'input_tokens'),
  '9 client''s own, any model', 'a client''s own price wins over any of the default list');
select is(pg_temp.chosen('claude-sonnet-4-20250514', 'input_tokens', '2026-06-10',
  '00000000-0000-0000-0000-00000000000b'), '2.50 default list, exact model',
  'other clients are not touched');

-- Batch.
insert into public.prices (model, metric, unit_amount, per_units, class_multipliers)
values ('gpt-4o', 'output_tokens', 8, 1000000, '{"batch": 0.5}');
select is(pg_temp.chosen('gpt-4o', 'output_tokens', rate_class => 'batch'),
  '4.0 default list, exact model, times batch multiplier', 'batch usage at the multiplier');
insert into public.prices (family, metric, rate_class, unit_amount, per_units)
values ('gpt-4o', 'output_tokens', 'batch', 4.25, 1000000);
select is(pg_temp.chosen('gpt-4o', 'output_tokens', rate_class => 'batch'),
  '4.25 default list, model family',
  'a batch price of its own wins over the multiplier');

-- The explanation lists what lost, in order, with the reason.
insert into public.prices (client_id, model, metric, unit_amount, per_units, effective_from)
values ('00000000-0000-0000-0000-00000000000a', 'claude-sonnet-4-20250514', 'input_tokens', 1,
  1000000, '2026-07-01');
select results_eq($$select rank, chosen, unit_amount, why from billing.explain_price(
    '00000000-0000-0000-0000-00000000000a', 'claude-sonnet-4-20250514', 'input_tokens',
    '2026-06-10')$$,
  $$values (1::bigint, true, 9::numeric, 'client''s own, any model'),
    (2, false, 2.50, 'default list, exact model'), (3, false, 3.00, 'default list, model family'),
    (4, false, 1, 'client''s own, exact model, not in force on this day')$$,
  'explain_price lists every price considered and why');
select is(pg_temp.chosen('claude-sonnet-4-20250514', 'input_tokens', '2026-07-01'),
  '1 client''s own, exact model', 'a price holds from its first day on');

select * from finish();
rollback;

-- Rating one period step by step: its days and terms, its usage, its lines.
begin;
select plan(17);

insert into public.clients (id, name, started_on, ended_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-11', null),
  ('00000000-0000-0000-0000-00000000000b', 'Leaver', '2026-01-01', '2026-06-16');
insert into public.billing_config (client_id, minimum_minor, discount_percent, line_grouping,
  effective_until) values ('00000000-0000-0000-0000-00000000000a', 6000, 10, 'agent', '2026-07-01');
insert into public.billing_config (client_id, minimum_minor, effective_from) values
  ('00000000-0000-0000-0000-00000000000a', 9000, '2026-07-01');
insert into public.agent_usage_logs (agent, model, input_tokens, web_searches, client_id,
  "timestamp") values
  ('SCHOLAR', 'claude-sonnet', 1000000, 2, '00000000-0000-0000-0000-00000000000a', '2026-06-20'),
  ('CHIRON', 'claude-sonnet', 2000000, 0, '00000000-0000-0000-0000-00000000000a', '2026-06-21'),
  ('CHIRON', 'claude-sonnet', 4000000, 0, '00000000-0000-0000-0000-00000000000a', '2026-06-05'),
  ('CHIRON', 'claude-sonnet', 8000000, 0, '00000000-0000-0000-0000-00000000000b', '2026-06-16');
select _billing.rollup();
create function pg_temp.june(client text) returns billing.rating_target[] language sql as $$
  select array[(id, '2026-06-01', '2026-07-01')::billing.rating_target] from public.clients
  where name = client;
$$;

-- Terms.
select results_eq($$select active_start, active_end, active_days, full_days, minimum_minor,
    discount_percent, line_grouping, currency, exponent from billing.period_terms(
      pg_temp.june('Acme'))$$,
  $$values ('2026-06-11'::date, '2026-07-01'::date, 20, 30, 6000::bigint, 10::numeric, 'agent',
    'USD', 2::smallint)$$, 'the terms of the last day of service hold: not those of 1 July');
select results_eq($$select active_start, active_end, active_days, minimum_minor
    from billing.period_terms(pg_temp.june('Leaver'))$$,
  $$values ('2026-06-01'::date, '2026-06-16'::date, 15, 5000::bigint)$$,
  'a client that leaves on the 16th was served until the 15th');

-- Usage.
select results_eq($$select agent, usage_day, quantity from billing.usage_of_targets(
    pg_temp.june('Acme')) where metric = 'input_tokens' order by usage_day$$,
  $$values ('SCHOLAR', '2026-06-20'::date, 1000000::numeric), ('CHIRON', '2026-06-21', 2000000)$$,
  'usage of the days of service, not of the days before');
select is_empty($$select * from billing.usage_of_targets(pg_temp.june('Leaver'))$$,
  'nor of the first day no longer served');

-- Lines.
select results_eq($$select m, _billing.display_name(m)
    from unnest('{claude-sonnet,gpt-4o-mini,gemini-1.5-pro,m}'::text[]) m$$,
  $$values ('claude-sonnet', 'Claude Sonnet'), ('gpt-4o-mini', 'GPT-4o-mini'),
    ('gemini-1.5-pro', 'Gemini 1.5 Pro'), ('m', 'M')$$, 'models as people read them');
select results_eq($$select m, _billing.display_metric(m)
    from unnest('{input_tokens,pdf_processing,web_searches}'::text[]) m$$,
  $$values ('input_tokens', 'input tokens'), ('pdf_processing', 'PDF processing'),
    ('web_searches', 'web searches')$$, 'metrics are named as people read them');
select results_eq($$select agent, description, quantity, unit_amount, precise_amount, amount_minor
    from _billing.rate_usage(pg_temp.june('Acme')) order by 2, 1$$, $$values
    ('CHIRON', 'Claude Sonnet · input tokens', 2000000::numeric, 3::numeric, 6::numeric,
      600::numeric),
    ('SCHOLAR', 'Claude Sonnet · input tokens', 1000000, 3, 3, 300),
    ('SCHOLAR', 'Web searches', 2, 0.01, 0.02, 2)$$, 'a line per agent, model and metric');
select results_eq($$select kind, amount_minor, detail from _billing.rate_charges(
    pg_temp.june('Acme')) where kind = 'minimum'$$,
  $$values ('minimum', 3098::numeric, 'minimum USD 60.00, 20 of 30 days')$$,
  '20 of 30 days of 60.00 are 40.00; 9.02 are used, 30.98 made up');

-- Items go to the period with their day, or to the first after it that is not settled.
insert into public.invoice_items (id, client_id, description, unit_amount, currency, item_day)
values
  ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000a', 'Early', 1,
    'USD', '2026-05-02'),
  ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-00000000000a', 'June', 2,
    'USD', '2026-06-30'),
  ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-00000000000a', 'July', 4,
    'USD', '2026-07-01');
select results_eq($$select i.description from _billing.items_of_targets(pg_temp.june('Acme')) t
    join public.invoice_items i on i.id = t.item_id order by 1$$,
  $$values ('Early'), ('June')$$, 'an item of July is not on June''s invoice');
select results_eq($$select i.description, t.period_start from _billing.items_of_targets(
    pg_temp.june('Acme') || array(select (client_id, '2026-07-01', '2026-08-01')
      ::billing.rating_target from unnest(pg_temp.june('Acme')))) t
    join public.invoice_items i on i.id = t.item_id order by 1$$,
  $$values ('Early', '2026-06-01'::date), ('July', '2026-07-01'), ('June', '2026-06-01')$$,
  'each is taken once');
select is((select sum(amount_minor) from _billing.rate_charges(pg_temp.june('Acme'))
  where kind = 'one_off'), 300::numeric, 'a charge each: 1.00 and 2.00');

-- Discount and tax on what is charged.
create function pg_temp.lines(discount numeric, fixed bigint, taxes jsonb)
returns table (kind text, amount_minor numeric, tax_base_minor numeric) language sql as $$
  select r.kind, r.amount_minor, r.tax_base_minor from _billing.add_discounts_and_taxes(
    array(select c from _billing.rate_charges(pg_temp.june('Acme')) c),
    array(select (t.client_id, t.period_start, 2, discount, fixed, taxes)::_billing.section_terms
      from unnest(pg_temp.june('Acme')) t)) r
  where r.kind in ('discount', 'tax') order by r.kind, r.rating_key;
$$;
select results_eq($$select * from pg_temp.lines(10, null,
    '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]')$$,
  $$values ('discount', -400::numeric, null::numeric), ('tax', 780, 3900)$$,
  '10 % of 40.00, items excepted; 20 % of 36.00 + 3.00');
select results_eq($$select * from pg_temp.lines(null, 9999, '[]')$$,
  $$values ('discount', -4000::numeric, null::numeric)$$,
  'a fixed discount takes no more than all');
select results_eq($$select * from pg_temp.lines(null, null,
    '[{"name": "VAT", "rate_percent": "7.5", "behavior": "inclusive"},
      {"name": "Levy", "rate_percent": "10", "behavior": "reverse_charge",
        "applies_to": ["one_off"]}]')$$,
  $$values ('tax', 300::numeric, 4000::numeric), ('tax', 0, 279)$$,
  '43.00 contain 3.00 of 7.5 %; the buyer''s own tax is noted on the items'' 3.00 / 1.075');

select results_eq($$select kind, amount_minor from _billing.discounts_and_taxes(
    array(select c from _billing.rate_charges(pg_temp.june('Acme')) c),
    array(select (t.client_id, t.period_start, 2, 10, null, '[]')::_billing.section_terms
      from unnest(pg_temp.june('Acme')) t))$$, $$values ('discount', -400::numeric)$$,
  'discounts and taxes are returned without their charges');

-- Usage without a price is told of where it is asked for.
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'mystery', 7, '00000000-0000-0000-0000-00000000000a', '2026-06-20');
select _billing.rollup();
select is_empty($$select from _billing.rate_periods(pg_temp.june('Acme')) where model = 'mystery'$$,
  'a line has a price');
select results_eq($$select kind, metric, quantity, amount_minor
    from _billing.rate_periods(pg_temp.june('Acme'), true) where model = 'mystery'$$,
  $$values ('unpriced', 'input_tokens', 7::numeric, null::numeric)$$,
  'usage without a price is among what blocks');

select * from finish();
rollback;

-- Parts of rating by themselves: discounts, taxes, usage by day, labels, the running period.
begin;
select plan(14);

create temporary table terms as
select array[jsonb_populate_record(null::_billing.section_terms, '{"exponent": 2,
  "client_id": "00000000-0000-4000-8000-000000000355", "section_start": "2026-06-01",
  "discount_percent": 12.5, "taxes": [{"name": "VAT", "rate_percent": "20",
    "behavior": "exclusive", "applies_to": ["units"]},
    {"name": "RC", "rate_percent": "21", "behavior": "reverse_charge", "note": "n"}]}')] as list;
select results_eq($$select d.section, d.amount_minor, d.precise from terms t
    cross join lateral _billing.discounts_of(array[
      jsonb_populate_record(null::_billing.rated_line, '{"kind": "usage", "amount_minor": 900,
        "client_id": "00000000-0000-4000-8000-000000000355", "section_start": "2026-06-01"}'),
      jsonb_populate_record(null::_billing.rated_line, '{"kind": "minimum", "amount_minor": 101,
        "client_id": "00000000-0000-4000-8000-000000000355", "section_start": "2026-06-01"}'),
      jsonb_populate_record(null::_billing.rated_line, '{"kind": "one_off", "amount_minor": 50,
        "client_id": "00000000-0000-4000-8000-000000000355", "section_start": "2026-06-01"}')
    ], t.list) d$$,
  $$values (date '2026-06-01', 1001::numeric, 125.125)$$,
  'discount: an eighth of usage and minimum, not rounded yet');
select results_eq($$select x.n, x.name, x.rate, x.behavior, x.note, x.applies_to
    from terms t cross join lateral _billing.taxes_of(t.list) x order by 1$$,
  $$values (1::bigint, 'VAT', 20::numeric, 'exclusive', null, '["units"]'::jsonb),
    (2, 'RC', 21, 'reverse_charge', 'n', null)$$, 'taxes in their order');

insert into public.clients (id, name, started_on, ended_on) values
  ('00000000-0000-4000-8000-000000000355', 'Own', '2026-06-11', '2026-06-21'),
  ('00000000-0000-4000-8000-000000000356', 'List', '2026-06-01', null);
insert into public.prices (id, client_id, metric, pricing_model, unit_amount, free_units) values
  ('00000000-0000-4000-8000-000000000357', '00000000-0000-4000-8000-000000000355', 'volume',
    'percentage', 2.5, 100),
  ('00000000-0000-4000-8000-000000000358', '00000000-0000-4000-8000-000000000355', 'calls',
    'per_unit', 3, 0);
insert into public.usage_records (client_id, usage_day, model, metric, agent, quantity,
  provider_cost, log_count) values
  ('00000000-0000-4000-8000-000000000355', '2026-06-12', 'm', 'calls', 'A', 3, 0.5, 1),
  ('00000000-0000-4000-8000-000000000355', '2026-06-12', 'm', 'calls', 'B', 4, 0.25, 2),
  ('00000000-0000-4000-8000-000000000355', '2026-06-13', 'm', 'calls', 'A', 5, 0, 1),
  ('00000000-0000-4000-8000-000000000355', '2026-06-10', 'm', 'calls', 'A', 9, 0, 1);
create function pg_temp.terms() returns billing.target_terms[] language sql as $$
  select array(select t from billing.period_terms(array[('00000000-0000-4000-8000-000000000355',
    '2026-06-01', '2026-07-01')::billing.rating_target]) t);
$$;
select results_eq($$select n, agent, usage_day, quantity, log_count, provider_cost
    from billing.usage_by_day(pg_temp.terms(), false) order by usage_day$$,
  $$values (1::bigint, null, date '2026-06-12', 7::numeric, 3::numeric, 0.75),
    (1, null, '2026-06-13', 5, 1, 0)$$, 'usage_by_day: agents of a day are summed');
select is((select count(*) from billing.usage_by_day(pg_temp.terms(), true)), 3::bigint,
  'or stand apart');
select results_eq($$select quantity, (select array_agg(d order by d.usage_day)
      from unnest(by_day) d)
    from billing.priced_usage(null, false, pg_temp.terms(), true)$$,
  $$values (12::numeric, array[('2026-06-12', 7), ('2026-06-13', 5)]::billing.day_quantity[])$$,
  'by terms that are given, with the days of a line');
select results_eq($$select pricing_model, unit_amount, unit_factor, is_linear, rating_key, detail
    from _billing.line_labels(array[
      ('m', 'volume', 'standard', '00000000-0000-4000-8000-000000000357', 1, null),
      ('m', 'calls', 'standard', '00000000-0000-4000-8000-000000000358', 1, null)
    ]::_billing.label_key[]) order by metric desc$$,
  $$values ('percentage', 2.5, 0.01, false,
      'usage|m|volume|00000000-0000-4000-8000-000000000357', 'm · 2.5 %'),
    ('per_unit', 3, 1, true, 'usage|m|calls|00000000-0000-4000-8000-000000000358', 'm')$$,
  'a label has what its model says; with free units places matter');
select is_empty($$select from _billing.line_labels(array[
    ('m', 'calls', 'standard', '00000000-0000-4000-8000-000000000358', 1, null)
  ]::_billing.label_key[], false) l where l.description is not null or l.detail is not null$$,
  'and no texts where they are not wanted');
select is(_billing.line_description(true, 'm', 'web_searches', 'standard'), 'Web searches',
  'line_description: of a price for any model');
select is(_billing.line_description(false, 'gpt-4o', 'input_tokens', 'batch'),
  'GPT-4o · batch input tokens', 'or of one');
select is(_billing.line_detail('m', p, 0.000002, 0.5, '%s %%'), d, d)
from (values ('{"pricing_model": "percentage", "unit_amount": 2.50}'::jsonb, 'm · 2.5 %'),
  ('{"pricing_model": "cost_plus", "cost_basis": "list", "markup_percent": 20, "unit_amount": 0,
    "per_units": 1000000}', 'm · list $2.00 per 1M + 20 % × 0.5')) v(price, d)
cross join lateral jsonb_populate_record(null::public.prices, v.price) p;
select results_eq($$select target, today
    from _billing.current_target('00000000-0000-4000-8000-000000000356', '2026-06-15 12:00+00')$$,
  $$values (('00000000-0000-4000-8000-000000000356', '2026-06-01', '2026-07-01'
    )::billing.rating_target, date '2026-06-15')$$, 'the running period, and which day it is');
select is(_billing.served_days('00000000-0000-4000-8000-000000000355', '2026-06-01', '2026-06-15'),
  4::bigint, 'of 14 days four are of service: from the 11th on');
select is(_billing.served_days('00000000-0000-4000-8000-000000000355', '2026-06-01', '2026-07-01'),
  10::bigint, 'and ten until it ends');

select * from finish();
rollback;

-- Parts of rating by themselves: discounts, taxes, numbered terms, labels, the running period.
begin;
select plan(7);

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
select results_eq($$select list, by_agent from billing.numbered_terms(array(
      select (c.id, '2026-06-01', '2026-07-01')::billing.rating_target from public.clients c),
      true) order by list$$,
  $$values ('', true), ('00000000-0000-4000-8000-000000000355', true)$$,
  'a client with prices of its own is its own list, the others have one');
select results_eq($$select pricing_model, unit_amount, unit_factor, is_linear, rating_key, detail
    from _billing.line_labels(array[
      ('m', 'volume', 'standard', '00000000-0000-4000-8000-000000000357', 1, null),
      ('m', 'calls', 'standard', '00000000-0000-4000-8000-000000000358', 1, null)
    ]::_billing.label_key[]) order by metric desc$$,
  $$values ('percentage', 2.5, 0.01, false,
      'usage|m|volume|00000000-0000-4000-8000-000000000357', 'm · 2.5 %'),
    ('per_unit', 3, 1, true, 'usage|m|calls|00000000-0000-4000-8000-000000000358', 'm')$$,
  'a label has what its model says; with free units places matter');
select is(_billing.current_target('00000000-0000-4000-8000-000000000356', '2026-06-15 12:00+00'),
  ('00000000-0000-4000-8000-000000000356', '2026-06-01', '2026-07-01')::billing.rating_target,
  'the running period');
select is(_billing.served_days('00000000-0000-4000-8000-000000000355', '2026-06-01', '2026-06-15'),
  4::bigint, 'of 14 days four are of service: from the 11th on');
select is(_billing.served_days('00000000-0000-4000-8000-000000000355', '2026-06-01', '2026-07-01'),
  10::bigint, 'and ten until it ends');

select * from finish();
rollback;

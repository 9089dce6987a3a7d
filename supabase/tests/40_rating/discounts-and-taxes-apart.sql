-- Discounts and taxes are those of the client and the period, though many are rated at once.
begin;
select plan(1);

create temporary table rated as
select ('00000000-0000-4000-8000-00000000035' || v.client)::uuid as client_id, v.*
from (values
  -- 120.00 with 20 % in them and half off; 110.00 with 10 %; 105.00 of another client with 5 %.
  (1, '2026-06-01'::date, 12000, 50, 20), (1, '2026-07-01', 11000, null, 10),
  (2, '2026-06-01', 10500, null, 5)) v(client, section_start, amount_minor, discount, rate);
select results_eq($$
  select right(l.client_id::text, 1), l.section_start, l.kind, l.amount_minor, l.tax_base_minor
  from _billing.discounts_and_taxes(
    array(select jsonb_populate_record(null::_billing.rated_line, to_jsonb(r)
      || '{"kind": "usage", "metric": "input_tokens"}') from rated r),
    array(select jsonb_populate_record(null::_billing.section_terms, to_jsonb(r)
      || jsonb_build_object('exponent', 2, 'discount_percent', r.discount, 'taxes', format(
        '[{"name": "VAT", "rate_percent": "%s", "behavior": "inclusive"}]', r.rate)::jsonb))
      from rated r)) l
  order by 1, 2, 3$$, $$values
  ('1', '2026-06-01'::date, 'discount', -6000::numeric, null::numeric),
  ('1', '2026-06-01', 'tax', 1000, 5000), ('1', '2026-07-01', 'tax', 1000, 10000),
  ('2', '2026-06-01', 'tax', 500, 10000)$$,
  'discounts_and_taxes: half of 60.00 and 20 %, 10 % of 100.00, 5 % of 100.00');

select * from finish();
rollback;

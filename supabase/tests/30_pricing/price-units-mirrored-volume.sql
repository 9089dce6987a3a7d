-- Where more is taken back than was used, units cost the mirror image: at the tier of their total.
begin;
select plan(2);

select results_eq($$select n, _billing.price_units('volume', 0, n, n, null, 1,
    '[{"up_to": 100, "unit_amount": 1, "flat_amount": 3}, {"unit_amount": 0.5}]', 10)
  from unnest('{110,111,-110,-111}'::numeric[]) n$$,
  -- Ten units are free: 100 at 1.00 and 3.00, 101 at 0.50.
  $$values (110::numeric, 103::numeric), (111, 50.5), (-110, -103), (-111, -50.5)$$,
  'price_units: below zero as above');

select throws_ok($$insert into public.prices (metric, pricing_model) values ('x', 'volume')$$,
  'PT400', 'a price of the model volume needs tiers', 'a model of tiers without tiers is no price');

select * from finish();
rollback;

-- Money is rounded once, half away from zero, to the currency's exponent.
begin;
select plan(3);

create temporary table cases (amount numeric, exponent smallint, minor numeric, rule text);
insert into cases values
  (1.005, 2, 101, 'half a cent goes up'),
  (1.004999, 2, 100, 'less than half goes down'),
  (-1.005, 2, -101, 'half a cent of credit goes away from zero'),
  (-1.004999, 2, -100, 'less than half a cent of credit does not'),
  (0.005, 2, 1, 'half a cent is a cent'),
  (0.0049999999999999, 2, 0, 'a hair less is nothing'),
  (2.675, 2, 268, 'no binary fraction spoils it'),
  (1.5, 0, 2, 'JPY: half a yen goes up'),
  (-0.5, 0, -1, 'JPY: half a yen of credit'),
  (1234.4999, 0, 1234, 'JPY has no decimals'),
  (1.0005, 3, 1001, 'KWD: half a fils goes up'),
  (-1.0005, 3, -1001, 'KWD: half a fils of credit'),
  (92233720368547758070, 2, 9223372036854775807000, 'an absurd amount is reported, not refused');
select is_empty($$select rule, _billing.to_minor(amount, exponent), minor from cases
  where _billing.to_minor(amount, exponent) <> minor$$,
  'every case rounds as written');
select results_eq($$select _billing.format_minor(n, e::smallint) from (values
    (1234567::numeric, 2), (-5, 2), (1500, 0), (1001, 3), (0, 2)) v(n, e)$$,
  array['12345.67', '-0.05', '1500', '1.001', '0.00'], 'messages show amounts in major units');
select throws_ok($$insert into public.currencies values ('QQQ', 4, 'No such exponent')$$,
  '23514', null, 'a currency has 0, 2 or 3 decimals');

select * from finish();
rollback;

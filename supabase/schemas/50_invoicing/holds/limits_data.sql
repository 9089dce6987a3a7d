-- The limits of each currency: a ceiling of about 100,000 US dollars, and a floor of a hundredth of
-- it. A limit that a seller has changed stays.

insert into public.hold_limits (currency, ceiling_minor, floor_minor)
select c.code, _billing.to_minor(v.amount, c.exponent),
  _billing.to_minor(v.amount / 100, c.exponent)
from (values
  ('AED', 400000), ('ARS', 100000000), ('AUD', 150000), ('BGN', 200000), ('BHD', 40000),
  ('BRL', 500000), ('CAD', 150000), ('CHF', 100000), ('CLP', 100000000), ('CNY', 700000),
  ('COP', 400000000), ('CZK', 2500000), ('DKK', 700000), ('EGP', 5000000), ('EUR', 100000),
  ('GBP', 100000), ('HKD', 800000), ('HUF', 40000000), ('IDR', 1500000000), ('ILS', 400000),
  ('INR', 8000000), ('ISK', 15000000), ('JOD', 70000), ('JPY', 15000000), ('KES', 15000000),
  ('KRW', 150000000), ('KWD', 30000), ('MAD', 1000000), ('MXN', 2000000), ('MYR', 500000),
  ('NGN', 150000000), ('NOK', 1000000), ('NZD', 150000), ('OMR', 40000), ('PEN', 400000),
  ('PHP', 6000000), ('PLN', 400000), ('RON', 500000), ('SAR', 400000), ('SEK', 1000000),
  ('SGD', 150000), ('THB', 4000000), ('TND', 300000), ('TRY', 4000000), ('TWD', 3000000),
  ('UAH', 4000000), ('USD', 100000), ('VND', 2500000000), ('XOF', 60000000), ('ZAR', 2000000)
) v(code, amount) join public.currencies c on c.code = v.code
on conflict (client_id, currency) do nothing;

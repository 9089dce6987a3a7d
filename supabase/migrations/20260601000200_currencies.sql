-- Currencies and the one way from a precise amount to money that is charged.
create table public.currencies (
  code text primary key constraint currencies_code_shape check (code ~ '^[A-Z]{3}$'),
  exponent smallint not null constraint currencies_exponent_known check (exponent in (0, 2, 3)),
  name text not null
);
comment on table public.currencies is
  'ISO 4217 currencies; exponent is the digits of the minor unit.';
alter table public.currencies enable row level security;
revoke all on public.currencies from anon, authenticated, service_role;
grant select on public.currencies to authenticated, service_role;
create policy "anyone signed in reads currencies" on public.currencies
  for select to authenticated using (true);

insert into public.currencies (code, exponent, name) values
  ('AED', 2, 'UAE Dirham'), ('ARS', 2, 'Argentine Peso'), ('AUD', 2, 'Australian Dollar'),
  ('BGN', 2, 'Bulgarian Lev'), ('BHD', 3, 'Bahraini Dinar'), ('BRL', 2, 'Brazilian Real'),
  ('CAD', 2, 'Canadian Dollar'), ('CHF', 2, 'Swiss Franc'), ('CLP', 0, 'Chilean Peso'),
  ('CNY', 2, 'Yuan Renminbi'), ('COP', 2, 'Colombian Peso'), ('CZK', 2, 'Czech Koruna'),
  ('DKK', 2, 'Danish Krone'), ('EGP', 2, 'Egyptian Pound'), ('EUR', 2, 'Euro'),
  ('GBP', 2, 'Pound Sterling'), ('HKD', 2, 'Hong Kong Dollar'), ('HUF', 2, 'Forint'),
  ('IDR', 2, 'Rupiah'), ('ILS', 2, 'New Israeli Sheqel'), ('INR', 2, 'Indian Rupee'),
  ('ISK', 0, 'Iceland Krona'), ('JOD', 3, 'Jordanian Dinar'), ('JPY', 0, 'Yen'),
  ('KES', 2, 'Kenyan Shilling'), ('KRW', 0, 'Won'), ('KWD', 3, 'Kuwaiti Dinar'),
  ('MAD', 2, 'Moroccan Dirham'), ('MXN', 2, 'Mexican Peso'), ('MYR', 2, 'Malaysian Ringgit'),
  ('NGN', 2, 'Naira'), ('NOK', 2, 'Norwegian Krone'), ('NZD', 2, 'New Zealand Dollar'),
  ('OMR', 3, 'Rial Omani'), ('PEN', 2, 'Sol'), ('PHP', 2, 'Philippine Peso'),
  ('PLN', 2, 'Zloty'), ('RON', 2, 'Romanian Leu'), ('SAR', 2, 'Saudi Riyal'),
  ('SEK', 2, 'Swedish Krona'), ('SGD', 2, 'Singapore Dollar'), ('THB', 2, 'Baht'),
  ('TND', 3, 'Tunisian Dinar'), ('TRY', 2, 'Turkish Lira'), ('TWD', 2, 'New Taiwan Dollar'),
  ('UAH', 2, 'Hryvnia'), ('USD', 2, 'US Dollar'), ('VND', 0, 'Dong'), ('XOF', 0, 'CFA Franc'),
  ('ZAR', 2, 'Rand');

-- Rounds once, half away from zero (that is what round(numeric) does). Amounts come in major
-- units (1.005 USD) and leave as a whole number of minor units, still numeric so that an absurd
-- amount can be reported instead of overflowing.
create function billing.to_minor(amount numeric, exponent smallint)
returns numeric language sql immutable
return round(amount * case exponent when 0 then 1 when 2 then 100 when 3 then 1000 end);
comment on function billing.to_minor is
  'Precise amount in major units to minor units; the one rounding, half away from zero.';

-- 1234567, 2 -> '12345.67'; for messages and statements, never for arithmetic.
create function billing.format_minor(amount_minor numeric, exponent smallint)
returns text language sql immutable
return case exponent
  when 0 then trunc(amount_minor)::text
  when 2 then (amount_minor / 100)::numeric(40, 2)::text
  when 3 then (amount_minor / 1000)::numeric(40, 3)::text
end;

revoke all on all functions in schema billing from public;

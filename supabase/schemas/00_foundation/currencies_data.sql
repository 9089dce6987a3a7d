-- The currencies of ISO 4217 that invoices may be in.

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
  ('ZAR', 2, 'Rand')
on conflict (code) do update
set exponent = excluded.exponent, name = excluded.name;

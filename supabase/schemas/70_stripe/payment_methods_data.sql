-- By docs.stripe.com/invoicing/payment-methods and docs.stripe.com/payments/bank-transfers.

insert into billing.stripe_payment_methods (method, currency, is_automatic, bank_transfer_type)
values ('card', null, true, null),
  ('sepa_debit', 'EUR', true, null),
  ('us_bank_account', 'USD', true, null),
  ('customer_balance', 'EUR', false, 'eu_bank_transfer'),
  ('customer_balance', 'GBP', false, 'gb_bank_transfer'),
  ('customer_balance', 'JPY', false, 'jp_bank_transfer'),
  ('customer_balance', 'MXN', false, 'mx_bank_transfer'),
  ('customer_balance', 'USD', false, 'us_bank_transfer')
on conflict on constraint stripe_payment_methods_once do update
set is_automatic = excluded.is_automatic, bank_transfer_type = excluded.bank_transfer_type;

-- The payment methods that a client's invoices may offer, and the currencies each of them is for.

create table billing.stripe_payment_methods (
  id integer generated always as identity primary key,
  method text not null,
  currency text references public.currencies (code),
  is_automatic boolean not null,
  bank_transfer_type text,
  constraint stripe_payment_methods_once unique nulls not distinct (method, currency)
);
comment on table billing.stripe_payment_methods is
  'Payment methods of Stripe invoices, by the currencies that Stripe offers them for.';
comment on column billing.stripe_payment_methods.currency is 'Null: every currency.';
comment on column billing.stripe_payment_methods.is_automatic is
  'Whether it can be stored and charged without the client; a bank transfer cannot.';
comment on column billing.stripe_payment_methods.bank_transfer_type is
  'Stripe''s name of the kind of bank account that transfers of the currency go to.';
create index stripe_payment_methods_currency on billing.stripe_payment_methods (currency);
alter table billing.stripe_payment_methods enable row level security;
revoke all on billing.stripe_payment_methods from public;
grant select on billing.stripe_payment_methods to service_role;

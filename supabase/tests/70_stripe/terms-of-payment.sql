-- How a client may pay by Stripe: methods by the currencies it is billed in, refused when they are
-- set, with what is wrong.
begin;
select plan(29);

insert into public.clients (id, name, external_id, started_on)
select ('00000000-0000-4000-8000-' || lpad(row_number() over ()::text, 12, '0'))::uuid, c.code,
  c.code, '2026-06-01' from unnest('{USD,EUR,GBP,CHF,MOVES}'::text[]) c(code);
insert into public.billing_config (client_id, currency)
select id, name from public.clients where name <> 'MOVES';
insert into public.billing_config (client_id, currency, effective_from, effective_until)
select id, x.currency, x.begins, x.ends from public.clients, (values
  ('USD', '-infinity'::date, '2100-01-01'::date), ('EUR', '2100-01-01', 'infinity')
) x(currency, begins, ends) where name = 'MOVES';

create function pg_temp.set_terms(name text, methods text[], country text default null,
  method text default 'send_invoice') returns text language plpgsql as $$
begin
  insert into public.stripe_terms (client_id, payment_methods, bank_transfer_country,
    collection_method)
  select id, methods, country, method from public.clients c where c.name = set_terms.name
  on conflict (client_id) do update set payment_methods = excluded.payment_methods,
    bank_transfer_country = excluded.bank_transfer_country,
    collection_method = excluded.collection_method;
  return 'set';
exception when sqlstate 'PT400' then
  return sqlerrm;
end $$;
create function pg_temp.id(name text) returns uuid language sql as $$
  select id from public.clients c where c.name = id.name;
$$;

select is(_billing.coming_currencies(pg_temp.id('MOVES')), '{EUR,USD}',
  'currencies are those of today and later');
select is(_billing.coming_currencies(pg_temp.id('CHF')), '{CHF}', 'one where none changes');
select is(pg_temp.set_terms('CHF', '{card}'), 'set', 'cards are for every currency');
select is(pg_temp.set_terms('EUR', '{card,sepa_debit}'), 'set', 'SEPA is for EUR');
select is(pg_temp.set_terms('USD', '{us_bank_account,card}'), 'set', 'ACH is for USD');
select is(pg_temp.set_terms('USD', '{sepa_debit}'),
  'sepa_debit is for EUR; the client is billed in USD', 'and no other');
select is(pg_temp.set_terms('EUR', '{us_bank_account}'),
  'us_bank_account is for USD; the client is billed in EUR', 'nor the other way round');
select is(pg_temp.set_terms('CHF', '{card,customer_balance}'),
  'customer_balance is for EUR, GBP, JPY, MXN, USD; the client is billed in CHF',
  'bank transfers are for five currencies');
select is(pg_temp.set_terms('GBP', '{customer_balance}'), 'set', 'GBP among them');
select is(pg_temp.set_terms('EUR', '{customer_balance}'),
  'bank transfers in EUR need a bank_transfer_country: DE, FR, IE or NL', 'EUR needs a country');
select is(pg_temp.set_terms('EUR', '{customer_balance}', 'IE'), 'set', 'one that Stripe offers');
select throws_ok($$select pg_temp.set_terms('EUR', '{customer_balance}', 'AT')$$, '23514', null,
  'not one that it does not');
select is(pg_temp.set_terms('USD', '{paypal}'), 'paypal is unknown', 'nor any other method');
select throws_ok($$select pg_temp.set_terms('USD', '{}')$$, '23514', null, 'nor no method at all');
select is(pg_temp.set_terms('USD', '{customer_balance}', null, 'charge_automatically'),
  'customer_balance cannot be charged automatically', 'a bank transfer is made by the client');
select is(pg_temp.set_terms('USD', '{card}', null, 'charge_automatically'), 'set',
  'a stored card is charged');
select is(pg_temp.set_terms('MOVES', '{us_bank_account}'),
  'none of the payment methods is for EUR', 'a currency to come has a method too');
select is(pg_temp.set_terms('MOVES', '{us_bank_account,sepa_debit}'), 'set',
  'each of its own');
select is(_billing.refusal_of_terms(t), null, 'the stored terms are not refused')
from public.stripe_terms t where t.client_id = pg_temp.id('GBP');

-- A change of one column is compared with what the others have.
select pg_temp.set_terms('EUR', '{card}', 'IE');
select lives_ok($$insert into public.stripe_terms (client_id, payment_methods)
  select id, '{customer_balance}' from public.clients where name = 'EUR'
  on conflict (client_id) do update set payment_methods = excluded.payment_methods$$,
  'with the country that is set already');
select throws_ok($$insert into public.stripe_terms (client_id, payment_methods)
  select id, '{us_bank_account}' from public.clients where name = 'EUR'
  on conflict (client_id) do update set payment_methods = excluded.payment_methods$$,
  'PT400', null, 'and refused as any other');

-- What invoices in a currency offer.
select pg_temp.set_terms('EUR', '{card,sepa_debit,customer_balance}', 'IE');
select is(_billing.payment_methods_for(pg_temp.id('EUR'), 'EUR'), '[
  {"method": "card", "bank_transfer_type": null, "country": null},
  {"method": "customer_balance", "bank_transfer_type": "eu_bank_transfer", "country": "IE"},
  {"method": "sepa_debit", "bank_transfer_type": null, "country": null}]'::jsonb,
  'all of the currency, with where transfers go to');
select is(_billing.payment_methods_for(pg_temp.id('MOVES'), 'EUR'),
  '[{"method": "sepa_debit", "bank_transfer_type": null, "country": null}]'::jsonb,
  'none of another currency');
select is(_billing.payment_methods_for(pg_temp.id('GBP'), 'CHF'), '[]'::jsonb,
  'an invoice in another currency may have none');
insert into public.clients (name) values ('Plain');
select is(_billing.payment_methods_for(pg_temp.id('Plain'), 'USD'), null,
  'without terms the Dashboard decides');

-- What Stripe's page says of tax.
select is(_billing.stripe_client_facts(pg_temp.id('EUR'), false) ->> 'tax_exempt', 'none',
  'tax is as usual');
update public.billing_config set taxes = '[{"name": "VAT", "rate_percent": "0",
  "behavior": "reverse_charge"}]' where client_id = pg_temp.id('EUR');
select ok(_billing.is_reverse_charged(pg_temp.id('EUR')), 'the client accounts for it');
select is(_billing.stripe_client_facts(pg_temp.id('EUR'), false) ->> 'tax_exempt', 'reverse',
  'then it is reversed there');
update public.stripe_terms set tax_exempt = 'exempt' where client_id = pg_temp.id('EUR');
select is(_billing.stripe_client_facts(pg_temp.id('EUR'), false) ->> 'tax_exempt', 'exempt',
  'or as it was said');

select * from finish();
rollback;

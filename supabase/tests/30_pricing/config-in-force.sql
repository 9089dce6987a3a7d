-- The terms that hold for a client on a day: its own, else the default's; the default's money only
-- where the currency is the same.
begin;
select plan(6);

select is_empty($$
  select t.taxes, t.good from (values
    ('[]'::jsonb, true), ('{}', false), ('null', false),
    ('[{"name": "VAT", "rate_percent": "19", "behavior": "exclusive"}]', true),
    ('[{"name": "VAT", "rate_percent": 19.5, "behavior": "inclusive"}]', true),
    ('[{"name": "VAT", "rate_percent": "0", "behavior": "reverse_charge",
      "applies_to": ["minimum"]}]', true),
    ('[{"name": "VAT", "rate_percent": "19", "behavior": "exclusive", "applies_to": "minimum"}]',
      false),
    ('[{"name": "", "rate_percent": "19", "behavior": "exclusive"}]', false),
    ('[{"rate_percent": "19", "behavior": "exclusive"}]', false),
    ('[{"name": "VAT", "rate_percent": "-1", "behavior": "exclusive"}]', false),
    ('[{"name": "VAT", "rate_percent": "1e3", "behavior": "exclusive"}]', false),
    ('[{"name": "VAT", "rate_percent": "1.1234567", "behavior": "exclusive"}]', false),
    ('[{"name": "VAT", "rate_percent": "19", "behavior": "sometimes"}]', false),
    ('[{"name": "VAT", "rate_percent": "19"}]', false), ('["VAT"]', false)
  ) t(taxes, good) where billing.is_tax_list(t.taxes) is distinct from t.good$$,
  'a tax has a name, a rate that can be read exactly, and one of three behaviours');

update public.billing_config set effective_until = '2027-01-01' where client_id is null;
insert into public.billing_config (currency, minimum_minor, discount_percent, discount_until, taxes,
  payment_terms_days, line_grouping, grace_hours, deliveries, effective_from)
values ('USD', 6000, 5, '2027-07-01', '[]', 14, 'agent', 24, '{archive}', '2027-01-01');
insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Default', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Yen', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000c', 'Own', '2026-06-01');
insert into public.billing_config (client_id, currency) values
  ('00000000-0000-0000-0000-00000000000b', 'JPY');
insert into public.billing_config (client_id, effective_from, effective_until, minimum_minor,
  discount_minor, discount_until, payment_terms_days)
values ('00000000-0000-0000-0000-00000000000c', '2026-06-01', '2027-09-01', 0, 700, '2027-03-01',
  7);
create function pg_temp.terms(client text, day date) returns text language sql as $$
  select concat_ws(' ', t.currency, t.exponent, t.minimum_minor, coalesce(t.discount_percent::text,
      '-'), coalesce(t.discount_minor::text, '-'), t.payment_terms_days, t.line_grouping,
    t.grace_hours, t.deliveries)
  from public.clients c cross join lateral billing.config_on(array[c.id], array[$2]) t
  where c.name = $1;
$$;
select is(pg_temp.terms('Default', '2026-12-31'),
  'USD 2 5000 - - 30 model 0 {archive,stripe,email,hermes}', 'the default as it was that day');
select is(pg_temp.terms('Default', '2027-01-01'), 'USD 2 6000 5.0000 - 14 agent 24 {archive}',
  'and as it is from the next on');
select is(pg_temp.terms('Default', '2027-07-01'), 'USD 2 6000 - - 14 agent 24 {archive}',
  'its discount ends on its day');
select is(pg_temp.terms('Yen', '2027-01-01'), 'JPY 0 0 5.0000 - 14 agent 24 {archive}',
  '60.00 USD are no minimum of 6000 JPY; a percentage holds in any currency');
select results_eq($$select d, pg_temp.terms('Own', d)
    from unnest('{2027-02-28,2027-03-01,2027-09-01}'::date[]) d$$,
  $$values ('2027-02-28'::date, 'USD 2 0 - 700 7 agent 24 {archive}'),
    ('2027-03-01', 'USD 2 0 - - 7 agent 24 {archive}'),
    ('2027-09-01', 'USD 2 6000 - - 14 agent 24 {archive}')$$,
  'the client''s own values go first, an ended discount included');

select * from finish();
rollback;

-- How a client pays through Stripe. No row: by link on the invoice, mailed by us, with the payment
-- methods that are set in Stripe's Dashboard.

create table public.stripe_terms (
  client_id uuid primary key references public.clients (id) on delete cascade,
  collection_method text not null default 'send_invoice'
    constraint stripe_terms_method_known
    check (collection_method in ('send_invoice', 'charge_automatically')),
  tax_id_type text constraint stripe_terms_tax_id_shape check (tax_id_type ~ '^[a-z_]+$'),
  mailed_by text not null default 'us'
    constraint stripe_terms_mailer_known check (mailed_by in ('us', 'stripe')),
  payment_methods text[] constraint stripe_terms_methods_not_empty check (payment_methods <> '{}'),
  bank_transfer_country text
    constraint stripe_terms_country_known check (bank_transfer_country in ('DE', 'FR', 'IE', 'NL')),
  tax_exempt text
    constraint stripe_terms_exempt_known check (tax_exempt in ('none', 'exempt', 'reverse'))
);
comment on table public.stripe_terms is
  'How Stripe collects from a client; without a row the client pays by the invoice''s link.';
comment on column public.stripe_terms.tax_id_type is
  'Stripe''s type of clients.tax_id (eu_vat, gb_vat, us_ein, …); null: recognised by its form.';
comment on column public.stripe_terms.mailed_by is
  'Who mails invoices and reminders to the client: us, with our PDF, or stripe; never both.';
comment on column public.stripe_terms.payment_methods is
  'Of billing.stripe_payment_methods; null: what is set in Stripe''s Dashboard.';
comment on column public.stripe_terms.bank_transfer_country is
  'Where the bank account is that transfers in EUR go to.';
comment on column public.stripe_terms.tax_exempt is
  'What Stripe''s page says of tax; null: reverse where the client''s config reverses the charge.';
create trigger require_second_factor before insert or update or delete on public.stripe_terms
  for each statement execute function _billing.guard_by_second_factor();
alter table public.stripe_terms enable row level security;
revoke all on public.stripe_terms from anon, authenticated, service_role;
grant select, insert, update, delete on public.stripe_terms to service_role;
grant select on public.stripe_terms to authenticated;

create policy "operators read" on public.stripe_terms for select to authenticated
  using ((select billing.is_operator()));

-- The currencies that a client is billed in from today on.
create function _billing.coming_currencies(client_id uuid) returns text[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select array_agg(distinct x.currency order by x.currency)
  from (select billing.day_of(coming_currencies.client_id, billing.as_of()) as today) t
  cross join lateral (
    select c.currency from billing.config_on(array[coming_currencies.client_id], array[t.today]) c
    union all
    select b.currency from public.billing_config b
    where b.client_id = coming_currencies.client_id and b.effective_from > t.today) x
  where x.currency is not null;
$$;
comment on function _billing.coming_currencies is
  'The currencies that a client is billed in from today on.';

-- Why terms cannot be met; null where they can.
create function _billing.refusal_of_terms(terms public.stripe_terms) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  currencies constant text[] := _billing.coming_currencies(terms.client_id);
  automatic constant boolean := terms.collection_method = 'charge_automatically';
  wrong text;
begin
  if automatic and terms.mailed_by = 'stripe' then
    return 'Stripe cannot be asked to mail an invoice that it charges automatically';
  end if;
  select case when bool_or(m.method is not null) is not true then u.method || ' is unknown'
    when automatic and not bool_or(m.is_automatic)
      then u.method || ' cannot be charged automatically'
    else format('%s is for %s; the client is billed in %s', u.method,
      string_agg(m.currency, ', ' order by m.currency), array_to_string(currencies, ', ')) end
  into wrong
  from unnest(terms.payment_methods) u(method)
  left join billing.stripe_payment_methods m on m.method = u.method
  group by u.method
  having bool_or(coalesce(m.currency is null or m.currency = any (currencies), false)
    and m.method is not null and (m.is_automatic or not automatic)) is not true
  order by u.method limit 1;
  if wrong is not null then
    return wrong;
  end if;
  select format('none of the payment methods is for %s', u.currency) into wrong
  from unnest(currencies) u(currency)
  where terms.payment_methods is not null and not exists (
    select from billing.stripe_payment_methods m
    where m.method = any (terms.payment_methods)
      and (m.currency is null or m.currency = u.currency));
  if wrong is null and 'customer_balance' = any (terms.payment_methods)
    and 'EUR' = any (currencies) and terms.bank_transfer_country is null then
    return 'bank transfers in EUR need a bank_transfer_country: DE, FR, IE or NL';
  end if;
  return wrong;
end $$;
comment on function _billing.refusal_of_terms is
  'Why Stripe does not offer a way to pay to a client; null where it does.';

create function _billing.guard_stripe_terms() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the services that may set terms need not read what they are compared with.
declare
  refusal text;
begin
  -- `on conflict do update` comes here first with defaults for what is not named, then as an update
  -- with what the row has.
  if tg_op = 'INSERT' and exists (
    select from public.stripe_terms t where t.client_id = new.client_id) then
    return new;
  end if;
  refusal := _billing.refusal_of_terms(new);
  if refusal is not null then
    perform billing.raise_error('payment_terms_refused', refusal);
  end if;
  return new;
end $$;

create trigger guard_stripe_terms before insert or update on public.stripe_terms
  for each row execute function _billing.guard_stripe_terms();

-- The settings of the seller: one row.

-- One row: the seller as printed on invoices, and defaults of the whole installation.
create table public.billing_settings (
  id boolean primary key default true constraint billing_settings_one_row check (id),
  seller_name text not null default 'LeverEdge',
  seller_address text[] not null default '{}',
  seller_email text,
  seller_tax_id text,
  seller_website text,
  payment_instructions text,
  payment_page_url text constraint billing_settings_payment_page_shape check (
    payment_page_url ~ '^https://[^[:space:]<>"]+$'),
  invoice_footer text,
  number_series text not null default 'INV'
    constraint billing_settings_series_shape check (number_series ~ '^[A-Z][A-Z0-9]{0,9}$'),
  default_client_id uuid references public.clients (id),
  max_usage_keys_per_day integer not null default 10000
    constraint billing_settings_usage_keys_positive check (max_usage_keys_per_day > 0),
  max_units_per_event bigint not null default 1000000000
    constraint billing_settings_units_in_range check (
      max_units_per_event between 1 and 9200000000000000),
  operator_emails text[] not null default '{}',
  delivery_attempts integer not null default 32
    constraint billing_settings_attempts_range check (delivery_attempts between 1 and 50),
  reminder_days smallint[] not null default '{-7,0,7,14,30}'
    constraint billing_settings_reminders_in_range check (
      array_position(reminder_days, null) is null and -366 < all (reminder_days)
      and 366 > all (reminder_days)),
  spend_jump_factor numeric not null default 3
    constraint billing_settings_jump_above_one check (spend_jump_factor > 1),
  log_retention_months smallint
    constraint billing_settings_retention_in_range check (log_retention_months between 3 and 1200),
  require_aal2 boolean not null default false,
  audit_addresses boolean not null default false,
  datev_consultant integer
    constraint billing_settings_datev_consultant_range check (
      datev_consultant between 1001 and 9999999),
  datev_client integer
    constraint billing_settings_datev_client_range check (datev_client between 1 and 99999),
  datev_account_length smallint not null default 4
    constraint billing_settings_datev_length_range check (datev_account_length between 4 and 8),
  fiscal_year_month smallint not null default 1
    constraint billing_settings_fiscal_month_range check (fiscal_year_month between 1 and 12),
  top_up_tax text not null default 'on_use'
    constraint billing_settings_top_up_tax_known check (top_up_tax in ('on_use', 'on_purchase'))
);
comment on table public.billing_settings is 'The seller and the installation''s defaults; one row.';
comment on column public.billing_settings.payment_page_url is
  'Where clients manage how they pay, named in mails: a page of yours, or the login link of
   Stripe''s customer portal; it must not expire.';
comment on column public.billing_settings.default_client_id is
  'Client that usage belongs to when neither row nor assignment names one; null: quarantine.';
comment on column public.billing_settings.max_usage_keys_per_day is
  'Most usage_records that a client''s day may have; log rows that bring more are quarantined.';
comment on column public.billing_settings.max_units_per_event is
  'Most units of a kind that one call may have; a log row of several calls may have as many times
   these as it has calls, up to 1,000. Rows with more are quarantined.';
comment on column public.billing_settings.operator_emails is
  'Who gets run reports, alerts and notices of deliveries that gave up.';
comment on column public.billing_settings.delivery_attempts is
  'Tries of a delivery before it gives up; 32 take between 24 and 48 hours.';
comment on column public.billing_settings.reminder_days is
  'Days after the due day (negative: before) that a reminder is mailed on; empty: never.';
comment on column public.billing_settings.spend_jump_factor is
  'A day that costs more than this times the average of the two weeks before it is an alert.';
comment on column public.billing_settings.log_retention_months is
  'Whole months that logs are kept before they are exported and removed; null: for ever.';
comment on column public.billing_settings.require_aal2 is
  'Whether users need a token with a second factor (aal2) for credits, voids, write-offs, payments,
   terms, members and settings.';
comment on column public.billing_settings.audit_addresses is
  'Whether refused requests are noted with the address that they came from; else with its hash.';
comment on column public.billing_settings.datev_consultant is
  'The number of the tax adviser (Beraternummer) in the head of a DATEV file.';
comment on column public.billing_settings.datev_client is
  'The seller''s number at that adviser (Mandantennummer).';
comment on column public.billing_settings.datev_account_length is
  'How many digits the numbers of accounts have (Sachkontenlänge).';
comment on column public.billing_settings.fiscal_year_month is
  'The month in which a fiscal year of the seller begins.';
comment on column public.billing_settings.top_up_tax is
  'When credit that clients buy is taxed: on_use, by the invoices that it pays; on_purchase, by the
   invoice of the top-up, whose tax the invoices that it pays deduct. Of top-ups from now on.';
create index billing_settings_default_client_id on public.billing_settings (default_client_id);
alter table public.billing_settings enable row level security;
revoke all on public.billing_settings from anon, authenticated, service_role;
grant select, update on public.billing_settings to service_role;
grant select on public.billing_settings to authenticated;

create policy "operators read settings" on public.billing_settings
  for select to authenticated using ((select billing.is_operator()));

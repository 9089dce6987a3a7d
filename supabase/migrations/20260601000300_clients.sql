-- Clients, the settings of the seller, and who may see which client.
create table public.clients (
  id uuid primary key default gen_random_uuid(),
  external_id text unique constraint clients_external_id_not_blank check (btrim(external_id) <> ''),
  name text not null constraint clients_name_not_blank check (btrim(name) <> ''),
  email text constraint clients_email_shape check (email ~ '^[^@\s]+@[^@\s]+$'),
  address text[] not null default '{}',
  tax_id text,
  locale text not null default 'en-US' constraint clients_locale_shape check (
    locale ~ '^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2}|-[0-9]{3})?$'),
  paper text not null default 'A4' constraint clients_paper_known check (paper in ('A4', 'Letter')),
  time_zone text not null default 'UTC',
  billing_anchor_day smallint not null default 1
    constraint clients_billing_anchor_day_in_month check (billing_anchor_day between 1 and 31),
  status text not null default 'active'
    constraint clients_status_known check (status in ('active', 'paused')),
  started_on date not null default (now() at time zone 'UTC')::date
    constraint clients_started_on_in_range check (
      started_on between '1970-01-01' and '2200-01-01'),
  ended_on date constraint clients_ended_on_after_start check (ended_on >= started_on),
  metadata jsonb not null default '{}',
  created_at timestamptz not null default now()
);
comment on table public.clients is 'Who is billed.';
comment on column public.clients.external_id is
  'The id other systems know the client by; metadata.client_id of a log may hold it too.';
comment on column public.clients.locale is
  'BCP 47 language, script and region: en, en-US, zh-Hans-CN, es-419.';
comment on column public.clients.time_zone is
  'IANA zone whose midnights bound the client''s days. A change holds from the client''s next day.';
comment on column public.clients.billing_anchor_day is
  'Day of the month a period begins on; clamps to the last day of shorter months.';
comment on column public.clients.status is
  'Paused ends service with the client''s today, active again begins it anew on it.';
comment on column public.clients.started_on is
  'First client-local day of service; all days of service are in service_intervals.';
comment on column public.clients.ended_on is
  'First client-local day no longer served (half-open). Set to null after it has passed, service
   begins anew on the client''s today.';
alter table public.clients enable row level security;
revoke all on public.clients from anon, authenticated, service_role;
grant select, insert, update, delete on public.clients to service_role;
-- All but metadata, the seller's own notes. The Data API knows one role for everybody signed in, so
-- operators read metadata with the service key; `select=*` is refused: name the columns.
grant select (id, external_id, name, email, address, tax_id, locale, paper, time_zone,
  billing_anchor_day, status, started_on, ended_on, created_at) on public.clients to authenticated;

create table public.client_members (
  client_id uuid not null references public.clients (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  created_at timestamptz not null default now(),
  primary key (user_id, client_id)
);
comment on table public.client_members is 'Users who may see a client''s invoices and usage.';
create index client_members_client_id on public.client_members (client_id);
alter table public.client_members enable row level security;
revoke all on public.client_members from anon, authenticated, service_role;
grant select, insert, update, delete on public.client_members to service_role;
grant select on public.client_members to authenticated;

-- RLS helpers. Definer, because a member must not need to read the member list of others; called
-- as `(select …)` in policies, so once per statement, not once per row.
create function billing.my_clients() returns uuid[]
language sql stable security definer set search_path = ''
return array(
  select m.client_id from public.client_members m
  where m.user_id =
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid);
comment on function billing.my_clients is 'Clients the signed-in user is a member of.';

create function billing.is_operator() returns boolean language sql stable
return coalesce(
  nullif(current_setting('request.jwt.claims', true), '')::jsonb
    #>> '{app_metadata,role}' = 'operator', false);
comment on function billing.is_operator is
  'True when the token''s app_metadata.role is operator: sees all clients.';

-- For the tables that grow. "One of mine, or I am an operator" is a question that no index answers:
-- everything is read, whoever asks. One list for both is one that indexes by client do answer, at
-- the cost of listing all clients where an operator asks (2 ms for 10,000).
create function billing.readable_clients() returns uuid[]
language plpgsql stable security definer set search_path = '' as $$
-- Definer: a member need not be able to read the member list of others.
begin
  if billing.is_operator() then
    return array(select c.id from public.clients c);
  end if;
  return array(
    select m.client_id from public.client_members m
    where m.user_id =
      (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid);
end $$;
comment on function billing.readable_clients is
  'Clients whose invoices and usage the signed-in user may read: all for an operator.';

create policy "members and operators read their clients" on public.clients
  for select to authenticated
  using (id = any ((select billing.my_clients())::uuid[]) or (select billing.is_operator()));
create policy "users read their own memberships, operators all" on public.client_members
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- One row: the seller as printed on invoices, and defaults of the whole installation.
create table public.billing_settings (
  id boolean primary key default true constraint billing_settings_one_row check (id),
  seller_name text not null default 'LeverEdge',
  seller_address text[] not null default '{}',
  seller_email text,
  seller_tax_id text,
  seller_website text,
  payment_instructions text,
  invoice_footer text,
  number_series text not null default 'INV'
    constraint billing_settings_series_shape check (number_series ~ '^[A-Z][A-Z0-9]{0,9}$'),
  default_client_id uuid references public.clients (id),
  max_usage_keys_per_day integer not null default 10000
    constraint billing_settings_usage_keys_positive check (max_usage_keys_per_day > 0)
);
comment on table public.billing_settings is 'The seller and the installation''s defaults; one row.';
comment on column public.billing_settings.default_client_id is
  'Client that usage belongs to when neither row nor assignment names one; null: quarantine.';
comment on column public.billing_settings.max_usage_keys_per_day is
  'Most usage_records that a client''s day may have; log rows that bring more are quarantined.';
create index billing_settings_default_client_id on public.billing_settings (default_client_id);
alter table public.billing_settings enable row level security;
revoke all on public.billing_settings from anon, authenticated, service_role;
grant select, update on public.billing_settings to service_role;
grant select on public.billing_settings to authenticated;
create policy "operators read settings" on public.billing_settings
  for select to authenticated using ((select billing.is_operator()));
insert into public.billing_settings default values;

revoke all on all functions in schema billing from public;
grant execute on function billing.my_clients(), billing.readable_clients(), billing.is_operator()
  to authenticated, service_role;

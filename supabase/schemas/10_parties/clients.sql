-- Clients, the settings of the seller, and who may see which client.
create table public.clients (
  id uuid primary key default gen_random_uuid(),
  external_id text unique constraint clients_external_id_not_blank check (btrim(external_id) <> '')
    constraint clients_external_id_plain check (length(external_id) <= 200
      and external_id !~ '[\x01-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]'),
  name text not null constraint clients_name_not_blank check (btrim(name) <> '')
    constraint clients_name_plain check (length(name) <= 200
      and name !~ '[\x01-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]'),
  email text constraint clients_email_shape check (email ~ '^[^@\s]+@[^@\s]+$'),
  address text[] not null default '{}',
  postal_address jsonb
    constraint clients_postal_address_shape check (billing.is_postal_address(postal_address)),
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
comment on table public.clients is 'The billed parties.';
comment on column public.clients.external_id is
  'The id other systems know the client by; metadata.client_id of a log may hold it too.';
comment on column public.clients.address is 'Lines as printed on documents.';
comment on column public.clients.postal_address is
  'The same in parts (line1, line2, city, state, postal_code, country), where they are known: a
   change of one alone makes or ends the other.';
comment on column public.clients.locale is
  'BCP 47 language, script and region: en, en-US, zh-Hans-CN, es-419. Documents and mails take their
   words, numbers and days from it, as it is when they are issued.';
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
grant select (id, external_id, name, email, address, postal_address, tax_id, locale, paper,
  time_zone, billing_anchor_day, status, started_on, ended_on, created_at)
  on public.clients to authenticated;

create trigger keep_address before insert or update of address, postal_address on public.clients
  for each row execute function _billing.keep_address();

-- Release 0.1.0: everything. Written by `npm run migration` from supabase/schemas, in the order of
-- schema_paths in supabase/config.toml. Do not edit: change the sources.

-- 00_foundation/schemas.sql

-- The schemas, and the extensions that tables need.
--
-- Tables that people, agents and front ends read or write live in `public` under RLS. Functions,
-- views and bookkeeping that a role is granted live in `billing`, which the Data API does not
-- expose; what no role is granted lives in `_billing`.
create extension if not exists btree_gist with schema extensions;

create schema billing;
comment on schema billing is
  'Functions, views and bookkeeping of LeverEdge Billing. Not exposed by the Data API.';
revoke all on schema billing from public;

-- `authenticated` needs the schema for the functions its RLS policies call, nothing else in it.
grant usage on schema billing to authenticated, service_role;

-- What nobody is granted lives apart, in a schema that nobody but its owner may use. Supabase names
-- its own internal schemas so (`_realtime`, `_analytics`).
create schema _billing;
comment on schema _billing is
  'What the functions and views of billing are made of. No role but the owner has usage.';
revoke all on schema _billing from public;

-- 00_foundation/error_codes.sql

-- Domain errors: their codes, and the one function that raises them.

create table billing.error_codes (
  code text primary key constraint error_codes_code_shape check (code ~ '^[a-z][a-z_]*$'),
  http_status smallint not null
    constraint error_codes_http_status_of_client check (http_status between 400 and 499),
  meaning text not null
);
comment on table billing.error_codes is
  'Every domain error: its stable code (DETAIL of the error) and the HTTP status it answers.';
revoke all on billing.error_codes from public;
grant select on billing.error_codes to service_role;
alter table billing.error_codes enable row level security;

-- Raises a domain error. SQLSTATE is PostgREST's `PT<status>`, so the Data API answers with that
-- status; DETAIL carries the stable code for programs; HINT tells a person what to do.
create function billing.raise_error(error_code text, message text, hint text default '')
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using
    errcode = 'PT' || (select e.http_status from billing.error_codes e where e.code = error_code),
    message = message, detail = error_code, hint = hint;
end $$;
comment on function billing.raise_error is
  'Raises the registered domain error: SQLSTATE PT<http status>, DETAIL the stable code.';

-- Guards run with the writer's rights: a role that may write terms needs the codes that refuse it.
grant execute on function billing.raise_error(text, text, text) to service_role;

-- 00_foundation/error_codes_data.sql

-- The codes of all domain errors.

insert into billing.error_codes (code, http_status, meaning) values
  ('negative_quantity', 400, 'A count that cannot be below zero is.'),
  ('invalid_argument', 400, 'An argument is outside what the function takes.'),
  ('second_factor_required', 403, 'A user needs a token with a second factor (aal2) for this.'),
  ('unknown_client', 404, 'No client has this id.'),
  ('unknown_invoice', 404, 'No invoice has this id.'),
  ('append_only', 409, 'Rows of this table are facts; they are corrected by new rows.'),
  ('past_is_frozen', 409, 'What a settled period was charged by cannot be changed afterwards.'),
  ('invoice_frozen', 409, 'A finalized invoice cannot be edited.'),
  ('illegal_transition', 409, 'The invoice cannot go from its state to that one.'),
  ('client_blocked', 409, 'The client cannot be billed; the message says why.'),
  ('invoice_held', 409, 'The draft is above a limit and waits for a person to release it.'),
  ('period_not_over', 409, 'The period has not ended in the client''s time zone.'),
  ('period_already_invoiced', 409, 'The period has a live invoice.'),
  ('credit_exceeds_invoice', 409, 'More would be credited than is left on the invoice.'),
  ('currency_mismatch', 409, 'Amounts of two currencies would meet on one invoice.'),
  ('unknown_log', 404, 'No usage log has this id.'),
  ('invalid_correction', 409, 'A correction would record something else than what it corrects.'),
  ('unknown_proposal', 404, 'No price proposal has this id.'),
  ('unknown_delivery', 404, 'No delivery has this id.'),
  ('stripe_total_differs', 409, 'Stripe''s total of an invoice is not ours.'),
  ('base_fee_billed_twice', 409, 'A base fee is billed by Stripe or by us, not by both.'),
  ('correction_refused', 400, 'Usage events cannot correct logs: that is an operator''s act.'),
  ('unauthorized', 401, 'The key is unknown, expired or revoked.'),
  ('agent_not_allowed', 403, 'The key is of another agent.'),
  ('client_not_allowed', 403, 'The key is for other clients.'),
  ('time_not_allowed', 403, 'The event is older or further ahead than the key may log.'),
  ('network_not_allowed', 403, 'The key may not be used from this address.'),
  ('quota_exceeded', 429, 'The key has logged as many events as it may on this day.'),
  ('unknown_agent_key', 404, 'No agent key has this id.'),
  ('agent_key_ended', 409, 'The agent key is revoked, expired or replaced.'),
  ('payment_terms_refused', 400, 'A way to pay that Stripe does not offer to the client.'),
  ('ledger_unbalanced', 409, 'Debits and credits of a ledger transaction differ.'),
  ('ledger_conflict', 409, 'A ledger transaction is posted already, with other amounts.'),
  ('no_running_period', 409, 'The client has no period at this time: not started yet, or ended.')
on conflict (code) do update
set http_status = excluded.http_status, meaning = excluded.meaning;

-- 00_foundation/guards.sql

-- Refusals that tables of every room use in constraints and triggers.

-- For CHECK constraints: `check (n >= 0 or billing.refuse_negative('n', n))` costs nothing while
-- n is fine and names column and value when it is not. Declared immutable because CHECK wants it.
create function billing.refuse_negative(column_name text, value numeric)
returns boolean language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'PT400', detail = 'negative_quantity',
    message = format('%s is %s; it cannot be below zero', column_name, value),
    hint = 'send the count as 0 or more; to take usage back, an operator calls billing.correct_log';
end $$;
comment on function billing.refuse_negative is
  'Always raises negative_quantity (400), naming column and value; for CHECK constraints.';
grant execute on function billing.refuse_negative(text, numeric) to service_role;

-- Likewise for NaN, which numeric columns take and which makes a NaN of every sum it gets into. The
-- value is taken so that the planner cannot work out, and thereby raise, the refusal beforehand.
create function billing.refuse_nan(column_name text, value numeric)
returns boolean language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'PT400', detail = 'invalid_argument',
    message = format('%s is %s, not a number', column_name, value), hint = 'send the amount, or 0';
end $$;
comment on function billing.refuse_nan is
  'Always raises invalid_argument (400), naming the column; for CHECK constraints.';
grant execute on function billing.refuse_nan(text, numeric) to service_role;

create function _billing.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.raise_error('append_only',
    format('%s is append-only: %s refused', tg_table_name, lower(tg_op)),
    'store a new row that corrects the old one');
  return null;
end $$;

-- 00_foundation/clock.sql

-- The one place that reads the clock. `set local billing.as_of = '2026-07-01'` lives another day.
create function billing.as_of() returns timestamptz language sql stable
return coalesce(nullif(current_setting('billing.as_of', true), '')::timestamptz, now());
comment on function billing.as_of is
  'Now, or the instant that setting billing.as_of holds (tests, replays).';
grant execute on function billing.as_of() to service_role;

-- 00_foundation/actor.sql

-- Who acts: set by functions for people (`billing.actor`), else the API's user or role, else the
-- database session.
create function billing.actor() returns text language sql stable
return coalesce(
  nullif(current_setting('billing.actor', true), ''),
  nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub',
  nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role',
  session_user::text);
comment on function billing.actor is 'Name of who acts, for the audit trail.';
grant execute on function billing.actor() to service_role;

-- 00_foundation/ids.sql

-- Time-ordered uuid (version 7): random ids make large inserts into the log several times slower.
-- 48 bits of milliseconds, 74 random ones of the session's generator, which the server seeds
-- strongly: an id here is unique, not secret, and gen_random_uuid alone would cost four times this.
create function billing.new_id() returns uuid language sql volatile
return encode(
  int8send(((date_part('epoch', clock_timestamp()) * 1000)::bigint << 16)
    | 28672 | (random() * 4095)::bigint)
  || int8send((-9223372036854775808) | ((random() * 2147483647)::bigint << 31)
    | (random() * 2147483647)::bigint), 'hex')::uuid;
comment on function billing.new_id is 'A new uuid, version 7 (ordered by time).';
grant execute on function billing.new_id() to service_role;

-- The same name gives the same uuid (version 8). What the world outside knows by our id is named
-- by what it is: a database that was restored to the past and lives the lost days again makes it
-- under the id that Stripe and mailboxes have already, and finds it there.
create function _billing.named_id(variadic parts text[]) returns uuid language sql immutable
return overlay(overlay(
  md5(array_to_string(parts, '|', '')) placing '8' from 13) placing 'a' from 17)::uuid;
comment on function _billing.named_id is 'The uuid (version 8) of a name; always the same.';

-- The transaction that stores a row. Declared immutable so that a generated column may call it:
-- it is constant within a transaction, and being generated it can neither be sent by a client nor
-- be carried into another cluster by a dump.
create function billing.storing_transaction() returns xid8 language sql immutable
return pg_current_xact_id();
comment on function billing.storing_transaction is 'Id of the transaction that stores a row.';
grant execute on function billing.storing_transaction() to service_role;

-- 00_foundation/lists.sql

-- Texts of lists.

-- What lists are cut to where their length is not ours to choose: messages, reports.
create function _billing.first_few(list text[], most integer default 10,
  separator text default ', ')
returns text language sql immutable parallel safe
return array_to_string(list[:most], separator)
  || case when cardinality(list) > most then format('%sand %s more', separator,
    cardinality(list) - most) else '' end;
comment on function _billing.first_few is
  'The first entries of a list, and how many more there are.';

-- 00_foundation/money.sql

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

-- Rounds once, half away from zero (that is what round(numeric) does). Amounts come in major
-- units (1.005 USD) and leave as a whole number of minor units, still numeric so that an absurd
-- amount can be reported instead of overflowing.
create function _billing.to_minor(amount numeric, exponent smallint)
returns numeric language sql immutable
return round(amount * case exponent when 0 then 1 when 2 then 100 when 3 then 1000 end);
comment on function _billing.to_minor is
  'Precise amount in major units to minor units; the one rounding, half away from zero.';

-- 1234567, 2 -> '12345.67'; for messages and statements, never for arithmetic.
create function _billing.format_minor(amount_minor numeric, exponent smallint)
returns text language sql immutable
return case exponent
  when 0 then trunc(amount_minor)::text
  when 2 then (amount_minor / 100)::numeric(40, 2)::text
  when 3 then (amount_minor / 1000)::numeric(40, 3)::text
end;

create function billing.money_text(amount_minor bigint, currency text)
returns text language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  -- Definer: callers read reports, whose amounts are formatted by what is not theirs to call.
  select _billing.format_minor(amount_minor, c.exponent) || ' ' || c.code
  from public.currencies c where c.code = currency;
$$;
comment on function billing.money_text is '12345, USD -> 123.45 USD.';
grant execute on function billing.money_text(bigint, text) to service_role;

-- 00_foundation/currencies_data.sql

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

-- 10_parties/addresses.sql

-- Addresses in parts, for those that want them apart (Stripe's page, its tax forms).

-- line1, line2, city, state, postal_code, and the country by its two letters.
create function billing.is_postal_address(address jsonb) returns boolean
language sql immutable strict
return jsonb_typeof(address) = 'object' and coalesce(address ->> 'country' ~ '^[A-Z]{2}$', false)
  and address - '{line1,line2,city,state,postal_code,country}'::text[] = '{}'
  and not exists (
    select from jsonb_each(case jsonb_typeof(address) when 'object' then address end) part
    where coalesce(jsonb_typeof(part.value) <> 'string'
      or part.value #>> '{}' !~ '^[^[:cntrl:]]{1,200}$' or btrim(part.value #>> '{}') = '', true));
comment on function billing.is_postal_address is
  'Whether jsonb is an address in parts as clients.postal_address holds them.';
grant execute on function billing.is_postal_address(jsonb) to service_role;

-- The parts of an address of Stripe; null where they are not enough.
create function _billing.postal_address_of(address jsonb) returns jsonb language sql immutable
return (
  select case when billing.is_postal_address(x.parts) then x.parts end
  from (select jsonb_object_agg(p.key, btrim(p.value #>> '{}')) as parts
    from jsonb_each(case jsonb_typeof(address) when 'object' then address end) p
    where btrim(coalesce(p.value #>> '{}', '')) <> '') x);
comment on function _billing.postal_address_of is
  'An address of Stripe as clients.postal_address holds it; null where it has no country.';

-- Parts as the lines of a label; we send the lines of an address without parts in line1 and line2.
create function _billing.address_lines(address jsonb) returns text[]
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(btrim(l.line) order by l.place), '{}')
  from (values
    (1, address ->> 'line1'), (2, address ->> 'line2'),
    (3, concat_ws(' ', nullif(address ->> 'postal_code', ''), nullif(address ->> 'city', ''))),
    (4, address ->> 'state'), (5, address ->> 'country')) v(place, text)
  cross join lateral regexp_split_to_table(v.text, '\n') with ordinality s(line, part)
  cross join lateral (select s.line, v.place * 100 + s.part as place) l
  where btrim(coalesce(l.line, '')) <> '';
$$;

-- The parts and the lines of one address never say two things: where one alone is changed, parts
-- make the lines, and lines end the parts.
create function _billing.keep_address() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the services that write clients may call nothing of _billing.
begin
  if tg_op = 'INSERT' then
    if new.address = '{}' and new.postal_address is not null then
      new.address := _billing.address_lines(new.postal_address);
    end if;
  elsif new.postal_address is distinct from old.postal_address then
    if new.address = old.address and new.postal_address is not null then
      new.address := _billing.address_lines(new.postal_address);
    end if;
  elsif new.address <> old.address then
    new.postal_address := null;
  end if;
  return new;
end $$;

-- 10_parties/clients.sql

-- Clients, the settings of the seller, and who may see which client.
create table public.clients (
  id uuid primary key default gen_random_uuid(),
  external_id text unique constraint clients_external_id_not_blank check (btrim(external_id) <> ''),
  name text not null constraint clients_name_not_blank check (btrim(name) <> ''),
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
comment on table public.clients is 'Who is billed.';
comment on column public.clients.external_id is
  'The id other systems know the client by; metadata.client_id of a log may hold it too.';
comment on column public.clients.address is 'Lines as printed on documents.';
comment on column public.clients.postal_address is
  'The same in parts (line1, line2, city, state, postal_code, country), where they are known: a
   change of one alone makes or ends the other.';
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
grant select (id, external_id, name, email, address, postal_address, tax_id, locale, paper,
  time_zone, billing_anchor_day, status, started_on, ended_on, created_at)
  on public.clients to authenticated;

create trigger keep_address before insert or update of address, postal_address on public.clients
  for each row execute function _billing.keep_address();

-- 10_parties/members.sql

-- Which users may see which client.

create table public.client_members (
  client_id uuid not null references public.clients (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  role text not null default 'viewer'
    constraint client_members_role_known check (role in ('viewer', 'payer')),
  created_at timestamptz not null default now(),
  primary key (user_id, client_id)
);
comment on table public.client_members is 'Users who may see a client''s invoices and usage.';
comment on column public.client_members.role is
  'viewer sees; payer may also say how the client pays (Stripe''s portal, a card or bank mandate).';
create index client_members_client_id on public.client_members (client_id);
alter table public.client_members enable row level security;
revoke all on public.client_members from anon, authenticated, service_role;
grant select, insert, update, delete on public.client_members to service_role;
grant select on public.client_members to authenticated;

-- RLS helpers. Definer, because a member must not need to read the member list of others; called
-- as `(select …)` in policies, so once per statement, not once per row.
create function billing.my_clients() returns uuid[]
language sql stable security definer set search_path = pg_catalog, pg_temp
return array(
  select m.client_id from public.client_members m
  where m.user_id =
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid);
comment on function billing.my_clients is 'Clients the signed-in user is a member of.';
grant execute on function billing.my_clients() to authenticated, service_role;

create function billing.may_pay(client_id uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
return exists (
  select from public.client_members m
  where m.client_id = may_pay.client_id and m.role = 'payer' and m.user_id =
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid);
comment on function billing.may_pay is
  'Whether the signed-in user may say how a client pays.';
grant execute on function billing.may_pay(uuid) to authenticated, service_role;

create function billing.is_operator() returns boolean language sql stable
return coalesce(
  nullif(current_setting('request.jwt.claims', true), '')::jsonb
    #>> '{app_metadata,role}' = 'operator', false);
comment on function billing.is_operator is
  'True when the token''s app_metadata.role is operator: sees all clients.';

create policy "members and operators read their clients" on public.clients
  for select to authenticated
  using (id = any ((select billing.my_clients())::uuid[]) or (select billing.is_operator()));
create policy "users read their own memberships, operators all" on public.client_members
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));
grant execute on function billing.is_operator() to authenticated, service_role;

-- For the tables that grow. "One of mine, or I am an operator" is a question that no index answers:
-- everything is read. One list for both is one that indexes by client do answer, at
-- the cost of listing all clients where an operator asks (2 ms for 10,000).
create function billing.readable_clients() returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
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
grant execute on function billing.readable_clients() to authenticated, service_role;

-- 10_parties/time_zones.sql

-- A client's days: which local day an instant falls on, and where periods begin and end.
--
-- Each row of client_time_zones holds from client-local day `effective_from`; the day before it
-- ends at midnight of the old zone, so the instants [starts_at, ends_at) of the rows follow each
-- other without gap or overlap, also when a zone changes.
create table public.client_time_zones (
  client_id uuid not null references public.clients (id) on delete cascade,
  effective_from date not null,
  time_zone text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null default 'infinity',
  primary key (client_id, effective_from),
  constraint client_time_zones_forward check (starts_at < ends_at),
  constraint client_time_zones_no_overlap
    exclude using gist (client_id with =, tstzrange(starts_at, ends_at) with &&)
);
comment on table public.client_time_zones is
  'Zone history of each client; written by changing clients.time_zone.';
alter table public.client_time_zones enable row level security;
revoke all on public.client_time_zones from anon, authenticated, service_role;
grant select on public.client_time_zones to authenticated, service_role;

create policy "members and operators read zones" on public.client_time_zones
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- The instant at which client-local day `day` begins. Never before the zone in force began: a
-- change to a zone far east may leave a day empty, it never makes one run backwards.
create function _billing.day_start(client_id uuid, day date)
returns timestamptz language sql stable
begin atomic
  select case
    when z.effective_from = day and day > '-infinity' then z.starts_at
    else greatest(z.starts_at, day::timestamp at time zone z.time_zone)
  end
  from public.client_time_zones z
  where z.client_id = day_start.client_id and z.effective_from <= day
  order by z.effective_from desc limit 1;
end;
comment on function _billing.day_start is 'Instant at which a client''s local day begins.';

create function billing.day_of(client_id uuid, at timestamptz)
returns date language sql stable
begin atomic
  select greatest(z.effective_from, (at at time zone z.time_zone)::date)
  from public.client_time_zones z
  where z.client_id = day_of.client_id and z.starts_at <= at and at < z.ends_at;
end;
comment on function billing.day_of is 'Client-local day an instant falls on.';
grant execute on function billing.day_of(uuid, timestamptz) to service_role;

create function _billing.keep_time_zones() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: client_time_zones is written by nobody but this trigger.
declare
  change_day date;
  change_at timestamptz;
begin
  -- Postgres takes POSIX rules for zones too (UTC+5 means five hours west, Foo/Bar+5 as well); they
  -- know no summer time and other programs read them the other way round.
  if new.time_zone !~ '^(UTC|Etc/GMT(0|[+-]([0-9]|1[0-2])|-1[34])|'
    '[A-Z][A-Za-z_]*(/[A-Z][A-Za-z_]*(-[A-Za-z]+)*)+)$' then
    perform billing.raise_error('invalid_argument',
      format('time_zone %L is not the name of a time zone', new.time_zone),
      'use UTC or an IANA name such as Pacific/Auckland; select name from pg_timezone_names');
  end if;
  begin
    -- Asking the zone for a time is 10,000 times cheaper than looking it up in pg_timezone_names.
    perform now() at time zone new.time_zone;
  exception when invalid_parameter_value then
    perform billing.raise_error('invalid_argument',
      format('time_zone %L is not a known time zone', new.time_zone),
      'use an IANA name such as Pacific/Auckland; select name from pg_timezone_names');
  end;
  if tg_op = 'INSERT' then
    insert into public.client_time_zones (client_id, effective_from, time_zone, starts_at)
    values (new.id, '-infinity', new.time_zone, '-infinity');
    return null;
  end if;
  change_day := billing.day_of(new.id, billing.as_of()) + 1;
  change_at := _billing.day_start(new.id, change_day);
  delete from public.client_time_zones z
  where z.client_id = new.id and z.effective_from >= change_day;
  update public.client_time_zones z set ends_at = change_at
  where z.client_id = new.id and z.ends_at > change_at;
  insert into public.client_time_zones (client_id, effective_from, time_zone, starts_at)
  values (new.id, change_day, new.time_zone, change_at);
  return null;
end $$;

create trigger keep_time_zones_on_insert after insert on public.clients
  for each row execute function _billing.keep_time_zones();
create trigger keep_time_zones_on_update after update of time_zone on public.clients
  for each row when (old.time_zone is distinct from new.time_zone)
  execute function _billing.keep_time_zones();

-- 10_parties/settings.sql

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
  audit_addresses boolean not null default false
);
comment on table public.billing_settings is 'The seller and the installation''s defaults; one row.';
comment on column public.billing_settings.payment_page_url is
  'Where clients manage how they pay, named in mails: a page of yours, or the login link of
   Stripe''s customer portal; it must not expire.';
comment on column public.billing_settings.default_client_id is
  'Client that usage belongs to when neither row nor assignment names one; null: quarantine.';
comment on column public.billing_settings.max_usage_keys_per_day is
  'Most usage_records that a client''s day may have; log rows that bring more are quarantined.';
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
create index billing_settings_default_client_id on public.billing_settings (default_client_id);
alter table public.billing_settings enable row level security;
revoke all on public.billing_settings from anon, authenticated, service_role;
grant select, update on public.billing_settings to service_role;
grant select on public.billing_settings to authenticated;

create policy "operators read settings" on public.billing_settings
  for select to authenticated using ((select billing.is_operator()));

-- 10_parties/settings_data.sql

-- The one row of settings, with the defaults of its columns.

insert into public.billing_settings default values
on conflict do nothing;

-- 10_parties/second_factor.sql

-- A second factor for what moves money or opens it, where settings ask for one.

create function billing.require_second_factor()
returns void language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
-- Definer: a caller need not be able to read the settings. Keys and jobs act without a user.
declare
  claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
begin
  if claims ->> 'sub' is not null and claims ->> 'aal' is distinct from 'aal2'
    and (select s.require_aal2 from public.billing_settings s) then
    perform billing.raise_error('second_factor_required',
      'this takes a token of a session with a second factor (aal2)',
      'verify a second factor and send the new token');
  end if;
end $$;
comment on function billing.require_second_factor is
  'Refuses users whose token is not of a second factor, where billing_settings.require_aal2 is on.';
grant execute on function billing.require_second_factor() to service_role;

create function _billing.guard_by_second_factor()
returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.require_second_factor();
  return null;
end $$;

do $$
declare
  guarded text;
begin
  foreach guarded in array array['billing_settings', 'client_members'] loop
    execute format('create trigger require_second_factor before insert or update or delete
      on public.%I for each statement execute function _billing.guard_by_second_factor()', guarded);
  end loop;
end $$;

-- 10_parties/agents.sql

-- Which client an agent works for, when; which model belongs to which family and provider.
create table public.agent_assignments (
  id uuid primary key default gen_random_uuid(),
  agent text not null,
  client_id uuid not null references public.clients (id) on delete cascade,
  starts_at timestamptz not null default '-infinity',
  ends_at timestamptz not null default 'infinity',
  constraint agent_assignments_forward check (starts_at < ends_at),
  constraint agent_assignments_one_client_at_a_time
    exclude using gist (agent with =, tstzrange(starts_at, ends_at) with &&)
);
comment on table public.agent_assignments is
  'Whose usage an agent''s logs are when the log itself does not say; [starts_at, ends_at).';
create index agent_assignments_client_id on public.agent_assignments (client_id);
alter table public.agent_assignments enable row level security;
revoke all on public.agent_assignments from anon, authenticated, service_role;
grant select, insert, update, delete on public.agent_assignments to service_role;
grant select on public.agent_assignments to authenticated;

create policy "members and operators read assignments" on public.agent_assignments
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- 10_parties/models.sql

-- How a provider counts tokens. Columns instead of code: a provider is added by a row.
create table public.providers (
  id text primary key,
  cache_read_within_input boolean not null,
  reasoning_within_output boolean not null,
  cache_write_within_input boolean not null default false
);
comment on table public.providers is
  'Whether a provider reports tokens read from or written to a cache as part of input, reasoning as
   part of output.';
alter table public.providers enable row level security;
revoke all on public.providers from anon, authenticated, service_role;
grant select, insert, update on public.providers to service_role;
grant select on public.providers to authenticated;

create policy "anyone signed in reads providers" on public.providers
  for select to authenticated using (true);

create table public.models (
  id text primary key,
  family text not null,
  provider text references public.providers (id),
  long_context_above bigint constraint models_long_context_positive check (long_context_above > 0)
);
comment on table public.models is
  'Known model ids and aliases: the family whose price holds for them, and the provider.';
comment on column public.models.provider is
  'How its calls count tokens, where they do not say it themselves. Null: not known; then calls with
   cache or reasoning tokens block their client''s period (unknown_provider).';
comment on column public.models.long_context_above is
  'Input tokens, cached ones included, beyond which a call is charged as long_context, all of it.
   Null: no call is.';
create index models_provider on public.models (provider);
alter table public.models enable row level security;
revoke all on public.models from anon, authenticated, service_role;
grant select, insert, update, delete on public.models to service_role;
grant select on public.models to authenticated;

create policy "anyone signed in reads models" on public.models
  for select to authenticated using (true);

create trigger refuse_truncate before truncate on public.models
  for each statement execute function _billing.refuse_change();

-- 10_parties/models_data.sql

-- Sources: the providers' documentation of their usage objects.
insert into public.providers (id, cache_read_within_input, reasoning_within_output,
  cache_write_within_input)
values
  -- input_tokens excludes cache_read_input_tokens; thinking is output
  ('anthropic', false, true, false),
  -- cached_tokens inside prompt, reasoning_tokens inside completion
  ('openai', true, true, false),
  -- cachedContent inside promptTokenCount, thoughts beside candidates
  ('google', true, false, false),
  -- each count stands beside the others
  ('other', false, false, false),
  -- OpenTelemetry's convention: all that the cache did inside input, reasoning inside output
  ('other_inclusive', true, true, true)
on conflict do nothing;

insert into public.models (id, family, provider) values
  ('claude-sonnet', 'claude-sonnet', 'anthropic'),
  ('claude-sonnet-4-20250514', 'claude-sonnet', 'anthropic'),
  ('claude-opus', 'claude-opus', 'anthropic'),
  ('claude-opus-4-20250514', 'claude-opus', 'anthropic'),
  ('claude-haiku', 'claude-haiku', 'anthropic'),
  ('claude-haiku-4-20250514', 'claude-haiku', 'anthropic'),
  ('gpt-4o', 'gpt-4o', 'openai'),
  ('gpt-4o-mini', 'gpt-4o-mini', 'openai'),
  ('gemini-1.5-pro', 'gemini-1.5-pro', 'google'),
  ('gemini-1.5-flash', 'gemini-1.5-flash', 'google')
on conflict do nothing;

-- 10_parties/period_days.sql

-- Anchor days: 31 means the last day of shorter months, and 31 again in longer ones (no drift).
create function billing.anchor_in_month(month date, anchor_day integer)
returns date language sql immutable
return (date_trunc('month', month::timestamp) + make_interval(days => least(
  anchor_day,
  extract(day from date_trunc('month', month::timestamp) + interval '1 month - 1 day')::integer
) - 1))::date;
comment on function billing.anchor_in_month is
  'The anchor day in the month of a day, clamped to its last day.';
grant execute on function billing.anchor_in_month(date, integer) to service_role;

create function billing.period_start_of(day date, anchor_day integer)
returns date language sql immutable
return case
  when billing.anchor_in_month(day, anchor_day) <= day
    then billing.anchor_in_month(day, anchor_day)
  else billing.anchor_in_month((day - interval '1 month')::date, anchor_day)
end;
comment on function billing.period_start_of is 'Last anchor day on or before a day.';
grant execute on function billing.period_start_of(date, integer) to service_role;

create function billing.period_end_of(day date, anchor_day integer)
returns date language sql immutable
return case
  when billing.anchor_in_month(day, anchor_day) > day
    then billing.anchor_in_month(day, anchor_day)
  else billing.anchor_in_month(
    (date_trunc('month', day::timestamp) + interval '1 month')::date, anchor_day)
end;
comment on function billing.period_end_of is 'First anchor day after a day.';
grant execute on function billing.period_end_of(date, integer) to service_role;

-- Rating: from usage and prices to lines. Preview, drafts and re-rating of late usage all come
-- through here; nothing else computes an amount.
--
-- plpgsql keeps the plans of its queries for the session, and generic ones do not depend on how
-- many targets there are: planning takes longer than rating one client does. The bodies are queries
-- all the same.

-- Days that the whole minimum is for: those of the month from anchor day to anchor day that the
-- period is part of, which is longer than a period cut short by a change of the anchor day or by
-- the period after it.
create function billing.full_days(period_start date, period_end date, anchor_day integer)
returns integer language sql immutable
return greatest(period_end - period_start,
  billing.period_end_of(period_end - 1, anchor_day)
  - billing.period_start_of(period_end - 1, anchor_day));
comment on function billing.full_days is 'Days of the whole period that a shorter one is part of.';
grant execute on function billing.full_days(date, date, integer) to service_role;

-- 10_parties/service_intervals.sql

-- When a client is served: rows of days, not a start and an end. What lies between two rows is a
-- gap; it is never billed.
--
-- People write clients.started_on, ended_on and status, and triggers keep the rows in step with
-- them; billing.end_service and billing.start_service do the same from any day on.
create table public.service_intervals (
  id uuid primary key default billing.new_id(),
  client_id uuid not null references public.clients (id) on delete cascade,
  starts_on date not null,
  ends_on date not null default 'infinity',
  start_reason text not null default 'started'
    constraint service_intervals_start_reason_not_blank check (btrim(start_reason) <> ''),
  end_reason text,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default clock_timestamp(),
  constraint service_intervals_forward check (starts_on < ends_on),
  constraint service_intervals_end_says_why check (
    (ends_on < 'infinity') = (btrim(coalesce(end_reason, '')) <> '')),
  -- The client as text: by its id the planner would take this index, ten times slower than the one
  -- below, for whatever is asked of one client.
  constraint service_intervals_no_overlap
    exclude using gist ((client_id::text) with =, daterange(starts_on, ends_on) with &&)
);
comment on table public.service_intervals is
  'Days on which each client is served; written by way of clients, end_service, start_service.';
comment on column public.service_intervals.starts_on is 'First client-local day of service.';
comment on column public.service_intervals.ends_on is
  'First client-local day no longer served (half-open); infinity while no end is known.';
comment on column public.service_intervals.end_reason is
  'Why service ends: ended, paused, or what Stripe says of a subscription; null without an end.';
comment on column public.service_intervals.changed_at is
  'When the days were last changed; runs that began later have seen them.';
create index service_intervals_of_client on public.service_intervals (client_id, starts_on);
alter table public.service_intervals enable row level security;
revoke all on public.service_intervals from anon, authenticated, service_role;
grant select on public.service_intervals to authenticated, service_role;

create policy "members and operators read service" on public.service_intervals
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- From this day on the client is not served.
create function _billing.stop_intervals(client_id uuid, on_day date, reason text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  delete from public.service_intervals s
  where s.client_id = stop_intervals.client_id and s.starts_on >= on_day;
  update public.service_intervals s
  set ends_on = on_day, end_reason = reason, changed_at = clock_timestamp()
  where s.client_id = stop_intervals.client_id and s.ends_on > on_day;
$$;
comment on function _billing.stop_intervals is 'Takes all days from one on out of service.';

-- From this day on, until another, the client is served. What is served on the day before goes on:
-- two intervals never touch.
create function _billing.begin_interval(client_id uuid, on_day date, until_day date, reason text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  why_it_ends constant text := case when until_day < 'infinity' then 'ended' end;
begin
  if on_day >= until_day then
    return;
  end if;
  delete from public.service_intervals s
  where s.client_id = begin_interval.client_id and s.starts_on > on_day;
  update public.service_intervals s
  set ends_on = until_day, end_reason = why_it_ends, changed_at = clock_timestamp()
  where s.client_id = begin_interval.client_id and s.ends_on >= on_day;
  if not found then
    insert into public.service_intervals (client_id, starts_on, ends_on, start_reason, end_reason)
    values (begin_interval.client_id, on_day, until_day, reason, why_it_ends);
  end if;
end $$;
comment on function _billing.begin_interval is 'Puts all days between two into service.';

-- Another first day: the interval that began on the old one begins on it. What lies before it goes.
-- Where service began later than the old first day, what lies between is a gap and stays one.
create function _billing.move_first_interval(client_id uuid, old_start date, new_start date)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  delete from public.service_intervals s
  where s.client_id = move_first_interval.client_id and s.ends_on <= new_start;
  update public.service_intervals s set starts_on = new_start, changed_at = clock_timestamp()
  where s.client_id = move_first_interval.client_id
    and (s.starts_on = old_start or s.starts_on < new_start);
$$;
comment on function _billing.move_first_interval is
  'Lets a client''s first interval begin on another day.';

-- Keeps the intervals in step with what was written to a client. The day of a pause is served, for
-- what was used on it before; so is the day of a return. An end that has passed is history: to take
-- it away, or to be active again, begins anew today.
create function _billing.serve_client() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: service_intervals is written by nobody but billing's own functions.
declare
  today constant date := billing.day_of(new.id, billing.as_of());
  until_day constant date := coalesce(new.ended_on, 'infinity');
  known_end date;
begin
  if tg_op = 'INSERT' then
    perform _billing.begin_interval(new.id, new.started_on,
      case when new.status = 'paused' then least(until_day, today) else until_day end, 'started');
    return null;
  end if;
  if new.started_on <> old.started_on then
    perform _billing.move_first_interval(new.id, old.started_on, new.started_on);
  end if;
  known_end := coalesce((select max(s.ends_on) from public.service_intervals s
    where s.client_id = new.id), new.started_on);
  if new.status = 'paused' then
    if old.status <> 'paused' and today + 1 < until_day then
      perform _billing.stop_intervals(new.id, today + 1, 'paused');
    end if;
    perform _billing.stop_intervals(new.id, until_day, 'ended');
  elsif known_end > until_day then
    perform _billing.stop_intervals(new.id, until_day, 'ended');
  elsif known_end < until_day and (old.status = 'paused' or new.ended_on is null) then
    perform _billing.begin_interval(new.id, greatest(new.started_on, today), until_day,
      case when old.status = 'paused' then 'resumed' else 'started' end);
  elsif known_end < until_day then
    -- The same end, on a later day.
    perform _billing.begin_interval(new.id, known_end, until_day, 'started');
  end if;
  return null;
end $$;

-- Their names come after keep_time_zones: which day it is depends on the zone.
create trigger serve_client_on_insert after insert on public.clients
  for each row execute function _billing.serve_client();
create trigger serve_client_on_update after update of started_on, ended_on, status
  on public.clients
  for each row when ((old.started_on, old.ended_on, old.status)
    is distinct from (new.started_on, new.ended_on, new.status))
  execute function _billing.serve_client();

-- 10_parties/service.sql

-- Starting and ending the service of a client.

-- Holds a client whose service is to change. A change of service waits for runs, as a change of the
-- client does: the table's lock comes first, before any row that a run may want.
create function _billing.hold_client(client_id uuid)
returns public.clients language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  client public.clients;
begin
  -- Not for update: an invoice of the client that is being written waits for that, and a change of
  -- service waits for the invoice.
  select c.* into client from public.clients c where c.id = hold_client.client_id
  for no key update;
  if client.id is null then
    perform billing.raise_error('unknown_client',
      format('no client has id %s', hold_client.client_id));
  end if;
  return client;
end $$;
comment on function _billing.hold_client is 'Locks a client, or says that there is none.';

-- Explicit days, past or to come, for what `ended_on = null` and `status` cannot say: they act on
-- the client's today. Intervals first; the columns then agree with them and change nothing more.
create function billing.end_service(client_id uuid, on_day date, reason text default 'ended')
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: service_intervals is written by nobody but billing's own functions.
declare
  client constant public.clients := _billing.hold_client(end_service.client_id);
begin
  perform _billing.stop_intervals(client.id, on_day, reason);
  update public.clients c
  set ended_on = greatest(c.started_on, least(c.ended_on, on_day))
  where c.id = client.id;
end $$;
comment on function billing.end_service is
  'Ends a client''s service: on_day is the first day no longer served. Days before it stay.';
grant execute on function billing.end_service(uuid, date, text) to service_role;

create function billing.start_service(client_id uuid, on_day date, reason text default 'started')
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  client constant public.clients := _billing.hold_client(start_service.client_id);
begin
  perform _billing.begin_interval(client.id, on_day, 'infinity', reason);
  update public.clients c
  set started_on = least(c.started_on, on_day), ended_on = null, status = 'active'
  where c.id = client.id;
end $$;
comment on function billing.start_service is
  'Serves a client from on_day on without an end. The day after an interval continues it.';
grant execute on function billing.start_service(uuid, date, text) to service_role;

-- 10_parties/settlement_locks.sql

-- What everything begins with that rates or writes invoices, credit notes, payments or balances:
-- locks, in one order, and the version of the terms. ADR 20 says why it is so.
--
--   1 lock_clients    the client's row here: one writer of a client's books at a time
--   2 lock_periods    the rated periods: their usage and service stand still
--   3 hold_terms      prices, config, models, meters, settings: as they were read
--   4 invoice numbers the counter, until the commit (allocate_invoice_numbers)
create table _billing.settlement_locks (
  client_id uuid primary key references public.clients (id) on delete cascade
);
comment on table _billing.settlement_locks is
  'A row per client: who holds its lock writes the client''s invoices, notes, payments, balance.';
alter table _billing.settlement_locks enable row level security;
revoke all on _billing.settlement_locks from public;

create function _billing.add_settlement_locks() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the table is nobody's but these functions'.
begin
  insert into _billing.settlement_locks (client_id) select n.id from new_rows n;
  return null;
end $$;

create trigger add_settlement_locks after insert on public.clients
  referencing new table as new_rows
  for each statement execute function _billing.add_settlement_locks();

-- Fails where a lock would be waited for that belongs before one that is held already: two sessions
-- that do so can wait for each other. Off unless _billing.assert_lock_order is on, as in tests.
create function _billing.assert_lock_order(level integer)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  held constant integer :=
    coalesce(nullif(current_setting('billing.lock_level', true), ''), '0')::integer;
begin
  if level < held and current_setting('_billing.assert_lock_order', true) = 'on' then
    raise exception 'lock of level % taken after one of level %', level, held;
  end if;
  perform set_config('billing.lock_level', greatest(level, held)::text, true);
end $$;
comment on function _billing.assert_lock_order is
  'Notes that a lock of this level is taken now; fails where one of a later level is held.';

create function _billing.lock_clients(client_ids uuid[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.assert_lock_order(1);
  perform from _billing.settlement_locks l
  where l.client_id = any (client_ids) order by l.client_id for update;
end $$;
comment on function _billing.lock_clients is
  'Waits until the caller alone may write what these clients owe, until its transaction ends.';

-- 10_parties/periods.sql

-- The billing periods of clients: which are running, which are over, how each stands.

create table public.billing_periods (
  client_id uuid not null references public.clients (id),
  period_start date not null,
  period_end date not null,
  full_days integer not null,
  state text not null default 'pending',
  reason text,
  message text,
  usage_version bigint not null default 0,
  rated_version bigint not null default 0,
  settled_at timestamptz,
  usage_changed boolean not null generated always as (usage_version <> rated_version) stored,
  updated_at timestamptz not null default now(),
  primary key (client_id, period_start),
  constraint billing_periods_forward check (period_start < period_end),
  constraint billing_periods_state_known check (
    state in ('pending', 'blocked', 'skipped', 'invoiced', 'voided')),
  constraint billing_periods_blocked_says_why check (
    (state = 'blocked' or reason is not distinct from 'held')
      = (num_nulls(reason, message) = 0))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table public.billing_periods is
  'What became of each client''s period: invoiced, skipped (zero), voided, blocked with a reason.
   The reason `held` says why the draft of an invoiced period is not issued.';
comment on column public.billing_periods.full_days is
  'Days that the whole minimum is for; more than the period has where the anchor day changed.';
comment on column public.billing_periods.usage_version is
  'How often usage or service of the period has changed.';
comment on column public.billing_periods.rated_version is
  'The usage_version that was last rated for good.';
comment on column public.billing_periods.usage_changed is
  'Usage of the period has changed since it was last rated; the next run rates it again.';
comment on column public.billing_periods.settled_at is
  'When its invoice was issued, or it was skipped: from then on prices and config cannot change what
   it was charged. Null before, and once its invoice is void.';
create index billing_periods_to_do on public.billing_periods (client_id)
  where usage_changed or state in ('pending', 'blocked');
create index billing_periods_voided on public.billing_periods (client_id) where state = 'voided';
alter table public.billing_periods enable row level security;
revoke all on public.billing_periods from anon, authenticated, service_role;
grant select on public.billing_periods to authenticated, service_role;

create policy "operators read billing periods" on public.billing_periods
  for select to authenticated using ((select billing.is_operator()));

-- Where each client's next period starts: at the end of the last, or after a gap in service on the
-- anchor day on or before the day on which service begins again. A client without service to come
-- has none. Not pinned, so that it is inlined: a query for one client does not compute all.
create function billing.next_periods()
returns table (client_id uuid, billing_anchor_day smallint, ended_on date, next_start date)
language sql stable
begin atomic
  select c.id, c.billing_anchor_day, c.ended_on, n.next_start
  from public.clients c
  left join lateral (
    select p.period_end from public.billing_periods p where p.client_id = c.id
    order by p.period_start desc limit 1
  ) l on true
  cross join lateral (
    -- The anchor day is worked out for those few that begin or return.
    select case when s.starts_on <= l.period_end then l.period_end
      else greatest(l.period_end, billing.period_start_of(s.starts_on, c.billing_anchor_day))
      end as next_start
    from public.service_intervals s
    where s.client_id = c.id and s.ends_on > coalesce(l.period_end, '-infinity')
    order by s.starts_on limit 1
  ) n;
end;
comment on function billing.next_periods is 'Where the next period of each client starts.';
grant execute on function billing.next_periods() to service_role;

-- Where each client's next period starts, and what day it is there. A client without service to
-- come is not among them. Inlined, as next_periods is.
create function billing.current_periods(as_of timestamptz)
returns table (client_id uuid, billing_anchor_day smallint, ended_on date, today date,
  next_start date)
language sql stable
begin atomic
  -- As billing.day_of, joined: for all clients at once.
  select n.client_id, n.billing_anchor_day, n.ended_on,
    greatest(z.effective_from, (as_of at time zone z.time_zone)::date), n.next_start
  from billing.next_periods() n
  join public.client_time_zones z on z.client_id = n.client_id
    and z.starts_at <= as_of and as_of < z.ends_at;
end;
comment on function billing.current_periods is
  'For each client with service to come the local day at an instant and where its next period
   starts.';
grant execute on function billing.current_periods(timestamptz) to service_role;

-- True when no period of the client is still to come: it has ended, or is in a gap.
-- `after_day` asks for periods that begin after it alone: an earlier one is no home for late usage.
create function billing.has_ended(client_id uuid, after_day date default '-infinity')
returns boolean language sql stable
begin atomic
  select not exists (select from public.service_intervals s
      where s.client_id = c.id and s.ends_on > billing.day_of(c.id, billing.as_of()))
    and not exists (select from public.billing_periods p
      where p.client_id = c.id and p.state in ('pending', 'blocked')
        and p.period_start > has_ended.after_day)
  from public.clients c where c.id = has_ended.client_id;
end;
comment on function billing.has_ended is
  'Whether a client''s service is over and every period of it settled.';
grant execute on function billing.has_ended(uuid, date) to service_role;

-- 10_parties/period_locks.sql

-- Periods are rated at a version of their usage and kept as they are until that is written.

create type billing.rating_target as (client_id uuid, period_start date, period_end date);
comment on type billing.rating_target is 'A client''s period to be rated; half-open local days.';

-- The version of a period's usage that a rating has read.
create type _billing.period_version as (client_id uuid, period_start date, usage_version bigint);

-- In the order in which the rollup locks what it has changed. A period without a row is the running
-- one, which nobody rates for good.
create function _billing.lock_periods(targets billing.rating_target[])
returns _billing.period_version[] language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.assert_lock_order(2);
  return array(
    select (x.client_id, x.period_start, x.usage_version)::_billing.period_version
    from (
      select p.client_id, p.period_start, p.usage_version
      from unnest(targets) t
      join public.billing_periods p
        on p.client_id = t.client_id and p.period_start = t.period_start
      order by p.client_id, p.period_start for update of p
    ) x);
end $$;
comment on function _billing.lock_periods is
  'Keeps usage and service of these periods as they are until the transaction ends; returns their
   versions.';

-- Usage or service of these periods has changed: they are rated again. Locked in order first.
create function _billing.mark_changed(targets billing.rating_target[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.lock_periods(targets);
  update public.billing_periods p set usage_version = p.usage_version + 1
  from unnest(targets) t
  where p.client_id = t.client_id and p.period_start = t.period_start;
end $$;
comment on function _billing.mark_changed is 'Marks periods to be rated again by the next run.';

-- Days that come into service or leave it are rated anew: usage on them is charged or given back,
-- the minimum prorated as it should have been.
create function _billing.rate_service_anew() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: billing_periods is written by nobody but billing's own functions.
declare
  changed constant datemultirange := case tg_op
    when 'INSERT' then datemultirange(daterange(new.starts_on, new.ends_on))
    when 'DELETE' then datemultirange(daterange(old.starts_on, old.ends_on))
    else datemultirange(
      daterange(least(old.starts_on, new.starts_on), greatest(old.starts_on, new.starts_on)),
      daterange(least(old.ends_on, new.ends_on), greatest(old.ends_on, new.ends_on))) end;
begin
  -- Periods that a run is opening are there once it has committed.
  perform from public.clients c where c.id = coalesce(new.client_id, old.client_id)
  for no key update;
  perform _billing.mark_changed(array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where p.client_id = coalesce(new.client_id, old.client_id)
      and changed && daterange(p.period_start, p.period_end)));
  return null;
end $$;

create trigger rate_service_anew after insert or update or delete on public.service_intervals
  for each row execute function _billing.rate_service_anew();

-- 20_usage/logs.sql

-- What agents write: one row per model call, append-only. The columns down to created_at are the
-- wire contract; client_id, corrects_id and the two bookkeeping columns are ours.
create table public.agent_usage_logs (
  id uuid primary key default billing.new_id(),
  agent text not null,
  endpoint text,
  model text not null,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  web_searches bigint not null default 0,
  other_features jsonb not null default '{}',
  input_cost numeric(10, 6) not null default 0,
  output_cost numeric(10, 6) not null default 0,
  feature_cost numeric(10, 6) not null default 0,
  total_cost numeric(10, 6) not null default 0,
  metadata jsonb not null default '{}',
  "timestamp" timestamptz not null default now(),
  created_at timestamptz not null default now(),
  -- Of a row that comes with a token of one client's agent and does not say whose it is.
  client_id uuid default (
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'billing_client')::uuid,
  corrects_id uuid,
  -- A row may stand for the calls of a window (a minute, an hour) that its writer has summed.
  calls bigint not null default 1,
  seq bigint generated always as identity,
  stored_by xid8 generated always as (billing.storing_transaction()) stored,
  -- One comparison while all is well; which column it was is found out when it is not.
  constraint agent_usage_logs_counts_not_negative check (
    least(input_tokens, output_tokens, web_searches) >= 0 or corrects_id is not null
    or case when input_tokens < 0 then billing.refuse_negative('input_tokens', input_tokens)
      when output_tokens < 0 then billing.refuse_negative('output_tokens', output_tokens)
      else billing.refuse_negative('web_searches', web_searches) end),
  constraint agent_usage_logs_calls_in_range check (
    abs(calls) <= 1000000000 and (calls >= 1 or corrects_id is not null)),
  -- NaN sorts above every number.
  constraint agent_usage_logs_costs_numbers check (
    greatest(input_cost, output_cost, feature_cost, total_cost) <> 'NaN'
    or case when input_cost = 'NaN' then billing.refuse_nan('input_cost', input_cost)
      when output_cost = 'NaN' then billing.refuse_nan('output_cost', output_cost)
      when feature_cost = 'NaN' then billing.refuse_nan('feature_cost', feature_cost)
      else billing.refuse_nan('total_cost', total_cost) end),
  -- Names are keys of usage_records: longer than an index row can be, one would stop the rollup.
  constraint agent_usage_logs_agent_length check (length(agent) <= 200),
  constraint agent_usage_logs_model_length check (length(model) <= 200),
  constraint agent_usage_logs_other_features_not_negative check (
    other_features = '{}' or corrects_id is not null
    or not other_features @? '$.* ? (@ < 0)'
    or billing.refuse_negative('other_features',
      (jsonb_path_query_first(other_features, '$.* ? (@ < 0)') #>> '{}')::numeric))
) with (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table public.agent_usage_logs is
  'One row per model call, as agents log it. Append-only; corrected by rows with corrects_id.';
comment on column public.agent_usage_logs."timestamp" is 'When the call happened.';
comment on column public.agent_usage_logs.created_at is 'When the row arrived.';
comment on column public.agent_usage_logs.client_id is
  'Whose usage it is, where the writer knows; before metadata.client_id and assignments.';
comment on column public.agent_usage_logs.corrects_id is
  'The row this one corrects. Stored by billing.correct_log and billing.retract_log alone.';
comment on column public.agent_usage_logs.stored_by is
  'Transaction that stored the row: what the rollup''s watermark is compared with.';

-- The rollup reads by transaction; rebuild and reconcile by time. No foreign key and no trigger
-- that fires on an agent's insert: nothing here may refuse or slow one. Times are summarized as
-- rows come: what is not summarized is read by every search. Several stretches of time per range:
-- where retention has made room, new rows lie where old ones did.
create index agent_usage_logs_stored_by on public.agent_usage_logs (stored_by);
create index agent_usage_logs_timestamp on public.agent_usage_logs using brin
  ("timestamp" timestamptz_minmax_multi_ops)
  with (autosummarize = on);

create trigger refuse_change before truncate on public.agent_usage_logs
  for each statement execute function _billing.refuse_change();
-- Personal data in metadata is erased in place, by billing.erase_personal_data alone: nobody is
-- granted to update, and what is counted stays.
create trigger refuse_update before update on public.agent_usage_logs
  for each statement when (current_setting('billing.erasing', true) is distinct from 'on')
  execute function _billing.refuse_change();

-- Deletes of anything but retention are refused by migration log_retention.

alter table public.agent_usage_logs enable row level security;
revoke all on public.agent_usage_logs from anon, authenticated, service_role;

-- What agents send, column by column. A correction is no agent's act: to the Data API every
-- secret key is service_role, and none can name a row to correct.
grant select on public.agent_usage_logs to service_role;
grant insert (id, agent, endpoint, model, input_tokens, output_tokens, web_searches,
  other_features, input_cost, output_cost, feature_cost, total_cost, metadata, "timestamp",
  created_at, client_id, calls)
  on public.agent_usage_logs to service_role;
grant select on public.agent_usage_logs to authenticated;

create policy "operators read logs" on public.agent_usage_logs
  for select to authenticated using ((select billing.is_operator()));

-- 20_usage/records.sql

-- Usage per client, agent, model, client-local day and metric: what is rated. A pure function of
-- agent_usage_logs, so it can be thrown away and rebuilt, bit for bit. Each minute's rollup updates
-- the records of the day: with room in its page an update touches no index, and tables that change
-- all day are vacuumed and analyzed after 2 % of them, not after 20 %.
create table public.usage_records (
  client_id uuid not null references public.clients (id),
  usage_day date not null,
  model text not null,
  metric text not null,
  agent text not null,
  quantity numeric not null,
  provider_cost numeric not null,
  log_count bigint not null,
  rate_class text not null default 'standard',
  primary key (client_id, usage_day, model, metric, rate_class, agent)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table public.usage_records is
  'Aggregated usage: quantity per client, client-local day, model, metric and agent.';
comment on column public.usage_records.metric is
  'input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
   web_searches, requests, or any other key of other_features. Tokens of rows of which it is not
   known how they count: unmapped_…, without a price.';
comment on column public.usage_records.rate_class is
  'At which of its rates the provider charges the calls (billing.rate_classes); of what are no
   tokens always standard.';
comment on column public.usage_records.provider_cost is
  'What the usage cost us, USD. A call''s feature_cost stands at its requests.';
comment on column public.usage_records.log_count is 'Log rows that contributed.';
alter table public.usage_records enable row level security;
revoke all on public.usage_records from anon, authenticated, service_role;
grant select on public.usage_records to service_role;

-- All but provider_cost, the seller's business; as for clients.metadata, operators too read it with
-- the service key, and `select=*` is refused.
grant select (client_id, usage_day, model, metric, rate_class, agent, quantity, log_count)
  on public.usage_records to authenticated;

create policy "members and operators read usage" on public.usage_records
  for select to authenticated
  using (client_id = any ((select billing.readable_clients())::uuid[]));

-- 20_usage/usage_changes.sql

-- Which months of which clients have usage that changed since the dashboards were refreshed. Rows
-- are added and never looked up: a month may stand here many times, and no rollup waits for a
-- refresh.
create table _billing.usage_changes (
  id bigint generated always as identity primary key,
  client_id uuid not null,
  month date not null
);
comment on table _billing.usage_changes is
  'Months of clients whose usage_records changed since billing.refresh_dashboards. Written by what
   writes usage_records, in the same statement.';
alter table _billing.usage_changes enable row level security;
revoke all on _billing.usage_changes from public, anon, authenticated, service_role;

-- 20_usage/quarantined_logs.sql

-- Log rows that cannot be counted.

create table billing.quarantined_logs (
  log_id uuid primary key,
  reason text not null
    constraint quarantined_logs_reason_known check (reason in ('no_client', 'unknown_client',
      'invalid_timestamp', 'before_retention', 'future_timestamp', 'invalid_metadata',
      'invalid_feature', 'too_many_features', 'too_many_keys', 'dismissed')),
  agent text not null,
  model text not null,
  occurred_at timestamptz not null,
  claim text,
  -- Derived from dismissed_logs, so that what waits is found by index however much was dismissed.
  dismissed boolean not null default false
);
comment on table billing.quarantined_logs is
  'Log rows that belong to nobody or cannot be read: not billed, not lost, each with its reason.';
comment on column billing.quarantined_logs.claim is
  'The client that the row names, its first 200 characters: what a new client looks for.';
create index quarantined_logs_agent on billing.quarantined_logs (agent, occurred_at);
create index quarantined_logs_claim on billing.quarantined_logs (claim)
  where reason = 'unknown_client';
create index quarantined_logs_waiting on billing.quarantined_logs
  (reason collate "C", agent collate "C", model collate "C") include (occurred_at)
  where not dismissed;
alter table billing.quarantined_logs enable row level security;
revoke all on billing.quarantined_logs from public;
grant select on billing.quarantined_logs to service_role;

-- 20_usage/held_logs.sql

-- Log rows that wait because their day has too many keys of usage.

-- Log rows that would have taken a client's day beyond max_usage_keys_per_day. A fact, not derived:
-- which rows came too late depends on the order of arrival, which a rebuild cannot see.
create table billing.held_logs (
  log_id uuid primary key,
  client_id uuid not null references public.clients (id) on delete cascade,
  usage_day date not null,
  held_at timestamptz not null default now()
);
comment on table billing.held_logs is
  'Log rows that wait because a client''s day has too many keys of usage; they are in quarantine
   while they are this client''s. billing.release_held_logs lets them go.';
create index held_logs_client_id on billing.held_logs (client_id, usage_day);
alter table billing.held_logs enable row level security;
revoke all on billing.held_logs from public;
grant select on billing.held_logs to service_role;

-- 20_usage/dismissed_logs.sql

-- Log rows that an operator has decided not to bill.

-- Log rows that somebody decided not to bill. A fact, as held_logs: a rebuild respects it.
create table billing.dismissed_logs (
  log_id uuid primary key,
  why text not null constraint dismissed_logs_says_why check (btrim(why) <> ''),
  actor text not null default billing.actor(),
  dismissed_at timestamptz not null default now()
);
comment on table billing.dismissed_logs is
  'Log rows that are not to be billed, why and by whom: billing.dismiss_quarantined. Whatever
   becomes of their clients, they are not counted.';
alter table billing.dismissed_logs enable row level security;
revoke all on billing.dismissed_logs from public;
grant select on billing.dismissed_logs to service_role;

-- 20_usage/watermark.sql

-- The log rows whose usage is in usage_records or quarantine: those visible in `snapshot`, and of
-- the transaction that moved the watermark itself those up to `own_seq`. The three identities
-- tell a database that was restored elsewhere, where snapshots mean nothing.
create table billing.usage_watermark (
  id boolean primary key default true constraint usage_watermark_one_row check (id),
  snapshot pg_snapshot not null default '1:1:',
  own_transaction xid8 not null default '0',
  own_seq bigint not null default 0,
  system_identifier bigint not null,
  database_oid oid not null,
  table_oid oid not null,
  kept_from timestamptz not null default '-infinity',
  moved_at timestamptz not null default now()
);
comment on table billing.usage_watermark is
  'Up to where logs are counted; moves in the transaction of the sums.';
comment on column billing.usage_watermark.kept_from is
  'Logs of earlier calls have been exported and removed; what comes for that time is quarantined.';
alter table billing.usage_watermark enable row level security;
revoke all on billing.usage_watermark from public;
grant select on billing.usage_watermark to service_role;

-- False after a restore into another cluster or database, or when the log table was made anew:
-- then the snapshot speaks of transactions that were never here.
create function _billing.watermark_is_here(w billing.usage_watermark)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select w.system_identifier = s.system_identifier and w.database_oid = d.oid
    and w.table_oid = 'public.agent_usage_logs'::regclass
  from pg_catalog.pg_control_system() s, pg_catalog.pg_database d
  where d.datname = current_database();
$$;

-- A watermark that counts every row visible now. Call it after locking the watermark row, so that
-- its snapshot is younger than the last rollup's commit.
create function _billing.watermark_now(w billing.usage_watermark)
returns billing.usage_watermark language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  w.snapshot := pg_current_snapshot();
  w.own_transaction := pg_current_xact_id();
  select case when q.is_called then q.last_value else 0 end into w.own_seq
  from public.agent_usage_logs_seq_seq q;
  return w;
end $$;

-- The first day whose logs are all kept: records of earlier days stand, their logs are exported.
create function _billing.first_kept_day()
returns date language sql stable set search_path = pg_catalog, pg_temp as $$
  select (w.kept_from at time zone 'UTC')::date + 2 from billing.usage_watermark w;
$$;
comment on function _billing.first_kept_day is
  'First client-local day whose usage can be computed from the logs; -infinity while all are kept.';

-- 20_usage/watermark_data.sql

-- The one row of the watermark: nothing has been counted yet.

insert into billing.usage_watermark (system_identifier, database_oid, table_oid)
select s.system_identifier, d.oid, 'public.agent_usage_logs'::regclass
from pg_control_system() s, pg_database d where d.datname = current_database()
on conflict do nothing;

-- 20_usage/token_counts.sql

-- What the counts and features of a log row mean.

-- A count inside metadata: absent is 0, anything but a number is null, and so is one of more than
-- 30 characters (jsonb holds numbers whose sum overflows). A minus sign is not one of them: what
-- can be recorded can be taken back.
create function billing.metadata_count(metadata jsonb, key text)
returns numeric language sql immutable parallel safe
return case jsonb_typeof(metadata -> key)
  when 'number' then
    case when length(ltrim(metadata ->> key, '-')) <= 30 then (metadata ->> key)::numeric end
  when 'null' then 0
  else case when metadata -> key is null then 0 end
end;
comment on function billing.metadata_count is
  'A count inside metadata: 0 where absent, null where it cannot be read.';

-- What the view calls, it calls as its reader.
grant execute on function billing.metadata_count(jsonb, text) to service_role;

-- The part of `whole` that `part` can be: a subset cannot exceed what contains it. An odd function,
-- part_of(-p, -w) = -part_of(p, w): a row that takes another back is its mirror, also where the
-- whole is 0 and nothing can be a part of it.
create function billing.part_of(part numeric, whole numeric)
returns numeric language sql immutable parallel safe
return case when part is null then null
  when whole > 0 then least(part, whole) when whole < 0 then greatest(part, whole) else 0 end;
comment on function billing.part_of is 'How much of a part its whole can contain.';

-- What the view calls, it calls as its reader.
grant execute on function billing.part_of(numeric, numeric) to service_role;

-- The names of our own counts: a feature called like one would be added to it.
create function billing.is_built_in(metric text)
returns boolean language sql immutable parallel safe
return starts_with(metric, 'batch_') or starts_with(metric, 'unmapped_')
  or metric in ('input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens',
    'reasoning_tokens', 'web_searches', 'requests');
comment on function billing.is_built_in is
  'Whether a metric is one of those that columns and metadata of a log are counted as.';

-- What the view calls, it calls as its reader.
grant execute on function billing.is_built_in(text) to service_role;

-- Where it is not known how a row counts (attributed_logs.is_unmapped), its cache and reasoning
-- tokens may be part of its input and output, or stand beside them. All its tokens are recorded
-- under these names, which cannot have a price: whatever is sold later, none is billed twice.
create function billing.is_unmapped(metric text)
returns boolean language sql immutable parallel safe
return starts_with(metric, 'unmapped_');
comment on function billing.is_unmapped is
  'Whether a metric counts tokens of which it is not known what they are part of.';

-- What the view calls, it calls as its reader.
grant execute on function billing.is_unmapped(text) to service_role;

-- How a row says that it counts; before the provider of its model, because it is known best by what
-- wrote the row: a gateway tells calls of all models alike.
create function billing.counting_of(metadata jsonb)
returns text language sql immutable parallel safe
return case when metadata ? 'counting' then case
  when metadata -> 'counting' in ('"inclusive"', '"exclusive"') then metadata ->> 'counting'
  when metadata -> 'counting' <> 'null' then 'invalid' end end;
comment on function billing.counting_of is
  'metadata.counting: inclusive (input contains what was read from and written to a cache, output
   contains reasoning), exclusive (each count stands beside the others), null where the row does not
   say, invalid for anything else.';

-- What the view calls, it calls as its reader.
grant execute on function billing.counting_of(jsonb) to service_role;

-- Whether a part is counted within its whole. Parts that are absent are not looked up.
create function billing.is_within(part numeric, counting text, by_provider boolean)
returns boolean language sql immutable parallel safe
return case when part is null then false else
  case counting when 'inclusive' then true when 'exclusive' then false else by_provider end end;
comment on function billing.is_within is
  'Whether a count is part of another, by what the row says, else by its provider.';

-- What the view calls, it calls as its reader.
grant execute on function billing.is_within(numeric, text, boolean) to service_role;

-- A count inside metadata where there is one: null where absent, NaN where it cannot be read.
create function _billing.token_count(metadata jsonb, key text)
returns numeric language sql immutable parallel safe
return case when metadata ? key then coalesce(billing.metadata_count(metadata, key), 'NaN') end;
comment on function _billing.token_count is
  'A count inside metadata: null where absent, NaN where it cannot be read.';

-- Tokens of other kinds (audio, images, written to a cache for an hour) are features by their name:
-- counts beside the others. Like all tokens they have the rate class of their call.
create function billing.is_tokens(feature text)
returns boolean language sql immutable parallel safe
return feature like '%\_tokens';
comment on function billing.is_tokens is 'Whether a feature counts tokens.';

-- What the view calls, it calls as its reader.
grant execute on function billing.is_tokens(text) to service_role;

-- What of the features is input of the model, beside input and cache tokens. Anything but numbers
-- counts nothing: such a row is not billed.
create function billing.input_in_features(features jsonb)
returns numeric language sql immutable parallel safe
return case when jsonb_typeof(features) <> 'object' then 0 else
  coalesce(billing.metadata_count(features, 'cache_write_1h_tokens'), 0)
    + coalesce(billing.metadata_count(features, 'input_audio_tokens'), 0)
    + coalesce(billing.metadata_count(features, 'input_image_tokens'), 0) end;
comment on function billing.input_in_features is
  'Input tokens among other_features: cache_write_1h_tokens, input_audio_tokens,
   input_image_tokens.';

-- What the view calls, it calls as its reader.
grant execute on function billing.input_in_features(jsonb) to service_role;

-- Why a group of logs with these other_features cannot be billed; null where it can. Each feature
-- is a key of usage, so a row may bring so many; control characters belong to no name.
create function billing.feature_reason(features jsonb)
returns text language sql immutable parallel safe
return case when jsonb_typeof(features) <> 'object' or exists (
    select from jsonb_each(case jsonb_typeof(features) when 'object' then features else '{}' end) e
    where jsonb_typeof(e.value) <> 'number' or length(ltrim(e.value::text, '-')) > 30
      or length(e.key) > 200 or billing.is_built_in(e.key)
      or e.key ~ '[\x01-\x1f\x7f-\x9f]') then 'invalid_feature'
  when (select count(*) from jsonb_object_keys(
    case jsonb_typeof(features) when 'object' then features else '{}' end)) > 50
    then 'too_many_features' end;
comment on function billing.feature_reason is
  'invalid_feature where other_features holds what cannot be counted, too_many_features where it
   holds more than 50, else null.';

-- What the view calls, it calls as its reader.
grant execute on function billing.feature_reason(jsonb) to service_role;

-- 20_usage/rate_classes.sql

-- Rate classes: at which of its rates a provider charges a call (ADR 37). A class is a property of
-- the log row; all tokens of the row have it. What is known from the row are conditions, as data.

-- A class whose name has a plus sign combines others: batch+long_context is a batch that is long.
create table billing.rate_classes (
  id text primary key constraint rate_classes_name check (
    id ~ '^[a-z0-9_]{1,40}(\+[a-z0-9_]{1,40}){0,2}$'),
  code smallint not null unique constraint rate_classes_code check (
    code between 0 and 1000 and (code = 0) = (id = 'standard')),
  what text not null
);
comment on table billing.rate_classes is
  'Rates at which providers charge calls. Usage is recorded by them, and prices are for one.';
comment on column billing.rate_classes.code is
  'What stands for the class while log rows are summed; 0 is standard.';
alter table billing.rate_classes enable row level security;
revoke all on billing.rate_classes from public;
grant select on billing.rate_classes to service_role;

create trigger refuse_change before delete or truncate on billing.rate_classes
  for each statement execute function _billing.refuse_change();
create trigger refuse_rename before update on billing.rate_classes
  for each row when ((old.id, old.code) is distinct from (new.id, new.code))
  execute function _billing.refuse_change();

-- A row is of the class of the first condition, by place, that holds for it, else standard.
create table billing.rate_class_conditions (
  place integer primary key,
  rate_class text not null references billing.rate_classes (id),
  metadata jsonb not null default '{}',
  is_long boolean not null default false,
  constraint rate_class_conditions_are_some check (
    jsonb_typeof(metadata) = 'object' and (metadata <> '{}' or is_long))
);
comment on table billing.rate_class_conditions is
  'Of which class a log row is: the first that holds, by place. Compiled to one expression,
   _billing.rate_class_code.';
comment on column billing.rate_class_conditions.metadata is
  'What the metadata of the row contains; {} asks for nothing.';
comment on column billing.rate_class_conditions.is_long is
  'Holds only for calls whose whole input is beyond models.long_context_above.';
create index rate_class_conditions_rate_class on billing.rate_class_conditions (rate_class);
alter table billing.rate_class_conditions enable row level security;
revoke all on billing.rate_class_conditions from public;
grant select on billing.rate_class_conditions to service_role;

-- The class of a log row, as its code. Written by compile_rate_classes from the conditions; this is
-- what it is without any. The rollup has it written out in its query.
create function _billing.rate_class_code(metadata jsonb, is_long boolean)
returns integer language sql immutable parallel safe
return 0;
comment on function _billing.rate_class_code is
  'Code of the rate class of a log row; compiled from billing.rate_class_conditions.';

-- 20_usage/attribution.sql

-- From a log row to what it means: whose, on which day, how many units of what. One view, read by
-- the rollup, the rebuild and the reconciliation, so that they cannot disagree about a row.
create view billing.client_references with (security_invoker = true) as
select c.id::text as reference, c.id as client_id from public.clients c
union all
select c.external_id, c.id from public.clients c
where c.external_id is not null
  and not exists (select from public.clients o where o.id::text = c.external_id);
comment on view billing.client_references is
  'Every name under which a log may call a client. Each names one client: an id wins over an
   external id that spells the same, else a log would be counted for both.';
revoke all on billing.client_references from public;
grant select on billing.client_references to service_role;

-- A correction that takes a row back has each count with the opposite sign. Corrections alone can:
-- what agents put into their metadata is theirs.
create function billing.is_negation(corrects_id uuid, metadata jsonb)
returns boolean language sql immutable parallel safe
return corrects_id is not null and metadata ? 'negates';
comment on function billing.is_negation is 'Whether a log row takes another one back.';

-- What the view calls, it calls as its reader.
grant execute on function billing.is_negation(uuid, jsonb) to service_role;

create view billing.attributed_logs with (security_invoker = true) as
select
  l.id, l.seq, l.stored_by, l."timestamp", l.agent, l.model, l.other_features,
  l.input_cost, l.output_cost, l.total_cost,
  case when f.reason is null then z.client_id end as client_id,
  case when f.reason is null then
    greatest(z.effective_from, (l."timestamp" at time zone z.time_zone)::date)
    else (l."timestamp" at time zone 'UTC')::date
  end as usage_day,
  f.reason,
  -- Condition by condition, as they are stored; sum_logs has them compiled.
  coalesce((select k.rate_class from billing.rate_class_conditions k
    where (k.metadata = '{}' or l.metadata @> k.metadata)
      and (not k.is_long or abs(l.calls) = 1 and abs(l.input_tokens
        + case when t.reading_within then 0 else t.cache_read end
        + case when t.writing_within then 0 else t.cache_write end
        + billing.input_in_features(l.other_features)) > m.long_context_above)
    order by k.place limit 1), 'standard') as rate_class,
  l.input_tokens - case when t.reading_within then t.cache_read else 0 end
    - case when t.writing_within then t.cache_write else 0 end as input,
  l.output_tokens - case when t.reasoning_within then t.reasoning else 0 end as output,
  t.cache_read, t.cache_write, t.reasoning,
  t.counting is null and p.id is null
    and coalesce(t.cache_read <> 0 or t.cache_write <> 0 or t.reasoning <> 0, false) as is_unmapped,
  l.web_searches,
  l.calls as requests,
  c.claim
from public.agent_usage_logs l
-- `offset 0`: computed once per row. Without it the planner writes these expressions out wherever
-- they are used, which parses each row's metadata a dozen times.
cross join lateral (
  select nullif(btrim(coalesce(l.client_id::text, l.metadata ->> 'client_id')), '') as claim
  offset 0
) c
left join billing.client_references r on r.reference = c.claim
left join public.agent_assignments a
  on a.agent = l.agent and c.claim is null
  and a.starts_at <= l."timestamp" and l."timestamp" < a.ends_at
left join public.client_time_zones z
  on z.client_id = case when c.claim is not null then r.client_id else
    coalesce(a.client_id, (select s.default_client_id from public.billing_settings s)) end
  and z.starts_at <= l."timestamp" and l."timestamp" < z.ends_at
left join public.models m on m.id = l.model
left join public.providers p on p.id = m.provider
cross join lateral (
  select
    w.reading_within, w.writing_within, w.reasoning_within, w.counting,
    case when w.reading_within then billing.part_of(k.cache_read, l.input_tokens)
      else k.cache_read end as cache_read,
    -- What was read first, then what is left of what was written.
    case when w.writing_within then billing.part_of(k.cache_write, l.input_tokens
        - case when w.reading_within then billing.part_of(k.cache_read, l.input_tokens) else 0 end)
      else k.cache_write end as cache_write,
    case when w.reasoning_within then billing.part_of(k.reasoning, l.output_tokens)
      else k.reasoning end as reasoning,
    -- As the log has them: cut to a whole of 0, a count below zero could not be told any more.
    least(k.cache_read, k.cache_write, k.reasoning) as lowest,
    greatest(k.cache_read, k.cache_write, k.reasoning) as highest
  from (select
    case when not h.counts then 0
      else billing.metadata_count(l.metadata, 'cache_read_tokens') end as cache_read,
    case when not h.counts then 0
      else billing.metadata_count(l.metadata, 'cache_write_tokens') end as cache_write,
    case when not h.counts then 0
      else billing.metadata_count(l.metadata, 'reasoning_tokens') end as reasoning
    from (select l.metadata ?|
      '{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[] as counts offset 0) h
    offset 0) k
  cross join lateral (
    select c.counting,
      billing.is_within(k.cache_read, c.counting, p.cache_read_within_input) as reading_within,
      billing.is_within(k.cache_write, c.counting, p.cache_write_within_input) as writing_within,
      billing.is_within(k.reasoning, c.counting, p.reasoning_within_output) as reasoning_within
    from (select billing.counting_of(l.metadata) as counting offset 0) c
    offset 0) w
  offset 0
) t
cross join lateral (
  -- Each reason guards the rollup of everybody against one row: a day that no time zone can hold,
  -- a count that overflows a sum, a feature's name longer than an index row
  -- or that of a count of our own.
  select case
    when l."timestamp" < '1970-01-01 00:00+00' or l."timestamp" >= '2200-01-01 00:00+00'
      then 'invalid_timestamp'
    -- Counted and removed, or it could not be told from a row that was.
    when l."timestamp" < (select w.kept_from from billing.usage_watermark w)
      then 'before_retention'
    -- A day is for clocks and zones that are wrong; what is dated later would wait for its month.
    when l."timestamp" > l.created_at + interval '24 hours' then 'future_timestamp'
    when z.client_id is null and c.claim is null then 'no_client'
    when z.client_id is null then 'unknown_client'
    when t.counting = 'invalid'
      or t.cache_read is null or t.cache_write is null or t.reasoning is null
      or case when billing.is_negation(l.corrects_id, l.metadata) then t.highest > 0
        else t.lowest < 0 end
      then 'invalid_metadata'
    else coalesce(
      case when l.other_features <> '{}' then billing.feature_reason(l.other_features) end,
      -- What corrects a row that is held is held with it.
      -- By its id: all that is held of a client may be much.
      case when exists (select from (select h.client_id from billing.held_logs h
          where h.log_id in (l.id, l.corrects_id) offset 0) h where h.client_id = z.client_id)
        then 'too_many_keys' end,
      case when exists (select from billing.dismissed_logs d where d.log_id = l.id)
        then 'dismissed' end)
  end as reason
  offset 0
) f;
comment on view billing.attributed_logs is
  'Each log row with its client, client-local day and normalized counts, or the reason why not.';
revoke all on billing.attributed_logs from public;
grant select on billing.attributed_logs to service_role;

-- True for rows that the watermark has counted.
create function _billing.is_counted(
  stored_by xid8, seq bigint, snapshot pg_snapshot, own_transaction xid8, own_seq bigint
) returns boolean language sql immutable parallel safe
return case when stored_by = own_transaction then seq <= own_seq
  else pg_visible_in_snapshot(stored_by, snapshot) end;
comment on function _billing.is_counted is
  'Whether a log row is counted by the watermark (snapshot, own_transaction, own_seq).';

-- 20_usage/agent_keys/role.sql

-- The role of agents that post to the Data API with a key of their own (a signed token). It may
-- insert into the usage log what the policy of log_policy.sql allows, and nothing else.

-- Roles belong to the cluster: another database may have made it.
do $$
begin
  create role billing_agent nologin noinherit;
exception when duplicate_object or unique_violation then
  null;
end $$;

-- The Data API takes on the role that a token names where its own login role is a member of it.
grant billing_agent to authenticator;
grant usage on schema public, billing to billing_agent;

-- 20_usage/agent_keys/keys.sql

-- Keys of agents: whose usage a key may log, for which clients, how much and of which times. A key
-- reads nothing and corrects nothing. Its token is told once; what is kept of it is a hash, apart
-- from the key, so that neither views nor the audit log hold it.

create table _billing.agent_keys (
  id uuid primary key default gen_random_uuid(),
  name text not null constraint agent_keys_name_length check (
    btrim(name) <> '' and length(name) <= 200 and name !~ '[\x01-\x1f\x7f-\x9f]'),
  kind text not null constraint agent_keys_kind_known check (kind in ('token', 'jwt')),
  agent text constraint agent_keys_agent_length check (
    btrim(agent) <> '' and length(agent) <= 200),
  client_ids uuid[] constraint agent_keys_clients_named check (
    cardinality(client_ids) between 1 and 1000 and array_position(client_ids, null) is null),
  scopes text[] not null default '{usage:write}'
    constraint agent_keys_scopes_known check (scopes <@ '{usage:write}'),
  daily_events bigint constraint agent_keys_daily_events_positive check (daily_events > 0),
  networks cidr[] constraint agent_keys_networks_of_tokens check (
    networks is null or kind = 'token' and cardinality(networks) between 1 and 100
    and array_position(networks, null) is null),
  max_age interval not null constraint agent_keys_max_age_in_range check (
    max_age > '0' and max_age <= '10 years'),
  max_ahead interval not null constraint agent_keys_max_ahead_in_range check (
    max_ahead >= '0' and max_ahead <= '24 hours'),
  expires_at timestamptz,
  revoked_at timestamptz,
  revoked_because text,
  replaces_id uuid unique references _billing.agent_keys (id),
  created_by text not null default billing.actor(),
  created_at timestamptz not null default now(),
  -- A signed token ends by itself within 366 days, also one of which nobody knows any more.
  constraint agent_keys_jwt_expires check (
    kind = 'token' or expires_at is not null and expires_at <= created_at + interval '8784 hours')
);
comment on table _billing.agent_keys is
  'Keys of agents, what each may log, and until when. Never deleted: logs came by them.';
create trigger require_second_factor before insert or update on _billing.agent_keys
  for each statement execute function _billing.guard_by_second_factor();
alter table _billing.agent_keys enable row level security;
revoke all on _billing.agent_keys from public;

create table _billing.agent_key_hashes (
  hash bytea primary key,
  key_id uuid not null unique references _billing.agent_keys (id)
);
comment on table _billing.agent_key_hashes is
  'SHA-256 of each token: 192 random bits need no slow hash.';
alter table _billing.agent_key_hashes enable row level security;
revoke all on _billing.agent_key_hashes from public;

create table _billing.agent_key_use (
  key_id uuid primary key references _billing.agent_keys (id),
  last_used_at timestamptz not null default '-infinity'
);
comment on table _billing.agent_key_use is
  'When each key was last used, to the minute: it is not written more often.';
alter table _billing.agent_key_use enable row level security;
revoke all on _billing.agent_key_use from public;

-- Several rows a day, so that requests of one key never wait for each other's count.
create table _billing.agent_key_days (
  key_id uuid not null references _billing.agent_keys (id),
  day date not null,
  slot bigint generated always as identity,
  events bigint not null,
  primary key (key_id, day, slot)
);
comment on table _billing.agent_key_days is
  'Events that keys with a quota have stored on each UTC day: the sum of the slots of the day.';
alter table _billing.agent_key_days enable row level security;
revoke all on _billing.agent_key_days from public;

create view billing.agent_keys as
select k.id, k.name, k.kind, k.agent, k.client_ids, k.scopes, k.daily_events,
  case when k.daily_events is not null then (
    select coalesce(sum(d.events), 0)::bigint from _billing.agent_key_days d
    where d.key_id = k.id and d.day = (now() at time zone 'UTC')::date) end as events_today,
  k.networks, k.max_age, k.max_ahead,
  case when k.revoked_at is not null then 'revoked' when k.expires_at <= now() then 'expired'
    when s.id is not null then 'replaced' else 'active' end as state,
  k.expires_at, k.revoked_at, k.revoked_because, k.replaces_id, k.created_by, k.created_at,
  case when isfinite(u.last_used_at) then u.last_used_at end as last_used_at
from _billing.agent_keys k
join _billing.agent_key_use u on u.key_id = k.id
left join _billing.agent_keys s on s.replaces_id = k.id;
comment on view billing.agent_keys is
  'Keys of agents, without anything that opens: what each may log, its state and its last use.
   A replaced key is valid until it expires. Read with the rights of the owner.';
revoke all on billing.agent_keys from public;
grant select on billing.agent_keys to service_role;

-- 20_usage/agent_keys/manage.sql

-- How operators make, replace and end keys of agents.

-- `lea_`, 192 random bits, and 32 bits of their hash, by which a slip is told without a look-up.
create function _billing.new_agent_token() returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  -- Version 4 uuids are 122 bits each of the server's strong randomness.
  random_part constant text := left(encode(sha256(
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'), 48);
begin
  return 'lea_' || random_part
    || left(encode(sha256(convert_to('lea_' || random_part, 'UTF8')), 'hex'), 8);
end $$;
comment on function _billing.new_agent_token is 'A new token of an agent''s key.';

create function _billing.store_agent_key(made _billing.agent_keys) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  token constant text := case when made.kind = 'token' then _billing.new_agent_token() end;
begin
  insert into _billing.agent_keys select made.*;
  insert into _billing.agent_key_use (key_id) values (made.id);
  if token is not null then
    insert into _billing.agent_key_hashes (hash, key_id)
    values (sha256(convert_to(token, 'UTF8')), made.id);
  end if;
  return token;
end $$;
comment on function _billing.store_agent_key is
  'Stores a key; returns its token, which is kept nowhere, or null for keys of kind jwt.';

create function billing.create_agent_key(
  name text, client_ids uuid[], agent text default null, daily_events bigint default null,
  networks cidr[] default null, max_age interval default '31 days',
  max_ahead interval default '1 hour', expires_at timestamptz default now() + interval '1 year',
  kind text default 'token'
) returns table (id uuid, token text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: keys are written by these functions alone.
declare
  unknown text;
  made _billing.agent_keys;
begin
  select string_agg(g.id::text, ', ') into unknown from unnest(client_ids) g(id)
  where not exists (select from public.clients c where c.id = g.id);
  if unknown is not null then
    perform billing.raise_error('unknown_client', format('there is no client %s', unknown));
  elsif expires_at <= now() then
    perform billing.raise_error('invalid_argument', 'expires_at is in the past');
  end if;
  made := row(gen_random_uuid(), name, kind, agent, client_ids, '{usage:write}', daily_events,
    networks, max_age, max_ahead, expires_at, null, null, null, billing.actor(), now());
  return query select made.id, _billing.store_agent_key(made);
exception when check_violation or not_null_violation then
  perform billing.raise_error('invalid_argument', sqlerrm,
    'a jwt key ends within 366 days and has no networks; see docs/security.md');
end $$;
comment on function billing.create_agent_key is
  'Makes a key that may log usage of one agent (null: of any) for these clients (null: all).
   Returns the token, which is shown this once; of kind jwt the token is signed elsewhere.';
grant execute on function billing.create_agent_key(
  text, uuid[], text, bigint, cidr[], interval, interval, timestamptz, text) to service_role;

create function _billing.live_key_to_change(key uuid) returns _billing.agent_keys
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  found_key _billing.agent_keys;
begin
  select * into found_key from _billing.agent_keys k where k.id = key for update;
  if found_key.id is null then
    perform billing.raise_error('unknown_agent_key', format('there is no agent key %s', key));
  elsif found_key.revoked_at is not null or found_key.expires_at <= now() then
    perform billing.raise_error('agent_key_ended',
      format('agent key %s has been revoked or has expired', key), 'make a new one');
  end if;
  return found_key;
end $$;
comment on function _billing.live_key_to_change is 'A key that has not ended, locked; else raises.';

create function billing.rotate_agent_key(key uuid, overlap interval default '24 hours')
returns table (id uuid, token text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  old constant _billing.agent_keys := _billing.live_key_to_change(key);
  made _billing.agent_keys := old;
begin
  if overlap is null or overlap < '0' or overlap > '90 days' then
    perform billing.raise_error('invalid_argument', 'overlap is 0 to 90 days');
  elsif exists (select from _billing.agent_keys s where s.replaces_id = key) then
    perform billing.raise_error('agent_key_ended', format('agent key %s is replaced', key),
      'rotate its successor, or revoke it');
  end if;
  made.id := gen_random_uuid();
  made.replaces_id := key;
  made.created_by := billing.actor();
  made.created_at := now();
  -- As long a life as the old one had.
  made.expires_at := now() + (old.expires_at - old.created_at);
  update _billing.agent_keys k set expires_at = least(k.expires_at, now() + overlap)
  where k.id = key;
  return query select made.id, _billing.store_agent_key(made);
end $$;
comment on function billing.rotate_agent_key is
  'Makes the successor of a key, with the same rights; the old key is valid for the overlap still.';
grant execute on function billing.rotate_agent_key(uuid, interval) to service_role;

create function billing.revoke_agent_key(key uuid, reason text default null) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  update _billing.agent_keys k
  set revoked_at = coalesce(k.revoked_at, clock_timestamp()),
    revoked_because = coalesce(k.revoked_because, left(reason, 500))
  where k.id = key;
  if not found then
    perform billing.raise_error('unknown_agent_key', format('there is no agent key %s', key));
  end if;
end $$;
comment on function billing.revoke_agent_key is
  'Ends a key at once: from this commit on nothing is logged with it. Twice does no harm.';
grant execute on function billing.revoke_agent_key(uuid, text) to service_role;

-- 20_usage/agent_keys/check.sql

-- Whether a key may log an event. Both ways in ask here: ingest-usage and the policy of the log.

-- A key that is valid now; raises for one that is unknown, expired or revoked, all alike. Nothing
-- is locked: an agent waits for nobody.
create function _billing.valid_agent_key(key uuid, key_kind text) returns _billing.agent_keys
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  valid _billing.agent_keys;
begin
  select * into valid from _billing.agent_keys k
  where k.id = key and k.kind = key_kind and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > now()) and 'usage:write' = any (k.scopes);
  if valid.id is null then
    perform billing.raise_error('unauthorized', 'the key is not valid');
  end if;
  return valid;
end $$;
comment on function _billing.valid_agent_key is
  'A key that is valid now; else raises unauthorized.';

-- Which of a key's clients a claim names: its id or external id. Null for a key of all clients.
create function _billing.claimed_client(key _billing.agent_keys, claim text) returns uuid
language sql stable
return (select r.client_id from billing.client_references r
  where r.reference = claim and r.client_id = any (key.client_ids));
comment on function _billing.claimed_client is
  'The client of a key that a claim names; null where the key is for no such client.';

-- Why a key may not log an event: a code, or null where it may.
create function _billing.refused_by_key(
  key _billing.agent_keys, agent text, client uuid, "at" timestamptz
) returns text language sql stable
return case when agent <> key.agent then 'agent_not_allowed'
  when key.client_ids is not null and not coalesce(client = any (key.client_ids), false)
    then 'client_not_allowed'
  when "at" < now() - key.max_age or "at" > now() + key.max_ahead then 'time_not_allowed' end;
comment on function _billing.refused_by_key is
  'The code of what a key may not: agent_not_allowed, client_not_allowed, time_not_allowed.';

-- Whether a key may be used from an address; of an IPv6 caller the address is a network, the /64.
create function _billing.is_in_networks(networks cidr[], address text) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return networks is null or coalesce(address::inet <<= any (networks), false);
exception when data_exception then
  return false;
end $$;
comment on function _billing.is_in_networks is
  'Whether an address lies in one of the networks; without networks every address does.';

-- Counts events towards the key's quota of the day, or raises quota_exceeded and counts nothing.
-- What other requests of the key have not committed is not seen: they may together exceed the quota
-- by what is in flight.
create function _billing.use_agent_key(key _billing.agent_keys, new_events bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  today constant date := (now() at time zone 'UTC')::date;
begin
  if key.daily_events is not null then
    if new_events + (select coalesce(sum(d.events), 0) from _billing.agent_key_days d
        where d.key_id = key.id and d.day = today) > key.daily_events then
      perform billing.raise_error('quota_exceeded',
        format('the key may log %s events a day', key.daily_events), 'retry tomorrow (UTC)');
    end if;
    update _billing.agent_key_days d set events = d.events + new_events
    where (d.key_id, d.day, d.slot) = (select f.key_id, f.day, f.slot
      from _billing.agent_key_days f where f.key_id = key.id and f.day = today
      limit 1 for update skip locked);
    if not found then
      insert into _billing.agent_key_days (key_id, day, events)
      values (key.id, today, new_events);
      delete from _billing.agent_key_days d
      where (d.key_id, d.day, d.slot) in (select f.key_id, f.day, f.slot
        from _billing.agent_key_days f where f.key_id = key.id and f.day < today - 31
        for update skip locked);
    end if;
  end if;
  update _billing.agent_key_use u set last_used_at = now()
  where u.key_id in (select f.key_id from _billing.agent_key_use f
    where f.key_id = key.id and f.last_used_at < now() - interval '1 minute'
    for update skip locked);
end $$;
comment on function _billing.use_agent_key is
  'Notes that a key was used for so many events; raises quota_exceeded beyond its quota.';

-- For ingest-usage: which key a token is of, by the token's hash, and what it fills in.
create function billing.find_agent_key(token_hash text)
returns table (id uuid, agent text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: hashes are read by this function alone.
begin
  return query
  select k.id, k.agent
  from _billing.agent_key_hashes h join _billing.agent_keys k on k.id = h.key_id
  where h.hash = decode(token_hash, 'hex') and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > now());
end $$;
comment on function billing.find_agent_key is
  'The valid key whose token has this SHA-256 (hexadecimal); none where that is unknown or ended.';
grant execute on function billing.find_agent_key(text) to service_role;

-- 20_usage/agent_keys/log_policy.sql

-- What role billing_agent may insert into the log through the Data API. Its token names the key;
-- what the key may is read here with each row, so that revoking it holds at once.

create function billing.agent_may_log(
  agent text, client_id uuid, metadata jsonb, "timestamp" timestamptz
) returns boolean language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
-- Definer: the role may read no key.
declare
  claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
  key _billing.agent_keys;
  claim constant text := nullif(btrim(metadata ->> 'client_id'), '');
  refused text;
begin
  if claims ->> 'billing_key' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    key := _billing.valid_agent_key((claims ->> 'billing_key')::uuid, 'jwt');
  else
    perform billing.raise_error('unauthorized', 'the token names no key');
  end if;
  -- The Data API has seen that the token has not ended yet. Signed for longer than a key lives, it
  -- was not signed for its key.
  if jsonb_typeof(claims -> 'exp') is distinct from 'number' or (claims ->> 'exp')::numeric
    > extract(epoch from key.created_at + interval '8784 hours') then
    perform billing.raise_error('unauthorized', 'the token outlives its key');
  end if;
  refused := case
    -- The log goes by client_id; a row that calls two clients is wrong about one of them.
    when key.client_ids is not null and client_id <> _billing.claimed_client(key, claim)
      then 'client_not_allowed'
    when key.client_ids is not null and client_id is not null and claim is not null
      and _billing.claimed_client(key, claim) is null then 'client_not_allowed'
    else _billing.refused_by_key(
      key, agent, coalesce(client_id, _billing.claimed_client(key, claim)), "timestamp") end;
  if refused is not null then
    perform billing.raise_error(refused, format('the key may not log this: agent %s, client %s, '
      'time %s', agent, coalesce(client_id::text, claim, 'none'), "timestamp"));
  end if;
  perform _billing.use_agent_key(key, 1);
  return true;
end $$;
comment on function billing.agent_may_log is
  'Whether the key that the request''s token names may log this row; raises why not.';
grant execute on function billing.agent_may_log(text, uuid, jsonb, timestamptz) to billing_agent;

-- Column defaults, generated columns and checks are computed with the rights of who inserts.
grant execute on function billing.new_id() to billing_agent;
grant execute on function billing.storing_transaction() to billing_agent;
grant execute on function billing.refuse_negative(text, numeric) to billing_agent;
grant execute on function billing.refuse_nan(text, numeric) to billing_agent;

-- No select: what was inserted is not shown, and `Prefer: return=representation` is refused.
grant insert (id, agent, endpoint, model, input_tokens, output_tokens, web_searches,
  other_features, input_cost, output_cost, feature_cost, total_cost, metadata, "timestamp",
  client_id, calls)
  on public.agent_usage_logs to billing_agent;

create policy "keys of agents log for their clients" on public.agent_usage_logs
  for insert to billing_agent
  with check (billing.agent_may_log(agent, client_id, metadata, "timestamp"));

-- 20_usage/log_owners.sql

-- Every name that may stand in a log for whose it is, with the time for which it says so: claims
-- (ids and external ids of clients), and agents that are assigned. Of one name at one time one row.
create view _billing.log_owners with (security_invoker = true) as
select r.reference, true as is_claim, z.client_id, z.effective_from, z.time_zone, z.starts_at,
  z.ends_at
from billing.client_references r join public.client_time_zones z on z.client_id = r.client_id
union all
select a.agent, false, z.client_id, z.effective_from, z.time_zone,
  greatest(a.starts_at, z.starts_at), least(a.ends_at, z.ends_at)
from public.agent_assignments a join public.client_time_zones z
  on z.client_id = a.client_id and z.starts_at < a.ends_at and a.starts_at < z.ends_at;
comment on view _billing.log_owners is
  'Whose a log is by its claim or its agent, at which times, and in which zone its day is.';
revoke all on _billing.log_owners from public;

-- 20_usage/sum_logs.sql

-- The sums of log rows by the key of usage_records: what rollup, rebuild and comparison stand on.
--
-- What the view attributed_logs says of each row, several times faster: one pass of plain columns,
-- which several processes can share; what holds for a whole group (the provider's way of counting,
-- what features may be called) is found once per group. Test 15-rollup-sums holds both to the same.

-- Sums log rows by (client, day, model, metric, class, agent). Of rows counted by `upto` and not by
-- `since`; where times are given, of that time range only. Rows that cannot be billed come with a
-- reason, client and day null.
create function _billing.sum_logs(
  since billing.usage_watermark, upto billing.usage_watermark,
  from_at timestamptz default '-infinity', until_at timestamptz default 'infinity',
  agents text[] default null
) returns table (client_id uuid, reason text, usage_day date, model text, metric text,
  rate_class text, agent text, quantity numeric, provider_cost numeric, log_count bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
-- Many log rows meet few clients and zones: hash them, whatever the statistics say.
set enable_nestloop = off set enable_mergejoin = off set enable_sort = off set jit = off
set work_mem = '64MB' as $$
declare
  -- Outside of these two a row's transaction alone says whether it is counted; the snapshots, which
  -- cost more to ask, are asked in between.
  surely_new constant xid8 := greatest(pg_snapshot_xmax(since.snapshot), since.own_transaction);
  surely_seen constant xid8 := least(pg_snapshot_xmin(upto.snapshot), upto.own_transaction);
  reading_within constant text[] := array(select m.id from public.models m
    join public.providers p on p.id = m.provider where p.cache_read_within_input);
  writing_within constant text[] := array(select m.id from public.models m
    join public.providers p on p.id = m.provider where p.cache_write_within_input);
  reasoning_within constant text[] := array(select m.id from public.models m
    join public.providers p on p.id = m.provider where p.reasoning_within_output);
  mapped constant text[] := array(select m.id from public.models m where m.provider is not null);
  -- Beyond which input calls are long, by model, and the least of these.
  long_above constant jsonb := (select jsonb_object_agg(m.id, m.long_context_above)
    from public.models m where m.long_context_above is not null);
  least_long constant numeric := (select min(m.long_context_above) from public.models m);
  class_of constant jsonb := (select jsonb_object_agg(r.code, r.id) from billing.rate_classes r);
  -- Keys of metadata that say how a row is counted.
  counted_by constant text[] := array['counting', 'cache_read_tokens', 'cache_write_tokens',
    'reasoning_tokens'] || array(select distinct k from billing.rate_class_conditions c,
      jsonb_object_keys(c.metadata) k order by k);
  -- Kinds of rows, as bits; those above them are the code of the rate class.
  inclusive constant integer := 1;
  exclusive constant integer := 2;
  unmapped constant integer := 4;
  one_class constant integer := 8;
  kept_from constant timestamptz := (select greatest(w.kept_from, '1970-01-01 00:00+00')
    from billing.usage_watermark w);
  holding constant boolean := exists (select from billing.held_logs);
  dismissing constant boolean := exists (select from billing.dismissed_logs);
begin
  return query
  with rows as not materialized (
    -- Most rows have nothing in their metadata but whose they are: the rest is asked of the others.
    select l.client_id, l.id, l."timestamp", l.created_at, l.agent, l.model, l.corrects_id,
      l.other_features, l.metadata, l.input_tokens, l.output_tokens, l.web_searches,
      l.input_cost, l.output_cost, l.total_cost, l.calls, l.metadata ?| counted_by as says_more
    from public.agent_usage_logs l
    where l.stored_by >= pg_snapshot_xmin(since.snapshot)
      and l."timestamp" >= from_at and (l."timestamp" < until_at or until_at = 'infinity')
      and (agents is null or l.agent in (select unnest(agents)))
      and (l.stored_by > surely_new or not _billing.is_counted(
        l.stored_by, l.seq, since.snapshot, since.own_transaction, since.own_seq))
      and (l.stored_by < surely_seen or _billing.is_counted(
        l.stored_by, l.seq, upto.snapshot, upto.own_transaction, upto.own_seq))
    -- Computed once per row. In quotes: of a bare 0, an integer to be cast, the planner does not
    -- see that it leaves nothing out, and would read the rows with one process.
    offset '0'
  ), logs as not materialized (
    select
      nullif(case when l.client_id is not null then l.client_id::text
        when strpos(l.metadata ->> 'client_id', ' ') = 0 then l.metadata ->> 'client_id'
        else btrim(l.metadata ->> 'client_id') end, '') as claim,
      l.id, l."timestamp", l.agent, l.model, l.corrects_id,
      billing.is_negation(l.corrects_id, l.metadata) as negates,
      l."timestamp" > l.created_at + interval '24 hours' as is_future,
      case when l.other_features <> '{}' then l.other_features::text end as features,
      l.input_tokens, l.output_tokens, l.web_searches, l.input_cost, l.output_cost, l.total_cost,
      l.metadata, case when l.says_more then _billing.rate_class_code(l.metadata, false)
        else 0 end as class,
      l.calls,
      case when l.says_more then billing.counting_of(l.metadata) end as counting,
      case when l.says_more then _billing.token_count(l.metadata, 'cache_read_tokens')
        end as cache_read,
      case when l.says_more then _billing.token_count(l.metadata, 'cache_write_tokens')
        end as cache_write,
      case when l.says_more then _billing.token_count(l.metadata, 'reasoning_tokens')
        end as reasoning
    from rows l
    offset '0'
  ), owned as not materialized (
    select coalesce(o.client_id, d.client_id) as client_id, l.agent, l.model, l.features,
      -- What rows of a group have in common besides: one number, because each row is grouped by it.
      one_class * case when least_long is not null and abs(l.calls) = 1 and abs(l.input_tokens)
            + abs(coalesce(l.cache_read, 0)) + abs(coalesce(l.cache_write, 0))
            + case when l.features is null then 0
              else abs(billing.input_in_features(l.features::jsonb)) end > least_long
          and abs(l.input_tokens
            + case when billing.is_within(l.cache_read, l.counting, l.model = any (reading_within))
              then 0 else coalesce(l.cache_read, 0) end
            + case when billing.is_within(l.cache_write, l.counting, l.model = any (writing_within))
              then 0 else coalesce(l.cache_write, 0) end
            + case when l.features is null then 0
              else billing.input_in_features(l.features::jsonb) end)
            > (long_above ->> l.model)::numeric
          then _billing.rate_class_code(l.metadata, true) else l.class end
        + case l.counting when 'inclusive' then inclusive when 'exclusive' then exclusive else 0 end
        + case when (l.cache_read <> 0 or l.cache_write <> 0 or l.reasoning <> 0)
          and l.counting is null and l.model <> all (mapped) then unmapped else 0 end as kind,
      l.input_tokens, l.output_tokens, l.web_searches, l.total_cost, l.calls,
      case when l."timestamp" >= kept_from and l."timestamp" < '2200-01-01 00:00+00'
        then greatest(coalesce(o.effective_from, d.effective_from),
          (l."timestamp" at time zone coalesce(o.time_zone, d.time_zone, 'UTC'))::date)
      end as usage_day,
      case
        when l."timestamp" < '1970-01-01 00:00+00' or l."timestamp" >= '2200-01-01 00:00+00'
          then 'invalid_timestamp'
        when l."timestamp" < kept_from then 'before_retention'
        when l.is_future then 'future_timestamp'
        when o.client_id is null and l.claim is not null then 'unknown_client'
        when o.client_id is null and d.client_id is null then 'no_client'
        when l.counting = 'invalid'
          or l.cache_read = 'NaN' or l.cache_write = 'NaN' or l.reasoning = 'NaN'
          or case when l.negates then l.cache_read > 0 or l.cache_write > 0 or l.reasoning > 0
            else l.cache_read < 0 or l.cache_write < 0 or l.reasoning < 0 end
          then 'invalid_metadata'
        -- Where nothing is held this is not asked of any row.
        when holding and ((l.id, coalesce(o.client_id, d.client_id)) in (
            select h.log_id, h.client_id from billing.held_logs h)
          or (l.corrects_id, coalesce(o.client_id, d.client_id)) in (
            select h.log_id, h.client_id from billing.held_logs h)) then 'too_many_keys'
        when dismissing and l.id in (select d.log_id from billing.dismissed_logs d)
          then 'dismissed'
      end as reason,
      -- What a provider counts within something else is not counted there a second time.
      case when billing.is_within(l.cache_read, l.counting, l.model = any (reading_within))
        then billing.part_of(l.cache_read, l.input_tokens) else l.cache_read end as cache_read,
      case when billing.is_within(l.cache_write, l.counting, l.model = any (writing_within))
        then billing.part_of(l.cache_write, l.input_tokens - case
          when billing.is_within(l.cache_read, l.counting, l.model = any (reading_within))
          then billing.part_of(l.cache_read, l.input_tokens) else 0 end)
        else l.cache_write end as cache_write,
      case when billing.is_within(l.reasoning, l.counting, l.model = any (reasoning_within))
        then billing.part_of(l.reasoning, l.output_tokens) else l.reasoning end as reasoning,
      case when coalesce(l.cache_read, l.cache_write) is null
          then case when l.input_tokens <> 0 then l.input_cost end
        when l.input_tokens <> billing.part_of(
            case when billing.is_within(l.cache_read, l.counting, l.model = any (reading_within))
              then l.cache_read else 0 end
            + case
              when billing.is_within(l.cache_write, l.counting, l.model = any (writing_within))
              then l.cache_write else 0 end, l.input_tokens)
          then l.input_cost end as input_cost,
      case when billing.is_within(l.reasoning, l.counting, l.model = any (reasoning_within))
          then case when l.output_tokens <> billing.part_of(l.reasoning, l.output_tokens)
            then l.output_cost end
        when l.output_tokens <> 0 then l.output_cost end as output_cost
    from logs l
    left join _billing.log_owners o
      on o.reference = coalesce(l.claim, l.agent) and o.is_claim = (l.claim is not null)
      and o.starts_at <= l."timestamp" and l."timestamp" < o.ends_at
    left join (select s.id, z.* from public.billing_settings s
      join public.client_time_zones z on z.client_id = s.default_client_id) d
      on d.id = case when o.client_id is null and l.claim is null then true end
      and d.starts_at <= l."timestamp" and l."timestamp" < d.ends_at
    offset '0'
  ), sums as materialized (
    -- Features by their text: equal numbers of other lengths (1, 1.000…) are judged by themselves.
    select l.client_id, l.reason, l.usage_day, l.model, l.agent, l.kind, l.features,
      count(*) as logs, sum(l.calls) as calls, sum(l.total_cost) as total_cost,
      sum(l.input_tokens) as input, count(l.input_cost) as input_logs,
      sum(l.input_cost) as input_cost,
      sum(l.output_tokens) as output, count(l.output_cost) as output_logs,
      sum(l.output_cost) as output_cost,
      sum(l.cache_read) filter (where l.cache_read is not null) as cache_read,
      count(*) filter (where l.cache_read <> 0) as read_logs,
      sum(l.cache_write) filter (where l.cache_write is not null) as cache_write,
      count(*) filter (where l.cache_write <> 0) as write_logs,
      sum(l.reasoning) filter (where l.reasoning is not null) as reasoning,
      count(*) filter (where l.reasoning <> 0) as reasoning_logs,
      sum(l.web_searches) as searches, count(*) filter (where l.web_searches <> 0) as search_logs
    from owned l
    group by l.client_id, l.reason, l.usage_day, l.model, l.agent, l.kind, l.features
  ), groups as (
    select s.*, case when s.reason not in ('too_many_keys', 'dismissed') or s.features is null
          then s.reason
        else coalesce(billing.feature_reason(s.features::jsonb), s.reason) end as why,
      s.input
        - case when billing.is_within(s.cache_read, s.counting, s.model = any (reading_within))
          then s.cache_read else 0 end
        - case when billing.is_within(s.cache_write, s.counting, s.model = any (writing_within))
          then s.cache_write else 0 end as own_input,
      s.output
        - case when billing.is_within(s.reasoning, s.counting, s.model = any (reasoning_within))
          then s.reasoning else 0 end as own_output,
      case when s.kind & unmapped <> 0 then 'unmapped_' else '' end as prefix,
      class_of ->> (s.kind / one_class)::text as rate_class
    from (select *, case when k.kind & inclusive <> 0 then 'inclusive'
      when k.kind & exclusive <> 0 then 'exclusive' end as counting from sums k) s
  ), metrics as (
    select g.client_id, g.why, g.usage_day, g.model,
      case when m.token then g.prefix || m.metric else m.metric end as metric,
      case when m.token then g.rate_class else 'standard' end as rate_class, g.agent,
      m.quantity, m.cost, m.logs
    from groups g cross join lateral (values
      ('input_tokens', true, g.own_input, g.input_cost, g.input_logs),
      ('output_tokens', true, g.own_output, g.output_cost, g.output_logs),
      ('cache_read_tokens', true, g.cache_read, 0, g.read_logs),
      ('cache_write_tokens', true, g.cache_write, 0, g.write_logs),
      ('reasoning_tokens', true, g.reasoning, 0, g.reasoning_logs),
      ('web_searches', false, g.searches, 0, g.search_logs),
      ('requests', false, g.calls,
        g.total_cost - coalesce(g.input_cost, 0) - coalesce(g.output_cost, 0), g.logs)
    ) m(metric, token, quantity, cost, logs)
    where m.logs > 0
    union all
    select g.client_id, g.why, g.usage_day, g.model, o.key,
      case when billing.is_tokens(o.key) then g.rate_class else 'standard' end, g.agent,
      o.value::text::numeric * g.logs, 0, g.logs
    -- The case keeps jsonb_each from groups that it would fail on, in whatever order it is planned.
    from groups g cross join lateral jsonb_each(
      case when g.why is null and g.features is not null then g.features else '{}' end::jsonb) o
    where o.value <> '0'
  )
  select case when m.why is null then m.client_id end, m.why,
    case when m.why is null then m.usage_day end, m.model, m.metric, m.rate_class, m.agent,
    sum(m.quantity), sum(m.cost), sum(m.logs)::bigint
  from metrics m
  group by 1, 2, 3, 4, 5, 6, 7;
end $$;
comment on function _billing.sum_logs is
  'Usage of the log rows between two watermarks by the key of usage_records; of those that cannot
   be billed the reason, without client and day.';

-- 20_usage/comparison.sql

-- Rebuild and reconcile: the same sums taken from the logs again, over days instead of arrivals.

-- How far long work has come: in the application_name of its session, which pg_stat_activity shows,
-- and in a notice for its caller.
create function _billing.report_progress(what text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('application_name', left('billing: ' || what, 63), true);
  raise notice '%', what;
end $$;
comment on function _billing.report_progress is
  'Says where long work is: in pg_stat_activity.application_name and as a notice.';

-- Sums of the log rows counted so far that may lie on the client-local days [from_day, until_day):
-- any local day lies within two days of its UTC date (zones reach from -12 to +14 hours, a change
-- may add one). A week at a time, of long ranges a hundredth, each by as many processes as the
-- server gives: a key may come in two rows. Without bounds all logs are one part.
create function _billing.logged_parts(from_day date, until_day date, agents text[] default null)
returns table (client_id uuid, reason text, usage_day date, model text, metric text,
  rate_class text, agent text,
  quantity numeric, provider_cost numeric, log_count bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  nothing billing.usage_watermark;
  counted billing.usage_watermark;
  whole constant boolean := not isfinite(from_day) or not isfinite(until_day);
  first_day constant date := from_day - 2;
  last_day constant date := until_day + 2;
  step constant integer := case when whole then 0
    else greatest(7, (last_day - first_day) / 100) end;
  part record;
begin
  select * into counted from billing.usage_watermark;
  nothing := counted;
  nothing.snapshot := '1:1:';
  nothing.own_transaction := '0';
  for part in
    select d.day as start, least(d.day + step, last_day) as stop
    from (select first_day + n * step as day
      from generate_series(0, case when whole then -1 else (last_day - first_day - 1) / step end) n
      ) d
    union all select first_day, last_day where whole
  loop
    if not whole then
      perform _billing.report_progress(
        format('summing logs %s to %s of %s', part.start, part.stop - 1, last_day - 1));
    end if;
    return query
    select * from _billing.sum_logs(nothing, counted, part.start::timestamp at time zone 'UTC',
      part.stop::timestamp at time zone 'UTC', agents);
  end loop;
end $$;
comment on function _billing.logged_parts is
  'Sums of the logs around some client-local days, a week at a time; says how far it is.';

-- Log rows counted so far, as usage of the client-local days [from_day, until_day).
create function _billing.logged_usage(from_day date, until_day date, agents text[] default null)
returns table (client_id uuid, usage_day date, model text, metric text,
  rate_class text, agent text,
  quantity numeric, provider_cost numeric, log_count bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.client_id, p.usage_day, p.model, p.metric, p.rate_class, p.agent,
    sum(p.quantity), sum(p.provider_cost), sum(p.log_count)::bigint
  from _billing.logged_parts(from_day, until_day, agents) p
  where p.client_id is not null and p.usage_day >= from_day and p.usage_day < until_day
  group by p.client_id, p.usage_day, p.model, p.metric, p.rate_class, p.agent;
$$;
comment on function _billing.logged_usage is
  'What usage_records should hold for these client-local days, computed from the logs.';

create function billing.usage_discrepancies(period daterange default '(,)')
returns table (client_id uuid, usage_day date, model text, metric text,
  rate_class text, agent text,
  logged numeric, recorded numeric)
language sql stable security definer set search_path = pg_catalog, pg_temp set jit = off as $$
  -- Definer: callers may compare; what it stands on (sums between watermarks) is not theirs.
  with logs as (
    select * from _billing.logged_usage(
      greatest(lower(period), _billing.first_kept_day()), coalesce(upper(period), 'infinity'))
  ), records as (
    select * from public.usage_records r
    where r.usage_day >= greatest(lower(period), _billing.first_kept_day())
      and r.usage_day < coalesce(upper(period), 'infinity')
  )
  select client_id, usage_day, model, metric, rate_class, agent, l.quantity, r.quantity
  from logs l full join records r using (client_id, usage_day, model, metric, rate_class, agent)
  where (l.quantity, l.provider_cost, l.log_count)
    is distinct from (r.quantity, r.provider_cost, r.log_count)
  order by 1, 2, 3, 4, 5, 6;
$$;
comment on function billing.usage_discrepancies is
  'Differences between logs and usage_records over client-local days, of those whose logs are kept;
   empty when all is well.';
grant execute on function billing.usage_discrepancies(daterange) to service_role;

-- 20_usage/rebuild_requests.sql

-- Days (of some agents, or all where null) whose usage must be attributed anew, because an
-- assignment, client or default changed. What is little the next rollup does; the rest is a job.
create table billing.rebuild_requests (
  id bigint generated always as identity primary key,
  agents text[],
  from_day date not null,
  until_day date not null,
  client_ids uuid[],
  claims text[],
  models text[],
  in_steps boolean not null default false,
  compares boolean not null default false,
  done_until date,
  step_days smallint not null default 7,
  requested_at timestamptz not null default now(),
  constraint rebuild_requests_comparison_is_a_job check (in_steps or not compares)
);
comment on table billing.rebuild_requests is
  'Usage to be attributed anew: by the next rollup, or, in_steps, by _billing.rebuild_in_steps.';
comment on column billing.rebuild_requests.client_ids is
  'Clients whose usage may change; null: of anybody. Their periods wait for a job.';
comment on column billing.rebuild_requests.claims is
  'Names of a client that logs in quarantine may claim; the next rollup looks for them.';
comment on column billing.rebuild_requests.models is
  'Models that are counted otherwise now; the next rollup looks where they were used.';
comment on column billing.rebuild_requests.compares is
  'Records are compared with the logs and rebuilt where they differ, instead of rebuilt.';
comment on column billing.rebuild_requests.done_until is
  'First day of a job that is not done yet; null before its first step.';
alter table billing.rebuild_requests enable row level security;
revoke all on billing.rebuild_requests from public;
grant select on billing.rebuild_requests to service_role;

-- What changes attribution asks for a rebuild of what it may touch.
create function _billing.request_rebuild_for_assignment() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: rebuild_requests is written by nobody but these triggers.
begin
  insert into billing.rebuild_requests (agents, client_ids, from_day, until_day)
  -- Usage lies within 1970 and 2200; bounds beyond, where days run out, mean no bound.
  select array[x.agent], array_remove(array[x.client_id,
      (select s.default_client_id from public.billing_settings s)], null),
    case when x.starts_at < '1970-01-01' then '-infinity'
      else (least(x.starts_at, '2200-01-01') at time zone 'UTC')::date - 4 end,
    case when x.ends_at > '2200-01-01' then 'infinity'
      else (greatest(x.ends_at, '1970-01-01') at time zone 'UTC')::date + 5 end
  from (select (old).* where tg_op <> 'INSERT' union all select (new).* where tg_op <> 'DELETE') x;
  return null;
end $$;

create trigger request_rebuild after insert or update or delete on public.agent_assignments
  for each row execute function _billing.request_rebuild_for_assignment();

create function _billing.request_rebuild_for_default() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (client_ids, from_day, until_day)
  values (array_remove(array[old.default_client_id, new.default_client_id], null),
    '-infinity', 'infinity');
  return null;
end $$;

create trigger request_rebuild after update of default_client_id on public.billing_settings
  for each row when (old.default_client_id is distinct from new.default_client_id)
  execute function _billing.request_rebuild_for_default();

-- A new client, or a first name for one, can only own what is in quarantine for an unknown client
-- that is called so. The next rollup looks there: one that is under way and does not see the client
-- yet has then quarantined what it counts.
create function _billing.request_rebuild_for_client() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (client_ids, claims, from_day, until_day)
  values (array[new.id], array_remove(array[new.id::text, left(new.external_id, 200)], null),
    '-infinity', 'infinity');
  return null;
end $$;

create trigger request_rebuild_on_insert after insert on public.clients
  for each row execute function _billing.request_rebuild_for_client();
create trigger request_rebuild_on_name after update of external_id on public.clients
  for each row when (old.external_id is null and new.external_id is not null)
  execute function _billing.request_rebuild_for_client();

-- A name that is given up or changed: what claims the old one leaves the client.
create function _billing.request_rebuild_for_rename() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (client_ids, from_day, until_day)
  values (array[new.id], '-infinity', 'infinity');
  return null;
end $$;

create trigger request_rebuild_on_rename after update of external_id on public.clients
  for each row when (old.external_id is not null and new.external_id is distinct from
    old.external_id)
  execute function _billing.request_rebuild_for_rename();

-- A model that gets, changes or loses its provider or threshold is counted anew where it was used;
-- so are all models of a provider that counts otherwise than was thought.
create function _billing.request_rebuild_for_model() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (models, from_day, until_day)
  select array_agg(distinct x.id), '-infinity', 'infinity'
  from (select old.id where tg_op <> 'INSERT' union all select new.id where tg_op <> 'DELETE') x;
  return null;
end $$;

create trigger request_rebuild after insert or delete on public.models
  for each row execute function _billing.request_rebuild_for_model();
create trigger request_rebuild_on_change after update on public.models
  for each row when ((old.id, old.provider, old.long_context_above)
    is distinct from (new.id, new.provider, new.long_context_above))
  execute function _billing.request_rebuild_for_model();

create function _billing.request_rebuild_for_provider() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.rebuild_requests (models, from_day, until_day)
  select array_agg(m.id), '-infinity', 'infinity' from public.models m
  where m.provider = new.id
  having count(*) > 0;
  return null;
end $$;

create trigger request_rebuild after update on public.providers
  for each row when (old is distinct from new)
  execute function _billing.request_rebuild_for_provider();

-- What was asked for by a name becomes days and agents. Under the lock of the watermark: whatever
-- has been counted without the new name is committed and found.
create function _billing.resolve_rebuild_requests()
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with named as (
    delete from billing.rebuild_requests r where r.claims is not null
    returning r.claims, r.client_ids
  )
  insert into billing.rebuild_requests (agents, client_ids, from_day, until_day)
  select array_agg(distinct q.agent), array_agg(distinct n.client_ids[1]),
    (min(q.occurred_at) at time zone 'UTC')::date - 4,
    (max(q.occurred_at) at time zone 'UTC')::date + 5
  from named n cross join unnest(n.claims) c(claim)
  join billing.quarantined_logs q on q.reason = 'unknown_client' and q.claim = c.claim
  having count(*) > 0;
  with named as (
    delete from billing.rebuild_requests r where r.models is not null returning r.models
  )
  insert into billing.rebuild_requests (agents, client_ids, from_day, until_day)
  select array_agg(distinct r.agent), array_agg(distinct r.client_id), min(r.usage_day),
    max(r.usage_day) + 1
  from (select distinct m.id from named n cross join unnest(n.models) m(id)) m
  join public.usage_records r on r.model = m.id
  having count(*) > 0;
$$;
comment on function _billing.resolve_rebuild_requests is
  'Turns what was asked for by the name of a client or model into days and agents.';

-- 20_usage/rate_class_compiler.sql

-- Conditions of rate classes are compiled as they change, and usage is counted anew.

-- The conditions as one expression. Rows whose metadata has none of the keys are looked at once.
create function _billing.rate_class_expression()
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select format('case when not is_long and not metadata ?| %L::text[] then 0%s else 0 end',
    array(select distinct k from billing.rate_class_conditions c,
      jsonb_object_keys(c.metadata) k order by k),
    (select string_agg(format(E'\n  when %s then %s', concat_ws(' and ',
      case when c.is_long then 'is_long' end,
      case when c.metadata <> '{}' then format('metadata @> %L::jsonb', c.metadata) end), r.code),
      '' order by c.place)
    from billing.rate_class_conditions c join billing.rate_classes r on r.id = c.rate_class));
$$;
comment on function _billing.rate_class_expression is
  'The conditions of rate classes as one expression over metadata and is_long.';

create function _billing.compile_rate_classes() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  -- A rollup that is under way goes by the conditions before.
  perform from billing.usage_watermark for update;
  execute format($sql$create or replace function _billing.rate_class_code(metadata jsonb,
    is_long boolean) returns integer language sql immutable parallel safe
    return %s$sql$, _billing.rate_class_expression());
  insert into billing.rebuild_requests (from_day, until_day)
  select '-infinity', 'infinity' where exists (select from public.agent_usage_logs);
  return null;
end $$;
comment on function _billing.compile_rate_classes is
  'Compiles changed conditions to _billing.rate_class_code and asks for a rebuild.';

create trigger compile_rate_classes after insert or update or delete
  on billing.rate_class_conditions
  for each statement execute function _billing.compile_rate_classes();
create trigger refuse_truncate before truncate on billing.rate_class_conditions
  for each statement execute function _billing.refuse_change();

-- 20_usage/rate_classes_data.sql

-- The rates that providers have, and how the usage objects of calls tell them.
insert into billing.rate_classes (id, code, what) values
  ('standard', 0, 'the rate of a call that says nothing else'),
  ('batch', 1, 'answered within a day'),
  ('flex', 2, 'answered when there is room'),
  ('priority', 3, 'answered before others'),
  ('fast', 4, 'generated faster'),
  ('regional', 5, 'processed in one region only'),
  ('long_context', 6, 'input beyond models.long_context_above'),
  ('batch+long_context', 7, 'both'),
  ('flex+long_context', 8, 'both'),
  ('priority+long_context', 9, 'both'),
  ('fast+long_context', 10, 'both'),
  ('regional+long_context', 11, 'both'),
  ('batch+regional', 12, 'both'),
  ('priority+regional', 13, 'both'),
  ('fast+regional', 14, 'both'),
  ('batch+regional+long_context', 15, 'all three'),
  ('priority+regional+long_context', 16, 'all three'),
  ('fast+regional+long_context', 17, 'all three')
on conflict do nothing;

insert into billing.rate_class_conditions (place, rate_class, metadata, is_long) values
  -- batch: ours; service_tier: of OpenAI (flex, priority) and Anthropic (priority, batch); speed
  -- and inference_geo: of Anthropic. What combines more comes first.
  (1, 'batch+regional+long_context', '{"batch": true, "inference_geo": "us"}', true),
  (2, 'batch+regional+long_context', '{"service_tier": "batch", "inference_geo": "us"}', true),
  (3, 'priority+regional+long_context', '{"service_tier": "priority", "inference_geo": "us"}',
    true),
  (4, 'fast+regional+long_context', '{"speed": "fast", "inference_geo": "us"}', true),
  (10, 'batch+long_context', '{"batch": true}', true),
  (11, 'batch+long_context', '{"service_tier": "batch"}', true),
  (12, 'flex+long_context', '{"service_tier": "flex"}', true),
  (13, 'priority+long_context', '{"service_tier": "priority"}', true),
  (14, 'fast+long_context', '{"speed": "fast"}', true),
  (15, 'regional+long_context', '{"inference_geo": "us"}', true),
  (20, 'long_context', '{}', true),
  (30, 'batch+regional', '{"batch": true, "inference_geo": "us"}', false),
  (31, 'batch+regional', '{"service_tier": "batch", "inference_geo": "us"}', false),
  (32, 'priority+regional', '{"service_tier": "priority", "inference_geo": "us"}', false),
  (33, 'fast+regional', '{"speed": "fast", "inference_geo": "us"}', false),
  (40, 'batch', '{"batch": true}', false),
  (41, 'batch', '{"service_tier": "batch"}', false),
  (42, 'flex', '{"service_tier": "flex"}', false),
  (43, 'priority', '{"service_tier": "priority"}', false),
  (44, 'fast', '{"speed": "fast"}', false),
  (45, 'regional', '{"inference_geo": "us"}', false)
on conflict do nothing;

-- 20_usage/usage_key_limit.sql

-- How many keys of usage a client's day may have (billing_settings.max_usage_keys_per_day). Agents
-- choose the names of features, models and of themselves, and each new one is a row to be priced,
-- shown and rebuilt. What brings a day beyond the bound waits in quarantine as `too_many_keys`.
--
-- The order of arrival decides: keys that a day has go on being counted, new ones fill what room is
-- left, and a log row any of whose keys has no room is held as a whole. That is decided once and
-- kept in held_logs, so a rebuild repeats it.

-- A client's day that new keys would take beyond the bound, and how many of them it has room for.
create type _billing.crowded_day as (client_id uuid, usage_day date, room bigint);

-- Each log row's keys of usage, as sum_logs counts them.
create view _billing.log_keys with (security_invoker = true) as
select l.id, l.seq, l.stored_by, l."timestamp", l.client_id, l.usage_day, l.agent, l.model,
  k.metric, k.rate_class
from billing.attributed_logs l
cross join lateral (
  select concat(case when l.is_unmapped then 'unmapped_' end, m.metric) as metric, l.rate_class
  from (values ('input_tokens', l.input), ('output_tokens', l.output),
    ('cache_read_tokens', l.cache_read), ('cache_write_tokens', l.cache_write),
    ('reasoning_tokens', l.reasoning)) m(metric, quantity)
  where m.quantity <> 0
  union all
  select 'web_searches', 'standard' where l.web_searches <> 0
  union all
  select 'requests', 'standard'
  union all
  select o.key, case when billing.is_tokens(o.key) then l.rate_class else 'standard' end
  from jsonb_each(case when l.reason is null then l.other_features else '{}' end) o
  where o.value <> '0'
) k
where l.reason is null;
comment on view _billing.log_keys is
  'The keys of usage_records that each billable log row adds to.';
revoke all on _billing.log_keys from public;

-- Holds what does not fit on crowded days, of rows counted by `upto` and not by `since`.
create function _billing.hold_logs(
  since billing.usage_watermark, upto billing.usage_watermark, crowded _billing.crowded_day[],
  from_at timestamptz default '-infinity', until_at timestamptz default 'infinity',
  agents text[] default null
) returns void language sql set search_path = pg_catalog, pg_temp
set enable_nestloop = off set enable_mergejoin = off set jit = off set work_mem = '64MB' as $$
  with fresh as materialized (
    select l.*, c.room
    from unnest(crowded) c
    join _billing.log_keys l on l.client_id = c.client_id and l.usage_day = c.usage_day
    where l.stored_by >= pg_snapshot_xmin(since.snapshot)
      and l."timestamp" >= from_at and (l."timestamp" < until_at or until_at = 'infinity')
      and (agents is null or l.agent in (select unnest(agents)))
      and not _billing.is_counted(
        l.stored_by, l.seq, since.snapshot, since.own_transaction, since.own_seq)
      and _billing.is_counted(
        l.stored_by, l.seq, upto.snapshot, upto.own_transaction, upto.own_seq)
      and not exists (select from public.usage_records r
        where (r.client_id, r.usage_day, r.model, r.metric, r.rate_class, r.agent)
          = (l.client_id, l.usage_day, l.model, l.metric, l.rate_class, l.agent))
  ), ranked as (
    select f.client_id, f.usage_day, f.agent, f.model, f.metric, f.rate_class,
      row_number() over (partition by f.client_id, f.usage_day
        order by min(f.seq), f.agent, f.model, f.metric, f.rate_class) as place
    from fresh f
    group by f.client_id, f.usage_day, f.agent, f.model, f.metric, f.rate_class
  )
  insert into billing.held_logs as h (log_id, client_id, usage_day)
  select distinct f.id, f.client_id, f.usage_day
  from fresh f join ranked k using (client_id, usage_day, agent, model, metric, rate_class)
  where k.place > f.room
  on conflict (log_id) do update set client_id = excluded.client_id,
    usage_day = excluded.usage_day, held_at = excluded.held_at;
$$;
comment on function _billing.hold_logs is
  'Holds the log rows that would take clients'' days beyond max_usage_keys_per_day.';

-- Lets held rows go, after the bound was raised: the next rollup counts them, and holds again what
-- is beyond it still. Returns how many.
create function billing.release_held_logs(client uuid default null)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask for it, only these functions write held_logs and rebuild_requests.
declare
  released bigint;
begin
  -- A rollup that is under way decides before.
  perform from billing.usage_watermark for update;
  with gone as (
    delete from billing.held_logs h where client is null or h.client_id = client
    returning h.log_id, h.client_id, h.usage_day
  ), asked as (
    insert into billing.rebuild_requests (agents, client_ids, from_day, until_day)
    select array_agg(distinct l.agent), array_agg(distinct g.client_id), min(g.usage_day),
      max(g.usage_day) + 1
    from gone g
    join public.agent_usage_logs l on l.id = g.log_id
    having count(*) > 0
  )
  select count(*) into released from gone;
  return released;
end $$;
comment on function billing.release_held_logs is
  'Lets log rows go that wait as too_many_keys, of one client or of all; the next rollup counts
   them as far as the bound allows.';
grant execute on function billing.release_held_logs(uuid) to service_role;

-- 20_usage/quarantine_logs.sql

-- Writes down log rows that cannot be counted, each with its reason.

create function _billing.quarantine_logs(
  since billing.usage_watermark, upto billing.usage_watermark,
  from_at timestamptz default '-infinity', until_at timestamptz default 'infinity',
  agents text[] default null
) returns void language sql set search_path = pg_catalog, pg_temp
-- As sum_logs: many rows meet few clients.
set enable_nestloop = off set enable_mergejoin = off set jit = off set work_mem = '64MB' as $$
  insert into billing.quarantined_logs
    (log_id, reason, agent, model, occurred_at, claim, dismissed)
  select l.id, l.reason, l.agent, l.model, l."timestamp", left(l.claim, 200), d.log_id is not null
  from billing.attributed_logs l left join billing.dismissed_logs d on d.log_id = l.id
  where l.reason is not null
    and l.stored_by >= pg_snapshot_xmin(since.snapshot)
    and l."timestamp" >= from_at and (l."timestamp" < until_at or until_at = 'infinity')
    and (agents is null or l.agent in (select unnest(agents)))
    and not _billing.is_counted(
      l.stored_by, l.seq, since.snapshot, since.own_transaction, since.own_seq)
    and _billing.is_counted(
      l.stored_by, l.seq, upto.snapshot, upto.own_transaction, upto.own_seq)
  on conflict (log_id) do update set reason = excluded.reason, claim = excluded.claim,
    dismissed = excluded.dismissed;
$$;

-- 20_usage/rebuild_size.sql

-- Rebuilding much is a job: piece by piece, each committed, outside of the rollup (ADR 24). Day by
-- day the records are replaced by what the logs that the watermark has counted say, so a job is
-- exact at whatever time its pieces run, with rollups and agents in between.

-- About how many log rows lie around these days: the planner's estimate, which reads no row.
create function _billing.estimated_logs(from_day date, until_day date)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  plan json;
begin
  execute format('explain (format json) select from public.agent_usage_logs l
    where l."timestamp" >= %L and l."timestamp" < %L', (from_day - 2)::timestamp at time zone 'UTC',
    (until_day + 2)::timestamp at time zone 'UTC') into plan;
  return (plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric;
end $$;
comment on function _billing.estimated_logs is 'About how many log rows lie around some days.';

-- A rollup rebuilds so much by itself: a second's work. Other numbers are for tests.
create function _billing.is_little(from_day date, until_day date)
returns boolean language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.estimated_logs(from_day, until_day)
    <= coalesce(nullif(current_setting('billing.rebuilt_at_once', true), '')::bigint, 200000);
$$;
comment on function _billing.is_little is
  'Whether days have few enough logs to be rebuilt within a rollup.';

-- What is to be done in steps and has not begun becomes one job: logs are read once for all of it.
create function _billing.join_waiting_jobs()
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with waiting as (
    delete from billing.rebuild_requests r
    where r.in_steps and not r.compares and r.done_until is null returning *
  )
  insert into billing.rebuild_requests
    (agents, client_ids, from_day, until_day, in_steps, requested_at)
  select case when bool_and(w.agents is not null) then
      array(select distinct a from waiting x, unnest(x.agents) a order by a) end,
    case when bool_and(w.client_ids is not null) then
      array(select distinct c from waiting x, unnest(x.client_ids) c order by c) end,
    min(w.from_day), max(w.until_day), true, min(w.requested_at)
  from waiting w having count(*) > 0;
$$;

-- 20_usage/rebuild.sql

-- Replaces the records (and quarantine) of these days by what the logs say under today's
-- assignments. Exact for a part of the days because an attribution that changed moves a row by at
-- most two days: ask for two days more on either side, as rebuild requests do.
create function billing.rebuild_usage(
  from_day date default '-infinity', until_day date default 'infinity', agents text[] default null
) returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- Records are compared with sums of logs that have no statistics: hashed, whatever is expected.
set enable_nestloop = off set enable_mergejoin = off set jit = off as $$
-- Definer: callers may ask for a rebuild, only these functions write usage_records.
declare
  nothing billing.usage_watermark;
  counted billing.usage_watermark;
  nobody text[];
  most integer := (select s.max_usage_keys_per_day from public.billing_settings s);
  crowded _billing.crowded_day[];
begin
  select * into counted from billing.usage_watermark for update;
  from_day := greatest(from_day, _billing.first_kept_day());
  nothing := counted;
  nothing.snapshot := '1:1:';
  nothing.own_transaction := '0';
  loop
    with parts as materialized (
      select * from _billing.logged_parts(from_day, until_day, agents)
    ), logs as materialized (
      select p.client_id, p.usage_day, p.model, p.metric, p.rate_class, p.agent,
        sum(p.quantity) as quantity, sum(p.provider_cost) as provider_cost,
        sum(p.log_count)::bigint as log_count
      from parts p
      where p.client_id is not null and p.usage_day >= from_day and p.usage_day < until_day
      group by p.client_id, p.usage_day, p.model, p.metric, p.rate_class, p.agent
    ), gone as (
      delete from public.usage_records r
      where r.usage_day >= from_day and r.usage_day < until_day
        and (agents is null or r.agent in (select unnest(agents)))
        and not exists (select from logs l
          where (l.client_id, l.usage_day, l.model, l.metric, l.rate_class, l.agent)
            = (r.client_id, r.usage_day, r.model, r.metric, r.rate_class, r.agent))
      returning r.client_id, r.usage_day
    ), busy as materialized (
      -- As in the rollup; keys that leave make room.
      select d.client_id, d.usage_day, k.keys - (select count(*) from gone g
        where g.client_id = d.client_id and g.usage_day = d.usage_day) as keys
      from (select l.client_id, l.usage_day, count(*) as keys from logs l
        group by l.client_id, l.usage_day) d
      cross join lateral (select count(*) as keys from public.usage_records r
        where r.client_id = d.client_id and r.usage_day = d.usage_day) k
      where d.keys + k.keys > most
    ), crowded_days as materialized (
      select b.client_id, b.usage_day, greatest(most - b.keys, 0) as room
      from busy b join logs l on l.client_id = b.client_id and l.usage_day = b.usage_day
      where not exists (select from public.usage_records r
        where (r.client_id, r.usage_day, r.model, r.metric, r.rate_class, r.agent)
          = (l.client_id, l.usage_day, l.model, l.metric, l.rate_class, l.agent))
      group by b.client_id, b.usage_day, b.keys having b.keys + count(*) > most
    ), merged as (
      insert into public.usage_records as r
        (client_id, usage_day, model, metric, rate_class, agent, quantity, provider_cost, log_count)
      select l.client_id, l.usage_day, l.model, l.metric, l.rate_class, l.agent,
        l.quantity, l.provider_cost, l.log_count
      from logs l where not exists (select from crowded_days)
      on conflict (client_id, usage_day, model, metric, rate_class, agent) do update set
        quantity = excluded.quantity, provider_cost = excluded.provider_cost,
        log_count = excluded.log_count
      where (r.quantity, r.provider_cost, r.log_count)
        is distinct from (excluded.quantity, excluded.provider_cost, excluded.log_count)
      returning r.client_id, r.usage_day
    ), noted as (
      insert into _billing.usage_changes (client_id, month)
      select m.client_id, date_trunc('month', m.usage_day)::date from merged m
      union
      select g.client_id, date_trunc('month', g.usage_day)::date from gone g
    ), affected as materialized (
      -- In the order in which lock_periods takes them. A period that is being rated is waited for.
      select p.client_id, p.period_start
      from (select client_id, usage_day from merged union select client_id, usage_day from gone) m
      join public.billing_periods p on p.client_id = m.client_id
        and p.period_start <= m.usage_day and m.usage_day < p.period_end
      order by p.client_id, p.period_start for update of p
    ), touched as (
      update public.billing_periods p set usage_version = p.usage_version + 1
      from (select distinct client_id, period_start from affected) a
      where p.client_id = a.client_id and p.period_start = a.period_start
    )
    select array_agg(distinct p.agent),
      (select array_agg((d.client_id, d.usage_day, d.room)::_billing.crowded_day)
        from crowded_days d)
    into nobody, crowded from parts p where p.reason is not null;
    exit when crowded is null;
    perform _billing.hold_logs(nothing, counted, crowded,
      (from_day - 2)::timestamp at time zone 'UTC', (until_day + 2)::timestamp at time zone 'UTC',
      agents);
    most := null;
  end loop;
  -- From here on indexes find what little there is; the settings end with the function anyway.
  perform set_config('enable_nestloop', 'on', true), set_config('enable_mergejoin', 'on', true);
  if agents is null then
    delete from billing.quarantined_logs q
    where q.occurred_at >= (from_day - 2)::timestamp at time zone 'UTC'
      and q.occurred_at < (until_day + 2)::timestamp at time zone 'UTC';
  else
    delete from billing.quarantined_logs q
    where q.occurred_at >= (from_day - 2)::timestamp at time zone 'UTC'
      and q.occurred_at < (until_day + 2)::timestamp at time zone 'UTC'
      and q.agent in (select unnest(agents));
  end if;
  -- Row by row, so only what agents have logged of whom something cannot be billed.
  if nobody is not null then
    perform _billing.quarantine_logs(nothing, counted,
      (from_day - 2)::timestamp at time zone 'UTC', (until_day + 2)::timestamp at time zone 'UTC',
      nobody);
  end if;
end $$;
comment on function billing.rebuild_usage is
  'Recomputes usage_records and quarantine of client-local days from the logs; days whose logs have
   been removed stay as they are.';
grant execute on function billing.rebuild_usage(date, date, text[]) to service_role;

-- Serves what is little, in one pass over the days it spans; the rest becomes a job. The caller
-- holds the watermark.
create function _billing.serve_rebuild_requests()
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  request record;
  jobs bigint;
begin
  if not exists (select from billing.rebuild_requests r where not r.in_steps) then
    return;
  end if;
  perform _billing.resolve_rebuild_requests();
  update billing.rebuild_requests r set in_steps = true
  where not r.in_steps and not _billing.is_little(r.from_day, r.until_day);
  get diagnostics jobs = row_count;
  with taken as (delete from billing.rebuild_requests r where not r.in_steps returning *)
  select min(from_day) as from_day, max(until_day) as until_day,
    case when bool_and(agents is not null) then
      array(select distinct a from taken t, unnest(t.agents) a order by a) end as agents,
    case when bool_and(client_ids is not null) then
      array(select distinct c from taken t, unnest(t.client_ids) c order by c) end as client_ids
  into request from taken;
  if request.from_day is not null then
    if _billing.is_little(request.from_day, request.until_day) then
      perform billing.rebuild_usage(request.from_day, request.until_day, request.agents);
    else
      insert into billing.rebuild_requests (agents, client_ids, from_day, until_day, in_steps)
      values (request.agents, request.client_ids, request.from_day, request.until_day, true);
      jobs := jobs + 1;
    end if;
  end if;
  if jobs > 0 then
    perform _billing.join_waiting_jobs();
  end if;
end $$;
comment on function _billing.serve_rebuild_requests is
  'Rebuilds what was asked for and is little; makes the rest a job of _billing.rebuild_in_steps.';

-- After a restore nothing can be known of what was counted. From here on the rows that are visible
-- now pass for counted, those that commit later are added by rollups, and each day is replaced once
-- by what is counted then: no row is left out or counted twice, and no writer waits. Returns the
-- number of rows where all was done at once, else 0.
create function _billing.recount_all()
returns bigint language plpgsql set search_path = pg_catalog, pg_temp set jit = off as $$
declare
  here billing.usage_watermark;
begin
  select * into here from billing.usage_watermark for update;
  here := _billing.watermark_now(here);
  update billing.usage_watermark w
  set snapshot = here.snapshot, own_transaction = here.own_transaction, own_seq = here.own_seq,
    moved_at = now(), system_identifier = s.system_identifier, database_oid = d.oid,
    table_oid = 'public.agent_usage_logs'::regclass
  from pg_catalog.pg_control_system() s, pg_catalog.pg_database d
  where d.datname = current_database();
  delete from billing.rebuild_requests r where not r.compares;
  if _billing.is_little('-infinity', 'infinity') then
    perform billing.rebuild_usage();
    return (select count(*) from public.agent_usage_logs);
  end if;
  insert into billing.rebuild_requests (from_day, until_day, in_steps)
  values ('-infinity', 'infinity', true);
  return 0;
end $$;
comment on function _billing.recount_all is
  'Counts all logs anew, after a restore, many in steps; called by rollup where it sees that it
   must.';

-- 20_usage/rebuild_jobs.sql

-- Large rebuilds: which pieces they are done in, which are pending.

-- The first day from one on that has logs (UTC); null where there is none. Looks at stretches that
-- grow until there is one, then halves it: each look reads the index of times.
create function _billing.next_log_day(from_day date)
returns date language plpgsql stable
set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare
  low date := greatest(from_day, '1970-01-01');
  high date := low + 1;
  middle date;
begin
  while not exists (select from public.agent_usage_logs l
    where l."timestamp" >= low::timestamp at time zone 'UTC'
      and l."timestamp" < high::timestamp at time zone 'UTC') loop
    if high >= '2200-01-01' then
      return null;
    end if;
    middle := low;
    low := high;
    high := least(high + 2 * (high - middle), '2200-01-01');
  end loop;
  while high - low > 1 loop
    middle := low + (high - low) / 2;
    if exists (select from public.agent_usage_logs l
      where l."timestamp" >= low::timestamp at time zone 'UTC'
        and l."timestamp" < middle::timestamp at time zone 'UTC') then
      high := middle;
    else
      low := middle;
    end if;
  end loop;
  return low;
end $$;
comment on function _billing.next_log_day is
  'The first day (UTC) from one on that has logs; null where there is none.';

-- Where the next piece of a job ends: so many days that have logs. Days without, however many, cost
-- nothing and belong to the piece before them.
create function _billing.piece_end(from_day date, until_day date, days integer)
returns date language sql stable set search_path = pg_catalog, pg_temp as $$
  select least(until_day, coalesce(_billing.next_log_day(x.stop + 2) - 2, 'infinity'))
  from (select greatest(from_day, coalesce(_billing.next_log_day(from_day) - 2, '1970-01-01'))
    + days as stop) x;
$$;
comment on function _billing.piece_end is 'Where the next piece of a rebuild ends.';

-- Jobs that periods wait for, each with the days that it has not done.
create view billing.pending_rebuilds with (security_invoker = true) as
select r.id, r.client_ids, r.agents, coalesce(r.done_until, r.from_day) as from_day, r.until_day,
  r.requested_at
from billing.rebuild_requests r where r.in_steps and not r.compares;
comment on view billing.pending_rebuilds is
  'Usage that is being computed anew, and the days that are still to be done.';
revoke all on billing.pending_rebuilds from public;
grant select on billing.pending_rebuilds to service_role;

create function _billing.is_being_rebuilt(client_id uuid, from_day date, until_day date)
returns boolean language sql stable
begin atomic
  select exists (select from billing.pending_rebuilds r
    where r.from_day < is_being_rebuilt.until_day and is_being_rebuilt.from_day < r.until_day
      and (r.client_ids is null or is_being_rebuilt.client_id = any (r.client_ids)));
end;
comment on function _billing.is_being_rebuilt is
  'Whether usage of a client on some of these days is being computed anew.';

-- 20_usage/rollup.sql

-- A watermark before `upto`, about so many rows after `since`: only transactions up to the one that
-- stored the last of these rows pass for counted, so the next step goes on with the others. Rows of
-- one transaction stay together. `upto` itself where fewer rows wait.
create function _billing.watermark_after(since billing.usage_watermark,
  upto billing.usage_watermark, most_rows bigint)
returns billing.usage_watermark language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  cut xid8;
begin
  select l.stored_by into cut from public.agent_usage_logs l
  where l.stored_by >= pg_snapshot_xmin(since.snapshot)
    and not _billing.is_counted(
      l.stored_by, l.seq, since.snapshot, since.own_transaction, since.own_seq)
  order by l.stored_by offset most_rows limit 1;
  if cut is null then
    return upto;
  end if;
  -- What was counted stays counted: the cut lies beyond all that `since` could see.
  cut := greatest((cut::text::numeric + 1)::text::xid8, pg_snapshot_xmax(since.snapshot));
  if cut >= pg_snapshot_xmax(upto.snapshot) or cut > upto.own_transaction then
    return upto;
  end if;
  upto.snapshot := (select format('%s:%s:%s', least(cut, pg_snapshot_xmin(upto.snapshot)), cut,
      string_agg(x.xid::text, ',' order by x.xid))::pg_snapshot
    from pg_snapshot_xip(upto.snapshot) x(xid) where x.xid < cut);
  upto.own_seq := 0;
  if cut <= since.own_transaction then
    -- Its rows pass for counted by their number still.
    upto.own_transaction := since.own_transaction;
    upto.own_seq := since.own_seq;
  end if;
  return upto;
end $$;
comment on function _billing.watermark_after is
  'A watermark about so many rows after another.';

-- The rollup: adds each log row to usage_records exactly once, whatever commits in whatever order.
--
-- A row is new when the watermark's snapshot could not see the transaction that stored it. That is
-- exact for transactions that were in flight during the last rollup, needs no lock on the log, and
-- a transaction that stays open delays nobody's rows but its own.

-- True while there is anything for a rollup to do. Reads the watermark and what is beyond it in one
-- snapshot, without a lock: an idle rollup writes nothing and waits for nobody.
create function _billing.rollup_is_due()
returns boolean language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  since billing.usage_watermark;
begin
  select * into since from billing.usage_watermark;
  return not _billing.watermark_is_here(since)
    or exists (select from billing.rebuild_requests r where not r.in_steps)
    -- In the index's order: who expects many such rows would read the table to find the first.
    or (select true from public.agent_usage_logs l
      where l.stored_by >= pg_snapshot_xmin(since.snapshot) and not _billing.is_counted(
        l.stored_by, l.seq, since.snapshot, since.own_transaction, since.own_seq)
      order by l.stored_by limit 1) is true;
end $$;
comment on function _billing.rollup_is_due is
  'Whether there is something for _billing.rollup to do; takes no lock.';

-- Counts what has arrived since the last rollup, all or about so many rows. One runs at a time (row
-- lock on the watermark); killed at any point it has done nothing. Returns the number of log rows
-- counted.
create function _billing.rollup_step(most_rows bigint default null)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp set jit = off as $$
declare
  since billing.usage_watermark;
  upto billing.usage_watermark;
  counted bigint;
  nobody text[];
  -- At most as many keys of usage in a client's day; null once what is beyond has been held.
  most integer := (select s.max_usage_keys_per_day from public.billing_settings s);
  crowded _billing.crowded_day[];
begin
  if not _billing.rollup_is_due() then
    return 0;
  end if;
  select * into since from billing.usage_watermark for update;
  if not _billing.watermark_is_here(since) then
    return _billing.recount_all();
  end if;
  upto := _billing.watermark_now(since);
  if most_rows is not null then
    upto := _billing.watermark_after(since, upto, most_rows);
  end if;
  loop
    with new_usage as materialized (
      select * from _billing.sum_logs(since, upto)
    ), busy as materialized (
      select d.client_id, d.usage_day, k.keys
      from (select n.client_id, n.usage_day, count(*) as keys from new_usage n
        where n.client_id is not null group by n.client_id, n.usage_day) d
      cross join lateral (select count(*) as keys from public.usage_records r
        where r.client_id = d.client_id and r.usage_day = d.usage_day) k
      where d.keys + k.keys > most
    ), crowded_days as materialized (
      select b.client_id, b.usage_day, greatest(most - b.keys, 0) as room
      from busy b join new_usage n on n.client_id = b.client_id and n.usage_day = b.usage_day
      where not exists (select from public.usage_records r
        where (r.client_id, r.usage_day, r.model, r.metric, r.rate_class, r.agent)
          = (n.client_id, n.usage_day, n.model, n.metric, n.rate_class, n.agent))
      group by b.client_id, b.usage_day, b.keys having b.keys + count(*) > most
    ), merged as (
      insert into public.usage_records as r
        (client_id, usage_day, model, metric, rate_class, agent, quantity, provider_cost, log_count)
      select n.client_id, n.usage_day, n.model, n.metric, n.rate_class, n.agent,
        n.quantity, n.provider_cost, n.log_count
      from new_usage n where n.client_id is not null and not exists (select from crowded_days)
      on conflict (client_id, usage_day, model, metric, rate_class, agent) do update set
        quantity = r.quantity + excluded.quantity,
        provider_cost = r.provider_cost + excluded.provider_cost,
        log_count = r.log_count + excluded.log_count
      returning r.client_id, r.usage_day
    ), noted as (
      insert into _billing.usage_changes (client_id, month)
      select distinct m.client_id, date_trunc('month', m.usage_day)::date from merged m
    ), affected as materialized (
      -- In the order in which lock_periods takes them. A period that is being rated is waited for.
      select p.client_id, p.period_start
      from (select distinct client_id, usage_day from merged) m
      join public.billing_periods p on p.client_id = m.client_id
        and p.period_start <= m.usage_day and m.usage_day < p.period_end
      order by p.client_id, p.period_start for update of p
    ), touched as (
      update public.billing_periods p set usage_version = p.usage_version + 1
      from (select distinct client_id, period_start from affected) a
      where p.client_id = a.client_id and p.period_start = a.period_start
    )
    select coalesce(sum(log_count) filter (where metric = 'requests'), 0),
      array_agg(distinct agent) filter (where client_id is null),
      (select array_agg((d.client_id, d.usage_day, d.room)::_billing.crowded_day)
        from crowded_days d)
    into counted, nobody, crowded from new_usage;
    exit when crowded is null;
    -- Nothing is merged yet: what does not fit is held, the rest summed again.
    perform _billing.hold_logs(since, upto, crowded);
    most := null;
  end loop;
  if nobody is not null then
    perform _billing.quarantine_logs(since, upto, agents => nobody);
  end if;
  if counted > 0 then
    update billing.usage_watermark w
    set snapshot = upto.snapshot, own_transaction = upto.own_transaction,
      own_seq = upto.own_seq, moved_at = now();
  end if;
  perform _billing.serve_rebuild_requests();
  return counted;
end $$;
comment on function _billing.rollup_step is
  'Adds new log rows to usage_records, about so many of them; returns how many.';

create function _billing.rollup()
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.rollup_step();
$$;
comment on function _billing.rollup is
  'Adds all new log rows to usage_records, each exactly once; returns how many.';

-- The rollup of each minute: a long absence is caught up with in steps, each committed.
create procedure _billing.rollup_in_steps(budget interval default '90 seconds',
  most_rows bigint default 500000)
language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + budget;
  counted bigint;
begin
  loop
    counted := _billing.rollup_step(most_rows);
    commit;
    exit when counted < most_rows or clock_timestamp() > until;
  end loop;
end $$;
comment on procedure _billing.rollup_in_steps is
  'Adds new log rows to usage_records, committed step by step, until the budget is used up.';

-- Counts what has arrived and keeps every other rollup, rebuild and retention out until the
-- transaction ends: what opens periods begins with this. An idle rollup takes no lock, so this
-- takes
-- it first.
create function _billing.hold_usage()
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform from billing.usage_watermark for update;
  return _billing.rollup();
end $$;
comment on function _billing.hold_usage is
  'Counts what has arrived and keeps usage as it is until the transaction ends.';

-- Counts what has arrived unless another session is counting: then that one does. For previews,
-- which wait for nobody.
create function _billing.rollup_if_free()
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform from billing.usage_watermark for update skip locked;
  return case when found then _billing.rollup() end;
end $$;
comment on function _billing.rollup_if_free is
  'A rollup, or null where another session is counting at this moment.';

-- 20_usage/verified_days.sql

-- Which days have been compared with the logs since their records last changed. A month closes only
-- when records and logs agree; what was compared by night and has not changed since agrees still,
-- so closing costs the comparison of what is new, however long the month's logs are.
create table billing.usage_days (
  usage_day date primary key,
  changes bigint not null default 0,
  verified_changes bigint
);
comment on table billing.usage_days is
  'Per client-local day how often its usage_records changed, and at which count they agreed with the
   logs: verified while both are the same.';
alter table billing.usage_days enable row level security;
revoke all on billing.usage_days from public;
grant select on billing.usage_days to service_role;

-- Days whose records were changed, by the rollup or by hand, are to be compared again.
create function _billing.note_changed_days() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: usage_days is written by nobody but these functions.
begin
  if tg_op = 'TRUNCATE' then
    update billing.usage_days set changes = changes + 1;
  else
    insert into billing.usage_days as d (usage_day, changes)
    select distinct c.usage_day, 1 from changed_rows c
    on conflict (usage_day) do update set changes = d.changes + 1;
  end if;
  return null;
end $$;

create trigger note_inserted_days after insert on public.usage_records
  referencing new table as changed_rows
  for each statement execute function _billing.note_changed_days();
create trigger note_updated_days after update on public.usage_records
  referencing new table as changed_rows
  for each statement execute function _billing.note_changed_days();

-- A record that moves to another day leaves one.
create trigger note_left_days after update on public.usage_records
  referencing old table as changed_rows
  for each statement execute function _billing.note_changed_days();
create trigger note_deleted_days after delete on public.usage_records
  referencing old table as changed_rows
  for each statement execute function _billing.note_changed_days();
create trigger note_truncated_days after truncate on public.usage_records
  for each statement execute function _billing.note_changed_days();

-- Compares days with the logs, rebuilds those ranges that differ (the logs are right) and returns
-- how many differences there were. What agreed is noted last, with the counts from before the
-- comparison: a rollup meanwhile is not waited for, and its days stay to be compared.
create function _billing.repair_days(ranges daterange[])
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  known jsonb;
  days daterange;
  found bigint;
  expected bigint;
  differences bigint := 0;
begin
  select jsonb_object_agg(s.day::date, coalesce(u.changes, 0)) into known
  from unnest(ranges) r
  cross join lateral generate_series(lower(r), upper(r) - 1, interval '1 day') s(day)
  left join billing.usage_days u on u.usage_day = s.day::date;
  foreach days in array ranges loop
    -- What differs because a rebuild has not come to it yet, or because no rollup has served the
    -- request for one, is no fault, but not verified either.
    select count(*) filter (where not x.pending), count(*) filter (where x.pending)
    into found, expected from (
      select exists (select from billing.rebuild_requests r
        where not r.compares and d.usage_day < r.until_day
          and coalesce(r.done_until, r.from_day) <= d.usage_day
          and (r.client_ids is null or d.client_id = any (r.client_ids))) as pending
      from billing.usage_discrepancies(days) d) x;
    if expected > 0 then
      select jsonb_object_agg(k.key, k.value) into known from jsonb_each(known) k
      where not k.key::date <@ days;
    end if;
    if found > 0 then
      perform billing.rebuild_usage(lower(days), upper(days));
      raise warning 'usage_records differed from the logs in % places; rebuilt % to %',
        found, lower(days), upper(days);
    end if;
    differences := differences + found;
  end loop;
  insert into billing.usage_days as u (usage_day, changes, verified_changes)
  select k.key::date, k.value::bigint, k.value::bigint from jsonb_each_text(coalesce(known, '{}')) k
  order by 1
  on conflict (usage_day) do update set verified_changes = excluded.verified_changes
  where u.changes = excluded.changes;
  return differences;
end $$;
comment on function _billing.repair_days is
  'Compares days with the logs and rebuilds them where they differ; returns the differences.';

-- Days that were not compared with the logs since their records changed, of those whose logs are
-- all kept.
create function _billing.unverified_days_of(from_day date, until_day date)
returns table (day date) language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.day::date
  from generate_series(greatest(from_day, _billing.first_kept_day()), until_day - 1,
    interval '1 day') s(day)
  where not exists (select from billing.usage_days u
    where u.usage_day = s.day::date and u.verified_changes = u.changes);
$$;
comment on function _billing.unverified_days_of is
  'Days not compared with the logs since their records changed.';

-- 20_usage/corrected_logs.sql

-- The log row that stands, and the row that takes it back.

create index agent_usage_logs_corrects_id on public.agent_usage_logs (corrects_id)
  where corrects_id is not null;

-- What agents call their metadata is theirs, what a correction says of itself is ours.
create function _billing.own_metadata(metadata jsonb) returns jsonb language sql immutable
return metadata - '{negates,restates,retracts,reason,corrected_by}'::text[];
comment on function _billing.own_metadata is
  'Metadata of a log without what a correction says of itself.';

-- True for a row that is never counted, whatever its client.
create function _billing.is_uncountable(standing public.agent_usage_logs)
returns boolean language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return exists (select from billing.attributed_logs a
      where a.id = standing.id and (a.reason like 'invalid\_%'
        or a.reason in ('too_many_features', 'future_timestamp')))
    or exists (select from billing.dismissed_logs d where d.log_id = standing.id)
    -- That reason is not named where the row is nobody's as well.
    or jsonb_typeof(standing.other_features) <> 'object'
    or standing.other_features @? '$.* ? (@.type() <> "number")';
end $$;
comment on function _billing.is_uncountable is
  'Whether a log row is never counted, whatever its client: unreadable, in the future, dismissed.';

-- The mirror of a row: each count with the opposite sign.
create function _billing.mirrored_log(log public.agent_usage_logs)
returns public.agent_usage_logs language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_populate_record(log, jsonb_build_object(
    'calls', -log.calls, 'input_tokens', -log.input_tokens, 'output_tokens', -log.output_tokens,
    'web_searches', -log.web_searches, 'input_cost', -log.input_cost,
    'output_cost', -log.output_cost, 'feature_cost', -log.feature_cost,
    'total_cost', -log.total_cost,
    'other_features', (select coalesce(jsonb_object_agg(f.key, -(f.value::text::numeric)), '{}')
      from jsonb_each(log.other_features) f),
    'metadata', case when jsonb_typeof(log.metadata) = 'object' then
      _billing.own_metadata(log.metadata) || (
        select coalesce(jsonb_object_agg(k, -(log.metadata ->> k)::numeric), '{}')
        from unnest('{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[]) k
        where jsonb_typeof(log.metadata -> k) = 'number') else '{}' end));
$$;
comment on function _billing.mirrored_log is
  'A log row with each of its counts and costs negated; its features must be an object of numbers.';

-- The row that counts now for a log: itself, what last restated it, or none once it is retracted.
create function _billing.standing_log(log_id uuid)
returns public.agent_usage_logs language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  original public.agent_usage_logs;
  standing public.agent_usage_logs;
begin
  select * into original from public.agent_usage_logs l where l.id = log_id;
  if original.id is null then
    perform billing.raise_error('unknown_log', format('there is no usage log %s', log_id),
      (select case when isfinite(w.kept_from) then format('logs before %s (UTC) have been '
          || 'exported: correct them by an invoice item', (w.kept_from at time zone 'UTC')::date)
          else 'give the id of a row of agent_usage_logs' end
        from billing.usage_watermark w));
  end if;
  if original.corrects_id is not null then
    perform billing.raise_error('invalid_argument',
      format('%s is a correction itself', log_id),
      format('correct the row that it corrects, %s', original.corrects_id));
  end if;
  select l.* into standing
  from public.agent_usage_logs l
  where (l.id = log_id or l.corrects_id = log_id)
    and not billing.is_negation(l.corrects_id, l.metadata)
    and not exists (select from public.agent_usage_logs c where c.corrects_id = log_id
      and l.id::text in (c.metadata ->> 'negates', c.metadata ->> 'restates'));
  return standing;
end $$;
comment on function _billing.standing_log is
  'The row that counts now for a log that may have been corrected; null once it is retracted.';

-- Takes a row back, count by count. Of a row that could not be read nothing was counted.
create function _billing.negate_log(log_id uuid, standing public.agent_usage_logs, reason text,
  retracts boolean)
returns uuid language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
    web_searches, other_features, input_cost, output_cost, feature_cost, total_cost, metadata,
    "timestamp", client_id, corrects_id, calls)
  select m.agent, m.endpoint, m.model, m.input_tokens, m.output_tokens, m.web_searches,
    m.other_features, m.input_cost, m.output_cost, m.feature_cost, m.total_cost,
    m.metadata || jsonb_build_object('negates', standing.id, 'reason', reason,
        'corrected_by', billing.actor())
      || case when retracts then '{"retracts": true}'::jsonb else '{}' end,
    m."timestamp", m.client_id, log_id, m.calls
  from (select where not _billing.is_uncountable(standing) offset 0) countable
  cross join lateral _billing.mirrored_log(standing) m
  returning id;
$$;

-- Of a row that was never counted nothing is taken back; corrected or retracted, it is done with.
create function _billing.dismiss_uncountable(standing public.agent_usage_logs, reason text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing.dismissed_logs (log_id, why)
  select standing.id, 'corrected: ' || reason where _billing.is_uncountable(standing)
  on conflict (log_id) do nothing;
$$;

-- 20_usage/corrections.sql

-- Correcting a log row, which is an operator's act: the row stays as it is; one new row takes it
-- back and another states it anew, both on its own day and for its own client. Two rows, because
-- what a provider counts within what (cached tokens within input) cannot be read from a difference.
-- `metadata.negates` and `metadata.restates` name the row that is taken back or stated anew.

create function billing.correct_log(log_id uuid, corrected jsonb, reason text)
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask for a correction; logs are written by agents and by this.
declare
  counts constant text[] := '{calls,input_tokens,output_tokens,web_searches,input_cost,output_cost,
    feature_cost,total_cost,other_features,cache_read_tokens,cache_write_tokens,
    reasoning_tokens}'::text[];
  -- What stands in metadata; counting says what the others are part of.
  parts constant text[] := '{cache_read_tokens,cache_write_tokens,reasoning_tokens,
    counting}'::text[];
  standing public.agent_usage_logs;
  restated public.agent_usage_logs;
  wrong text;
begin
  perform billing.require_second_factor();
  select string_agg(k.key, ', ' order by k.key) into wrong
  from jsonb_each(corrected) k
  where k.key <> all (counts || '{counting}'::text[]) or case k.key
    when 'counting' then k.value not in ('"inclusive"', '"exclusive"', 'null')
    when 'other_features' then jsonb_typeof(k.value) <> 'object' or k.value @? '$.* ? (@ < 0)'
    else jsonb_typeof(k.value) <> 'number' or k.value @? '$ ? (@ < 0)' end;
  if wrong is not null then
    perform billing.raise_error('invalid_argument', format('cannot correct: %s', wrong),
      'what is right is a number of 0 or more for any of ' || array_to_string(counts, ', ')
      || '; other_features is an object of them; counting is inclusive, exclusive or null');
  end if;
  if btrim(coalesce(reason, '')) = '' then
    perform billing.raise_error('invalid_argument', 'a correction needs a reason');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('log ' || log_id, 0));
  standing := _billing.standing_log(log_id);
  if standing.id is null then
    perform billing.raise_error('invalid_argument', format('log %s is retracted', log_id),
      'log the call anew');
  end if;
  select r.* into restated from jsonb_populate_record(standing, corrected - parts) r;
  restated.other_features := standing.other_features
    || coalesce(corrected -> 'other_features', '{}');
  restated.metadata := standing.metadata || (select coalesce(jsonb_object_agg(k.key, k.value), '{}')
    from jsonb_each(corrected) k where k.key = any (parts));
  if restated is not distinct from standing then
    return null;
  end if;
  perform _billing.negate_log(log_id, standing, reason, false);
  perform _billing.dismiss_uncountable(standing, reason);
  insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
    web_searches, other_features, input_cost, output_cost, feature_cost, total_cost, metadata,
    "timestamp", client_id, corrects_id, calls)
  select restated.agent, restated.endpoint, restated.model, restated.input_tokens,
    restated.output_tokens, restated.web_searches, restated.other_features, restated.input_cost,
    restated.output_cost, restated.feature_cost, restated.total_cost,
    _billing.own_metadata(restated.metadata) || jsonb_build_object('restates', standing.id,
      'reason', reason, 'corrected_by', billing.actor()),
    restated."timestamp", restated.client_id, log_id, restated.calls
  returning id into restated.id;
  return restated.id;
end $$;
comment on function billing.correct_log is
  'Restates a log: correct_log(id, ''{"input_tokens": 1200}'', ''sent twice''). What is not named
   stays. Returns the id of the row that counts now, or null where it says so already.';
grant execute on function billing.correct_log(uuid, jsonb, text) to service_role;

create function billing.retract_log(log_id uuid, reason text)
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  standing public.agent_usage_logs;
begin
  perform billing.require_second_factor();
  if btrim(coalesce(reason, '')) = '' then
    perform billing.raise_error('invalid_argument', 'a retraction needs a reason');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('log ' || log_id, 0));
  standing := _billing.standing_log(log_id);
  if standing.id is null then
    return null;
  end if;
  perform _billing.dismiss_uncountable(standing, reason);
  return _billing.negate_log(log_id, standing, reason, true);
end $$;
comment on function billing.retract_log is
  'Takes a log back, the call included; returns the id of the row that does, or null where it is
   taken back already (or never counted).';
grant execute on function billing.retract_log(uuid, text) to service_role;

-- 20_usage/correction_guard.sql

-- What may be stored as a correction, by whatever way it comes: the mirror of a row of that log, or
-- that log stated anew once it was taken back. So the sum of a log and its corrections is what was
-- last stated, never below zero, and moves to no other client, day, agent or model.
create function _billing.refuse_correction() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: a correction is judged by all rows of its log, also those that its writer may not read.
declare
  original public.agent_usage_logs;
  named public.agent_usage_logs;
  mirrored public.agent_usage_logs;
  negates constant boolean := billing.is_negation(new.corrects_id, new.metadata);
  wrong text;
begin
  -- Corrections of one log are judged one after the other.
  perform pg_advisory_xact_lock(hashtextextended('log ' || new.corrects_id, 0));
  select * into original from public.agent_usage_logs l where l.id = new.corrects_id;
  select * into named from public.agent_usage_logs l
  where l.id::text = coalesce(new.metadata ->> 'negates', new.metadata ->> 'restates')
    and l.id <> new.id and (l.id = new.corrects_id or l.corrects_id = new.corrects_id)
    and not billing.is_negation(l.corrects_id, l.metadata);
  wrong := case
    -- A snapshot of before the lock would not see the corrections that it waited for.
    when current_setting('transaction_isolation') <> 'read committed'
      then 'logs are corrected at isolation level read committed'
    when original.id is null then 'there is no such log'
    when original.corrects_id is not null then 'that is a correction itself'
    when (new.agent, new.model, new."timestamp") is distinct from
      (original.agent, original.model, original."timestamp")
      then 'agent, model and timestamp are not those of that log'
    when (new.client_id, new.metadata -> 'client_id') is distinct from
      (original.client_id, original.metadata -> 'client_id')
      then 'the client is not that of that log'
    when btrim(coalesce(new.metadata ->> 'reason', '')) = '' then 'it gives no reason'
    when named.id is null or new.metadata ?& '{negates,restates}'
      then 'metadata.negates or metadata.restates must name a row of that log'
    when exists (select from public.agent_usage_logs c where c.corrects_id = new.corrects_id
        and c.id <> new.id and c.metadata ->> case when negates then 'negates' else 'restates' end
          = named.id::text)
      then format('row %s has been corrected already', named.id) end;
  if wrong is null and negates then
    mirrored := case when not _billing.is_uncountable(named) then _billing.mirrored_log(named) end;
    if mirrored.id is null or (new.calls, new.input_tokens, new.output_tokens, new.web_searches,
        new.other_features, new.input_cost, new.output_cost, new.feature_cost, new.total_cost,
        _billing.own_metadata(new.metadata)) is distinct from (mirrored.calls,
        mirrored.input_tokens, mirrored.output_tokens, mirrored.web_searches,
        mirrored.other_features, mirrored.input_cost, mirrored.output_cost,
        mirrored.feature_cost, mirrored.total_cost,
        mirrored.metadata) then
      wrong := format('it is not the mirror of row %s: each count with the opposite sign',
        named.id);
    end if;
  elsif wrong is null then
    wrong := case
      when least(new.calls - 1, new.input_tokens, new.output_tokens, new.web_searches) < 0
        or new.other_features @? '$.* ? (@ < 0)'
        or exists (select
          from unnest('{cache_read_tokens,cache_write_tokens,reasoning_tokens}'::text[]) k
          where billing.metadata_count(new.metadata, k) < 0)
        then 'what is right is not below zero'
      when not _billing.is_uncountable(named) and not exists (
          select from public.agent_usage_logs c
          where c.corrects_id = new.corrects_id and c.metadata ->> 'negates' = named.id::text)
        then format('row %s has not been taken back', named.id) end;
  end if;
  if wrong is not null then
    perform billing.raise_error('invalid_correction',
      format('log %s cannot be corrected by this row: %s', new.corrects_id, wrong),
      'call billing.correct_log or billing.retract_log, which work the rows out');
  end if;
  return null;
end $$;

-- AFTER, so that COPY still stores many rows at once; WHEN, so that no other row ever queues it.
create trigger refuse_correction after insert on public.agent_usage_logs
  for each row when (new.corrects_id is not null) execute function _billing.refuse_correction();

-- 20_usage/dismissals.sql

-- Quarantined log rows that nobody will ever pay for: dismissed, with the reason, they stand in
-- nobody's way any more.

create view billing.dismissed_quarantine with (security_invoker = true) as
select d.log_id, q.reason, q.agent, q.model, q.occurred_at, d.why, d.actor, d.dismissed_at
from billing.dismissed_logs d left join billing.quarantined_logs q on q.log_id = d.log_id;
comment on view billing.dismissed_quarantine is
  'Log rows that are not to be billed: why they were in quarantine, why and by whom dismissed.';
revoke all on billing.dismissed_quarantine from public;
grant select on billing.dismissed_quarantine to service_role;

-- Says of quarantined rows that they are dismissed, and that they are not any more. All that writes
-- dismissed_logs holds the row of the watermark, so no rollup writes the same rows meanwhile.
create function _billing.mark_dismissed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: quarantined_logs is written by nobody but rollups, rebuilds and this trigger.
begin
  update billing.quarantined_logs q set dismissed = tg_op = 'INSERT'
  from changed c where c.log_id = q.log_id;
  return null;
end $$;
comment on function _billing.mark_dismissed is 'Keeps quarantined_logs.dismissed.';

create trigger mark_dismissed after insert on billing.dismissed_logs
referencing new table as changed for each statement execute function _billing.mark_dismissed();
create trigger mark_reinstated after delete on billing.dismissed_logs
referencing old table as changed for each statement execute function _billing.mark_dismissed();

-- Rows by their ids, or all that fit every filter that is given. What corrects a row, or what it
-- corrects, goes with it where that is in quarantine too: half a correction is none.
create function billing.dismiss_quarantined(why text, log_ids uuid[] default null,
  reason text default null, agent text default null, model text default null,
  before timestamptz default null)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may dismiss what is in quarantine, and no other log.
declare
  dismissed bigint;
begin
  perform billing.require_second_factor();
  if btrim(coalesce(why, '')) = '' then
    perform billing.raise_error('invalid_argument', 'a dismissal needs a reason (why)');
  end if;
  if num_nonnulls(log_ids, reason, agent, model, before) = 0 then
    perform billing.raise_error('invalid_argument', 'nothing says what is to be dismissed',
      'give log_ids, or any of reason, agent, model and before');
  end if;
  -- A rollup that is under way decides before.
  perform from billing.usage_watermark for update;
  perform _billing.rollup();
  with chosen as materialized (
    select q.log_id from billing.quarantined_logs q
    where (log_ids is null or q.log_id = any (log_ids))
      and (dismiss_quarantined.reason is null or q.reason = dismiss_quarantined.reason)
      and (dismiss_quarantined.agent is null or q.agent = dismiss_quarantined.agent)
      and (dismiss_quarantined.model is null or q.model = dismiss_quarantined.model)
      and (before is null or q.occurred_at < before)
  ), roots as materialized (
    select distinct coalesce(l.corrects_id, l.id) as id
    from chosen c join public.agent_usage_logs l on l.id = c.log_id
  ), families as (
    select c.log_id from chosen c
    union
    select q.log_id from roots r join billing.quarantined_logs q on q.log_id = r.id
    union
    select q.log_id from roots r
    join public.agent_usage_logs l on l.corrects_id = r.id
    join billing.quarantined_logs q on q.log_id = l.id
  )
  insert into billing.dismissed_logs (log_id, why)
  select f.log_id, dismiss_quarantined.why from families f
  on conflict (log_id) do nothing;
  get diagnostics dismissed = row_count;
  return dismissed;
end $$;
comment on function billing.dismiss_quarantined is
  'Decides that log rows in quarantine are not to be billed, and why; returns how many.';
grant execute on function billing.dismiss_quarantined(text, uuid[], text, text, text, timestamptz)
  to service_role;

create function billing.reinstate_dismissed(log_ids uuid[])
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  reinstated bigint;
begin
  perform from billing.usage_watermark for update;
  with gone as (
    delete from billing.dismissed_logs d where d.log_id = any (log_ids) returning d.log_id
  ), asked as (
    insert into billing.rebuild_requests (agents, from_day, until_day)
    select array_agg(distinct l.agent), (min(l."timestamp") at time zone 'UTC')::date - 4,
      (max(l."timestamp") at time zone 'UTC')::date + 5
    from gone g join public.agent_usage_logs l on l.id = g.log_id
    where l."timestamp" >= '1970-01-01 00:00+00' and l."timestamp" < '2200-01-01 00:00+00'
    having count(*) > 0
  )
  select count(*) into reinstated from gone;
  return reinstated;
end $$;
comment on function billing.reinstate_dismissed is
  'Takes dismissals back: the next rollup counts what can be counted; returns how many.';
grant execute on function billing.reinstate_dismissed(uuid[]) to service_role;

-- 30_pricing/terms_version.sql

-- The versions of the terms: what rating reads besides usage. One for what holds for all clients,
-- one for each client's own: a price of one client neither waits for another's invoice nor has it
-- rated again.

create table _billing.terms_versions (
  id bigint generated always as identity primary key,
  client_id uuid references public.clients (id) on delete cascade,
  version bigint not null default 0,
  constraint terms_versions_of_client unique nulls not distinct (client_id)
);
comment on table _billing.terms_versions is
  'Counts the commits that changed what rating reads besides usage: prices, config, models, meters;
   client null: those that hold for all clients.';
alter table _billing.terms_versions enable row level security;
revoke all on _billing.terms_versions from public;

create function _billing.add_terms_versions() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the table is nobody's but these functions'.
begin
  insert into _billing.terms_versions (client_id) select n.id from new_rows n;
  return null;
end $$;

create trigger add_terms_versions after insert on public.clients
  referencing new table as new_rows
  for each statement execute function _billing.add_terms_versions();

create function _billing.current_terms_version(client_ids uuid[]) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select sum(v.version)::bigint from _billing.terms_versions v
  where v.client_id is null or v.client_id = any (client_ids);
$$;
comment on function _billing.current_terms_version is
  'The version of the terms of these clients as committed now: each change counts it up.';

-- Keeps terms as they are until the transaction ends: a change waits with its commit. Raises
-- SQLSTATE LB001 where they have changed since `seen` was read; null asks for nothing. The common
-- row last: a change locks at most one client's row before it.
create function _billing.hold_terms(client_ids uuid[], seen bigint default null)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  found_version bigint;
begin
  perform _billing.assert_lock_order(3);
  with held as materialized (
    select v.version from _billing.terms_versions v
    where v.client_id is null or v.client_id = any (client_ids)
    order by v.client_id nulls last for share
  )
  select sum(h.version) into found_version from held h;
  if found_version <> seen then
    raise exception using errcode = 'LB001',
      message = 'prices or other terms changed while periods were rated',
      hint = 'nothing was written; it is done again';
  end if;
  return found_version;
end $$;
comment on function _billing.hold_terms is
  'Keeps the terms of these clients from changing until the transaction ends; returns the version.';

-- For deferred triggers: at the commit of a change of terms. A rating under way sees the new
-- version, or has committed its invoices before the guards, which fire after this one, look for
-- them. The argument names the column of the client; without one, or where it is null, the change
-- holds for all. A transaction locks one client's row and then, where it changes terms of others
-- too, the common one, once each: two of them cannot wait for each other.
create function _billing.count_terms_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: editors of terms may not write the version by hand.
declare
  counted text := coalesce(current_setting('billing.terms_counted', true), '');
  transaction constant text := pg_current_xact_id()::text;
  client text;
begin
  foreach client in array case
    when tg_nargs = 0 then array[null::text]
    when tg_op = 'INSERT' then array[to_jsonb(new) ->> tg_argv[0]]
    when tg_op = 'DELETE' then array[to_jsonb(old) ->> tg_argv[0]]
    else array[to_jsonb(old) ->> tg_argv[0], to_jsonb(new) ->> tg_argv[0]] end
  loop
    if counted in (transaction, transaction || ' ' || client) then
      continue;
    end if;
    if client is null or split_part(counted, ' ', 1) = transaction then
      update _billing.terms_versions v set version = v.version + 1 where v.client_id is null;
      counted := transaction;
    else
      update _billing.terms_versions v set version = v.version + 1
      where v.client_id = client::uuid;
      counted := transaction || ' ' || client;
    end if;
    perform set_config('billing.terms_counted', counted, true);
  end loop;
  return null;
end $$;
comment on function _billing.count_terms_change is
  'Trigger at commit: counts the transaction as a change of terms, of a client or of all.';

create constraint trigger count_terms_change after insert or update or delete on public.models
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after update on public.providers
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after update on public.currencies
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after update on public.billing_settings
  deferrable initially deferred for each row execute function _billing.count_terms_change();
create constraint trigger count_terms_change after insert or update or delete
  on public.client_time_zones
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');
create constraint trigger count_terms_change after insert or update or delete
  on public.service_intervals
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');
create constraint trigger count_terms_change after update of billing_anchor_day on public.clients
  deferrable initially deferred for each row execute function _billing.count_terms_change('id');

-- 30_pricing/terms_version_data.sql

-- The version of what holds for all clients.

insert into _billing.terms_versions (client_id) values (null)
on conflict do nothing;

-- 30_pricing/config.sql

-- How a client is billed: one row per client and range of client-local days, and default rows
-- (client null). A client's null columns take the default's value.
create function billing.is_tax_list(taxes jsonb) returns boolean language sql immutable
return jsonb_typeof(taxes) = 'array' and not exists (
  select from jsonb_array_elements(taxes) t where not coalesce(
    jsonb_typeof(t) = 'object' and t ->> 'name' <> ''
    and t ->> 'rate_percent' ~ '^\d{1,3}(\.\d{1,6})?$'
    and t ->> 'behavior' in ('exclusive', 'inclusive', 'reverse_charge')
    and coalesce(jsonb_typeof(t -> 'applies_to'), 'null') in ('null', 'array'), false));
comment on function billing.is_tax_list is
  'Whether jsonb is a list of taxes as billing_config.taxes holds them.';
grant execute on function billing.is_tax_list(jsonb) to service_role;

create table public.billing_config (
  id uuid primary key default gen_random_uuid(),
  client_id uuid references public.clients (id) on delete cascade,
  effective_from date not null default '-infinity',
  effective_until date not null default 'infinity',
  currency text references public.currencies (code),
  minimum_minor bigint,
  discount_percent numeric(7, 4),
  discount_minor bigint,
  discount_until date,
  taxes jsonb,
  payment_terms_days smallint,
  line_grouping text,
  grace_hours integer,
  deliveries text[],
  created_at timestamptz not null default now(),
  constraint billing_config_forward check (effective_from < effective_until),
  constraint billing_config_one_at_a_time exclude using gist (
    coalesce(client_id, '00000000-0000-0000-0000-000000000000'::uuid) with =,
    daterange(effective_from, effective_until) with &&),
  constraint billing_config_default_complete check (client_id is not null
    or num_nulls(currency, minimum_minor, taxes, payment_terms_days, line_grouping, grace_hours,
      deliveries) = 0),
  constraint billing_config_minimum_not_negative check (minimum_minor >= 0),
  constraint billing_config_discount_percent_range check (discount_percent between 0 and 100),
  constraint billing_config_discount_not_negative check (discount_minor >= 0),
  constraint billing_config_one_discount check (
    discount_percent is null or discount_minor is null),
  constraint billing_config_taxes_shape check (billing.is_tax_list(taxes)),
  constraint billing_config_terms_range check (payment_terms_days between 0 and 365),
  constraint billing_config_line_grouping_known check (line_grouping in ('model', 'agent')),
  constraint billing_config_grace_range check (grace_hours between 0 and 744),
  constraint billing_config_deliveries_known check (
    deliveries <@ array['archive', 'stripe', 'email', 'hermes'])
);
comment on table public.billing_config is
  'Minimum, discount, tax, currency, terms, grouping, grace and deliveries per client and range.';
comment on column public.billing_config.client_id is 'Null: the default for all clients.';
comment on column public.billing_config.effective_until is 'First day it no longer holds.';
comment on column public.billing_config.minimum_minor is
  'Least usage charge per period, minor units of currency; prorated by days of service.';
comment on column public.billing_config.discount_minor is
  'Fixed discount per period, minor units; never more than the charges of the period.';
comment on column public.billing_config.discount_until is
  'First day without discount; decided by the last day of the period.';
comment on column public.billing_config.taxes is
  '[{name, rate_percent, behavior: exclusive|inclusive|reverse_charge, note, applies_to}];
   applies_to: metrics (or "minimum", "one_off") the tax holds for, null for all.';
comment on column public.billing_config.grace_hours is
  'Hours between the end of a period and the finalization of its invoice.';
create index billing_config_client_id on public.billing_config (client_id, effective_from);
create index billing_config_currency on public.billing_config (currency);
alter table public.billing_config enable row level security;
revoke all on public.billing_config from anon, authenticated, service_role;
grant select, insert, update, delete on public.billing_config to service_role;
grant select on public.billing_config to authenticated;

create policy "members and operators read billing config" on public.billing_config
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

create constraint trigger count_terms_change
  after insert or update or delete on public.billing_config
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');
create trigger require_second_factor before insert or update or delete on public.billing_config
  for each statement execute function _billing.guard_by_second_factor();
create trigger refuse_truncate before truncate on public.billing_config
  for each statement execute function _billing.refuse_change();

-- What a client's own row (null where it has none) and the default's come to on a day. Money of the
-- default row holds only for clients billed in its currency: 50.00 USD is not 5000 JPY. Inlined.
create function billing.merged_config(own public.billing_config,
  fallback public.billing_config, day date)
returns table (currency text, minimum_minor bigint, discount_percent numeric,
  discount_minor bigint, taxes jsonb, payment_terms_days smallint, line_grouping text,
  grace_hours integer, deliveries text[])
language sql immutable
begin atomic
  select m.currency,
    coalesce(own.minimum_minor,
      case when fallback.currency = m.currency then fallback.minimum_minor else 0 end),
    case when m.discounted then coalesce(own.discount_percent, case
      when own.discount_minor is null and day < coalesce(fallback.discount_until, 'infinity')
      then fallback.discount_percent end) end,
    case when m.discounted then coalesce(own.discount_minor, case
      when own.discount_percent is null and fallback.currency = m.currency
        and day < coalesce(fallback.discount_until, 'infinity')
      then fallback.discount_minor end) end,
    coalesce(own.taxes, fallback.taxes),
    coalesce(own.payment_terms_days, fallback.payment_terms_days),
    coalesce(own.line_grouping, fallback.line_grouping),
    coalesce(own.grace_hours, fallback.grace_hours), coalesce(own.deliveries, fallback.deliveries)
  from (select coalesce(own.currency, fallback.currency) as currency,
    day < coalesce(own.discount_until, 'infinity') as discounted) m;
end;
comment on function billing.merged_config is
  'Config of a day: a client''s own row, with the default''s values where it has none.';
grant execute on function
  billing.merged_config(public.billing_config, public.billing_config, date) to service_role;

-- The config in force per client and day, defaults filled in.
create function billing.config_on(client_ids uuid[], days date[])
returns table (client_id uuid, day date, currency text, exponent smallint, minimum_minor bigint,
  discount_percent numeric, discount_minor bigint, taxes jsonb, payment_terms_days smallint,
  line_grouping text, grace_hours integer, deliveries text[])
language sql stable
begin atomic
  select k.client_id, k.day, cur.code, cur.exponent, m.minimum_minor, m.discount_percent,
    m.discount_minor, m.taxes, m.payment_terms_days, m.line_grouping, m.grace_hours, m.deliveries
  from unnest(client_ids, days) k(client_id, day)
  join public.billing_config d on d.client_id is null
    and d.effective_from <= k.day and k.day < d.effective_until
  left join public.billing_config c on c.client_id = k.client_id
    and c.effective_from <= k.day and k.day < c.effective_until
  cross join lateral billing.merged_config(c, d, k.day) m
  join public.currencies cur on cur.code = m.currency;
end;
comment on function billing.config_on is
  'Config in force for each client and day, with the default filled in.';
grant execute on function billing.config_on(uuid[], date[]) to service_role;

-- 30_pricing/config_data.sql

-- The terms that hold for every client without terms of its own.

insert into public.billing_config (currency, minimum_minor, taxes, payment_terms_days,
  line_grouping, grace_hours, deliveries)
values ('USD', 5000, '[]', 30, 'model', 0, '{archive,stripe,email,hermes}')
on conflict do nothing;

-- 30_pricing/catalogue/list_prices.sql

-- The catalogue: what providers charge by their price lists, in USD. Facts with their source, not
-- terms: nothing is sold by them but under the price model cost_plus (ADR 36).

-- What a source said when: rows only for what brought something new.
create table public.price_syncs (
  id bigint generated always as identity primary key,
  source text not null
    constraint price_syncs_source_known check (source in ('litellm', 'openrouter', 'models.dev')),
  sha256 text not null constraint price_syncs_sha256_shape check (sha256 ~ '^[0-9a-f]{64}$'),
  fetched_at timestamptz not null,
  constraint price_syncs_once unique (source, sha256)
);
comment on table public.price_syncs is
  'Sources of list prices: which, the hash of what they sent, and when it was fetched.';
alter table public.price_syncs enable row level security;
revoke all on public.price_syncs from anon, authenticated, service_role;
grant select on public.price_syncs to authenticated, service_role;

create policy "operators read price syncs" on public.price_syncs
  for select to authenticated using ((select billing.is_operator()));

create trigger refuse_change before update or delete or truncate on public.price_syncs
  for each statement execute function _billing.refuse_change();

-- Model ids exactly as a source has them. One provider each: a source names a model of another
-- provider otherwise.
create table public.listed_models (
  id text primary key,
  provider text not null,
  mode text,
  alias_of text,
  deprecated_on date,
  sync_id bigint not null references public.price_syncs (id)
);
comment on table public.listed_models is
  'Models that have a list price, or whose source says that they have none.';
comment on column public.listed_models.alias_of is
  'The id whose prices the source gives it; its prices are rows of their own.';
create index listed_models_sync_id on public.listed_models (sync_id);
alter table public.listed_models enable row level security;
revoke all on public.listed_models from anon, authenticated, service_role;
grant select on public.listed_models to authenticated, service_role;

create policy "operators read listed models" on public.listed_models
  for select to authenticated using ((select billing.is_operator()));

create table public.list_prices (
  id bigint generated always as identity primary key,
  provider text not null,
  model text not null references public.listed_models (id),
  metric text not null,
  rate_class text not null default 'standard',
  above_tokens bigint,
  amount numeric not null,
  effective_from date not null default '-infinity',
  effective_until date not null default 'infinity',
  sync_id bigint not null references public.price_syncs (id),
  source_field text not null,
  source_text text not null,
  -- A source writes 0 for what it does not know: no price is no price.
  constraint list_prices_above_zero check (amount > 0 and amount < 1e12),
  constraint list_prices_rate_class_shape check (
    rate_class ~ '^[a-z0-9_.]{1,40}(\+[a-z0-9_.]{1,40}){0,3}$'),
  constraint list_prices_counting_known check (not billing.is_unmapped(metric)),
  constraint list_prices_forward check (effective_from < effective_until),
  constraint list_prices_one_at_a_time exclude using gist (
    model with =, metric with =, rate_class with =,
    daterange(effective_from, effective_until) with &&)
);
comment on table public.list_prices is
  'What a provider charges for a unit of a metric of a model at a rate class, from a day on.
   Append-only: a price ends where another begins.';
comment on column public.list_prices.amount is 'USD for one unit, exact.';
comment on column public.list_prices.above_tokens is
  'Input tokens of a call beyond which the rate class holds, where the source says it.';
comment on column public.list_prices.effective_from is
  'First client-local day. The first price of a model holds for all days before, too.';
comment on column public.list_prices.source_text is 'The number as the source writes it.';
create index list_prices_lookup on public.list_prices (model, metric, rate_class);
create index list_prices_sync_id on public.list_prices (sync_id);
alter table public.list_prices enable row level security;
revoke all on public.list_prices from anon, authenticated, service_role;
grant select on public.list_prices to authenticated, service_role;

create policy "operators read list prices" on public.list_prices
  for select to authenticated using ((select billing.is_operator()));

-- All that may change is when a price ends, and that only to make it end.
create function _billing.guard_list_price() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'UPDATE' and old.effective_until = 'infinity'
    and to_jsonb(old) - 'effective_until' = to_jsonb(new) - 'effective_until' then
    return new;
  end if;
  perform billing.raise_error('append_only',
    format('list_prices is append-only: %s refused', lower(tg_op)),
    'accept a proposal: a new price begins where the old one ends');
  return null;
end $$;

create trigger guard_list_price before update or delete on public.list_prices
  for each row execute function _billing.guard_list_price();
create trigger refuse_truncate before truncate on public.list_prices
  for each statement execute function _billing.refuse_change();
create constraint trigger count_terms_change after insert or update on public.list_prices
  deferrable initially deferred for each row execute function _billing.count_terms_change();

-- 30_pricing/catalogue/price_proposals.sql

-- What somebody has to decide about list prices.
create table public.price_proposals (
  id bigint generated always as identity primary key,
  kind text not null
    constraint price_proposals_kind_known check (
      kind in ('changed_price', 'disagreement', 'new_model', 'deprecation')),
  model text not null,
  metric text,
  rate_class text,
  above_tokens bigint,
  old_amount numeric,
  new_amount numeric,
  source_field text,
  source_text text,
  sync_id bigint references public.price_syncs (id),
  message text not null,
  effects jsonb not null default '[]',
  state text not null default 'open'
    constraint price_proposals_state_known check (
      state in ('open', 'accepted', 'refused', 'superseded')),
  created_at timestamptz not null default now(),
  decided_at timestamptz,
  decided_by text,
  reason text,
  constraint price_proposals_decided_whole check (case state
    when 'open' then num_nonnulls(decided_at, decided_by, reason) = 0
    when 'superseded' then decided_at is not null
    else num_nulls(decided_at, decided_by, reason) = 0 end)
);
comment on table public.price_proposals is
  'Changes of list prices and new models, until somebody accepts or refuses them. What has been
   refused is not proposed again.';
comment on column public.price_proposals.old_amount is
  'The list price in force, USD for one unit; null: none.';
comment on column public.price_proposals.effects is
  '[{client_id, currency, minor}]: what open periods would come to more, by rating them both ways.';
create unique index price_proposals_open on public.price_proposals (
  kind, model, coalesce(metric, ''), coalesce(rate_class, '')) where state = 'open';
create index price_proposals_sync_id on public.price_proposals (sync_id);
alter table public.price_proposals enable row level security;
revoke all on public.price_proposals from anon, authenticated, service_role;
grant select on public.price_proposals to authenticated, service_role;

create policy "operators read price proposals" on public.price_proposals
  for select to authenticated using ((select billing.is_operator()));

create trigger refuse_truncate before truncate on public.price_proposals
  for each statement execute function _billing.refuse_change();

-- 30_pricing/catalogue/sync.sql

-- A source's prices, compared with the catalogue: only differences are written.

create type _billing.given_price as (model text, metric text, rate_class text, above_tokens bigint,
  amount numeric, source_field text, source_text text);

-- The prices of models as billing.sync_list_prices takes them. Amounts come as text, so that no
-- float is between the source and here.
create function _billing.given_prices(models jsonb)
returns setof _billing.given_price language sql immutable
set search_path = pg_catalog, pg_temp as $$
  select m ->> 'id', p ->> 'metric', p ->> 'rate_class', (p ->> 'above_tokens')::bigint,
    (p ->> 'amount')::numeric, p ->> 'field', p ->> 'written'
  from jsonb_array_elements(models) m cross join lateral jsonb_array_elements(m -> 'prices') p;
$$;
comment on function _billing.given_prices is 'List prices of models in JSON.';

-- Prices of known models that are not those in force, and have not been refused.
create function _billing.differing_prices(given _billing.given_price[], source text)
returns table (price _billing.given_price, old_amount numeric, kind text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select g, l.amount, case when s.source <> differing_prices.source then 'disagreement'
      else 'changed_price' end,
    format('%s: %s of %s (%s) is %s USD%s', differing_prices.source, g.metric, g.model,
      g.rate_class, trim_scale(g.amount), coalesce(format(', in the catalogue %s USD by %s',
      trim_scale(l.amount), s.source), ', not in the catalogue so far'))
  from unnest(given) g
  join public.listed_models m on m.id = g.model
  left join public.list_prices l on l.model = g.model and l.metric = g.metric
    and l.rate_class = g.rate_class and l.effective_until = 'infinity'
  left join public.price_syncs s on s.id = l.sync_id
  where l.amount is distinct from g.amount and not exists (
    select from public.price_proposals p
    where p.model = g.model and p.metric = g.metric and p.rate_class = g.rate_class
      and p.new_amount = g.amount and p.state in ('open', 'refused'));
$$;
comment on function _billing.differing_prices is
  'Given prices of known models that are neither in force nor decided on.';

-- Makes proposals of what differs. What a source says now replaces what it said before, also where
-- it is again what is in force.
create function _billing.supersede_proposals(given _billing.given_price[], source text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.price_proposals p set state = 'superseded', decided_at = billing.as_of()
  from unnest(given) g
  where p.state = 'open' and p.model = g.model and p.metric = g.metric
    and p.rate_class = g.rate_class and p.new_amount <> g.amount
    and p.sync_id in (
      select s.id from public.price_syncs s where s.source = supersede_proposals.source);
$$;
comment on function _billing.supersede_proposals is
  'Ends open proposals of a source that says something else now.';

create function _billing.propose_prices(given _billing.given_price[], source text, sync bigint)
returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  proposed integer;
begin
  insert into public.price_proposals (kind, model, metric, rate_class, above_tokens, old_amount,
    new_amount, source_field, source_text, sync_id, message)
  select d.kind, (d.price).model, (d.price).metric, (d.price).rate_class, (d.price).above_tokens,
    d.old_amount, (d.price).amount, (d.price).source_field, (d.price).source_text, sync, d.message
  from _billing.differing_prices(given, source) d
  on conflict do nothing;
  get diagnostics proposed = row_count;
  return proposed;
end $$;
comment on function _billing.propose_prices is
  'Makes a proposal of each given price that differs; returns how many.';

-- Takes some models of a source that has `total` of them. Unknown models get their prices at once:
-- nobody has been billed by another. What differs from a price in force becomes a proposal, and
-- what a source leaves out stays.
create function billing.sync_list_prices(source text, sha256 text, fetched_at timestamptz,
  total integer, models jsonb)
returns table (new_models integer, new_prices integer, proposals integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_nestloop = off as $$
-- Definer: nobody writes the catalogue but these functions. Thousands of prices meet thousands: no
-- nested loops, also where statistics hold the catalogue for empty.
#variable_conflict use_column
declare
  known constant integer := (select count(*) from public.listed_models m
    join public.price_syncs s on s.id = m.sync_id where s.source = sync_list_prices.source);
  given constant _billing.given_price[] := array(select g from _billing.given_prices(models) g);
  fresh text[];
  sync bigint;
begin
  perform billing.require_second_factor();
  if total < known * 0.8 then
    perform billing.raise_error('invalid_argument', format(
      '%s has %s models, and %s were known: it looks cut off', source, total, known),
      'fetch it again; nothing was changed');
  end if;
  lock table public.listed_models in share row exclusive mode;
  fresh := array(select m ->> 'id' from jsonb_array_elements(models) m
    where m ->> 'id' not in (select l.id from public.listed_models l));
  new_models := cardinality(fresh);
  new_prices := 0;
  proposals := 0;
  perform _billing.supersede_proposals(given, source);
  if fresh <> '{}' or exists (select from _billing.differing_prices(given, source)) then
    insert into public.price_syncs as s (source, sha256, fetched_at)
    values (source, sha256, fetched_at) on conflict on constraint price_syncs_once do nothing;
    sync := (select s.id from public.price_syncs s
      where s.source = sync_list_prices.source and s.sha256 = sync_list_prices.sha256);
    proposals := _billing.propose_prices(given, source, sync);
    insert into public.listed_models (id, provider, mode, alias_of, deprecated_on, sync_id)
    select m ->> 'id', m ->> 'provider', m ->> 'mode', m ->> 'alias_of',
      (m ->> 'deprecated_on')::date, sync
    from jsonb_array_elements(models) m where m ->> 'id' = any (fresh);
    insert into public.list_prices (provider, model, metric, rate_class, above_tokens, amount,
      sync_id, source_field, source_text)
    select m.provider, g.model, g.metric, g.rate_class, g.above_tokens, g.amount, sync,
      g.source_field, g.source_text
    from unnest(given) g join public.listed_models m on m.id = g.model
    where g.model = any (fresh);
    get diagnostics new_prices = row_count;
  end if;
  return next;
end $$;
comment on function billing.sync_list_prices is
  'Compares models of a source ([{id, provider, mode, alias_of, deprecated_on, prices: [{metric,
   rate_class, above_tokens, amount, field, written}]}]) with the catalogue: new models are added,
   other prices proposed. `total`: models of the whole source.';
grant execute on function billing.sync_list_prices(text, text, timestamptz, integer, jsonb)
  to service_role;

-- 30_pricing/catalogue/list_price_ranges.sql

-- The list price of a day: the only place that reads the catalogue for a rating.

-- A rate class and those whose price holds where it has none: batch+long_context, its parts
-- long_context and batch, standard. The last part first: LiteLLM charges so, and
-- a long call is charged as long at every tier.
create function billing.class_chain(rate_class text)
returns table (listed_class text, place bigint) language sql immutable
set search_path = pg_catalog, pg_temp as $$
  select c.listed_class, min(c.place)
  from (
    values (rate_class, 0::bigint), ('standard', 1000)
    union all
    select p.part, 100 - p.n from regexp_split_to_table(rate_class, '\+') with ordinality p(part, n)
  ) c(listed_class, place)
  group by c.listed_class;
$$;
comment on function billing.class_chain is
  'Rate classes whose list price holds for a class, the best first.';
grant execute on function billing.class_chain(text) to service_role;

-- Which list price holds when for each (model, metric, rate class). Reasoning is output where it
-- has no price of its own. `is_own`: at the very class that was asked for.
create function billing.list_price_ranges(models text[], metrics text[], rate_classes text[])
returns table (model text, metric text, rate_class text, list_price_id bigint, is_own boolean,
  effective_from date, effective_until date)
language sql stable set search_path = pg_catalog, pg_temp set jit = off
set enable_nestloop = off set enable_mergejoin = off set enable_sort = on as $$
  -- By index for a few models, hashed for thousands: how many are asked for is not planned with.
  with keys as materialized (
    select distinct * from unnest(models, metrics, rate_classes) x(model, metric, rate_class)
  ), chains as materialized (
    select r.rate_class, c.listed_class, c.place
    from (select distinct k.rate_class from keys k) r
    cross join lateral billing.class_chain(r.rate_class) c
  ), wanted as materialized (
    select k.*, k.metric as listed_metric, 0 as other from keys k
    union all
    select k.*, 'output_tokens', 1 from keys k where k.metric = 'reasoning_tokens'
  ), prices as materialized (
    select l.id, l.model, l.metric, l.rate_class,
      daterange(l.effective_from, l.effective_until) as days
    from public.list_prices l where l.model = any (models)
  ), listed as (
    select w.model, w.metric, w.rate_class, l.id, l.rate_class = w.rate_class as is_own, l.days,
      c.place * 2 + w.other as level
    from wanted w
    join prices l on l.model = w.model and l.metric = w.listed_metric
    join chains c on c.rate_class = w.rate_class and c.listed_class = l.rate_class
  ), ranked as (
    select l.*, range_agg(l.days) over (partition by l.model, l.metric, l.rate_class
      order by l.level groups between unbounded preceding and 1 preceding) as taken
    from listed l
  )
  select r.model, r.metric, r.rate_class, r.id, r.is_own, lower(d.days), upper(d.days)
  from ranked r cross join lateral unnest(
    datemultirange(r.days) - coalesce(r.taken, '{}')) d(days);
$$;
comment on function billing.list_price_ranges is
  'List prices that hold for models, metrics and rate classes, and on which days.';
grant execute on function billing.list_price_ranges(text[], text[], text[]) to service_role;

create function billing.list_price(model text, metric text, rate_class text, day date)
returns public.list_prices language sql stable set search_path = pg_catalog, pg_temp as $$
  select l from billing.list_price_ranges(array[list_price.model], array[list_price.metric],
    array[list_price.rate_class]) r
  join public.list_prices l on l.id = r.list_price_id
  where r.effective_from <= day and day < r.effective_until;
$$;
comment on function billing.list_price is
  'The list price that holds for a model, metric and rate class on a day; of the class itself, or of
   the nearest that has one.';
grant execute on function billing.list_price(text, text, text, date) to service_role;

-- 30_pricing/models/per_unit.sql

-- unit_amount for each per_units units.
create function _billing.price_per_unit(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (to_units - from_units) * unit_amount;

-- 30_pricing/models/package.sql

-- unit_amount for each block of per_units that is started.
create function _billing.price_package(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (ceil(to_units / per_units) - ceil(from_units / per_units)) * unit_amount * per_units;

-- 30_pricing/models/graduated.sql

-- Price of units 0..units where each tier prices the units within it, plus the tier's flat amount
-- once its first unit is used. A tier reaches from the bound before it to its own, inclusive.
create function _billing.graduated_total(units numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (
  select coalesce(sum((least(units, t.up_to) - t.above) * t.unit_amount
    + t.flat_amount * per_units), 0)
  from (
    select coalesce((e ->> 'up_to')::numeric, 'infinity') as up_to,
      coalesce(lag((e ->> 'up_to')::numeric) over (order by n), 0) as above,
      (e ->> 'unit_amount')::numeric as unit_amount,
      coalesce((e ->> 'flat_amount')::numeric, 0) as flat_amount
    from jsonb_array_elements(tiers) with ordinality x(e, n)
  ) t
  where units > t.above);

create function _billing.price_graduated(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return _billing.graduated_total(to_units, per_units, tiers)
  - _billing.graduated_total(from_units, per_units, tiers);

-- 30_pricing/models/volume.sql

-- All units at the price of the tier that the period's total reaches; its flat amount once.
create function _billing.price_volume(from_units numeric, to_units numeric, total_units numeric,
  unit_amount numeric, per_units numeric, tiers jsonb)
returns numeric language sql immutable
return (
  select (to_units - from_units) * (e ->> 'unit_amount')::numeric
    + (sign(to_units) - sign(from_units)) * coalesce((e ->> 'flat_amount')::numeric, 0) * per_units
  from jsonb_array_elements(tiers) with ordinality x(e, n)
  where total_units <= coalesce((e ->> 'up_to')::numeric, 'infinity')
  order by n limit 1);

-- 30_pricing/models/cost_plus.sql

-- The list price of the day with a markup and a fee, for per_units units of a price, as its fee is:
-- multiplied only, so that it is exact.
create function billing.cost_plus_amount(list_amount numeric, markup_percent numeric,
  fee numeric, per_units numeric)
returns numeric language sql immutable
return list_amount * per_units * (1 + markup_percent * 0.01) + fee;
comment on function billing.cost_plus_amount is
  'What per_units units cost: the list price of so many with a markup, and a fee.';
grant execute on function billing.cost_plus_amount(numeric, numeric, numeric, numeric)
  to service_role;

create function billing.dollars_per(amount numeric, per_units numeric)
returns text language sql immutable
return concat('$', round(amount, greatest(2, scale(trim_scale(amount)))), case per_units
  when 1 then null when 1000 then ' per 1K' when 1000000 then ' per 1M'
  else ' per ' || trim_scale(per_units) end);
comment on function billing.dollars_per is 'An amount for so many units as lines show it.';
grant execute on function billing.dollars_per(numeric, numeric) to service_role;

create function billing.cost_plus_text(list_amount numeric, markup_percent numeric, fee numeric,
  per_units numeric)
returns text language sql immutable
return concat('list ', billing.dollars_per(list_amount * per_units, per_units),
  case when markup_percent <> 0 then format(' %s %s %%',
    case when markup_percent < 0 then '-' else '+' end, trim_scale(abs(markup_percent))) end,
  case when fee <> 0 then ' + ' || billing.dollars_per(fee, per_units) end);
comment on function billing.cost_plus_text is
  'What a line says of its price: list $3.00 per 1M + 20 % + $0.10 per 1M.';
grant execute on function billing.cost_plus_text(numeric, numeric, numeric, numeric)
  to service_role;

-- 30_pricing/price_units.sql

-- Price models: what a run of units costs. One function each, one signature:
--   (from_units, to_units, total_units, unit_amount, per_units, tiers) -> amount * per_units
-- of the units after `from_units` up to `to_units` of a period whose total is `total_units`, in
-- major units of currency. Positions instead of a bare quantity, so that tiers and free units run
-- through a period however it is split by price changes or agents: the parts always sum to the
-- whole. Times per_units, because only price_units divides, once and last: a third taken early
-- would lose the half cent that rounding turns on.

-- The models behind their signature. Free units are the first of the period; below zero, where
-- nothing is used, nothing costs. Without a subquery, so that it is written out where it is used:
-- called as a function for each line it took longer than all else of rating.
create function _billing.price_positions(pricing_model text, from_units numeric, to_units numeric,
  total_units numeric, unit_amount numeric, per_units numeric, tiers jsonb, free_units numeric)
returns numeric language sql immutable
return case pricing_model
  when 'per_unit' then _billing.price_per_unit(greatest(from_units - free_units, 0),
    greatest(to_units - free_units, 0), greatest(total_units - free_units, 0),
    unit_amount, per_units, tiers)
  when 'package' then _billing.price_package(greatest(from_units - free_units, 0),
    greatest(to_units - free_units, 0), greatest(total_units - free_units, 0),
    unit_amount, per_units, tiers)
  when 'graduated' then _billing.price_graduated(greatest(from_units - free_units, 0),
    greatest(to_units - free_units, 0), greatest(total_units - free_units, 0),
    unit_amount, per_units, tiers)
  when 'volume' then _billing.price_volume(greatest(from_units - free_units, 0),
    greatest(to_units - free_units, 0), greatest(total_units - free_units, 0),
    unit_amount, per_units, tiers)
end;

-- What the units (from, to] of a period cost under a price. Where corrections take more back than
-- there was before them, positions run below zero and cost the mirror image.
create function _billing.price_units(pricing_model text, from_units numeric, to_units numeric,
  total_units numeric, unit_amount numeric, per_units numeric, tiers jsonb, free_units numeric,
  multiplier numeric default 1)
returns numeric language sql immutable
return case
  -- What the models below come to where each unit costs the same. Under cost_plus unit_amount is
  -- that of the day (billing.cost_plus_amount).
  when pricing_model in ('per_unit', 'cost_plus') and free_units = 0
    then (to_units - from_units) * unit_amount
  else _billing.price_positions(pricing_model, from_units, to_units, total_units, unit_amount,
      per_units, tiers, free_units)
    - _billing.price_positions(pricing_model, -from_units, -to_units, -total_units, unit_amount,
      per_units, tiers, free_units)
end * multiplier / per_units;
comment on function _billing.price_units is
  'Amount (major units, exact) of units (from, to] of a period with that total, under a price.';

-- Tiers ascend, each has a price, the last has no bound.
create function billing.is_tier_list(tiers jsonb) returns boolean language sql immutable
return jsonb_typeof(tiers) = 'array' and jsonb_array_length(tiers) > 0 and not exists (
  select from (
    select e, n, lag((e ->> 'up_to')::numeric) over (order by n) as above,
      count(*) over () as tiers
    from jsonb_array_elements(tiers) with ordinality x(e, n)
  ) t
  where not coalesce(
    (e ->> 'unit_amount')::numeric between 0 and 1e12
    and coalesce((e ->> 'flat_amount')::numeric, 0) between 0 and 1e12
    and case when n = t.tiers then e ->> 'up_to' is null
      else (e ->> 'up_to')::numeric > coalesce(above, 0) end, false));
comment on function billing.is_tier_list is
  'Whether jsonb is [{up_to, unit_amount, flat_amount}], ascending, only the last without up_to.';
grant execute on function billing.is_tier_list(jsonb) to service_role;

-- 30_pricing/prices.sql

-- Prices: what a client pays for a metric of a model, from a day on.

-- Factors by rate class; the bounds keep NaN and what would overflow a rating out.
create function billing.is_multiplier_list(multipliers jsonb)
returns boolean language sql immutable
return jsonb_typeof(multipliers) = 'object' and not exists (
  select from jsonb_each_text(
    case jsonb_typeof(multipliers) when 'object' then multipliers else '{}' end) e
  where not coalesce(e.value::numeric between 0 and 1000, false));
comment on function billing.is_multiplier_list is
  'Whether jsonb is an object of factors from 0 to 1000.';
grant execute on function billing.is_multiplier_list(jsonb) to service_role;

create table public.prices (
  id uuid primary key default gen_random_uuid(),
  client_id uuid references public.clients (id) on delete cascade,
  model text,
  family text,
  metric text not null,
  rate_class text not null default 'standard' references billing.rate_classes (id),
  currency text not null default 'USD' references public.currencies (code),
  pricing_model text not null default 'per_unit',
  unit_amount numeric,
  per_units numeric not null default 1,
  tiers jsonb,
  free_units numeric not null default 0,
  class_multipliers jsonb not null default '{}',
  effective_from date not null default '-infinity',
  effective_until date not null default 'infinity',
  created_at timestamptz not null default now(),
  scope text generated always as
    (case when model is not null then 'model:' || model
      when family is not null then 'family:' || family else 'any' end) stored,
  markup_percent numeric,
  constraint prices_model_or_family check (model is null or family is null),
  constraint prices_pricing_model_known check (
    pricing_model in ('per_unit', 'package', 'graduated', 'volume', 'cost_plus')),
  constraint prices_amount_or_tiers check (case
    when pricing_model in ('per_unit', 'package', 'cost_plus')
      then unit_amount is not null and tiers is null
    else unit_amount is null and tiers is not null and billing.is_tier_list(tiers) end),
  -- Upper bounds keep NaN and what would overflow a rating out: one price is rated for everybody.
  constraint prices_unit_amount_in_range check (unit_amount between 0 and 1e12),
  constraint prices_per_units_in_range check (per_units between 1e-6 and 1e12),
  constraint prices_free_units_in_range check (free_units between 0 and 1e18),
  constraint prices_class_multipliers_numbers check (
    billing.is_multiplier_list(class_multipliers)),
  -- List prices are in USD, and differ by model: nothing is free of all of them.
  constraint prices_cost_plus_whole check (case when pricing_model = 'cost_plus'
    then markup_percent is not null and currency = 'USD' and free_units = 0
    else markup_percent is null end),
  constraint prices_markup_percent_in_range check (markup_percent between -100 and 1e6),
  constraint prices_forward check (effective_from < effective_until),
  constraint prices_no_overlap exclude using gist (
    coalesce(client_id, '00000000-0000-0000-0000-000000000000'::uuid) with =,
    scope with =, metric with =, rate_class with =, currency with =,
    daterange(effective_from, effective_until) with &&)
);
comment on table public.prices is
  'Price of a metric for a model, a model family or any model; of a client or the default list.';
comment on column public.prices.client_id is 'Null: the default price list.';
comment on column public.prices.unit_amount is
  'Major units of currency (3.00 = three dollars) per per_units units; under cost_plus the fee.';
comment on column public.prices.markup_percent is
  'Under cost_plus: percent on the list price of the day (public.list_prices).';
comment on column public.prices.tiers is
  '[{up_to, unit_amount, flat_amount}], ascending, the last without up_to; bounds are inclusive.';
comment on column public.prices.free_units is 'Units per period that cost nothing.';
comment on column public.prices.rate_class is
  'The rate class of usage (billing.rate_classes) that it is for.';
comment on column public.prices.class_multipliers is
  'Factor for usage of a class that has no price of its own: {"batch": 0.5}; of one not named 1.';
comment on column public.prices.effective_until is 'First client-local day it no longer holds.';
create index prices_lookup on public.prices (client_id, metric, currency, scope);
create index prices_rate_class on public.prices (rate_class);
-- What rating has to look up in the catalogue.
create index prices_cost_plus on public.prices (id) where pricing_model = 'cost_plus';
create index prices_currency on public.prices (currency);
alter table public.prices enable row level security;
revoke all on public.prices from anon, authenticated, service_role;
grant select, insert, update, delete on public.prices to service_role;
grant select on public.prices to authenticated;

-- The default list is for clients: a user without one sees nothing.
create policy "members read their and default prices, operators all" on public.prices
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or client_id is null and (select billing.my_clients())::uuid[] <> '{}'
    or (select billing.is_operator()));

-- At the commit of a change, once more: an invoice may have been issued since the statement, by a
-- run that could not see it. Which it was is decided by the version of the terms (ADR 20).
-- Triggers of one event fire by name: count_terms_change before the guards.
create constraint trigger count_terms_change after insert or update or delete on public.prices
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');

-- Truncate would pass by row triggers.
create trigger require_second_factor before insert or update or delete on public.prices
  for each statement execute function _billing.guard_by_second_factor();
create trigger refuse_truncate before truncate on public.prices
  for each statement execute function _billing.refuse_change();

-- 30_pricing/class_prices.sql

-- Prices and rate classes: how far the price of one class stands for usage of another.

-- How far down a price of `rate_class` comes for usage of class `wanted`: 0 its own, then the parts
-- of a class that combines others, in their order, last the standard price. Null: not at all.
create function billing.class_distance(rate_class text, wanted text)
returns integer language sql immutable parallel safe
return case when rate_class = wanted then 0
  when rate_class = 'standard' then 9
  else array_position(string_to_array(wanted, '+'), rate_class) end;
comment on function billing.class_distance is
  'How far from usage of a class the price of a class is, 0 to 9; null where it does not hold.';

-- What price_candidates calls, it calls as its caller.
grant execute on function billing.class_distance(text, text) to service_role;

-- The factor on a price of `rate_class` for usage of class `wanted`: the one that it names for it,
-- else those of the parts that the price is not for, multiplied.
create function billing.class_multiplier(multipliers jsonb, rate_class text, wanted text)
returns numeric language sql immutable parallel safe
return case when rate_class = wanted then 1
  when multipliers = '{}' then 1
  when multipliers ? wanted then (multipliers ->> wanted)::numeric
  else (
    with parts as (
      select row_number() over (order by p.n) as n,
        coalesce((multipliers ->> p.part)::numeric, 1) as factor
      from unnest(string_to_array(wanted, '+')) with ordinality p(part, n)
      where p.part <> rate_class)
    select coalesce((select factor from parts where n = 1), 1)
      * coalesce((select factor from parts where n = 2), 1)
      * coalesce((select factor from parts where n = 3), 1)) end;
comment on function billing.class_multiplier is
  'What a price of one class is multiplied by for usage of another.';
grant execute on function billing.class_multiplier(jsonb, text, text) to service_role;

-- A factor of a class that does not exist would never be taken.
create function _billing.check_price_classes() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  unknown constant text := (select string_agg(k, ', ' order by k)
    from jsonb_object_keys(new.class_multipliers) k
    where not exists (select from billing.rate_classes c where c.id = k and c.id <> 'standard'));
begin
  if unknown is not null then
    perform billing.raise_error('invalid_argument',
      format('class_multipliers names unknown rate classes: %s', unknown),
      'the classes are ' || (select string_agg(c.id, ', ' order by c.code)
        from billing.rate_classes c where c.id <> 'standard'));
  end if;
  return null;
end $$;
comment on function _billing.check_price_classes is
  'Refuses multipliers of unknown classes.';

create trigger check_price_classes after insert or update of class_multipliers
  on public.prices for each row execute function _billing.check_price_classes();

-- 30_pricing/default_price_list_data.sql

-- The default price list: what clients pay who have no prices of their own. USD, per 1M tokens.
-- Cache and reasoning tokens are priced too, so that no agent that reports them blocks an invoice:
-- cache at the providers' published ratios to input, reasoning as the output it is.
insert into public.prices (family, metric, unit_amount, per_units)
select l.family, x.metric, x.amount, 1000000
from (values
  --  family             input  output  cache read  cache write
  ('claude-sonnet',       3.00,  15.00,     0.30,      3.75),
  ('claude-opus',        15.00,  75.00,     1.50,     18.75),
  ('claude-haiku',        0.25,   1.25,     0.03,      0.30),
  ('gpt-4o',              2.50,  10.00,     1.25,      2.50),
  ('gpt-4o-mini',         0.15,   0.60,     0.075,     0.15),
  ('gemini-1.5-pro',      1.25,   5.00,     0.3125,    1.25),
  ('gemini-1.5-flash',    0.075,  0.30,     0.01875,   0.075)
) l(family, input, output, cache_read, cache_write)
cross join lateral (values
  ('input_tokens', l.input), ('output_tokens', l.output), ('reasoning_tokens', l.output),
  ('cache_read_tokens', l.cache_read), ('cache_write_tokens', l.cache_write)
) x(metric, amount)
on conflict do nothing;
insert into public.prices (metric, unit_amount) values
  ('web_searches', 0.01), ('pdf_processing', 0.02), ('image_processing', 0.01)
on conflict do nothing;

-- 30_pricing/unbilled_metrics.sql

-- Metrics that are counted and not sold.

-- Metrics that need no price: they are billed where one exists.
create table billing.unbilled_metrics (
  metric text primary key
    constraint unbilled_metrics_counting_known check (not billing.is_unmapped(metric)),
  why text not null
);
comment on table billing.unbilled_metrics is
  'Metrics that may go without a price; usage of all others must have one.';
alter table billing.unbilled_metrics enable row level security;
revoke all on billing.unbilled_metrics from public;
grant select on billing.unbilled_metrics to service_role;

create constraint trigger count_terms_change after insert or update or delete
  on billing.unbilled_metrics
  deferrable initially deferred for each row execute function _billing.count_terms_change();

-- 30_pricing/unbilled_metrics_data.sql

-- The metrics that are not sold.

insert into billing.unbilled_metrics values ('requests', 'counts calls; tokens are what is sold')
on conflict do nothing;

-- 30_pricing/price_selection.sql

-- Every price that could hold for a model and metric, best first (rank 1 wins on days where it is
-- in force): the client's before the default, a price for the class itself before the multiplier of
-- another, exact model before family before any model.
create function billing.price_candidates(
  client_ids uuid[], models text[], metrics text[], rate_classes text[], currencies text[]
) returns table (client_id uuid, model text, metric text, rate_class text, currency text,
  price_id uuid,
  effective_from date, effective_until date, multiplier numeric, preference integer, why text)
language plpgsql stable
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  return query
  with wanted as (
    select k.*, s.scope, s.specificity, s.kind
    from unnest(client_ids, models, metrics, rate_classes, currencies)
      k(client_id, model, metric, rate_class, currency)
    left join public.models fam on fam.id = k.model
    cross join lateral (values ('model:' || k.model, 1, 'exact model'),
      ('family:' || fam.family, 2, 'model family'), ('any', 3, 'any model')
    ) s(scope, specificity, kind)
  ), matched as (
    -- Two joins by equality: one with `client_id is null or =` compares every client with the
    -- prices of every other.
    select w.*, p.id, p.effective_from, p.effective_until, p.class_multipliers,
      p.rate_class as price_class, true as is_own
    from wanted w join public.prices p on p.client_id = w.client_id
      and p.metric = w.metric and p.currency = w.currency and p.scope = w.scope
    union all
    select w.*, p.id, p.effective_from, p.effective_until, p.class_multipliers, p.rate_class, false
    from wanted w join public.prices p on p.client_id is null
      and p.metric = w.metric and p.currency = w.currency and p.scope = w.scope
  )
  select m.client_id, m.model, m.metric, m.rate_class, m.currency, m.id, m.effective_from,
    m.effective_until,
    billing.class_multiplier(m.class_multipliers, m.price_class, m.rate_class),
    (not m.is_own)::integer * 100 + d.distance * 10 + m.specificity,
    concat(case when m.is_own then 'client''s own' else 'default list' end, ', ', m.kind,
      case when d.distance between 1 and 8 then format(', price for %s', m.price_class) end,
      case when d.distance > 0 then format(', times %s multiplier',
        array_to_string(array_remove(string_to_array(m.rate_class, '+'), m.price_class), '+')) end)
  from matched m
  cross join lateral (
    select billing.class_distance(m.price_class, m.rate_class) as distance) d
  where d.distance is not null;
end $$;
comment on function billing.price_candidates is
  'Prices that could hold for each (client, model, metric, class, currency); the least preference
   wins.';
grant execute on function billing.price_candidates(uuid[], text[], text[], text[], text[])
  to service_role;

create function billing.explain_price(client_id uuid, model text, metric text, day date,
  rate_class text default 'standard')
returns table (rank bigint, chosen boolean, price_id uuid, why text, pricing_model text,
  unit_amount numeric, per_units numeric, tiers jsonb, free_units numeric, multiplier numeric,
  currency text, effective_from date, effective_until date, price_class text)
language sql stable set search_path = pg_catalog, pg_temp set jit = off as $$
  select row_number() over best, row_number() over best = 1 and x.in_force, p.id,
    concat(c.why, case when p.pricing_model <> 'cost_plus' then null
        when l.id is null then ', no list price on this day'
        else ', ' || billing.cost_plus_text(l.amount, p.markup_percent, p.unit_amount, p.per_units)
      end,
      case when not x.in_force then ', not in force on this day' end),
    p.pricing_model, case when p.pricing_model = 'cost_plus' then billing.cost_plus_amount(
      l.amount, p.markup_percent, p.unit_amount, p.per_units) else p.unit_amount end,
    p.per_units, p.tiers, p.free_units, c.multiplier,
    p.currency, p.effective_from, p.effective_until, p.rate_class
  from billing.config_on(array[explain_price.client_id], array[explain_price.day]) cfg
  cross join lateral billing.price_candidates(array[cfg.client_id], array[explain_price.model],
    array[explain_price.metric], array[explain_price.rate_class], array[cfg.currency]) c
  join public.prices p on p.id = c.price_id
  left join lateral billing.list_price(explain_price.model, explain_price.metric,
    explain_price.rate_class, explain_price.day) l on p.pricing_model = 'cost_plus'
  cross join lateral (
    select c.effective_from <= cfg.day and cfg.day < c.effective_until as in_force) x
  window best as (order by not x.in_force, c.preference, p.effective_from)
  order by 1;
$$;
comment on function billing.explain_price is
  'Every price considered for a client, model, metric, day and class, best first, and why.';
grant execute on function billing.explain_price(uuid, text, text, date, text) to service_role;

-- Which price holds when: stretches of days under one price, for each (client, model, metric,
-- class, currency) asked for, each once. A client of null stands for all that have no price of
-- their own. Under cost_plus a stretch has one list price; days without one have no price.
create function billing.price_segments(
  client_ids uuid[], models text[], metrics text[], rate_classes text[], currencies text[]
) returns table (client_id uuid, model text, metric text, rate_class text, currency text,
  segment_start date, segment_end date, price_id uuid, multiplier numeric, list_price_id bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off
set plan_cache_mode = force_generic_plan
set enable_nestloop = off set enable_mergejoin = off set enable_sort = off as $$
#variable_conflict use_column
declare
  listed constant uuid[] := array(
    select p.id from public.prices p where p.pricing_model = 'cost_plus');
begin
  return query
  with keys as materialized (
    -- Numbers stand for what is long to compare.
    select * from unnest(client_ids, models, metrics, rate_classes, currencies)
      with ordinality k(client_id, model, metric, rate_class, currency, n)
  ), candidates as materialized (
    select k.n, c.price_id, c.multiplier, c.preference, c.effective_from as starts,
      c.effective_until as ends
    from billing.price_candidates(client_ids, models, metrics, rate_classes, currencies) c
    join keys k on coalesce(k.client_id::text, '') = coalesce(c.client_id::text, '')
      and k.model = c.model and k.metric = c.metric and k.rate_class = c.rate_class
      and k.currency = c.currency
  ), boundaries as (
    select b.*, lead(b.day) over (partition by b.n order by b.day) as next_day
    from (select n, starts as day from candidates union select n, ends from candidates) b
  ), winners as (
    select distinct on (b.n, b.day) b.n, b.day, b.next_day, c.price_id, c.multiplier
    from boundaries b join candidates c on c.n = b.n
    where c.starts <= b.day and b.day < c.ends
    order by b.n, b.day, c.preference
  ), stretches as (
    select w.*, sum(case when w.price_id = w.price_before then 0 else 1 end) over (
      partition by w.n order by w.day) as stretch
    from (select *, lag(winners.price_id) over (
      partition by winners.n order by winners.day) as price_before from winners) w
  ), held as materialized (
    select k.client_id, k.model, k.metric, k.rate_class, k.currency, s.starts, s.ends, s.price_id,
      s.multiplier
    from (
      select n, price_id, multiplier, min(day) as starts, max(next_day) as ends
      from stretches group by n, price_id, multiplier, stretch
    ) s
    join keys k on k.n = s.n
  )
  select h.*, null::bigint from held h where h.price_id <> all (listed)
  union all
  select p.client_id, p.model, p.metric, p.rate_class, p.currency,
    greatest(p.starts, r.effective_from), least(p.ends, r.effective_until), p.price_id,
    case when r.is_own then 1 else p.multiplier end, r.list_price_id
  from (select array_agg(p.model) as models, array_agg(p.metric) as metrics,
    array_agg(p.rate_class) as rate_classes from held p where p.price_id = any (listed)) w
  cross join lateral billing.list_price_ranges(w.models, w.metrics, w.rate_classes) r
  join held p on p.price_id = any (listed)
    and p.model = r.model and p.metric = r.metric and p.rate_class = r.rate_class
    and p.starts < r.effective_until and r.effective_from < p.ends
  where listed <> '{}';
end $$;
comment on function billing.price_segments is
  'Stretches of days under one price, per client, model, metric, class and currency.';
grant execute on function billing.price_segments(uuid[], text[], text[], text[], text[])
  to service_role;

-- 30_pricing/price_days.sql

-- Which days are priced by which of some prices, the rows of a table or not: so that what would be
-- priced otherwise by a change can be asked. One key at a time; rating uses price_segments.

-- Whether a price can hold for a client's usage of a metric, and how it ranks among others: the
-- preference of billing.price_candidates. Null where it cannot hold.
create function _billing.price_rank(price public.prices, client_id uuid, model text, family text,
  metric text, rate_class text)
returns integer language sql immutable
return case when (price.client_id is null or price.client_id = client_id)
    and price.scope = any (array['model:' || model, 'family:' || family, 'any'])
    and metric = price.metric
  then (price.client_id is null)::integer * 100
    + billing.class_distance(price.rate_class, rate_class) * 10
    + case when price.model is not null then 1 when price.family is not null then 2 else 3 end end;
comment on function _billing.price_rank is
  'Preference of a price for a key, null where it does not hold for it; the least wins.';

-- The prices that could hold for a metric of a client (null: of one that has none of its own).
create function _billing.prices_of(client_id uuid, metric text, currency text)
returns public.prices[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(p), '{}') from (
    select p from public.prices p where p.client_id = prices_of.client_id
      and p.currency = prices_of.currency and p.metric = prices_of.metric
    union all
    select p from public.prices p where p.client_id is null
      and p.currency = prices_of.currency and p.metric = prices_of.metric
  ) x(p);
$$;
comment on function _billing.prices_of is
  'Prices of a client and of the default list for a metric.';

-- Which of these prices holds on which days.
create function _billing.price_days(prices public.prices[], client_id uuid, model text,
  family text, metric text, rate_class text)
returns table (price_id uuid, days datemultirange) language sql immutable
set search_path = pg_catalog, pg_temp as $$
  with held as materialized (
    select (p.price).id, daterange((p.price).effective_from, (p.price).effective_until) as days,
      _billing.price_rank(p.price, price_days.client_id, price_days.model, price_days.family,
        price_days.metric, price_days.rate_class) as rank
    from (select x::public.prices as price from unnest(prices) x) p
  )
  select h.id, datemultirange(h.days) - coalesce((
    select range_agg(b.days) from held b where b.rank < h.rank), '{}')
  from held h where h.rank is not null;
$$;
comment on function _billing.price_days is
  'Days on which each of some prices holds for a model and metric of a client.';

-- 30_pricing/stripe_meters.sql

-- Usage that Stripe rates, by its Billing meters: which usage that is, and what Stripe was told of.
--
-- A meter takes a client's usage of a metric, of one model or of all, from a client-local day on.
-- That usage is Stripe's to rate: billing.priced_usage leaves out what these rows name, so that one
-- row decides both and nothing is billed by both or by neither.

create table public.stripe_meters (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients (id),
  metric text not null constraint stripe_meters_metric_not_blank check (btrim(metric) <> ''),
  rate_class text not null default 'standard' references billing.rate_classes (id),
  model text,
  event_name text not null
    constraint stripe_meters_event_name_shape check (event_name ~ '^\S{1,100}$'),
  effective_from date not null,
  effective_until date not null default 'infinity',
  created_at timestamptz not null default now(),
  constraint stripe_meters_forward check (effective_from < effective_until),
  constraint stripe_meters_one_at_a_time exclude using gist (client_id with =, metric with =,
    rate_class with =, coalesce(model, '') with =,
    daterange(effective_from, effective_until) with &&)
);
comment on table public.stripe_meters is
  'Usage that Stripe rates: it goes to a meter of Stripe''s and on no invoice of ours.';
comment on column public.stripe_meters.rate_class is
  'The rate class whose usage goes to it; other classes of the metric need rows of their own.';
comment on column public.stripe_meters.model is
  'Exact model id; null: every model that has no row of its own.';
comment on column public.stripe_meters.event_name is 'The name that the meter listens to.';
comment on column public.stripe_meters.effective_until is 'First day we rate the usage again.';
create index stripe_meters_rate_class on public.stripe_meters (rate_class);
create index stripe_meters_client_id on public.stripe_meters (client_id, metric);
alter table public.stripe_meters enable row level security;
revoke all on public.stripe_meters from anon, authenticated, service_role;
grant select, insert, update, delete on public.stripe_meters to service_role;
grant select on public.stripe_meters to authenticated;

create policy "operators read" on public.stripe_meters for select to authenticated
  using ((select billing.is_operator()));

-- Stripe has been told of the usage of each day that a meter was in force: what has been in force
-- stays as it is and can be ended from tomorrow on.
create function _billing.guard_meter_in_force() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  -- Meters hold for client-local days: the latest today on earth is that of UTC+14.
  today constant date := (billing.as_of() at time zone 'UTC' + interval '14 hours')::date;
begin
  if old.effective_from > today then
    if tg_op = 'DELETE' then
      return old;
    elsif new.effective_from <= today then
      perform billing.raise_error('past_is_frozen', 'a meter cannot be moved into the past',
        'add a row instead');
    end if;
    return new;
  end if;
  if tg_op = 'DELETE' then
    perform billing.raise_error('past_is_frozen',
      format('a meter in force since %s cannot be deleted', old.effective_from),
      format('end it instead: set effective_until to %s or later', today + 1));
  elsif to_jsonb(new) - 'effective_until' <> to_jsonb(old) - 'effective_until'
    or new.effective_until <= today or old.effective_until <= today then
    perform billing.raise_error('past_is_frozen',
      format('a meter in force since %s cannot be changed', old.effective_from),
      format('end it (effective_until %s or later) and add a new row from that day', today + 1));
  end if;
  return new;
end $$;

create trigger guard_meter_in_force before update or delete on public.stripe_meters
  for each row execute function _billing.guard_meter_in_force();
create trigger refuse_truncate before truncate on public.stripe_meters
  for each statement execute function _billing.refuse_change();

-- At the commit, as for prices: counted first, then asked once more.
create constraint trigger count_terms_change after insert or update or delete
  on public.stripe_meters
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');

-- 30_pricing/unmapped_metrics.sql

-- Names that metrics of prices and meters cannot have.

-- Tokens of which it is not known what they are part of (billing.is_unmapped) cannot be sold: a
-- price would bill what stands in input or output a second time.
create function _billing.refuse_unmapped_metric() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.raise_error('invalid_argument',
    format('%s cannot have a %s', new.metric, tg_argv[0]),
    'map the model to its provider, or log metadata.counting: then its tokens are counted under '
      || 'the names that can, ' || substr(new.metric, 10));
  return null;
end $$;

create trigger refuse_unmapped_metric before insert or update of metric on public.prices
  for each row when (billing.is_unmapped(new.metric))
  execute function _billing.refuse_unmapped_metric('price');
create trigger refuse_unmapped_metric before insert or update of metric on public.stripe_meters
  for each row when (billing.is_unmapped(new.metric))
  execute function _billing.refuse_unmapped_metric('meter');

-- A class is no part of a metric's name: usage of batch_input_tokens there is none.
create function _billing.refuse_class_metric() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.raise_error('invalid_argument',
    format('%s cannot have a %s', new.metric, tg_argv[0]),
    format('say metric %s and rate_class batch', substr(new.metric, 7)));
  return null;
end $$;

create trigger refuse_class_metric before insert or update of metric on public.prices
  for each row when (starts_with(new.metric, 'batch_'))
  execute function _billing.refuse_class_metric('price');
create trigger refuse_class_metric before insert or update of metric on public.stripe_meters
  for each row when (starts_with(new.metric, 'batch_'))
  execute function _billing.refuse_class_metric('meter');

-- 35_books/invoices.sql

-- Invoices, their lines, and the state of each client's period.
create table public.invoices (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients (id),
  kind text not null default 'period',
  period_start date,
  period_end date,
  status text not null default 'draft',
  number text unique,
  replaces_id uuid references public.invoices (id),
  currency text not null references public.currencies (code),
  subtotal_minor bigint not null default 0,
  discount_minor bigint not null default 0,
  tax_minor bigint not null default 0,
  tax_included_minor bigint not null default 0,
  total_minor bigint not null default 0,
  balance_applied_minor bigint not null default 0,
  credited_minor bigint not null default 0,
  paid_minor bigint not null default 0,
  amount_due_minor bigint not null generated always as (case when status = 'void' then 0 else
    total_minor - balance_applied_minor - credited_minor - paid_minor end) stored,
  payment_terms_days smallint not null default 30,
  deliveries text[] not null default '{}',
  document jsonb not null default '{}',
  note text,
  created_at timestamptz not null default now(),
  finalized_at timestamptz,
  issued_on date,
  due_on date,
  paid_at timestamptz,
  voided_at timestamptz,
  void_reason text,
  written_off_minor bigint not null default 0,
  uncollectible_at timestamptz,
  constraint invoices_kind_known check (kind in ('period', 'late', 'one_off')),
  constraint invoices_period_of_kind check (case when kind = 'period'
    then num_nulls(period_start, period_end) = 0 and period_start < period_end
    else num_nulls(period_start, period_end) = 2 end),
  constraint invoices_status_known check (
    status in ('draft', 'open', 'paid', 'void', 'uncollectible')),
  constraint invoices_numbered_once_final check (
    (status = 'draft') = (num_nulls(number, finalized_at, issued_on, due_on) = 4)
    and num_nulls(number, finalized_at, issued_on, due_on) in (0, 4)),
  constraint invoices_total_adds_up check (
    total_minor = subtotal_minor - discount_minor + tax_minor),
  constraint invoices_amounts_in_range check (total_minor >= 0
    and balance_applied_minor >= 0 and credited_minor >= 0 and paid_minor >= 0
    and balance_applied_minor + credited_minor <= total_minor),
  constraint invoices_times_of_status check (
    (status = 'void') = (voided_at is not null)
    and (status = 'paid') <= (paid_at is not null)
    and (status = 'uncollectible') <= (uncollectible_at is not null))
);
comment on table public.invoices is
  'Invoices. draft -> open -> paid | void | uncollectible; frozen from open on.';
comment on column public.invoices.period_start is
  'First client-local day covered; null for one-off and late-usage invoices.';
comment on column public.invoices.amount_due_minor is 'What is still to be paid.';
comment on column public.invoices.document is
  'Everything a renderer needs; frozen with the invoice.';
comment on column public.invoices.tax_included_minor is
  'Tax contained in the line amounts (inclusive taxes); not added to the total.';
create unique index invoices_one_live_per_period on public.invoices (client_id, period_start)
  where kind = 'period' and status <> 'void';
create index invoices_client_id on public.invoices (client_id, created_at);
create index invoices_created_at on public.invoices (created_at, (id::text));
create index invoices_drafts on public.invoices (client_id) where status = 'draft';
create index invoices_replaces_id on public.invoices (replaces_id);
create index invoices_currency on public.invoices (currency);
create index invoices_unsettled on public.invoices (due_on) where status in ('draft', 'open');
alter table public.invoices enable row level security;
revoke all on public.invoices from anon, authenticated, service_role;
grant select on public.invoices to authenticated, service_role;

create policy "members read issued invoices, operators all" on public.invoices
  for select to authenticated
  using (client_id = any ((select billing.readable_clients())::uuid[])
    and (status <> 'draft' or (select billing.is_operator())));

-- Truncate would pass by row triggers.
create trigger refuse_truncate before truncate on public.invoices
  for each statement execute function _billing.refuse_change();

-- 35_books/invoice_lines.sql

-- The lines of invoices.

create table public.invoice_lines (
  id uuid primary key default gen_random_uuid(),
  invoice_id uuid not null references public.invoices (id) on delete cascade,
  position integer not null,
  kind text not null,
  section_start date,
  section_end date,
  rating_key text not null,
  is_late boolean not null default false,
  model text,
  metric text,
  rate_class text,
  agent text,
  price_id uuid,
  service_start date,
  service_end date,
  quantity numeric,
  unit_amount numeric,
  per_units numeric,
  pricing_model text,
  tiers jsonb,
  precise_amount numeric not null,
  amount_minor bigint not null,
  tax_name text,
  tax_rate_percent numeric,
  tax_behavior text,
  tax_base_minor bigint,
  tax_note text,
  description text not null,
  detail text,
  constraint invoice_lines_kind_known check (
    kind in ('usage', 'minimum', 'one_off', 'discount', 'tax')),
  constraint invoice_lines_tax_complete check (
    (kind = 'tax') = (num_nulls(tax_name, tax_rate_percent, tax_behavior, tax_base_minor) = 0)),
  constraint invoice_lines_position unique (invoice_id, position)
);
comment on table public.invoice_lines is
  'Lines of invoices; discounts and taxes are lines too. Rounded once each.';
comment on column public.invoice_lines.section_start is
  'Period whose rating the line belongs to: the invoice''s own, or an earlier one (late usage).';
comment on column public.invoice_lines.rating_key is
  'What the line charges for within its section; re-rating compares by it.';
comment on column public.invoice_lines.precise_amount is 'Amount in major units before rounding.';

-- Re-rating sums what was booked for a section, wherever it was booked.
create index invoice_lines_section on public.invoice_lines (section_start, invoice_id);
alter table public.invoice_lines enable row level security;
revoke all on public.invoice_lines from anon, authenticated, service_role;
grant select on public.invoice_lines to authenticated, service_role;

create policy "lines are read with their invoice" on public.invoice_lines
  for select to authenticated
  using (exists (select from public.invoices i where i.id = invoice_id));

create trigger refuse_truncate before truncate on public.invoice_lines
  for each statement execute function _billing.refuse_change();

-- The item that a line charges for. Null for every other line, whatever its key: a cast would fail
-- wherever the planner happens to evaluate it.
create function _billing.item_of(rating_key text) returns uuid language sql immutable
return case when starts_with(rating_key, 'item|') then substr(rating_key, 6)::uuid end;
comment on function _billing.item_of is 'The invoice item that a rating key names, or null.';

-- 35_books/invoice_items.sql

-- Charges and credits that wait for their invoice.

create table public.invoice_items (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients (id),
  description text not null constraint invoice_items_described check (btrim(description) <> ''),
  quantity numeric not null default 1,
  unit_amount numeric not null,
  currency text not null references public.currencies (code),
  item_day date not null,
  section_start date,
  invoice_id uuid references public.invoices (id),
  is_base_fee boolean not null default false,
  created_at timestamptz not null default now(),
  -- Keeps NaN and infinity out too.
  constraint invoice_items_amount_in_range check (
    quantity between -1e12 and 1e12 and unit_amount between -1e12 and 1e12)
);
comment on table public.invoice_items is
  'One-off charges (or, negative, allowances) that go on the next invoice or one of their own.';
comment on column public.invoice_items.item_day is
  'Client-local day it is charged for; it goes on the invoice of the period with that day.';
comment on column public.invoice_items.section_start is
  'Period it was taken into; null while pending or on a one-off invoice.';
comment on column public.invoice_items.invoice_id is 'The one-off invoice made for it.';
create index invoice_items_client_id on public.invoice_items (client_id, section_start);
create index invoice_items_invoice_id on public.invoice_items (invoice_id);
create index invoice_items_currency on public.invoice_items (currency);
alter table public.invoice_items enable row level security;
revoke all on public.invoice_items from anon, authenticated, service_role;
grant select on public.invoice_items to authenticated, service_role;
grant insert on public.invoice_items to service_role;

create policy "operators read invoice items" on public.invoice_items
  for select to authenticated using ((select billing.is_operator()));

-- Not what settling itself writes of an item: which period or invoice took it.
create constraint trigger count_terms_change_of_items
  after update of client_id, description, quantity, unit_amount, currency, item_day
  on public.invoice_items
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');
create constraint trigger count_terms_change after delete on public.invoice_items
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');

-- 35_books/credit_notes.sql

-- What happens to an issued invoice: credit notes, payments, and the client's balance.
create table public.credit_notes (
  id uuid primary key default gen_random_uuid(),
  invoice_id uuid not null references public.invoices (id),
  client_id uuid not null references public.clients (id),
  number text not null unique,
  reason text not null constraint credit_notes_reason_given check (btrim(reason) <> ''),
  currency text not null references public.currencies (code),
  total_minor bigint not null constraint credit_notes_positive check (total_minor > 0),
  to_invoice_minor bigint not null default 0,
  to_balance_minor bigint not null default 0,
  to_refund_minor bigint not null default 0,
  issued_at timestamptz not null,
  document jsonb not null default '{}',
  voided_at timestamptz,
  constraint credit_notes_settled check (
    total_minor = to_invoice_minor + to_balance_minor + to_refund_minor
    and least(to_invoice_minor, to_balance_minor, to_refund_minor) >= 0),
  constraint credit_notes_voided_undo check (
    voided_at is null or total_minor in (to_invoice_minor, to_refund_minor))
);
comment on table public.credit_notes is
  'Credits on issued invoices: off what is due, onto the client''s balance, or refunded.';
comment on column public.credit_notes.voided_at is
  'When it was taken back. Only of a note that was all off what was due, or all to be refunded.';
create index credit_notes_invoice_id on public.credit_notes (invoice_id);
create index credit_notes_client_id on public.credit_notes (client_id, issued_at);
create index credit_notes_currency on public.credit_notes (currency);
alter table public.credit_notes enable row level security;
revoke all on public.credit_notes from anon, authenticated, service_role;
grant select on public.credit_notes to authenticated, service_role;

create policy "members and operators read credit notes" on public.credit_notes
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

create trigger refuse_truncate before truncate on public.credit_notes
  for each statement execute function _billing.refuse_change();

create table public.credit_note_lines (
  id uuid primary key default gen_random_uuid(),
  credit_note_id uuid not null references public.credit_notes (id),
  section_start date,
  rating_key text not null,
  kind text not null,
  model text,
  metric text,
  rate_class text,
  agent text,
  price_id uuid,
  service_start date,
  service_end date,
  quantity numeric,
  unit_amount numeric,
  per_units numeric,
  pricing_model text,
  tiers jsonb,
  precise_amount numeric not null,
  amount_minor bigint not null,
  tax_name text,
  tax_rate_percent numeric,
  tax_behavior text,
  tax_base_minor bigint,
  tax_note text,
  description text not null,
  detail text,
  constraint credit_note_lines_tax_complete check (
    (kind = 'tax') = (num_nulls(tax_name, tax_rate_percent, tax_behavior, tax_base_minor) = 0))
);
comment on table public.credit_note_lines is
  'What a credit note takes back, by the rating key of the lines it takes it from; positive.';
create index credit_note_lines_credit_note_id on public.credit_note_lines (credit_note_id);
create index credit_note_lines_section on public.credit_note_lines (section_start);

create trigger refuse_change before update or delete or truncate on public.credit_note_lines
  for each statement execute function _billing.refuse_change();
alter table public.credit_note_lines enable row level security;
revoke all on public.credit_note_lines from anon, authenticated, service_role;
grant select on public.credit_note_lines to authenticated, service_role;

create policy "lines are read with their credit note" on public.credit_note_lines
  for select to authenticated
  using (exists (select from public.credit_notes n where n.id = credit_note_id));

-- 35_books/payments.sql

-- Payments of issued invoices.

create table public.payments (
  id uuid primary key default gen_random_uuid(),
  invoice_id uuid not null references public.invoices (id),
  client_id uuid not null references public.clients (id),
  amount_minor bigint not null constraint payments_not_zero check (amount_minor <> 0),
  kind text not null default 'payment',
  currency text not null references public.currencies (code),
  paid_at timestamptz not null,
  method text not null default 'manual',
  reference text unique,
  constraint payments_kind_known check (kind in ('payment', 'refund', 'refund_failed', 'dispute',
    'dispute_reversed')),
  constraint payments_sign_of_kind check (
    (amount_minor > 0) = (kind in ('payment', 'refund_failed', 'dispute_reversed')))
);
comment on table public.payments is
  'Money received for invoices; what went back, by refund or dispute, is negative.';
comment on column public.payments.kind is
  'payment: received; refund: given back; refund_failed: what was given back came back to us;
   dispute: taken back through the payer''s bank; dispute_reversed: returned by it.';
comment on column public.payments.reference is
  'The payment''s id where it was made; the same reference is recorded once.';
create index payments_invoice_id on public.payments (invoice_id);
create index payments_client_id on public.payments (client_id, paid_at);
create index payments_currency on public.payments (currency);

create trigger refuse_change before update or delete or truncate on public.payments
  for each statement execute function _billing.refuse_change();
alter table public.payments enable row level security;
revoke all on public.payments from anon, authenticated, service_role;
grant select on public.payments to authenticated, service_role;

create policy "members and operators read payments" on public.payments
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- 35_books/balance.sql

-- The credit balance of clients, entry by entry.

create table public.balance_entries (
  id uuid primary key default gen_random_uuid(),
  client_id uuid not null references public.clients (id),
  currency text not null references public.currencies (code),
  amount_minor bigint not null constraint balance_entries_not_zero check (amount_minor <> 0),
  reason text not null
    constraint balance_entries_reason_known
    check (reason in ('credit_note', 'applied', 'void', 'adjustment', 'overpayment', 'refund')),
  invoice_id uuid references public.invoices (id),
  credit_note_id uuid references public.credit_notes (id),
  created_at timestamptz not null,
  note text
);
comment on table public.balance_entries is
  'Ledger of each client''s credit balance; the sum is what the next invoices are reduced by.';
create index balance_entries_client_id on public.balance_entries (client_id, currency);
create index balance_entries_invoice_id on public.balance_entries (invoice_id);
create index balance_entries_credit_note_id on public.balance_entries (credit_note_id);
create index balance_entries_currency on public.balance_entries (currency);

create trigger refuse_change before update or delete or truncate on public.balance_entries
  for each statement execute function _billing.refuse_change();
alter table public.balance_entries enable row level security;
revoke all on public.balance_entries from anon, authenticated, service_role;
grant select on public.balance_entries to authenticated, service_role;

create policy "members and operators read balances" on public.balance_entries
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- 35_books/numbers.sql

-- The numbers of invoices, without gaps.

create table _billing.invoice_counters (
  series text not null,
  year integer not null,
  last_number integer not null,
  earlier_numbers integer not null default 0,
  constraint invoice_counters_earlier_first check (earlier_numbers between 0 and last_number),
  primary key (series, year)
);
comment on table _billing.invoice_counters is
  'Last invoice number given out; its row lock makes numbers gapless under concurrency.';
comment on column _billing.invoice_counters.earlier_numbers is
  'The last number that another system has given out before this one; 0 where none has.';
alter table _billing.invoice_counters enable row level security;
revoke all on _billing.invoice_counters from public;

-- Numbers for invoices issued on a day, consecutive in the series and year. The counter's row stays
-- locked until commit: a rollback gives its numbers back, so there is never a gap.
create function _billing.allocate_invoice_numbers(issued_on date, how_many integer)
returns integer language sql set search_path = pg_catalog, pg_temp as $$
  insert into _billing.invoice_counters as n (series, year, last_number)
  select s.number_series, extract(year from issued_on)::integer, how_many
  from public.billing_settings s
  on conflict (series, year) do update set last_number = n.last_number + how_many
  returning n.last_number - how_many;
$$;
comment on function _billing.allocate_invoice_numbers is
  'Reserves consecutive invoice numbers; returns the last one before them.';

-- 35_books/get_invoice.sql

-- An invoice by its id, or the error that there is none; and whose it is.

create function _billing.get_invoice(invoice_id uuid)
returns public.invoices language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices;
begin
  select * into invoice from public.invoices i where i.id = get_invoice.invoice_id for update;
  if invoice.id is null then
    perform billing.raise_error('unknown_invoice', format('no invoice has id %s', invoice_id));
  end if;
  return invoice;
end $$;

-- Whose an invoice is, as lock_clients wants it; none where there is no such invoice.
create function _billing.clients_of(invoice_id uuid)
returns uuid[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(select i.client_id from public.invoices i where i.id = clients_of.invoice_id);
$$;

-- 35_books/invoice_guards.sql

-- An issued invoice stays as it was: the database refuses a change by any writer.
create function _billing.guard_invoice() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  moving constant text[] := '{status,balance_applied_minor,credited_minor,paid_minor,
    amount_due_minor,paid_at,voided_at,void_reason,uncollectible_at,
    written_off_minor}';
  before jsonb;
  after jsonb;
  changed text;
begin
  if tg_op = 'DELETE' then
    if old.status <> 'draft' then
      perform billing.raise_error('invoice_frozen',
        format('invoice %s is %s and cannot be deleted', old.number, old.status),
        'void it: select billing.void_invoice(id, reason)');
    end if;
    return old;
  end if;
  if old.status <> new.status and not (old.status, new.status) in (('draft', 'open'),
    ('draft', 'paid'), ('open', 'paid'), ('open', 'void'), ('open', 'uncollectible'),
    ('uncollectible', 'paid'), ('uncollectible', 'void')) then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s and cannot become %s', coalesce(old.number, old.id::text),
        old.status, new.status),
      'draft -> open -> paid | void | uncollectible');
  end if;
  if old.status <> 'draft' then
    before := to_jsonb(old) - moving;
    after := to_jsonb(new) - moving;
    if before <> after then
      select string_agg(n.key, ', ' order by n.key) into changed
      from jsonb_each(after) n where n.value is distinct from before -> n.key;
      perform billing.raise_error('invoice_frozen',
        format('invoice %s is %s: %s cannot change', old.number, old.status, changed),
        'void and regenerate it, or issue a credit note');
    end if;
  end if;
  return new;
end $$;

-- Asked in the trigger's condition first: a draft that stays one, or is issued, needs no function.
create trigger guard_invoice before update on public.invoices
  for each row when (old.status <> 'draft' or new.status not in ('draft', 'open', 'paid'))
  execute function _billing.guard_invoice();
create trigger guard_invoice_on_delete before delete on public.invoices
  for each row when (old.status <> 'draft') execute function _billing.guard_invoice();

-- Lines are those of drafts. Once a statement, not once a line: a run writes many. A line whose
-- invoice is gone with it (cascade) has none to ask.
create function _billing.refuse_frozen_lines(invoice_ids uuid[])
returns void language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  invoice record;
begin
  select i.number, i.status into invoice from public.invoices i
  where i.id = any (invoice_ids) and i.status <> 'draft' limit 1;
  if invoice.status is not null then
    perform billing.raise_error('invoice_frozen',
      format('lines of invoice %s cannot change: it is %s', invoice.number, invoice.status),
      'void and regenerate it, or issue a credit note');
  end if;
end $$;

create function _billing.guard_new_lines() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.refuse_frozen_lines(array(select distinct n.invoice_id from new_rows n));
  return null;
end $$;

create trigger guard_lines_on_insert after insert on public.invoice_lines
  referencing new table as new_rows
  for each statement execute function _billing.guard_new_lines();

create function _billing.guard_old_lines() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.refuse_frozen_lines(array(select distinct o.invoice_id from old_rows o));
  return null;
end $$;

create trigger guard_lines_on_update after update on public.invoice_lines
  referencing old table as old_rows
  for each statement execute function _billing.guard_old_lines();
create trigger guard_lines_on_delete after delete on public.invoice_lines
  referencing old table as old_rows
  for each statement execute function _billing.guard_old_lines();

create function _billing.guard_moved_line() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.raise_error('invoice_frozen', 'a line stays on its invoice', '');
  return null;
end $$;

create trigger guard_moved_line before update on public.invoice_lines
  for each row when (old.invoice_id <> new.invoice_id)
  execute function _billing.guard_moved_line();

-- A credit note is written, then gets its document; after that it stays, or is voided once.
create function _billing.guard_credit_note() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'UPDATE' and old.document = '{}'
    and to_jsonb(new) - 'document' = to_jsonb(old) - 'document' then
    return new;
  end if;
  if tg_op = 'UPDATE' and old.voided_at is null
    and to_jsonb(new) - 'voided_at' = to_jsonb(old) - 'voided_at' then
    return new;
  end if;
  perform billing.raise_error('invoice_frozen',
    format('credit note %s is issued and cannot change', old.number), 'issue another one');
  return null;
end $$;

create trigger guard_credit_note before update or delete on public.credit_notes
  for each row execute function _billing.guard_credit_note();

-- An item that an invoice has taken is what the invoice says.
create function _billing.guard_item() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.raise_error('invoice_frozen',
    format('item %L is on an invoice and cannot be changed', old.description),
    'add another item, or issue a credit note');
  return null;
end $$;

create trigger guard_item before update on public.invoice_items
  for each row when ((old.section_start is not null or old.invoice_id is not null)
    and (old.client_id, old.description, old.quantity, old.unit_amount, old.currency, old.item_day)
      is distinct from (new.client_id, new.description, new.quantity, new.unit_amount,
        new.currency, new.item_day))
  execute function _billing.guard_item();
create trigger guard_item_on_delete before delete on public.invoice_items
  for each row when (old.section_start is not null or old.invoice_id is not null)
  execute function _billing.guard_item();

-- 35_books/ledger/accounts.sql

-- The accounts of the ledger. ADR 35 says why it is as it is.
--
-- A debit is more than zero, a credit less. What a client owes us is a debit of `receivable`; what
-- we owe the client is a credit of `customer_credit`.

-- Names as those of named_id. Written out, so that a query computes them without a call for each.
create function _billing.account_id(client_id uuid, currency text, kind text, processor text)
returns uuid language sql immutable
return overlay(overlay(md5('account|' || client_id::text || '|' || currency || '|' || kind || '|'
  || coalesce(processor, '')) placing '8' from 13) placing 'a' from 17)::uuid;
comment on function _billing.account_id is 'The id of an account: always the same.';

create table billing.ledger_accounts (
  id uuid primary key,
  client_id uuid not null references public.clients (id),
  currency text not null,
  kind text not null,
  processor text,
  constraint ledger_accounts_kind_known check (kind in ('receivable', 'customer_credit', 'cash',
    'refunds_due', 'earnings', 'tax_payable', 'write_off', 'adjustments')),
  constraint ledger_accounts_processor_of_cash check ((kind = 'cash') = (processor is not null)),
  -- So there is one of each. The currency is one of the row that is posted, which refers to it.
  constraint ledger_accounts_named check (
    id = _billing.account_id(client_id, currency, kind, processor))
);
comment on table billing.ledger_accounts is
  'Accounts of the ledger: one for each client, currency and kind; cash by each way to pay.';
comment on column billing.ledger_accounts.kind is
  'receivable: what the client owes; customer_credit: what the next invoices take; cash: what was
   received and not given back; refunds_due: what is to be given back; earnings: what was charged
   without its tax; tax_payable: the tax of it; write_off: what will not be paid; adjustments:
   credit that was given or taken without an invoice.';
create index ledger_accounts_client_id on billing.ledger_accounts (client_id);

create trigger refuse_change before update or delete or truncate on billing.ledger_accounts
  for each statement execute function _billing.refuse_change();
alter table billing.ledger_accounts enable row level security;
revoke all on billing.ledger_accounts from public;
grant select on billing.ledger_accounts to service_role;

-- 35_books/ledger/transactions.sql

-- What happened to money. A transaction is named by its kind and its source, and its id is made of
-- that name: what has been posted cannot be posted again under another id.

-- A name as those of named_id. Written out, so that a query computes it without a call for each.
create function _billing.ledger_id(kind text, source_id uuid) returns uuid language sql immutable
return overlay(overlay(md5('ledger|' || kind || '|' || source_id::text)
  placing '8' from 13) placing 'a' from 17)::uuid;
comment on function _billing.ledger_id is 'The id of a transaction: always the same.';

create table billing.ledger_transactions (
  id uuid primary key,
  kind text not null,
  source_id uuid not null,
  invoice_id uuid references public.invoices (id),
  effective_at timestamptz not null,
  posted_at timestamptz not null default now(),
  constraint ledger_transactions_kind_known check (kind in ('invoice', 'void', 'write_off',
    'recovery', 'credit_note', 'credit_note_void', 'refund_promise', 'refund_withdrawal', 'payment',
    'refund', 'refund_failure', 'dispute', 'dispute_loss', 'credit_use', 'credit_return',
    'overpayment', 'credit_grant', 'credit_refund', 'credit_refund_failure', 'adjustment')),
  constraint ledger_transactions_named check (id = _billing.ledger_id(kind, source_id))
);
comment on table billing.ledger_transactions is
  'Movements of money. Append-only: what is taken back is posted again with the opposite sign.';
comment on column billing.ledger_transactions.source_id is
  'The row that says what happened: of invoices, payments, credit_notes or balance_entries.';
comment on column billing.ledger_transactions.effective_at is
  'When it happened; posted_at says when it was written.';
create index ledger_transactions_invoice_id on billing.ledger_transactions (invoice_id);

create trigger refuse_change before update or delete or truncate on billing.ledger_transactions
  for each statement execute function _billing.refuse_change();
alter table billing.ledger_transactions enable row level security;
revoke all on billing.ledger_transactions from public;
grant select on billing.ledger_transactions to service_role;

-- 35_books/ledger/entries.sql

-- The entries of transactions: what each account is debited (more than zero) or credited.

create table billing.ledger_entries (
  account_id uuid not null,
  effective_at timestamptz not null,
  transaction_id uuid not null,
  amount_minor bigint not null,
  -- In the order in which a balance is asked for: an account, up to an instant.
  primary key (account_id, effective_at, transaction_id) include (amount_minor)
);
comment on table billing.ledger_entries is
  'Debits and credits; those of a transaction sum to zero in each currency. Append-only.';
create index ledger_entries_transaction_id on billing.ledger_entries (transaction_id);

create trigger refuse_change before update or delete or truncate on billing.ledger_entries
  for each statement execute function _billing.refuse_change();
alter table billing.ledger_entries enable row level security;
revoke all on billing.ledger_entries from public;
grant select on billing.ledger_entries to service_role;

-- Debits equal credits, of accounts and transactions that there are: those are never deleted.
-- Asked once for each statement, which writes whole transactions; two foreign keys would ask twice
-- for each entry, which took as long as writing them.
create function _billing.refuse_unbalanced_entries() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
-- Row by row, by the keys: a payment must not read all accounts.
declare
  found record;
begin
  select n.transaction_id, a.currency, sum(n.amount_minor) as total into found
  from new_rows n
  left join billing.ledger_accounts a on a.id = n.account_id
  left join billing.ledger_transactions t on t.id = n.transaction_id
    and t.effective_at = n.effective_at
  group by n.transaction_id, a.currency
  having sum(n.amount_minor) <> 0 or a.currency is null or count(*) <> count(t.id)
  limit 1;
  if found.transaction_id is not null then
    perform billing.raise_error('ledger_unbalanced', format(
      'debits and credits of ledger transaction %s differ by %s %s', found.transaction_id,
      found.total, coalesce(found.currency, 'of no account')),
      'write whole transactions, each by one statement');
  end if;
  return null;
end $$;

create trigger refuse_unbalanced_entries after insert on billing.ledger_entries
  referencing new table as new_rows
  for each statement execute function _billing.refuse_unbalanced_entries();

-- 35_books/ledger/post.sql

-- The one function that writes the ledger.

-- An amount from one account to another. Transfers of one kind and source are one transaction. An
-- amount below zero moves the other way.
create type _billing.ledger_transfer as (
  kind text,
  source_id uuid,
  invoice_id uuid,
  client_id uuid,
  currency text,
  effective_at timestamptz,
  debit text,
  credit text,
  amount_minor bigint,
  processor text
);

-- The entries of transfers: one for each transaction and account.
create function _billing.entries_of(transfers _billing.ledger_transfer[])
returns table (transaction_id uuid, kind text, source_id uuid, invoice_id uuid,
  effective_at timestamptz, account_id uuid, client_id uuid, currency text, account_kind text,
  processor text, amount_minor bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select _billing.ledger_id(s.kind, s.source_id), s.kind, s.source_id, s.invoice_id,
    s.effective_at, _billing.account_id(s.client_id, s.currency, s.account, s.processor),
    s.client_id, s.currency, s.account, s.processor, s.amount_minor
  from (
    select t.kind, t.source_id, t.invoice_id, t.effective_at, t.client_id, t.currency, x.account,
      x.processor, sum(x.amount_minor)::bigint as amount_minor
    from unnest(transfers) t
    cross join lateral (values
      (t.debit, case when t.debit = 'cash' then t.processor end, t.amount_minor),
      (t.credit, case when t.credit = 'cash' then t.processor end, -t.amount_minor)
    ) x(account, processor, amount_minor)
    group by 1, 2, 3, 4, 5, 6, 7, 8
  ) s;
$$;
comment on function _billing.entries_of is 'What transfers debit and credit.';

-- Posts transactions that are not posted yet. One that is posted already must be what it was.
create function _billing.post(transfers _billing.ledger_transfer[])
returns integer language plpgsql set search_path = pg_catalog, pg_temp set jit = off as $$
declare
  asked integer;
  posted integer;
  different uuid;
begin
  if cardinality(transfers) = 0 then
    return 0;
  end if;
  with entries as materialized (
    select * from _billing.entries_of(transfers)
  ), accounts as (
    insert into billing.ledger_accounts (id, client_id, currency, kind, processor)
    select distinct e.account_id, e.client_id, e.currency, e.account_kind, e.processor
    from entries e
    on conflict (id) do nothing
  ), made as (
    insert into billing.ledger_transactions (id, kind, source_id, invoice_id, effective_at)
    select distinct e.transaction_id, e.kind, e.source_id, e.invoice_id, e.effective_at
    from entries e
    on conflict (id) do nothing
    returning id
  ), written as (
    insert into billing.ledger_entries (account_id, effective_at, transaction_id, amount_minor)
    select e.account_id, e.effective_at, e.transaction_id, e.amount_minor
    from entries e join made m on m.id = e.transaction_id
  )
  select count(distinct e.transaction_id), (select count(*) from made) into asked, posted
  from entries e;
  if posted < asked then
    select coalesce(e.transaction_id, l.transaction_id) into different
    from (select * from _billing.entries_of(transfers)) e
    full join (
      select x.* from billing.ledger_entries x
      where x.transaction_id in (select o.transaction_id from _billing.entries_of(transfers) o)
    ) l on l.transaction_id = e.transaction_id and l.account_id = e.account_id
    where (l.amount_minor, l.effective_at) is distinct from (e.amount_minor, e.effective_at)
    limit 1;
    if different is not null then
      perform billing.raise_error('ledger_conflict', format(
        'ledger transaction %s is posted with other amounts', different),
        'post the difference as a transaction with a source of its own');
    end if;
  end if;
  return posted;
end $$;
comment on function _billing.post is
  'Posts transfers as transactions, any number at once, each transaction once; returns how many
   were new.';

-- 35_books/ledger/of_invoices.sql

-- What is posted of invoices: issued, written off, void. By a trigger, as of the other registers: a
-- writer of the books cannot leave the ledger out. Once a statement: a run issues many at once.

create function _billing.post_invoices() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
set enable_nestloop = off set enable_mergejoin = off set jit = off as $$
begin
  perform _billing.post(array(
    with moved as materialized (
      select n.id, n.client_id, n.currency, n.total_minor, n.written_off_minor,
        n.tax_minor + n.tax_included_minor as tax_minor,
        case when o.status = 'draft' then n.finalized_at end as issued_at,
        case when o.uncollectible_at is null then n.uncollectible_at end as written_off_at,
        case when o.status <> 'void' then n.voided_at end as voided_at,
        n.uncollectible_at is not null as is_written_off
      from new_rows n join old_rows o on o.id = n.id
      where n.status <> 'draft' and (o.status = 'draft' or n.status <> o.status)
    )
    select (x.kind, m.id, m.id, m.client_id, m.currency, x.at, x.debit, x.credit, x.amount,
      null)::_billing.ledger_transfer
    from moved m
    cross join lateral (values
      ('invoice', m.issued_at, 'receivable', 'earnings', m.total_minor - m.tax_minor, true),
      ('invoice', m.issued_at, 'receivable', 'tax_payable', m.tax_minor, m.tax_minor <> 0),
      ('write_off', m.written_off_at, 'write_off', 'receivable', m.written_off_minor, true),
      ('recovery', m.voided_at, 'receivable', 'write_off', m.written_off_minor, m.is_written_off),
      ('void', m.voided_at, 'earnings', 'receivable', m.total_minor - m.tax_minor, true),
      ('void', m.voided_at, 'tax_payable', 'receivable', m.tax_minor, m.tax_minor <> 0)
    ) x(kind, at, debit, credit, amount, applies)
    where x.at is not null and x.applies));
  return null;
end $$;
comment on function _billing.post_invoices is
  'Posts invoices that are issued, written off or void by this statement.';

create trigger post_invoices after update on public.invoices
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.post_invoices();

-- 35_books/ledger/of_payments.sql

-- What is posted of payments: money received, given back, taken back by a dispute.

-- What comes for an invoice that was written off stands again before it is paid, so that a year
-- once closed stays as it was; never more than is due.
create function _billing.post_payments() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.post(array(
    with recovered as (
      select n.id, least(n.amount_minor, i.amount_due_minor - coalesce(sum(n.amount_minor) over (
        partition by n.invoice_id order by n.paid_at, n.id
        rows between unbounded preceding and 1 preceding), 0)) as amount
      from new_rows n join public.invoices i on i.id = n.invoice_id
      where n.kind = 'payment' and i.status = 'uncollectible'
    )
    select (x.kind, n.id, n.invoice_id, n.client_id, n.currency, n.paid_at, x.debit, x.credit,
      x.amount, n.method)::_billing.ledger_transfer
    from new_rows n
    left join recovered r on r.id = n.id
    cross join lateral (values
      ('recovery', 'receivable', 'write_off', r.amount, r.amount > 0),
      -- Credit at Stripe is no money: the entry of the balance that took it is on `adjustments`.
      ('payment', case when n.method = 'stripe_balance' then 'adjustments' else 'cash' end,
        'receivable', n.amount_minor, n.kind = 'payment'),
      ('refund', 'refunds_due', 'cash', -n.amount_minor, n.kind = 'refund'),
      ('refund_failure', 'cash', 'refunds_due', n.amount_minor, n.kind = 'refund_failed'),
      -- Due again, and written off with that.
      ('dispute', 'receivable', 'cash', -n.amount_minor, n.kind like 'dispute%'),
      ('dispute_loss', 'write_off', 'receivable', -n.amount_minor, n.kind like 'dispute%')
    ) x(kind, debit, credit, amount, applies)
    where x.applies));
  return null;
end $$;
comment on function _billing.post_payments is
  'Posts payments, refunds and disputes of this statement.';

create trigger post_payments after insert on public.payments
  referencing new table as new_rows
  for each statement execute function _billing.post_payments();

-- 35_books/ledger/of_credit_notes.sql

-- What is posted of credit notes.

-- Off a debt that was written off: stands again before it is credited, as with payments. Asked when
-- the note is stored, while the invoice still says that it is written off.
create function _billing.post_recovery_by_notes() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.post(array(
    select ('recovery', n.id, n.invoice_id, n.client_id, n.currency, n.issued_at, 'receivable',
      'write_off', n.to_invoice_minor, null)::_billing.ledger_transfer
    from new_rows n join public.invoices i on i.id = n.invoice_id
    where i.status = 'uncollectible' and n.to_invoice_minor > 0));
  return null;
end $$;
comment on function _billing.post_recovery_by_notes is
  'Posts what notes of this statement credit of a debt that was written off.';

create trigger post_recovery_by_notes after insert on public.credit_notes
  referencing new table as new_rows
  for each statement execute function _billing.post_recovery_by_notes();

-- A note is posted when it gets its document: then its lines say which tax it gives back. Void, it
-- is posted the other way.
create function _billing.post_credit_notes() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.post(array(
    select (x.kind, n.id, n.invoice_id, n.client_id, n.currency, x.at, x.debit, x.credit, x.amount,
      null)::_billing.ledger_transfer
    from new_rows n join old_rows o on o.id = n.id
    cross join lateral (
      select coalesce(sum(l.amount_minor), 0)::bigint as tax from public.credit_note_lines l
      where l.credit_note_id = n.id and l.kind = 'tax'
    ) t
    cross join lateral (values
      (o.document = '{}' and n.document <> '{}', n.issued_at, 'credit_note', 'refund_promise', 1),
      (o.voided_at is null and n.voided_at is not null, n.voided_at, 'credit_note_void',
        'refund_withdrawal', -1)
    ) e(happened, at, note, refund, sign)
    cross join lateral (values
      (e.note, e.at, 'earnings', 'receivable', e.sign * (n.total_minor - t.tax), true),
      (e.note, e.at, 'tax_payable', 'receivable', e.sign * t.tax, t.tax <> 0),
      (e.refund, e.at, 'receivable', 'refunds_due', e.sign * n.to_refund_minor,
        n.to_refund_minor > 0)
    ) x(kind, at, debit, credit, amount, applies)
    where e.happened and x.applies));
  return null;
end $$;
comment on function _billing.post_credit_notes is
  'Posts credit notes that are issued or void by this statement.';

create trigger post_credit_notes after update on public.credit_notes
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.post_credit_notes();

-- 35_books/ledger/of_balances.sql

-- What is posted of a client's credit balance.

create function _billing.post_balance_entries() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.post(array(
    select (x.kind, n.id, n.invoice_id, n.client_id, n.currency, n.created_at, x.debit,
      'customer_credit', n.amount_minor, null)::_billing.ledger_transfer
    from new_rows n
    join (values
      ('applied', 'credit_use', 'receivable'), ('void', 'credit_return', 'receivable'),
      ('overpayment', 'overpayment', 'receivable'), ('credit_note', 'credit_grant', 'receivable'),
      ('refund', null, 'refunds_due'), ('adjustment', 'adjustment', 'adjustments')
    ) r(reason, kind, debit) on r.reason = n.reason
    cross join lateral (select coalesce(r.kind, case when n.amount_minor < 0 then 'credit_refund'
      else 'credit_refund_failure' end) as kind, r.debit) x));
  return null;
end $$;
comment on function _billing.post_balance_entries is
  'Posts the entries of balances of this statement.';

create trigger post_balance_entries after insert on public.balance_entries
  referencing new table as new_rows
  for each statement execute function _billing.post_balance_entries();

-- 35_books/ledger/account_entries.sql

-- The client's account, as a statement shows it: the entries of what it owes and of its credit.

create view billing.account_entries with (security_invoker = true) as
select a.client_id, a.currency, t.effective_at as at, k.rank, k.entry,
  coalesce(n.number, i.number) as number, sum(e.amount_minor) as amount_minor, t.invoice_id
from billing.ledger_entries e
join billing.ledger_accounts a on a.id = e.account_id
  and a.kind in ('receivable', 'customer_credit')
join billing.ledger_transactions t on t.id = e.transaction_id
-- What only turns a debt into credit, or credit into a payment, is no entry of a statement.
join (values
  ('recovery', 0, 'recovered'), ('invoice', 1, 'invoice'), ('void', 2, 'void'),
  ('credit_note', 3, 'credit_note'), ('credit_note_void', 3, 'credit_note_voided'),
  ('refund_promise', 4, 'refund'), ('refund_withdrawal', 4, 'refund_failed'),
  ('payment', 5, 'payment'), ('credit_refund', 5, 'refund'),
  ('credit_refund_failure', 5, 'refund_failed'), ('adjustment', 5, 'adjustment'),
  ('write_off', 6, 'written_off'), ('dispute', 7, 'disputed'), ('dispute_loss', 8, 'written_off')
) k(kind, rank, entry) on k.kind = t.kind
left join public.invoices i on i.id = t.invoice_id
left join public.credit_notes n on n.id = t.source_id and t.kind in ('credit_note',
  'credit_note_void', 'refund_promise', 'refund_withdrawal')
group by a.client_id, a.currency, t.id, k.rank, k.entry, n.id, i.id;
comment on view billing.account_entries is
  'Invoices, voids, credits, refunds, payments and write-offs of each client, from the ledger:
   signed, what is owed is more than zero.';
revoke all on billing.account_entries from public;
grant select on billing.account_entries to service_role;

-- 35_books/ledger/journal.sql

-- The ledger as a journal, entry by entry, for bookkeeping.

create view billing.journal with (security_invoker = true) as
select t.id as transaction_id, t.effective_at as at, t.posted_at, t.kind,
  coalesce(n.number, i.number) as number, a.client_id, c.name as client, a.kind as account,
  a.processor, x.taxes, greatest(e.amount_minor, 0) as debit_minor,
  greatest(-e.amount_minor, 0) as credit_minor, a.currency
from billing.ledger_transactions t
join billing.ledger_entries e on e.transaction_id = t.id
join billing.ledger_accounts a on a.id = e.account_id
join public.clients c on c.id = a.client_id
left join public.invoices i on i.id = t.invoice_id
left join public.credit_notes n on n.id = t.source_id and t.kind in ('credit_note',
  'credit_note_void', 'refund_promise', 'refund_withdrawal')
left join lateral (
  select string_agg(distinct l.tax_name || ' ' || trim_scale(l.tax_rate_percent) || ' %', ', ')
    as taxes
  from public.invoice_lines l
  where l.invoice_id = t.invoice_id and l.kind = 'tax' and l.amount_minor <> 0
) x on a.kind = 'tax_payable';
comment on view billing.journal is
  'Debits and credits of the ledger, with the number of the invoice or credit note they are of.';
comment on column billing.journal.at is
  'When it happened. What is told late is of an earlier month than it was posted: see posted_at.';
comment on column billing.journal.taxes is 'The taxes of the invoice, on entries of tax_payable.';
revoke all on billing.journal from public;
grant select on billing.journal to service_role;

-- 35_books/statements.sql

-- Statements of account and the balance of a client.

create function billing.statement(client_id uuid, year integer)
returns table (at timestamptz, entry text, number text, currency text, amount_minor numeric,
  balance_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with entries as (
    select e.*, make_date(year, 1, 1)::timestamp at time zone 'UTC' as year_start,
      make_date(year + 1, 1, 1)::timestamp at time zone 'UTC' as year_end
    from billing.account_entries e where e.client_id = statement.client_id
  ), currencies as (
    select distinct e.currency, e.year_start, e.year_end from entries e
  ), rows as (
    select c.year_start as at, 0 as rank, 'opening_balance' as entry, null::text as number,
      c.currency, coalesce((select sum(e.amount_minor) from entries e
        where e.currency = c.currency and e.at < c.year_start), 0) as amount_minor
    from currencies c
    union all
    select e.at, e.rank, e.entry, e.number, e.currency, e.amount_minor
    from entries e where e.at >= e.year_start and e.at < e.year_end
    union all
    select c.year_end, 9, 'closing_balance', null, c.currency, 0 from currencies c
  )
  select r.at, r.entry, r.number, r.currency, r.amount_minor,
    sum(r.amount_minor) over (
      partition by r.currency order by r.at, r.rank, r.number, r.entry
      rows unbounded preceding)
  from rows r
  order by r.currency, r.at, r.rank, r.number, r.entry;
$$;
comment on function billing.statement is
  'A client''s account of a year: opening balance, every entry, closing balance; per currency.
   A positive balance is owed by the client, a negative one is credit.';
grant execute on function billing.statement(uuid, integer) to service_role;

create function billing.client_balance(client_id uuid)
returns table (currency text, credit_minor numeric, due_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select a.currency, -coalesce(sum(e.amount_minor) filter (where a.kind = 'customer_credit'), 0),
    coalesce(sum(e.amount_minor) filter (where a.kind = 'receivable'), 0)
  from billing.ledger_accounts a join billing.ledger_entries e on e.account_id = a.id
  where a.client_id = client_balance.client_id and a.kind in ('customer_credit', 'receivable')
  group by a.currency
  having bool_or(a.kind = 'customer_credit') or sum(e.amount_minor) <> 0;
$$;
comment on function billing.client_balance is
  'Credit that the next invoices will take, and what is due on open ones.';
grant execute on function billing.client_balance(uuid) to service_role;

-- 40_rating/targets.sql

-- Which periods are to be rated.

-- Periods whose usage is not settled: over but not invoiced, changed since, and the running one.
create function billing.unsettled_targets(as_of timestamptz default billing.as_of())
returns billing.rating_target[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg((x.client_id, x.period_start, x.period_end)::billing.rating_target),
    '{}')
  from (
    select p.client_id, p.period_start, p.period_end from public.billing_periods p
    where p.usage_changed or p.state in ('pending', 'blocked')
    union all
    select r.client_id, r.next_start, billing.period_end_of(r.today, r.billing_anchor_day)
    from billing.current_periods(as_of) r where r.next_start <= r.today
  ) x;
$$;
comment on function billing.unsettled_targets is
  'Periods to be rated yet: over but not invoiced, changed since, and the running ones.';
grant execute on function billing.unsettled_targets(timestamptz) to service_role;

-- Targets that something is booked for, or that are invoiced: their deltas are not their rating.
create function _billing.settled_targets(targets billing.rating_target[])
returns setof billing.rating_target language sql stable
-- By index: to read all lines there are looks cheap while they are few.
set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
  select t.* from unnest(targets) t
  where exists (
    select from public.invoices i
    where i.client_id = t.client_id and i.status in ('open', 'paid', 'uncollectible')
      and (i.period_start = t.period_start or exists (
        select from public.invoice_lines l
        where l.invoice_id = i.id and l.section_start = t.period_start)))
    or exists (
      select from public.credit_notes n join public.credit_note_lines l on l.credit_note_id = n.id
      where n.client_id = t.client_id and l.section_start = t.period_start);
$$;
comment on function _billing.settled_targets is
  'Target periods that an issued invoice charges for or is of, or a credit note gives back.';

-- 40_rating/period_terms.sql

-- Terms of each target: its days of service, from the first to the last but for the gaps between
-- them (null where there are none), and the config that holds for it, which is the one in force on
-- the last day of service in the period. A period that has lost all service has no days.
create function billing.period_terms(targets billing.rating_target[])
returns table (client_id uuid, period_start date, period_end date, active_start date,
  active_end date, gaps datemultirange, active_days integer, full_days integer,
  currency text, exponent smallint, minimum_minor bigint, discount_percent numeric,
  discount_minor bigint, taxes jsonb,
  payment_terms_days smallint, line_grouping text, grace_hours integer, deliveries text[])
language plpgsql stable
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
set enable_nestloop = on as $$
-- Nested loops, also for callers that have none: a target's rows are found by index, and a batch
-- of a run costs what its clients cost, whatever the number of all clients.
#variable_conflict use_column
begin
  return query
  select a.client_id, a.period_start, a.period_end, a.active_start, a.active_end,
    case when a.active_days < a.active_end - a.active_start
      then datemultirange(daterange(a.active_start, a.active_end)) - (
        select range_agg(daterange(s.starts_on, s.ends_on)) from public.service_intervals s
        where s.client_id = a.client_id) end,
    a.active_days, a.full_days,
    g.currency, g.exponent, g.minimum_minor, g.discount_percent, g.discount_minor, g.taxes,
    g.payment_terms_days, g.line_grouping, g.grace_hours, g.deliveries
  from (
    select t.client_id, t.period_start, t.period_end,
      coalesce(v.active_start, t.period_start) as active_start,
      coalesce(v.active_end, t.period_start) as active_end,
      coalesce(v.active_days, 0) as active_days,
      coalesce(p.full_days,
        billing.full_days(t.period_start, t.period_end, c.billing_anchor_day)) as full_days
    from unnest(targets) t join public.clients c on c.id = t.client_id
    left join public.billing_periods p
      on p.client_id = t.client_id and p.period_start = t.period_start
    cross join lateral (
      select min(greatest(s.starts_on, t.period_start)) as active_start,
        max(least(s.ends_on, t.period_end)) as active_end,
        sum(least(s.ends_on, t.period_end) - greatest(s.starts_on, t.period_start))::integer
          as active_days
      from public.service_intervals s
      where s.client_id = t.client_id
        and s.starts_on < t.period_end and s.ends_on > t.period_start
    ) v
  ) a
  cross join lateral billing.config_on(
    array[a.client_id], array[greatest(a.period_start, a.active_end - 1)]) g;
end $$;
comment on function billing.period_terms is
  'Days of service and config of each target period.';
grant execute on function billing.period_terms(billing.rating_target[]) to service_role;

-- 40_rating/usage_in_scope.sql

-- Usage records of the targets' days of service. Reached by index, target by target (the lateral
-- with offset 0 leaves the planner no other way): the cost is the usage of the period, however
-- long the history.
create function billing.usage_of_targets(targets billing.rating_target[])
returns table (client_id uuid, period_start date, model text, metric text, rate_class text,
  agent text, usage_day date, quantity numeric, log_count bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
  select t.client_id, t.period_start, r.model, r.metric, r.rate_class, r.agent, r.usage_day,
    r.quantity, r.log_count
  from billing.period_terms(targets) t
  cross join lateral (
    select * from public.usage_records u
    where u.client_id = t.client_id
      and u.usage_day >= t.active_start and u.usage_day < t.active_end
    offset 0
  ) r
  where (t.gaps is null or not r.usage_day <@ t.gaps) and not exists (
    select from public.stripe_meters s
    where s.client_id = t.client_id and s.metric = r.metric
      and s.rate_class = r.rate_class
      and (s.model is null or s.model = r.model)
      and s.effective_from <= r.usage_day and r.usage_day < s.effective_until);
end $$;
comment on function billing.usage_of_targets is
  'Usage records of target periods, but for what Stripe rates.';
grant execute on function billing.usage_of_targets(billing.rating_target[]) to service_role;

-- 40_rating/priced_usage.sql

-- Usage of the targets with the price that was in force when it happened: one row per model,
-- metric, class, price segment and agent (null: all agents of a client whose lines are not by
-- agent; the caller may want them apart all the same). price_id null: unpriced. What goes to a
-- meter of Stripe's (public.stripe_meters) is Stripe's to rate and is not here.
create function billing.priced_usage(targets billing.rating_target[],
  all_agents boolean default true)
returns table (client_id uuid, period_start date, model text, metric text, rate_class text,
  agent text, segment_start date, segment_end date, price_id uuid, multiplier numeric,
  quantity numeric, log_count bigint, first_day date, last_day date, price_start date,
  list_price_id bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off
set plan_cache_mode = force_generic_plan
set enable_nestloop = off set enable_mergejoin = off set enable_sort = off as $$
#variable_conflict use_column
begin
  return query
  -- The planner cannot know how many rows a CTE has; hash joins are right for one client as for
  -- 10,000, nested loops over CTEs are not.
  with terms as materialized (
    -- Clients without prices of their own go by the default list, named '': which price holds when
    -- is worked out once for all of them. Numbers stand for what is long to compare.
    select row_number() over () as n, t.client_id, t.period_start, t.active_start, t.active_end,
      t.gaps, t.currency, all_agents or t.line_grouping = 'agent' as by_agent,
      case when exists (select from public.prices p where p.client_id = t.client_id)
        then t.client_id::text else '' end as list
    from billing.period_terms(targets) t
  ), usage as materialized (
    -- As usage_of_targets, with the terms that are known here.
    select t.n, t.currency, t.list, r.model, r.metric, r.rate_class,
      case when t.by_agent then r.agent end as agent, r.usage_day, r.quantity, r.log_count
    from terms t
    cross join lateral (
      select * from public.usage_records u
      where u.client_id = t.client_id
        and u.usage_day >= t.active_start and u.usage_day < t.active_end
      offset 0
    ) r
    where (t.gaps is null or not r.usage_day <@ t.gaps) and not exists (
      select from public.stripe_meters s
      where s.client_id = t.client_id and s.metric = r.metric
        and s.rate_class = r.rate_class
        and (s.model is null or s.model = r.model)
        and s.effective_from <= r.usage_day and r.usage_day < s.effective_until)
  ), wanted as materialized (
    select array_agg(nullif(w.list, '')::uuid) as client_ids, array_agg(w.model) as models,
      array_agg(w.metric) as metrics, array_agg(w.rate_class) as rate_classes,
      array_agg(w.currency) as currencies
    from (select distinct u.list, u.model, u.metric, u.rate_class, u.currency from usage u) w
  ), segments as materialized (
    select row_number() over () as n, coalesce(s.client_id::text, '') as list, s.*
    from wanted w
    cross join lateral billing.price_segments(
      w.client_ids, w.models, w.metrics, w.rate_classes, w.currencies) s
  ), grouped as (
    select u.n, u.model, u.metric, u.rate_class, u.agent, s.n as segment,
      sum(u.quantity) as quantity,
      sum(u.log_count)::bigint as log_count, min(u.usage_day) as first_day,
      max(u.usage_day) as last_day
    from usage u left join segments s
      on s.list = u.list and s.model = u.model and s.metric = u.metric
      and s.rate_class = u.rate_class and s.currency = u.currency
      and s.segment_start <= u.usage_day and u.usage_day < s.segment_end
    group by u.n, u.model, u.metric, u.rate_class, u.agent, s.n
  )
  select t.client_id, t.period_start, g.model, g.metric, g.rate_class, g.agent,
    greatest(s.segment_start, case when s.n is not null then t.active_start end),
    least(s.segment_end, case when s.n is not null then t.active_end end),
    s.price_id, s.multiplier, g.quantity, g.log_count, g.first_day, g.last_day,
    greatest(s.segment_start, case when s.n is not null then t.period_start end), s.list_price_id
  from grouped g join terms t on t.n = g.n left join segments s on s.n = g.segment;
end $$;
comment on function billing.priced_usage is
  'Usage of target periods with the price in force when it happened.';
grant execute on function billing.priced_usage(billing.rating_target[], boolean) to service_role;

-- Usage that has no price and needs one: why a period cannot be billed.
create function _billing.unpriced_usage(targets billing.rating_target[])
returns table (client_id uuid, period_start date, model text, metric text, rate_class text,
  quantity numeric, log_count bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
  select u.client_id, u.period_start, u.model, u.metric, u.rate_class, sum(u.quantity),
    sum(u.log_count)::bigint
  from billing.priced_usage(targets) u
  where u.price_id is null
    and not exists (select from billing.unbilled_metrics n where n.metric = u.metric)
  group by u.client_id, u.period_start, u.model, u.metric, u.rate_class
  having sum(u.quantity) <> 0;
end $$;
comment on function _billing.unpriced_usage is 'Usage without a price, per target period.';

-- 40_rating/labels.sql

-- Texts of lines.

-- A family or model as people read it: claude-sonnet -> Claude Sonnet, gpt-4o -> GPT-4o.
create function _billing.display_name(model text) returns text language sql immutable
return case
  when model like 'gpt-%' then 'GPT-' || substr(model, 5)
  else initcap(replace(model, '-', ' '))
end;

create function _billing.display_metric(metric text) returns text language sql immutable
return regexp_replace(replace(metric, '_', ' '), '\mpdf\M', 'PDF');

-- Units as people read them; of a class that is not standard with the class before them.
create function _billing.display_usage(metric text, rate_class text)
returns text language sql immutable
return concat(case when rate_class <> 'standard' then translate(rate_class, '_+', '  ') || ' ' end,
  _billing.display_metric(metric));
comment on function _billing.display_usage is
  'A metric as people read it, with its rate class: batch input tokens.';

-- As messages name usage: by the metric's own name.
create function _billing.named_usage(metric text, rate_class text)
returns text language sql immutable
return concat_ws(' ', nullif(rate_class, 'standard'), metric);
comment on function _billing.named_usage is
  'A metric as messages name it, with its rate class: batch input_tokens.';

-- '2026-06-01', '2026-07-01' -> 'June 2026'; other periods by their first and last day.
create function _billing.period_label(period_start date, period_end date)
returns text language sql stable
return case
  when date_trunc('month', period_start::timestamp) = period_start
    and period_start + interval '1 month' = period_end
    then to_char(period_start, 'FMMonth YYYY')
  else to_char(period_start, 'FMDD Mon YYYY') || ' – ' || to_char(period_end - 1, 'FMDD Mon YYYY')
end;

-- What a line of a period is called on the period's own invoice, however it is called elsewhere.
create function _billing.plain_description(kind text, label text, description text)
returns text language sql immutable
return case
  when kind = 'minimum' then 'Minimum monthly charge'
  when kind = 'usage' and starts_with(description, format('Late usage, %s · ', label))
    then substr(description, length(format('Late usage, %s · ', label)) + 1)
  when right(description, length(label) + 2) = ', ' || label
    then left(description, -length(label) - 2)
  else description
end;
comment on function _billing.plain_description is
  'Description of a line without the words that make it late.';

create function _billing.late_description(kind text, amount numeric, label text, description text)
returns text language sql immutable
return case kind
  when 'usage' then format('Late usage, %s · %s', label,
    _billing.plain_description(kind, label, description))
  when 'minimum' then case when amount < 0 then 'Minimum already charged, ' || label
    else format('%s, %s', _billing.plain_description(kind, label, description), label) end
  else format('%s, %s', _billing.plain_description(kind, label, description), label)
end;

-- 40_rating/rate_usage.sql

-- Usage lines: by model, metric, rate class and price segment, and by agent where the client wants
-- it. Units of a metric and class are numbered through the period (from, to] over all models that
-- share a price's scope: the free units of a family are the family's, not each model's. So tiers
-- do not start again when a price changes or lines are split. Where corrections take more back than
-- there was before them, positions run below zero and cost the mirror image: lines still sum to the
-- price of the total.
-- With `with_unpriced`, usage that has no price and needs one comes too, price_id null: who writes
-- the books asks once for what is charged and for what blocks.
create function _billing.rate_usage(targets billing.rating_target[],
  with_unpriced boolean default false)
returns table (client_id uuid, period_start date, period_end date, rating_key text, model text,
  metric text, rate_class text, agent text, price_id uuid, service_start date, service_end date,
  quantity numeric, unit_amount numeric, per_units numeric, pricing_model text, tiers jsonb,
  precise_amount numeric, amount_minor numeric, description text, detail text)
language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off
set plan_cache_mode = force_generic_plan
set enable_nestloop = off set enable_mergejoin = off set enable_sort = off as $$
#variable_conflict use_column
begin
  return query
  with used as materialized (
    select * from billing.priced_usage(targets, false)
  ), labels as materialized (
    -- What is the same for all clients is worked out once.
    select d.*, case when p.pricing_model = 'cost_plus' then billing.cost_plus_amount(q.amount,
        p.markup_percent, p.unit_amount, p.per_units) else p.unit_amount end as unit_amount,
      p.per_units, p.pricing_model, p.tiers, p.free_units, p.scope,
      -- Where each unit costs the same under all prices that count together, its place among the
      -- others does not matter.
      bool_and(p.pricing_model in ('per_unit', 'cost_plus') and p.free_units = 0)
        over (partition by p.scope, d.metric, d.rate_class) as is_linear,
      concat_ws('|', 'usage', d.model, d.metric, nullif(d.rate_class, 'standard'), d.price_id)
        as rating_key,
      case when p.family is null and p.model is null
        then initcap(left(_billing.display_usage(d.metric, d.rate_class), 1))
          || substr(_billing.display_usage(d.metric, d.rate_class), 2)
        else _billing.display_name(coalesce(m.family, d.model)) || ' · '
          || _billing.display_usage(d.metric, d.rate_class) end as description,
      -- The list price and the markup stand on the line, whatever becomes of either.
      concat_ws(' · ', d.model, case when p.pricing_model = 'cost_plus' then
        billing.cost_plus_text(q.amount, p.markup_percent, p.unit_amount, p.per_units)
        || case when d.multiplier <> 1 then ' × ' || trim_scale(d.multiplier) else '' end end)
        as detail
    from (select distinct u.model, u.metric, u.rate_class, u.price_id, u.multiplier,
      u.list_price_id from used u) d
    cross join lateral (select * from public.prices o where o.id = d.price_id offset 0) p
    left join public.models m on m.id = d.model
    left join public.list_prices q on q.id = d.list_price_id
  ), lines as materialized (
    select u.client_id, u.period_start, t.period_end, t.exponent, u.agent, u.segment_start,
      u.segment_end, u.price_start, u.quantity, l.*
    from used u
    join billing.period_terms(targets) t
      on t.client_id = u.client_id and t.period_start = u.period_start
    join labels l on l.model = u.model and l.metric = u.metric and l.rate_class = u.rate_class
      and l.price_id = u.price_id and l.multiplier = u.multiplier
      and l.list_price_id is not distinct from u.list_price_id
  ), positioned as (
    select l.*, l.quantity as to_units, l.quantity as total_units
    from lines l where l.is_linear
    union all
    select l.*,
      sum(l.quantity) over (
        partition by l.client_id, l.period_start, l.scope, l.metric, l.rate_class
        order by l.segment_start, l.model collate "C", l.agent collate "C"),
      sum(l.quantity) over (
        partition by l.client_id, l.period_start, l.scope, l.metric, l.rate_class)
    from lines l where not l.is_linear
  ), priced as (
    select x.*, _billing.price_units(x.pricing_model, x.to_units - x.quantity, x.to_units,
      x.total_units, x.unit_amount, x.per_units, x.tiers, x.free_units, x.multiplier) as amount
    from positioned x where x.quantity <> 0
  )
  -- The key says where the price begins in the period, whatever days are of service: a line whose
  -- days of service change is the same line.
  select p.client_id, p.period_start, p.period_end,
    -- By where the price begins in the period, not by where service does: a line stays what it is
    -- when the client's start is moved.
    concat_ws('|', p.rating_key, p.price_start, p.agent),
    p.model, p.metric, p.rate_class, p.agent, p.price_id, p.segment_start, p.segment_end,
    p.quantity, p.unit_amount * p.multiplier, p.per_units, p.pricing_model, p.tiers,
    p.amount, _billing.to_minor(p.amount, p.exponent), p.description, p.detail
  from priced p
  union all
  select u.client_id, u.period_start, null, null, u.model, u.metric, u.rate_class, null, null,
    null, null,
    sum(u.quantity), null, null, null, null, null, null, null, null
  from used u
  where with_unpriced and u.price_id is null
    and not exists (select from billing.unbilled_metrics n where n.metric = u.metric)
  group by u.client_id, u.period_start, u.model, u.metric, u.rate_class
  having sum(u.quantity) <> 0;
end $$;
comment on function _billing.rate_usage is
  'Rated usage lines of target periods; one rounding per line.';

-- 40_rating/lines.sql

-- The types that rating hands on.

create type _billing.rated_line as (
  client_id uuid, section_start date, section_end date, kind text, rating_key text, model text,
  metric text, rate_class text, agent text, price_id uuid, service_start date, service_end date,
  quantity numeric, unit_amount numeric, per_units numeric, pricing_model text, tiers jsonb,
  precise_amount numeric, amount_minor numeric, tax_name text, tax_rate_percent numeric,
  tax_behavior text, tax_base_minor numeric, tax_note text, description text, detail text);

create type _billing.section_terms as (client_id uuid, section_start date, exponent smallint,
  discount_percent numeric, discount_minor bigint, taxes jsonb);

-- 40_rating/charges.sql

-- Which target each item goes to: the period that took it when it was settled, else the first
-- period that ends after the item's day and is not settled yet. Decided by the periods there are,
-- not by the targets at hand: an item does not move on because its own period is blocked.
create function _billing.items_of_targets(targets billing.rating_target[])
returns table (item_id uuid, period_start date)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with open_target as (
    -- `offset 0`: asked target by target, by index; a join would read all invoices and periods.
    select t.* from unnest(targets) t
    where not exists (
      select from public.invoices v
      where v.client_id = t.client_id and v.period_start = t.period_start
        and v.kind = 'period' and v.status not in ('draft', 'void') offset 0)
      -- Skipped and unchanged since, it is settled like an invoiced one.
      and not exists (
        select from public.billing_periods s
        where s.client_id = t.client_id and s.period_start = t.period_start
          and s.state = 'skipped' and not s.usage_changed offset 0)
  ), next_period as (
    select c.client_id, n.next_start
    from (select distinct o.client_id from open_target o) c
    left join billing.next_periods() n on n.client_id = c.client_id
  )
  select i.id, t.period_start
  from unnest(targets) t
  join public.invoice_items i on i.client_id = t.client_id and i.section_start = t.period_start
  where i.invoice_id is null
  union all
  select i.id, min(t.period_start)
  from open_target t
  join next_period n on n.client_id = t.client_id
  join public.invoice_items i on i.client_id = t.client_id and i.item_day < t.period_end
  where i.invoice_id is null and i.section_start is null
    and (i.item_day >= t.period_start or t.period_start <= coalesce(n.next_start, 'infinity'))
    and not exists (
      select from public.billing_periods p
      left join public.invoices v on v.client_id = p.client_id and v.kind = 'period'
        and v.period_start = p.period_start and v.status <> 'void'
      where p.client_id = t.client_id and p.period_start < t.period_start
        and p.period_end > i.item_day and (p.state in ('pending', 'blocked')
          or (p.state = 'skipped' and p.usage_changed) or v.status = 'draft'))
  group by i.id;
$$;

-- Usage, minimum and one-off items: what is charged before discount and tax. The minimum is
-- prorated by days of service and compared with the rounded usage lines.
-- `with_unpriced` adds what rating has found without a price, as lines of kind `unpriced`, which
-- are never charged: they block.
create function _billing.rate_charges(targets billing.rating_target[],
  with_unpriced boolean default false)
returns setof _billing.rated_line language plpgsql stable
set search_path = pg_catalog, pg_temp set jit = off set plan_cache_mode = force_generic_plan
set enable_nestloop = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  return query
  with terms as materialized (
    select * from billing.period_terms(targets)
  ), usage as materialized (
    select * from _billing.rate_usage(targets, with_unpriced)
  ), minimum as (
    select t.*, t.minimum_minor::numeric * t.active_days / t.full_days as prorated,
      -- Usage taken back is not made up for: a correction is worth what it corrects.
      greatest(coalesce(u.amount_minor, 0), 0) as usage_minor
    from terms t left join (
      select client_id, period_start, sum(amount_minor) as amount_minor
      from usage group by client_id, period_start
    ) u using (client_id, period_start)
  )
  select u.client_id, u.period_start, u.period_end,
    case when u.rating_key is null then 'unpriced' else 'usage' end, u.rating_key, u.model,
    u.metric, u.rate_class, u.agent, u.price_id, u.service_start, u.service_end, u.quantity,
    u.unit_amount, u.per_units, u.pricing_model, u.tiers, u.precise_amount, u.amount_minor,
    null::text, null::numeric, null::text, null::numeric, null::text, u.description, u.detail
  from usage u
  union all
  select m.client_id, m.period_start, m.period_end, 'minimum', 'minimum', null, null, null, null,
    null, m.active_start, m.active_end, null, null, null, null, null,
    (m.prorated - m.usage_minor) / _billing.to_minor(1, m.exponent),
    round(m.prorated) - m.usage_minor, null, null, null, null, null,
    'Minimum monthly charge',
    format('minimum %s %s%s', m.currency,
      _billing.format_minor(m.minimum_minor, m.exponent),
      case when m.active_days < m.full_days
        then format(', %s of %s days', m.active_days, m.full_days) else '' end)
  from minimum m
  where round(m.prorated) > m.usage_minor
  union all
  select i.client_id, t.period_start, t.period_end, 'one_off', 'item|' || i.id, null, null, null,
    null, null, i.item_day, i.item_day + 1, i.quantity, i.unit_amount, 1, null, null,
    i.quantity * i.unit_amount, _billing.to_minor(i.quantity * i.unit_amount, t.exponent),
    null, null, null, null, null, i.description, null
  from _billing.items_of_targets(targets) p
  join public.invoice_items i on i.id = p.item_id
  join terms t on t.client_id = i.client_id and t.period_start = p.period_start
    and t.currency = i.currency;
end $$;
comment on function _billing.rate_charges is
  'Usage, minimum and one-off lines of target periods.';

-- 40_rating/discounts_and_taxes.sql

-- Discounts and taxes of charges that belong together: of each (client, section). A percent
-- discount and a fixed one reduce usage and minimum; taxes are taken from what is left of the
-- lines they apply to. Inclusive taxes are contained in the amounts, reverse charge is only noted.
-- Sums first, one division last: parts divided one by one would carry half a cent to either side.
create function _billing.discounts_and_taxes(
  charges _billing.rated_line[], terms _billing.section_terms[]
) returns setof _billing.rated_line language sql immutable
set search_path = pg_catalog, pg_temp set jit = off
set enable_nestloop = off as $$
  with charge as (
    -- Charges without a section (one-off invoices) share one name, so that joins can hash.
    select c.*, coalesce(c.section_start, '-infinity') as section,
      c.kind in ('usage', 'minimum') as discountable
    from unnest(charges) c
  ), term as (
    select t.*, coalesce(t.section_start, '-infinity') as section from unnest(terms) t
  ), base as (
    select client_id, section, section_start, section_end, sum(amount_minor) as amount_minor
    from charge where discountable group by client_id, section, section_start, section_end
  ), discount as (
    select b.*, t.exponent, t.discount_percent, case
      when t.discount_percent is not null then b.amount_minor * t.discount_percent / 100
      else least(t.discount_minor, b.amount_minor) end as precise
    from base b join term t on t.client_id = b.client_id and t.section = b.section
    where b.amount_minor > 0
      and (t.discount_percent > 0 or t.discount_minor > 0)
  ), subject as (
    select c.client_id, c.section, c.section_start, c.section_end,
      coalesce(c.metric, c.kind) as subject, sum(c.amount_minor) as gross,
      coalesce(sum(c.amount_minor) filter (where c.discountable), 0) as discountable
    from charge c group by 1, 2, 3, 4, 5
  ), tax as (
    select t.client_id, t.section, t.exponent, x.n, x.tax ->> 'name' as name,
      (x.tax ->> 'rate_percent')::numeric as rate, x.tax ->> 'behavior' as behavior,
      x.tax ->> 'note' as note,
      case when jsonb_typeof(x.tax -> 'applies_to') = 'array' then x.tax -> 'applies_to' end
        as applies_to
    from term t
    cross join lateral jsonb_array_elements(t.taxes) with ordinality x(tax, n)
  ), inclusive as (
    select s.client_id, s.section, s.subject, sum(t.rate) as rate
    from subject s join tax t on t.client_id = s.client_id and t.section = s.section
    where t.behavior = 'inclusive' and (t.applies_to is null or t.applies_to ? s.subject)
    group by s.client_id, s.section, s.subject
  ), taxed as (
    select s.client_id, s.section, s.section_start, s.section_end, t.exponent, t.n, t.name,
      t.rate, t.behavior, t.note, coalesce(i.rate, 0) as inclusive_rate, sum(s.gross) as gross,
      sum(s.discountable) as discountable
    from subject s
    join tax t on t.client_id = s.client_id and t.section = s.section
      and (t.applies_to is null or t.applies_to ? s.subject)
    left join inclusive i
      on i.client_id = s.client_id and i.section = s.section and i.subject = s.subject
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  ), net as (
    select t.*,
      t.gross * coalesce(d.amount_minor, 1) - t.discountable * coalesce(round(d.precise), 0)
        as numerator, coalesce(d.amount_minor, 1) * (100 + t.inclusive_rate) as denominator
    from taxed t left join discount d
      on d.client_id = t.client_id and d.section = t.section
  ), tax_line as (
    select x.client_id, x.section_start, x.section_end, x.exponent, x.n, x.name, x.rate,
      x.behavior, x.note, x.precise,
      -- Half a cent goes to the tax: an amount is its base and the tax contained in it, exactly.
      -- Every tax of these lines has the same base, also one that comes on top.
      case when x.contains_tax then sign(x.base) * ceil(abs(x.base) - 0.5)
        else round(x.base) end as base
    from (
      select client_id, section_start, section_end, exponent, n, name, rate, behavior, note,
        sum(numerator * 100 / denominator) as base, bool_or(inclusive_rate > 0) as contains_tax,
        case when behavior = 'reverse_charge' then 0
          else sum(numerator * rate / denominator) end as precise
      from net
      group by client_id, section_start, section_end, exponent, n, name, rate, behavior, note
    ) x
  )
  select d.client_id, d.section_start, d.section_end, 'discount', 'discount', null, null, null,
    null, null::uuid, null::date, null::date, null::numeric, null::numeric, null::numeric, null,
    null::jsonb, -d.precise / _billing.to_minor(1, d.exponent), -round(d.precise),
    null, null::numeric, null, null::numeric, null,
    case when d.discount_percent is not null
      then format('Discount %s %%', trim_scale(d.discount_percent)) else 'Discount' end, null
  from discount d where round(d.precise) <> 0
  union all
  select t.client_id, t.section_start, t.section_end, 'tax',
    concat_ws('|', 'tax', t.n, t.name, trim_scale(t.rate), t.behavior), null, null, null,
    null, null, null, null, null, null, null, null, null,
    t.precise / _billing.to_minor(1, t.exponent), round(t.precise),
    t.name, t.rate, t.behavior, t.base, t.note,
    format('%s %s %%', t.name, trim_scale(t.rate)), null
  from tax_line t where t.base <> 0 or round(t.precise) <> 0;
$$;
comment on function _billing.discounts_and_taxes is
  'Discount and tax lines that charges entail.';

create function _billing.add_discounts_and_taxes(
  charges _billing.rated_line[], terms _billing.section_terms[]
) returns setof _billing.rated_line language sql immutable
set search_path = pg_catalog, pg_temp as $$
  select c.* from unnest(charges) c
  union all
  select d.* from _billing.discounts_and_taxes(charges, terms) d;
$$;
comment on function _billing.add_discounts_and_taxes is
  'Charges with the discount and tax lines that they entail.';

-- 40_rating/rate_periods.sql

-- The whole of a period: usage, minimum, one-off items, discount, taxes, in this order.

create function _billing.rate_periods(targets billing.rating_target[],
  with_unpriced boolean default false)
returns setof _billing.rated_line language plpgsql stable
set search_path = pg_catalog, pg_temp set jit = off set plan_cache_mode = force_generic_plan
set enable_nestloop = off set enable_mergejoin = off as $$
begin
  return query
  with charges as materialized (
    select * from _billing.rate_charges(targets, with_unpriced)
  ), terms as materialized (
    select t.* from billing.period_terms(targets) t
    where t.discount_percent > 0 or t.discount_minor > 0 or t.taxes <> '[]'
  )
  select c.* from charges c
  union all
  -- Discounts and taxes are of sums: all that they ask of lines is what kind and metric come to.
  select d.* from _billing.discounts_and_taxes(
    array(
      select (c.client_id, c.section_start, c.section_end, c.kind, null, null, c.metric, null, null,
        null, null, null, null, null, null, null, null, null, sum(c.amount_minor), null, null, null,
        null, null, null, null)::_billing.rated_line
      from charges c
      join terms t on t.client_id = c.client_id and t.period_start = c.section_start
      where c.kind <> 'unpriced'
      group by c.client_id, c.section_start, c.section_end, c.kind, c.metric),
    array(
      select (t.client_id, t.period_start, t.exponent, t.discount_percent, t.discount_minor,
        t.taxes)::_billing.section_terms from terms t)) d;
end $$;
comment on function _billing.rate_periods is
  'All lines of target periods as if nothing had been invoiced: charges, discounts, taxes.';

-- 40_rating/booked_lines.sql

-- What issued invoices and credit notes already charge for sections, by rating key.
create function _billing.booked_lines(targets billing.rating_target[])
returns table (client_id uuid, section_start date, rating_key text, quantity numeric,
  precise_amount numeric, amount_minor numeric, tax_base_minor numeric,
  sample _billing.rated_line)
-- By index from the targets' clients on: history is not read, whatever it seems to cost.
language sql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
  select b.client_id, b.section_start, b.rating_key, sum(b.quantity), sum(b.precise_amount),
    sum(b.amount_minor), sum(b.tax_base_minor),
    (array_agg(b.sample order by b.is_note) filter (where b.sample is distinct from null))[1]
  from (
    select i.client_id, l.section_start, l.rating_key, l.quantity, l.precise_amount,
      l.amount_minor, l.tax_base_minor, false as is_note, (i.client_id, l.section_start,
        l.section_end, l.kind, l.rating_key, l.model, l.metric, l.rate_class, l.agent,
        l.price_id, l.service_start, l.service_end, l.quantity, l.unit_amount, l.per_units,
        l.pricing_model, l.tiers, l.precise_amount, l.amount_minor, l.tax_name,
        l.tax_rate_percent, l.tax_behavior, l.tax_base_minor, l.tax_note, l.description,
        l.detail)::_billing.rated_line as sample
    from unnest(targets) t
    join public.invoices i on i.client_id = t.client_id
      and i.status in ('open', 'paid', 'uncollectible')
    join public.invoice_lines l on l.invoice_id = i.id and l.section_start = t.period_start
    union all
    select n.client_id, l.section_start, l.rating_key, -l.quantity, -l.precise_amount,
      -l.amount_minor, -l.tax_base_minor, true,
      case when l.kind <> 'credit' then (n.client_id, l.section_start, null, l.kind,
        l.rating_key, l.model, l.metric, l.rate_class, l.agent, l.price_id, l.service_start,
        l.service_end, -l.quantity, l.unit_amount, l.per_units, l.pricing_model, l.tiers,
        -l.precise_amount, -l.amount_minor, l.tax_name, l.tax_rate_percent, l.tax_behavior,
        -l.tax_base_minor, l.tax_note, l.description, l.detail)::_billing.rated_line end
    from unnest(targets) t
    join public.credit_notes n on n.client_id = t.client_id
    join public.invoices i on i.id = n.invoice_id and i.status <> 'void'
    join public.credit_note_lines l on l.credit_note_id = n.id
      and l.section_start = t.period_start
  ) b
  group by b.client_id, b.section_start, b.rating_key;
$$;
comment on function _billing.booked_lines is
  'What is invoiced for target periods so far, net of credit notes; with one of the lines, of
   whichever document, that stand for it.';

-- 40_rating/deltas.sql

-- What is still to be charged: the rating of a period less what is booked for it. For a period
-- never invoiced that is the whole rating; afterwards it is late usage. One rule for both.

-- Lines that bring what is booked for each target to its rating. Empty for a target where both
-- agree to the cent. `is_late`: something is booked for the target, or its own invoice is issued.
-- Only where its own invoice is issued are the lines called late: a period that is billed anew has
-- its own lines, less what other invoices charge for it.
create function _billing.line_deltas(targets billing.rating_target[], rating _billing.rated_line[])
returns table (line _billing.rated_line, is_late boolean)
language sql stable set search_path = pg_catalog, pg_temp set jit = off as $$
  with rated as materialized (
    select * from unnest(rating)
  ), booked as materialized (
    select * from _billing.booked_lines(targets)
  ), issued as materialized (
    select i.client_id, i.period_start
    from unnest(targets) t join public.invoices i
      on i.client_id = t.client_id and i.period_start = t.period_start and i.kind = 'period'
      and i.status in ('open', 'paid', 'uncollectible')
  ), sections as (
    select b.client_id, b.section_start from booked b
    union
    -- Invoiced without a line of its own: the invoice was there for late usage of earlier periods.
    select i.client_id, i.period_start from issued i
  ), delta as (
    select coalesce(r.client_id, b.client_id) as client_id,
      coalesce(r.section_start, b.section_start) as section_start,
      coalesce(r.rating_key, b.rating_key) as rating_key, b.sample,
      b.rating_key is not null as is_booked,
      coalesce(r.quantity, 0) - coalesce(b.quantity, 0) as quantity,
      coalesce(r.precise_amount, 0) - coalesce(b.precise_amount, 0) as precise_amount,
      coalesce(r.amount_minor, 0) - coalesce(b.amount_minor, 0) as amount_minor,
      coalesce(r.tax_base_minor, 0) - coalesce(b.tax_base_minor, 0) as tax_base_minor,
      r as rated, coalesce(r.client_id, b.client_id) is not null and (
        coalesce(r.client_id, b.client_id), coalesce(r.section_start, b.section_start)
      ) in (select s.client_id, s.section_start from sections s) as is_late
    from rated r full join booked b
      on b.client_id = r.client_id and b.section_start = r.section_start
      and b.rating_key = r.rating_key
  )
  select (d.client_id, t.period_start, t.period_end, coalesce((d.rated).kind, l.kind),
    d.rating_key, coalesce((d.rated).model, l.model), coalesce((d.rated).metric, l.metric),
    coalesce((d.rated).rate_class, l.rate_class), coalesce((d.rated).agent, l.agent),
    coalesce((d.rated).price_id, l.price_id),
    coalesce((d.rated).service_start, l.service_start),
    coalesce((d.rated).service_end, l.service_end),
    case when coalesce((d.rated).kind, l.kind) in ('usage', 'one_off') then d.quantity end,
    coalesce((d.rated).unit_amount, l.unit_amount), coalesce((d.rated).per_units, l.per_units),
    coalesce((d.rated).pricing_model, l.pricing_model), coalesce((d.rated).tiers, l.tiers),
    d.precise_amount, d.amount_minor, coalesce((d.rated).tax_name, l.tax_name),
    coalesce((d.rated).tax_rate_percent, l.tax_rate_percent),
    coalesce((d.rated).tax_behavior, l.tax_behavior),
    case when coalesce((d.rated).kind, l.kind) = 'tax' then d.tax_base_minor end,
    coalesce((d.rated).tax_note, l.tax_note),
    case when (d.client_id, d.section_start) in (select o.client_id, o.period_start from issued o)
      then _billing.late_description(coalesce((d.rated).kind, l.kind), d.amount_minor, n.label,
        coalesce((d.rated).description, l.description))
      else coalesce((d.rated).description,
        _billing.plain_description(l.kind, n.label, l.description)) end,
    coalesce((d.rated).detail, l.detail))::_billing.rated_line, d.is_late
  from delta d
  join unnest(targets) t on t.client_id = d.client_id and t.period_start = d.section_start
  cross join lateral (select _billing.period_label(t.period_start, t.period_end) as label) n
  left join lateral (select (d.sample).*) l on true
  where (not d.is_late and not d.is_booked) or d.amount_minor <> 0
    or d.quantity <> 0 or d.tax_base_minor <> 0;
$$;
comment on function _billing.line_deltas is
  'Lines that bring what is booked for target periods to their rating.';

create function _billing.section_deltas(targets billing.rating_target[])
returns table (line _billing.rated_line, is_late boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  -- Nothing is rated for nothing: most batches of a run have no such targets.
  select d.* from _billing.line_deltas(targets,
    array(select r from _billing.rate_periods(targets) r)) d where targets <> '{}';
$$;
comment on function _billing.section_deltas is
  'Lines that are still to be charged (or, negative, given back) for target periods.';

-- Net of late lines per section: what the client would pay more (or, negative, less).
create function _billing.late_sections(targets billing.rating_target[])
returns table (client_id uuid, section_start date, net_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select x.client_id, x.section_start, x.net_minor
  from (
    select (d.line).client_id, (d.line).section_start, bool_or(d.is_late) as is_late,
      coalesce(sum((d.line).amount_minor) filter (
        where (d.line).tax_behavior is null or (d.line).tax_behavior = 'exclusive'), 0)
        as net_minor
    from _billing.section_deltas(targets) d
    group by 1, 2
  ) x
  where x.is_late or x.net_minor < 0;
$$;
comment on function _billing.late_sections is
  'Net difference of each target period that has been invoiced and is now rated otherwise, or that
   is rated below zero.';

-- 40_rating/blocked_targets.sql

-- What keeps a period from being billed, and how rating tells.

-- What rating knows of a section that may keep it from being billed: a row per section with what it
-- comes to (metric null), and one per model, metric and class that has no price.
-- `has_items`: one-off items are among the lines.
create type _billing.rating_finding as (client_id uuid, period_start date, model text, metric text,
  rate_class text, quantity numeric, total numeric, largest numeric, has_items boolean);

create type _billing.blocked_target as (client_id uuid, period_start date, reason text,
  message text);

create function _billing.rating_summary(rating _billing.rated_line[])
returns setof _billing.rating_finding language sql immutable
set search_path = pg_catalog, pg_temp as $$
  select l.client_id, l.section_start, l.model, l.metric, l.rate_class, l.quantity,
    null::numeric, null::numeric,
    null::boolean
  from unnest(rating) l where l.kind = 'unpriced'
  union all
  select l.client_id, l.section_start, null, null, null, null,
    sum(l.amount_minor) filter (where l.tax_behavior is null or l.tax_behavior = 'exclusive'),
    sum(abs(l.amount_minor)), bool_or(l.kind = 'one_off')
  from unnest(rating) l where l.kind <> 'unpriced'
  group by l.client_id, l.section_start;
$$;
comment on function _billing.rating_summary is
  'What each rated section comes to, and its usage without a price.';

-- Why targets cannot be billed, given what rating has found. Each is visible with its reason and
-- stops nobody else.
create function _billing.blocking_reasons(targets billing.rating_target[],
  findings _billing.rating_finding[])
returns setof _billing.blocked_target language sql stable set search_path = pg_catalog, pg_temp
set enable_nestloop = off as $$
  with terms as materialized (
    select * from billing.period_terms(targets)
  )
  select u.client_id, u.period_start, 'unpriced_usage', format(
    'no price for %s in %s: %s', _billing.first_few(array_agg(format('%s of model %s (%s units)',
      _billing.named_usage(u.metric, u.rate_class), u.model, trim_scale(u.quantity))
      order by u.model, u.metric, u.rate_class), 10, '; '),
    _billing.period_label(u.period_start, t.period_end),
    'add it to prices and run again')
  from unnest(findings) u
  join unnest(targets) t using (client_id, period_start)
  where u.metric is not null and not billing.is_unmapped(u.metric)
  group by u.client_id, u.period_start, t.period_end
  union all
  select u.client_id, u.period_start, 'unknown_provider', format(
    'it is not known whether tokens are counted within input and output or beside them in %s: %s; '
      || 'map each model to its provider (action map_model, or a row of public.models) or log '
      || 'metadata.counting, and run again', _billing.period_label(u.period_start, t.period_end),
    _billing.first_few(array_agg(format('%s of model %s (%s units)',
      _billing.named_usage(substr(u.metric, 10), u.rate_class), u.model, trim_scale(u.quantity))
      order by u.model, u.metric, u.rate_class), 10, '; '))
  from unnest(findings) u
  join unnest(targets) t using (client_id, period_start)
  where billing.is_unmapped(u.metric)
  group by u.client_id, u.period_start, t.period_end
  union all
  select t.client_id, t.period_start, 'currency_mismatch',
    format('invoice item %L is in %s, the client is billed in %s', i.description, i.currency,
      t.currency)
  from _billing.items_of_targets(targets) p
  join public.invoice_items i on i.id = p.item_id
  join terms t on t.client_id = i.client_id and t.period_start = p.period_start
  where i.currency <> t.currency
  union all
  select t.client_id, t.period_start, 'usage_being_rebuilt', format(
    'usage of %s is being computed anew since %s (billing.pending_rebuilds): it is billed once '
      || 'that is done', _billing.period_label(t.period_start, t.period_end),
    to_char(min(r.requested_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
  from unnest(targets) t
  join billing.pending_rebuilds r on r.from_day < t.period_end and t.period_start < r.until_day
    and (r.client_ids is null or t.client_id = any (r.client_ids))
  group by t.client_id, t.period_start, t.period_end
  union all
  select t.client_id, t.period_start, 'no_config', format(
    'no default billing_config holds on the last day of %s: add one and run again',
    _billing.period_label(t.period_start, t.period_end))
  from unnest(targets) t
  where (t.client_id, t.period_start) not in (select g.client_id, g.period_start from terms g)
  union all
  select f.client_id, f.period_start,
    case when f.total < 0 then 'negative_total' else 'amount_out_of_range' end,
    format('the period adds up to %s minor units', f.total) || case when f.total >= 0
      then format('; its lines, signs aside, come to %s, and 900000000000000 (9e14) is the most '
        || 'that an invoice holds', f.largest) else '' end
  from unnest(findings) f
  -- Usage that was taken back is owed to the client and credited; an allowance larger than the rest
  -- is for operators to look at. The limit keeps every sum within what JSON readers hold exactly
  -- (2^53).
  where (f.total < 0 and f.has_items) or f.largest > 9e14;
$$;
comment on function _billing.blocking_reasons is
  'Targets that cannot be billed, with the reason, given the findings of their rating.';

create function _billing.blocked_targets(targets billing.rating_target[])
returns setof _billing.blocked_target language sql stable
set search_path = pg_catalog, pg_temp as $$
  select b.* from _billing.blocking_reasons(targets, array(
    select f from _billing.rating_summary(array(
      select r from _billing.rate_periods(targets, true) r)) f)) b;
$$;
comment on function _billing.blocked_targets is 'Targets that cannot be billed, with the reason.';

-- Periods that no rebuild is to come for any more are settled by the next run.
create function _billing.release_rebuilt()
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  targets constant billing.rating_target[] := array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where p.state = 'blocked' and p.reason = 'usage_being_rebuilt'
      and not _billing.is_being_rebuilt(p.client_id, p.period_start, p.period_end));
begin
  perform _billing.lock_periods(targets);
  update public.billing_periods p set state = 'pending', reason = null, message = null
  from unnest(targets) t
  where p.client_id = t.client_id and p.period_start = t.period_start
    and p.state = 'blocked' and p.reason = 'usage_being_rebuilt';
end $$;
comment on function _billing.release_rebuilt is
  'Makes periods pending that waited for a rebuild that is done.';

-- 40_rating/quarantine.sql

-- What cannot be billed as things are, each with its reason. Nothing of it is lost: an assignment,
-- a client, a price or the provider of its model releases it, the next run bills it.

-- Counted usage and items.
create view billing.quarantined_usage with (security_invoker = true) as
-- Once for what has no price and what has a cost alone.
with unsettled as materialized (
  select u.*, exists (select from billing.unbilled_metrics n where n.metric = u.metric) as unbilled
  from billing.priced_usage(billing.unsettled_targets()) u
)
select case when billing.is_unmapped(u.metric) then 'unknown_provider' else 'unpriced_usage' end
    as reason, u.client_id, u.agent, u.model, u.metric, u.rate_class,
  sum(u.log_count)::bigint as rows,
  min(u.first_day) as first_day, max(u.last_day) as last_day
from unsettled u
where u.price_id is null and not u.unbilled
group by u.client_id, u.agent, u.model, u.metric, u.rate_class
having sum(u.quantity) <> 0
union all
-- Nothing of a model but calls was counted, which may go without a price, and they cost something.
select 'unpriced_cost', u.client_id, u.agent, u.model, min(u.metric), 'standard', max(r.rows),
  min(u.first_day), max(u.last_day)
from (
  select u.client_id, u.agent, u.model, min(u.metric) as metric, min(u.first_day) as first_day,
    max(u.last_day) as last_day
  from unsettled u group by u.client_id, u.period_start, u.agent, u.model
  having bool_and(u.unbilled and u.price_id is null)
) u
cross join lateral (
  select sum(x.log_count)::bigint as rows, sum(x.provider_cost) as cost
  from public.usage_records x
  where x.client_id = u.client_id and x.usage_day between u.first_day and u.last_day
    and x.agent = u.agent and x.model = u.model and x.metric = u.metric
) r
where r.cost > 0
group by u.client_id, u.agent, u.model
union all
select 'outside_service', r.client_id, r.agent, r.model, r.metric, r.rate_class,
  sum(r.log_count)::bigint, min(r.usage_day), max(r.usage_day)
from (
  -- Before each interval, and after the last.
  select s.client_id, lag(s.ends_on, 1, '-infinity'::date) over (
    partition by s.client_id order by s.starts_on) as from_day, s.starts_on as until_day
  from public.service_intervals s
  union all
  select c.id, coalesce(max(s.ends_on), '-infinity'), 'infinity'
  from public.clients c left join public.service_intervals s on s.client_id = c.id
  group by c.id having coalesce(max(s.ends_on), '-infinity') < 'infinity'
) g
-- Gap by gap by index: all usage there has ever been is not looked at.
cross join lateral (
  select * from public.usage_records u
  where u.client_id = g.client_id and u.usage_day >= g.from_day and u.usage_day < g.until_day
  offset 0
) r
group by r.client_id, r.agent, r.model, r.metric, r.rate_class
union all
-- An item waits for the next invoice of its client's service; of one that has ended there is none.
select 'item_after_end', i.client_id, null, null, null, null, count(*), min(i.item_day),
  max(i.item_day)
from public.invoice_items i
where i.section_start is null and i.invoice_id is null and billing.has_ended(i.client_id)
group by i.client_id;
comment on view billing.quarantined_usage is
  'What is counted and not billed: usage without a price, of an unknown provider, outside
   a client''s service; calls with a cost and nothing to be billed by; items that no invoice
   will take.';
revoke all on billing.quarantined_usage from public;
grant select on billing.quarantined_usage to service_role;

create view billing.quarantine with (security_invoker = true) as
select q.reason, null::uuid as client_id, q.agent, q.model, null::text as metric,
  null::text as rate_class, count(*) as rows,
  min(case when q.reason <> 'invalid_timestamp' then q.occurred_at end)::date as first_day,
  max(case when q.reason <> 'invalid_timestamp' then q.occurred_at end)::date as last_day
from billing.quarantined_logs q
where not q.dismissed
group by q.reason, q.agent, q.model
union all
select u.reason, u.client_id, u.agent, u.model, u.metric, u.rate_class, u.rows, u.first_day,
  u.last_day
from billing.quarantined_usage u;
comment on view billing.quarantine is
  'What is not billed: usage of nobody, unreadable, without a price, of an unknown provider, outside
   a client''s service; calls with a cost and nothing to be billed by; items that no invoice will
   take (make one by create_one_off_invoice).';
revoke all on billing.quarantine from public;
grant select on billing.quarantine to service_role;

-- Log rows (or items) per reason. A row that is unpriced in several metrics counts once.
create function billing.quarantine_summary()
returns table (reason text, rows bigint)
language sql stable set search_path = pg_catalog, pg_temp set jit = off as $$
  select x.reason, sum(x.rows)::bigint
  from (
    select q.reason, count(*) as rows from billing.quarantined_logs q
    where not q.dismissed group by q.reason
    union all
    select u.reason, max(u.rows) from (
      select q.reason, q.client_id, q.agent, q.model, q.metric, sum(q.rows) as rows
      from billing.quarantined_usage q
      group by q.reason, q.client_id, q.agent, q.model, q.metric
    ) u
    group by u.reason, u.client_id, u.agent, u.model
  ) x
  group by x.reason order by x.reason;
$$;
comment on function billing.quarantine_summary is 'Log rows in quarantine per reason.';
grant execute on function billing.quarantine_summary() to service_role;

-- 40_rating/quarantine_list.sql

-- Pages of what is in quarantine, each by index however much waits: log rows first, by reason,
-- agent and model, then counted usage and items.

-- The groups of waiting log rows after one, or from the first. Groups are found one after another,
-- so that nothing is read of those before and behind.
create function _billing.waiting_groups(most bigint, only_reason text, after text[])
returns setof billing.quarantine
language plpgsql stable set search_path = pg_catalog, pg_temp
-- The index gives the order and the next group; also where the planner holds the table for small.
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
declare
  place record;
begin
  if after is null then
    select q.reason, q.agent, q.model into place from billing.quarantined_logs q
    where not q.dismissed and q.reason collate "C" >= coalesce(only_reason, '')
    order by q.reason collate "C", q.agent collate "C", q.model collate "C" limit 1;
  else
    select q.reason, q.agent, q.model into place from billing.quarantined_logs q
    where not q.dismissed and (q.reason collate "C", q.agent collate "C", q.model collate "C")
      > (after[1], after[2], after[3])
    order by q.reason collate "C", q.agent collate "C", q.model collate "C" limit 1;
  end if;
  for n in 1..most loop
    exit when place.reason is null or place.reason <> only_reason;
    return query
    select place.reason, null::uuid, place.agent, place.model, null::text, null::text, count(*),
      (case when place.reason <> 'invalid_timestamp' then min(q.occurred_at) end)::date,
      (case when place.reason <> 'invalid_timestamp' then max(q.occurred_at) end)::date
    from billing.quarantined_logs q
    where not q.dismissed and q.reason collate "C" = place.reason
      and q.agent collate "C" = place.agent and q.model collate "C" = place.model;
    select q.reason, q.agent, q.model into place from billing.quarantined_logs q
    where not q.dismissed and (q.reason collate "C", q.agent collate "C", q.model collate "C")
      > (place.reason, place.agent, place.model)
    order by q.reason collate "C", q.agent collate "C", q.model collate "C" limit 1;
  end loop;
end $$;
comment on function _billing.waiting_groups is
  'Log rows in quarantine, by reason, agent and model.';

-- `after`: reason, agent, model, metric, client_id and rate_class of the last row of the page
-- before, '' for null.
create function billing.list_quarantine(most bigint, only_reason text default null,
  after text[] default null)
returns setof billing.quarantine
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the groups are read by a function that nobody is granted.
declare
  groups bigint := 0;
begin
  -- A log row in quarantine has no client.
  if after is null or after[5] = '' then
    return query select * from _billing.waiting_groups(most, only_reason, after);
    get diagnostics groups = row_count;
  end if;
  -- All usage that is not settled is priced for it, so not for a page that is full.
  if groups < most and (only_reason is null or only_reason in ('item_after_end',
      'outside_service', 'unknown_provider', 'unpriced_cost', 'unpriced_usage')) then
    return query
    select u.reason, u.client_id, u.agent, u.model, u.metric, u.rate_class, u.rows, u.first_day,
      u.last_day
    from billing.quarantined_usage u
    cross join lateral (select array[u.reason, coalesce(u.agent, ''), coalesce(u.model, ''),
      coalesce(u.metric, ''), u.client_id::text, coalesce(u.rate_class, '')] collate "C" as place) k
    where (only_reason is null or u.reason = only_reason)
      and (after is null or after[5] = '' or k.place > after)
    order by k.place limit most - groups;
  end if;
end $$;
comment on function billing.list_quarantine is
  'A page of billing.quarantine: log rows first, then usage and items.';
grant execute on function billing.list_quarantine(bigint, text, text[]) to service_role;

-- 40_rating/dismiss_unpriced.sql

-- Usage without a price that nobody will ever give one: a bug or a flood of an agent. Its log rows
-- are dismissed, whole, and the month that they block is free. What has a price stays: a row is
-- chosen by the metric that has none.

create function billing.dismiss_unpriced(
  why text, client uuid default null, agent text default null, model text default null,
  metric text default null
) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_nestloop = off set enable_mergejoin = off set jit = off as $$
-- Definer: callers may dismiss what blocks a month, and no other log.
declare
  dismissed bigint;
begin
  if btrim(coalesce(why, '')) = '' then
    perform billing.raise_error('invalid_argument', 'a dismissal needs a reason (why)');
  end if;
  -- A rollup that is under way decides before.
  perform from billing.usage_watermark for update;
  perform _billing.rollup();
  with unpriced as materialized (
    select q.client_id, q.agent, q.model, q.metric, q.rate_class, q.first_day, q.last_day
    from billing.quarantined_usage q
    where q.reason = 'unpriced_usage'
      and (client is null or q.client_id = client)
      and (dismiss_unpriced.agent is null or q.agent = dismiss_unpriced.agent)
      and (dismiss_unpriced.model is null or q.model = dismiss_unpriced.model)
      and (dismiss_unpriced.metric is null or q.metric = dismiss_unpriced.metric)
  ), keys as materialized (
    -- On its own: joined before its metrics are told apart, each log would meet each of them.
    select k.id, k.client_id, k.usage_day, k.agent, k.model, k.metric, k.rate_class
    from _billing.log_keys k
    -- A client's day reaches two days beyond that of UTC at most.
    where k."timestamp" >= (select min(x.first_day) - 2 from unpriced x)
      and k."timestamp" < (select max(x.last_day) + 3 from unpriced x)
      and k.agent in (select x.agent from unpriced x)
  ), chosen as materialized (
    select distinct k.id, k.client_id, k.agent, k.usage_day
    from unpriced u
    join keys k on (k.client_id, k.agent, k.model, k.metric, k.rate_class)
      = (u.client_id, u.agent, u.model, u.metric, u.rate_class)
      and k.usage_day >= u.first_day and k.usage_day <= u.last_day
  ), gone as (
    insert into billing.dismissed_logs (log_id, why)
    select c.id, dismiss_unpriced.why from chosen c
    on conflict (log_id) do nothing
    returning log_id
  ), asked as (
    insert into billing.rebuild_requests (agents, client_ids, from_day, until_day)
    select array_agg(distinct c.agent), array_agg(distinct c.client_id), min(c.usage_day),
      max(c.usage_day) + 1
    from chosen c
    having count(*) > 0
  )
  select count(*) into dismissed from gone;
  return dismissed;
end $$;
comment on function billing.dismiss_unpriced is
  'Decides that log rows with usage that has no price are not to be billed, and why; returns how
   many. The next rollup takes them out of the records.';
grant execute on function billing.dismiss_unpriced(text, uuid, text, text, text) to service_role;

-- 40_rating/quarantine_counts.sql

-- What is in quarantine, counted by a job. To find usage without a price all usage that is not
-- settled is priced, which takes too long for what is asked each minute.
create table billing.quarantine_counts (
  reason text primary key,
  rows bigint not null,
  counted_at timestamptz not null
);
comment on table billing.quarantine_counts is
  'Rows in quarantine per reason as of the last count: unpriced usage, usage outside of service,
   items after the end. Log rows are counted when health is asked.';
alter table billing.quarantine_counts enable row level security;
revoke all on billing.quarantine_counts from public;
grant select on billing.quarantine_counts to service_role;

create function billing.count_quarantine(at timestamptz default clock_timestamp())
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the counts are written by nobody but this function.
begin
  -- One count at a time.
  lock table billing.quarantine_counts in share row exclusive mode;
  delete from billing.quarantine_counts;
  insert into billing.quarantine_counts (reason, rows, counted_at)
  select x.reason, sum(x.rows), at
  from (
    -- As in quarantine_summary.
    select q.reason, max(q.rows) as rows from (
      select u.reason, u.client_id, u.agent, u.model, u.metric, sum(u.rows) as rows
      from billing.quarantined_usage u
      group by u.reason, u.client_id, u.agent, u.model, u.metric
    ) q
    group by q.reason, q.client_id, q.agent, q.model
  ) x
  group by x.reason;
  return (select coalesce(sum(c.rows), 0) from billing.quarantine_counts c);
end $$;
comment on function billing.count_quarantine is
  'Counts what cannot be billed, for billing.health; returns the rows.';
grant execute on function billing.count_quarantine(timestamptz) to service_role;

-- 40_rating/settled_usage.sql

-- What settled periods were charged for: usage whose price may not change any more.

-- Models, metrics and classes that settled periods (billing_periods.settled_at) overlapping `days`
-- have been charged for, or had for nothing; with `charged`, the days that issued lines charge for.
-- Of periods without an invoice of their own, and of metrics that may go without a price, usage
-- says it. `is_open`: usage may have come since that waits for a price. Null asks for all.
create function _billing.settled_usage(of_client uuid, of_model text, metrics text[],
  currencies text[], days datemultirange)
returns table (client_id uuid, period_start date, period_end date, currency text, model text,
  metric text, rate_class text, charged datemultirange, is_open boolean)
language plpgsql stable set search_path = pg_catalog, pg_temp set jit = off
set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
declare
  without_lines constant billing.rating_target[] := array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where p.settled_at is not null and days && daterange(p.period_start, p.period_end)
      and (of_client is null or p.client_id = of_client)
      and (metrics is null
        or exists (select from billing.unbilled_metrics n where n.metric = any (metrics))
        or not exists (select from public.invoices i where i.client_id = p.client_id
          and i.period_start = p.period_start and i.kind = 'period'
          and i.status in ('open', 'paid', 'uncollectible'))));
begin
  return query
  select i.client_id, l.section_start, p.period_end, i.currency, l.model, l.metric,
    l.rate_class, range_agg(daterange(l.service_start, l.service_end)), true
  from public.invoices i
  join public.invoice_lines l on l.invoice_id = i.id and l.kind = 'usage'
  join public.billing_periods p on p.client_id = i.client_id and p.period_start = l.section_start
  where i.status in ('open', 'paid', 'uncollectible') and p.settled_at is not null
    and days && daterange(p.period_start, p.period_end)
    and (of_client is null or i.client_id = of_client)
    and (of_model is null or l.model = of_model)
    and (metrics is null or l.metric = any (metrics))
    and (currencies is null or i.currency = any (currencies))
  group by i.client_id, l.section_start, p.period_end, i.currency, l.model, l.metric,
    l.rate_class
  union all
  select distinct u.client_id, u.period_start, t.period_end, t.currency, u.model, u.metric,
    u.rate_class,
    '{}'::datemultirange, p.state = 'blocked' or p.usage_changed
  from billing.usage_of_targets(without_lines) u
  join billing.period_terms(without_lines) t
    on t.client_id = u.client_id and t.period_start = u.period_start
  join public.billing_periods p
    on p.client_id = u.client_id and p.period_start = u.period_start
  where u.quantity <> 0 and (of_model is null or u.model = of_model)
    and (metrics is null or u.metric = any (metrics))
    and (currencies is null or t.currency = any (currencies));
end $$;
comment on function _billing.settled_usage is
  'Models and metrics that settled periods were charged for, or had for nothing.';

create type _billing.settled_section as (client_id uuid, period_start date, period_end date);
comment on type _billing.settled_section is 'A settled period that a change would alter.';

-- Refuses a change for the last of the settled periods that it would alter, and says what to do.
create function _billing.refuse_settled(change text, sections _billing.settled_section[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  last record;
begin
  select c.name, s.period_start, s.period_end, i.number into last
  from unnest(sections) s join public.clients c on c.id = s.client_id
  left join public.invoices i on i.client_id = s.client_id and i.kind = 'period'
    and i.period_start = s.period_start and i.status in ('open', 'paid', 'uncollectible')
  order by s.period_end desc, c.name limit 1;
  if last.name is not null then
    perform billing.raise_error('past_is_frozen',
      format('%s would change what %s was charged for %s, which is settled (%s)', change,
        last.name, _billing.period_label(last.period_start, last.period_end),
        coalesce('invoice ' || last.number, 'skipped, nothing was due')),
      format('leave the days before %1$s as they are: end the row there (effective_until %1$s) '
        || 'and let a new one begin (effective_from %1$s); only a period whose invoice is void '
        || 'can be charged otherwise', last.period_end));
  end if;
end $$;
comment on function _billing.refuse_settled is
  'Raises past_is_frozen for the last of these settled periods; none is fine.';

-- 40_rating/frozen_prices.sql

-- The prices of what settled periods were charged for are frozen; all else can be mended. ADR 26.
--
-- A period was charged for models and metrics (settled_usage). On each of its days these keep the
-- price they had. Days without a price may get one: that is how usage without a price is released.

create type _billing.price_key as (owner uuid, model text, metric text, rate_class text,
  currency text, old_family text, new_family text);
comment on type _billing.price_key is
  'What has a price; owner: a client with prices of its own, null for all others. The family of the
   model as it was and as it is to be.';

-- Days that have another price for a key than they had: `changed`; `unpriced` had none. old_price
-- becomes new_price (the table has the new one already); either is null where there is none.
create function _billing.repriced_days(key _billing.price_key, old_price public.prices,
  new_price public.prices)
returns table (changed datemultirange, unpriced datemultirange)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with other as materialized (
    select coalesce(array_agg(p), '{}') as prices
    from unnest(_billing.prices_of((key).owner, (key).metric, (key).currency)) p
    where p.id <> all (array_remove(array[(old_price).id, (new_price).id], null))
  ), before as materialized (
    select d.* from other o cross join lateral _billing.price_days(o.prices || array(
        select old_price where (old_price).currency = (key).currency),
      (key).owner, (key).model, (key).old_family, (key).metric, (key).rate_class) d
  ), after as materialized (
    -- With other terms it is another price.
    select case when d.price_id = (new_price).id and not coalesce(
        to_jsonb(old_price) - '{effective_from,effective_until,created_at}'::text[]
        = to_jsonb(new_price) - '{effective_from,effective_until,created_at}'::text[], false)
      then '00000000-0000-0000-0000-000000000000' else d.price_id end as price_id, d.days
    from other o cross join lateral _billing.price_days(o.prices || array(
        select new_price where (new_price).currency = (key).currency),
      (key).owner, (key).model, (key).new_family, (key).metric, (key).rate_class) d
  )
  select coalesce((
      select range_agg(r.days) from before b full join after a on a.price_id = b.price_id
      cross join lateral (
        select coalesce(b.days, '{}') + coalesce(a.days, '{}')
          - coalesce(b.days, '{}') * coalesce(a.days, '{}') as both_days) x
      cross join lateral unnest(x.both_days) r(days)), '{}'),
    '{(,)}'::datemultirange - coalesce((
      select range_agg(r.days) from before b cross join lateral unnest(b.days) r(days)), '{}');
$$;
comment on function _billing.repriced_days is
  'Days on which a model and metric would have another price than before.';

-- Settled periods that were charged for usage (asked as of settled_usage) that would be priced
-- otherwise, by another price or by another family of its model: `families`, old and new.
create function _billing.repriced_sections(client_id uuid, model text, metrics text[],
  currencies text[], days datemultirange, old_price public.prices, new_price public.prices,
  families text[] default null)
returns setof _billing.settled_section
language sql stable set search_path = pg_catalog, pg_temp set jit = off as $$
  with used as materialized (
    -- Clients without prices of their own are priced alike: asked once.
    select u.*, (case when u.client_id in ((old_price).client_id, (new_price).client_id)
          or exists (select from public.prices p where p.client_id = u.client_id)
        then u.client_id end, u.model, u.metric, u.rate_class, u.currency,
      case when families is null then m.family else families[1] end,
      case when families is null then m.family else families[2] end)::_billing.price_key as key
    from _billing.settled_usage(repriced_sections.client_id, repriced_sections.model, metrics,
      currencies, days) u
    left join public.models m on m.id = u.model
  ), repriced as materialized (
    select k.key, r.changed, case when exists (
        select from billing.unbilled_metrics n where n.metric = (k.key).metric)
      then '{}' else r.unpriced end as unpriced
    from (select distinct u.key from used u
      where families is not null
        or _billing.price_rank(old_price, u.client_id, u.model, (u.key).old_family, u.metric,
          u.rate_class) >= 0
        or _billing.price_rank(new_price, u.client_id, u.model, (u.key).new_family, u.metric,
          u.rate_class) >= 0
    ) k
    cross join lateral _billing.repriced_days(k.key, old_price, new_price) r
  )
  select distinct u.client_id, u.period_start, u.period_end
  from used u join repriced r on r.key = u.key
  where r.changed * datemultirange(daterange(u.period_start, u.period_end))
    - case when u.is_open then r.unpriced - u.charged else '{}' end <> '{}';
$$;
comment on function _billing.repriced_sections is
  'Settled periods that a change of a price or of a model''s family would price otherwise.';

create function _billing.guard_price() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: editors of prices need not be able to call what this asks.
declare
  old_price constant public.prices := case when tg_op <> 'INSERT' then old end;
  new_price constant public.prices := case when tg_op <> 'DELETE' then new end;
  metrics constant text[] := array_remove(array[(old_price).metric, (new_price).metric], null);
  days constant datemultirange :=
    case when tg_op <> 'INSERT'
      then datemultirange(daterange(old.effective_from, old.effective_until)) else '{}' end
    + case when tg_op <> 'DELETE'
      then datemultirange(daterange(new.effective_from, new.effective_until)) else '{}' end;
begin
  perform _billing.refuse_settled('this price', array(
    select s from _billing.repriced_sections(
      case when tg_op <> 'UPDATE' or old.client_id = new.client_id
        then coalesce((new_price).client_id, (old_price).client_id) end,
      null, metrics,
      array_remove(array[(old_price).currency, (new_price).currency], null), days, old_price,
      new_price) s));
  return null;
end $$;

create trigger guard_price after insert or update or delete on public.prices
  for each row execute function _billing.guard_price();
create constraint trigger guard_price_at_commit after insert or update or delete on public.prices
  deferrable initially deferred for each row execute function _billing.guard_price();

create function _billing.guard_model_family() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  old_id constant text := case when tg_op <> 'INSERT' then old.id end;
  new_id constant text := case when tg_op <> 'DELETE' then new.id end;
begin
  perform _billing.refuse_settled('this family of a model', array(
    select s from (values (old_id), (new_id)) m(id)
    cross join lateral _billing.repriced_sections(null, m.id, null, null, '{(,)}', null, null,
      array[case when m.id = old_id then old.family end,
        case when m.id = new_id then new.family end]) s
    where m.id is not null));
  return null;
end $$;

create trigger guard_family after insert or delete on public.models
  for each row execute function _billing.guard_model_family();
create trigger guard_family_on_change after update on public.models
  for each row when ((old.id, old.family) is distinct from (new.id, new.family))
  execute function _billing.guard_model_family();
create constraint trigger guard_family_at_commit after insert or update or delete on public.models
  deferrable initially deferred for each row execute function _billing.guard_model_family();

-- 40_rating/frozen_config.sql

-- The config of settled periods is frozen in what it charges; all else can be mended. ADR 26.

-- What of a config decides what is charged, as it is merged for a day; null without a default.
create function _billing.charging_config(own public.billing_config,
  fallback public.billing_config, day date)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select to_jsonb(m) - '{payment_terms_days,grace_hours,deliveries}'::text[]
  from billing.merged_config(own, fallback, day) m where (fallback).id is not null;
$$;
comment on function _billing.charging_config is
  'What of the config of a day decides what is charged.';

-- Settled periods that old_row becoming new_row would charge otherwise (the table has the new one
-- already); either is null where there is none. A period's config is that of its last day of
-- service.
create function _billing.altered_sections(old_row public.billing_config,
  new_row public.billing_config)
returns setof _billing.settled_section
language sql stable set search_path = pg_catalog, pg_temp set jit = off as $$
  with settled as (
    select p.client_id, p.period_start, p.period_end,
      greatest(p.period_start, coalesce(s.ends_on, p.period_start) - 1) as day
    from public.billing_periods p
    cross join lateral (
      select max(least(s.ends_on, p.period_end)) as ends_on from public.service_intervals s
      where s.client_id = p.client_id
        and s.starts_on < p.period_end and s.ends_on > p.period_start
    ) s
    where p.settled_at is not null and (num_nulls((old_row).client_id, (new_row).client_id) > 0
      and ((old_row).id is null or (old_row).client_id is null)
      and ((new_row).id is null or (new_row).client_id is null)
      or p.client_id in ((old_row).client_id, (new_row).client_id))
  ), touched as (
    select s.*,
      (old_row).effective_from <= s.day and s.day < (old_row).effective_until as is_old,
      (new_row).effective_from <= s.day and s.day < (new_row).effective_until as is_new
    from settled s
  )
  select t.client_id, t.period_start, t.period_end
  from touched t
  left join public.billing_config o on o.client_id = t.client_id
    and o.id is distinct from (old_row).id and o.id is distinct from (new_row).id
    and o.effective_from <= t.day and t.day < o.effective_until
  left join public.billing_config f on f.client_id is null
    and f.id is distinct from (old_row).id and f.id is distinct from (new_row).id
    and f.effective_from <= t.day and t.day < f.effective_until
  where (t.is_old or t.is_new) and _billing.charging_config(
      case when t.is_old and (old_row).client_id = t.client_id then old_row else o end,
      case when t.is_old and (old_row).client_id is null then old_row else f end, t.day)
    is distinct from _billing.charging_config(
      case when t.is_new and (new_row).client_id = t.client_id then new_row else o end,
      case when t.is_new and (new_row).client_id is null then new_row else f end, t.day);
$$;
comment on function _billing.altered_sections is
  'Settled periods that a change of a config would charge otherwise.';

create function _billing.guard_config() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: editors of configs need not be able to call what this asks.
begin
  perform _billing.refuse_settled('this config', array(
    select s from _billing.altered_sections(case when tg_op <> 'INSERT' then old end,
      case when tg_op <> 'DELETE' then new end) s));
  return null;
end $$;

create trigger guard_config after insert or update or delete on public.billing_config
  for each row execute function _billing.guard_config();
create constraint trigger guard_config_at_commit
  after insert or update or delete on public.billing_config
  deferrable initially deferred for each row execute function _billing.guard_config();

-- A currency changes only where a period begins, so that no invoice meets two.
create function _billing.guard_currency_within_period() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  change record;
begin
  select c.name, c.billing_anchor_day, n.effective_from into change
  from public.billing_config o
  join public.billing_config n on n.client_id = o.client_id and n.effective_from = o.effective_until
  join public.clients c on c.id = o.client_id
  where o.client_id = new.client_id and new.id in (o.id, n.id)
    and n.effective_from <> billing.period_start_of(n.effective_from, c.billing_anchor_day)
    and coalesce(o.currency, '') <> coalesce(n.currency, '');
  if change.name is not null then
    perform billing.raise_error('currency_mismatch',
      format('the currency of %s would change within a period, on %s', change.name,
        change.effective_from),
      format('let the change start on day %s of a month', change.billing_anchor_day));
  end if;
  return null;
end $$;

create trigger guard_currency_on_insert after insert on public.billing_config
  for each row execute function _billing.guard_currency_within_period();
create trigger guard_currency_on_update
  after update of client_id, currency, effective_from, effective_until on public.billing_config
  for each row execute function _billing.guard_currency_within_period();

-- 40_rating/frozen_list_prices.sql

-- List prices that settled periods were charged by are frozen (ADR 26).

-- Settled periods that were charged, or could be, by a list price that changes from a day on. A
-- period that waits for a price of this usage may get its first.
create function _billing.relisted_sections(list_price public.list_prices)
returns setof _billing.settled_section
language sql stable set search_path = pg_catalog, pg_temp set jit = off as $$
  with touched as (
    select array[m] || case when m = 'output_tokens'
        then array['reasoning_tokens'] else '{}' end as metrics,
      datemultirange(daterange((list_price).effective_from, 'infinity')) as days
    from (select (list_price).metric as m) x
  )
  select distinct u.client_id, u.period_start, u.period_end
  from touched t
  cross join lateral _billing.settled_usage(null, (list_price).model, t.metrics, array['USD'],
    t.days) u
  where exists (
    select from public.prices p
    where p.pricing_model = 'cost_plus' and (p.client_id is null or p.client_id = u.client_id)
      and u.metric = p.metric
      and p.scope in ('any', 'model:' || u.model, 'family:' || (
        select m.family from public.models m where m.id = u.model))
      and daterange(p.effective_from, p.effective_until) && daterange(u.period_start, u.period_end))
    and t.days * case when u.is_open then u.charged
      else datemultirange(daterange(u.period_start, u.period_end)) end <> '{}';
$$;
comment on function _billing.relisted_sections is
  'Settled periods that a list price from its first day on could charge otherwise.';

create function _billing.guard_settled_list_price() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: a sync need not be able to call what this asks.
begin
  -- The first price of a model, as a sync brings thousands: nothing was charged by another.
  if new.effective_from = '-infinity'
    and not exists (select from billing.unbilled_metrics n where n.metric = new.metric)
    and not exists (select from public.list_prices l
      where l.model = new.model and l.sync_id <> new.sync_id) then
    return null;
  end if;
  perform _billing.refuse_settled('this list price', array(
    select s from _billing.relisted_sections(new) s));
  return null;
end $$;

-- At once, and at the commit after count_terms_change has waited for runs (ADR 20).
create trigger guard_settled after insert on public.list_prices
  for each row execute function _billing.guard_settled_list_price();
create constraint trigger guard_settled_at_commit after insert on public.list_prices
  deferrable initially deferred for each row
  execute function _billing.guard_settled_list_price();

-- 40_rating/proposals/apply.sql

-- What accepting a proposal does.

-- The first day from which a proposed list price can hold: the day that the source was fetched, or
-- the first after what is settled by the price before. The first price of a metric holds for all
-- days: its usage could not be billed so far.
create function _billing.first_day_of(proposal public.price_proposals)
returns date language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  day constant date := (select (s.fetched_at at time zone 'UTC')::date from public.price_syncs s
    where s.id = proposal.sync_id);
  price public.list_prices;
begin
  if proposal.metric is null or not exists (
    select from public.list_prices l where l.model = proposal.model and (l.metric = proposal.metric
      or proposal.metric = 'reasoning_tokens' and l.metric = 'output_tokens'))
  then
    return date '-infinity';
  end if;
  price.model := proposal.model;
  price.metric := proposal.metric;
  price.effective_from := greatest(day, (
    select max(l.effective_from) + 1 from public.list_prices l
    where l.model = proposal.model and l.metric = proposal.metric
      and l.rate_class = proposal.rate_class and l.effective_from > '-infinity'));
  return greatest(price.effective_from, (
    select max(s.period_end) from _billing.relisted_sections(price) s));
end $$;
comment on function _billing.first_day_of is
  'The first day from which a proposed price can hold.';

create function _billing.apply_list_price(proposal public.price_proposals, first_day date)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  before public.list_prices;
begin
  select l.* into before from public.list_prices l
  where l.model = proposal.model and l.metric = proposal.metric
    and l.rate_class = proposal.rate_class and l.effective_until = 'infinity';
  if before.effective_from >= first_day then
    perform billing.raise_error('invalid_argument', format(
      'the list price in force begins on %s, and the new one must begin later than that',
      before.effective_from), 'name a later first_day');
  end if;
  update public.list_prices l set effective_until = first_day where l.id = before.id;
  insert into public.list_prices (provider, model, metric, rate_class, above_tokens, amount,
    effective_from, sync_id, source_field, source_text)
  select m.provider, m.id, proposal.metric, proposal.rate_class, proposal.above_tokens,
    proposal.new_amount, first_day, proposal.sync_id, proposal.source_field, proposal.source_text
  from public.listed_models m where m.id = proposal.model;
end $$;
comment on function _billing.apply_list_price is
  'Ends the list price in force where a proposed one begins.';

-- Usage of open periods that has no price, and the list prices of today that it could have.
create function _billing.unpriced_but_listed()
returns table (model text, metric text, rate_class text, list_price public.list_prices)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select q.model, q.metric, q.rate_class, l
  from (select distinct u.model, u.metric, u.rate_class from billing.quarantined_usage u
    where u.reason = 'unpriced_usage') q
  cross join lateral billing.list_price(q.model, q.metric, q.rate_class,
    (billing.as_of() at time zone 'UTC')::date) l
  where l.id is not null and not exists (
    select from billing.price_candidates(array[null::uuid], array[q.model], array[q.metric],
      array[q.rate_class], array['USD']));
$$;
comment on function _billing.unpriced_but_listed is
  'Models, metrics and rate classes without a price whose list price is known.';

-- Sells what nobody could be billed for at its list price with a markup: default prices for the
-- model, fixed from then on.
create function _billing.sell_at_list(of_model text, markup_percent numeric, first_day date)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.prices (model, metric, rate_class, unit_amount, per_units, effective_from)
  select u.model, u.metric, u.rate_class,
    billing.cost_plus_amount((u.list_price).amount, markup_percent, 0, x.per_units),
    x.per_units, first_day
  from _billing.unpriced_but_listed() u
  cross join lateral (
    select case when u.metric like '%\_tokens' then 1000000 else 1 end as per_units) x
  where u.model = of_model;
$$;
comment on function _billing.sell_at_list is
  'Default prices for usage of a model without a price: its list prices with a markup.';

create function _billing.apply_proposal(proposal public.price_proposals, first_day date,
  markup_percent numeric)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if proposal.kind in ('changed_price', 'disagreement') then
    perform _billing.apply_list_price(proposal,
      coalesce(first_day, _billing.first_day_of(proposal)));
  elsif proposal.kind = 'new_model' then
    perform _billing.sell_at_list(proposal.model, markup_percent,
      coalesce(first_day, _billing.first_day_of(proposal)));
  end if;
end $$;
comment on function _billing.apply_proposal is 'Does what a proposal proposes.';

-- 40_rating/proposals/effects.sql

-- What a proposal would change for clients, by rating.

-- Charges of the open periods in which a model was used.
create function _billing.open_totals(of_model text)
returns table (client_id uuid, currency text, minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select c.client_id, t.currency, sum(c.amount_minor)
  from (select array(
    select u from unnest(billing.unsettled_targets()) u
    where exists (select from public.usage_records r
      where r.client_id = u.client_id and r.model = of_model
        and r.usage_day >= u.period_start and r.usage_day < u.period_end)) as targets) x
  cross join lateral _billing.rate_charges(x.targets) c
  join billing.period_terms(x.targets) t
    on t.client_id = c.client_id and t.period_start = c.section_start
  group by c.client_id, t.currency;
$$;
comment on function _billing.open_totals is
  'Charges of the open periods of each client that used a model, minor units.';

-- Rates the open periods as they are and with the proposal, and takes the proposal back.
create function _billing.proposal_effects(proposal public.price_proposals,
  first_day date default null, markup_percent numeric default 0)
returns jsonb language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  before constant jsonb := (
    select coalesce(jsonb_object_agg(o.client_id || o.currency, o.minor), '{}')
    from _billing.open_totals(proposal.model) o);
  effects jsonb := jsonb_build_array();
begin
  perform _billing.apply_proposal(proposal, first_day, markup_percent);
  select coalesce(jsonb_agg(jsonb_build_object('client_id', d.client_id, 'currency', d.currency,
    'minor', trim_scale(d.minor)::text) order by d.client_id), '[]') into effects
  from (select o.client_id, o.currency,
      o.minor - coalesce((before ->> (o.client_id || o.currency))::numeric, 0) as minor
    from _billing.open_totals(proposal.model) o) d
  where d.minor <> 0;
  raise exception using errcode = 'LB002', message = 'taken back';
exception
  when sqlstate 'LB002' then return effects;
  -- It cannot be accepted as it is: accepting it says why.
  when sqlstate 'PT409' then return jsonb_build_array();
end $$;
comment on function _billing.proposal_effects is
  'What a proposal would change on open periods: rated with and without it, and taken back.';

create function _billing.models_in_use(as_of timestamptz default billing.as_of())
returns table (model text) language sql stable set search_path = pg_catalog, pg_temp as $$
  select distinct r.model
  from unnest(billing.unsettled_targets(as_of)) t
  cross join lateral (
    select distinct u.model from public.usage_records u
    where u.client_id = t.client_id
      and u.usage_day >= t.period_start and u.usage_day < t.period_end
    offset 0
  ) r;
$$;
comment on function _billing.models_in_use is 'Models that were used in open periods.';

-- Once for all proposals of a statement: a sync may bring hundreds, of models that nobody uses.
create function _billing.note_effects() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: a sync need not be able to call what this asks.
declare
  sells_by_list constant boolean := exists (
    select from public.prices p where p.pricing_model = 'cost_plus');
begin
  if exists (select from new_rows n where n.kind = 'new_model' or sells_by_list) then
    update public.price_proposals p set effects = _billing.proposal_effects(p)
    from new_rows n
    where p.id = n.id and (n.kind = 'new_model' or sells_by_list and n.kind <> 'deprecation')
      and n.model in (select m.model from _billing.models_in_use() m);
  end if;
  return null;
end $$;

create trigger note_effects after insert on public.price_proposals
  referencing new table as new_rows
  for each statement execute function _billing.note_effects();

-- Proposals for models that are used: without a price while their list price is known, or at the
-- end of their life. Once each.
create function billing.propose_models(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: nobody writes proposals but these functions.
declare
  proposed bigint;
begin
  insert into public.price_proposals (kind, model, message, created_at)
  select x.kind, x.model, x.message, as_of
  from (
    select 'new_model' as kind, u.model, format(
      '%s has no price and blocks its clients; its list prices are %s', u.model,
      _billing.first_few(array_agg(format('%s for %s', billing.dollars_per(
          (u.list_price).amount * 1000000, 1000000), u.metric) order by u.metric))) as message
    from _billing.unpriced_but_listed() u group by u.model
    union all
    select 'deprecation', m.id, format('%s is used, and its provider ends it on %s', m.id,
      m.deprecated_on)
    from public.listed_models m
    where m.deprecated_on <= (as_of at time zone 'UTC')::date + 30
      and m.id in (select u.model from _billing.models_in_use(as_of) u)
  ) x
  where not exists (select from public.price_proposals p
    where p.kind = x.kind and p.model = x.model
      and (p.state in ('open', 'refused') or p.kind = 'deprecation'))
  on conflict do nothing;
  get diagnostics proposed = row_count;
  return proposed;
end $$;
comment on function billing.propose_models is
  'Makes a proposal for each used model without a price whose list price is known, and for each
   that ends within a month; returns how many.';
grant execute on function billing.propose_models(timestamptz) to service_role;

-- 40_rating/proposals/decide.sql

-- Decisions on proposals.

create function _billing.open_proposal(proposal_id bigint, reason text)
returns public.price_proposals language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  proposal public.price_proposals;
begin
  perform billing.require_second_factor();
  if btrim(coalesce(reason, '')) = '' then
    perform billing.raise_error('invalid_argument', 'a decision needs a reason');
  end if;
  select p.* into proposal from public.price_proposals p where p.id = proposal_id for update;
  if proposal.id is null then
    perform billing.raise_error('unknown_proposal',
      format('no price proposal has the id %s', proposal_id));
  elsif proposal.state <> 'open' then
    perform billing.raise_error('illegal_transition', format('proposal %s is %s since %s',
      proposal.id, proposal.state, proposal.decided_at));
  end if;
  return proposal;
end $$;
comment on function _billing.open_proposal is 'A proposal that waits for a decision, locked.';

create function billing.accept_price_proposal(proposal_id bigint, reason text,
  first_day date default null, markup_percent numeric default 0)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: nobody writes the catalogue but these functions.
declare
  proposal public.price_proposals;
begin
  if markup_percent is null or markup_percent not between -100 and 1e6 then
    perform billing.raise_error('invalid_argument', 'markup_percent is from -100 to 1000000');
  end if;
  proposal := _billing.open_proposal(proposal_id, reason);
  perform _billing.apply_proposal(proposal, first_day, markup_percent);
  update public.price_proposals p set state = 'accepted', decided_at = billing.as_of(),
    decided_by = billing.actor(), reason = btrim(accept_price_proposal.reason)
  where p.id = proposal.id;
end $$;
comment on function billing.accept_price_proposal is
  'Puts a proposed list price in force, from the day that the source was fetched or another one on;
   or sells a new model at its list prices with a markup. Audited.';
grant execute on function billing.accept_price_proposal(bigint, text, date, numeric)
  to service_role;

create function billing.refuse_price_proposal(proposal_id bigint, reason text)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  proposal public.price_proposals;
begin
  proposal := _billing.open_proposal(proposal_id, reason);
  update public.price_proposals p set state = 'refused', decided_at = billing.as_of(),
    decided_by = billing.actor(), reason = btrim(refuse_price_proposal.reason)
  where p.id = proposal.id;
end $$;
comment on function billing.refuse_price_proposal is
  'Leaves prices as they are; the same is not proposed again. Audited.';
grant execute on function billing.refuse_price_proposal(bigint, text) to service_role;

-- 50_invoicing/document/text.sql

-- Numbers as text, for documents.

-- numeric as a plain decimal string, so that no reader parses it as a float.
create function _billing.decimal_text(value numeric) returns text language sql immutable
return trim_scale(value)::text;

-- Parts of JSON as text: what has been escaped, and digits, which need no escaping.
create function _billing.json_text(value text) returns text language sql stable
return coalesce(to_json(value)::text, 'null');

create function _billing.json_digits(value numeric) returns text language sql immutable
return coalesce('"' || trim_scale(value)::text || '"', 'null');

-- 50_invoicing/document/breakdown.sql

-- Usage of the invoices' own periods with the line that charges it (null: no line does). A line
-- covers the days of one price of a model and metric, of one agent where lines are by agent. Read
-- once for all that a document says of usage.
create function _billing.document_usage(invoice_ids uuid[])
returns table (invoice_id uuid, agent text, usage_day date, metric text, quantity numeric,
  line_id uuid, line_quantity numeric, line_minor bigint)
language sql stable set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_nestloop = off set enable_mergejoin = off as $$
  with wanted as materialized (
    select i.id, i.client_id, i.period_start, i.period_end
    from public.invoices i where i.id = any (invoice_ids) and i.kind = 'period'
  ), usage as materialized (
    -- Reached by index, invoice by invoice, as in usage_of_targets.
    select w.id, r.agent, r.usage_day, r.model, r.metric, r.rate_class, r.quantity
    from wanted w
    cross join lateral (
      select * from public.usage_records u where u.client_id = w.client_id
        and u.usage_day >= w.period_start and u.usage_day < w.period_end
      offset 0
    ) r
  ), line as materialized (
    select l.id, l.invoice_id, l.model, l.metric, l.rate_class, l.agent, l.service_start,
      l.service_end, l.quantity, l.amount_minor
    from public.invoice_lines l
    where l.invoice_id = any (invoice_ids) and l.kind = 'usage' and not l.is_late
  )
  select u.id, u.agent, u.usage_day, u.metric, u.quantity, l.id, l.quantity, l.amount_minor
  from usage u
  left join line l on l.invoice_id = u.id and l.model = u.model and l.metric = u.metric
    and l.rate_class = u.rate_class
    and l.service_start <= u.usage_day and u.usage_day < l.service_end
    and (l.agent is null or l.agent = u.agent);
$$;
comment on function _billing.document_usage is
  'Usage of invoices'' own periods, each record with the line that charges it.';

-- The parts of documents that say what agents and days cost. Agents' amounts are shares of their
-- lines by quantity, largest remainder first, so they sum to the line exactly; days are rounded.
create function _billing.document_breakdown(invoice_ids uuid[])
returns table (invoice_id uuid, agents json, days json)
language sql stable
set search_path = pg_catalog, pg_temp set enable_nestloop = off set enable_mergejoin = off as $$
  with usage as materialized (
    select * from _billing.document_usage(invoice_ids)
  ), share as materialized (
    select u.invoice_id, u.line_id, u.agent, min(u.line_minor) as line_minor,
      min(u.line_quantity) as line_quantity, sum(u.quantity) as quantity
    from usage u where u.line_id is not null
    group by u.invoice_id, u.line_id, u.agent
  ), shared as materialized (
    -- Most lines are of one agent, which has all of it.
    select s.line_id from share s group by s.line_id
    having count(*) > 1 or min(s.quantity) <> min(s.line_quantity)
  ), ranked as (
    select s.*, floor(s.exact) as whole,
      s.line_minor - sum(floor(s.exact)) over (partition by s.line_id) as left_over,
      row_number() over (partition by s.line_id order by s.exact - floor(s.exact) desc, s.agent)
        as place
    from (
      select s.invoice_id, s.line_id, s.agent, s.line_minor,
        s.line_minor * s.quantity / nullif(s.line_quantity, 0) as exact
      from share s where s.line_id in (select d.line_id from shared d)
    ) s
  ), amount as (
    select x.invoice_id, x.agent, sum(x.minor) as minor
    from (
      select r.invoice_id, r.agent,
        r.whole + case when r.place <= r.left_over then 1 else 0 end as minor
      from ranked r
      union all
      select s.invoice_id, s.agent, s.line_minor from share s
      where s.line_id not in (select d.line_id from shared d)
    ) x
    group by x.invoice_id, x.agent
  ), agent as (
    select u.invoice_id, u.agent,
      coalesce(sum(u.quantity) filter (where u.metric = 'requests'), 0) as requests,
      coalesce(sum(u.quantity) filter (where u.metric like '%input_tokens'
        or u.metric like '%cache\_%'), 0) as input_tokens,
      coalesce(sum(u.quantity) filter (where u.metric like '%output_tokens'
        or u.metric like '%reasoning_tokens'), 0) as output_tokens,
      coalesce(sum(u.quantity) filter (
        where u.metric <> 'requests' and u.metric not like '%\_tokens'), 0) as other_units
    from usage u group by u.invoice_id, u.agent
  ), agents as (
    select g.invoice_id, json_agg(json_build_object(
      'agent', g.agent, 'requests', _billing.decimal_text(g.requests),
      'input_tokens', _billing.decimal_text(g.input_tokens),
      'output_tokens', _billing.decimal_text(g.output_tokens),
      'other_units', _billing.decimal_text(g.other_units),
      'amount_minor', coalesce(a.minor, 0)::bigint)
      order by coalesce(a.minor, 0) desc, g.agent) as agents
    from agent g left join amount a on a.invoice_id = g.invoice_id and a.agent = g.agent
    group by g.invoice_id
  ), daily as (
    select u.invoice_id, u.usage_day,
      _billing.decimal_text(
        coalesce(sum(u.quantity) filter (where u.metric like '%\_tokens'), 0)) as tokens,
      round(coalesce(sum(u.quantity * u.line_minor / nullif(u.line_quantity, 0)), 0))::text
        as minor
    from usage u group by u.invoice_id, u.usage_day
  ), calendar as materialized (
    -- Most periods are the same.
    select p.period_start, p.period_end, s.day::date as day,
      format('{"day":"%s","amount_minor":', s.day::date) as opening
    from (select distinct i.period_start, i.period_end from public.invoices i
      where i.id = any (invoice_ids) and i.kind = 'period') p
    cross join lateral generate_series(p.period_start, p.period_end - 1, interval '1 day') s(day)
  ), days as (
    -- Digits and days need no escaping: put together as text, cast once.
    select i.id as invoice_id, ('[' || string_agg(c.opening || coalesce(d.minor, '0')
      || ',"tokens":"' || coalesce(d.tokens, '0') || '"}', ',' order by c.day) || ']')::json as days
    from public.invoices i
    join calendar c on c.period_start = i.period_start and c.period_end = i.period_end
    left join daily d on d.invoice_id = i.id and d.usage_day = c.day
    where i.id = any (invoice_ids) and i.kind = 'period'
    group by i.id
  )
  select d.invoice_id, a.agents, d.days
  from days d left join agents a on a.invoice_id = d.invoice_id;
$$;
comment on function _billing.document_breakdown is
  'What agents and days of each invoice''s own period used and cost.';

-- 50_invoicing/document/lines.sql

-- The lines of an invoice as its document shows them.

create function _billing.document_lines(invoice_ids uuid[])
returns table (invoice_id uuid, lines json, discounts json, taxes json)
language sql stable
set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_nestloop = off as $$
  with line as materialized (
    -- Put together as text, which takes a third of the time of building JSON value by value.
    select l.* from public.invoice_lines l where l.invoice_id = any (invoice_ids)
  ), charged as (
    select l.invoice_id, ('[' || string_agg(concat(
        '{"kind":"', case when l.is_late then 'late_' end, l.kind,
        '","description":', _billing.json_text(l.description),
        ',"detail":', _billing.json_text(l.detail),
        ',"period":', coalesce('{"start":"' || l.service_start || '","end":"' || l.service_end
          || '"}', 'null'),
        ',"agent":', _billing.json_text(l.agent),
        -- An agent's 0.1 + 0.2 is 0.30000000000000004: exact in the books, 0.3 on paper.
        ',"quantity":', _billing.json_digits(round(l.quantity, 9)),
        ',"unit":', case when l.metric like '%\_tokens' then '"tokens"'
          when l.metric = 'web_searches' then '"searches"'
          when l.metric is not null then '"units"' else 'null' end,
        ',"unit_price":', _billing.json_digits(l.unit_amount),
        ',"per":', _billing.json_digits(l.per_units),
        ',"amount_minor":', l.amount_minor,
        ',"tiers":', case when l.tiers is null then 'null' else (
          select json_agg(json_build_object('up_to', t ->> 'up_to', 'unit_price',
            t ->> 'unit_amount', 'flat_amount', coalesce(t ->> 'flat_amount', '0')))::text
          from jsonb_array_elements(l.tiers) t) end, '}'),
      ',' order by l.position) || ']')::json as lines
    from line l where l.kind in ('usage', 'minimum', 'one_off')
    group by l.invoice_id
  ), discounted as (
    select l.invoice_id, json_agg(json_build_object('description', l.description,
      'amount_minor', l.amount_minor) order by l.position) as discounts
    from line l where l.kind = 'discount' group by l.invoice_id
  ), taxed as (
    select l.invoice_id, json_agg(json_build_object('name', l.tax_name,
      'rate_percent', _billing.decimal_text(l.tax_rate_percent), 'behavior', l.tax_behavior,
      'base_minor', l.tax_base_minor, 'amount_minor', l.amount_minor, 'note', l.tax_note)
      order by l.position) as taxes
    from line l where l.kind = 'tax' group by l.invoice_id
  )
  select i.id, coalesce(c.lines, '[]'), coalesce(d.discounts, '[]'), coalesce(t.taxes, '[]')
  from unnest(invoice_ids) i(id)
  left join charged c on c.invoice_id = i.id
  left join discounted d on d.invoice_id = i.id
  left join taxed t on t.invoice_id = i.id;
$$;

-- 50_invoicing/document/document.sql

-- The document of an invoice: one jsonb that holds all a renderer needs and is frozen with it.

create function _billing.document_seller() returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('name', s.seller_name, 'address', to_jsonb(s.seller_address),
    'email', s.seller_email, 'tax_id', s.seller_tax_id, 'website', s.seller_website,
    'payment_instructions', s.payment_instructions, 'footer', s.invoice_footer)
  from public.billing_settings s;
$$;

create function _billing.document_client(client_id uuid) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('id', c.id, 'name', c.name, 'address', to_jsonb(c.address),
    'email', c.email, 'tax_id', c.tax_id, 'external_id', c.external_id)
  from public.clients c where c.id = document_client.client_id;
$$;

-- What an invoice will have got when it is issued.
create type _billing.issue as (invoice_id uuid, number text, status text, issued_on date,
  due_on date, balance_applied_minor bigint);

-- Documents of invoices as they are, or as `issues` will make them. Put together as JSON text and
-- read once: parts that are jsonb are taken apart and built anew on each level that they go into.
create function _billing.documents_of(invoice_ids uuid[], issues _billing.issue[] default '{}')
returns table (invoice_id uuid, document jsonb)
language sql stable
set search_path = pg_catalog, pg_temp set enable_nestloop = off set enable_mergejoin = off as $$
  with seller as materialized (
    select _billing.document_seller()::json as document
  )
  select i.id, json_build_object(
    'version', 1, 'kind', 'invoice', 'number', x.number, 'status', x.status,
    'currency', i.currency, 'exponent', cur.exponent,
    'issued_on', x.issued_on, 'due_on', x.due_on,
    'period', case when i.kind = 'period' then json_build_object(
      'start', i.period_start, 'end', i.period_end, 'time_zone', z.time_zone) end,
    'references', json_build_object('invoice_number', null, 'replaces',
      case when i.replaces_id is not null then (
        select o.number from public.invoices o where o.id = i.replaces_id) end,
      'reason', null),
    'locale', c.locale, 'paper', c.paper, 'seller', seller.document,
    'client', json_build_object('id', c.id, 'name', c.name, 'address', c.address,
      'email', c.email, 'tax_id', c.tax_id, 'external_id', c.external_id),
    'lines', l.lines, 'discounts', l.discounts, 'taxes', l.taxes,
    'totals', json_build_object('subtotal_minor', i.subtotal_minor,
      'discount_minor', i.discount_minor, 'tax_minor', i.tax_minor,
      'tax_included_minor', i.tax_included_minor, 'total_minor', i.total_minor,
      'balance_applied_minor', x.applied,
      'amount_due_minor', i.amount_due_minor + i.balance_applied_minor - x.applied),
    'agents', coalesce(b.agents, '[]'), 'daily', coalesce(b.days, '[]'),
    'notes', case when i.note is null then '[]' else json_build_array(i.note) end,
    'payment_terms_days', i.payment_terms_days, 'payment_url', null)::jsonb
  from public.invoices i
  -- One by one, by index: not all clients are read for a batch of them.
  cross join lateral (select * from public.clients n where n.id = i.client_id offset 0) c
  left join lateral (
    select n.time_zone from public.client_time_zones n
    where n.client_id = i.client_id and n.effective_from < i.period_end and i.kind = 'period'
    order by n.effective_from desc limit 1
  ) z on true
  join public.currencies cur on cur.code = i.currency
  cross join seller
  join _billing.document_lines(invoice_ids) l on l.invoice_id = i.id
  left join _billing.document_breakdown(invoice_ids) b on b.invoice_id = i.id
  left join unnest(issues) f on f.invoice_id = i.id
  cross join lateral (select coalesce(f.number, i.number) as number,
    coalesce(f.status, i.status) as status, coalesce(f.issued_on, i.issued_on) as issued_on,
    coalesce(f.due_on, i.due_on) as due_on,
    coalesce(f.balance_applied_minor, i.balance_applied_minor) as applied) x
  where i.id = any (invoice_ids);
$$;
comment on function _billing.documents_of is
  'Documents of invoices, from the invoice, its lines, client, seller and usage.';

-- Writes the documents of drafts.
create function _billing.write_documents(invoice_ids uuid[])
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.invoices i set document = d.document
  from _billing.documents_of(invoice_ids) d where i.id = d.invoice_id;
$$;
comment on function _billing.write_documents is 'Writes invoices.document of drafts.';

-- 50_invoicing/drafts/target_invoices.sql

-- Where the lines of each section go: its own draft, or for late ones that of the newest due period
-- after it. A section that is not there is not charged now: it waits for a later period's invoice.
create function _billing.assign_target_invoices(due billing.rating_target[],
  late billing.rating_target[], settled billing.rating_target[])
returns void language plpgsql
set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
begin
  drop table if exists pg_temp.draft_sections;
  create temporary table draft_sections (client_id uuid, section_start date, section_end date,
    is_late boolean, currency text, payment_terms_days smallint, deliveries text[],
    home_start date, invoice_id uuid) on commit drop;
  with nets as materialized (
    select l.client_id, l.section_start, sum(l.amount_minor) filter (
      where l.tax_behavior is null or l.tax_behavior = 'exclusive') as net_minor
    from pg_temp.draft_lines l
    group by l.client_id, l.section_start
  ), homes as materialized (
    select t.* from billing.period_terms(due) t
  ), late_homes as (
    select t.*, h.home_start, h.home_start is not null or h.moved_on
      or billing.has_ended(t.client_id, t.period_start) as is_charged
    from billing.period_terms(late) t
    left join lateral (
      select max(o.period_start) filter (where o.currency = t.currency) as home_start,
        count(*) > 0 as moved_on
      from homes o where o.client_id = t.client_id and o.period_start > t.period_start
    ) h on true
  )
  insert into pg_temp.draft_sections
  select h.client_id, h.period_start, h.period_end, false, h.currency, h.payment_terms_days,
    h.deliveries, h.period_start, null::uuid
  from homes h left join nets n on n.client_id = h.client_id and n.section_start = h.period_start
  where coalesce(n.net_minor, 0) >= 0
  union all
  select h.client_id, h.period_start, h.period_end, true, h.currency, h.payment_terms_days,
    h.deliveries, h.home_start, null::uuid
  from late_homes h
  join nets n on n.client_id = h.client_id and n.section_start = h.period_start
  where h.is_charged and coalesce(n.net_minor, 0) >= 0;
end $$;

-- 50_invoicing/drafts/headers.sql

-- Takes the lines off the drafts of targets that there are, and late invoices not issued yet away.
create function _billing.empty_drafts(targets billing.rating_target[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  emptied constant uuid[] := array(
    select i.id from public.invoices i where i.status = 'draft' and (
      (i.kind = 'period' and (i.client_id, i.period_start) in (
        select t.client_id, t.period_start from unnest(targets) t))
      or (i.kind = 'late' and i.client_id in (select t.client_id from unnest(targets) t))));
begin
  if emptied <> '{}' then
    delete from public.invoice_lines l where l.invoice_id = any (emptied);
    delete from public.invoices i where i.id = any (emptied) and i.kind = 'late';
  end if;
end $$;

-- One draft with its totals, without lines yet, per (client, home period), and one per client and
-- currency for late usage that has no home. Drafts of targets that have lines again are emptied and
-- kept, those of targets without lines go, and so do those of zero: nothing to pay, no invoice.
create function _billing.write_draft_headers(targets billing.rating_target[])
returns uuid[] language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  drafted uuid[];
begin
  perform _billing.empty_drafts(targets);
  with homes as materialized (
    select s.client_id, s.home_start, s.currency, max(s.section_start) as terms_start,
      coalesce(sum(x.amount_minor) filter (where x.kind in ('usage', 'minimum', 'one_off')), 0)
        as subtotal,
      coalesce(sum(x.amount_minor) filter (where x.kind = 'discount'), 0) as discount,
      coalesce(sum(x.amount_minor) filter (where x.tax_behavior = 'exclusive'), 0) as tax,
      coalesce(sum(x.amount_minor) filter (where x.tax_behavior = 'inclusive'), 0)
        as tax_included,
      bool_or(x.kind in ('usage', 'minimum')) as has_charges
    from pg_temp.draft_lines x
    join pg_temp.draft_sections s
      on s.client_id = x.client_id and s.section_start = x.section_start
    group by s.client_id, s.home_start, s.currency
  ), spent as materialized (
    -- An allowance that met usage is spent; items that only cancel each other wait for an invoice
    -- to stand on.
    select _billing.item_of(x.rating_key) as id, x.section_start
    from homes h
    join pg_temp.draft_sections s on s.client_id = h.client_id and s.currency = h.currency
      and s.home_start is not distinct from h.home_start
    join pg_temp.draft_lines x on x.client_id = s.client_id and x.section_start = s.section_start
    where h.subtotal + h.discount + h.tax = 0 and h.has_charges and x.kind = 'one_off'
      and _billing.item_of(x.rating_key) is not null
  ), settled as (
    update public.invoice_items t
    set section_start = (select s.section_start from spent s where s.id = t.id)
    where t.id = any (array(select s.id from spent s))
  ), named as (
    -- Of a client's period: the first, or the one that follows the last that was voided. Of late
    -- usage: the first, second, ... of its currency.
    select h.*, case when h.home_start is not null then s.section_end end as home_end,
      s.payment_terms_days, s.deliveries, v.id as replaces_id, case when h.home_start is not null
        then _billing.named_id('period', h.client_id::text, h.home_start::text, v.id::text)
        else _billing.named_id('late', h.client_id::text, h.currency, (
          select count(*)::text from public.invoices o where o.client_id = h.client_id
            and o.kind = 'late' and o.currency = h.currency and o.status <> 'draft')) end as id
    from homes h
    join pg_temp.draft_sections s on s.client_id = h.client_id
      and s.section_start = coalesce(h.home_start, h.terms_start)
    left join lateral (
      select v.id from public.invoices v
      where v.client_id = h.client_id and v.period_start = h.home_start and v.status = 'void'
      order by v.finalized_at desc, v.number desc limit 1
    ) v on true
    where h.subtotal + h.discount + h.tax <> 0
  ), written as (
    insert into public.invoices as i (id, client_id, kind, period_start, period_end, currency,
      payment_terms_days, deliveries, replaces_id, subtotal_minor, discount_minor, tax_minor,
      tax_included_minor, total_minor)
    select n.id, n.client_id, case when n.home_start is null then 'late' else 'period' end,
      n.home_start, n.home_end, n.currency, n.payment_terms_days, n.deliveries, n.replaces_id,
      n.subtotal, -n.discount, n.tax, n.tax_included, n.subtotal + n.discount + n.tax
    from named n
    on conflict (client_id, period_start) where kind = 'period' and status <> 'void'
    do update set period_end = excluded.period_end, currency = excluded.currency,
      payment_terms_days = excluded.payment_terms_days, deliveries = excluded.deliveries,
      subtotal_minor = excluded.subtotal_minor, discount_minor = excluded.discount_minor,
      tax_minor = excluded.tax_minor, tax_included_minor = excluded.tax_included_minor,
      total_minor = excluded.total_minor
    where i.status = 'draft'
    returning i.id, i.client_id, i.period_start, i.currency
  ), attached as (
    update pg_temp.draft_sections s set invoice_id = w.id from written w
    where w.client_id = s.client_id
      and w.period_start is not distinct from s.home_start and w.currency = s.currency
  )
  select coalesce(array_agg(w.id), '{}') into drafted from written w;
  delete from public.invoices i
  where i.status = 'draft' and i.kind = 'period' and i.id <> all (drafted)
    and (i.client_id, i.period_start) in (
      select t.client_id, t.period_start from unnest(targets) t);
  return drafted;
end $$;

create function _billing.write_totals(invoice_ids uuid[])
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.invoices i set subtotal_minor = s.subtotal, discount_minor = -s.discount,
    tax_minor = s.tax, tax_included_minor = s.tax_included,
    total_minor = s.subtotal + s.discount + s.tax
  from (
    select l.invoice_id,
      coalesce(sum(l.amount_minor) filter (where l.kind in ('usage', 'minimum', 'one_off')), 0)
        as subtotal,
      coalesce(sum(l.amount_minor) filter (where l.kind = 'discount'), 0) as discount,
      coalesce(sum(l.amount_minor) filter (where l.tax_behavior = 'exclusive'), 0) as tax,
      coalesce(sum(l.amount_minor) filter (where l.tax_behavior = 'inclusive'), 0)
        as tax_included
    from public.invoice_lines l where l.invoice_id = any (invoice_ids)
    group by l.invoice_id
  ) s
  where i.id = s.invoice_id;
$$;
comment on function _billing.write_totals is 'Totals of drafts: sums of their rounded lines.';

-- 50_invoicing/drafts/late_lines.sql

-- Late lines on drafts that are not remade now, because their period is blocked.

-- Takes late lines of these periods off such drafts where they go on another now, or where nothing
-- is to be charged any more: on two drafts they would be charged twice. Those that find no other
-- stay. Asked once sections have their homes (assign_target_invoices). A draft without a line goes.
create function _billing.free_late_lines(due billing.rating_target[], late billing.rating_target[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  emptied uuid[];
begin
  with freed as (
    select t.client_id, t.period_start from unnest(late) t
    where (t.client_id, t.period_start) in (
        select s.client_id, s.section_start from pg_temp.draft_sections s)
      or coalesce((select sum(l.amount_minor) from pg_temp.draft_lines l
        where l.client_id = t.client_id and l.section_start = t.period_start
          and (l.tax_behavior is null or l.tax_behavior = 'exclusive')), 0) <= 0
  ), taken as (
    delete from public.invoice_lines l using public.invoices d, freed f
    where d.id = l.invoice_id and d.status = 'draft' and d.kind = 'period' and l.is_late
      and f.client_id = d.client_id and f.period_start = l.section_start
      and (d.client_id, d.period_start) not in (
        select t.client_id, t.period_start from unnest(due) t)
    returning d.id
  )
  select array_agg(distinct t.id) into emptied from taken t;
  if emptied is not null then
    delete from public.invoices d where d.id = any (emptied)
      and not exists (select from public.invoice_lines l where l.invoice_id = d.id);
    perform _billing.write_totals(emptied);
    perform _billing.write_documents(emptied);
  end if;
end $$;
comment on function _billing.free_late_lines is
  'Takes late lines that go elsewhere now off drafts of periods that are blocked.';

-- 50_invoicing/drafts/drafts.sql

-- Drafts: one per client and period that is over, remade as often as one likes until finalized.

-- Rates targets once for all that a run or a draft asks of their rating: the lines stand in
-- pg_temp.draft_lines. A table, not an array: it has no limit in size, and the planner sees how
-- large it is. Returns what was found.
create function _billing.rate_drafts(targets billing.rating_target[])
returns _billing.rating_finding[] language plpgsql
set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
begin
  -- Dropped first: a table that a caller made beforehand could bring triggers along.
  drop table if exists pg_temp.draft_lines;
  create temporary table draft_lines of _billing.rated_line on commit drop;
  insert into pg_temp.draft_lines select * from _billing.rate_periods(targets, true);
  return array(
    select (l.client_id, l.section_start, l.model, l.metric, l.rate_class, l.quantity, null,
      null, null)::_billing.rating_finding
    from pg_temp.draft_lines l where l.kind = 'unpriced'
    union all
    select (l.client_id, l.section_start, null, null, null, null,
      sum(l.amount_minor) filter (where l.tax_behavior is null or l.tax_behavior = 'exclusive'),
      sum(abs(l.amount_minor)), bool_or(l.kind = 'one_off'))::_billing.rating_finding
    from pg_temp.draft_lines l where l.kind <> 'unpriced'
    group by l.client_id, l.section_start);
end $$;
comment on function _billing.rate_drafts is
  'Rates targets into pg_temp.draft_lines, for make_drafts; returns what may block them.';

-- Leaves in draft_lines what is still to be charged: for settled targets the difference to what is
-- booked, for the others all that they are rated at.
create function _billing.reduce_to_deltas(targets billing.rating_target[],
  settled billing.rating_target[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  rating constant _billing.rated_line[] := array(
    select l::_billing.rated_line from pg_temp.draft_lines l
    where l.kind <> 'unpriced' and (l.client_id, l.section_start) in (
      select t.client_id, t.period_start from unnest(settled) t));
begin
  delete from pg_temp.draft_lines l
  where l.kind = 'unpriced'
    or (l.client_id, l.section_start) not in (
      select t.client_id, t.period_start from unnest(targets) t)
    or (l.client_id, l.section_start) in (
      select t.client_id, t.period_start from unnest(settled) t);
  insert into pg_temp.draft_lines
  select (d.line).* from _billing.line_deltas(settled, rating) d;
end $$;

-- Those of targets in draft_lines that are rated below what is booked for them.
create function _billing.overcharged_targets(targets billing.rating_target[])
returns billing.rating_target[] language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return array(
    select t from unnest(targets) t
    where (t.client_id, t.period_start) in (
      select l.client_id, l.section_start from pg_temp.draft_lines l
      where l.tax_behavior is null or l.tax_behavior = 'exclusive'
      group by l.client_id, l.section_start having sum(l.amount_minor) < 0));
end $$;
comment on function _billing.overcharged_targets is
  'Targets of make_drafts that are owed money; nobody else need be rated once more to find them.';

-- Writes the drafts of the targets that are due and puts late lines of earlier periods on the
-- newest of them in the same currency, where a preview shows them; where there will be none,
-- because the client has ended or changed its currency, late usage gets an invoice of its own. A
-- due period for which more is booked (late lines elsewhere, its own invoice void) than it is rated
-- at, or that is rated below zero, is left to credit_overcharges. Targets are rated by rate_drafts
-- and not blocked. Returns the drafts; their documents are written by the caller, which knows
-- whether they are issued at once.
create function _billing.make_drafts(due billing.rating_target[], late billing.rating_target[])
returns uuid[] language plpgsql
set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
declare
  settled constant billing.rating_target[] := array(
    select t from _billing.settled_targets(due || late) t);
  drafted uuid[];
begin
  perform _billing.reduce_to_deltas(due || late, settled);
  perform _billing.assign_target_invoices(due, late, settled);
  perform _billing.free_late_lines(due, late);
  drafted := _billing.write_draft_headers(due || late);
  insert into public.invoice_lines (invoice_id, position, kind, section_start, section_end,
    rating_key, is_late, model, metric, rate_class, agent, price_id, service_start, service_end,
    quantity, unit_amount, per_units, pricing_model, tiers, precise_amount, amount_minor, tax_name,
    tax_rate_percent, tax_behavior, tax_base_minor, tax_note, description, detail)
  select s.invoice_id, row_number() over (partition by s.invoice_id order by
      array_position('{usage,minimum,one_off,discount,tax}', x.kind),
      s.is_late, x.section_start, x.model is null, x.detail,
      case when x.rate_class = 'standard'
        then array_position('{input_tokens,output_tokens}', x.metric) end,
      concat_ws('_', nullif(x.rate_class, 'standard'), x.metric),
      x.service_start, x.agent, x.rating_key),
    x.kind, x.section_start, x.section_end, x.rating_key, s.is_late, x.model, x.metric,
    x.rate_class, x.agent, x.price_id, x.service_start, x.service_end, x.quantity,
    x.unit_amount, x.per_units, x.pricing_model, x.tiers, x.precise_amount, x.amount_minor,
    x.tax_name, x.tax_rate_percent, x.tax_behavior, x.tax_base_minor, x.tax_note, x.description,
    x.detail
  from pg_temp.draft_lines x
  join pg_temp.draft_sections s
    on s.client_id = x.client_id and s.section_start = x.section_start
  where s.invoice_id is not null;
  return drafted;
end $$;
comment on function _billing.make_drafts is
  'Makes or remakes the drafts of rated periods, with late usage of earlier ones.';

create function _billing.draft_invoices(
  due billing.rating_target[], late billing.rating_target[]
) returns uuid[] language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  drafted uuid[];
begin
  perform _billing.rate_drafts(due || late);
  drafted := _billing.make_drafts(due, late);
  perform _billing.write_documents(drafted);
  return drafted;
end $$;
comment on function _billing.draft_invoices is
  'Rates due periods and makes or remakes their drafts, documents included.';

-- 50_invoicing/finalize.sql

-- Finalizing: number, balance, freeze; all of it or nothing.

-- How much of each client's balance each of these invoices takes, in order.
create function _billing.balance_to_apply(ids uuid[])
returns table (invoice_id uuid, applied bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select i.id, least(i.total_minor, greatest(coalesce((
      select sum(b.amount_minor) from public.balance_entries b
      where b.client_id = i.client_id and b.currency = i.currency), 0)
    - (sum(i.total_minor) over (partition by i.client_id, i.currency order by x.place)
      - i.total_minor), 0))::bigint
  from unnest(ids) with ordinality x(id, place)
  join public.invoices i on i.id = x.id;
$$;

-- Which period each item on these drafts belongs to from now on. Before terms are held and numbers
-- taken: who edits an item holds its row until the commit, which waits for the terms.
create function _billing.settle_items(invoice_ids uuid[])
returns void language sql set search_path = pg_catalog, pg_temp as $$
  -- By id, so that items of long ago are not looked at.
  with settled as materialized (
    select _billing.item_of(l.rating_key) as id, l.section_start
    from public.invoice_lines l
    where l.invoice_id = any (invoice_ids) and l.kind = 'one_off' and l.section_start is not null
      and _billing.item_of(l.rating_key) is not null
  )
  update public.invoice_items t
  set section_start = (select l.section_start from settled l where l.id = t.id)
  where t.id = any (array(select l.id from settled l order by l.id)) and t.section_start is null;
$$;
comment on function _billing.settle_items is 'Notes the period of each item on these drafts.';

-- Finalizes drafts of clients that the caller has locked, at terms that it holds: open, or paid
-- where
-- the client's balance covers all of it. The row is written once, document included: what it says
-- and what the columns say is one statement.
create function _billing.finalize_invoices(invoice_ids uuid[], as_of timestamptz default now())
returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  -- The day an invoice is issued is the seller's: UTC.
  today constant date := (as_of at time zone 'UTC')::date;
  ids uuid[];
  issues _billing.issue[];
  before_first integer;
begin
  select array_agg(i.id order by c.name, i.period_start, i.id) into ids
  from public.invoices i join public.clients c on c.id = i.client_id
  where i.id = any (invoice_ids) and i.status = 'draft';
  if ids is null then
    return 0;
  end if;
  perform _billing.assert_lock_order(4);
  before_first := _billing.allocate_invoice_numbers(today, cardinality(ids));
  select array_agg((d.id, format('%s-%s-%s', s.number_series, extract(year from today),
      case when before_first + x.place < 1000000
        then lpad((before_first + x.place)::text, 6, '0')
        else (before_first + x.place)::text end),
    case when d.total_minor = a.applied then 'paid' else 'open' end, today,
    today + d.payment_terms_days, a.applied)::_billing.issue) into issues
  from unnest(ids) with ordinality x(id, place)
  join public.invoices d on d.id = x.id
  join _billing.balance_to_apply(ids) a on a.invoice_id = x.id
  cross join public.billing_settings s;
  update public.invoices i set
    number = f.number, status = f.status, finalized_at = as_of, issued_on = f.issued_on,
    due_on = f.due_on, balance_applied_minor = f.balance_applied_minor,
    paid_at = case when f.status = 'paid' then as_of end, document = d.document
  from unnest(issues) f
  join _billing.documents_of(ids, issues) d on d.invoice_id = f.invoice_id
  where i.id = f.invoice_id;
  insert into public.balance_entries
    (client_id, currency, amount_minor, reason, invoice_id, created_at)
  select i.client_id, i.currency, -i.balance_applied_minor, 'applied', i.id, as_of
  from public.invoices i where i.id = any (ids) and i.balance_applied_minor > 0;
  update public.billing_periods p
  set state = 'invoiced', reason = null, message = null, updated_at = as_of, settled_at = as_of
  from public.invoices i
  where i.id = any (ids) and i.kind = 'period' and p.client_id = i.client_id
    and p.period_start = i.period_start;
  return cardinality(ids);
end $$;
comment on function _billing.finalize_invoices is
  'Numbers and freezes drafts, in order of client name; returns how many.';

-- 50_invoicing/credit_notes/taxes.sql

-- Taxes of an invoice by name, rate and behavior, and what its notes have given back of each: by
-- hand, and by re-rating a section.
create function _billing.taxes_of_invoice(invoice_id uuid)
returns table (rating_key text, tax_name text, tax_rate_percent numeric, tax_behavior text,
  tax_note text, amount_minor numeric, base_minor numeric, by_hand_minor numeric,
  by_hand_base_minor numeric, rated_minor numeric, rated_base_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with given as (
    select x.rating_key,
      sum(x.amount_minor) filter (where x.section_start is null) as by_hand,
      sum(x.tax_base_minor) filter (where x.section_start is null) as by_hand_base,
      sum(x.amount_minor) filter (where x.section_start is not null) as rated,
      sum(x.tax_base_minor) filter (where x.section_start is not null) as rated_base
    from public.credit_notes n join public.credit_note_lines x on x.credit_note_id = n.id
    where n.invoice_id = taxes_of_invoice.invoice_id and n.voided_at is null and x.kind = 'tax'
    group by x.rating_key
  )
  select l.rating_key, min(l.tax_name), min(l.tax_rate_percent), min(l.tax_behavior),
    min(l.tax_note), sum(l.amount_minor), sum(l.tax_base_minor), coalesce(min(g.by_hand), 0),
    coalesce(min(g.by_hand_base), 0), coalesce(min(g.rated), 0), coalesce(min(g.rated_base), 0)
  from public.invoice_lines l left join given g on g.rating_key = l.rating_key
  where l.invoice_id = taxes_of_invoice.invoice_id and l.kind = 'tax'
  group by l.rating_key;
$$;
comment on function _billing.taxes_of_invoice is
  'Taxes of an invoice by name, rate and behavior, with what notes have given back of each.';

-- The taxes in a note by hand. They are shares of what re-rating has left of the invoice, rounded
-- over all notes by hand so far: notes that credit all give all tax back. Taxes on top never exceed
-- the note: what a cent has no room for comes with the next one.
create function _billing.tax_shares(invoice public.invoices, note public.credit_notes)
returns table (rating_key text, tax_name text, tax_rate_percent numeric, tax_behavior text,
  tax_note text, amount_minor bigint, tax_base_minor bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with part as (
    -- This note has no lines yet: it counts as one by hand.
    select coalesce(sum(c.total_minor) filter (where not x.is_rated), 0) as by_hand,
      invoice.total_minor - coalesce(sum(c.total_minor) filter (where x.is_rated), 0) as whole
    from public.credit_notes c
    cross join lateral (select exists (select from public.credit_note_lines l
      where l.credit_note_id = c.id and l.section_start is not null) as is_rated) x
    where c.invoice_id = invoice.id and c.voided_at is null
  ), wanted as (
    select t.*, greatest(0, least(t.amount_minor - t.rated_minor - t.by_hand_minor,
        round((t.amount_minor - t.rated_minor) * p.by_hand / p.whole) - t.by_hand_minor)) as minor,
      greatest(0, least(t.base_minor - t.rated_base_minor - t.by_hand_base_minor,
        round((t.base_minor - t.rated_base_minor) * p.by_hand / p.whole)
          - t.by_hand_base_minor)) as base
    from _billing.taxes_of_invoice(invoice.id) t cross join part p
  )
  select w.rating_key, w.tax_name, w.tax_rate_percent, w.tax_behavior, w.tax_note,
    case when w.tax_behavior = 'exclusive' then least(w.minor, greatest(0, note.total_minor
      - coalesce(sum(w.minor) filter (where w.tax_behavior = 'exclusive') over (
        order by w.rating_key rows between unbounded preceding and 1 preceding), 0)))
      else w.minor end::bigint,
    w.base::bigint
  from wanted w;
$$;
comment on function _billing.tax_shares is
  'What a credit note by hand gives back of each tax of its invoice.';

-- 50_invoicing/credit_notes/settle.sql

-- Credit notes: give back what was charged on an issued invoice, never more than is left of it.

-- Settles a credit: first off what is still due, the rest onto the balance or back to the payer.
-- Of money that has gone back already (`all_refunded`) nothing is taken off what is due.
create function _billing.write_credit_note(invoice public.invoices, amount bigint, reason text,
  to_refund boolean, as_of timestamptz, all_refunded boolean default false)
returns uuid language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  note_id uuid;
  off_due constant bigint := case when all_refunded then 0
    else least(amount, invoice.amount_due_minor) end;
  credited bigint;
  notes integer;
begin
  select coalesce(sum(n.total_minor) filter (where n.voided_at is null), 0), count(*)
  into credited, notes
  from public.credit_notes n where n.invoice_id = invoice.id;
  if amount <= 0 then
    perform billing.raise_error('invalid_argument',
      format('a credit of %s is not more than zero', amount));
  end if;
  if amount > invoice.total_minor - credited then
    perform billing.raise_error('credit_exceeds_invoice',
      format('%s would be credited, %s is left of invoice %s', amount,
        invoice.total_minor - credited, invoice.number), 'credit no more than is left');
  end if;
  note_id := _billing.named_id('credit_note', invoice.id::text, (notes + 1)::text);
  insert into public.credit_notes (id, invoice_id, client_id, number, reason, currency,
    total_minor, to_invoice_minor, to_balance_minor, to_refund_minor, issued_at)
  values (note_id, invoice.id, invoice.client_id,
    format('%s-CN%s', invoice.number, notes + 1), reason, invoice.currency, amount, off_due,
    case when to_refund then 0 else amount - off_due end,
    case when to_refund then amount - off_due else 0 end, as_of);
  if amount > off_due and not to_refund then
    insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
      credit_note_id, created_at)
    values (invoice.client_id, invoice.currency, amount - off_due, 'credit_note', invoice.id,
      note_id, as_of);
  end if;
  update public.invoices i set credited_minor = i.credited_minor + off_due,
    status = case when i.status in ('open', 'uncollectible') and i.amount_due_minor = off_due
      then 'paid' else i.status end,
    paid_at = case when i.status in ('open', 'uncollectible') and i.amount_due_minor = off_due
      then as_of else i.paid_at end
  where i.id = invoice.id and off_due > 0;
  return note_id;
end $$;

-- 50_invoicing/credit_notes/document.sql

-- The document of a credit note.

create function _billing.write_credit_document(note_id uuid)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  content jsonb;
begin
  select jsonb_build_object('version', 1, 'kind', 'credit_note', 'number', n.number,
    'status', 'open', 'currency', n.currency, 'exponent', cur.exponent,
    'issued_on', (n.issued_at at time zone 'UTC')::date, 'due_on', null,
    'period', i.document -> 'period',
    'references', jsonb_build_object('invoice_number', i.number, 'replaces', null,
      'reason', n.reason),
    'locale', c.locale, 'paper', c.paper, 'seller', _billing.document_seller(),
    'client', _billing.document_client(c.id), 'lines', l.lines, 'discounts', l.discounts,
    'taxes', l.taxes,
    'totals', jsonb_build_object('subtotal_minor', l.subtotal, 'discount_minor', -l.discount,
      'tax_minor', n.total_minor - l.subtotal - l.discount,
      'tax_included_minor', l.tax - (n.total_minor - l.subtotal - l.discount),
      'total_minor', n.total_minor, 'balance_applied_minor', 0,
      'amount_due_minor', 0),
    'agents', '[]'::jsonb, 'daily', '[]'::jsonb, 'notes', '[]'::jsonb,
    'payment_terms_days', i.payment_terms_days, 'payment_url', null) into content
  from public.credit_notes n
  join public.invoices i on i.id = n.invoice_id
  join public.clients c on c.id = n.client_id
  join public.currencies cur on cur.code = n.currency
  cross join lateral (
    select
      coalesce(sum(x.amount_minor) filter (where x.kind not in ('discount', 'tax')), 0)
        as subtotal,
      coalesce(sum(x.amount_minor) filter (where x.kind = 'discount'), 0) as discount,
      coalesce(sum(x.amount_minor) filter (where x.kind = 'tax'), 0) as tax,
      coalesce(jsonb_agg(jsonb_build_object('kind', x.kind, 'description', x.description,
        'detail', x.detail, 'period', null, 'agent', null,
        'quantity', _billing.decimal_text(x.quantity), 'unit', null, 'unit_price', null,
        'per', null, 'amount_minor', x.amount_minor, 'tiers', null) order by x.kind desc,
        x.description) filter (where x.kind not in ('discount', 'tax')), '[]') as lines,
      coalesce(jsonb_agg(jsonb_build_object('description', x.description,
        'amount_minor', x.amount_minor)) filter (where x.kind = 'discount'), '[]') as discounts,
      coalesce(jsonb_agg(jsonb_build_object('name', x.tax_name,
        'rate_percent', _billing.decimal_text(x.tax_rate_percent),
        'behavior', x.tax_behavior, 'base_minor', x.tax_base_minor,
        'amount_minor', x.amount_minor, 'note', x.tax_note) order by x.description)
        filter (where x.kind = 'tax'), '[]') as taxes
    from public.credit_note_lines x
    where x.credit_note_id = n.id
  ) l
  where n.id = note_id;
  update public.credit_notes n set document = content where n.id = note_id;
end $$;

-- 50_invoicing/credit_notes/by_amount.sql

-- A credit note of an amount, with the tax in it; returns its number.
create function _billing.credit_by_amount(invoice public.invoices, amount bigint, reason text,
  to_refund boolean, as_of timestamptz, all_refunded boolean default false)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  note public.credit_notes;
  note_id uuid;
begin
  note_id := _billing.write_credit_note(invoice, amount, reason, to_refund, as_of, all_refunded);
  select * into note from public.credit_notes n where n.id = note_id;
  insert into public.credit_note_lines (credit_note_id, rating_key, precise_amount,
    amount_minor, kind, tax_name, tax_rate_percent, tax_behavior, tax_base_minor, tax_note,
    description)
  select note.id, t.rating_key, t.amount_minor / _billing.to_minor(1, cur.exponent),
    t.amount_minor, 'tax', t.tax_name, t.tax_rate_percent, t.tax_behavior, t.tax_base_minor,
    t.tax_note, format('%s %s %%', t.tax_name, trim_scale(t.tax_rate_percent))
  from _billing.tax_shares(invoice, note) t
  join public.currencies cur on cur.code = invoice.currency
  where t.amount_minor <> 0 or t.tax_base_minor <> 0;
  insert into public.credit_note_lines (credit_note_id, rating_key, precise_amount,
    amount_minor, kind, description)
  select note.id, 'credit', x.net / _billing.to_minor(1, cur.exponent), x.net, 'credit',
    'Credit for invoice ' || invoice.number
  from public.currencies cur cross join lateral (
    select note.total_minor - coalesce((select sum(t.amount_minor)
      from public.credit_note_lines t
      where t.credit_note_id = note.id and t.tax_behavior = 'exclusive'), 0) as net) x
  where cur.code = invoice.currency;
  perform _billing.write_credit_document(note.id);
  return note.number;
end $$;

-- A credit note by hand: all that is left, or an amount (tax included). It does not change what
-- the usage is rated at, so its lines belong to no section: re-rating never charges it again.
create function billing.issue_credit_note(invoice_id uuid, reason text,
  amount_minor bigint default null, to_refund boolean default false,
  as_of timestamptz default now())
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask for a credit note, only these functions may write one.
declare
  invoice public.invoices;
begin
  perform billing.require_second_factor();
  perform _billing.lock_clients(_billing.clients_of(issue_credit_note.invoice_id));
  invoice := _billing.get_invoice(issue_credit_note.invoice_id);
  if invoice.status not in ('open', 'paid', 'uncollectible') then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s; only an issued invoice can be credited',
        coalesce(invoice.number, invoice.id::text), invoice.status));
  end if;
  if btrim(coalesce(issue_credit_note.reason, '')) = '' then
    perform billing.raise_error('invalid_argument', 'a credit note needs a reason');
  end if;
  return _billing.credit_by_amount(invoice, coalesce(issue_credit_note.amount_minor,
    invoice.total_minor - (select coalesce(sum(c.total_minor), 0)
      from public.credit_notes c
      where c.invoice_id = invoice.id and c.voided_at is null))::bigint,
    issue_credit_note.reason, to_refund, as_of);
end $$;
comment on function billing.issue_credit_note is
  'Credits all that is left of an issued invoice, or an amount of it; returns the number.';
grant execute on function billing.issue_credit_note(uuid, text, bigint, boolean, timestamptz)
  to service_role;

-- 50_invoicing/credit_notes/void.sql

-- Taking a credit note back.

-- Voids a note by hand: one that was all off what is due, on an invoice that is open, is due again;
-- one that was all to be refunded, where no refund was made, grants nothing any more. What went
-- onto the balance, and what re-rating has credited, cannot be taken back so.
create function _billing.void_credit_note(note_id uuid, as_of timestamptz)
returns boolean language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  note public.credit_notes;
begin
  select * into note from public.credit_notes n where n.id = note_id and n.voided_at is null
    and not exists (select from public.credit_note_lines l
      where l.credit_note_id = n.id and l.section_start is not null)
    and (n.to_refund_minor = n.total_minor or n.to_invoice_minor = n.total_minor and exists (
      select from public.invoices i where i.id = n.invoice_id and i.status = 'open'));
  if note.id is null then
    return false;
  end if;
  update public.credit_notes n set voided_at = as_of where n.id = note.id;
  update public.invoices i set credited_minor = i.credited_minor - note.to_invoice_minor
  where i.id = note.invoice_id and note.to_invoice_minor > 0;
  return true;
end $$;
comment on function _billing.void_credit_note is
  'Takes a credit note back whose amount was off what is due, or was never refunded; false where it
   cannot be.';

-- 50_invoicing/credit_notes/charged.sql

-- What an invoice charged for a section and has not been credited for it, within what is left of
-- the invoice. Notes of re-rating belong to one section each.
create function _billing.creditable(invoice public.invoices, section_start date)
returns bigint language sql stable set search_path = pg_catalog, pg_temp as $$
  select least(invoice.total_minor - n.credited, l.charged - n.of_section)::bigint
  from (
    select coalesce(sum(c.total_minor), 0) as credited,
      coalesce(sum(c.total_minor) filter (where exists (
        select from public.credit_note_lines x where x.credit_note_id = c.id
          and x.section_start = creditable.section_start)), 0) as of_section
    from public.credit_notes c
    where c.invoice_id = invoice.id and c.voided_at is null
  ) n, (
    select coalesce(sum(x.amount_minor), 0) as charged
    from public.invoice_lines x
    where x.invoice_id = invoice.id and x.section_start = creditable.section_start
      and (x.tax_behavior is null or x.tax_behavior = 'exclusive')
  ) l;
$$;

-- Issued invoices that a section can be credited on, with the room there is: those that charged it,
-- newest first. A period without an invoice of its own (more usage was taken back in it than used)
-- has nothing that charged it: after these come the client's others in the period's currency.
create function _billing.creditable_invoices(target billing.rating_target)
returns table (place bigint, invoice_id uuid, room bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with issued as (
    select i.*, exists (select from public.invoice_lines l
      where l.invoice_id = i.id and l.section_start = target.period_start) as charged
    from public.invoices i
    where i.client_id = target.client_id and i.status in ('open', 'paid', 'uncollectible')
  )
  select row_number() over (order by i.charged desc, i.finalized_at desc, i.number desc), i.id,
    case when i.charged then _billing.creditable(o, target.period_start)
      else i.total_minor - coalesce((select sum(n.total_minor) from public.credit_notes n
        where n.invoice_id = i.id and n.voided_at is null), 0) end::bigint
  from issued i join public.invoices o on o.id = i.id
  where i.charged or (i.currency = (
      select t.currency from billing.period_terms(array[target]) t)
    and not exists (select from issued x
      where x.kind = 'period' and x.period_start = target.period_start));
$$;
comment on function _billing.creditable_invoices is
  'Invoices that a section can be credited on, in order, and how much on each.';

-- What an invoice still charges for a section, by rating key: its lines less those of its notes.
create function _billing.charged_lines(invoice_id uuid, section_start date)
returns table (rating_key text, amount_minor numeric, quantity numeric, precise_amount numeric,
  tax_base_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select x.rating_key, sum(x.amount_minor), coalesce(sum(x.quantity), 0), sum(x.precise_amount),
    coalesce(sum(x.tax_base_minor), 0)
  from (
    select l.rating_key, l.amount_minor, l.quantity, l.precise_amount, l.tax_base_minor
    from public.invoice_lines l
    where l.invoice_id = charged_lines.invoice_id
      and l.section_start = charged_lines.section_start
    union all
    select l.rating_key, -l.amount_minor, -l.quantity, -l.precise_amount, -l.tax_base_minor
    from public.credit_notes n join public.credit_note_lines l on l.credit_note_id = n.id
    where n.invoice_id = charged_lines.invoice_id
      and l.section_start = charged_lines.section_start
  ) x
  group by x.rating_key;
$$;
comment on function _billing.charged_lines is
  'What an invoice still charges for a section, by rating key.';

-- 50_invoicing/credit_notes/taken.sql

-- What is credited of each line of a section, in a table of the session.

-- What is to be given back, positive, in pg_temp.credit_rest; what of it goes on which invoice, in
-- pg_temp.credit_parts, none yet.
create function _billing.begin_credit(target billing.rating_target[])
returns void language plpgsql
set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
begin
  drop table if exists pg_temp.credit_rest, pg_temp.credit_parts;
  create temporary table credit_rest on commit drop as
  select (d.line).rating_key, (d.line).kind,
    (d.line).tax_behavior is null or (d.line).tax_behavior = 'exclusive' as counts,
    -(d.line).amount_minor as amount_minor, -coalesce((d.line).quantity, 0) as quantity,
    -coalesce((d.line).precise_amount, 0) as precise_amount,
    -coalesce((d.line).tax_base_minor, 0) as tax_base_minor, d.line
  from _billing.section_deltas(target) d;
  -- A discount that stays may move to another invoice: with what it was given on.
  insert into pg_temp.credit_rest
  select b.rating_key, 'discount', true, 0, 0, 0, 0, b.sample
  from _billing.booked_lines(target) b
  where b.rating_key = 'discount' and b.amount_minor < 0
    and not exists (select from pg_temp.credit_rest r where r.rating_key = 'discount');
  create temporary table credit_parts (invoice_id uuid, rating_key text, amount_minor numeric,
    quantity numeric, precise_amount numeric, tax_base_minor numeric) on commit drop;
end $$;

create function _billing.taken_credit(invoice_id uuid)
returns bigint language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (select coalesce(sum(p.amount_minor), 0)
    from pg_temp.credit_parts p join pg_temp.credit_rest r using (rating_key)
    where p.invoice_id = taken_credit.invoice_id and r.counts);
end $$;

-- What of credit_rest an invoice charged itself: of each charge no more than it still charges, of
-- discount and taxes the share that these charges are of its charges.
create function _billing.own_credit(invoice_id uuid, section_start date)
returns table (rating_key text, counts boolean, is_charge boolean, rest_minor numeric,
  amount_minor numeric, quantity numeric, precise_amount numeric, tax_base_minor numeric)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
  with line as (
    select r.*, r.kind in ('usage', 'minimum', 'one_off') as is_charge,
      coalesce(c.amount_minor, 0) as charged, c.quantity as charged_quantity,
      coalesce(c.tax_base_minor, 0) as charged_base
    from pg_temp.credit_rest r
    left join _billing.charged_lines(own_credit.invoice_id, own_credit.section_start) c
      on c.rating_key = r.rating_key
  ), taken as (
    select l.*, case when l.is_charge and l.amount_minor * l.charged > 0
      then sign(l.charged) * least(abs(l.amount_minor), abs(l.charged)) else 0 end as minor
    from line l
  ), shared as (
    select t.*, coalesce(sum(t.minor) filter (where t.minor > 0) over ()
      / nullif(sum(t.charged) filter (where t.is_charge and t.charged > 0) over (), 0), 0) as share
    from taken t
  ), whole as (
    select s.*, case when s.is_charge then s.minor
        when s.amount_minor * s.charged > 0 then sign(s.charged)
          * least(abs(s.amount_minor), abs(round(s.charged * s.share))) else 0 end as take,
      case when s.tax_base_minor * s.charged_base > 0 then sign(s.charged_base)
        * least(abs(s.tax_base_minor), abs(round(s.charged_base * s.share))) else 0 end as base
    from shared s
  )
  select w.rating_key, w.counts, w.is_charge, w.amount_minor, w.take,
    -- All of a line is all of its units; of a part, the part.
    case when w.take = 0 then 0 when w.take = w.charged
        and w.charged_quantity between 0 and w.quantity then w.charged_quantity
      else round(w.quantity * w.take / w.amount_minor, 6) end,
    case when w.take = 0 then 0 else round(w.precise_amount * w.take / w.amount_minor, 10) end,
    w.base
  from whole w;
end $$;

-- Brings credit_take from `net` down to `room`, one rounding a line. No tax beyond what is left of
-- it on the invoice; where all of the invoice is given back, all of it.
create function _billing.scale_credit(invoice_id uuid, room bigint, net numeric)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  -- Where notes come to all of the invoice, they come to all of its taxes.
  empties constant boolean := room >= (
    select i.total_minor - coalesce((select sum(n.total_minor) from public.credit_notes n
      where n.invoice_id = i.id and n.voided_at is null), 0) - _billing.taken_credit(i.id)
    from public.invoices i where i.id = scale_credit.invoice_id);
  taxes numeric;
  taxes_before numeric;
begin
  select coalesce(sum(t.amount_minor), 0) into taxes_before
  from pg_temp.credit_take t where t.counts and t.rating_key like 'tax|%';
  update pg_temp.credit_take t set quantity = round(t.quantity * room / net, 6),
    precise_amount = round(t.precise_amount * room / net, 10),
    tax_base_minor = round(t.tax_base_minor * room / net);
  update pg_temp.credit_take t set amount_minor = case when x.tax_left is null
      then round(t.amount_minor * room / net)
      when empties then x.tax_left
      else least(round(t.amount_minor * room / net), x.tax_left) end
  from (
    select k.rating_key, o.amount_minor - o.by_hand_minor - o.rated_minor as tax_left
    from pg_temp.credit_take k
    left join _billing.taxes_of_invoice(scale_credit.invoice_id) o on o.rating_key = k.rating_key
    where k.rating_key like 'tax|%'
  ) x where x.rating_key = t.rating_key;
  select coalesce(sum(t.amount_minor), 0) into taxes
  from pg_temp.credit_take t where t.counts and t.rating_key like 'tax|%';
  -- Sums are rounded, a line is the difference of two: so lines come to what is left for them.
  update pg_temp.credit_take t set amount_minor = x.upto - x.before
  from (
    select k.rating_key,
      round(sum(k.amount_minor) over w * (room - taxes) / nullif(net - taxes_before, 0)) as upto,
      round((sum(k.amount_minor) over w - k.amount_minor) * (room - taxes)
        / nullif(net - taxes_before, 0)) as before
    from pg_temp.credit_take k where k.rating_key not like 'tax|%'
    window w as (order by k.rating_key)
  ) x where x.rating_key = t.rating_key and x.upto is not null;
end $$;

-- Where an invoice charged more of what is to be given back than is owed in all, because something
-- has become dearer, that is set off here, in credit_take: all of it, where what other invoices
-- charged is then still owed for; else as much as leaves what is owed. The rest comes to nothing
-- and is said by the next invoice. No line is credited where it was not charged. Returns what
-- credit_take comes to.
create function _billing.set_off_dearer(rest bigint)
returns numeric language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  charged numeric;
  dearer numeric;
  total numeric;
begin
  select sum(t.amount_minor), -coalesce(sum(t.rest_minor) filter (where t.rest_minor < 0), 0),
    sum(t.rest_minor) into charged, dearer, total
  from pg_temp.credit_take t where t.is_charge;
  if charged > dearer and total > 0 then
    update pg_temp.credit_take t set amount_minor = x.amount_minor, quantity = x.quantity,
      precise_amount = x.precise_amount, tax_base_minor = x.tax_base_minor
    from (
      select r.rating_key, r.amount_minor, r.quantity, r.precise_amount, r.tax_base_minor
      from pg_temp.credit_rest r join pg_temp.credit_take k using (rating_key)
      where k.is_charge and k.rest_minor < 0
      union all
      -- Discount and taxes in the share of these charges.
      select r.rating_key, round(r.amount_minor * (charged - dearer) / total), 0,
        round(r.precise_amount * (charged - dearer) / total, 10),
        round(r.tax_base_minor * (charged - dearer) / total)
      from pg_temp.credit_rest r join pg_temp.credit_take k using (rating_key)
      where not k.is_charge
    ) x where x.rating_key = t.rating_key;
  elsif dearer > 0 then
    update pg_temp.credit_take t set amount_minor = x.minor,
      quantity = round(x.rest_quantity * x.minor / t.rest_minor, 6),
      precise_amount = round(x.rest_precise * x.minor / t.rest_minor, 10)
    from (
      -- Sums are rounded, a line is the difference of two.
      select k.rating_key, r.quantity as rest_quantity, r.precise_amount as rest_precise,
        round(sum(k.rest_minor) over w * (k.net_minor - rest) / dearer)
          - round((sum(k.rest_minor) over w - k.rest_minor) * (k.net_minor - rest) / dearer)
          as minor
      from pg_temp.credit_take k join pg_temp.credit_rest r using (rating_key)
      where k.is_charge and k.rest_minor < 0
      window w as (order by k.rating_key)
    ) x where x.rating_key = t.rating_key;
  end if;
  return (select sum(t.amount_minor) from pg_temp.credit_take t where t.counts);
end $$;
comment on function _billing.set_off_dearer is
  'Sets what has become dearer off against what one invoice is credited for.';

-- Where an invoice charged less for the section than its lines come to, because of a discount that
-- was given on them and stays: it is taken back here and given on the next invoice of the section.
-- Returns what credit_take comes to.
create function _billing.move_discount(invoice_id uuid, section_start date, room bigint,
  net numeric)
returns numeric language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  given constant numeric := coalesce((
    select -c.amount_minor from _billing.charged_lines(move_discount.invoice_id,
      move_discount.section_start) c where c.rating_key = 'discount'), 0);
begin
  update pg_temp.credit_take t
  set amount_minor = t.amount_minor - least(net - room, given + t.amount_minor),
    precise_amount = t.precise_amount - least(net - room, given + t.amount_minor) * x.unit
  from (
    select coalesce((r.line).precise_amount / nullif((r.line).amount_minor, 0), 0) as unit
    from pg_temp.credit_rest r where r.rating_key = 'discount'
  ) x
  where t.rating_key = 'discount' and given + t.amount_minor > 0;
  return (select sum(t.amount_minor) from pg_temp.credit_take t where t.counts);
end $$;
comment on function _billing.move_discount is
  'Takes the discount of an invoice back with the lines that it was given on.';

-- Takes off credit_rest what goes on one invoice and returns what it comes to. `own`: what the
-- invoice charged itself, discount and taxes in the share of the charges that are taken. The
-- invoice that brings the credit to its end takes all that is left, what has become dearer too. No
-- more than `room`: then a share of each line.
create function _billing.take_credit(invoice_id uuid, section_start date, room bigint, rest bigint,
  own boolean)
returns bigint language plpgsql
set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
declare
  net numeric;
  ends boolean;
begin
  if room <= 0 then
    return 0;
  end if;
  drop table if exists pg_temp.credit_take;
  create temporary table credit_take on commit drop as
  select t.*, sum(case when t.counts then t.amount_minor else 0 end) over () as net_minor,
    bool_or(t.is_charge and t.rest_minor > greatest(t.amount_minor, 0)) over () as goes_on
  from _billing.own_credit(invoice_id, section_start) t;
  select coalesce(max(t.net_minor), 0), not coalesce(bool_or(t.goes_on), false) into net, ends
  from pg_temp.credit_take t;
  -- What it has no room for is not its own.
  if ends and rest <= room or not own then
    update pg_temp.credit_take t set amount_minor = r.amount_minor, quantity = r.quantity,
      precise_amount = r.precise_amount, tax_base_minor = r.tax_base_minor
    from pg_temp.credit_rest r where r.rating_key = t.rating_key;
    net := rest;
  elsif net > rest then
    net := _billing.set_off_dearer(rest);
  end if;
  if net <= 0 then
    return 0;
  end if;
  if own and net > room then
    net := _billing.move_discount(invoice_id, section_start, room, net);
  end if;
  if net > room then
    perform _billing.scale_credit(invoice_id, room, net);
  end if;
  insert into pg_temp.credit_parts
  select take_credit.invoice_id, t.rating_key, t.amount_minor, t.quantity, t.precise_amount,
    t.tax_base_minor
  from pg_temp.credit_take t
  where (t.amount_minor, t.quantity, t.precise_amount, t.tax_base_minor) <> (0, 0, 0, 0);
  update pg_temp.credit_rest r set amount_minor = r.amount_minor - t.amount_minor,
    quantity = r.quantity - t.quantity, precise_amount = r.precise_amount - t.precise_amount,
    tax_base_minor = r.tax_base_minor - t.tax_base_minor
  from pg_temp.credit_take t where t.rating_key = r.rating_key;
  return (select sum(t.amount_minor) from pg_temp.credit_take t where t.counts);
end $$;

-- 50_invoicing/credit_notes/sections.sql

-- The credit of what a period was charged too much, invoice by invoice.

-- The note on one invoice with the lines that credit_parts has for it.
create function _billing.write_section_note(invoice_id uuid, target billing.rating_target,
  as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  label constant text := _billing.period_label(target.period_start, target.period_end);
  note_id uuid;
begin
  note_id := _billing.write_credit_note(_billing.get_invoice(invoice_id),
    _billing.taken_credit(invoice_id), 'Usage of ' || label || ' corrected', false, as_of);
  insert into public.credit_note_lines (credit_note_id, section_start, rating_key, kind, model,
    metric, rate_class, agent, price_id, service_start, service_end, quantity, unit_amount,
    per_units, pricing_model, tiers, precise_amount, amount_minor, tax_name, tax_rate_percent,
    tax_behavior, tax_base_minor, tax_note, description, detail)
  select note_id, (r.line).section_start, r.rating_key, r.kind, (r.line).model, (r.line).metric,
    (r.line).rate_class, (r.line).agent, (r.line).price_id, (r.line).service_start,
    (r.line).service_end,
    case when (r.line).quantity is not null then p.quantity end, (r.line).unit_amount,
    (r.line).per_units, (r.line).pricing_model, (r.line).tiers, p.precise_amount, p.amount_minor,
    (r.line).tax_name, (r.line).tax_rate_percent, (r.line).tax_behavior,
    case when (r.line).tax_base_minor is not null then p.tax_base_minor end, (r.line).tax_note,
    format('%s, %s', _billing.plain_description(r.kind, label, (r.line).description), label),
    (r.line).detail
  from pg_temp.credit_rest r join (
    select c.rating_key, sum(c.amount_minor) as amount_minor, sum(c.quantity) as quantity,
      sum(c.precise_amount) as precise_amount, sum(c.tax_base_minor) as tax_base_minor
    from pg_temp.credit_parts c where c.invoice_id = write_section_note.invoice_id
    group by c.rating_key
  ) p using (rating_key);
  perform _billing.write_credit_document(note_id);
end $$;

-- Credits one section as far as its invoices have room; returns how many notes that took. First
-- each invoice is credited for what it charged itself. What is owed beyond that (an invoice that a
-- note by hand has emptied) goes on those that have room.
create function _billing.credit_section(
  target billing.rating_target[], amount bigint, as_of timestamptz
) returns bigint language plpgsql
set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
declare
  rest bigint := amount;
  own boolean;
  home record;
  notes bigint := 0;
begin
  perform _billing.begin_credit(target);
  foreach own in array '{true,false}'::boolean[] loop
    for home in select * from _billing.creditable_invoices(target[1]) order by place loop
      rest := rest - _billing.take_credit(home.invoice_id, target[1].period_start,
        least(rest, home.room - _billing.taken_credit(home.invoice_id)), rest, own);
    end loop;
  end loop;
  for home in select * from _billing.creditable_invoices(target[1]) order by place loop
    continue when _billing.taken_credit(home.invoice_id) = 0;
    perform _billing.write_section_note(home.invoice_id, target[1], as_of);
    notes := notes + 1;
  end loop;
  return notes;
end $$;

-- 50_invoicing/credit_notes/overcharges.sql

-- Overcharges found by re-rating (corrections, usage that moved): what is rated lower than it was
-- invoiced is credited line by line, each line on the invoices that charged it, newest first, with
-- its taxes. No invoice is credited more for a section than it charged for it: what is left of it
-- for its other sections must stay creditable for them. What no invoice has enough left for stays
-- in the books as it is and is set off against later usage of the section.

create function _billing.credit_overcharges(targets billing.rating_target[], as_of timestamptz)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  section record;
  credits bigint := 0;
begin
  for section in
    select s.client_id, s.section_start, -s.net_minor as amount
    from _billing.late_sections(targets) s where s.net_minor < 0
    order by s.client_id, s.section_start
  loop
    credits := credits + _billing.credit_section(array(
      select t from unnest(targets) t where t.client_id = section.client_id
        and t.period_start = section.section_start), section.amount::bigint, as_of);
  end loop;
  return credits;
end $$;
comment on function _billing.credit_overcharges is
  'Issues credit notes for target periods that are rated lower than they were invoiced.';

-- 50_invoicing/payments.sql

-- What becomes of an issued invoice: paid, overdue, written off.

create function billing.record_payment(invoice_id uuid, amount_minor bigint,
  paid_at timestamptz default now(), method text default 'manual', reference text default null)
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  invoice public.invoices;
  payment_id uuid;
  paid_invoice uuid;
  excess bigint;
begin
  perform billing.require_second_factor();
  perform _billing.lock_clients(_billing.clients_of(record_payment.invoice_id));
  invoice := _billing.get_invoice(record_payment.invoice_id);
  select p.id, p.invoice_id into payment_id, paid_invoice from public.payments p
  where p.reference = record_payment.reference;
  if payment_id is not null then
    if paid_invoice <> invoice.id then
      perform billing.raise_error('illegal_transition',
        format('payment %s is recorded for another invoice than %s', reference, invoice.number));
    end if;
    return payment_id;
  end if;
  if invoice.status = 'draft' or amount_minor <= 0 then
    perform billing.raise_error('illegal_transition',
      format('a payment of %s cannot be recorded: invoice %s is %s', amount_minor,
        coalesce(invoice.number, invoice.id::text), invoice.status));
  end if;
  insert into public.payments (invoice_id, client_id, amount_minor, currency, paid_at, method,
    reference)
  values (invoice.id, invoice.client_id, record_payment.amount_minor, invoice.currency,
    record_payment.paid_at, record_payment.method, record_payment.reference)
  returning id into payment_id;
  -- Money for an invoice that is settled or void is the client's: all of it goes to the balance.
  excess := case when invoice.status in ('open', 'uncollectible')
    then greatest(record_payment.amount_minor - invoice.amount_due_minor, 0)
    else record_payment.amount_minor end;
  update public.invoices i
  set paid_minor = i.paid_minor + record_payment.amount_minor - excess,
    status = case when i.amount_due_minor <= record_payment.amount_minor then 'paid'
      else i.status end,
    paid_at = case when i.amount_due_minor <= record_payment.amount_minor
      then record_payment.paid_at end
  where i.id = invoice.id and i.status in ('open', 'uncollectible');
  insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
    created_at)
  select invoice.client_id, invoice.currency, excess, 'overpayment', invoice.id,
    record_payment.paid_at
  where excess > 0;
  return payment_id;
end $$;
comment on function billing.record_payment is
  'Records a payment once per reference; what exceeds the amount due goes to the balance.';
grant execute on function billing.record_payment(uuid, bigint, timestamptz, text, text)
  to service_role;

create function billing.mark_uncollectible(invoice_id uuid, as_of timestamptz default now())
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  invoice public.invoices;
begin
  perform billing.require_second_factor();
  perform _billing.lock_clients(_billing.clients_of(mark_uncollectible.invoice_id));
  invoice := _billing.get_invoice(mark_uncollectible.invoice_id);
  if invoice.status <> 'open' then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s; only an open invoice can be written off',
        coalesce(invoice.number, invoice.id::text), invoice.status));
  end if;
  update public.invoices i set status = 'uncollectible', uncollectible_at = as_of,
    written_off_minor = i.amount_due_minor
  where i.id = invoice.id;
end $$;
comment on function billing.mark_uncollectible is
  'Writes an open invoice off; it may still be paid.';
grant execute on function billing.mark_uncollectible(uuid, timestamptz) to service_role;

create function billing.overdue_invoices(as_of timestamptz default now())
returns table (invoice_id uuid, number text, client_id uuid, client text, currency text,
  amount_due_minor bigint, due_on date, days_overdue integer)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select i.id, i.number, c.id, c.name, i.currency, i.amount_due_minor, i.due_on,
    (as_of at time zone 'UTC')::date - i.due_on
  from public.invoices i join public.clients c on c.id = i.client_id
  where i.status = 'open' and i.due_on < (as_of at time zone 'UTC')::date
  order by i.due_on, i.number;
$$;
comment on function billing.overdue_invoices is 'Open invoices past their due day.';
grant execute on function billing.overdue_invoices(timestamptz) to service_role;

-- 50_invoicing/one_off.sql

-- An invoice for pending items alone, at once.
create function billing.create_one_off_invoice(item_ids uuid[], as_of timestamptz default now())
returns uuid language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  made uuid;
  client uuid;
  mixed boolean;
begin
  perform _billing.lock_clients(array(
    select distinct i.client_id from public.invoice_items i where i.id = any (item_ids)));
  select (array_agg(i.client_id))[1],
    count(distinct (i.client_id, i.currency)) > 1 or count(*) <> cardinality(item_ids)
      or bool_or(i.section_start is not null or i.invoice_id is not null)
  into client, mixed from public.invoice_items i where i.id = any (item_ids);
  if mixed or client is null then
    perform billing.raise_error('invalid_argument',
      'a one-off invoice takes pending items of one client in one currency');
  end if;
  insert into public.invoices (client_id, kind, currency, payment_terms_days, deliveries)
  select client, 'one_off', i.currency, t.payment_terms_days, t.deliveries
  from public.invoice_items i
  cross join lateral billing.config_on(array[client],
    array[billing.day_of(client, as_of)]) t
  where i.id = item_ids[1]
  returning id into made;
  insert into public.invoice_lines (invoice_id, position, kind, rating_key, service_start,
    service_end, quantity, unit_amount, per_units, precise_amount, amount_minor, tax_name,
    tax_rate_percent, tax_behavior, tax_base_minor, tax_note, description)
  select made, row_number() over (order by l.kind = 'tax', l.description, l.rating_key), l.kind,
    l.rating_key, l.service_start, l.service_end, l.quantity, l.unit_amount, l.per_units,
    l.precise_amount, l.amount_minor, l.tax_name, l.tax_rate_percent, l.tax_behavior,
    l.tax_base_minor, l.tax_note, l.description
  from _billing.add_discounts_and_taxes(
    array(
      select (i.client_id, null, null, 'one_off', 'item|' || i.id, null, null, null, null,
        null, i.item_day, i.item_day + 1, i.quantity, i.unit_amount, 1, null, null,
        i.quantity * i.unit_amount, _billing.to_minor(i.quantity * i.unit_amount, c.exponent),
        null, null, null, null, null, i.description, null)::_billing.rated_line
      from public.invoice_items i join public.currencies c on c.code = i.currency
      where i.id = any (item_ids)),
    array(
      select (client, null, t.exponent, null, null, t.taxes)::_billing.section_terms
      from billing.config_on(array[client], array[billing.day_of(client, as_of)]) t)) l;
  update public.invoice_items i set invoice_id = made where i.id = any (item_ids);
  perform _billing.write_totals(array[made]);
  perform _billing.write_documents(array[made]);
  return made;
end $$;
comment on function billing.create_one_off_invoice is 'Draft invoice of pending items only.';
grant execute on function billing.create_one_off_invoice(uuid[], timestamptz) to service_role;

-- 50_invoicing/periods.sql

-- Which periods there are, which of them a run settles, and what becomes of each.

-- Periods with service that are over at `as_of` and have no row yet, of all clients or one: from
-- the client's first period on, each starting where the one before it ended, also when the anchor
-- day has changed in between; after a gap in service on the anchor day. And the periods before and
-- between those that there are where days have come into service since: they end where the next
-- period begins.
create function _billing.unopened_periods(as_of timestamptz, of_client uuid default null)
returns table (client_id uuid, period_start date, period_end date, full_days integer)
language plpgsql stable
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
begin
  return query
  with opened as materialized (
    select p.client_id, min(p.period_start) as first_start,
      sum(p.period_end - p.period_start) < max(p.period_end) - min(p.period_start) as has_holes
    from public.billing_periods p where of_client is null or p.client_id = of_client
    group by p.client_id
  ), holes as (
    select o.client_id, '-infinity'::date as hole_start, o.first_start as hole_end
    from opened o join public.clients c on c.id = o.client_id and c.started_on < o.first_start
    union all
    select p.client_id, p.period_end, p.next_start
    from (
      select x.client_id, x.period_end, lead(x.period_start) over (
        partition by x.client_id order by x.period_start) as next_start
      from public.billing_periods x
      where x.client_id in (select o.client_id from opened o where o.has_holes)
    ) p
    where p.period_end < p.next_start
  ), spans as (
    select r.client_id, r.billing_anchor_day, r.next_start as from_day, r.today as until_day,
      null::date as joint
    from billing.current_periods(as_of) r
    where r.next_start < r.today and (of_client is null or r.client_id = of_client)
    union all
    select h.client_id, c.billing_anchor_day, greatest(h.hole_start, billing.period_start_of(
      greatest(h.hole_start, s.starts_on), c.billing_anchor_day)), h.hole_end, h.hole_end
    from holes h
    join public.clients c on c.id = h.client_id
    cross join lateral (
      select min(i.starts_on) as starts_on from public.service_intervals i
      where i.client_id = h.client_id and i.starts_on < h.hole_end and i.ends_on > h.hole_start
    ) s
    where s.starts_on is not null
  ), ends as (
    select s.*, billing.anchor_in_month((m.month)::date, s.billing_anchor_day) as period_end
    from spans s cross join lateral generate_series(
      date_trunc('month', s.from_day::timestamp),
      date_trunc('month', s.until_day::timestamp), interval '1 month') m(month)
    union
    select s.*, s.joint from spans s where s.joint is not null
  ), periods as (
    select e.client_id, e.billing_anchor_day, e.period_end,
      coalesce(lag(e.period_end) over (partition by e.client_id, e.from_day
        order by e.period_end), e.from_day) as period_start
    from ends e where e.period_end > e.from_day and e.period_end <= e.until_day
  )
  select p.client_id, p.period_start, p.period_end,
    billing.full_days(p.period_start, p.period_end, p.billing_anchor_day)
  from periods p
  where exists (select from public.service_intervals s where s.client_id = p.client_id
    and s.starts_on < p.period_end and s.ends_on > p.period_start);
end $$;
comment on function _billing.unopened_periods is
  'Periods that are over at an instant and have no row yet.';

-- Opens a row for each of them.
create function _billing.open_periods(as_of timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with periods as materialized (
    select * from _billing.unopened_periods(as_of)
  ), standing as materialized (
    -- A change of a client's service waits for its new periods, to mark them. A client that is
    -- being changed at this moment gets its periods by the next run.
    select c.id from public.clients c
    where c.id in (select p.client_id from periods p) for share of c skip locked
  )
  insert into public.billing_periods (client_id, period_start, period_end, full_days, updated_at)
  select p.client_id, p.period_start, p.period_end, p.full_days, as_of
  from periods p join standing c on c.id = p.client_id;
$$;
comment on function _billing.open_periods is 'Adds the periods that are over at an instant.';

-- Periods that a run settles, of all clients or some: not invoiced yet, changed since, or in draft;
-- also those with late lines on a draft, since drafts are remade. Late ones have an issued invoice.
create function _billing.run_targets(client_ids uuid[] default null)
returns table (client_id uuid, period_start date, period_end date, is_late boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.client_id, p.period_start, p.period_end, coalesce((
    select i.status <> 'draft' from public.invoices i
    where i.client_id = p.client_id and i.kind = 'period' and i.period_start = p.period_start
      and i.status <> 'void'), false)
  from (
    select unnest(client_ids) as client_id
    union all
    select x.id from public.clients x where client_ids is null
  ) c
  -- Client by client, each by its indexes: neither settled periods, all of history, nor the periods
  -- of clients that are not asked for are looked at.
  cross join lateral (
    select d.period_start from public.billing_periods d
    where d.client_id = c.client_id and d.state <> 'voided'
      and (d.usage_changed or d.state in ('pending', 'blocked'))
    union
    select d.period_start from public.invoices d
    where d.client_id = c.client_id and d.status = 'draft' and d.kind = 'period'
    union
    select l.section_start
    from public.invoices d
    join public.invoice_lines l on l.invoice_id = d.id and l.is_late
    join public.billing_periods s on s.client_id = d.client_id
      and s.period_start = l.section_start and s.state <> 'voided'
    where d.client_id = c.client_id and d.status = 'draft'
  ) w
  join public.billing_periods p on p.client_id = c.client_id and p.period_start = w.period_start;
$$;
comment on function _billing.run_targets is
  'Periods that a run settles, of all clients or of some.';

create function _billing.targets_of_run(client_ids uuid[] default null)
returns table (due billing.rating_target[], late billing.rating_target[])
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(x.target order by x.target) filter (where not x.is_late), '{}'),
    coalesce(array_agg(x.target order by x.target) filter (where x.is_late), '{}')
  from (
    select (t.client_id, t.period_start, t.period_end)::billing.rating_target as target, t.is_late
    from _billing.run_targets(client_ids) t
  ) x;
$$;
comment on function _billing.targets_of_run is
  'The same as two lists: due ones have no issued invoice, late ones have.';

-- Periods that nothing bills: their invoice was voided and none has taken its place.
create function _billing.voided_periods()
returns table (client_id uuid, period_start date, number text, voided_at timestamptz)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.client_id, p.period_start, v.number, v.voided_at
  from public.billing_periods p
  left join lateral (
    select i.number, i.voided_at from public.invoices i
    where i.client_id = p.client_id and i.period_start = p.period_start and i.status = 'void'
    order by i.voided_at desc, i.number desc limit 1
  ) v on true
  where p.state = 'voided';
$$;
comment on function _billing.voided_periods is
  'Periods whose invoice was voided and that have not been billed anew.';

-- 50_invoicing/period_states.sql

-- What rating a period finds, noted at the period.

-- Targets without a live invoice that are rated below what is booked for them.
create function _billing.negative_sections(targets billing.rating_target[])
returns table (client_id uuid, section_start date, net_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select (d.line).client_id, (d.line).section_start, sum((d.line).amount_minor)
  from _billing.section_deltas(array(
    select t from unnest(targets) t where not exists (
      select from public.invoices i where i.client_id = t.client_id and i.kind = 'period'
        and i.period_start = t.period_start and i.status <> 'void'))) d
  where (d.line).tax_behavior is null or (d.line).tax_behavior = 'exclusive'
  group by 1, 2 having sum((d.line).amount_minor) < 0;
$$;

-- Marks due targets that cannot be billed and returns the others. A caller that knows what blocks
-- them says so. No sequential scans: after a run that was rolled back tables pass for empty, and
-- what the planner takes for one row it compares with all targets.
create function _billing.mark_blocked(targets billing.rating_target[], as_of timestamptz,
  known _billing.blocked_target[] default null)
returns billing.rating_target[] language sql
set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
  with blocked as materialized (
    select b.client_id, b.period_start, min(b.reason) as reason,
      _billing.first_few(array_agg(b.message order by b.reason, b.message), 10, '; ') as message
    from unnest(coalesce(known, array(select b from _billing.blocked_targets(targets) b))) b
    group by b.client_id, b.period_start
  ), marked as (
    update public.billing_periods p
    set state = case when b.reason is null then 'pending' else 'blocked' end,
      reason = b.reason, message = b.message, updated_at = as_of
    from unnest(targets) t left join blocked b using (client_id, period_start)
    where p.client_id = t.client_id and p.period_start = t.period_start
      and (p.state, p.reason, p.message) is distinct from
        (case when b.reason is null then 'pending' else 'blocked' end, b.reason, b.message)
  )
  select coalesce(array_agg(t), '{}') from unnest(targets) t
  where (t.client_id, t.period_start) not in (select client_id, period_start from blocked);
$$;

-- What became of each target, as of the version of its usage that was rated. A late section stays
-- marked as changed while its difference waits for
-- an invoice to go on. What is left of an overcharge after credit notes does not wait: the client
-- has had all of it back already, and later usage of the section is set off against it.
create function _billing.mark_rated(due billing.rating_target[], late billing.rating_target[],
  drafts uuid[], versions _billing.period_version[], as_of timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
  update public.billing_periods p
  set state = case when exists (
      select from public.invoices i where i.client_id = p.client_id and i.kind = 'period'
        and i.period_start = p.period_start and i.status <> 'void')
      then 'invoiced'
      when n.client_id is not null then 'blocked' else 'skipped' end,
    reason = case when n.client_id is not null then 'negative_total' end,
    -- Each run tries again: an invoice that is issued later may have room.
    message = format('%s minor units of %s are owed to the client, and no issued invoice has room '
      || 'to credit them', -n.net_minor, _billing.period_label(t.period_start, t.period_end)),
    rated_version = v.usage_version, updated_at = as_of,
    -- Skipped once, it stays settled while a draft or a reason to block it says otherwise.
    settled_at = case when n.client_id is null and not exists (
      select from public.invoices i where i.client_id = p.client_id and i.kind = 'period'
        and i.period_start = p.period_start and i.status <> 'void')
      then coalesce(p.settled_at, as_of) else p.settled_at end
  from unnest(due) t join unnest(versions) v using (client_id, period_start)
  left join _billing.negative_sections(due) n
    on n.client_id = t.client_id and n.section_start = t.period_start
  where p.client_id = t.client_id and p.period_start = t.period_start;
  update public.billing_periods p set rated_version = v.usage_version, updated_at = as_of
  from unnest(late) t join unnest(versions) v using (client_id, period_start)
  where p.client_id = t.client_id and p.period_start = t.period_start
    and not exists (
      select from _billing.late_sections(late) s
      where s.client_id = p.client_id and s.section_start = p.period_start
        and (s.net_minor > 0 or (s.net_minor = 0
          and not billing.has_ended(s.client_id, s.section_start)))
        and not exists (
          select from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
          where i.id = any (drafts) and i.client_id = s.client_id and l.is_late
            and l.section_start = s.section_start));
$$;

-- 50_invoicing/late_usage.sql

-- True when a draft carries late lines of this period.
create function _billing.is_on_draft(client_id uuid, period_start date)
returns boolean language sql stable
begin atomic
  select exists (
    select from public.invoices d
    join public.invoice_lines l on l.invoice_id = d.id and l.is_late
      and l.section_start = is_on_draft.period_start
    where d.client_id = is_on_draft.client_id and d.status = 'draft');
end;

-- Earlier periods of the client whose late usage goes on the target's invoice.
create function _billing.late_targets(target billing.rating_target)
returns billing.rating_target[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(
    (p.client_id, p.period_start, p.period_end)::billing.rating_target), '{}')
  from public.billing_periods p
  join public.invoices i on i.client_id = p.client_id and i.kind = 'period'
    and i.period_start = p.period_start and i.status not in ('draft', 'void')
  where p.client_id = target.client_id and p.period_start <> target.period_start
    and (p.usage_changed or _billing.is_on_draft(p.client_id, p.period_start));
$$;

-- 50_invoicing/holds/limits.sql

-- What a draft may come to before a person must release it: per currency, and per client where one
-- client differs.
create table public.hold_limits (
  id bigint generated always as identity primary key,
  client_id uuid references public.clients (id) on delete cascade,
  currency text not null references public.currencies (code),
  ceiling_minor bigint constraint hold_limits_ceiling_positive check (ceiling_minor > 0),
  factor numeric default 10
    -- Bounded above, because NaN is greater than every number.
    constraint hold_limits_factor_in_range check (factor > 1 and factor <= 1000000),
  floor_minor bigint not null default 0
    constraint hold_limits_floor_not_negative check (floor_minor >= 0),
  constraint hold_limits_one_each unique nulls not distinct (client_id, currency)
);
comment on table public.hold_limits is
  'Totals above which drafts are held until they are released. A client''s own row replaces that of
   the currency; a currency without a row has no limit.';
comment on column public.hold_limits.client_id is 'Null: all clients billed in the currency.';
comment on column public.hold_limits.ceiling_minor is
  'A draft above this is held, minor units of the currency; null: no ceiling.';
comment on column public.hold_limits.factor is
  'A draft above this many times the client''s usual invoice is held; null: not compared.';
comment on column public.hold_limits.floor_minor is
  'The factor holds no draft of this total or less, minor units of the currency.';
create index hold_limits_currency on public.hold_limits (currency);
create trigger require_second_factor before insert or update or delete on public.hold_limits
  for each statement execute function _billing.guard_by_second_factor();
alter table public.hold_limits enable row level security;
revoke all on public.hold_limits from anon, authenticated, service_role;
grant select, insert, update, delete on public.hold_limits to service_role;
grant select on public.hold_limits to authenticated;

create policy "operators read hold limits" on public.hold_limits
  for select to authenticated using ((select billing.is_operator()));

-- 50_invoicing/holds/limits_data.sql

-- The limits of each currency: a ceiling of about 100,000 US dollars, and a floor of a hundredth of
-- it. What a seller has changed stays.

insert into public.hold_limits (currency, ceiling_minor, floor_minor)
select c.code, _billing.to_minor(v.amount, c.exponent),
  _billing.to_minor(v.amount / 100, c.exponent)
from (values
  ('AED', 400000), ('ARS', 100000000), ('AUD', 150000), ('BGN', 200000), ('BHD', 40000),
  ('BRL', 500000), ('CAD', 150000), ('CHF', 100000), ('CLP', 100000000), ('CNY', 700000),
  ('COP', 400000000), ('CZK', 2500000), ('DKK', 700000), ('EGP', 5000000), ('EUR', 100000),
  ('GBP', 100000), ('HKD', 800000), ('HUF', 40000000), ('IDR', 1500000000), ('ILS', 400000),
  ('INR', 8000000), ('ISK', 15000000), ('JOD', 70000), ('JPY', 15000000), ('KES', 15000000),
  ('KRW', 150000000), ('KWD', 30000), ('MAD', 1000000), ('MXN', 2000000), ('MYR', 500000),
  ('NGN', 150000000), ('NOK', 1000000), ('NZD', 150000), ('OMR', 40000), ('PEN', 400000),
  ('PHP', 6000000), ('PLN', 400000), ('RON', 500000), ('SAR', 400000), ('SEK', 1000000),
  ('SGD', 150000), ('THB', 4000000), ('TND', 300000), ('TRY', 4000000), ('TWD', 3000000),
  ('UAH', 4000000), ('USD', 100000), ('VND', 2500000000), ('XOF', 60000000), ('ZAR', 2000000)
) v(code, amount) join public.currencies c on c.code = v.code
on conflict (client_id, currency) do nothing;

-- 50_invoicing/holds/holds.sql

-- Drafts whose total is above the limits are held: no run and no person issues them until one
-- decision has released them.

-- By the invoice's id, which a draft keeps however often it is made anew; a late one is deleted
-- and inserted then, so there is no foreign key.
-- `not_held` was released beforehand.
create table billing.invoice_holds (
  invoice_id uuid primary key,
  client_id uuid not null references public.clients (id) on delete cascade,
  total_minor bigint not null,
  reason text not null
    constraint invoice_holds_reason_known check (reason in ('ceiling', 'unusual', 'not_held')),
  message text not null,
  held_at timestamptz not null,
  released_minor bigint,
  released_at timestamptz,
  released_by text,
  release_reason text,
  constraint invoice_holds_released_whole check (
    num_nulls(released_minor, released_at, released_by, release_reason) in (0, 4))
);
comment on table billing.invoice_holds is
  'Why drafts were held, and who released them up to which total, with the reason.';
comment on column billing.invoice_holds.released_minor is
  'The largest total that may be issued; a draft above it is held again.';
create index invoice_holds_client_id on billing.invoice_holds (client_id);
alter table billing.invoice_holds enable row level security;
revoke all on billing.invoice_holds from public;
grant select on billing.invoice_holds to service_role;

create view billing.held_invoices with (security_invoker = true) as
select i.id as invoice_id, i.client_id, c.name as client, i.period_start, i.currency,
  i.total_minor, h.reason, h.message, h.held_at, h.released_minor
from billing.invoice_holds h
join public.invoices i on i.id = h.invoice_id and i.status = 'draft'
join public.clients c on c.id = i.client_id
where i.total_minor > coalesce(h.released_minor, 0);
comment on view billing.held_invoices is
  'Drafts that are held now: what they come to, and why they are not issued.';
revoke all on billing.held_invoices from public;
grant select on billing.held_invoices to service_role;

-- The usual invoice of a client is the median of its last six of periods, in the same currency; of
-- fewer than three nothing is said. The lower of two in the middle: an amount that was invoiced.
create function _billing.judge_drafts(invoice_ids uuid[])
returns table (invoice_id uuid, reason text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select i.id, case when i.total_minor > l.ceiling_minor then 'ceiling' else 'unusual' end,
    format('the total of %s is ', billing.money_text(i.total_minor, i.currency))
      || concat_ws(', and ',
        case when i.total_minor > l.ceiling_minor then format('above the ceiling of %s',
          billing.money_text(l.ceiling_minor, i.currency)) end,
        case when i.total_minor > u.usual_minor * l.factor then format(
          'more than %s times the usual %s', trim_scale(l.factor),
          billing.money_text(u.usual_minor, i.currency)) end)
  from public.invoices i
  cross join lateral (
    select x.ceiling_minor, x.factor, x.floor_minor from public.hold_limits x
    where x.currency = i.currency and (x.client_id = i.client_id or x.client_id is null)
    order by x.client_id is null limit 1
  ) l
  cross join lateral (
    -- Not looked up for totals that the factor does not hold.
    select case when count(*) >= 3 then
      percentile_disc(0.5) within group (order by p.total_minor) end as usual_minor
    from (
      select e.total_minor from public.invoices e
      where i.total_minor > l.floor_minor and l.factor is not null
        and e.client_id = i.client_id and e.kind = 'period' and e.currency = i.currency
        and e.status in ('open', 'paid', 'uncollectible')
      order by e.period_start desc limit 6
    ) p
  ) u
  where i.id = any (invoice_ids) and i.status = 'draft' and i.kind in ('period', 'late')
    and (i.total_minor > l.ceiling_minor or i.total_minor > u.usual_minor * l.factor);
$$;
comment on function _billing.judge_drafts is 'Those of the drafts that are above a limit, and why.';

-- Holds those of the drafts that are above a limit, lets go of those that no longer are, and notes
-- the reason at their periods. A release stays: what it covers is not held.
create function _billing.hold_drafts(invoice_ids uuid[], as_of timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with judged as materialized (
    select i.id, i.client_id, i.period_start, i.total_minor, j.reason, j.message
    from _billing.judge_drafts(invoice_ids) j join public.invoices i on i.id = j.invoice_id
  ), passed as (
    delete from billing.invoice_holds h
    where h.invoice_id = any (invoice_ids) and h.released_at is null
      and h.invoice_id not in (select j.id from judged j)
  ), held as (
    insert into billing.invoice_holds (invoice_id, client_id, total_minor, reason, message, held_at)
    select j.id, j.client_id, j.total_minor, j.reason, j.message, as_of from judged j
    on conflict (invoice_id) do update set total_minor = excluded.total_minor,
      reason = excluded.reason, message = excluded.message
  )
  update public.billing_periods p
  set reason = 'held', message = j.message, updated_at = as_of
  from judged j left join billing.invoice_holds h on h.invoice_id = j.id
  where p.client_id = j.client_id and p.period_start = j.period_start and p.state = 'invoiced'
    and j.total_minor > coalesce(h.released_minor, 0);
$$;
comment on function _billing.hold_drafts is 'Judges drafts that have been made, and holds some.';

create function _billing.unheld(invoice_ids uuid[])
returns uuid[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(
    select x.id from unnest(invoice_ids) with ordinality x(id, place)
    where x.id not in (select h.invoice_id from billing.held_invoices h) order by x.place);
$$;
comment on function _billing.unheld is 'Those of the invoices that are not held.';

-- 50_invoicing/holds/release.sql

-- The decision on a held draft.

create function billing.release_invoice(invoice_id uuid, reason text,
  up_to_minor bigint default null)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  invoice public.invoices;
begin
  perform billing.require_second_factor();
  if btrim(coalesce(release_invoice.reason, '')) = '' then
    perform billing.raise_error('invalid_argument', 'releasing a draft needs a reason');
  end if;
  perform _billing.lock_clients(_billing.clients_of(release_invoice.invoice_id));
  invoice := _billing.get_invoice(release_invoice.invoice_id);
  if release_invoice.up_to_minor < invoice.total_minor then
    perform billing.raise_error('invalid_argument', format('the draft comes to %s, more than %s',
        billing.money_text(invoice.total_minor, invoice.currency),
        billing.money_text(up_to_minor, invoice.currency)),
      'release it up to its total or more');
  end if;
  if invoice.status = 'draft' and invoice.kind = 'period' then
    perform _billing.lock_periods(array[(invoice.client_id, invoice.period_start,
      invoice.period_end)::billing.rating_target]);
  end if;
  -- A draft that grows may be released beforehand, up to a total that is named.
  insert into billing.invoice_holds (invoice_id, client_id, total_minor, reason, message, held_at)
  select invoice.id, invoice.client_id, invoice.total_minor, 'not_held',
    'it was released before it was held', billing.as_of()
  where invoice.status = 'draft' and invoice.kind in ('period', 'late')
    and up_to_minor is not null
  on conflict on constraint invoice_holds_pkey do nothing;
  update billing.invoice_holds h
  set released_minor = coalesce(up_to_minor, invoice.total_minor), released_at = billing.as_of(),
    released_by = billing.actor(), release_reason = btrim(release_invoice.reason)
  where h.invoice_id = invoice.id and invoice.status = 'draft';
  if not found then
    perform billing.raise_error('illegal_transition', format('invoice %s is %s and is not held',
      coalesce(invoice.number, invoice.id::text), invoice.status));
  end if;
  update public.billing_periods p set reason = null, message = null, updated_at = billing.as_of()
  where invoice.kind = 'period' and p.reason = 'held' and p.client_id = invoice.client_id
    and p.period_start = invoice.period_start;
end $$;
comment on function billing.release_invoice is
  'Lets a held draft be issued up to its total, or up to a larger one (minor units); audited.';
grant execute on function billing.release_invoice(uuid, text, bigint) to service_role;

create function _billing.refuse_held(invoice_id uuid)
returns void language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  problem text;
begin
  select format('the draft of %s is held: %s', h.client, h.message) into problem
  from billing.held_invoices h where h.invoice_id = refuse_held.invoice_id;
  if problem is not null then
    perform billing.raise_error('invoice_held', problem,
      'look at the draft, then: select billing.release_invoice(invoice_id, reason)');
  end if;
end $$;
comment on function _billing.refuse_held is 'Refuses to issue a draft that is held.';

-- 50_invoicing/grace.sql

-- Drafts that have waited long enough to be finalized.

create function _billing.drafts_past_grace(as_of timestamptz, client_ids uuid[] default null)
returns uuid[] language sql stable set search_path = pg_catalog, pg_temp as $$
  with drafts as materialized (
    select d.* from public.invoices d
    where d.status = 'draft' and d.kind in ('period', 'late')
      and (client_ids is null or d.client_id = any (client_ids))
      and not exists (select from billing.invoice_holds h
        where h.invoice_id = d.id and d.total_minor > coalesce(h.released_minor, 0))
  )
  select coalesce(array_agg(i.id), '{}')
  from drafts i
  left join billing.period_terms(array(
    select (d.client_id, d.period_start, d.period_end)::billing.rating_target
    from drafts d where d.kind = 'period')) t
    on t.client_id = i.client_id and t.period_start = i.period_start
  where i.kind = 'late' or (
    _billing.day_start(i.client_id, i.period_end) + make_interval(hours => t.grace_hours) <= as_of
    and not exists (select from public.billing_periods p where p.client_id = i.client_id
      and p.period_start = i.period_start and p.state = 'blocked'));
$$;
comment on function _billing.drafts_past_grace is
  'Drafts of the run that are to be finalized; not those of periods that are blocked now,
   nor those that are held.';

-- 50_invoicing/closing.sql

-- Closing periods: the one way from usage to drafts, credit notes and issued invoices. A run, an
-- invoice on demand, a draft finalized by hand, a regenerated period and a preview are short
-- callers of it.

create type _billing.closing as (drafts uuid[], issued uuid[], credit_notes bigint,
  blocked _billing.blocked_target[]);
comment on type _billing.closing is
  'What closing periods made: drafts, those of them that were issued, credit notes; what blocked.';

-- The targets that nothing blocks. A total below zero blocks only a period without an invoice.
create function _billing.unblocked(targets billing.rating_target[],
  blocked _billing.blocked_target[], negative_blocks boolean)
returns billing.rating_target[] language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(t), '{}') from unnest(targets) t
  where (t.client_id, t.period_start) not in (
    select b.client_id, b.period_start from unnest(blocked) b
    where negative_blocks or b.reason <> 'negative_total');
$$;
comment on function _billing.unblocked is 'Those of the targets that nothing blocks.';

-- Rates targets and writes the drafts of those that are not blocked. `late` targets are invoiced
-- already; one that is rated below what was invoiced is not blocked: it is credited.
create function _billing.draft_periods(due billing.rating_target[], late billing.rating_target[])
returns _billing.closing language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  made _billing.closing;
begin
  made.blocked := array(select b from _billing.blocking_reasons(
    due || late, _billing.rate_drafts(due || late)) b);
  made.drafts := _billing.make_drafts(
    _billing.unblocked(due, made.blocked, true), _billing.unblocked(late, made.blocked, false));
  return made;
end $$;
comment on function _billing.draft_periods is
  'Rates periods and writes their drafts, without documents; says what blocked which.';

-- Terms that this transaction itself has changed are counted, and asked whether they may be, before
-- they are rated: at its commit they would find its own invoices.
create function _billing.fire_terms_triggers()
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  set constraints public.count_terms_change, billing.count_terms_change,
    public.count_terms_change_of_items, public.guard_price_at_commit,
    public.guard_config_at_commit, public.guard_family_at_commit,
    public.guard_new_meter_at_commit immediate;
  set constraints public.count_terms_change, billing.count_terms_change,
    public.count_terms_change_of_items, public.guard_price_at_commit,
    public.guard_config_at_commit, public.guard_family_at_commit,
    public.guard_new_meter_at_commit deferred;
end $$;
comment on function _billing.fire_terms_triggers is
  'Fires the deferred triggers of changes of terms that this transaction has made so far.';

-- The same at the terms of one version; raises LB001 where they have moved in the end.
create function _billing.close_at_terms(due billing.rating_target[], late billing.rating_target[],
  as_of timestamptz, issue text, versions _billing.period_version[], terms_seen bigint)
returns _billing.closing language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  made _billing.closing;
  charged billing.rating_target[];
  credited billing.rating_target[];
begin
  made := _billing.draft_periods(due, late);
  charged := _billing.mark_blocked(due, as_of, made.blocked);
  credited := _billing.unblocked(late, made.blocked, false);
  made.credit_notes := _billing.credit_overcharges(_billing.overcharged_targets(
    charged || credited), as_of);
  perform _billing.mark_rated(charged, credited, made.drafts, versions, as_of);
  perform _billing.hold_drafts(made.drafts, as_of);
  made.issued := case issue when 'none' then '{}' when 'all' then _billing.unheld(made.drafts)
    else _billing.drafts_past_grace(as_of, array(
      select t.client_id from unnest(due || late) t)) end;
  perform _billing.write_documents(
    array(select unnest(made.drafts) except select unnest(made.issued)));
  perform _billing.settle_items(made.issued);
  perform _billing.hold_terms(
    array(select distinct t.client_id from unnest(due || late) t), terms_seen);
  perform _billing.finalize_invoices(made.issued, as_of);
  return made;
end $$;

-- Closes periods of clients that the caller has locked. `issue` says which drafts become invoices:
-- none, those past their grace, or all; never those that are held. Where terms move meanwhile it is
-- done again; the third time it holds them from the beginning.
create function _billing.close_periods(due billing.rating_target[], late billing.rating_target[],
  as_of timestamptz, issue text)
returns _billing.closing language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  versions constant _billing.period_version[] := _billing.lock_periods(due || late);
  clients constant uuid[] := array(select distinct t.client_id from unnest(due || late) t);
begin
  perform _billing.fire_terms_triggers();
  for attempt in 1..2 loop
    begin
      return _billing.close_at_terms(due, late, as_of, issue, versions,
        _billing.current_terms_version(clients));
    exception when sqlstate 'LB001' then
      null;
    end;
  end loop;
  return _billing.close_at_terms(due, late, as_of, issue, versions,
    _billing.hold_terms(clients));
end $$;
comment on function _billing.close_periods is
  'Rates periods and writes drafts, credit notes and, as `issue` says (none, past_grace, all), the
   invoices.';

create function _billing.blocked_message(made _billing.closing, target billing.rating_target)
returns text language sql immutable set search_path = pg_catalog, pg_temp as $$
  select string_agg(b.message, '; ' order by b.reason, b.message) from unnest(made.blocked) b
  where b.client_id = target.client_id and b.period_start = target.period_start;
$$;
comment on function _billing.blocked_message is 'Why a target was not closed; null where it was.';

-- 50_invoicing/preview.sql

-- Previews: what the invoice of a period would say.

-- The period of a client that a day lies in: as recorded, or as it will be.
create function _billing.period_containing(client_id uuid, day date)
returns billing.rating_target language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  target billing.rating_target;
begin
  select p.client_id, p.period_start, p.period_end into target
  from public.billing_periods p
  where p.client_id = period_containing.client_id and p.period_start <= day and day < p.period_end;
  if target.client_id is null then
    select r.client_id,
      greatest(r.next_start, billing.period_start_of(day, r.billing_anchor_day)),
      billing.period_end_of(greatest(day, r.next_start), r.billing_anchor_day) into target
    from billing.current_periods(billing.as_of()) r
    where r.client_id = period_containing.client_id and day >= r.next_start;
    if not exists (select from public.service_intervals s
      where s.client_id = target.client_id and s.starts_on < target.period_end
        and s.ends_on > target.period_start) then
      target := null;
    end if;
  end if;
  if target.client_id is null then
    -- Before the first period or between two, where days have come into service since.
    select u.client_id, u.period_start, u.period_end into target
    from _billing.unopened_periods(billing.as_of(), period_containing.client_id) u
    where u.period_start <= day and day < u.period_end;
  end if;
  if target.client_id is null then
    perform billing.raise_error('unknown_client',
      format('client %s does not exist or has no period with %s', client_id, day));
  end if;
  if exists (select from public.invoices i where i.client_id = target.client_id
    and i.kind = 'period' and i.period_start = target.period_start
    and i.status not in ('draft', 'void')) then
    perform billing.raise_error('period_already_invoiced',
      format('the period %s is invoiced',
        _billing.period_label(target.period_start, target.period_end)),
      'see the invoice; late usage goes on the next one');
  end if;
  return target;
end $$;

-- The document that the invoice of a period would have if it were made now. Made by the very
-- functions that make it, in a subtransaction that is rolled back: it cannot differ by a cent.
create function billing.preview_invoice(client_id uuid, day date default null,
  as_of timestamptz default now())
returns jsonb language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off as $$
-- Definer: callers may look at a preview, only these functions may write drafts.
declare
  target billing.rating_target;
  late billing.rating_target[];
  made _billing.closing;
  content text;
begin
  perform set_config('billing.as_of', as_of::text, true);
  perform _billing.lock_clients(array[preview_invoice.client_id]);
  perform _billing.rollup_if_free();
  target := _billing.period_containing(preview_invoice.client_id,
    coalesce(day, billing.day_of(preview_invoice.client_id, as_of)));
  late := _billing.late_targets(target);
  begin
    delete from public.invoices i where i.client_id = target.client_id
      and i.period_start = target.period_start and i.status = 'draft';
    made := _billing.draft_periods(array[target], late);
    perform _billing.write_documents(made.drafts);
    -- As text: a jsonb of this size is a reference to storage that is rolled back with its row.
    select i.document::text into content from public.invoices i
    where i.client_id = target.client_id and i.kind = 'period'
      and i.period_start = target.period_start and i.status = 'draft';
    raise exception using errcode = 'LB000', message = 'roll the preview back';
  exception when sqlstate 'LB000' then
    null;
  end;
  if _billing.blocked_message(made, target) is not null then
    perform billing.raise_error('client_blocked', _billing.blocked_message(made, target));
  end if;
  return content::jsonb;
end $$;
comment on function billing.preview_invoice is
  'Document of the invoice for the period with a day (default today), or null where it is zero.';
grant execute on function billing.preview_invoice(uuid, date, timestamptz) to service_role;

-- 50_invoicing/finalize_invoice.sql

-- Finalizing one draft, as it would be made now.

create function billing.finalize_invoice(invoice_id uuid, as_of timestamptz default now())
returns text language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off set lock_timeout = '30s' as $$
-- Definer: callers may read invoices, only these functions may write them.
declare
  invoice public.invoices;
  target billing.rating_target;
  made _billing.closing;
begin
  perform set_config('billing.as_of', as_of::text, true);
  perform _billing.lock_clients(_billing.clients_of(finalize_invoice.invoice_id));
  invoice := _billing.get_invoice(finalize_invoice.invoice_id);
  if invoice.status <> 'draft' then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s; only a draft can be finalized', invoice.number, invoice.status));
  end if;
  if invoice.kind = 'period'
    and _billing.day_start(invoice.client_id, invoice.period_end) > as_of then
    perform billing.raise_error('period_not_over',
      format('the period ends at %s', _billing.day_start(invoice.client_id, invoice.period_end)),
      'wait until then, or look at it with billing.preview_invoice');
  end if;
  if invoice.kind <> 'period' then
    perform _billing.hold_drafts(array[invoice.id], as_of);
    perform _billing.refuse_held(invoice.id);
    perform _billing.finalize_invoices(array[invoice.id], as_of);
  else
    -- Brought up to date first: the document is made of records that go on changing.
    target := (invoice.client_id, invoice.period_start, invoice.period_end);
    perform _billing.rollup();
    made := _billing.close_periods(array[target], _billing.late_targets(target), as_of, 'all');
    if _billing.blocked_message(made, target) is not null then
      perform billing.raise_error('client_blocked', _billing.blocked_message(made, target),
        'mend what blocks it, then finalize again');
    end if;
    perform _billing.refuse_held(invoice.id);
  end if;
  return (select i.number from public.invoices i where i.id = invoice.id);
end $$;
comment on function billing.finalize_invoice is
  'Finalizes one draft, brought up to date first; returns its number, null where it came to zero.
   One that is held is refused until it is released.';
grant execute on function billing.finalize_invoice(uuid, timestamptz) to service_role;

-- 50_invoicing/voids.sql

-- Taking an issued invoice back, and making it anew.

create function billing.void_invoice(invoice_id uuid, reason text,
  as_of timestamptz default now())
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  invoice public.invoices;
  sections billing.rating_target[];
begin
  perform billing.require_second_factor();
  if btrim(coalesce(void_invoice.reason, '')) = '' then
    perform billing.raise_error('invalid_argument', 'voiding needs a reason');
  end if;
  perform _billing.lock_clients(_billing.clients_of(void_invoice.invoice_id));
  invoice := _billing.get_invoice(void_invoice.invoice_id);
  if invoice.kind = 'one_off' and invoice.status = 'draft' then
    update public.invoice_items t set invoice_id = null where t.invoice_id = invoice.id;
    delete from public.invoices i where i.id = invoice.id;
    return;
  end if;
  if invoice.status not in ('open', 'uncollectible') or invoice.paid_minor > 0
    or invoice.credited_minor > 0 then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s%s and cannot be voided',
        coalesce(invoice.number, invoice.id::text), invoice.status, case
          when invoice.paid_minor > 0 then ', partly paid'
          when invoice.credited_minor > 0 then ', partly credited' else '' end),
      'issue a credit note for what has been paid or credited');
  end if;
  sections := array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where p.client_id = invoice.client_id and p.period_start in (
      select l.section_start from public.invoice_lines l where l.invoice_id = invoice.id
      union select invoice.period_start));
  perform _billing.lock_periods(sections);
  update public.invoices i
  set status = 'void', voided_at = as_of, void_reason = void_invoice.reason
  where i.id = invoice.id;
  update public.invoice_items t set invoice_id = null where t.invoice_id = invoice.id;
  insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
    created_at, note)
  select invoice.client_id, invoice.currency, invoice.balance_applied_minor, 'void', invoice.id,
    as_of, reason
  where invoice.balance_applied_minor > 0;
  update public.billing_periods p set state = 'voided', settled_at = null, updated_at = as_of
  where invoice.kind = 'period' and p.client_id = invoice.client_id
    and p.period_start = invoice.period_start;
  perform _billing.mark_changed(array(
    select s from unnest(sections) s where exists (
      select from public.invoice_lines l where l.invoice_id = invoice.id and l.is_late
        and l.section_start = s.period_start)));
end $$;
comment on function billing.void_invoice is
  'Voids an unpaid invoice; it keeps its number. Its period is billed again by regenerating, its
   one-off items are pending again. A one-off draft is discarded.';
grant execute on function billing.void_invoice(uuid, text, timestamptz) to service_role;

create function billing.regenerate_invoice(invoice_id uuid, as_of timestamptz default now())
returns uuid language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off set lock_timeout = '30s' as $$
-- Definer: as above.
declare
  old public.invoices;
  target billing.rating_target;
  late billing.rating_target[];
  made _billing.closing;
begin
  perform billing.require_second_factor();
  perform set_config('billing.as_of', as_of::text, true);
  perform _billing.lock_clients(_billing.clients_of(regenerate_invoice.invoice_id));
  old := _billing.get_invoice(regenerate_invoice.invoice_id);
  if old.status <> 'void' or old.kind <> 'period' then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s; only the voided invoice of a period can be regenerated',
        coalesce(old.number, old.id::text), old.status), 'void it first');
  end if;
  target := _billing.period_containing(old.client_id, old.period_start);
  perform _billing.rollup();
  late := _billing.late_targets(target);
  perform _billing.lock_periods(array[target] || late);
  update public.billing_periods p set state = 'pending', updated_at = as_of
  where p.client_id = old.client_id and p.period_start = old.period_start;
  made := _billing.close_periods(array[target], late, as_of, 'none');
  return (select i.id from public.invoices i
    where i.id = any (made.drafts) and i.period_start = target.period_start);
end $$;
comment on function billing.regenerate_invoice is
  'Draft that replaces a voided invoice, rated anew; null when blocked or zero.';
grant execute on function billing.regenerate_invoice(uuid, timestamptz) to service_role;

-- 50_invoicing/repair_usage.sql

-- Days of these targets that have not been compared with the logs since their records changed.
create function _billing.unverified_days(targets billing.rating_target[])
returns table (day date) language sql stable set search_path = pg_catalog, pg_temp as $$
  with spans as materialized (
    select distinct t.period_start, t.period_end from unnest(targets) t
  )
  select distinct s.day::date
  from spans p
  cross join lateral generate_series(p.period_start, p.period_end - 1, interval '1 day') s(day)
  where not exists (select from billing.usage_days u
    where u.usage_day = s.day::date and u.verified_changes = u.changes);
$$;
comment on function _billing.unverified_days is
  'Days of targets that have not been compared with the logs since their records changed.';

-- Where records and logs disagree on the days of these targets, the logs are right: rebuilds the
-- days and returns how many differences there were. Days compared since they last changed agree.
create function _billing.repair_usage(targets billing.rating_target[])
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.repair_days(array(
    select unnest(range_agg(daterange(u.day, u.day + 1)))
      from _billing.unverified_days(targets) u));
$$;
comment on function _billing.repair_usage is
  'Compares records with logs over target periods and rebuilds where they differ.';

-- 50_invoicing/runs/runs.sql

-- Runs: every client's periods that are over become invoices, in batches of clients. Idempotent:
-- what is done is not done again, what was killed has not happened, two callers share the work.
create table billing.monthly_runs (
  id bigint generated always as identity primary key,
  as_of timestamptz not null,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  actor text not null,
  healed bigint not null default 0,
  healed_until date,
  summary jsonb,
  constraint monthly_runs_summary_once_finished check (
    (finished_at is null) = (summary is null))
);
comment on table billing.monthly_runs is
  'Each run: what it did once it is finished. One is open at a time; a second caller joins it.';
create unique index monthly_runs_one_open on billing.monthly_runs ((true))
  where finished_at is null;
alter table billing.monthly_runs enable row level security;
revoke all on billing.monthly_runs from public;
grant select on billing.monthly_runs to service_role;

create table billing.run_clients (
  run_id bigint not null references billing.monthly_runs (id) on delete cascade,
  client_id uuid not null references public.clients (id) on delete cascade,
  place integer not null,
  state text not null default 'waiting'
    constraint run_clients_state_known check (state in ('waiting', 'failed')),
  message text,
  primary key (run_id, client_id),
  constraint run_clients_failed_says_why check ((state = 'failed') = (message is not null))
);
comment on table billing.run_clients is
  'Clients that a run has not settled yet, in the order of its invoices; those that it could not.';
create index run_clients_waiting on billing.run_clients (run_id, place) where state = 'waiting';
create index run_clients_client_id on billing.run_clients (client_id);
alter table billing.run_clients enable row level security;
revoke all on billing.run_clients from public;
grant select on billing.run_clients to service_role;

create table billing.run_batches (
  id bigint generated always as identity primary key,
  run_id bigint not null references billing.monthly_runs (id) on delete cascade,
  clients integer not null,
  invoices integer not null,
  totals jsonb not null,
  credit_notes bigint not null,
  skipped integer not null,
  blocked jsonb not null,
  finished_at timestamptz not null default clock_timestamp()
);
comment on table billing.run_batches is 'What each batch of a run did, until the run is finished.';
create index run_batches_run_id on billing.run_batches (run_id);
alter table billing.run_batches enable row level security;
revoke all on billing.run_batches from public;
grant select on billing.run_batches to service_role;

-- The first hundred are listed, all are counted: a summary is read whole.
create function _billing.summarize_run(run billing.monthly_runs)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  with batches as materialized (
    select * from billing.run_batches b where b.run_id = run.id
  ), blocked as materialized (
    select c.name, b.*,
      row_number() over (order by c.name, b.period_start, b.reason, b.message) as place
    from (
      select p.client_id, p.period_start, p.reason, p.message
      from public.billing_periods p where p.state = 'blocked'
      union all
      select l.client_id, l.period_start, l.reason, l.message
      from batches r
      cross join lateral jsonb_populate_recordset(null::_billing.blocked_target, r.blocked) l
    ) b join public.clients c on c.id = b.client_id
  ), held as materialized (
    select h.*, row_number() over (order by h.client, h.period_start, h.invoice_id) as place
    from billing.held_invoices h
  ), failed as materialized (
    select c.name, f.*, row_number() over (order by c.name, f.client_id) as rank
    from billing.run_clients f join public.clients c on c.id = f.client_id
    where f.run_id = run.id and f.state = 'failed'
  )
  select jsonb_build_object(
    'as_of', run.as_of,
    'invoices', (select coalesce(sum(b.invoices), 0) from batches b),
    'totals', (select coalesce(jsonb_object_agg(x.currency, x.total_minor), '{}') from (
      select t.key as currency, sum(t.value::numeric) as total_minor
      from batches b cross join lateral jsonb_each_text(b.totals) t group by t.key) x),
    'drafts', (select count(*) from public.invoices i where i.status = 'draft'),
    'skipped', (select coalesce(sum(b.skipped), 0) from batches b),
    'credit_notes', (select coalesce(sum(b.credit_notes), 0) from batches b),
    'discrepancies_healed', run.healed,
    'blocked', (select coalesce(jsonb_agg(jsonb_build_object('client', b.name,
        'client_id', b.client_id, 'period_start', b.period_start, 'reason', b.reason,
        'message', b.message) order by b.place), '[]') from blocked b where b.place <= 100),
    'blocked_count', (select count(*) from blocked),
    'held', (select coalesce(jsonb_agg(jsonb_build_object('client', h.client,
        'client_id', h.client_id, 'invoice_id', h.invoice_id, 'period_start', h.period_start,
        'message', h.message) order by h.place), '[]') from held h where h.place <= 100),
    'held_count', (select count(*) from held),
    'failed', (select coalesce(jsonb_agg(jsonb_build_object('client', f.name,
        'client_id', f.client_id, 'message', f.message) order by f.rank), '[]')
      from failed f where f.rank <= 100),
    'failed_count', (select count(*) from failed),
    'voided', (select coalesce(jsonb_agg(jsonb_build_object('client', v.name,
        'client_id', v.client_id, 'period_start', v.period_start, 'invoice', v.number)
        order by v.place), '[]')
      from (
        select c.name, p.*, row_number() over (order by c.name, p.period_start) as place
        from _billing.voided_periods() p join public.clients c on c.id = p.client_id
      ) v where v.place <= 100),
    'quarantined', (select coalesce(jsonb_agg(jsonb_build_object('reason', q.reason,
      'rows', q.rows)), '[]') from billing.quarantine_summary() q));
$$;
comment on function _billing.summarize_run is 'What a run did, from its batches.';

-- 50_invoicing/runs/begin_and_finish.sql

-- Joins the run that is open, or opens one: counts what has arrived, opens the periods that are
-- over and lists the clients that have something to settle. Short, so that it can be committed
-- before the first batch: a rollup knows the new periods only then.
create function billing.begin_run(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off as $$
-- Definer: callers may start a run, only its functions may write the books.
declare
  run bigint;
begin
  if as_of > now() + interval '2 years' then
    perform billing.raise_error('invalid_argument',
      format('as_of %s is years ahead; all periods until then would be invoiced', as_of),
      'check the year');
  end if;
  insert into billing.monthly_runs (as_of, actor) values (as_of, billing.actor())
  on conflict ((true)) where finished_at is null do nothing
  returning id into run;
  if run is null then
    select r.id into run from billing.monthly_runs r where r.finished_at is null;
    return run;
  end if;
  perform set_config('billing.as_of', as_of::text, true);
  perform _billing.hold_usage();
  perform _billing.open_periods(as_of);
  insert into billing.run_clients (run_id, client_id, place)
  select run, c.id, row_number() over (order by c.name, c.id)
  from public.clients c
  where c.id in (select t.client_id from _billing.run_targets() t);
  return run;
end $$;
comment on function billing.begin_run is
  'Opens a run, or joins the one that is open; returns its id.';
grant execute on function billing.begin_run(timestamptz) to service_role;

create function billing.repair_run(run_id bigint)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  while billing.repair_step(run_id) loop
    null;
  end loop;
  return (select r.healed from billing.monthly_runs r where r.id = run_id);
end $$;
comment on function billing.repair_run is
  'Rebuilds usage that differs from the logs in the periods of a run; returns the differences.';
grant execute on function billing.repair_run(bigint) to service_role;

-- A run begins with comparing what it will bill with the logs, a week at a time, each committed.

-- Compares the next week of records with the logs, of the days of a run's periods, and rebuilds it
-- where it differs. Before any client is locked; days that were compared since they last changed
-- are not compared again. False where all weeks are done.
create function billing.repair_step(run_id bigint)
returns boolean language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off
set work_mem = '64MB' as $$
-- Definer: as above.
declare
  done_until date;
  week daterange;
  found bigint;
begin
  -- Two callers share the weeks. No stronger lock: batches refer to the run while it is held.
  select coalesce(r.healed_until, '-infinity') into done_until
  from billing.monthly_runs r where r.id = run_id for no key update;
  select daterange(min(u.day), min(u.day) + 7) into week
  from _billing.unverified_days(array(
    select (t.client_id, t.period_start, t.period_end)::billing.rating_target
    from _billing.run_targets() t)) u
  where u.day >= done_until;
  if lower(week) is null then
    return false;
  end if;
  found := _billing.repair_days(array[week]);
  update billing.monthly_runs r set healed = r.healed + found, healed_until = upper(week)
  where r.id = run_id;
  return true;
end $$;
comment on function billing.repair_step is
  'Rebuilds usage that differs from the logs in the next week of a run''s periods; false where there
   is none.';
grant execute on function billing.repair_step(bigint) to service_role;

-- Closes a run with its summary. Clients that other sessions held all the while are left to the
-- next run. Returns the summary, also where the run is finished already.
create function billing.finish_run(run_id bigint)
returns jsonb language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off as $$
-- Definer: as above.
declare
  run billing.monthly_runs;
begin
  select * into run from billing.monthly_runs r where r.id = run_id for no key update;
  if run.finished_at is not null then
    return run.summary;
  end if;
  update billing.run_clients c set state = 'failed',
    message = 'another session held the client; the next run settles it'
  where c.run_id = run.id and c.state = 'waiting';
  run.summary := _billing.summarize_run(run);
  update billing.monthly_runs r set finished_at = clock_timestamp(), summary = run.summary
  where r.id = run.id;
  delete from billing.run_batches b where b.run_id = run.id;
  return run.summary;
end $$;
comment on function billing.finish_run is 'Ends a run; returns its summary.';
grant execute on function billing.finish_run(bigint) to service_role;

-- 50_invoicing/runs/settle.sql

-- Settling the clients of a run, batch by batch; one that fails is settled alone.

create function _billing.settle_clients(run_id bigint, client_ids uuid[], as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  targets record;
  made _billing.closing;
begin
  select * into targets from _billing.targets_of_run(client_ids);
  made := _billing.close_periods(targets.due, targets.late, as_of, 'past_grace');
  insert into billing.run_batches (run_id, clients, invoices, totals, credit_notes, skipped,
    blocked)
  select settle_clients.run_id, cardinality(client_ids), cardinality(made.issued),
    (select coalesce(jsonb_object_agg(x.currency, x.total_minor), '{}') from (
      select i.currency, sum(i.total_minor) as total_minor from public.invoices i
      where i.id = any (made.issued) group by i.currency) x),
    made.credit_notes,
    (select count(*) from unnest(targets.due) t join public.billing_periods p
      using (client_id, period_start) where p.state = 'skipped'),
    (select coalesce(jsonb_agg(to_jsonb(b)), '[]') from unnest(made.blocked) b
      where b.reason <> 'negative_total' and (b.client_id, b.period_start) in (
        select l.client_id, l.period_start from unnest(targets.late) l));
  delete from billing.run_clients c
  where c.run_id = settle_clients.run_id and c.client_id = any (client_ids);
end $$;

-- Closes the periods of these clients, which the caller has locked. False where something fails:
-- then one client's data does, which must not stop the others. What the server interrupts is
-- nobody's
-- fault, and is raised.
create function _billing.try_settling(run_id bigint, client_ids uuid[], as_of timestamptz)
returns boolean language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.settle_clients(run_id, client_ids, as_of);
  return true;
exception
  when deadlock_detected or serialization_failure or operator_intervention
    or insufficient_resources then
    raise;
  when others then
    return false;
end $$;

-- A client whose batch failed, by itself: settled, or blocked with what went wrong. One of whom
-- another session holds a row (an editor that is open) is left to the next run.
create function _billing.settle_alone(run_id bigint, client_id uuid, as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  problem text;
  is_held boolean := false;
begin
  begin
    perform _billing.settle_clients(run_id, array[client_id], as_of);
    return;
  exception
    when deadlock_detected or serialization_failure or operator_intervention
      or insufficient_resources then
      raise;
    when lock_not_available then
      problem := 'another session held the client; the next run settles it';
      is_held := true;
    when others then
      get stacked diagnostics problem = message_text;
  end;
  update billing.run_clients c set state = 'failed', message = problem
  where c.run_id = settle_alone.run_id and c.client_id = settle_alone.client_id;
  update public.billing_periods p
  set state = 'blocked', reason = 'internal_error', updated_at = as_of,
    message = format('closing the period failed: %s', problem)
  where not is_held and p.client_id = settle_alone.client_id
    and p.state in ('pending', 'blocked');
end $$;

-- Settles up to so many clients of an open run that nobody else holds. Returns how many; 0 where
-- all are settled, or held by other sessions at this moment.
create function billing.settle_batch(run_id bigint, batch_size integer default 50)
returns integer language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off set work_mem = '64MB'
set lock_timeout = '5s' as $$
-- Definer: as above. No scans of whole tables: plans made while the first batch finds tables empty
-- stay for the session, also those of foreign keys, and each batch would cost more than the last.
declare
  at constant timestamptz := (select r.as_of from billing.monthly_runs r where r.id = run_id);
  batch uuid[];
  client uuid;
begin
  select array_agg(x.client_id) into batch from (
    select c.client_id from billing.run_clients c
    join _billing.settlement_locks l on l.client_id = c.client_id
    where c.run_id = settle_batch.run_id and c.state = 'waiting'
    order by c.place limit batch_size for update skip locked) x;
  if batch is null then
    return 0;
  end if;
  perform set_config('billing.as_of', at::text, true);
  -- Clients are taken without waiting, so a batch may follow another in one transaction.
  perform set_config('billing.lock_level', '1', true);
  if not _billing.try_settling(run_id, batch, at) then
    foreach client in array batch loop
      perform _billing.settle_alone(run_id, client, at);
    end loop;
  end if;
  return cardinality(batch);
end $$;
comment on function billing.settle_batch is
  'Settles free clients of a run; returns how many, 0 where none is left or none is free.';
grant execute on function billing.settle_batch(bigint, integer) to service_role;

-- 50_invoicing/runs/close_month.sql

-- The monthly run, whole or when it is due.

-- All of a run in one transaction: for the SQL editor and for tests. Payments and previews of a
-- client wait from the moment it is settled until the end; close_month lets go batch by batch.
create function billing.run_monthly(as_of timestamptz default now())
returns jsonb language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off set lock_timeout = '30s' as $$
-- Definer: as above.
declare
  run bigint;
  run_as_of timestamptz;
  summary jsonb;
  tries integer;
begin
  -- Usage stands still for the whole transaction: batches of one transaction must not wait for a
  -- rollup that waits for an earlier one of them.
  perform _billing.hold_usage();
  loop
    run := billing.begin_run(as_of);
    perform billing.repair_run(run);
    tries := 0;
    loop
      -- Large batches: nobody is let go between them, and each has a fixed cost.
      if billing.settle_batch(run, 500) = 0 then
        -- Others hold what is left: a payment, a draft that is being finalized.
        exit when tries = 50 or not exists (
          select from billing.run_clients c where c.run_id = run and c.state = 'waiting');
        tries := tries + 1;
        perform pg_sleep(0.1);
      end if;
    end loop;
    select r.as_of into run_as_of from billing.monthly_runs r where r.id = run;
    summary := billing.finish_run(run);
    -- One that was open already, of an earlier time, is finished first.
    exit when run_as_of >= as_of;
  end loop;
  return summary;
end $$;
comment on function billing.run_monthly is
  'Invoices every period that is over at as_of, in one transaction; idempotent. Returns the summary
   of the run. Large ones run by call billing.close_month().';
grant execute on function billing.run_monthly(timestamptz) to service_role;

-- What need not, or must not, wait for the next daily run: drafts whose grace is over; from nine
-- o'clock on, periods that are over and not settled, of months that begin on any day. A daily run
-- that failed is so made good within the hour. What is blocked waits for the daily run.
create function _billing.run_is_due(as_of timestamptz default billing.as_of())
returns boolean language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: it looks at what callers may not read.
declare
  now_utc constant timestamp := as_of at time zone 'UTC';
begin
  if extract(day from now_utc) = 1 and extract(hour from now_utc) < 9 then
    return false;
  end if;
  return _billing.drafts_past_grace(as_of) <> '{}' or extract(hour from now_utc) >= 9 and (
    exists (select from public.billing_periods p where p.state = 'pending')
    or exists (
      select from billing.current_periods(as_of) r
      where billing.period_end_of(r.next_start, r.billing_anchor_day) <= r.today
        and r.next_start < coalesce(r.ended_on, 'infinity')));
end $$;
comment on function _billing.run_is_due is
  'Whether a draft''s grace or a period is over that no run has settled.';

create function billing.run_if_due(as_of timestamptz default billing.as_of())
returns jsonb language sql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as run_monthly.
  select case when _billing.run_is_due(as_of) then billing.run_monthly(as_of) end;
$$;
comment on function billing.run_if_due is
  'Runs the month where a draft''s grace or a period is over; null otherwise.';
grant execute on function billing.run_if_due(timestamptz) to service_role;

-- The same, committed batch by batch, for as long as `budget` allows; the next call goes on. With
-- `start_new` false it only goes on with a run that is open. A procedure that commits can neither
-- be a
-- definer nor set a timeout: it is the owner's, and ends before the owner's statements must.
create procedure billing.close_month(start_new boolean default true,
  budget interval default '90 seconds')
language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + budget;
  run bigint;
  settled integer;
begin
  select r.id into run from billing.monthly_runs r where r.finished_at is null;
  if run is null then
    if not start_new then
      return;
    end if;
    run := billing.begin_run();
    commit;
  end if;
  while billing.repair_step(run) loop
    commit;
    if clock_timestamp() > until then
      return;
    end if;
  end loop;
  -- The last look holds the run: let it go before the first batch.
  commit;
  loop
    settled := billing.settle_batch(run);
    commit;
    if settled = 0 then
      exit when not exists (
        select from billing.run_clients c where c.run_id = run and c.state = 'waiting');
      perform pg_sleep(0.1);
    end if;
    if clock_timestamp() > until then
      return;
    end if;
  end loop;
  perform billing.finish_run(run);
  commit;
end $$;
comment on procedure billing.close_month is
  'Runs the month, or goes on with the run that is open, committing batch by batch; returns when the
   budget is used up.';
grant execute on procedure billing.close_month(boolean, interval) to service_role;

create procedure _billing.close_month_if_due()
language plpgsql as $$
begin
  if _billing.run_is_due() then
    call billing.close_month();
  end if;
end $$;
comment on procedure _billing.close_month_if_due is
  'close_month where a draft''s grace or a period is over.';

-- 50_invoicing/generate_invoice.sql

-- The period of a client that the anchor day of a month lies in: as recorded, or as it will be.
create function _billing.period_of_month(client_id uuid, month date)
returns billing.rating_target language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  anchor_day date;
  target billing.rating_target;
begin
  select billing.anchor_in_month(month, c.billing_anchor_day) into anchor_day
  from public.clients c where c.id = period_of_month.client_id;
  if anchor_day is null then
    perform billing.raise_error('unknown_client',
      format('no client has id %s', period_of_month.client_id));
  end if;
  select p.client_id, p.period_start, p.period_end into target from public.billing_periods p
  where p.client_id = period_of_month.client_id
    and p.period_start <= anchor_day and anchor_day < p.period_end;
  if target.client_id is null then
    target := _billing.period_containing(period_of_month.client_id, anchor_day);
  end if;
  return target;
end $$;
comment on function _billing.period_of_month is
  'The period of a client that the anchor day of a month lies in.';

-- One client's invoice, on demand: what the monthly run does, for one period.
create function billing.generate_invoice(client_id uuid, month date,
  as_of timestamptz default now())
returns table (outcome text, invoice_id uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask for an invoice, only these functions may write the books.
declare
  target billing.rating_target;
  existing uuid;
  made _billing.closing;
begin
  perform set_config('billing.as_of', as_of::text, true);
  perform _billing.lock_clients(array[generate_invoice.client_id]);
  perform _billing.hold_usage();
  perform _billing.open_periods(as_of);
  target := _billing.period_of_month(generate_invoice.client_id, month);
  select i.id into existing from public.invoices i
  where i.client_id = target.client_id and i.kind = 'period'
    and i.period_start = target.period_start and i.status not in ('draft', 'void');
  if existing is not null then
    return query select 'existing', existing;
    return;
  end if;
  if _billing.day_start(target.client_id, target.period_end) > as_of then
    perform billing.raise_error('period_not_over',
      format('the period ends at %s', _billing.day_start(target.client_id, target.period_end)),
      'wait until then, or look at it with a dry run');
  end if;
  perform _billing.repair_usage(array[target]);
  made := _billing.close_periods(array[target], _billing.late_targets(target), as_of, 'past_grace');
  if _billing.blocked_message(made, target) is not null then
    perform billing.raise_error('client_blocked', _billing.blocked_message(made, target));
  end if;
  return query
  select coalesce(max('created'), 'skipped'), (array_agg(i.id))[1] from public.invoices i
  where i.id = any (made.drafts) and i.period_start = target.period_start;
end $$;
comment on function billing.generate_invoice is
  'Invoices the period that begins in a month: created, existing (the same) or skipped (zero).';
grant execute on function billing.generate_invoice(uuid, date, timestamptz) to service_role;

-- 50_invoicing/audit.sql

-- Who changed or read what, when, and who was refused: append-only.
create table billing.audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null default billing.actor(),
  table_name text not null,
  row_id text not null,
  operation text not null
    constraint audit_log_operation_known check (
      operation in ('insert', 'update', 'delete', 'read', 'refused')),
  before jsonb,
  after jsonb
);
comment on table billing.audit_log is
  'Changes of clients and who may see them, of terms and of books, and corrections of usage logs:
   only what changed. Reads by operators through the API (table_name is the operation, row_id what
   it was about) and refused requests (table_name is the function, row_id the source).';
create index audit_log_row on billing.audit_log (table_name, row_id, id);
create index audit_log_at on billing.audit_log using brin (at);
alter table billing.audit_log enable row level security;
revoke all on billing.audit_log from public;
grant select on billing.audit_log to service_role;

create trigger refuse_change before delete or truncate on billing.audit_log
  for each statement execute function _billing.refuse_change();
-- Personal data is erased in place, by billing.erase_personal_data alone: nobody else is granted
-- to update, and the chain tells what was erased from what was changed.
create trigger refuse_update before update on billing.audit_log
  for each statement when (current_setting('billing.erasing', true) is distinct from 'on')
  execute function _billing.refuse_change();

-- What row_id says of a row: its id; of what is held, the invoice's; of what is erased, the audit
-- row's; of a membership, which has none, client and user.
create function _billing.audit_key(changed jsonb) returns text language sql immutable
return coalesce(changed ->> 'id', changed ->> 'log_id', changed ->> 'invoice_id',
  changed ->> 'audit_id', concat_ws('/', changed ->> 'client_id', changed ->> 'user_id'));

-- One insert per statement, not per row: a run that makes 10,000 invoices pays once. Documents are
-- left out (they are on the invoice), and drafts (they are remade at will).
create function _billing.audit_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: audit_log is written by nobody but these triggers.
begin
  insert into billing.audit_log (table_name, row_id, operation, after)
  select tg_table_name, _billing.audit_key(r.row), 'insert', r.row - 'document'
  from (select to_jsonb(n) as row from new_rows n) r
  where r.row ->> 'status' is distinct from 'draft';
  return null;
end $$;

create trigger audit_insert after insert on billing.dismissed_logs
  referencing new table as new_rows
  for each statement execute function _billing.audit_insert();

create function _billing.audit_delete() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.audit_log (table_name, row_id, operation, before)
  select tg_table_name, _billing.audit_key(r.row), 'delete', r.row - 'document'
  from (select to_jsonb(o) as row from old_rows o) r
  where r.row ->> 'status' is distinct from 'draft';
  return null;
end $$;

create trigger audit_delete after delete on billing.dismissed_logs
  referencing old table as old_rows
  for each statement execute function _billing.audit_delete();

create trigger audit_insert after insert on billing.invoice_holds
  referencing new table as new_rows
  for each statement execute function _billing.audit_insert();
create trigger audit_delete after delete on billing.invoice_holds
  referencing old table as old_rows
  for each statement execute function _billing.audit_delete();

create function _billing.audit_update() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off set enable_mergejoin = off set jit = off as $$
-- Definer: as above. Hash joins: transition tables have no statistics and no index.
begin
  insert into billing.audit_log (table_name, row_id, operation, before, after)
  with changed as materialized (
    select _billing.audit_key(x.row) as id, x.row
    from (select to_jsonb(n) - 'document' as row from new_rows n) x
    where x.row ->> 'status' is distinct from 'draft'
  ), previous as materialized (
    select _billing.audit_key(x.row) as id, x.row
    from (select to_jsonb(o) - 'document' as row from old_rows o) x
  )
  select tg_table_name, n.id, 'update', c.before, c.after
  from changed n join previous o on o.id = n.id
  cross join lateral (
    select jsonb_object_agg(e.key, o.row -> e.key) as before,
      jsonb_object_agg(e.key, e.value) as after
    from jsonb_each(n.row) e where e.value is distinct from o.row -> e.key
  ) c
  where c.after is not null;
  return null;
end $$;

create trigger audit_update after update on billing.invoice_holds
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.audit_update();

-- Invoices by the thousand are issued at once, each with a document of kilobytes: what is told of
-- them is named column by column, and drafts are not looked at. All but the document.
create function _billing.audited_invoice(invoice public.invoices) returns jsonb
language sql stable
return jsonb_build_object(
  'id', invoice.id, 'client_id', invoice.client_id, 'kind', invoice.kind,
  'period_start', invoice.period_start, 'period_end', invoice.period_end,
  'status', invoice.status, 'number', invoice.number, 'replaces_id', invoice.replaces_id,
  'currency', invoice.currency, 'subtotal_minor', invoice.subtotal_minor,
  'discount_minor', invoice.discount_minor, 'tax_minor', invoice.tax_minor,
  'tax_included_minor', invoice.tax_included_minor, 'total_minor', invoice.total_minor,
  'balance_applied_minor', invoice.balance_applied_minor,
  'credited_minor', invoice.credited_minor, 'paid_minor', invoice.paid_minor,
  'amount_due_minor', invoice.amount_due_minor, 'payment_terms_days', invoice.payment_terms_days,
  'deliveries', invoice.deliveries, 'note', invoice.note, 'created_at', invoice.created_at,
  'finalized_at', invoice.finalized_at, 'issued_on', invoice.issued_on, 'due_on', invoice.due_on,
  'paid_at', invoice.paid_at, 'voided_at', invoice.voided_at, 'void_reason', invoice.void_reason,
  'written_off_minor', invoice.written_off_minor, 'uncollectible_at', invoice.uncollectible_at);

create function _billing.audit_invoices() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off set enable_mergejoin = off set jit = off as $$
-- Definer: as above.
begin
  if tg_op = 'INSERT' then
    insert into billing.audit_log (table_name, row_id, operation, after)
    select tg_table_name, n.id, 'insert', _billing.audited_invoice(n) from new_rows n
    where n.status <> 'draft';
  elsif tg_op = 'DELETE' then
    insert into billing.audit_log (table_name, row_id, operation, before)
    select tg_table_name, o.id, 'delete', _billing.audited_invoice(o) from old_rows o
    where o.status <> 'draft';
  else
    insert into billing.audit_log (table_name, row_id, operation, before, after)
    select tg_table_name, x.id, 'update', c.before, c.after
    from (
      select n.id, _billing.audited_invoice(o) as before, _billing.audited_invoice(n) as after
      from new_rows n join old_rows o on o.id = n.id
      where n.status <> 'draft'
      offset 0
    ) x
    cross join lateral (
      select jsonb_object_agg(e.key, x.before -> e.key) as before,
        jsonb_object_agg(e.key, e.value) as after
      from jsonb_each(x.after) e where e.value is distinct from x.before -> e.key
    ) c
    where c.after is not null;
  end if;
  return null;
end $$;

create trigger audit_insert after insert on public.invoices referencing new table as new_rows
  for each statement execute function _billing.audit_invoices();
create trigger audit_update after update on public.invoices
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.audit_invoices();
create trigger audit_delete after delete on public.invoices referencing old table as old_rows
  for each statement execute function _billing.audit_invoices();

-- A correction of a log moves money as terms do: who stored it, of which log, and why
-- (metadata.reason). WHEN, so that agents' rows never queue it.
create function _billing.audit_correction() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into billing.audit_log (table_name, row_id, operation, after)
  values (tg_table_name, new.id::text, 'insert', to_jsonb(new) - 'seq' - 'stored_by');
  return null;
end $$;

create trigger audit_correction after insert on public.agent_usage_logs
  for each row when (new.corrects_id is not null) execute function _billing.audit_correction();

do $$
declare
  audited text;
begin
  foreach audited in array array['clients', 'agent_assignments', 'billing_config', 'prices',
    'billing_settings', 'models', 'providers', 'client_members', 'credit_notes', 'payments',
    'invoice_items', 'balance_entries', 'service_intervals', 'hold_limits', 'price_proposals']
  loop
    execute format('create trigger audit_insert after insert on public.%I
      referencing new table as new_rows
      for each statement execute function _billing.audit_insert()', audited);
    execute format('create trigger audit_update after update on public.%I
      referencing old table as old_rows new table as new_rows
      for each statement execute function _billing.audit_update()', audited);
    execute format('create trigger audit_delete after delete on public.%I
      referencing old table as old_rows
      for each statement execute function _billing.audit_delete()', audited);
  end loop;
end $$;

-- 50_invoicing/audit_chain.sql

-- A chain of hashes over the audit log: what the owner of the database changes afterwards is seen.
-- Rows are sealed by a job, in order, so that no writer waits for another one. A hash covers the
-- hash before it, so a head that is kept elsewhere proves everything up to it.

create table billing.audit_seals (
  position bigint primary key,
  audit_id bigint not null unique,
  content_hash bytea not null,
  hash bytea not null,
  sealed_at timestamptz not null default clock_timestamp()
);
comment on table billing.audit_seals is
  'The chain over audit_log: hash = sha256(hash before it || content_hash), in order of position.';
comment on column billing.audit_seals.content_hash is
  'sha256 of the row as billing.audit_export shows it.';
alter table billing.audit_seals enable row level security;
revoke all on billing.audit_seals from public;
grant select on billing.audit_seals to service_role;

create trigger refuse_change before update or delete or truncate on billing.audit_seals
  for each statement execute function _billing.refuse_change();

-- Rows whose personal data was erased. The seal keeps the hash of what the row said before.
create table billing.audit_erasures (
  audit_id bigint primary key,
  content_hash bytea not null,
  erased_at timestamptz not null default clock_timestamp()
);
comment on table billing.audit_erasures is
  'Rows of audit_log without the personal data that they had, and sha256 of what is left. Each is
   an entry of audit_log itself, so an erasure that is made up is seen too.';
alter table billing.audit_erasures enable row level security;
revoke all on billing.audit_erasures from public;
grant select on billing.audit_erasures to service_role;

create trigger refuse_change before update or delete or truncate on billing.audit_erasures
  for each statement execute function _billing.refuse_change();
create trigger audit_insert after insert on billing.audit_erasures
  referencing new table as new_rows
  for each statement execute function _billing.audit_insert();

-- The same text wherever it is computed: jsonb orders keys, and the time is in UTC.
create function _billing.audit_content(entry billing.audit_log)
returns text language sql stable
return jsonb_build_object('id', entry.id, 'actor', entry.actor, 'table_name', entry.table_name,
  'at', to_char(entry.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'row_id', entry.row_id, 'operation', entry.operation, 'before', entry.before,
  'after', entry.after)::text;

create function _billing.audit_hash(entry billing.audit_log)
returns bytea language sql stable
return sha256(convert_to(_billing.audit_content(entry), 'UTF8'));

create function _billing.chain_hash(previous bytea, content_hash bytea)
returns bytea language sql immutable
return sha256(coalesce(previous, '') || content_hash);

-- Seals what is not sealed yet, in order of ids; returns how many rows. A row whose transaction
-- took long has a lower id than the last one: it is looked for among the last 100,000 ids, and
-- once a day among all (`everything`).
create function _billing.seal_audit(everything boolean default false,
  most_rows integer default 20000)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  head billing.audit_seals;
  entry record;
  sealed bigint := 0;
begin
  -- One at a time: the next hash needs the last one.
  if not pg_try_advisory_xact_lock(hashtextextended('billing audit chain', 0)) then
    return 0;
  end if;
  select * into head from billing.audit_seals s order by s.position desc limit 1;
  for entry in
    select a.id, _billing.audit_hash(a) as content_hash from billing.audit_log a
    where (everything or a.id > coalesce(head.audit_id, 0) - 100000)
      and not exists (select from billing.audit_seals s where s.audit_id = a.id)
    order by a.id limit most_rows
  loop
    head.position := coalesce(head.position, 0) + 1;
    head.hash := _billing.chain_hash(head.hash, entry.content_hash);
    insert into billing.audit_seals (position, audit_id, content_hash, hash)
    values (head.position, entry.id, entry.content_hash, head.hash);
    sealed := sealed + 1;
  end loop;
  return sealed;
end $$;
comment on function _billing.seal_audit is
  'Adds rows of audit_log to the chain, in order; returns how many. A job of every minute.';

-- 50_invoicing/audit_verify.sql

-- Whether the audit log is what was sealed, and the log as it is handed out.

-- A row that says it is older than this compared with rows that were stored before it is made up:
-- no transaction takes so long.
create function _billing.audit_tolerance() returns interval language sql immutable
return interval '1 day';

-- Whether a row differs from its seal by an erasure that is on record.
create function _billing.is_erased(audit_id bigint, content_hash bytea)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from billing.audit_erasures e
    join billing.audit_log l on l.table_name = 'audit_erasures' and l.row_id = e.audit_id::text
      and l.operation = 'insert' and l.after ->> 'content_hash' = e.content_hash::text
    where e.audit_id = is_erased.audit_id and e.content_hash = is_erased.content_hash);
$$;

-- Reads the whole chain, some seconds for a million rows. Give it a head that was kept elsewhere,
-- and it says too whether that head is still in the chain: who can write to the database could
-- compute all hashes anew.
create function billing.verify_audit_chain(known_position bigint default null,
  known_hash text default null)
returns table (sealed bigint, unsealed bigint, head_hash text, broken_at bigint, audit_id bigint,
  finding text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
-- Definer: what is inside is granted to nobody.
declare
  link record;
  previous bytea;
  latest timestamptz := '-infinity'::timestamptz;
begin
  sealed := 0;
  for link in
    select s.position, s.audit_id, s.content_hash, s.hash, a.id, a.at,
      _billing.audit_hash(a) as found_hash
    from billing.audit_seals s left join billing.audit_log a on a.id = s.audit_id
    order by s.position
  loop
    sealed := sealed + 1;
    finding := case
      when link.position <> sealed then format('position %s is missing', sealed)
      when link.hash <> _billing.chain_hash(previous, link.content_hash)
        then format('the hash of position %s does not follow from the one before', sealed)
      when link.id is null then format('row %s was removed', link.audit_id)
      when link.found_hash <> link.content_hash
        and not _billing.is_erased(link.id, link.found_hash)
        then format('row %s was changed', link.id)
      when link.at < latest - _billing.audit_tolerance()
        then format('row %s says %s and was stored after %s', link.id, link.at, latest)
      when link.position = known_position and encode(link.hash, 'hex') <> known_hash
        then format('position %s has another hash than the one that is known', sealed) end;
    if finding is not null then
      broken_at := sealed;
      verify_audit_chain.audit_id := link.audit_id;
      exit;
    end if;
    previous := link.hash;
    latest := greatest(latest, link.at);
  end loop;
  head_hash := encode(previous, 'hex');
  if finding is null and known_position > sealed then
    broken_at := sealed + 1;
    finding := format('position %s is known and gone', known_position);
  end if;
  select count(*) into unsealed from billing.audit_log a
  where not exists (select from billing.audit_seals s where s.audit_id = a.id);
  if finding is null then
    select a.id, format('row %s says %s and was stored after %s', a.id, a.at, latest)
      into verify_audit_chain.audit_id, finding
    from billing.audit_log a
    where a.at < latest - _billing.audit_tolerance()
      and not exists (select from billing.audit_seals s where s.audit_id = a.id)
    order by a.id limit 1;
  end if;
  return next;
end $$;
comment on function billing.verify_audit_chain is
  'One row: how much is sealed, the head, and the first break of the chain (null where there is
   none): what was changed, removed or added afterwards. Takes a head that was kept elsewhere.';
grant execute on function billing.verify_audit_chain(bigint, text) to service_role;

-- What is handed out: anybody can compute the hashes again, without this database.
create function billing.audit_export(after_position bigint default 0, most integer default 200)
returns table ("position" bigint, content text, content_hash text, hash text, erased boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
  select s.position, _billing.audit_content(a), encode(s.content_hash, 'hex'),
    encode(s.hash, 'hex'), e.audit_id is not null
  from billing.audit_seals s
  left join billing.audit_log a on a.id = s.audit_id
  left join billing.audit_erasures e on e.audit_id = s.audit_id
  where s.position > after_position order by s.position limit least(most, 10000);
$$;
comment on function billing.audit_export is
  'The sealed audit log in order. content_hash is sha256(content) unless personal data was erased
   since; hash is sha256(hash of the position before || content_hash), both as bytes.';
grant execute on function billing.audit_export(bigint, integer) to service_role;

-- 50_invoicing/audit_notes.sql

-- What the API tells the audit log: what operators have read, and whom it has refused.

-- [{actor, operation, subject, query}]: an entry per actor, operation and subject an hour; the API
-- leaves out what it has told already.
create function billing.note_reads(reads jsonb)
returns void language sql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: audit_log is written by functions alone.
  insert into billing.audit_log (actor, table_name, row_id, operation, after)
  select left(r.actor, 200), left(r.operation, 200), left(coalesce(r.subject, ''), 200), 'read',
    r.query
  from jsonb_to_recordset(reads) r(actor text, operation text, subject text, query jsonb);
$$;
comment on function billing.note_reads is
  'Notes reads by operators: [{actor, operation, subject, query}].';
grant execute on function billing.note_reads(jsonb) to service_role;

-- Counts of the running hour; the hours that are over are rows of the audit log.
create table _billing.refused_requests (
  hour timestamptz not null,
  function_name text not null,
  code text not null,
  source text not null,
  actor text not null,
  attempts bigint not null,
  first_at timestamptz not null default clock_timestamp(),
  last_at timestamptz not null default clock_timestamp(),
  primary key (hour, function_name, code, source, actor)
);
comment on table _billing.refused_requests is
  'Refused requests of the running hour, a row for each source; the rest of a flood is one row.';
alter table _billing.refused_requests enable row level security;
revoke all on _billing.refused_requests from public;

-- Without it, the four thousand million addresses that there are could be hashed and compared.
create table _billing.source_key (
  id boolean primary key default true constraint source_key_one_row check (id),
  key text not null default gen_random_uuid()::text
);
comment on table _billing.source_key is 'What addresses are hashed with; made when needed.';
alter table _billing.source_key enable row level security;
revoke all on _billing.source_key from public;

create function _billing.source_of(address text)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when address is null then 'unknown' when s.audit_addresses then left(address, 60)
    else left(encode(sha256(convert_to(k.key || address, 'UTF8')), 'hex'), 16) end
  from public.billing_settings s cross join _billing.source_key k;
$$;

-- [{function, code, address, actor, attempts}]. Sources beyond a thousand an hour are one.
create function billing.note_refusals(refusals jsonb)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may add to the counts, not read or change them.
declare
  present timestamptz := date_trunc('hour', clock_timestamp());
  is_full boolean;
begin
  insert into _billing.source_key default values on conflict do nothing;
  select count(*) >= 1000 into is_full from _billing.refused_requests r where r.hour = present;
  insert into _billing.refused_requests as t (hour, function_name, code, source, actor, attempts)
  select present, x.function_name, x.code, x.source, x.actor, sum(x.attempts)
  from (
    select left(r.function, 100) as function_name, left(r.code, 100) as code,
      case when k.known then k.source else 'others' end as source,
      case when k.known then k.actor else '' end as actor,
      least(greatest(coalesce(r.attempts, 1), 1), 1000000) as attempts
    from jsonb_to_recordset(refusals)
      r(function text, code text, address text, actor text, attempts bigint)
    cross join lateral (
      select o.source, o.actor, not is_full or exists (select from _billing.refused_requests e
        where e.hour = present and e.source = o.source and e.actor = o.actor) as known
      from (select _billing.source_of(r.address) as source,
        left(coalesce(r.actor, ''), 200) as actor) o
    ) k
  ) x
  group by x.function_name, x.code, x.source, x.actor
  order by x.function_name, x.code, x.source, x.actor
  on conflict (hour, function_name, code, source, actor) do update
  set attempts = t.attempts + excluded.attempts, last_at = clock_timestamp();
end $$;
comment on function billing.note_refusals is
  'Counts refused requests per source and hour: [{function, code, address, actor, attempts}].';
grant execute on function billing.note_refusals(jsonb) to service_role;

-- Moves the hours that are over into the audit log; returns how many rows.
create function _billing.log_refusals(as_of timestamptz default clock_timestamp())
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  with over as (
    delete from _billing.refused_requests r where r.hour < date_trunc('hour', as_of) returning r.*
  ), logged as (
    insert into billing.audit_log (actor, table_name, row_id, operation, after)
    select coalesce(nullif(o.actor, ''), 'unknown'), o.function_name, o.source, 'refused',
      jsonb_build_object('code', o.code, 'attempts', o.attempts, 'first_at', o.first_at,
        'last_at', o.last_at)
    from over o order by o.first_at, o.source
    returning 1
  )
  select count(*) from logged;
$$;
comment on function _billing.log_refusals is
  'Moves counts of refused requests of hours that are over into the audit log.';

-- 50_invoicing/agent_key_audit.sql

-- Keys of agents are made, replaced and revoked in the audit log's sight. It holds no hash and no
-- token: these are not columns of the key. Use of a key is not a change of it.
create trigger audit_insert after insert on _billing.agent_keys
  referencing new table as new_rows
  for each statement execute function _billing.audit_insert();
create trigger audit_update after update on _billing.agent_keys
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.audit_update();
create trigger refuse_delete before delete or truncate on _billing.agent_keys
  for each statement execute function _billing.refuse_change();

-- 60_delivery/deliveries.sql

-- Deliveries: what must reach the world outside, one durable row each. The row is the record; the
-- call that wakes the worker may be lost.

create table public.deliveries (
  id bigint generated always as identity primary key,
  kind text not null,
  event text not null,
  dedupe_key text not null constraint deliveries_queued_once unique,
  client_id uuid references public.clients (id),
  invoice_id uuid references public.invoices (id),
  credit_note_id uuid references public.credit_notes (id),
  after_id bigint references public.deliveries (id),
  payload jsonb not null default '{}',
  state text not null default 'queued',
  due_at timestamptz not null default now(),
  lease uuid,
  attempts integer not null default 0,
  max_attempts integer not null default 32,
  worker_deaths integer not null default 0,
  external_id text,
  details jsonb not null default '{}',
  last_error text,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint deliveries_kind_known check (
    kind in ('archive', 'stripe', 'email', 'hermes', 'log_export')),
  constraint deliveries_state_known check (
    state in ('waiting', 'queued', 'running', 'done', 'dead', 'skipped')),
  constraint deliveries_waits_for_one check (state <> 'waiting' or after_id is not null),
  constraint deliveries_leased_while_running check ((state = 'running') = (lease is not null)),
  constraint deliveries_finished_once_final check (
    (state in ('done', 'dead', 'skipped')) = (finished_at is not null)),
  constraint deliveries_says_why check (
    state not in ('dead', 'skipped') or last_error is not null)
) with (autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table public.deliveries is
  'Files, mails, Stripe invoices and notifications to be delivered, each once per dedupe_key.
   waiting (for after_id) -> queued -> running -> done | dead | skipped; dead can be requeued.';
comment on column public.deliveries.due_at is
  'When a worker may take it: next try while queued, end of the lease while running.';
comment on column public.deliveries.lease is
  'Token of the worker that has it; only its holder can finish it.';
comment on column public.deliveries.worker_deaths is
  'How many workers in a row died while they had it: it runs alone after two, is dead after four.';
comment on column public.deliveries.external_id is
  'What it became outside: path of the file, Stripe''s id, Message-ID, notification_id.';
comment on column public.deliveries.details is
  'archive: path, sha256, bytes; stripe: payment_url (the pay link that the mail carries);
   channel_off: skipped because its kind was switched off where the worker ran.';
comment on column public.deliveries.last_error is 'Last failure, or why it was skipped.';
create index deliveries_to_do on public.deliveries (kind, due_at, id)
  where state in ('queued', 'running');
create index deliveries_after_id on public.deliveries (after_id);
create index deliveries_invoice_id on public.deliveries (invoice_id);
create index deliveries_credit_note_id on public.deliveries (credit_note_id);
create index deliveries_client_id on public.deliveries (client_id);
create index deliveries_dead on public.deliveries (finished_at) where state = 'dead';
create index deliveries_notices on public.deliveries (created_at) where event = 'notice';
create index deliveries_channel_off on public.deliveries (finished_at)
  where state = 'skipped' and details ? 'channel_off';
alter table public.deliveries enable row level security;
revoke all on public.deliveries from anon, authenticated, service_role;
grant select on public.deliveries to authenticated, service_role;

create policy "operators read deliveries" on public.deliveries
  for select to authenticated using ((select billing.is_operator()));

-- 60_delivery/queue/notices.sql

-- A message to operators: by HERMES, and by e-mail where somebody is named to get it. Once per key.
create function billing.queue_operator_alert(key text, priority text, subject text, message text,
  client_id uuid default null, invoice_id uuid default null)
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
  with queued as (
    insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
      payload)
    select x.kind, 'notice', key || ':' || x.kind, queue_operator_alert.client_id,
      queue_operator_alert.invoice_id, s.delivery_attempts, x.payload
    from public.billing_settings s
    cross join lateral (values
      ('hermes', jsonb_build_object('message', message, 'priority', priority)),
      ('email', jsonb_build_object('to', s.operator_emails, 'subject', subject, 'text', message))
    ) x(kind, payload)
    where x.kind = 'hermes' or s.operator_emails <> '{}'
    on conflict (dedupe_key) do nothing
    returning 1
  )
  select count(*) from queued;
$$;
comment on function billing.queue_operator_alert is
  'Tells operators something once per key (priority low, normal, high or critical); returns how
   many deliveries that takes, 0 where it has been told.';
grant execute on function billing.queue_operator_alert(text, text, text, text, uuid, uuid)
  to service_role;

-- 60_delivery/queue/requeue.sql

-- Deliveries that gave up, tried again by an operator.

create function billing.requeue_delivery(delivery_id bigint,
  at timestamptz default clock_timestamp())
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask for another try, only these functions write deliveries.
begin
  update public.deliveries d
  set state = 'queued', attempts = 0, worker_deaths = 0, due_at = at, finished_at = null
  where d.id = delivery_id and d.state in ('dead', 'skipped');
  if not found then
    perform billing.raise_error('unknown_delivery',
      format('no delivery %s has given up or been skipped', delivery_id));
  end if;
end $$;
comment on function billing.requeue_delivery is 'Tries a dead or skipped delivery again.';
grant execute on function billing.requeue_delivery(bigint, timestamptz) to service_role;

create function billing.requeue_deliveries(kind text default null, states text[] default '{dead}',
  at timestamptz default clock_timestamp())
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
  with again as (
    update public.deliveries d
    set state = 'queued', attempts = 0, worker_deaths = 0, due_at = at, finished_at = null
    where d.state = any (states) and d.state in ('dead', 'skipped')
      and (requeue_deliveries.kind is null or d.kind = requeue_deliveries.kind)
    returning 1
  )
  select count(*) from again;
$$;
comment on function billing.requeue_deliveries is
  'Tries all dead (or skipped) deliveries again, or those of one kind; returns how many.';
grant execute on function billing.requeue_deliveries(text, text[], timestamptz) to service_role;

-- 60_delivery/queue/dead.sql

-- A delivery that gave up is told by every way but the one that failed. Of a notice that gives up
-- there is no notice: it is sent the other way itself.
create function _billing.report_dead_delivery(delivery_id bigint)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
    payload)
  select x.kind, 'notice', format('dead:%s:%s:%s', d.id, d.finished_at, x.kind), d.client_id,
    d.invoice_id, s.delivery_attempts, x.payload
  from public.deliveries d
  left join public.invoices i on i.id = d.invoice_id
  left join public.clients c on c.id = d.client_id
  cross join public.billing_settings s
  cross join lateral (select format('Delivery %s (%s, %s%s%s) gave up after %s %s: %s',
    d.id, d.kind, d.event, ', ' || i.number, ', ' || c.name, d.attempts,
    case d.attempts when 1 then 'try' else 'tries' end, d.last_error) as text) m
  cross join lateral (values
    ('hermes', jsonb_build_object('message', m.text, 'priority', 'high')),
    ('email', jsonb_build_object('to', s.operator_emails, 'subject', 'A delivery gave up',
      'text', m.text || E'\n\nTry it again with:\n  select billing.requeue_delivery(' || d.id
        || ');'))
  ) x(kind, payload)
  where d.id = delivery_id and d.event <> 'notice' and x.kind <> d.kind
    and (x.kind = 'hermes' or s.operator_emails <> '{}')
  on conflict (dedupe_key) do nothing;
$$;

-- A notice goes by mail where HERMES does not take it, and by HERMES where mail does not: the only
-- notice of a mail that bounced goes by HERMES. Nothing is sent where it goes that way already.
create function _billing.send_notice_otherwise(notices bigint[])
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
    payload)
  select x.kind, 'notice', x.key, d.client_id, d.invoice_id, s.delivery_attempts, x.payload
  from public.deliveries d
  cross join public.billing_settings s
  cross join lateral (
    select 'email' as kind, regexp_replace(d.dedupe_key, ':hermes$', ':email') as key,
      jsonb_build_object('to', s.operator_emails, 'subject',
        'A notification that HERMES could not deliver', 'text', d.payload ->> 'message') as payload
    where d.kind = 'hermes' and s.operator_emails <> '{}'
    union all
    select 'hermes', regexp_replace(d.dedupe_key, ':email$', ':hermes'), jsonb_build_object(
      'message', concat_ws(E'\n\n', d.payload ->> 'subject', d.payload ->> 'text'),
      'priority', 'high')
    where d.kind = 'email'
  ) x
  where d.id = any (notices) and d.event = 'notice'
  on conflict (dedupe_key) do nothing;
$$;
comment on function _billing.send_notice_otherwise is
  'Queues these notices by the other of HERMES and mail, unless they are there already.';

-- 60_delivery/queue/channel_off.sql

-- A kind that is off is told by every way but itself, once a month.
create function _billing.report_channel_off(kind text, reason text, missed bigint, at timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.deliveries (kind, event, dedupe_key, max_attempts, payload)
  select x.kind, 'notice', format('channel_off:%s:%s:%s', report_channel_off.kind,
    to_char(at at time zone 'UTC', 'YYYY-MM'), x.kind), s.delivery_attempts, x.payload
  from public.billing_settings s
  cross join lateral (select format('%s deliveries of kind %s were skipped: %s. Once it is on, '
    || 'send them by select billing.requeue_deliveries(%L, ''{skipped}''), or take the kind out '
    || 'of billing_config.deliveries.', missed, report_channel_off.kind, reason,
    report_channel_off.kind) as text) m
  cross join lateral (values
    ('hermes', jsonb_build_object('message', m.text, 'priority', 'high')),
    ('email', jsonb_build_object('to', s.operator_emails,
      'subject', 'Deliveries of kind ' || report_channel_off.kind || ' are skipped',
      'text', m.text))
  ) x(kind, payload)
  where x.kind <> report_channel_off.kind and (x.kind = 'hermes' or s.operator_emails <> '{}')
  on conflict (dedupe_key) do nothing;
$$;
comment on function _billing.report_channel_off is
  'Tells operators that deliveries of a kind are skipped because it is switched off.';

-- 60_delivery/queue/finish.sql

-- Seconds until the next try: 30 s doubled per try up to two hours, of which half to all.
create function _billing.retry_delay(attempts integer, share double precision)
returns interval language sql immutable
return make_interval(secs => least(30 * 2 ^ least(attempts - 1, 20), 7200) * (0.5 + share / 2));

create function _billing.release_deliveries(finished bigint[], at timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.deliveries d set state = 'queued', due_at = at
  where d.after_id = any (finished) and d.state = 'waiting';
$$;

-- Writes the outcome of a leased delivery and lets those go that wait for it. Returns the new
-- state; null when the lease has passed to another worker, whose outcome counts.
create function _billing.finish_delivery(delivery_id bigint, lease uuid, outcome jsonb,
  at timestamptz default clock_timestamp())
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  job public.deliveries;
begin
  select * into job from public.deliveries d
  where d.id = delivery_id and d.lease = finish_delivery.lease for update;
  if job.id is null then
    return null;
  end if;
  job.state := case outcome ->> 'kind'
    when 'retry' then case when job.attempts < job.max_attempts then 'queued' else 'dead' end
    else outcome ->> 'kind' end;
  update public.deliveries d
  set state = job.state, lease = null,
    due_at = case when job.state = 'queued' then at + greatest(
      make_interval(secs =>
        least(coalesce((outcome ->> 'retryAfterSeconds')::double precision, 0), 86400)),
      _billing.retry_delay(job.attempts, random())) else d.due_at end,
    external_id = coalesce(outcome ->> 'externalId', d.external_id),
    details = (d.details - 'channel_off') || coalesce(outcome -> 'details', '{}'),
    last_error = case when job.state = 'done' then null
      else left(coalesce(outcome ->> 'error', d.last_error), 2000) end,
    -- A worker that lives to tell has not died of it.
    worker_deaths = case when job.state = 'dead' then d.worker_deaths else 0 end,
    finished_at = case when job.state <> 'queued' then at end
  where d.id = job.id;
  if job.state <> 'queued' then
    perform _billing.release_deliveries(array[job.id], at);
  end if;
  if job.state = 'dead' then
    perform _billing.report_dead_delivery(job.id);
  end if;
  -- Five tries take a few minutes: long enough for a restart, short enough for news.
  if job.event = 'notice'
    and (job.state = 'dead' or job.state = 'queued' and job.attempts >= 5) then
    perform _billing.send_notice_otherwise(array[job.id]);
  end if;
  return job.state;
end $$;
comment on function _billing.finish_delivery is
  'Records {kind: done|retry|dead|skipped, error, retryAfterSeconds, externalId, details}.';

-- For a kind that is switched off where the worker runs: its deliveries say so and hold nobody up.
-- Operators are told once a month by the ways that are on; their own notices are not counted, but
-- sent the other way.
create function _billing.skip_deliveries(kind text, reason text,
  at timestamptz default clock_timestamp())
returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  skipped bigint[];
  missed bigint;
begin
  with gone as (
    update public.deliveries d set state = 'skipped', last_error = reason, finished_at = at,
      details = d.details || '{"channel_off": true}'
    where d.kind = skip_deliveries.kind and d.state = 'queued'
    returning d.id, d.event
  )
  select array_agg(g.id), count(*) filter (where g.event <> 'notice') into skipped, missed
  from gone g;
  perform _billing.release_deliveries(skipped, at);
  perform _billing.send_notice_otherwise(skipped);
  if missed > 0 then
    perform _billing.report_channel_off(kind, reason, missed, at);
  end if;
  return coalesce(cardinality(skipped), 0);
end $$;
comment on function _billing.skip_deliveries is 'Marks queued deliveries of a kind as skipped.';

-- 60_delivery/queue/hopeless.sql

-- Deliveries that end their workers. One whose lease ran out twice in a row runs alone and last;
-- after two more times it is dead. A worker that dies takes down what it had beside it too, but
-- that runs well when it runs alone.

create function _billing.is_suspect(delivery public.deliveries)
returns boolean language sql immutable
return (delivery).worker_deaths + ((delivery).state = 'running')::integer >= 2;
comment on function _billing.is_suspect is
  'Of a delivery that is due: whether its workers have died twice in a row, so it must run alone.';

-- A mail carries the PDF that the archive files. Where that has ended its workers, the mail waits
-- until the archive is through.
create function _billing.waits_for_pdf(mail public.deliveries, at timestamptz)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select mail.kind = 'email' and exists (select from public.deliveries a
    where a.kind = 'archive' and a.invoice_id = mail.invoice_id
      and a.credit_note_id is not distinct from mail.credit_note_id
      and (a.state = 'queued' and a.worker_deaths >= 2
        or a.state = 'running' and a.worker_deaths + (a.due_at <= at)::integer >= 2));
$$;

-- Ends what has no try left, and the mails of what the archive cannot render.
create function _billing.end_hopeless_deliveries(kinds text[], at timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  unsendable bigint[];
begin
  perform _billing.finish_delivery(d.id, d.lease, jsonb_build_object('kind', 'dead',
    'error', coalesce(d.last_error || '; ', '') || case when d.worker_deaths >= 3
      then 'its worker died four times, twice while it ran alone'
      else 'its worker died on the last try' end), at)
  from public.deliveries d
  where d.kind = any (kinds) and d.state = 'running' and d.due_at <= at
    and (d.attempts >= d.max_attempts or d.worker_deaths >= 3);
  if not 'email' = any (kinds) then
    return;
  end if;
  with ended as (
    update public.deliveries m set state = 'dead', lease = null, finished_at = at,
      last_error = format('its PDF cannot be rendered: see delivery %s', a.id)
    from public.deliveries a
    where m.kind = 'email' and m.state in ('queued', 'running') and m.due_at <= at
      and a.kind = 'archive' and a.state = 'dead' and a.worker_deaths >= 3
      and a.invoice_id = m.invoice_id and a.credit_note_id is not distinct from m.credit_note_id
    returning m.id
  )
  select array_agg(e.id) into unsendable from ended e;
  perform _billing.release_deliveries(unsendable, at);
  perform _billing.report_dead_delivery(u.id) from unnest(unsendable) u(id);
end $$;

-- One that has ended its workers, while no other is under way; null where there is none.
create function _billing.claim_delivery_alone(kinds text[], lease_seconds integer default 120,
  at timestamptz default clock_timestamp())
returns setof public.deliveries language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from public.deliveries d where d.state = 'running' and d.due_at > at) then
    return;
  end if;
  return query
  update public.deliveries d
  set state = 'running', lease = gen_random_uuid(), attempts = d.attempts + 1,
    worker_deaths = d.worker_deaths + (d.state = 'running')::integer,
    due_at = at + make_interval(secs => lease_seconds)
  where d.id = (select q.id from public.deliveries q
    where q.kind = any (kinds) and q.state in ('queued', 'running') and q.due_at <= at
      and _billing.is_suspect(q) and not _billing.waits_for_pdf(q, at)
    order by q.due_at, q.id limit 1
    for update skip locked)
  returning d.*;
end $$;
comment on function _billing.claim_delivery_alone is
  'Leases one due delivery that has ended its workers, while nothing else is under way.';

-- 60_delivery/queue/claim.sql

-- Takes up to so many due deliveries of each kind, so that no kind waits behind another, oldest
-- first, so that none is overtaken for ever. A running one whose lease is over belonged to a worker
-- that died: it is taken again, unless that was its last try, or it must run alone. Counted here,
-- in the statement that takes it, so that a delivery which kills its workers ends too.
create function _billing.claim_deliveries(kinds text[], per_kind integer,
  lease_seconds integer default 120, at timestamptz default clock_timestamp())
returns setof public.deliveries language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.end_hopeless_deliveries(kinds, at);
  return query
  -- Materialized: joined as a nested loop the choice would be made anew, and more be taken, for
  -- each row that it is compared with.
  with taken as materialized (
    select c.id from unnest(kinds) k(kind) cross join lateral (
      select q.id from public.deliveries q
      where q.kind = k.kind and q.state in ('queued', 'running') and q.due_at <= at
        and not _billing.is_suspect(q) and not _billing.waits_for_pdf(q, at)
      order by q.due_at, q.id limit per_kind
      for update skip locked
    ) c
  )
  update public.deliveries d
  set state = 'running', lease = gen_random_uuid(), attempts = d.attempts + 1,
    worker_deaths = d.worker_deaths + (d.state = 'running')::integer,
    due_at = at + make_interval(secs => lease_seconds)
  from taken t where d.id = t.id
  returning d.*;
end $$;
comment on function _billing.claim_deliveries is
  'Leases due deliveries of these kinds to the caller and counts the try.';

-- 60_delivery/mailers.sql

-- Who mails an invoice to its client: we, or Stripe. Decided once, by the first that is about to,
-- so that a client never gets both mails, whatever is tried again or changed meanwhile.

create table _billing.invoice_mailers (
  invoice_id uuid primary key references public.invoices (id),
  mailer text not null
    constraint invoice_mailers_mailer_known check (mailer in ('us', 'stripe')),
  claimed_at timestamptz not null default now(),
  mailed_at timestamptz
);
comment on table _billing.invoice_mailers is 'Who mails, or has mailed, an invoice to its client.';
comment on column _billing.invoice_mailers.mailed_at is
  'When Stripe was asked to mail it; it is not asked again.';
alter table _billing.invoice_mailers enable row level security;
revoke all on _billing.invoice_mailers from public;

create function _billing.claim_mail(invoice_id uuid, mailer text) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  insert into _billing.invoice_mailers (invoice_id, mailer)
  values (claim_mail.invoice_id, claim_mail.mailer)
  on conflict on constraint invoice_mailers_pkey do nothing;
  return exists (select from _billing.invoice_mailers m
    where m.invoice_id = claim_mail.invoice_id and m.mailer = claim_mail.mailer
      and m.mailed_at is null);
end $$;
comment on function _billing.claim_mail is
  'Whether a mailer may mail an invoice: no other has begun to, and it has not been noted as done.';

create function _billing.note_mailed(invoice_id uuid) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  update _billing.invoice_mailers m set mailed_at = now()
  where m.invoice_id = note_mailed.invoice_id and m.mailer = 'stripe';
$$;
comment on function _billing.note_mailed is 'Notes that Stripe was asked to mail an invoice.';

create function _billing.release_mail(invoice_id uuid) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  delete from _billing.invoice_mailers m
  where m.invoice_id = release_mail.invoice_id and m.mailer = 'stripe' and m.mailed_at is null;
$$;
comment on function _billing.release_mail is
  'Lets us mail an invoice that Stripe was about to mail and refused to.';

create function _billing.is_mailed_by_stripe(invoice_id uuid) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (select from _billing.invoice_mailers m
    where m.invoice_id = is_mailed_by_stripe.invoice_id and m.mailer = 'stripe');
$$;
comment on function _billing.is_mailed_by_stripe is
  'Whether Stripe mails an invoice; then it reminds of it, too.';

-- 60_delivery/invoice_deliveries.sql

-- What is queued when: in the transaction of what it tells of, so neither is without the other.

-- An issued invoice: one delivery per kind of its `deliveries`. The mail waits for Stripe, since it
-- carries the pay link; without an address there is nothing to send.
create function _billing.queue_invoice_deliveries(invoice_ids uuid[])
returns void language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
begin
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
    payload)
  select k.kind, 'invoice_issued', format('invoice_issued:%s:%s', i.id, k.kind), i.client_id, i.id,
    s.delivery_attempts, case k.kind when 'hermes' then jsonb_build_object('priority', 'low',
      'message', format('Invoice %s for %s: %s %s, due %s', i.number, c.name,
        _billing.format_minor(i.total_minor, u.exponent), u.code, i.due_on)) else '{}' end
  from unnest(invoice_ids) n(id)
  -- By key: sorted by number, the planner would rather read all invoices in that order.
  cross join lateral (select * from public.invoices x where x.id = n.id offset 0) i
  join public.clients c on c.id = i.client_id
  join public.currencies u on u.code = i.currency
  cross join public.billing_settings s
  cross join unnest(i.deliveries) k(kind)
  where k.kind <> 'email'
  order by i.number, k.kind
  on conflict (dedupe_key) do nothing;
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, after_id,
    max_attempts, state, last_error, finished_at)
  select 'email', 'invoice_issued', format('invoice_issued:%s:email', i.id), i.client_id, i.id,
    p.id, s.delivery_attempts, x.state,
    case x.state when 'skipped' then 'the client has no e-mail address' end,
    case x.state when 'skipped' then now() end
  from unnest(invoice_ids) n(id)
  cross join lateral (select * from public.invoices x where x.id = n.id offset 0) i
  cross join public.billing_settings s
  left join public.deliveries p on p.dedupe_key = format('invoice_issued:%s:stripe', i.id)
  cross join lateral (select case when i.document #>> '{client,email}' is null then 'skipped'
    when p.state in ('waiting', 'queued', 'running') then 'waiting' else 'queued' end as state) x
  where 'email' = any (i.deliveries)
  order by i.number
  on conflict (dedupe_key) do nothing;
end $$;
comment on function _billing.queue_invoice_deliveries is
  'Queues what the deliveries of issued invoices say; each once.';

-- Every change of an invoice's status passes here.
create function _billing.follow_invoices() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: deliveries are written by nobody but billing's own functions.
declare
  issued uuid[];
  moved uuid[];
begin
  -- Grouped, not joined: transition tables have no statistics, and what the planner then takes for
  -- two rows it compares with each other one by one: 60 s for 10,000 invoices.
  select array_agg(x.id) filter (where x.before = 'draft'),
    array_agg(x.id) filter (where x.before <> 'draft')
  into issued, moved
  from (
    select s.id, max(s.before) as before, max(s.after) as after
    from (
      select o.id, o.status as before, null as after from old_rows o
      union all select n.id, null, n.status from new_rows n
    ) s group by s.id
  ) x
  where x.before <> x.after;
  if issued is not null then
    perform _billing.queue_invoice_deliveries(issued);
  end if;
  -- What is settled is not asked for again; what is void is not sent.
  update public.deliveries d
  set state = 'skipped', last_error = format('the invoice is %s', n.status), finished_at = now()
  from public.invoices n
  where n.id = any (moved) and d.invoice_id = n.id and d.state in ('waiting', 'queued')
    and ((d.event = 'reminder' and n.status in ('paid', 'void', 'uncollectible'))
      or (d.event = 'invoice_issued' and d.kind = 'email' and n.status = 'void'));
  return null;
end $$;

create trigger follow_invoices after update on public.invoices
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.follow_invoices();

create function _billing.follow_payments() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
    payload)
  select 'hermes', 'payment_received', 'payment_received:' || p.id, p.client_id, p.invoice_id,
    s.delivery_attempts, jsonb_build_object('priority', 'normal', 'message',
      format('Payment received from %s: %s for invoice %s', c.name,
        billing.money_text(p.amount_minor, p.currency), i.number))
  from new_rows p
  join public.invoices i on i.id = p.invoice_id and 'hermes' = any (i.deliveries)
  join public.clients c on c.id = p.client_id
  cross join public.billing_settings s
  where p.kind = 'payment';
  return null;
end $$;

create trigger follow_payments after insert on public.payments
  referencing new table as new_rows
  for each statement execute function _billing.follow_payments();

-- A credit note is filed and mailed when its document is written, by the kinds of its invoice.
create function _billing.follow_credit_note() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, credit_note_id,
    max_attempts)
  select k.kind, 'credit_note_issued', format('credit_note_issued:%s:%s', new.id, k.kind),
    new.client_id, new.invoice_id, new.id, s.delivery_attempts
  from public.invoices i
  cross join public.billing_settings s
  cross join unnest(i.deliveries) k(kind)
  where i.id = new.invoice_id and (k.kind = 'archive'
    or (k.kind = 'email' and new.document #>> '{client,email}' is not null))
  on conflict (dedupe_key) do nothing;
  return null;
end $$;

create trigger follow_credit_note after update on public.credit_notes
  for each row when (old.document = '{}' and new.document <> '{}')
  execute function _billing.follow_credit_note();

-- 60_delivery/run_report.sql

-- What a monthly run came to, for the people who were asleep: stored, shown, sent.

create view billing.run_report with (security_invoker = true) as
select r.id, r.as_of, r.started_at, r.finished_at - r.started_at as duration, r.actor,
  (r.summary ->> 'invoices')::integer as invoices, t.totals,
  (r.summary ->> 'drafts')::integer as drafts,
  (r.summary ->> 'skipped')::integer as skipped,
  (r.summary ->> 'credit_notes')::integer as credit_notes,
  (r.summary ->> 'discrepancies_healed')::bigint as discrepancies_healed,
  b.blocked, b.blocked_reasons, w.voided, q.quarantined_rows,
  d.deliveries_pending, d.deliveries_dead, d.deliveries_skipped,
  coalesce((r.summary ->> 'held_count')::integer, 0) as held, h.held_reasons
from billing.monthly_runs r
cross join lateral (
  select string_agg(billing.money_text(e.value::bigint, e.key), ', ' order by e.key) as totals
  from jsonb_each_text(r.summary -> 'totals') e
) t
cross join lateral (
  select coalesce((r.summary ->> 'blocked_count')::integer, count(*)::integer) as blocked,
    array_agg(format('%s from %s: %s', e ->> 'client',
    e ->> 'period_start', e ->> 'message') order by e ->> 'client') as blocked_reasons
  from jsonb_array_elements(r.summary -> 'blocked') e
) b
cross join lateral (
  select coalesce(array_agg(format('%s from %s, invoice %s', e ->> 'client', e ->> 'period_start',
    e ->> 'invoice') order by e ->> 'client', e ->> 'period_start'), '{}') as voided
  from jsonb_array_elements(r.summary -> 'voided') e
) w
cross join lateral (
  select coalesce(array_agg(format('%s%s: %s', e ->> 'client', ' from ' || (e ->> 'period_start'),
    e ->> 'message') order by e ->> 'client', e ->> 'period_start'), '{}') as held_reasons
  from jsonb_array_elements(r.summary -> 'held') e
) h
cross join lateral (
  select coalesce(sum((e ->> 'rows')::bigint), 0)::bigint as quarantined_rows
  from jsonb_array_elements(r.summary -> 'quarantined') e
) q
cross join lateral (
  select count(*) filter (where v.state in ('waiting', 'queued', 'running'))
      as deliveries_pending,
    count(*) filter (where v.state = 'dead') as deliveries_dead,
    count(*) filter (where v.state = 'skipped') as deliveries_skipped
  from public.invoices i join public.deliveries v on v.invoice_id = i.id
  where i.finalized_at = r.as_of
) d
where r.finished_at is not null;
comment on view billing.run_report is
  'Each monthly run: invoices, totals, blocked months and held drafts with reasons, and its
   deliveries as of now.';
revoke all on billing.run_report from public;
grant select on billing.run_report to service_role;

create function billing.run_report_text(run_id bigint)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select concat_ws(E'\n',
    format('Run for %s. Invoices: %s%s.', to_char(r.as_of at time zone 'UTC',
      'YYYY-MM-DD HH24:MI "UTC"'), r.invoices, ', total ' || r.totals),
    format('Months without charges: %s. Credit notes: %s. Drafts in grace: %s.', r.skipped,
      r.credit_notes, r.drafts),
    format('Differences between logs and records, healed: %s. Log rows in quarantine: %s.',
      r.discrepancies_healed, r.quarantined_rows),
    format('Deliveries queued when it ended: %s.', r.deliveries_pending),
    case when r.voided <> '{}' then E'Voided and not billed anew:\n- '
      || array_to_string(r.voided, E'\n- ') end,
    case when r.held > 0 then format(E'Held drafts: %s:\n- ', r.held)
      || array_to_string(r.held_reasons[:10], E'\n- ')
      || case when r.held > 10 then format(E'\n- and %s more', r.held - 10) else '' end end,
    format('Blocked months: %s', r.blocked) || case when r.blocked = 0 then '.'
      else E':\n- ' || array_to_string(r.blocked_reasons[:10], E'\n- ')
        || case when r.blocked > 10 then format(E'\n- and %s more', r.blocked - 10) else '' end
      end)
  from billing.run_report r where r.id = run_id;
$$;
comment on function billing.run_report_text is 'A run''s report as text, for mail and HERMES.';
grant execute on function billing.run_report_text(bigint) to service_role;

-- Keeps with the run how much was still to be delivered when it ended.
create function _billing.count_pending() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  new.summary := new.summary || jsonb_build_object('deliveries_pending', (
    select count(*) from public.deliveries d join public.invoices i on i.id = d.invoice_id
    where i.finalized_at = new.as_of and d.state in ('waiting', 'queued', 'running')));
  return new;
end $$;

create trigger count_pending before update of summary on billing.monthly_runs
  for each row execute function _billing.count_pending();

-- Every run that did something is reported, by whomever it was started. One that did nothing is
-- reported where months are blocked, once a day: the scheduled runs repeat.
create function _billing.report_run() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: deliveries are written by nobody but billing's own functions.
declare
  blocked constant boolean := new.summary -> 'blocked' <> '[]';
  made constant boolean :=
    (new.summary ->> 'invoices')::integer + (new.summary ->> 'credit_notes')::integer > 0;
begin
  if made or blocked then
    perform billing.queue_operator_alert(
      case when made then 'run:' || extract(epoch from new.as_of)
        else format('run_blocked:%s', (new.as_of at time zone 'UTC')::date) end,
      case when blocked then 'high' else 'normal' end,
      format('Billing run of %s%s', (new.as_of at time zone 'UTC')::date,
        case when blocked then ': months are blocked' else '' end),
      billing.run_report_text(new.id));
  end if;
  return null;
end $$;

create trigger report_run after update of summary on billing.monthly_runs
  for each row execute function _billing.report_run();

-- For callers that wait until a run is delivered (the n8n workflow): what is left, and the result
-- of the last run. `failed` are the deliveries of that run that gave up.
create function _billing.delivery_overview()
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'pending', (select count(*) from public.deliveries d
      where d.state in ('waiting', 'queued', 'running')),
    'dead', (select count(*) from public.deliveries d where d.state = 'dead'),
    'run', (select jsonb_build_object('as_of', r.as_of, 'invoices', r.invoices,
        'totals', r.totals, 'blocked', r.blocked, 'failed', r.deliveries_dead,
        'report', billing.run_report_text(r.id))
      from billing.run_report r order by r.id desc limit 1));
$$;
comment on function _billing.delivery_overview is
  'Deliveries pending and dead, and the report of the last run.';

-- 60_delivery/reminders.sql

-- Reminders of open invoices: before they are due, when they are, and after; each once.

-- The reminder whose day came last, where it has not been sent. Days that passed while nobody
-- looked are not made up for: the client gets one mail, not three. A reminder's day must lie after
-- the day of issue, when the invoice itself was mailed; while that mail is still under way it is
-- not overtaken.
create function billing.queue_reminders(as_of timestamptz default billing.as_of())
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
  with latest as (
    select distinct on (i.id) i.id, i.client_id, r.days, s.delivery_attempts
    from public.invoices i
    cross join public.billing_settings s
    cross join unnest(s.reminder_days) r(days)
    where i.status = 'open' and i.amount_due_minor > 0 and 'email' = any (i.deliveries)
      and i.document #>> '{client,email}' is not null
      and i.due_on + r.days <= (as_of at time zone 'UTC')::date
      and i.due_on + r.days > i.issued_on and not _billing.is_mailed_by_stripe(i.id)
      and not exists (select from public.deliveries d
        where d.dedupe_key = format('invoice_issued:%s:email', i.id)
          and d.state in ('waiting', 'queued', 'running'))
    order by i.id, r.days desc
  ), queued as (
    insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
      payload)
    select 'email', 'reminder', format('reminder:%s:%s', l.id, l.days), l.client_id, l.id,
      l.delivery_attempts, jsonb_build_object('days', l.days)
    from latest l
    on conflict (dedupe_key) do nothing
    returning 1
  )
  select count(*) from queued;
$$;
comment on function billing.queue_reminders is
  'Queues the reminders that are due; each once per invoice. Returns how many.';
grant execute on function billing.queue_reminders(timestamptz) to service_role;

-- 60_delivery/audit_head.sql

-- The head of the audit chain, told to operators once a day: what they keep proves all before it.

create function _billing.report_audit_head(as_of timestamptz default clock_timestamp())
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  chain record;
  day constant text := to_char(as_of at time zone 'UTC', 'YYYY-MM-DD');
begin
  perform _billing.seal_audit(everything => true, most_rows => 1000000);
  select * into chain from billing.verify_audit_chain();
  if chain.finding is not null then
    return billing.queue_operator_alert('audit_break:' || day, 'critical',
      'The audit log was changed', format('The audit log is not what was sealed: %s (position %s). '
        || 'Compare it with an export that was kept elsewhere.', chain.finding, chain.broken_at));
  elsif chain.sealed = 0 then
    return 0;
  end if;
  return billing.queue_operator_alert('audit_head:' || day, 'low', 'The audit log of ' || day,
    format('The audit log has %s sealed rows; its head is %s. Keep this message: '
      || 'billing.verify_audit_chain(%s, ''%s'') says whether anything before it was changed.',
      chain.sealed, chain.head_hash, chain.sealed, chain.head_hash));
end $$;
comment on function _billing.report_audit_head is
  'Seals and verifies the audit log and tells operators its head, or the first break; once a day.';

-- 60_delivery/budgets.sql

-- Budgets of clients, and how much of them is used.

create table public.client_budgets (
  client_id uuid primary key references public.clients (id) on delete cascade,
  amount_minor bigint not null
    constraint client_budgets_positive check (amount_minor > 0),
  thresholds smallint[] not null default '{50,80,100}'
    constraint client_budgets_thresholds_percent check (
      thresholds <> '{}' and array_position(thresholds, null) is null
      and 0 < all (thresholds) and 1000 >= all (thresholds))
);
comment on table public.client_budgets is
  'What a client means to spend on usage per period; alerts are sent as it is used up.';
comment on column public.client_budgets.amount_minor is
  'Minor units of the currency that the client is billed in; usage before discount and tax.';
comment on column public.client_budgets.thresholds is 'Percent of the budget that are told of.';
alter table public.client_budgets enable row level security;
revoke all on public.client_budgets from anon, authenticated, service_role;
grant select, insert, update, delete on public.client_budgets to service_role;
grant select on public.client_budgets to authenticated;

create policy "members and operators read budgets" on public.client_budgets
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- Usage of the running period of clients with a budget, rated as the invoice will rate it.
create function billing.budget_use(as_of timestamptz default billing.as_of())
returns table (client_id uuid, client text, period_start date, currency text,
  spent_minor bigint, budget_minor bigint, thresholds smallint[])
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  -- Definer: callers may see what is spent; the rating that says so is not theirs to call.
  with running as (
    select r.client_id, greatest(r.next_start,
        billing.period_start_of(r.today, r.billing_anchor_day)) as period_start,
      billing.period_end_of(r.today, r.billing_anchor_day) as period_end
    from billing.current_periods(as_of) r
    join public.client_budgets b on b.client_id = r.client_id
  ), targets as (
    select coalesce(array_agg((r.client_id, r.period_start, r.period_end)::billing.rating_target),
      '{}') as list
    from running r where r.period_start < r.period_end
  ), spent as (
    select u.client_id, sum(u.amount_minor)::bigint as amount_minor
    from targets t cross join _billing.rate_usage(t.list) u group by u.client_id
  )
  select p.client_id, c.name, p.period_start, p.currency, coalesce(s.amount_minor, 0),
    b.amount_minor, b.thresholds
  from targets t cross join billing.period_terms(t.list) p
  join public.clients c on c.id = p.client_id
  join public.client_budgets b on b.client_id = p.client_id
  left join spent s on s.client_id = p.client_id;
$$;
comment on function billing.budget_use is
  'What clients with a budget have used of it in their running period.';
grant execute on function billing.budget_use(timestamptz) to service_role;

-- 60_delivery/held_notice.sql

-- What operators are told of held drafts: one message of all, with amounts.

create function _billing.held_notice()
returns table (names text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select md5(string_agg(concat_ws(' ', h.invoice_id, h.released_minor), ',' order by h.invoice_id)),
    format('%s held: %s. Look at them in billing.held_invoices, then release each: select '
      || 'billing.release_invoice(invoice_id, ''why'').',
      case when count(*) = 1 then 'A draft is' else count(*) || ' drafts are' end,
      _billing.first_few(array_agg(format('%s%s, %s', h.client,
        ' from ' || h.period_start, h.message) order by h.client, h.period_start), 10, '; '))
  from billing.held_invoices h having count(*) > 0;
$$;
comment on function _billing.held_notice is 'One message of all held drafts.';

-- 60_delivery/proposal_notice.sql

-- What operators are told of proposals: one message of all that are open.

create function _billing.proposal_notice()
returns table (names text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select md5(string_agg(p.id::text, ',' order by p.id)),
    format('%s to be decided: %s. Decide on each: select billing.accept_price_proposal(id, '
      || '''why'') or billing.refuse_price_proposal(id, ''why'').',
      case when count(*) = 1 then 'A price proposal is' else count(*) || ' price proposals are' end,
      _billing.first_few(array_agg(format('%s: %s%s', p.id, p.message,
        case when p.effects <> '[]' then format(' (changes open periods of %s)',
          case jsonb_array_length(p.effects) when 1 then 'a client'
            else jsonb_array_length(p.effects) || ' clients' end) else '' end)
        order by p.id), 10, '; '))
  from public.price_proposals p where p.state = 'open' having count(*) > 0;
$$;
comment on function _billing.proposal_notice is 'One message of all open price proposals.';

-- 60_delivery/usage_alerts.sql

-- Usage alerts: budgets, sudden spend, usage that nobody can be billed for. Each once.

-- Clients whose last full day cost much more than the average of the fourteen days before it: in
-- what we pay, so that a price change is no jump. Days of cents are none either.
create function billing.spend_jumps(as_of timestamptz default billing.as_of())
returns table (client_id uuid, client text, usage_day date, cost numeric, average numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select c.id, c.name, y.day, x.cost, x.average
  from public.clients c
  cross join lateral (select billing.day_of(c.id, as_of) - 1 as day) y
  cross join lateral (
    select coalesce(sum(r.provider_cost) filter (where r.usage_day = y.day), 0) as cost,
      coalesce(sum(r.provider_cost) filter (where r.usage_day < y.day), 0) / 14 as average,
      count(distinct r.usage_day) filter (where r.usage_day < y.day) as days
    from public.usage_records r
    where r.client_id = c.id and r.usage_day between y.day - 14 and y.day
  ) x
  cross join public.billing_settings s
  where x.days >= 3 and x.cost > x.average * s.spend_jump_factor and x.cost - x.average >= 5;
$$;
comment on function billing.spend_jumps is
  'Clients whose last full day cost more than spend_jump_factor times their usual day (USD).';
grant execute on function billing.spend_jumps(timestamptz) to service_role;

-- Names are the agents' to choose: however many there are, a kind of notice is one message, with
-- the first few. `names` is a fingerprint of what is told.
create function _billing.unpriced_notice()
returns table (names text, message text, client_id uuid)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with missing as (
    select q.client_id, q.model, c.name, max(q.rows) as rows,
      _billing.first_few(array_agg(distinct
        _billing.named_usage(q.metric, q.rate_class))) as metrics
    from billing.quarantined_usage q join public.clients c on c.id = q.client_id
    where q.reason = 'unpriced_usage' group by q.client_id, q.model, c.name
  )
  select md5(string_agg(m.client_id || ' ' || m.model, ',' order by m.client_id, m.model)),
    case when count(*) = 1 then min(format('Model %s of client %s has no price for %s (%s log '
        || 'rows). The client''s month cannot be billed until it has one.', m.model, m.name,
        m.metrics, m.rows))
      else format('%s models have no price, and their clients'' months cannot be billed until they '
        || 'have one: %s.', count(*), _billing.first_few(array_agg(format(
          '%s of client %s for %s (%s log rows)', m.model, m.name, m.metrics, m.rows)
          order by m.rows desc, m.name, m.model), 10, '; ')) end,
    case when count(*) = 1 then min(m.client_id::text)::uuid end
  from missing m having count(*) > 0;
$$;
comment on function _billing.unpriced_notice is 'One message of all usage without a price.';

create function _billing.unmapped_notice()
returns table (names text, message text, client_id uuid)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with missing as (
    select q.model, min(q.client_id::text)::uuid as client_id,
      count(distinct q.client_id) as clients, sum(q.rows) as rows
    from (select q.client_id, q.model, max(q.rows) as rows
      from billing.quarantined_usage q where q.reason = 'unknown_provider'
      group by q.client_id, q.model) q
    group by q.model
  )
  select md5(string_agg(m.model, ',' order by m.model)),
    format('It is not known how tokens are counted of %s, and the months of the clients that use '
      || 'it cannot be billed: %s. Map each model to its provider: insert into public.models (id, '
      || 'family, provider) … on conflict (id) do update set provider = excluded.provider.',
      case when count(*) = 1 then 'a model' else count(*) || ' models' end,
      _billing.first_few(array_agg(format('%s (%s clients, %s log rows)', m.model, m.clients,
        m.rows) order by m.rows desc, m.model), 10, '; ')),
    case when count(*) = 1 and min(m.clients) = 1 then min(m.client_id::text)::uuid end
  from missing m having count(*) > 0;
$$;
comment on function _billing.unmapped_notice is
  'One message of all models of which it is not known how they count.';

create function _billing.cost_notice()
returns table (names text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with costly as (
    select q.agent, q.model, c.id, c.name, q.rows, (select sum(r.provider_cost)
      from public.usage_records r
      where r.client_id = q.client_id and r.usage_day between q.first_day and q.last_day
        and r.agent = q.agent and r.model = q.model and r.metric = q.metric) as cost
    from billing.quarantined_usage q join public.clients c on c.id = q.client_id
    where q.reason = 'unpriced_cost'
  )
  select md5(string_agg(concat_ws(' ', x.id, x.agent, x.model), ','
      order by x.id, x.agent, x.model)),
    format('%s and nothing to bill it by. Price its requests (0 where it is free), or log what '
      || 'was used.', _billing.first_few(array_agg(
        format('%s has logged %s calls of %s for %s at a cost of %s USD', x.agent, x.rows, x.model,
          x.name, round(x.cost, 2)) order by x.cost desc, x.name, x.agent, x.model), 10, '; '))
  from costly x having count(*) > 0;
$$;
comment on function _billing.cost_notice is
  'One message of all calls that have a cost and nothing to be billed by.';

create function _billing.nobody_notice()
returns table (names text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with owned_by_nobody as (
    select q.agent, count(*) as rows from billing.quarantined_logs q
    where not q.dismissed and q.reason in ('no_client', 'unknown_client') group by q.agent
  )
  select md5(string_agg(n.agent, ',' order by n.agent)),
    case when count(*) = 1 then min(format('Agent %s has logged %s calls that belong to no client. '
        || 'Assign the agent: insert into public.agent_assignments (agent, client_id) …',
        n.agent, n.rows))
      else format('%s agents have logged %s calls that belong to no client: %s. Assign them: '
        || 'insert into public.agent_assignments (agent, client_id) …', count(*), sum(n.rows),
        _billing.first_few(array_agg(format('%s (%s)', n.agent, n.rows)
          order by n.rows desc, n.agent))) end
  from owned_by_nobody n having count(*) > 0;
$$;
comment on function _billing.nobody_notice is 'One message of all agents whose usage nobody owns.';

create function _billing.future_notice()
returns table (names text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with ahead as (
    select q.agent, count(*) as rows from billing.quarantined_logs q
    where not q.dismissed and q.reason = 'future_timestamp' group by q.agent
  )
  select md5(string_agg(a.agent, ',' order by a.agent)),
    format('%s calls are dated more than a day after they arrived and are not billed: %s. Mend the '
      || 'agents'' clocks, log the calls anew and dismiss the rows: select '
      || 'billing.dismiss_quarantined(''why'', reason => ''future_timestamp'').', sum(a.rows),
      _billing.first_few(array_agg(format('%s (%s)', a.agent, a.rows)
        order by a.rows desc, a.agent)))
  from ahead a having count(*) > 0;
$$;
comment on function _billing.future_notice is 'One message of all usage dated in the future.';

-- True where operators have been told of these names this month, or of others of the kind today.
create function _billing.is_told(kind text, names text, as_of timestamptz)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.deliveries d
    where d.event = 'notice'
      and starts_with(d.dedupe_key,
        is_told.kind || to_char(as_of at time zone 'UTC', ':YYYY-MM-'))
      and (starts_with(d.dedupe_key,
          is_told.kind || to_char(as_of at time zone 'UTC', ':YYYY-MM-DD:'))
        or split_part(d.dedupe_key, ':', 3) = names));
$$;
comment on function _billing.is_told is
  'Whether a notice of these names was queued this month, or one of its kind today.';

-- Tells of everything that has come up; returns how many deliveries that takes.
create function billing.queue_usage_alerts(as_of timestamptz default billing.as_of())
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(sum(billing.queue_operator_alert(
    a.key, a.priority, a.subject, a.message, a.client_id)), 0)::bigint
  from (
    select format('budget:%s:%s:%s', b.client_id, b.period_start, x.reached) as key,
      case when x.reached >= 100 then 'high' else 'normal' end as priority,
      format('%s has used %s %% of its budget', b.client, x.reached) as subject,
      format('%s has used %s of its budget of %s in the period from %s (%s %%).', b.client,
        billing.money_text(b.spent_minor, b.currency),
        billing.money_text(b.budget_minor, b.currency), b.period_start,
        b.spent_minor * 100 / b.budget_minor) as message, b.client_id
    from billing.budget_use(as_of) b
    cross join lateral (select max(t) as reached from unnest(b.thresholds) t
      where b.spent_minor * 100 >= b.budget_minor * t) x
    where x.reached is not null
    union all
    select format('spend_jump:%s:%s', j.client_id, j.usage_day), 'high',
      format('Usage of %s has jumped', j.client),
      format('Usage of %s on %s cost %s USD, %s USD on an average day of the two weeks before.',
        j.client, j.usage_day, round(j.cost, 2), round(j.average, 2)), j.client_id
    from billing.spend_jumps(as_of) j
    union all
    select format('unpriced:%s:%s', (as_of at time zone 'UTC')::date, n.names), 'high',
      'Usage without a price', n.message, n.client_id
    from _billing.unpriced_notice() n
    where not _billing.is_told('unpriced', n.names, as_of)
    union all
    select format('unmapped:%s:%s', (as_of at time zone 'UTC')::date, n.names), 'high',
      'Usage of models without a provider', n.message, n.client_id
    from _billing.unmapped_notice() n
    where not _billing.is_told('unmapped', n.names, as_of)
    union all
    select format('unpriced_cost:%s:%s', (as_of at time zone 'UTC')::date, n.names), 'high',
      'Costs with nothing to bill', n.message, null
    from _billing.cost_notice() n
    where not _billing.is_told('unpriced_cost', n.names, as_of)
    union all
    select format('nobody:%s:%s', (as_of at time zone 'UTC')::date, n.names), 'high',
      'Usage that nobody owns', n.message, null
    from _billing.nobody_notice() n
    where not _billing.is_told('nobody', n.names, as_of)
    union all
    select format('future:%s:%s', (as_of at time zone 'UTC')::date, n.names), 'high',
      'Usage dated in the future', n.message, null
    from _billing.future_notice() n
    where not _billing.is_told('future', n.names, as_of)
    union all
    select format('held:%s:%s', (as_of at time zone 'UTC')::date, n.names), 'high',
      'Drafts are held', n.message, null
    from _billing.held_notice() n
    where not _billing.is_told('held', n.names, as_of)
    union all
    select format('proposals:%s:%s', (as_of at time zone 'UTC')::date, n.names), 'normal',
      'Prices to be decided on', n.message, null
    from _billing.proposal_notice() n
    where not _billing.is_told('proposals', n.names, as_of)
    union all
    select format('too_many_keys:%s', (as_of at time zone 'UTC')::date), 'high',
      'Usage under too many names', format('%s log rows would take clients beyond %s keys of '
        || 'usage in a day and wait in quarantine: %s. If they are meant, raise '
        || 'billing_settings.max_usage_keys_per_day, then select billing.release_held_logs().',
        sum(h.rows), min(s.max_usage_keys_per_day), _billing.first_few(array_agg(
          format('%s on %s (%s)', c.name, h.usage_day, h.rows)
          order by h.rows desc, c.name, h.usage_day))), null
    from (select l.client_id, l.usage_day, count(*) as rows from billing.held_logs l
      where not exists (select from billing.dismissed_logs d where d.log_id = l.log_id)
      group by l.client_id, l.usage_day) h
    join public.clients c on c.id = h.client_id
    cross join public.billing_settings s
    having count(*) > 0
  ) a;
$$;
comment on function billing.queue_usage_alerts is
  'Tells operators of budgets, jumps, unpriced and unowned usage; once per threshold and period.';
grant execute on function billing.queue_usage_alerts(timestamptz) to service_role;

-- 60_delivery/jobs.sql

-- Scheduled jobs: pg_cron starts them, these definitions say what there should be.
create extension if not exists pg_cron with schema pg_catalog;

create extension if not exists pg_net with schema extensions;

create table billing.job_definitions (
  name text primary key constraint job_definitions_named_ours check (name ~ '^billing-[a-z-]+$'),
  schedule text not null,
  command text not null,
  purpose text not null,
  created_at timestamptz not null default now()
);
comment on table billing.job_definitions is 'The scheduled jobs of billing; times are UTC.';
alter table billing.job_definitions enable row level security;
revoke all on billing.job_definitions from public;
grant select on billing.job_definitions to service_role;

-- Makes or changes a job; doing it again changes nothing.
create function _billing.schedule_job(name text, schedule text, command text, purpose text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing.job_definitions as d (name, schedule, command, purpose)
  values (name, schedule, command, purpose)
  on conflict (name) do update set schedule = excluded.schedule, command = excluded.command,
    purpose = excluded.purpose;
  select cron.schedule(name, schedule, command);
$$;
comment on function _billing.schedule_job is 'Creates or changes a scheduled job of billing.';

-- The Vault secrets that the jobs read; what is absent is said here and shown by billing.jobs.
create function _billing.missing_secrets()
returns text[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(n.name order by n.name), '{}')
  from (values ('billing_functions_url'), ('billing_cron_key')) n(name)
  where not exists (select from vault.decrypted_secrets s where s.name = n.name);
$$;

-- 60_delivery/job_calls.sql

-- HTTP calls of scheduled jobs and what they were answered. pg_net sends a call after its job has
-- ended, so the job's own outcome says nothing about it, and pg_net forgets answers after hours.
create table billing.job_calls (
  id bigint generated always as identity primary key,
  job text not null,
  request_id bigint not null,
  called_at timestamptz not null,
  answered_at timestamptz,
  status integer,
  problem text
);
comment on table billing.job_calls is
  'Calls of functions by scheduled jobs of the last days, and what was wrong with the answers.';
comment on column billing.job_calls.request_id is 'Id of pg_net, as in net._http_response.';
comment on column billing.job_calls.status is 'Status of the answer; null where there was none.';
comment on column billing.job_calls.problem is
  'Null while no answer is due, and for an answer of 2xx.';
create index job_calls_job on billing.job_calls (job, id);
alter table billing.job_calls enable row level security;
revoke all on billing.job_calls from public;
grant select on billing.job_calls to service_role;

-- Calls one of our functions with the secret key named `cron` and notes the call. The URL is read
-- from Vault, which only the owner writes.
create function _billing.call_function(job text, path text, body jsonb,
  timeout interval default '60 seconds', at timestamptz default clock_timestamp())
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing.job_calls (job, request_id, called_at)
  select call_function.job, net.http_post(url := u.decrypted_secret || call_function.path,
    body := call_function.body, headers := jsonb_build_object('content-type', 'application/json',
      'apikey', k.decrypted_secret),
    timeout_milliseconds := (extract(epoch from timeout) * 1000)::integer), at
  from vault.decrypted_secrets u, vault.decrypted_secrets k
  where u.name = 'billing_functions_url' and k.name = 'billing_cron_key';
$$;
comment on function _billing.call_function is
  'Calls a function of ours by pg_net on behalf of a scheduled job.';

-- Writes down what calls were answered. A call is lost where pg_net is down or was restarted.
create function _billing.note_answers(at timestamptz default clock_timestamp())
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update billing.job_calls c
  set answered_at = r.created, status = r.status_code,
    problem = case when r.status_code between 200 and 299 then null
      when r.status_code is not null then concat_ws(': ', 'was answered ' || r.status_code,
        nullif(left(btrim(regexp_replace(r.content, '\s+', ' ', 'g')), 200), ''))
      else concat_ws(': ', 'got no answer', left(r.error_msg, 200)) end
  from net._http_response r
  where r.id = c.request_id and c.answered_at is null
    -- Ids begin anew after a crash; pg_net keeps answers for six hours.
    and r.created >= c.called_at - interval '1 minute'
    and r.created >= (select min(x.called_at) - interval '1 minute' from billing.job_calls x
      where x.answered_at is null);
  update billing.job_calls c set problem = 'got no answer: it was lost, or pg_net does not work'
  where c.answered_at is null and c.problem is null and c.called_at < at - interval '5 minutes';
$$;
comment on function _billing.note_answers is 'Notes what calls of scheduled jobs were answered.';

-- 60_delivery/wake_deliver.sql

-- Wakes the worker where there is something due and not enough at work already. The call may be
-- lost: the deliveries stay, and the next minute calls again. Returns what it did.
create function billing.wake_deliver(at timestamptz default clock_timestamp())
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: reads Vault, which callers may not.
declare
  most_at_work constant integer := 60;
  missing constant text[] := _billing.missing_secrets();
begin
  if missing <> '{}' then
    return 'not configured: Vault has no secret ' || array_to_string(missing, ', ');
  end if;
  if not exists (select from public.deliveries d
    where d.state in ('queued', 'running') and d.due_at <= at) then
    return 'nothing is due';
  end if;
  if (select count(*) from public.deliveries d
    where d.state = 'running' and d.due_at > at) >= most_at_work then
    return 'workers are busy';
  end if;
  perform _billing.call_function('billing-deliver', '/deliver', '{}', at => at);
  return 'woken';
end $$;
comment on function billing.wake_deliver is 'Calls the delivery worker where there is work.';
grant execute on function billing.wake_deliver(timestamptz) to service_role;

-- 60_delivery/log_exports.sql

-- Months of logs and the files they are exported to; no log goes without its file.

create table billing.log_months (
  month date primary key
    constraint log_months_first_day check (extract(day from month) = 1),
  state text not null constraint log_months_state_known check (
    state in ('blocked', 'exporting', 'removing', 'removed')),
  reason text,
  log_count bigint,
  updated_at timestamptz not null default now(),
  constraint log_months_blocked_says_why check ((state = 'blocked') = (reason is not null))
);
comment on table billing.log_months is
  'Months (UTC) of logs past their retention: blocked (why) or exporting -> removing -> removed.';
alter table billing.log_months enable row level security;
revoke all on billing.log_months from public;
grant select on billing.log_months to service_role;

create table billing.log_exports (
  month date not null references billing.log_months (month),
  part integer not null,
  from_at timestamptz not null,
  until_at timestamptz not null,
  state text not null default 'queued' constraint log_exports_state_known check (
    state in ('queued', 'stored', 'removed')),
  log_count bigint,
  checksum numeric,
  path text,
  sha256 text,
  bytes bigint,
  primary key (month, part),
  constraint log_exports_stored_says_where check (state = 'queued'
    or num_nulls(log_count, checksum, path, sha256, bytes) = 0)
);
comment on table billing.log_exports is
  'Files of exported logs in bucket usage-logs: gzip of a JSON object per line and log row.';
comment on column billing.log_exports.checksum is
  'Sum of a 64-bit hash of each line: the rows are removed only while it is still theirs.';
comment on column billing.log_exports.sha256 is 'Of the uncompressed lines, as read back.';
alter table billing.log_exports enable row level security;
revoke all on billing.log_exports from public;
grant select on billing.log_exports to service_role;

-- A log row leaves the table only from a stored part of a month that is being removed.
create function _billing.refuse_unexported() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from gone g where not exists (
    select from billing.log_exports e join billing.log_months m using (month)
    where m.state = 'removing' and e.state = 'stored'
      and e.from_at <= g."timestamp" and g."timestamp" < e.until_at)) then
    perform billing.raise_error('append_only',
      'agent_usage_logs is append-only: delete refused',
      'store a new row that corrects the old one');
  end if;
  return null;
end $$;

create trigger refuse_delete after delete on public.agent_usage_logs
  referencing old table as gone
  for each statement execute function _billing.refuse_unexported();

-- 60_delivery/log_export_files.sql

-- The files that logs are exported to.

-- The lines of a file: a row without what is no part of it (which transaction stored it here). Who
-- calls it sets the time zone; bound, not pinned, so that it is inlined.
create function _billing.log_line(log public.agent_usage_logs)
returns text language sql stable
return (to_jsonb(log) - 'stored_by')::text;

-- Cuts a month into parts of about so many rows, each an interval of time; returns how many. Counts
-- by the second: rows of one second stay together, and nothing is sorted but the seconds.
create function _billing.plan_log_exports(month date, part_rows integer default 10000)
returns bigint language sql set search_path = pg_catalog, pg_temp set work_mem = '64MB' as $$
  with bounds as (
    select plan_log_exports.month::timestamp at time zone 'UTC' as lowest,
      (plan_log_exports.month + interval '1 month') at time zone 'UTC' as highest
  ), seconds as (
    select date_trunc('second', l."timestamp") as at, count(*) as rows
    from public.agent_usage_logs l, bounds b
    where l."timestamp" >= b.lowest and l."timestamp" < b.highest
    group by 1
  ), ordered as (
    -- A second belongs to the part that its last row belongs to.
    select s.at, (sum(s.rows) over (order by s.at) - 1)::bigint / part_rows as place
    from seconds s
  ), cuts as (
    select min(o.at) as at from ordered o group by o.place
  ), parts as (
    select row_number() over (order by c.at) as part,
      case when row_number() over (order by c.at) = 1 then b.lowest else c.at end as from_at,
      coalesce(lead(c.at) over (order by c.at), b.highest) as until_at
    from cuts c, bounds b
  ), planned as (
    insert into billing.log_exports (month, part, from_at, until_at)
    select plan_log_exports.month, p.part, p.from_at, p.until_at from parts p
    returning part
  ), queued as (
    insert into public.deliveries (kind, event, dedupe_key, max_attempts, payload)
    select 'log_export', 'log_export', format('log_export:%s:%s', plan_log_exports.month, p.part),
      s.delivery_attempts, jsonb_build_object('month', plan_log_exports.month, 'part', p.part)
    from planned p cross join public.billing_settings s
    order by p.part
  )
  select count(*) from planned;
$$;

-- What a worker stores: all lines of a part, in the order in which they arrived. Null when there is
-- nothing to store (any more).
create function _billing.read_log_export(month date, part integer)
returns table (lines text, log_count bigint, checksum numeric)
language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  select string_agg(x.line || E'\n', '' order by x.seq), count(*),
    sum(hashtextextended(x.line, 0)::numeric)
  from billing.log_exports e
  cross join lateral (
    select l.seq, _billing.log_line(l) as line from public.agent_usage_logs l
    where l."timestamp" >= e.from_at and l."timestamp" < e.until_at
  ) x
  where e.month = read_log_export.month and e.part = read_log_export.part and e.state = 'queued'
  having count(*) > 0;
$$;
comment on function _billing.read_log_export is
  'Lines of a part of a month''s logs, how many, and the sum of their hashes.';

create function _billing.save_log_export(month date, part integer, log_count bigint,
  checksum numeric, path text, sha256 text, bytes bigint)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update billing.log_exports e set state = 'stored', log_count = save_log_export.log_count,
    checksum = save_log_export.checksum, path = save_log_export.path,
    sha256 = save_log_export.sha256, bytes = save_log_export.bytes
  where e.month = save_log_export.month and e.part = save_log_export.part and e.state = 'queued';
$$;
comment on function _billing.save_log_export is 'Notes that a part has been stored and read back.';

-- Removes a stored part, if its rows are still those that were stored; else it is stored anew.
create function _billing.remove_log_export(month date, part integer)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  file billing.log_exports;
  seen record;
begin
  select * into file from billing.log_exports e
  where e.month = remove_log_export.month and e.part = remove_log_export.part;
  -- What is compared is what is removed: a row that commits in between is in neither, and one that
  -- no rollup has counted yet stays.
  with gone as (
    delete from public.agent_usage_logs l using billing.usage_watermark w
    where l."timestamp" >= file.from_at and l."timestamp" < file.until_at
      and _billing.is_counted(l.stored_by, l.seq, w.snapshot, w.own_transaction, w.own_seq)
    returning l
  )
  select count(*) as rows, coalesce(sum(hashtextextended(_billing.log_line(g.l), 0)::numeric), 0)
    as checksum into seen from gone g;
  if (seen.rows, seen.checksum) is distinct from (file.log_count, file.checksum) then
    raise exception using errcode = 'PT409', message = 'the rows are not those that were stored',
      detail = 'append_only';
  end if;
  update billing.log_exports e set state = 'removed'
  where e.month = file.month and e.part = file.part;
  return seen.rows;
end $$;

-- 60_delivery/retention.sql

-- Retention: logs of old months are exported to Storage and then removed from the table. A month
-- goes only when all its usage is invoiced and agrees with the logs, and of it only what has been
-- stored, row for row. Records, invoices and everything rated from them stay.

-- Whether logs of some days (UTC) have arrived that no rollup has counted. Reads what has arrived
-- since the last rollup, by its index.
create function _billing.has_uncounted_logs(from_day date, until_day date)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from billing.usage_watermark w join public.agent_usage_logs l
      on l.stored_by >= pg_snapshot_xmin(w.snapshot)
      and not _billing.is_counted(l.stored_by, l.seq, w.snapshot, w.own_transaction, w.own_seq)
    where l."timestamp" >= from_day::timestamp at time zone 'UTC'
      and l."timestamp" < until_day::timestamp at time zone 'UTC');
$$;
comment on function _billing.has_uncounted_logs is
  'Whether logs of some days (UTC) have arrived that no rollup has counted.';

-- Why the logs of a month cannot go yet; null when all of them are billed and agree.
create function _billing.retention_blocker(month date)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  month_end constant date := month + interval '1 month';
  found bigint;
begin
  if _billing.has_uncounted_logs(month, month_end) then
    return 'logs have arrived that are not counted yet: the next rollup counts them';
  end if;
  select count(*) into found from billing.quarantined_logs q
  where q.occurred_at >= month::timestamp at time zone 'UTC'
    and q.occurred_at < month_end::timestamp at time zone 'UTC' and q.reason <> 'before_retention'
    and not q.dismissed;
  if found > 0 then
    return format('%s log rows are in quarantine: select * from billing.quarantine, or dismiss them'
      || ' by billing.dismiss_quarantined', found);
  end if;
  if exists (select from billing.pending_rebuilds r
    where r.from_day <= month_end + 1 and r.until_day >= month - 1) then
    return 'usage is being computed anew: select * from billing.pending_rebuilds';
  end if;
  -- Local days of the month's instants reach one day beyond it on either side. What lies outside of
  -- the client's service is on no invoice; should it come into it, its records are there.
  select count(distinct r.client_id) into found
  from public.usage_records r join public.clients c on c.id = r.client_id
  where r.usage_day >= month - 1 and r.usage_day <= month_end
    and r.usage_day >= c.started_on and r.usage_day < coalesce(c.ended_on, 'infinity')
    and not exists (
    select from public.billing_periods p
    where p.client_id = r.client_id and p.period_start <= r.usage_day and r.usage_day < p.period_end
      and (p.state = 'voided' or p.state in ('invoiced', 'skipped') and not p.usage_changed));
  if found > 0 then
    return format('usage of %s clients is not in a finalized period', found);
  end if;
  select count(*) into found from _billing.unverified_days_of(month - 1, month_end + 1);
  if found > 0 then
    return format('usage of %s days is still to be compared with the logs', found);
  end if;
  return null;
end $$;
comment on function _billing.retention_blocker is
  'Why the logs of a month (its first day) may not be removed; null when they may.';

-- Asks for a comparison with the logs of those days of a month that have changed since the last
-- one: a job of rebuild_in_steps, piece by piece, each committed.
create function _billing.request_month_comparison(month date)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing.rebuild_requests (from_day, until_day, in_steps, compares)
  select min(d.day), max(d.day) + 1, true, true
  from _billing.unverified_days_of(month - 1, (month + interval '1 month')::date + 1) d
  having count(*) > 0 and not exists (select from billing.rebuild_requests r
    where r.compares and r.from_day <= min(d.day) and r.until_day > max(d.day));
$$;
comment on function _billing.request_month_comparison is
  'Asks for a comparison of a month''s usage with the logs, of the days that need one.';

-- The oldest month that is past its retention and still here; null when there is none.
create function _billing.expired_log_month(as_of timestamptz)
returns date language sql stable set search_path = pg_catalog, pg_temp as $$
  select x.month from (
    -- Months without logs are passed over: one call of 1970 would have all of them exported.
    select date_trunc('month', _billing.next_log_day(coalesce(
      (select (max(m.month) + interval '1 month')::date from billing.log_months m
        where m.state = 'removed'), '-infinity')))::date as month
  ) x
  cross join public.billing_settings s
  where x.month + make_interval(months => 1 + s.log_retention_months)
    <= date_trunc('month', as_of at time zone 'UTC');
$$;

-- One step of retention: finds the month, asks for its comparison with the logs, plans its files,
-- and once they are stored removes about so many rows. Returns what it did. Killed at any point it
-- has done nothing of the step. It does not count logs, so no rollup waits for a step that reads a
-- whole month.
create function billing.apply_retention(as_of timestamptz default billing.as_of(),
  most_rows bigint default 100000)
returns text language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off as $$
-- Definer: only this removes logs.
declare
  current billing.log_months;
  file billing.log_exports;
  blocker text;
  removed bigint := 0;
begin
  if (select s.log_retention_months is null from public.billing_settings s) then
    return 'logs are kept for ever';
  end if;
  select * into current from billing.log_months m where m.state in ('exporting', 'removing');
  if current.month is null then
    current.month := _billing.expired_log_month(as_of);
    if current.month is null then
      return 'no month is past its retention';
    end if;
    current.state := 'blocked';
  end if;
  if current.state = 'exporting' and exists (select from billing.log_exports e
    where e.month = current.month and e.state = 'queued') then
    return format('%s: waiting for exports', to_char(current.month, 'YYYY-MM'));
  end if;
  if current.state <> 'removing' then
    blocker := _billing.retention_blocker(current.month);
    if blocker is not null then
      if current.state = 'blocked' then
        insert into billing.log_months as m (month, state, reason, updated_at)
        values (current.month, 'blocked', blocker, as_of)
        on conflict (month) do update set reason = excluded.reason, updated_at = as_of;
      end if;
      perform _billing.request_month_comparison(current.month);
      return format('%s: %s', to_char(current.month, 'YYYY-MM'), blocker);
    end if;
  end if;
  if current.state = 'blocked' then
    insert into billing.log_months as m (month, state, updated_at)
    values (current.month, 'exporting', as_of)
    on conflict (month) do update set state = 'exporting', reason = null, updated_at = as_of;
    -- Else each part would search whatever was logged since the last vacuum.
    perform brin_summarize_new_values('public.agent_usage_logs_timestamp');
    return format('%s: exporting %s files', to_char(current.month, 'YYYY-MM'),
      _billing.plan_log_exports(current.month));
  end if;
  if current.state = 'exporting' then
    update billing.log_months m set state = 'removing', updated_at = as_of
    where m.month = current.month;
    update billing.usage_watermark w
    set kept_from = (current.month + interval '1 month') at time zone 'UTC';
  end if;
  for file in select * from billing.log_exports e
    where e.month = current.month and e.state = 'stored' order by e.part
  loop
    exit when removed >= most_rows;
    begin
      removed := removed + _billing.remove_log_export(file.month, file.part);
    exception when sqlstate 'PT409' then
      update billing.log_exports e set state = 'queued'
      where e.month = file.month and e.part = file.part;
      update public.deliveries d set state = 'queued', attempts = 0, due_at = clock_timestamp(),
        finished_at = null, lease = null
      where d.dedupe_key = format('log_export:%s:%s', file.month, file.part);
    end;
  end loop;
  if not exists (select from billing.log_exports e
    where e.month = current.month and e.state <> 'removed') then
    update billing.log_months m set state = 'removed', updated_at = as_of,
      log_count = (select coalesce(sum(e.log_count), 0) from billing.log_exports e
        where e.month = current.month)
    where m.month = current.month;
  end if;
  return format('%s: removed %s log rows', to_char(current.month, 'YYYY-MM'), removed);
end $$;
comment on function billing.apply_retention is
  'Exports and removes logs past billing_settings.log_retention_months, a step at a time.';
grant execute on function billing.apply_retention(timestamptz, bigint) to service_role;

-- Retention as far as it gets, a step and a commit at a time, until the budget is used up.
create procedure _billing.retain_in_steps(budget interval default '90 seconds')
language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + budget;
begin
  loop
    perform billing.apply_retention();
    commit;
    exit when clock_timestamp() > until or not exists (
      select from billing.log_exports e join billing.log_months m using (month)
      where m.state = 'removing' and e.state = 'stored');
  end loop;
end $$;
comment on procedure _billing.retain_in_steps is
  'Retention, committed step by step, until the budget is used up.';

-- 60_delivery/retention_data.sql

-- The job of retention.

select _billing.schedule_job('billing-retention', '5,25,45 * * * *',
  $c$call _billing.retain_in_steps()$c$,
  'Exports and removes logs past their retention');

-- 60_delivery/buckets_data.sql

-- The private bucket that issued invoices are filed in. Only the secret key reads and writes it;
-- clients get their documents from the functions, under row level security.
do $$
begin
  if to_regclass('storage.buckets') is not null then
    insert into storage.buckets (id, name, public) values ('invoices', 'invoices', false)
    on conflict (id) do nothing;
  end if;
end $$;

do $$
begin
  if to_regclass('storage.buckets') is not null then
    insert into storage.buckets (id, name, public) values ('usage-logs', 'usage-logs', false)
    on conflict (id) do nothing;
  end if;
end $$;

-- 70_stripe/payment_methods.sql

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

-- 70_stripe/payment_methods_data.sql

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

-- 70_stripe/terms.sql

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

-- 70_stripe/mirror.sql

-- What we know of Stripe: which of its objects is which of ours, and how they stood when last seen.
--
-- Test and live mode are two worlds with ids of their own. Every row says which one it is of, so
-- going live begins with an empty mirror instead of asking live Stripe for test objects.

create table public.stripe_customers (
  client_id uuid not null references public.clients (id),
  livemode boolean not null,
  stripe_customer_id text not null,
  sent_digest text,
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  balance_moved_at timestamptz,
  changed_at timestamptz not null default '-infinity',
  former_ids text[] not null default '{}',
  primary key (client_id, livemode),
  constraint stripe_customers_once unique (stripe_customer_id),
  constraint stripe_customers_id_shape check (stripe_customer_id ~ '^cus_')
);
comment on table public.stripe_customers is 'The Stripe customer of each client, per mode.';
comment on column public.stripe_customers.sent_digest is
  'Digest of the details last sent; another one means that the customer must be updated.';
comment on column public.stripe_customers.deleted_at is
  'When Stripe said that the customer is deleted; the next need makes a new one.';
comment on column public.stripe_customers.former_ids is
  'Customers that were deleted in Stripe before: of their subscriptions Stripe still tells.';
comment on column public.stripe_customers.changed_at is
  'When Stripe made the newest change of details that was taken over; older ones change nothing.';
comment on column public.stripe_customers.balance_moved_at is
  'When Stripe told of a credit balance that is to be taken over; null once it is.';

create index stripe_customers_former_ids on public.stripe_customers using gin (former_ids);

create table public.stripe_invoices (
  invoice_id uuid not null references public.invoices (id),
  livemode boolean not null,
  stripe_invoice_id text,
  generation smallint not null default 1,
  state text not null default 'creating',
  agreed_total_minor bigint,
  total_minor bigint,
  carried_minor bigint not null default 0,
  left_over_minor bigint not null default 0,
  amount_paid_minor bigint not null default 0,
  paid_off_stripe_minor bigint not null default 0,
  booked_minor bigint not null default 0,
  refunded_minor bigint not null default 0,
  booked_refund_minor bigint not null default 0,
  hosted_invoice_url text,
  invoice_pdf text,
  problem text,
  seen_at timestamptz not null default '-infinity',
  disputed_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (invoice_id, livemode),
  constraint stripe_invoices_once unique (stripe_invoice_id),
  constraint stripe_invoices_state_known check (state in
    ('creating', 'draft', 'open', 'paid', 'void', 'uncollectible', 'held', 'refused', 'deleted')),
  constraint stripe_invoices_id_of_state check (
    (state in ('draft', 'open', 'paid', 'void', 'uncollectible'))
      <= (stripe_invoice_id is not null))
);
comment on table public.stripe_invoices is
  'The Stripe invoice of each of our invoices, per mode, as last seen.';
comment on column public.stripe_invoices.generation is
  'Part of the idempotency keys; one more each time a wrong draft was deleted.';
comment on column public.stripe_invoices.state is
  'Stripe''s status; creating: not finished; held: below what Stripe takes, goes on the next one;
   refused: Stripe''s total differed or the amount cannot be charged, problem says how.';
comment on column public.stripe_invoices.agreed_total_minor is
  'What Stripe''s total was found to be, and ours, before the invoice was finalized.';
comment on column public.stripe_invoices.carried_minor is
  'What this Stripe invoice collects for earlier invoices that were too small.';
comment on column public.stripe_invoices.left_over_minor is
  'What stays due because Stripe takes thousandths only in tens; the next invoice collects it.';
comment on column public.stripe_invoices.amount_paid_minor is
  'Most that Stripe ever said is paid; only grows, so old events do no harm.';
comment on column public.stripe_invoices.paid_off_stripe_minor is
  'Part of it that we told Stripe was paid elsewhere.';
comment on column public.stripe_invoices.booked_minor is 'Part of it that is in public.payments.';
comment on column public.stripe_invoices.refunded_minor is
  'What has gone back of its payments; less again where a refund failed.';
comment on column public.stripe_invoices.booked_refund_minor is
  'Part of it that is in public.payments.';
comment on column public.stripe_invoices.seen_at is
  'When Stripe made the newest object seen; older ones change nothing but money.';

create policy "read with their invoice" on public.stripe_invoices for select to authenticated
  using (exists (select from public.invoices i where i.id = invoice_id));

create table public.stripe_carried (
  held_invoice_id uuid not null references public.invoices (id),
  livemode boolean not null,
  carrying_invoice_id uuid not null references public.invoices (id),
  amount_minor bigint not null constraint stripe_carried_positive check (amount_minor > 0),
  primary key (held_invoice_id, livemode)
);
comment on table public.stripe_carried is
  'Invoices too small for Stripe, and the invoice whose Stripe invoice collects them.';
create index stripe_carried_carrying on public.stripe_carried (carrying_invoice_id);

create table public.stripe_credit_notes (
  credit_note_id uuid primary key references public.credit_notes (id),
  livemode boolean not null,
  stripe_credit_note_id text,
  origin text not null constraint stripe_credit_notes_origin_known
    check (origin in ('ours', 'stripe', 'refund')),
  created_at timestamptz not null default now()
);
comment on table public.stripe_credit_notes is
  'The Stripe credit note of each of ours; one of Stripe''s may be two of ours (refund and rest).';
create index stripe_credit_notes_id on public.stripe_credit_notes (stripe_credit_note_id);
comment on column public.stripe_credit_notes.origin is
  'ours: issued here, sent there; stripe: issued there; refund: made here for a refund made there.';

create table public.stripe_notes (
  stripe_credit_note_id text primary key,
  stripe_invoice_id text not null,
  status text not null constraint stripe_notes_status_known check (status in ('issued', 'void')),
  seen_at timestamptz not null
);
comment on table public.stripe_notes is
  'Credit notes of Stripe on our invoices that have been acted on; void is final.';
create index stripe_notes_invoice on public.stripe_notes (stripe_invoice_id);

create table public.stripe_payments (
  payment_intent_id text not null,
  stripe_invoice_id text not null,
  charge_id text,
  amount_minor bigint not null default 0,
  refunded_minor bigint not null default 0,
  failure text,
  disputed_at timestamptz,
  seen_at timestamptz not null default now(),
  primary key (payment_intent_id, stripe_invoice_id)
);
comment on table public.stripe_payments is
  'Payments Stripe took for our invoices: what a charge or a refund belongs to.';
comment on column public.stripe_payments.refunded_minor is
  'Most that the charge ever said is refunded: refunds that are not known by themselves yet.';
create index stripe_payments_invoice on public.stripe_payments (stripe_invoice_id);

create table public.stripe_refunds (
  refund_id text not null,
  stripe_invoice_id text not null,
  payment_intent_id text,
  stripe_credit_note_id text,
  amount_minor bigint not null,
  status text not null constraint stripe_refunds_status_known check (status in
    ('unknown', 'pending', 'requires_action', 'succeeded', 'failed', 'canceled')),
  failure_reason text,
  credited_minor bigint not null default 0,
  seen_at timestamptz not null,
  primary key (refund_id, stripe_invoice_id)
);
comment on table public.stripe_refunds is
  'Refunds of payments for our invoices, one by one; failed and canceled ones are money we hold.';
comment on column public.stripe_refunds.status is
  'Stripe''s; it only moves forward. unknown: told of by a credit note, not yet by itself.';
comment on column public.stripe_refunds.credited_minor is
  'What of it went onto the client''s balance when it failed.';
create index stripe_refunds_invoice on public.stripe_refunds (stripe_invoice_id);

create table public.stripe_balance_transactions (
  transaction_id text primary key,
  client_id uuid not null references public.clients (id),
  stripe_customer_id text not null,
  type text not null,
  amount_minor bigint not null,
  currency text not null,
  stripe_invoice_id text,
  outcome text not null,
  seen_at timestamptz not null
);
comment on table public.stripe_balance_transactions is
  'Moves of customers'' credit balances in Stripe, and what each did here; negative is credit.';
create index stripe_balance_transactions_client on public.stripe_balance_transactions (client_id);

create table public.stripe_disputes (
  dispute_id text primary key,
  stripe_invoice_id text not null,
  payment_intent_id text not null,
  amount_minor bigint not null,
  status text not null,
  reason text,
  taken_minor bigint not null default 0,
  booked_minor bigint not null default 0,
  seen_at timestamptz not null
);
comment on table public.stripe_disputes is
  'Disputes of payments for our invoices, as last seen.';
comment on column public.stripe_disputes.taken_minor is
  'What Stripe has withdrawn for it and not reinstated.';
comment on column public.stripe_disputes.booked_minor is 'Part of it that is in public.payments.';
create index stripe_disputes_invoice on public.stripe_disputes (stripe_invoice_id);

create table public.stripe_subscriptions (
  stripe_subscription_id text primary key,
  client_id uuid not null references public.clients (id),
  livemode boolean not null,
  status text not null,
  currency text not null,
  base_fee_minor bigint not null default 0,
  billing_interval text,
  description text,
  current_period_end timestamptz,
  seen_at timestamptz not null,
  ended_at timestamptz
);
comment on table public.stripe_subscriptions is
  'Mirror of clients'' Stripe subscriptions: the platform fee that Stripe bills.';
create index stripe_subscriptions_client_id on public.stripe_subscriptions (client_id);

create policy "members and operators read subscriptions" on public.stripe_subscriptions
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

do $$
declare
  mirrored text;
begin
  foreach mirrored in array array['stripe_customers', 'stripe_invoices',
    'stripe_carried', 'stripe_credit_notes', 'stripe_notes', 'stripe_payments', 'stripe_refunds',
    'stripe_balance_transactions', 'stripe_disputes', 'stripe_subscriptions']
  loop
    execute format('alter table public.%I enable row level security', mirrored);
    execute format('revoke all on public.%I from anon, authenticated, service_role', mirrored);
    execute format('grant select, insert, update, delete on public.%I to service_role', mirrored);
    execute format('grant select on public.%I to authenticated', mirrored);
  end loop;
  foreach mirrored in array array['stripe_customers', 'stripe_carried',
    'stripe_credit_notes', 'stripe_notes', 'stripe_payments', 'stripe_refunds', 'stripe_disputes',
    'stripe_balance_transactions']
  loop
    execute format('create policy "operators read" on public.%I for select to authenticated
      using ((select billing.is_operator()))', mirrored);
  end loop;
end $$;

-- 70_stripe/stripe_events.sql

-- The events that Stripe sent.

-- Events, stored before anything is done about them.
create table billing.stripe_events (
  id text primary key constraint stripe_events_id_shape check (id ~ '^evt_'),
  type text not null,
  livemode boolean not null,
  created_at timestamptz not null,
  payload jsonb not null,
  received_at timestamptz not null default now(),
  state text not null default 'pending',
  attempts smallint not null default 0,
  due_at timestamptz not null default now(),
  done_at timestamptz,
  note text,
  to_fetch boolean not null default false,
  fetched_at timestamptz,
  constraint stripe_events_state_known check (state in ('pending', 'done', 'ignored', 'failed'))
) with (autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table billing.stripe_events is
  'Every event of Stripe, once; pending until it has been acted on.';
comment on column billing.stripe_events.note is 'Why it was ignored, or why it failed last.';
comment on column billing.stripe_events.to_fetch is
  'Whether it is of another version of Stripe''s API and its object must be fetched in ours first.';
comment on column billing.stripe_events.fetched_at is
  'When its object was fetched; the payload has it as it was then.';
create index stripe_events_to_fetch on billing.stripe_events (due_at)
  where state = 'pending' and to_fetch;
-- In the order in which they are acted on: there may be tens of thousands.
create index stripe_events_pending on billing.stripe_events (created_at, id)
  where state = 'pending';
create index stripe_events_waiting on billing.stripe_events (created_at, id)
  where state = 'pending' and note like 'waiting for %';
create index stripe_events_failed on billing.stripe_events (received_at) where state = 'failed';
alter table billing.stripe_events enable row level security;
revoke all on billing.stripe_events from public;
grant select, insert on billing.stripe_events to service_role;

-- 70_stripe/reading.sql

-- Reading what Stripe sends, and telling of it.

-- The version of Stripe's API that all of this is written for, as in the functions.
create function _billing.stripe_api_version() returns text language sql immutable
return '2026-10-28.endive';

-- Tells operators of money: once per key.
create function _billing.notice(key text, priority text, message text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select billing.queue_operator_alert('stripe:' || key, priority, split_part(message, ':', 1),
    message);
$$;

-- Stripe's amounts in our minor units: the two are the same but for the Icelandic krona, which
-- Stripe counts in hundredths.
create function _billing.from_stripe(amount bigint, currency text) returns bigint
language sql immutable
return case when upper(currency) = 'ISK' then amount / 100 else amount end;

create function _billing.at_epoch(seconds text) returns timestamptz language sql immutable
return to_timestamp(seconds::numeric);

-- An id of ours in Stripe's metadata, where people write too; null where it is none.
create function _billing.own_id(value text) returns uuid language sql immutable
return case when value ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
  then value::uuid end;

-- 70_stripe/books/clients.sql

-- Whose books an object of Stripe is about.

-- Whose they are, as lock_clients wants it; none where they are not ours.
create function _billing.clients_of_stripe_invoice(stripe_id text)
returns uuid[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(select i.client_id from public.stripe_invoices m
    join public.invoices i on i.id = m.invoice_id where m.stripe_invoice_id = stripe_id);
$$;

create function _billing.clients_of_payment(intent_id text)
returns uuid[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(select i.client_id from public.stripe_payments p
    join public.stripe_invoices m on m.stripe_invoice_id = p.stripe_invoice_id
    join public.invoices i on i.id = m.invoice_id where p.payment_intent_id = intent_id);
$$;

-- 70_stripe/books/payments.sql

-- Money that arrives for an invoice that needs none any more is the client's.
create function _billing.book_stripe_payment(invoice_id uuid, amount bigint, at timestamptz,
  reference text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(invoice_id);
begin
  if invoice.status in ('open', 'uncollectible') then
    perform billing.record_payment(invoice.id, amount, at, 'stripe', reference);
    return;
  end if;
  insert into public.payments (invoice_id, client_id, amount_minor, currency, paid_at, method,
    reference)
  values (invoice.id, invoice.client_id, amount, invoice.currency, at, 'stripe', reference);
  insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
    created_at, note)
  values (invoice.client_id, invoice.currency, amount, 'overpayment', invoice.id, at,
    'Paid in Stripe when the invoice was ' || invoice.status);
  perform _billing.notice('overpaid/' || reference, 'high', format(
    '%s was paid in Stripe although %s is %s: it is on the client''s balance',
    billing.money_text(amount, invoice.currency), invoice.number, invoice.status));
end $$;

-- Books what Stripe has received since the last time: held invoices first, then the invoice itself.
create function _billing.book_stripe_payments(mirror public.stripe_invoices, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  received constant bigint := mirror.amount_paid_minor - mirror.paid_off_stripe_minor
    - mirror.booked_minor;
  rest bigint := received;
  held record;
  reference constant text := format('%s/%s', mirror.stripe_invoice_id, mirror.amount_paid_minor);
begin
  if received <= 0 then
    return null;
  end if;
  for held in
    select i.id, least(c.amount_minor, i.amount_due_minor) as due
    from public.stripe_carried c join public.invoices i on i.id = c.held_invoice_id
    where c.carrying_invoice_id = mirror.invoice_id and c.livemode = mirror.livemode
      and i.status in ('open', 'uncollectible')
    order by i.issued_on, i.number
  loop
    continue when least(held.due, rest) <= 0;
    perform _billing.book_stripe_payment(held.id, least(held.due, rest), at,
      reference || '/' || held.id);
    rest := rest - least(held.due, rest);
  end loop;
  if rest > 0 then
    perform _billing.book_stripe_payment(mirror.invoice_id, rest, at, reference);
  end if;
  update public.stripe_invoices m set booked_minor = m.booked_minor + received
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode;
  return format('booked %s', received);
end $$;

-- 70_stripe/books/failed_refunds.sql

-- Refunds that fail or are canceled: the money stays with us.

-- What was given back beyond notes and balance, and what failed refunds have put on the balance.
create function _billing.refund_cover(invoice_id uuid, gone bigint)
returns table (uncovered bigint, returned bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select gone - n.noted + b.entries, greatest(b.entries, 0)
  from (
    select coalesce(sum(x.to_refund_minor), 0)::bigint as noted
    from public.credit_notes x
    where x.invoice_id = refund_cover.invoice_id and x.voided_at is null
  ) n, (
    select coalesce(sum(x.amount_minor), 0)::bigint as entries
    from public.balance_entries x
    where x.invoice_id = refund_cover.invoice_id and x.reason = 'refund'
  ) b;
$$;
comment on function _billing.refund_cover is
  'What of an invoice''s refunds is on no credit note and off no balance.';

-- What of the notes that were made here for refunds alone no refund needs any more: neither one
-- that stands, nor a credit note of Stripe that was told of after its refund and has no other here.
-- Notes of ours need none, whatever of them was refunded.
create function _billing.unneeded_refund_notes(mirror public.stripe_invoices) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select n.alone - greatest(0, r.noted - n.noted) - (mirror.refunded_minor - r.noted_and_gone)
  from (
    select coalesce(sum(x.total_minor) filter (where s.origin = 'refund'), 0)::bigint as alone,
      coalesce(sum(x.total_minor) filter (where s.origin = 'stripe'), 0)::bigint as noted
    from public.credit_notes x join public.stripe_credit_notes s on s.credit_note_id = x.id
    where x.invoice_id = mirror.invoice_id and x.voided_at is null
  ) n, (
    select coalesce(sum(x.amount_minor) filter (where not exists (
        select from public.stripe_credit_notes s
        where s.stripe_credit_note_id = x.stripe_credit_note_id and s.origin = 'ours')), 0)::bigint
        as noted,
      coalesce(sum(x.amount_minor) filter (where x.status not in ('failed', 'canceled')), 0)::bigint
        as noted_and_gone
    from public.stripe_refunds x where x.stripe_invoice_id = mirror.stripe_invoice_id
      and x.stripe_credit_note_id is not null
  ) r;
$$;
comment on function _billing.unneeded_refund_notes is
  'What notes that were made here for refunds alone credit beyond the refunds that need them.';

-- Takes a refund that failed off the notes that were made here for refunds alone, each of one or
-- of several that came together: such a note is void, and what it credits besides is on a new one.
create function _billing.take_refund_off_notes(mirror public.stripe_invoices, amount bigint,
  at timestamptz, out taken bigint, out outcome text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  most constant bigint := least(amount, _billing.unneeded_refund_notes(mirror));
  own public.credit_notes;
  replaced text;
begin
  taken := 0;
  while taken < most loop
    select n.* into own from public.stripe_credit_notes s
    join public.credit_notes n on n.id = s.credit_note_id
    where n.invoice_id = mirror.invoice_id and s.origin = 'refund' and n.voided_at is null
    order by n.total_minor < most - taken, abs(n.total_minor - (most - taken)), n.issued_at desc,
      n.number desc limit 1;
    exit when not _billing.void_credit_note(own.id, at);
    outcome := concat_ws(', ', outcome, 'voided ' || own.number);
    if own.total_minor > most - taken then
      replaced := _billing.credit_by_amount(_billing.get_invoice(mirror.invoice_id),
        own.total_minor - (most - taken), 'Refunded in Stripe', true, at, true);
      insert into public.stripe_credit_notes (credit_note_id, livemode, origin)
      select n.id, mirror.livemode, 'refund' from public.credit_notes n where n.number = replaced;
      outcome := concat_ws(', ', outcome, 'issued ' || replaced);
    end if;
    taken := least(most, taken + own.total_minor);
  end loop;
end $$;
comment on function _billing.take_refund_off_notes is
  'Voids notes of a refund that failed; what they credit for other refunds is on a new one.';

-- Money that a failed or canceled refund leaves with us. Where a credit note of Stripe is behind
-- the refund (noted), that note granted the money and stands: it is the client's credit. Else the
-- note that was made here for the refund is void: as in Stripe, nothing was granted. What was on no
-- account, because the credit was spent, ends as it began. So the end is the same as where the
-- refund was first heard of when it had failed.
create function _billing.book_failed_refund(mirror public.stripe_invoices, amount bigint,
  reference text, at timestamptz, noted boolean default false)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
  taken bigint := 0;
  outcome text;
  credit bigint;
begin
  select greatest(c.uncovered, 0) into credit
  from _billing.refund_cover(invoice.id, mirror.booked_refund_minor) c;
  insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method,
    reference)
  values (invoice.id, invoice.client_id, amount, 'refund_failed', invoice.currency, at, 'stripe',
    reference);
  if not noted then
    select t.taken, t.outcome into taken, outcome
    from _billing.take_refund_off_notes(mirror, amount, at) t;
  end if;
  credit := greatest(0, amount - taken - credit);
  if credit > 0 then
    insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
      created_at, note)
    values (invoice.client_id, invoice.currency, credit, 'refund', invoice.id, at,
      'A refund in Stripe did not arrive');
  end if;
  return concat_ws(', ', format('refund of %s failed', amount), outcome,
    case when credit > 0 or taken = 0 then credit || ' is credit' end);
end $$;

-- 70_stripe/books/refunds.sql

-- Money that goes back, and comes back where a refund fails.

-- Credit that was given back as money cannot be spent once more. What of it is spent already is
-- money that the client owes, and on no account until somebody puts it on an invoice.
create function _billing.take_refund_off_balance(invoice public.invoices, amount bigint,
  reference text, at timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  credit constant bigint := coalesce((select sum(b.amount_minor) from public.balance_entries b
    where b.client_id = invoice.client_id and b.currency = invoice.currency), 0);
begin
  if credit > 0 then
    insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
      created_at, note)
    values (invoice.client_id, invoice.currency, -least(amount, credit), 'refund', invoice.id, at,
      'Refunded in Stripe');
  end if;
  if amount > credit then
    perform _billing.notice('spent/' || reference, 'high',
      format('%s of %s was refunded in Stripe, '
      || 'but the client had spent that credit: put it on an invoice with an item',
      billing.money_text(amount - credit, invoice.currency), invoice.number));
  end if;
end $$;

-- What has gone back of an invoice's payments: its refunds but for those that failed, and what
-- charges say beyond the refunds that are known one by one. A charge's figure includes each refund
-- while it has not failed, so the most that it ever said is never more than all refunds together.
create function _billing.stripe_refunded(stripe_id text) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(r.gone, 0) + greatest(0, coalesce(p.said, 0) - coalesce(r.ever, 0))
  from (
    select sum(x.amount_minor) filter (where x.status not in ('failed', 'canceled')) as gone,
      sum(x.amount_minor) as ever
    from public.stripe_refunds x where x.stripe_invoice_id = stripe_id
  ) r, (
    select sum(x.refunded_minor) as said
    from public.stripe_payments x where x.stripe_invoice_id = stripe_id
  ) p;
$$;
comment on function _billing.stripe_refunded is
  'What Stripe has given back of an invoice''s payments and not got back.';

-- A refund is money gone. What it takes back must be on a credit note; one that was made without
-- (in the Dashboard) gets one here. What cannot be credited, because the invoice is void or was
-- credited to the balance already, was the client's credit, and is that no more; the same holds
-- for a refund that failed once and is made again.
create function _billing.cover_stripe_refund(mirror public.stripe_invoices, gone bigint,
  reference text, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
  uncovered bigint;
  off_balance bigint;
  to_note bigint;
  note_number text;
begin
  select least(gone, c.uncovered), least(gone, c.uncovered, c.returned)
  into uncovered, off_balance
  from _billing.refund_cover(invoice.id, mirror.refunded_minor) c;
  if coalesce(uncovered, 0) <= 0 then
    return null;
  end if;
  to_note := least(uncovered - off_balance, case
    when invoice.status in ('open', 'paid', 'uncollectible') then invoice.total_minor - (
      select coalesce(sum(n.total_minor), 0) from public.credit_notes n
      where n.invoice_id = invoice.id and n.voided_at is null)
    else 0 end);
  if to_note > 0 then
    note_number := _billing.credit_by_amount(invoice, to_note, 'Refunded in Stripe', true, at,
      true);
    insert into public.stripe_credit_notes (credit_note_id, livemode, origin)
    select n.id, mirror.livemode, 'refund' from public.credit_notes n
    where n.number = note_number;
  end if;
  if uncovered > greatest(to_note, 0) then
    perform _billing.take_refund_off_balance(invoice, uncovered - greatest(to_note, 0), reference,
      at);
  end if;
  return note_number;
end $$;

-- Books what has gone back since the last time, or has come back; noted: of a credit note of
-- Stripe's.
create function _billing.book_stripe_refunds(mirror public.stripe_invoices, at timestamptz,
  noted boolean default false)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
  gone constant bigint := mirror.refunded_minor - mirror.booked_refund_minor;
  failures constant bigint := (select count(*) from public.payments p
    where p.invoice_id = mirror.invoice_id and p.kind = 'refund_failed');
  reference text := format('%s/refunded/%s', mirror.stripe_invoice_id, mirror.refunded_minor)
    || case when failures > 0 then '/' || failures else '' end;
  outcome text;
begin
  if gone = 0 then
    return 'refund already booked';
  end if;
  update public.stripe_invoices m set booked_refund_minor = mirror.refunded_minor
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode;
  if gone < 0 then
    return _billing.book_failed_refund(mirror, -gone, format('%s/refund-failed/%s',
      mirror.stripe_invoice_id, failures + 1), at, noted);
  end if;
  insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method,
    reference)
  values (invoice.id, invoice.client_id, -gone, 'refund', invoice.currency, at, 'stripe',
    reference);
  outcome := _billing.cover_stripe_refund(mirror, gone, reference, at);
  perform _billing.notice(reference, 'normal', format('Refunded: %s of %s',
    billing.money_text(gone, invoice.currency), invoice.number));
  return concat_ws(', ', format('refund of %s booked', gone), outcome);
end $$;

-- Sums an invoice's refunds anew and returns its mirror.
create function _billing.sum_stripe_refunds(stripe_id text)
returns public.stripe_invoices language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_invoices m set refunded_minor = _billing.stripe_refunded(stripe_id)
  where m.stripe_invoice_id = stripe_id
  returning m;
$$;
comment on function _billing.sum_stripe_refunds is
  'Notes what has gone back of an invoice''s payments.';

-- Divides what was refunded of a payment among the invoices that it paid, in order, by what of the
-- payment is left on each. Nearly every payment is of one invoice, which takes it all.
create function _billing.divide_refund(intent text, amount bigint, since_ever boolean)
returns table (stripe_invoice_id text, part bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select r.stripe_invoice_id, case when r.place = r.last then greatest(0, amount - r.before)
    else greatest(0, least(r.room, amount - r.before)) end
  from (
    select p.stripe_invoice_id, x.room, row_number() over w as place, count(*) over () as last,
      coalesce(sum(x.room) over (order by p.stripe_invoice_id
        rows between unbounded preceding and 1 preceding), 0)::bigint as before
    from public.stripe_payments p
    cross join lateral (select greatest(0, p.amount_minor - case when since_ever then 0
      else coalesce((select sum(f.amount_minor) from public.stripe_refunds f
        where f.payment_intent_id = intent and f.stripe_invoice_id = p.stripe_invoice_id
          and f.status not in ('failed', 'canceled')), 0) end)::bigint as room) x
    where p.payment_intent_id = intent
    window w as (order by p.stripe_invoice_id)
  ) r;
$$;
comment on function _billing.divide_refund is
  'Which part of a refund is of which invoice of its payment; since_ever: of all refunds together.';

-- A charge as Stripe describes it: `amount_refunded` is all that is given back of it.
create function billing.apply_stripe_charge(charge jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  part record;
  outcome text;
begin
  perform _billing.lock_clients(_billing.clients_of_payment(charge ->> 'payment_intent'));
  for part in
    select d.* from _billing.divide_refund(charge ->> 'payment_intent', _billing.from_stripe(
      (charge ->> 'amount_refunded')::bigint, charge ->> 'currency'), true) d
  loop
    update public.stripe_payments p set charge_id = charge ->> 'id',
      refunded_minor = greatest(p.refunded_minor, part.part)
    where p.payment_intent_id = charge ->> 'payment_intent'
      and p.stripe_invoice_id = part.stripe_invoice_id;
    outcome := concat_ws('; ', outcome, _billing.book_stripe_refunds(
      _billing.sum_stripe_refunds(part.stripe_invoice_id), seen));
  end loop;
  return outcome;
end $$;
comment on function billing.apply_stripe_charge is
  'Books refunds of a charge; null while the payment it belongs to is not known.';
grant execute on function billing.apply_stripe_charge(jsonb, timestamptz) to service_role;

-- A refund's status only moves forward: one that has failed is not pending again.
create function _billing.refund_rank(status text) returns integer language sql immutable
return case when status = 'unknown' then 0 when status in ('pending', 'requires_action') then 1
  when status = 'succeeded' then 2 else 3 end;

create function _billing.notice_of_failed_refund(kept public.stripe_refunds)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.notice('refund-failed/' || kept.refund_id, 'high', format(
    'A refund of %s of %s %s in Stripe%s: the money is with us. What a credit note granted is '
    'credit on the client''s balance; what was refunded without one is not. Refund it again, or '
    'leave it',
    billing.money_text(kept.amount_minor, i.currency), i.number,
    case kept.status when 'failed' then 'failed' else 'was canceled' end,
    coalesce(' (' || kept.failure_reason || ')', '')))
  from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
  where m.stripe_invoice_id = kept.stripe_invoice_id and kept.status in ('failed', 'canceled');
$$;

-- The part of a refund that is of one invoice.
create function _billing.apply_refund_part(refund jsonb, stripe_id text, amount bigint,
  seen timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  kept public.stripe_refunds;
  outcome text;
begin
  insert into public.stripe_refunds as r (refund_id, stripe_invoice_id, payment_intent_id,
    amount_minor, status, failure_reason, seen_at)
  values (refund ->> 'id', stripe_id, refund ->> 'payment_intent', amount,
    coalesce(refund ->> 'status', 'pending'), refund ->> 'failure_reason', seen)
  on conflict (refund_id, stripe_invoice_id) do update
  set payment_intent_id = excluded.payment_intent_id, amount_minor = excluded.amount_minor,
    status = excluded.status, failure_reason = excluded.failure_reason, seen_at = excluded.seen_at
  where _billing.refund_rank(excluded.status) > _billing.refund_rank(r.status)
  returning * into kept;
  perform _billing.notice_of_failed_refund(kept);
  outcome := _billing.book_stripe_refunds(_billing.sum_stripe_refunds(stripe_id), seen,
    kept.stripe_credit_note_id is not null);
  update public.stripe_refunds r set credited_minor = substring(outcome, '(\d+) is credit')::bigint
  where r.refund_id = kept.refund_id and r.stripe_invoice_id = stripe_id
    and outcome like '% is credit';
  return outcome;
end $$;

-- A refund as Stripe describes it: by itself, or inside an event of its charge. What is known of it
-- already, by a credit note, is of that note's invoice.
create function billing.apply_stripe_refund(refund jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  total constant bigint := _billing.from_stripe((refund ->> 'amount')::bigint,
    refund ->> 'currency');
  known constant text[] := array(select r.stripe_invoice_id from public.stripe_refunds r
    where r.refund_id = refund ->> 'id' order by 1);
  part record;
  outcome text;
begin
  perform _billing.lock_clients(_billing.clients_of_payment(refund ->> 'payment_intent')
    || array(select c from unnest(known) k, unnest(_billing.clients_of_stripe_invoice(k)) c));
  for part in
    select d.stripe_invoice_id, d.part
    from _billing.divide_refund(refund ->> 'payment_intent', total, false) d
    where cardinality(known) = 0 and d.part > 0
    union all
    select r.stripe_invoice_id, case when cardinality(known) = 1 then total else r.amount_minor end
    from public.stripe_refunds r where r.refund_id = refund ->> 'id'
    order by 1
  loop
    outcome := concat_ws('; ', outcome, _billing.apply_refund_part(refund, part.stripe_invoice_id,
      part.part, seen));
  end loop;
  return outcome;
end $$;
comment on function billing.apply_stripe_refund is
  'Books a refund, or takes it back where it failed; null while its payment is not known.';
grant execute on function billing.apply_stripe_refund(jsonb, timestamptz) to service_role;

-- 70_stripe/books/disputes.sql

-- Payments that a payer takes back through its bank.

-- What a dispute has taken from us at last: all of it where it is lost, nothing where it is won or
-- only a warning; until then what was withdrawn. Its balance transactions may be in another
-- currency than the dispute, so of them only the share counts that was not reinstated.
create function _billing.disputed_money(dispute jsonb) returns bigint
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case
    when dispute ->> 'status' in ('won', 'prevented') or dispute ->> 'status' like 'warning%' then 0
    when t.withdrawn is null then case when dispute ->> 'status' = 'lost' then x.amount else 0 end
    else round(x.amount * (t.withdrawn - t.reinstated) / t.withdrawn)::bigint end
  from (select _billing.from_stripe((dispute ->> 'amount')::bigint, dispute ->> 'currency')
    as amount) x, (
    select sum(-(b ->> 'amount')::numeric) filter (where (b ->> 'amount')::numeric < 0)
        as withdrawn,
      coalesce(sum((b ->> 'amount')::numeric) filter (where (b ->> 'amount')::numeric > 0), 0)
        as reinstated
    from jsonb_array_elements(coalesce(dispute -> 'balance_transactions', '[]')) b
  ) t;
$$;
comment on function _billing.disputed_money is
  'What Stripe has withdrawn for a dispute and not reinstated.';

-- Of two states seen in one second, the one that is further on.
create function _billing.dispute_rank(status text) returns integer language sql immutable
return case when status in ('won', 'lost', 'prevented', 'warning_closed') then 3
  when status like '%under_review' then 2 else 1 end;

-- Money that a dispute takes is gone, and back where it is won. The invoice stays paid, as in
-- Stripe: nothing was credited, and what is lost is written off.
create function _billing.book_stripe_dispute(dispute public.stripe_disputes, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  moved constant bigint := dispute.taken_minor - dispute.booked_minor;
  moves bigint;
begin
  if moved = 0 then
    return null;
  end if;
  select count(*) into moves from public.payments p
  where p.reference like dispute.dispute_id || '/%';
  insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method,
    reference)
  select i.id, i.client_id, -moved, case when moved > 0 then 'dispute' else 'dispute_reversed' end,
    i.currency, at, 'stripe', format('%s/%s', dispute.dispute_id, moves + 1)
  from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
  where m.stripe_invoice_id = dispute.stripe_invoice_id;
  update public.stripe_disputes d set booked_minor = d.taken_minor
  where d.dispute_id = dispute.dispute_id;
  return case when moved > 0 then format('%s taken back', moved)
    else format('%s returned', -moved) end;
end $$;

-- Operators hear of a dispute when it begins and when it is decided.
create function _billing.notice_of_dispute(dispute public.stripe_disputes)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.notice(x.key, x.priority, format(x.message, i.number, dispute.reason,
    billing.money_text(dispute.amount_minor, i.currency)))
  from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
  cross join lateral (values
    (dispute.status not in ('won', 'lost', 'prevented', 'warning_closed'),
      'dispute/' || dispute.dispute_id, 'high',
      'A payment of %1$s is disputed (%2$s): %3$s. Answer in the Stripe Dashboard.'),
    (dispute.status = 'lost', 'dispute/' || dispute.dispute_id || '/lost', 'high',
      'The dispute of a payment of %1$s is lost (%2$s): %3$s is gone and written off. To charge it '
      'again, put an item on the next invoice'),
    (dispute.status = 'won', 'dispute/' || dispute.dispute_id || '/won', 'normal',
      'The dispute of a payment of %1$s is won (%2$s): %3$s stays ours')
  ) x(applies, key, priority, message)
  where m.stripe_invoice_id = dispute.stripe_invoice_id and x.applies;
$$;

-- A dispute as Stripe describes it. Null while the payment it is about is not known.
create function billing.apply_stripe_dispute(dispute jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  stripe_id constant text := (select p.stripe_invoice_id from public.stripe_payments p
    where p.payment_intent_id = dispute ->> 'payment_intent' order by p.stripe_invoice_id limit 1);
  kept public.stripe_disputes;
  number text;
begin
  if stripe_id is null then
    return null;
  end if;
  perform _billing.lock_clients(_billing.clients_of_stripe_invoice(stripe_id));
  insert into public.stripe_disputes as d (dispute_id, stripe_invoice_id, payment_intent_id,
    amount_minor, status, reason, taken_minor, seen_at)
  values (dispute ->> 'id', stripe_id, dispute ->> 'payment_intent',
    _billing.from_stripe((dispute ->> 'amount')::bigint, dispute ->> 'currency'),
    coalesce(dispute ->> 'status', 'needs_response'), dispute ->> 'reason',
    _billing.disputed_money(dispute), seen)
  on conflict (dispute_id) do update set amount_minor = excluded.amount_minor,
    status = excluded.status, reason = excluded.reason, taken_minor = excluded.taken_minor,
    seen_at = excluded.seen_at
  -- Of two of one second and rank, the one that tells of the withdrawal is the later one.
  where (excluded.seen_at, _billing.dispute_rank(excluded.status), excluded.taken_minor)
    >= (d.seen_at, _billing.dispute_rank(d.status), d.taken_minor)
  returning * into kept;
  if kept.dispute_id is null then
    return 'known';
  end if;
  update public.stripe_payments p set disputed_at = coalesce(p.disputed_at, seen)
  where p.payment_intent_id = kept.payment_intent_id;
  update public.stripe_invoices m set disputed_at = coalesce(m.disputed_at, seen)
  where m.stripe_invoice_id = stripe_id;
  perform _billing.notice_of_dispute(kept);
  select i.number into number from public.stripe_invoices m
  join public.invoices i on i.id = m.invoice_id where m.stripe_invoice_id = stripe_id;
  return concat_ws(', ', 'dispute of ' || number, _billing.book_stripe_dispute(kept, seen));
end $$;
comment on function billing.apply_stripe_dispute is
  'Books what a dispute takes and returns; null while the payment it is about is not known.';
grant execute on function billing.apply_stripe_dispute(jsonb, timestamptz) to service_role;

-- 70_stripe/books/credit_notes.sql

-- Credit notes of Stripe: found by Stripe's ids and by ours, issued here once, and void here where
-- they are void there.

create function _billing.save_stripe_credit_note(credit_note_id uuid, livemode boolean,
  stripe_id text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_credit_notes as s (credit_note_id, livemode, stripe_credit_note_id,
    origin)
  values (credit_note_id, livemode, stripe_id, 'ours')
  on conflict (credit_note_id) do update set stripe_credit_note_id = stripe_id;
$$;
comment on function _billing.save_stripe_credit_note is
  'Notes the Stripe credit note of one of ours.';

-- Refunds that a credit note of Stripe tells of before they tell of themselves.
create function _billing.save_refunds_of_note(note jsonb, seen timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_refunds as r (refund_id, stripe_invoice_id, stripe_credit_note_id,
    amount_minor, status, seen_at)
  select x.refund_id, note ->> 'invoice', note ->> 'id', sum(x.amount), 'unknown', seen
  from (
    select coalesce(p #>> '{refund,id}', p ->> 'refund') as refund_id, _billing.from_stripe(
      coalesce(p ->> 'amount_refunded', note ->> 'total')::bigint, note ->> 'currency') as amount
    from jsonb_array_elements(coalesce(note -> 'refunds', '[]')) p
  ) x where x.refund_id is not null group by x.refund_id
  on conflict (refund_id, stripe_invoice_id) do update
  set stripe_credit_note_id = excluded.stripe_credit_note_id,
    amount_minor = r.amount_minor + case
      when r.status = 'unknown' and r.stripe_credit_note_id <> excluded.stripe_credit_note_id
        then excluded.amount_minor else 0 end;
$$;
comment on function _billing.save_refunds_of_note is 'Notes the refunds that a credit note names.';

-- Void there: what of it stands here is taken back where that can be, else operators are told.
create function _billing.void_stripe_credit_note(note jsonb, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  own record;
  outcome text;
begin
  for own in
    select n.id, n.number, n.to_refund_minor from public.stripe_credit_notes s
    join public.credit_notes n on n.id = s.credit_note_id
    where s.stripe_credit_note_id = note ->> 'id' and n.voided_at is null order by n.number
  loop
    if own.to_refund_minor = 0 and _billing.void_credit_note(own.id, at) then
      outcome := concat_ws(', ', outcome, 'voided ' || own.number);
      perform _billing.notice('credit-voided/' || own.id, 'normal', format(
        'Credit note %s was voided in Stripe and is void here', own.number));
    else
      outcome := concat_ws(', ', outcome, 'not voided here: ' || own.number);
      perform _billing.notice('credit-void/' || (note ->> 'id'), 'high', format(
        'Credit note %s was voided in Stripe, but stands here: its credit is on the balance or '
        'refunded. Make a credit note of the same amount in Stripe, or charge the amount again '
        'with an item', own.number));
    end if;
  end loop;
  return coalesce(outcome, 'ignored: void');
end $$;

-- Issues here what was credited there: what went back as money and what did not are settled
-- otherwise, so each is a note. Returns the numbers, or why it cannot be.
create function _billing.issue_for_stripe(note jsonb, mirror public.stripe_invoices,
  refunded bigint, rest bigint, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
  creditable constant bigint := case when invoice.status in ('open', 'paid', 'uncollectible')
    then invoice.total_minor - (select coalesce(sum(n.total_minor), 0)::bigint
      from public.credit_notes n where n.invoice_id = invoice.id and n.voided_at is null)
    else 0 end;
  numbers text[];
  part record;
begin
  if refunded + rest > creditable then
    perform _billing.notice('credit/' || (note ->> 'id'), 'high', format(
      '%s was credited in Stripe by %s, but only %s is left to credit here', invoice.number,
      billing.money_text(refunded + rest, upper(note ->> 'currency')),
      billing.money_text(creditable, upper(note ->> 'currency'))));
    return format('not credited here: %s of %s is more than the %s left', refunded + rest,
      invoice.number, creditable);
  end if;
  for part in
    select x.amount, x.is_refund from (values (refunded, true), (rest, false)) x(amount, is_refund)
    where x.amount > 0
  loop
    numbers := array_append(numbers, _billing.credit_by_amount(
      _billing.get_invoice(invoice.id), part.amount,
      coalesce(nullif(btrim(note ->> 'memo'), ''), note ->> 'reason', 'Credited in Stripe'),
      part.is_refund, at, part.is_refund));
  end loop;
  insert into public.stripe_credit_notes (credit_note_id, livemode, stripe_credit_note_id, origin)
  select n.id, mirror.livemode, note ->> 'id', 'stripe' from public.credit_notes n
  where n.number = any (numbers);
  return coalesce('issued ' || nullif(array_to_string(numbers, ', '), ''), 'known');
end $$;

-- What of a credit note was to go back as money and did not, because its refunds failed before the
-- note was told of: that is credit, but for what went onto the balance already when they failed.
create function _billing.failed_part_of_note(note jsonb) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(sum(greatest(0, _billing.from_stripe(coalesce(p ->> 'amount_refunded',
    note ->> 'total')::bigint, note ->> 'currency') - r.credited_minor)), 0)::bigint
  from jsonb_array_elements(coalesce(note -> 'refunds', '[]')) p
  join public.stripe_refunds r on r.refund_id = coalesce(p #>> '{refund,id}', p ->> 'refund')
    and r.stripe_invoice_id = note ->> 'invoice' and r.status in ('failed', 'canceled');
$$;
comment on function _billing.failed_part_of_note is
  'What a credit note was to refund, of which nothing arrived.';

-- A refund that is heard of before its credit note seems to be what a note of ours waits for. What
-- refunds of the Dashboard's notes took from notes of ours that way, as far as it can be credited;
-- of one that failed, what is credit for it. `issued` is about to be credited for them.
create function _billing.refunds_on_waiting_notes(mirror public.stripe_invoices, issued bigint)
returns bigint language sql stable set search_path = pg_catalog, pg_temp as $$
  select greatest(0, least(r.theirs - n.theirs - issued, n.own - r.own,
    i.total_minor - n.credited - issued))
  from public.invoices i, (
    select coalesce(sum(x.total_minor), 0)::bigint as credited,
      coalesce(sum(x.to_refund_minor) filter (where s.origin <> 'ours'), 0)::bigint as theirs,
      coalesce(sum(x.to_refund_minor) filter (where s.origin = 'ours' or s.origin is null),
        0)::bigint as own
    from public.credit_notes x
    left join public.stripe_credit_notes s on s.credit_note_id = x.id
    where x.invoice_id = mirror.invoice_id and x.voided_at is null
  ) n, (
    select coalesce(sum(case when x.status in ('failed', 'canceled') then x.credited_minor
        else x.amount_minor end) filter (where not o.is_own), 0)::bigint as theirs,
      coalesce(sum(x.amount_minor) filter (where o.is_own), 0)::bigint as own
    from public.stripe_refunds x
    cross join lateral (select exists (select from public.stripe_credit_notes s
      where s.stripe_credit_note_id = x.stripe_credit_note_id and s.origin = 'ours') as is_own) o
    where x.stripe_invoice_id = mirror.stripe_invoice_id and x.stripe_credit_note_id is not null
  ) r
  where i.id = mirror.invoice_id and i.status in ('open', 'paid', 'uncollectible');
$$;
comment on function _billing.refunds_on_waiting_notes is
  'What notes of ours that wait for their refunds cover of refunds of Stripe''s own notes.';

-- What such a refund that failed had put on the balance, and a refund of ours took off again: that
-- was not the same money, and is still to be credited, as far as it can be.
create function _billing.credit_taken_again(note jsonb, mirror public.stripe_invoices,
  issued bigint)
returns bigint language sql stable set search_path = pg_catalog, pg_temp as $$
  select greatest(0, least(r.credited - c.returned, i.total_minor - n.credited - issued))
  from public.invoices i
  cross join lateral _billing.refund_cover(i.id, 0) c, (
    select coalesce(sum(x.credited_minor), 0)::bigint as credited from public.stripe_refunds x
    where x.stripe_invoice_id = mirror.stripe_invoice_id
      and x.stripe_credit_note_id = note ->> 'id' and x.status in ('failed', 'canceled')
  ) r, (
    select coalesce(sum(x.total_minor), 0)::bigint as credited from public.credit_notes x
    where x.invoice_id = mirror.invoice_id and x.voided_at is null
  ) n
  where i.id = mirror.invoice_id and i.status in ('open', 'paid', 'uncollectible');
$$;
comment on function _billing.credit_taken_again is
  'What of the credit for a note''s failed refunds a refund of ours has taken off the balance.';

-- A credit note of Stripe: ours if it names one, else one is issued here for it. What it gives back
-- as money and a refund has told of already has a note here.
create function billing.apply_stripe_credit_note(note jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  mirror public.stripe_invoices;
  named constant uuid := _billing.own_id(note #>> '{metadata,leveredge_credit_note_id}');
  is_void constant boolean := coalesce(note ->> 'status' = 'void', false);
  amount constant bigint := _billing.from_stripe(
    (note ->> 'total')::bigint, note ->> 'currency');
  refunded constant bigint := least(amount, _billing.from_stripe((
    select coalesce(sum(coalesce(r ->> 'amount_refunded', note ->> 'total')::bigint), 0)
    from jsonb_array_elements(coalesce(note -> 'refunds', '[]')) r)::bigint, note ->> 'currency'));
  new bigint;
  rest bigint;
  known text;
  outcome text := 'known';
begin
  perform _billing.lock_clients(_billing.clients_of_stripe_invoice(note ->> 'invoice'));
  select * into mirror from public.stripe_invoices m
  where m.stripe_invoice_id = note ->> 'invoice';
  if mirror.invoice_id is null then
    return null;
  end if;
  select n.status into known from public.stripe_notes n
  where n.stripe_credit_note_id = note ->> 'id';
  if known = 'void' or known = 'issued' and not is_void then
    return 'known';
  end if;
  -- Of days that a restore took back: told again once the run that makes it has been, or by hand.
  if named is not null and not exists (select from public.credit_notes n where n.id = named) then
    return format('not credited here: it names credit note %s, which the books do not have', named);
  end if;
  if known is null and not is_void then
    perform _billing.save_refunds_of_note(note, seen);
  end if;
  mirror := _billing.sum_stripe_refunds(mirror.stripe_invoice_id);
  if named is not null then
    perform _billing.save_stripe_credit_note(named, mirror.livemode, note ->> 'id');
  end if;
  if is_void then
    outcome := _billing.void_stripe_credit_note(note, seen);
  elsif not exists (select from public.stripe_credit_notes s
    where s.stripe_credit_note_id = note ->> 'id') then
    new := greatest(0, least(refunded, mirror.refunded_minor - mirror.booked_refund_minor));
    new := new + least(refunded - new, coalesce(
      _billing.refunds_on_waiting_notes(mirror, new), 0));
    rest := amount - refunded + _billing.failed_part_of_note(note);
    rest := rest + greatest(0, least(amount - new - rest, coalesce(
      _billing.credit_taken_again(note, mirror, new + rest), 0)));
    outcome := _billing.issue_for_stripe(note, mirror, new, rest, seen);
  end if;
  perform _billing.book_stripe_refunds(mirror, seen);
  if outcome not like 'not credited%' then
    insert into public.stripe_notes as n (stripe_credit_note_id, stripe_invoice_id, status, seen_at)
    values (note ->> 'id', mirror.stripe_invoice_id,
      case when is_void then 'void' else 'issued' end, seen)
    on conflict (stripe_credit_note_id) do update set status = excluded.status;
  end if;
  return outcome;
end $$;
comment on function billing.apply_stripe_credit_note is
  'Links or issues the credit note that Stripe''s stands for, takes back one that is void there, or
   says why it cannot; null when its invoice is not ours.';
grant execute on function billing.apply_stripe_credit_note(jsonb, timestamptz) to service_role;

-- 70_stripe/books/invoices.sql

-- What Stripe says about money, brought into our books.
--
-- Stripe's figures are cumulative (`amount_paid`, `amount_refunded`), so nothing here counts
-- events: each figure may only grow, and what it grew by is booked. Events may therefore come
-- twice, in any order, or not at all, and reconciliation calls the very same functions.

-- Statuses of a Stripe invoice only move forward; an older one never overwrites a newer one.
create function _billing.stripe_rank(state text) returns integer language sql immutable
return coalesce(array_position(
  '{creating,held,refused,draft,open,uncollectible,deleted,paid,void}'::text[], state), 0);

-- Voided or written off there: here too, where our rules allow it. Operators are told of both.
create function _billing.follow_stripe_status(mirror public.stripe_invoices, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
begin
  if mirror.state = 'void' and invoice.status in ('open', 'uncollectible') then
    if invoice.paid_minor + invoice.credited_minor > 0 then
      perform _billing.notice('void/' || mirror.stripe_invoice_id, 'high', format(
        '%s was voided in Stripe, but it is partly paid or credited here', invoice.number));
      return 'cannot be voided here';
    end if;
    perform billing.void_invoice(invoice.id, 'Voided in Stripe', at);
    perform _billing.notice('void/' || mirror.stripe_invoice_id, 'normal', format(
      '%s was voided in Stripe, and so here: generate its period anew if it is to be billed',
      invoice.number));
    return 'voided';
  elsif mirror.state = 'uncollectible' and invoice.status = 'open' then
    perform billing.mark_uncollectible(invoice.id, at);
    perform _billing.notice('write-off/' || mirror.stripe_invoice_id, 'normal', format(
      '%s was written off in Stripe, and so here: what is paid of it later is booked',
      invoice.number));
    return 'marked uncollectible';
  end if;
  return null;
end $$;

-- "Edit invoice" in the Dashboard voids an invoice and issues a revision of it. Ours is then the
-- revision: what is paid for that is paid for ours, and the void one is none of ours any more.
create function _billing.follow_revision(revised text, revision text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  mirror public.stripe_invoices;
begin
  if revised is null or revision is null or revised = revision then
    return;
  end if;
  update public.stripe_invoices m set stripe_invoice_id = revision, state = 'open'
  where m.stripe_invoice_id = revised and m.amount_paid_minor = 0
  returning * into mirror;
  if mirror.invoice_id is not null then
    perform _billing.notice('revised/' || revision, 'high', format('%s was edited in Stripe: %s '
      'replaces %s. Where its amount differs from ours, void it there, and void and regenerate '
      'ours',
      i.number, revision, revised))
    from public.invoices i where i.id = mirror.invoice_id;
  end if;
end $$;

-- Money of another currency than the invoice is booked by nobody: why, and operators are told.
create function _billing.other_currency(mirror public.stripe_invoices, thing jsonb)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
  theirs constant text := upper(thing ->> 'currency');
begin
  if theirs = invoice.currency then
    return null;
  end if;
  perform _billing.notice('currency/' || (thing ->> 'id'), 'high', format(
    '%s of Stripe is in %s, invoice %s is in %s: nothing is booked. Void or refund it there',
    thing ->> 'id', theirs, invoice.number, invoice.currency));
  return format('ignored: it is in %s, %s is in %s', theirs, invoice.number, invoice.currency);
end $$;

-- All that was paid for an invoice of Stripe. Its documents leave open whether `amount_paid` has in
-- it what is beyond the amount due, and is credited to the customer's balance.
create function _billing.stripe_received(invoice jsonb) returns bigint
language sql immutable
return (invoice ->> 'amount_paid')::bigint + case
  when (invoice ->> 'amount_paid')::bigint > (invoice ->> 'amount_due')::bigint then 0
  else coalesce((invoice ->> 'amount_overpaid')::bigint, 0) end;

-- One invoice of Stripe, as it is in an event or an answer. Returns what came of it, or null when
-- it is none of ours (a subscription's, one made by hand there).
create function billing.apply_stripe_invoice(invoice jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the books are written by functions only.
declare
  mirror public.stripe_invoices;
  currency constant text := invoice ->> 'currency';
  refused text;
begin
  perform _billing.lock_clients(array(
    select distinct i.client_id from public.stripe_invoices m
    join public.invoices i on i.id = m.invoice_id
    where m.stripe_invoice_id = invoice ->> 'id'
      or m.stripe_invoice_id = invoice #>> '{from_invoice,invoice}'
      or m.invoice_id::text = invoice #>> '{metadata,leveredge_invoice_id}'));
  if invoice ->> 'status' <> 'draft' then
    perform _billing.follow_revision(invoice #>> '{from_invoice,invoice}', invoice ->> 'id');
  end if;
  perform _billing.follow_revision(invoice ->> 'id', invoice ->> 'latest_revision');
  select * into mirror from public.stripe_invoices m
  where m.livemode = (invoice ->> 'livemode')::boolean
    and (m.stripe_invoice_id = invoice ->> 'id' or (m.stripe_invoice_id is null
      and m.state = 'creating'
      and m.invoice_id::text = invoice #>> '{metadata,leveredge_invoice_id}'));
  if mirror.invoice_id is null then
    return null;
  end if;
  refused := _billing.other_currency(mirror, invoice);
  if refused is not null then
    return refused;
  end if;
  update public.stripe_invoices m set
    stripe_invoice_id = invoice ->> 'id',
    state = case when _billing.stripe_rank(invoice ->> 'status') >= _billing.stripe_rank(m.state)
      then invoice ->> 'status' else m.state end,
    total_minor = case when invoice ->> 'status' = 'draft' then m.total_minor
      else _billing.from_stripe((invoice ->> 'total')::bigint, currency) end,
    amount_paid_minor = greatest(m.amount_paid_minor,
      _billing.from_stripe(_billing.stripe_received(invoice), currency)),
    hosted_invoice_url = coalesce(invoice ->> 'hosted_invoice_url', m.hosted_invoice_url),
    invoice_pdf = coalesce(invoice ->> 'invoice_pdf', m.invoice_pdf),
    seen_at = greatest(m.seen_at, seen)
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode
  returning * into mirror;
  return concat_ws(', ', 'invoice ' || mirror.state,
    _billing.book_stripe_payments(mirror, seen), _billing.follow_stripe_status(mirror, seen));
end $$;
comment on function billing.apply_stripe_invoice is
  'Brings an invoice as Stripe describes it into the books; null when it is none of ours.';
grant execute on function billing.apply_stripe_invoice(jsonb, timestamptz) to service_role;

-- 70_stripe/customers.sql

-- What happens to customers and subscriptions in Stripe, and what it means for our clients.

create function _billing.client_of_customer(customer_id text) returns uuid
language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.client_id from public.stripe_customers s where s.stripe_customer_id = customer_id;
$$;

-- Whether a newer change of a customer is known. Of changes in one second, the one that begins
-- where another ended is the newer: it says what was before it, and that is what we know.
create function _billing.is_overtaken(customer_id text, changed jsonb, known public.clients,
  seen timestamptz)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.stripe_customers s where s.stripe_customer_id = customer_id
      and (s.changed_at > seen or s.changed_at = seen
        and (changed ? 'email' and changed ->> 'email' is distinct from known.email
          or changed ? 'name' and changed ->> 'name' is distinct from known.name)));
$$;
comment on function _billing.is_overtaken is
  'Whether what an event says of a customer is older than what is known of it.';

-- The client changed its details in the portal: the next invoice goes to the new address. Only
-- what the event says was changed is taken, and what we sent ourselves is no change.
create function _billing.apply_stripe_customer(customer jsonb, changed jsonb, seen timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  owner uuid := _billing.client_of_customer(customer ->> 'id');
  before public.clients;
  after public.clients;
  new_address constant jsonb := customer -> 'address';
begin
  if owner is null then
    return 'ignored: not a customer of ours';
  end if;
  -- The balance is taken over by the next call of reconcile-stripe: only Stripe can list its moves.
  update public.stripe_customers s set balance_moved_at = greatest(s.balance_moved_at, seen)
  where s.stripe_customer_id = customer ->> 'id' and changed ? 'balance'
    and (customer ->> 'balance')::bigint <> 0;
  select * into before from public.clients c where c.id = owner;
  if _billing.is_overtaken(customer ->> 'id', changed, before, seen) then
    return 'ignored: older than what is known';
  end if;
  update public.stripe_customers s set changed_at = seen
  where s.stripe_customer_id = customer ->> 'id' and changed ?| '{name,email,address}'::text[];
  update public.clients c set
    name = case when changed ? 'name' then coalesce(nullif(btrim(customer ->> 'name'), ''), c.name)
      else c.name end,
    email = case when changed ? 'email'
      then coalesce(nullif(customer ->> 'email', ''), c.email) else c.email end,
    address = case when changed ? 'address' and jsonb_typeof(new_address) = 'object'
      then _billing.address_lines(new_address) else c.address end,
    postal_address = case when changed ? 'address' and jsonb_typeof(new_address) = 'object'
      then _billing.postal_address_of(new_address) else c.postal_address end
  where c.id = owner
  returning * into after;
  return case when before is distinct from after then 'client updated' else 'nothing new' end;
end $$;

create function billing.forget_stripe_customer(customer_id text, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: called for the service role by reconciliation.
begin
  update public.stripe_customers s set deleted_at = seen
  where s.stripe_customer_id = customer_id and s.deleted_at is null;
  if not found then
    return 'ignored: not a customer of ours, or known';
  end if;
  perform _billing.notice('deleted/' || customer_id, 'high', format(
    'Customer %s of %s was deleted in Stripe; the next invoice makes a new one',
    customer_id, c.name))
  from public.clients c where c.id = _billing.client_of_customer(customer_id);
  return 'customer forgotten';
end $$;
comment on function billing.forget_stripe_customer is 'Notes that Stripe deleted a customer.';
grant execute on function billing.forget_stripe_customer(text, timestamptz) to service_role;

-- 70_stripe/setups.sql

-- Cards and bank mandates that clients have stored on a page of Stripe. Stripe keeps what was
-- stored and does not take it for invoices by itself: we make it the customer's default.

create table _billing.stripe_setups (
  setup_intent_id text primary key,
  livemode boolean not null,
  stripe_customer_id text not null,
  seen_at timestamptz not null,
  asked_at timestamptz,
  done_at timestamptz
);
comment on table _billing.stripe_setups is
  'Payment methods that were stored, and whether they have become their customer''s default.';
alter table _billing.stripe_setups enable row level security;
revoke all on _billing.stripe_setups from public;

create function _billing.note_setup(session jsonb, seen timestamptz) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if session ->> 'mode' is distinct from 'setup' or session ->> 'setup_intent' is null then
    return 'ignored: nothing was stored';
  elsif _billing.client_of_customer(session ->> 'customer') is null then
    return 'ignored: not a customer of ours';
  end if;
  insert into _billing.stripe_setups (setup_intent_id, livemode, stripe_customer_id, seen_at)
  values (session ->> 'setup_intent', (session ->> 'livemode')::boolean, session ->> 'customer',
    seen)
  on conflict on constraint stripe_setups_pkey do nothing;
  return 'payment method noted';
end $$;
comment on function _billing.note_setup is
  'Notes that a client has stored a payment method; another call makes it the default.';

-- In the order of storing. A bank account may have to be verified, which takes days: one that is
-- not ready is asked for once an hour, for thirty days.
create function _billing.open_setups(livemode boolean)
returns table (setup_intent_id text, stripe_customer_id text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.setup_intent_id, s.stripe_customer_id from _billing.stripe_setups s
  where s.livemode = open_setups.livemode and s.done_at is null
    and s.seen_at > now() - interval '30 days'
    and coalesce(s.asked_at < now() - interval '1 hour', true)
  order by s.seen_at, s.setup_intent_id;
$$;
comment on function _billing.open_setups is
  'Stored payment methods that are to become their customer''s default.';

create function _billing.save_setup(setup_intent_id text, is_done boolean) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  update _billing.stripe_setups s set asked_at = now(),
    done_at = case when is_done then now() end
  where s.setup_intent_id = save_setup.setup_intent_id;
$$;
comment on function _billing.save_setup is
  'Notes that a stored payment method was asked for, and whether it is the default now.';

-- 70_stripe/books/balances.sql

-- The credit balance that Stripe keeps of a customer. The balance is kept here: what moves there is
-- booked here once, by its transaction's id, and Stripe's is then taken to zero.

-- Credit given (more than zero) or taken on the client's balance. What there is no credit for is
-- money that the client owes, and on no account until somebody puts it on an invoice.
create function _billing.adjust_balance_for_stripe(client_id uuid, currency text, amount bigint,
  invoice_id uuid, note text, key text, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  credit constant bigint := greatest(0, coalesce((
    select sum(b.amount_minor) from public.balance_entries b
    where b.client_id = adjust_balance_for_stripe.client_id
      and b.currency = adjust_balance_for_stripe.currency), 0));
  moved constant bigint := greatest(amount, -credit);
begin
  if moved <> 0 then
    insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
      created_at, note)
    values (client_id, currency, moved, 'adjustment', invoice_id, at, note);
  end if;
  if moved > amount then
    perform _billing.notice('debt/' || key, 'high', format(
      '%s owes %s by its credit balance in Stripe (%s), which is zero now: put it on an invoice '
      'with an item', c.name, billing.money_text(moved - amount, currency), note))
    from public.clients c where c.id = client_id;
  end if;
  return format('adjusted by %s', moved);
end $$;

-- Credit that Stripe applied to an invoice when it was finalized: it has paid that much of it.
create function _billing.apply_balance_to_invoice(mirror public.stripe_invoices, amount bigint,
  key text, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
begin
  perform _billing.adjust_balance_for_stripe(invoice.client_id, invoice.currency, -amount,
    invoice.id, 'Applied to ' || invoice.number || ' in Stripe', key, at);
  if invoice.status in ('open', 'uncollectible') then
    perform billing.record_payment(invoice.id, amount, at, 'stripe_balance', key);
    return 'applied to ' || invoice.number;
  end if;
  perform _billing.adjust_balance_for_stripe(invoice.client_id, invoice.currency, amount,
    invoice.id, invoice.number || ' was ' || invoice.status, key, at);
  return invoice.number || ' was ' || invoice.status;
end $$;

-- Which invoices moves that are not booked yet name and no invoice of ours is known as: those of
-- Stripe's own, and revisions that no event told of. The latter must be known before the moves are
-- booked, else an overpayment would be booked as an adjustment, and once more with its invoice.
create function _billing.unknown_balance_invoices(transactions jsonb) returns text[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(distinct x.invoice_id), '{}')
  from jsonb_array_elements(transactions) t(moved)
  cross join lateral (
    select coalesce(t.moved #>> '{invoice,id}', t.moved ->> 'invoice') as invoice_id) x
  where x.invoice_id is not null
    and not exists (select from public.stripe_balance_transactions b
      where b.transaction_id = t.moved ->> 'id')
    and not exists (select from public.stripe_invoices m
      where m.stripe_invoice_id = x.invoice_id);
$$;
comment on function _billing.unknown_balance_invoices is
  'Invoices of Stripe that moves of a balance name and that are to be asked for first.';

-- One transaction. Overpayments and credit notes are booked as such; what an invoice of Stripe's
-- own (a subscription's) gives or takes is ours to keep like credit that somebody gave.
create function _billing.book_balance_transaction(client_id uuid, moved jsonb, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  mirror public.stripe_invoices;
  currency constant text := upper(moved ->> 'currency');
  amount constant bigint := _billing.from_stripe((moved ->> 'amount')::bigint, currency);
  kind constant text := moved ->> 'type';
begin
  if moved #>> '{metadata,leveredge_balance}' is not null then
    return 'ours';
  end if;
  select * into mirror from public.stripe_invoices m
  where m.stripe_invoice_id = coalesce(moved #>> '{invoice,id}', moved ->> 'invoice');
  if mirror.invoice_id is not null and kind in ('invoice_overpaid', 'credit_note') then
    return 'booked with its invoice';
  end if;
  if mirror.invoice_id is not null and kind = 'applied_to_invoice' then
    if amount > 0 then
      return _billing.apply_balance_to_invoice(mirror, amount, moved ->> 'id', at);
    end if;
    -- A debt, for which Stripe asks beside what is due: once it is paid it is credit, as more than
    -- is due.
    return 'asked for with its invoice';
  end if;
  -- Stripe's invoice is void or revised. Ours stays paid by what was applied.
  if kind = 'unapplied_from_invoice' and exists (
    select from public.stripe_balance_transactions b where b.type = 'applied_to_invoice'
      and b.stripe_invoice_id = coalesce(moved #>> '{invoice,id}', moved ->> 'invoice')
      and b.outcome not like 'adjusted by %') then
    return 'stays with its invoice';
  end if;
  return _billing.adjust_balance_for_stripe(client_id, currency, -amount, mirror.invoice_id,
    coalesce(nullif(btrim(moved ->> 'description'), ''), replace(kind, '_', ' ') || ' in Stripe'),
    moved ->> 'id', at);
end $$;

-- All transactions of a customer, newest first as Stripe lists them. Returns what was new.
create function billing.apply_stripe_balance(customer_id text, transactions jsonb,
  seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: called for the service role by deliveries and reconciliation.
declare
  owner constant uuid := _billing.client_of_customer(customer_id);
  moved jsonb;
  news text[];
begin
  if owner is null then
    return 'ignored: not a customer of ours';
  end if;
  perform _billing.lock_clients(array[owner]);
  for moved in
    select t.value from jsonb_array_elements(transactions) with ordinality t(value, place)
    where not exists (select from public.stripe_balance_transactions b
      where b.transaction_id = t.value ->> 'id')
    order by t.place desc
  loop
    insert into public.stripe_balance_transactions (transaction_id, client_id, stripe_customer_id,
      type, amount_minor, currency, stripe_invoice_id, outcome, seen_at)
    values (moved ->> 'id', owner, customer_id, moved ->> 'type', _billing.from_stripe(
        (moved ->> 'amount')::bigint, moved ->> 'currency'), upper(moved ->> 'currency'),
      coalesce(moved #>> '{invoice,id}', moved ->> 'invoice'),
      _billing.book_balance_transaction(owner, moved, seen), seen);
    news := array_append(news, moved ->> 'type');
  end loop;
  update public.stripe_customers s set balance_moved_at = null
  where s.stripe_customer_id = customer_id and s.balance_moved_at <= seen;
  return coalesce(nullif(array_to_string(news, ', '), ''), 'nothing new');
end $$;
comment on function billing.apply_stripe_balance is
  'Books the moves of a customer''s credit balance in Stripe that are not booked yet.';
grant execute on function billing.apply_stripe_balance(text, jsonb, timestamptz) to service_role;

-- 70_stripe/subscriptions.sql

-- The client of a subscription: its customer's, or the one that it names. A customer that was
-- deleted there may have been replaced here before Stripe tells that its subscription ended.
create function billing.owner_of_subscription(subscription jsonb)
returns uuid language sql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: called for the service role by reconciliation.
  select coalesce(_billing.client_of_customer(subscription ->> 'customer'),
    (select s.client_id from public.stripe_customers s
      where s.former_ids @> array[subscription ->> 'customer']),
    (select c.id from public.clients c
      where c.id::text = subscription #>> '{metadata,leveredge_client_id}'));
$$;
comment on function billing.owner_of_subscription is
  'The client that a Stripe subscription is of; null where it is none of ours.';
grant execute on function billing.owner_of_subscription(jsonb) to service_role;

-- A base fee that waits for our next invoice is left to Stripe once a subscription with one begins.
create function _billing.drop_doubled_fee(mirror public.stripe_subscriptions, began timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  dropped bigint;
begin
  if mirror.base_fee_minor = 0 or mirror.status not in ('active', 'trialing', 'past_due') then
    return null;
  end if;
  delete from public.invoice_items i
  where i.client_id = mirror.client_id and i.is_base_fee and i.section_start is null
    and i.invoice_id is null and i.item_day >= (began at time zone 'UTC')::date;
  get diagnostics dropped = row_count;
  if dropped > 0 then
    perform _billing.notice('base-fee/' || mirror.stripe_subscription_id, 'normal', format(
      'Base fee of %s: Stripe bills it by a subscription now, %s waiting for our invoice dropped',
      c.name, dropped)) from public.clients c where c.id = mirror.client_id;
    return 'base fee left to Stripe';
  end if;
  return null;
end $$;

-- Service follows the subscription. One that runs begins service anew on the day it began or came
-- back, where a subscription had ended it or the new one was made afterwards: what an operator has
-- ended, an older subscription does not begin again, and a pause stays a pause. One that runs no
-- more, without another beside it, ends the interval in which its last day lies; that day is
-- served. Where it ends before its client's service has begun for the first time, service does not
-- begin: nothing is billed, usage is in quarantine. What is told afterwards of a subscription that
-- had ended before that ends nothing.
create function _billing.follow_subscription(mirror public.stripe_subscriptions,
  made timestamptz, runs_since timestamptz, ended timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  first_day constant date := billing.day_of(mirror.client_id, runs_since);
  end_day constant date :=
    billing.day_of(mirror.client_id, ended - interval '1 microsecond') + 1;
  client public.clients;
  latest public.service_intervals;
  is_first boolean;
  config_made boolean := false;
  change text;
begin
  select * into client from public.clients c where c.id = mirror.client_id;
  select * into latest from public.service_intervals s
  where s.client_id = mirror.client_id order by s.starts_on desc limit 1;
  is_first := not exists (select from public.service_intervals s
    where s.client_id = mirror.client_id and s.starts_on < latest.starts_on);
  if mirror.status in ('active', 'trialing', 'past_due') then
    insert into public.billing_config (client_id, effective_from, currency)
    -- Not for what is settled already.
    select mirror.client_id, greatest(client.started_on, (select max(p.period_end)
      from public.billing_periods p
      where p.client_id = client.id and p.settled_at is not null)), cur.code
    from public.currencies cur
    where cur.code = mirror.currency and not exists (
      select from public.billing_config b where b.client_id = mirror.client_id);
    config_made := found;
    if client.status = 'active' and latest.ends_on < 'infinity'
      and (latest.end_reason like 'subscription %'
        or billing.day_of(client.id, made) >= latest.ends_on) then
      perform billing.start_service(client.id, greatest(first_day, latest.ends_on),
        'subscription ' || mirror.status);
      change := 'service started';
    elsif client.status = 'active' and latest.id is null and (runs_since <> made
      or billing.day_of(client.id, made) >= client.ended_on
      or exists (select from public.stripe_subscriptions o
        where o.client_id = client.id and o.ended_at is not null)) then
      -- A subscription had ended before service began: it begins when it was to begin, or later.
      perform billing.start_service(client.id, greatest(first_day, client.started_on),
        'subscription ' || mirror.status);
      change := 'service started';
    end if;
  elsif mirror.status in ('canceled', 'unpaid', 'incomplete_expired', 'paused')
    and end_day < latest.ends_on
    and (latest.starts_on < end_day
      or is_first and billing.day_of(client.id, mirror.seen_at) < latest.starts_on)
    and not exists (select from public.stripe_subscriptions o
      where o.client_id = mirror.client_id and o.status in ('active', 'trialing', 'past_due')) then
    perform billing.end_service(client.id, end_day, 'subscription ' || mirror.status);
    perform _billing.notice('subscription/' || mirror.stripe_subscription_id || '/'
      || mirror.status, 'high', case when latest.starts_on < end_day
        then format('The service of %s ends, its last day is %s: its subscription is %s',
          client.name, end_day - 1, mirror.status)
        else format('The service of %s does not begin on %s: its subscription is %s', client.name,
          latest.starts_on, mirror.status) end);
    change := 'service ended';
  end if;
  return concat_ws(', ', 'subscription ' || mirror.status,
    case when config_made then 'billing config made' end, change);
end $$;

-- Mirrors a subscription. A new one gives its client a billing config; service follows it. `was`:
-- its status before, as its event says; where that did not change, its status now.
create function billing.apply_stripe_subscription(subscription jsonb, seen timestamptz,
  was text default null)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: called for the service role by reconciliation.
declare
  owner constant uuid := billing.owner_of_subscription(subscription);
  item constant jsonb := subscription #> '{items,data,0}';
  known public.stripe_subscriptions;
  mirror public.stripe_subscriptions;
  made timestamptz;
begin
  if owner is null then
    raise exception 'waiting for the client of customer %', subscription ->> 'customer';
  end if;
  perform _billing.lock_clients(array[owner]);
  select * into known from public.stripe_subscriptions s
  where s.stripe_subscription_id = subscription ->> 'id';
  -- Older than what is known, or after its end: nothing comes back to life.
  if known.seen_at > seen or known.ended_at is not null then
    return 'known';
  end if;
  -- Of two in one second, the one that begins where the other ended is the newer, and an end the
  -- last.
  if known.seen_at = seen and was is distinct from known.status
    and subscription ->> 'ended_at' is null then
    return 'known';
  end if;
  insert into public.stripe_subscriptions as s (stripe_subscription_id, client_id, livemode, status,
    currency, base_fee_minor, billing_interval, description, current_period_end, seen_at, ended_at)
  values (subscription ->> 'id', owner, (subscription ->> 'livemode')::boolean,
    subscription ->> 'status', upper(subscription ->> 'currency'), (
      -- A price with parts of a cent has no unit_amount, only unit_amount_decimal.
      select coalesce(sum(_billing.from_stripe(round(coalesce(i #>> '{price,unit_amount_decimal}',
        i #>> '{price,unit_amount}', '0')::numeric
          * coalesce((i ->> 'quantity')::bigint, 0))::bigint,
        subscription ->> 'currency')), 0)
      from jsonb_array_elements(subscription #> '{items,data}') i
      where i #>> '{price,recurring,usage_type}' is distinct from 'metered'),
    item #>> '{price,recurring,interval}', subscription ->> 'description',
    _billing.at_epoch(item ->> 'current_period_end'), seen,
    _billing.at_epoch(subscription ->> 'ended_at'))
  on conflict (stripe_subscription_id) do update set status = excluded.status,
    currency = excluded.currency, base_fee_minor = excluded.base_fee_minor,
    billing_interval = excluded.billing_interval, description = excluded.description,
    current_period_end = excluded.current_period_end, seen_at = excluded.seen_at,
    ended_at = excluded.ended_at
  returning * into mirror;
  -- Said again, by reconciliation: what an operator has decided since stays.
  if (known.status, known.base_fee_minor) is not distinct from
    (mirror.status, mirror.base_fee_minor) then
    return 'known';
  end if;
  made := coalesce(_billing.at_epoch(subscription ->> 'start_date'), seen);
  return concat_ws(', ', _billing.follow_subscription(mirror, made,
    -- One that is known comes back when Stripe says so, not when it was made.
    case when known.stripe_subscription_id is null then made else seen end,
    coalesce(mirror.ended_at, case when mirror.status = 'canceled'
      then _billing.at_epoch(subscription ->> 'canceled_at') end, seen)),
    _billing.drop_doubled_fee(mirror, made));
end $$;
comment on function billing.apply_stripe_subscription is
  'Mirrors a subscription; starts or ends its client''s service with it.';
grant execute on function billing.apply_stripe_subscription(jsonb, timestamptz, text)
  to service_role;

-- The platform fee as a line of ours, for a client whose fee Stripe does not bill.
create function billing.charge_base_fee(client_id uuid, amount numeric, description text, day date)
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: it looks at subscriptions that the caller need not see.
declare
  item uuid;
begin
  perform _billing.lock_clients(array[charge_base_fee.client_id]);
  if exists (select from public.stripe_subscriptions s
    where s.client_id = charge_base_fee.client_id and s.base_fee_minor > 0
      and s.status in ('active', 'trialing', 'past_due')) then
    perform billing.raise_error('base_fee_billed_twice',
      'Stripe bills this client''s base fee by its subscription',
      'cancel the subscription, or leave the fee to Stripe');
  end if;
  insert into public.invoice_items (client_id, description, unit_amount, currency, item_day,
    is_base_fee)
  select charge_base_fee.client_id, charge_base_fee.description, amount, t.currency,
    charge_base_fee.day, true
  from billing.config_on(array[charge_base_fee.client_id], array[charge_base_fee.day]) t
  returning id into item;
  return item;
end $$;
comment on function billing.charge_base_fee is
  'Puts a base fee on the next invoice, unless Stripe bills one by a subscription.';
grant execute on function billing.charge_base_fee(uuid, numeric, text, date) to service_role;

-- 70_stripe/events/money.sql

-- Events of payments.

-- Which payment belongs to which invoice: what refunds and disputes are looked up by.
create function billing.apply_stripe_invoice_payment(payment jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  mirror public.stripe_invoices;
  refused text;
begin
  perform _billing.lock_clients(_billing.clients_of_stripe_invoice(payment ->> 'invoice'));
  select * into mirror from public.stripe_invoices m
  where m.stripe_invoice_id = payment ->> 'invoice';
  if mirror.invoice_id is null then
    if exists (select from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
      where m.stripe_invoice_id is null and m.state = 'creating'
        and i.status in ('open', 'uncollectible')) then
      raise exception 'waiting for the invoice % of this payment', payment ->> 'invoice';
    end if;
    return 'ignored: not for an invoice of ours';
  end if;
  refused := _billing.other_currency(mirror, payment);
  if refused is not null then
    return refused;
  end if;
  if payment #>> '{payment,payment_intent}' is not null then
    insert into public.stripe_payments as p
      (payment_intent_id, stripe_invoice_id, amount_minor, seen_at)
    values (payment #>> '{payment,payment_intent}', mirror.stripe_invoice_id,
      _billing.from_stripe((payment ->> 'amount_paid')::bigint, payment ->> 'currency'), seen)
    on conflict (payment_intent_id, stripe_invoice_id) do update
    set amount_minor = greatest(p.amount_minor, excluded.amount_minor), failure = null;
  end if;
  -- A partial payment has no `invoice.paid`: the sum of the payments is what is paid at least.
  update public.stripe_invoices m set amount_paid_minor = greatest(m.amount_paid_minor,
    m.paid_off_stripe_minor + (select coalesce(sum(p.amount_minor), 0)
      from public.stripe_payments p where p.stripe_invoice_id = m.stripe_invoice_id))
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode
  returning * into mirror;
  return coalesce(_billing.book_stripe_payments(mirror, seen), 'payment noted');
end $$;
comment on function billing.apply_stripe_invoice_payment is
  'Notes which payment belongs to which invoice and books what is new of it.';
grant execute on function billing.apply_stripe_invoice_payment(jsonb, timestamptz) to service_role;

-- 70_stripe/events/notices.sql

-- Events that people are told of.

-- Failures are told once per attempt.
create function _billing.notice_of_invoice_event(event billing.stripe_events)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.notice(event.type || '/' || m.stripe_invoice_id || '/'
      || coalesce(t.invoice ->> 'attempt_count', '0'), 'high',
    format(x.message, i.number, c.name, billing.money_text(i.amount_due_minor, i.currency),
      m.hosted_invoice_url,
      coalesce(': ' || (t.invoice #>> '{last_finalization_error,message}'), ''),
      coalesce(' (' || (select p.failure from public.stripe_payments p
        where p.stripe_invoice_id = m.stripe_invoice_id and p.failure is not null
        order by p.seen_at desc limit 1) || ')', '')))
  from (select event.payload #> '{data,object}' as invoice) t
  join public.stripe_invoices m on m.stripe_invoice_id = t.invoice ->> 'id'
  join public.invoices i on i.id = m.invoice_id
  join public.clients c on c.id = i.client_id
  join (values
    ('invoice.payment_failed', 'Payment failed%6$s: %1$s of %2$s, %3$s due. Pay at %4$s'),
    ('invoice.payment_action_required', 'Payment of %1$s needs action by %2$s: %4$s'),
    ('invoice.finalization_failed', 'Stripe could not finalize %1$s of %2$s%5$s')
  ) x(type, message) on x.type = event.type;
$$;

-- The client hears of it too, once per attempt: by mail, with the pay link, unless Stripe mails.
create function _billing.remind_of_failed_payment(event billing.stripe_events)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
    payload)
  select 'email', 'reminder', format('%s:%s:%s', x.failure, m.stripe_invoice_id,
      coalesce(t.invoice ->> 'attempt_count', '0')), i.client_id, i.id, s.delivery_attempts,
    jsonb_build_object('days', (event.created_at at time zone 'UTC')::date - i.due_on,
      'failure', x.failure)
  from (select event.payload #> '{data,object}' as invoice) t
  join public.stripe_invoices m on m.stripe_invoice_id = t.invoice ->> 'id'
  join public.invoices i on i.id = m.invoice_id
  join (values
    ('invoice.payment_failed', 'payment_failed'),
    ('invoice.payment_action_required', 'payment_action_required')
  ) x(type, failure) on x.type = event.type
  cross join public.billing_settings s
  where i.status = 'open' and i.amount_due_minor > 0 and 'email' = any (i.deliveries)
    and i.document #>> '{client,email}' is not null and not _billing.is_mailed_by_stripe(i.id)
  on conflict (dedupe_key) do nothing;
$$;

-- 70_stripe/events/process.sql

-- Acting on events: exactly once, in the transaction that marks the event as done.

-- Stores an event unless it is known. True when it is new. In plpgsql because its plan is kept from
-- call to call: this is all that Stripe waits for.
create function billing.receive_stripe_event(event jsonb)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may not write the books; this writes down only what Stripe signed.
begin
  insert into billing.stripe_events (id, type, livemode, created_at, payload, to_fetch)
  values (event ->> 'id', event ->> 'type', (event ->> 'livemode')::boolean,
    _billing.at_epoch(event ->> 'created'), event,
    coalesce(event ->> 'api_version' <> _billing.stripe_api_version(), false))
  on conflict (id) do nothing;
  return found;
end $$;
comment on function billing.receive_stripe_event is 'Stores an event once; true when it is new.';
grant execute on function billing.receive_stripe_event(jsonb) to service_role;

create function _billing.postpone_stripe_event(event billing.stripe_events, error text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  update billing.stripe_events e set
    attempts = e.attempts + 1, note = error,
    due_at = clock_timestamp() + least(interval '5 seconds' * 2 ^ e.attempts, interval '2 hours'),
    state = case when e.attempts < 11 then 'pending'
      when error like 'waiting for %' then 'ignored' else 'failed' end
  where e.id = event.id;
  if event.attempts >= 11 and error not like 'waiting for %' then
    perform _billing.notice('event/' || event.id, 'high',
      format('Stripe event %s (%s) cannot be processed: %s', event.id, event.type, error));
  end if;
end $$;

-- What each type means for us. Returns what was done; 'ignored: why' where nothing was to be done.
create function _billing.apply_stripe_event(event billing.stripe_events)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  thing constant jsonb := event.payload #> '{data,object}';
  result text;
begin
  if event.type in ('invoice.created', 'invoice.finalized', 'invoice.finalization_failed',
    'invoice.sent', 'invoice.paid', 'invoice.overpaid', 'invoice.payment_failed',
    'invoice.payment_action_required', 'invoice.voided', 'invoice.marked_uncollectible',
    'invoice.updated') then
    result := billing.apply_stripe_invoice(thing, event.created_at);
    if result is not null then
      perform _billing.notice_of_invoice_event(event);
      perform _billing.remind_of_failed_payment(event);
    end if;
    return coalesce(result, 'ignored: not an invoice of ours');
  end if;
  case event.type
    when 'invoice_payment.paid' then
      return billing.apply_stripe_invoice_payment(thing, event.created_at);
    when 'payment_intent.succeeded', 'payment_intent.payment_failed' then
      update public.stripe_payments p set failure = thing #>> '{last_payment_error,message}'
      where p.payment_intent_id = thing ->> 'id';
      return case when found then 'payment noted' else 'ignored: no payment of ours (yet)' end;
    when 'charge.refunded' then
      result := billing.apply_stripe_charge(thing, event.created_at);
      if result is null then
        raise exception 'waiting for the payment that charge % belongs to', thing ->> 'id';
      end if;
      return result;
    when 'refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated' then
      result := billing.apply_stripe_refund(thing, event.created_at);
      if result is null then
        raise exception 'waiting for the payment that refund % is of', thing ->> 'id';
      end if;
      return result;
    when 'charge.dispute.created', 'charge.dispute.updated', 'charge.dispute.closed',
      'charge.dispute.funds_withdrawn', 'charge.dispute.funds_reinstated' then
      result := billing.apply_stripe_dispute(thing, event.created_at);
      if result is null then
        raise exception 'waiting for the payment that dispute % is about', thing ->> 'id';
      end if;
      return result;
    when 'credit_note.created', 'credit_note.updated', 'credit_note.voided' then
      return coalesce(billing.apply_stripe_credit_note(thing, event.created_at),
        'ignored: not for an invoice of ours');
    when 'checkout.session.completed' then
      return _billing.note_setup(thing, event.created_at);
    when 'customer.updated' then
      if event.payload #>> '{request,idempotency_key}' ~ '^(customer|balance)-' then
        return 'ignored: our own change';
      end if;
      return _billing.apply_stripe_customer(thing,
        coalesce(event.payload #> '{data,previous_attributes}', '{}'), event.created_at);
    when 'customer.deleted' then
      return billing.forget_stripe_customer(thing ->> 'id', event.created_at);
    when 'customer.subscription.created', 'customer.subscription.updated',
      'customer.subscription.deleted' then
      return billing.apply_stripe_subscription(thing, event.created_at,
        case event.type
          when 'customer.subscription.updated' then coalesce(
            event.payload #>> '{data,previous_attributes,status}', thing ->> 'status')
          -- A deletion is the last of its second, whatever came before.
          when 'customer.subscription.deleted' then (select s.status
            from public.stripe_subscriptions s
            where s.stripe_subscription_id = thing ->> 'id') end);
    else
      return 'ignored: nothing to do for this type';
  end case;
end $$;

-- Acts on one pending event. What fails is undone and tried again later, longer and longer apart;
-- after twelve times (some hours) somebody is told.
create function billing.process_stripe_event(event_id text)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: acting on an event writes the books.
declare
  event billing.stripe_events;
  result text;
  error text;
begin
  select * into event from billing.stripe_events e
  where e.id = event_id and e.state = 'pending' and not e.to_fetch for update skip locked;
  if event.id is null then
    return null;
  end if;
  -- An object is as new as the answer that it is from.
  event.created_at := greatest(event.created_at, event.fetched_at);
  begin
    result := _billing.apply_stripe_event(event);
  exception when others then
    error := sqlerrm;
  end;
  if error is not null then
    perform _billing.postpone_stripe_event(event, error);
    return 'failed: ' || error;
  end if;
  update billing.stripe_events e set
    state = case when result like 'ignored%' then 'ignored' else 'done' end,
    attempts = e.attempts + 1, done_at = clock_timestamp(), note = result
  where e.id = event.id;
  -- What came too early waits for nothing else.
  if event.type = 'invoice_payment.paid' then
    perform billing.process_stripe_event(w.id)
    from (select e.id from billing.stripe_events e
      where e.state = 'pending' and e.note like 'waiting for %' and e.id <> event.id
      order by e.created_at, e.id limit 20) w;
  end if;
  return result;
end $$;
comment on function billing.process_stripe_event is
  'Acts on a pending event and marks it; null when there is nothing to do.';
grant execute on function billing.process_stripe_event(text) to service_role;

-- All that is due, oldest first. Cron calls it; two at once do each event once.
create function billing.process_stripe_events(limit_to integer default 500)
returns integer language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  event record;
  done integer := 0;
begin
  for event in
    select e.id from billing.stripe_events e
    where e.state = 'pending' and not e.to_fetch and e.due_at <= clock_timestamp()
    order by e.created_at, e.id limit limit_to
  loop
    perform billing.process_stripe_event(event.id);
    done := done + 1;
  end loop;
  return done;
end $$;
comment on function billing.process_stripe_events is 'Acts on due events; returns how many.';
grant execute on function billing.process_stripe_events(integer) to service_role;

-- The same, each event committed by itself: one client is held at a time.
create procedure _billing.act_on_stripe_events(limit_to integer default 500)
language plpgsql as $$
declare
  event_id text;
begin
  foreach event_id in array array(
    select e.id from billing.stripe_events e
    where e.state = 'pending' and not e.to_fetch and e.due_at <= clock_timestamp()
    order by e.created_at, e.id limit limit_to)
  loop
    perform billing.process_stripe_event(event_id);
    commit;
  end loop;
end $$;
comment on procedure _billing.act_on_stripe_events is
  'Acts on due events, committing one by one.';

-- 70_stripe/events/versions.sql

-- Events of another version of Stripe's API than ours. Their objects have other fields: before
-- anything is done about one, its object is fetched anew in our version, by the functions. An event
-- itself never changes its version, so fetching the event would be of no use.

create function _billing.stripe_events_to_fetch(limit_to integer)
returns table (ids text[], object_type text, object_id text)
language sql set search_path = pg_catalog, pg_temp as $$
  select array_agg(e.id order by e.id), e.payload #>> '{data,object,object}',
    e.payload #>> '{data,object,id}'
  from billing.stripe_events e
  where e.state = 'pending' and e.to_fetch and e.due_at <= clock_timestamp()
  group by 2, 3
  order by min(e.due_at) limit limit_to;
$$;
comment on function _billing.stripe_events_to_fetch is
  'Objects of events that are to be fetched, each once for all its events.';

create function _billing.save_fetched_object(event_ids text[], object jsonb, at timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update billing.stripe_events e set to_fetch = false, fetched_at = at,
    payload = coalesce(jsonb_set(e.payload, '{data,object}', object), e.payload)
  where e.id = any (event_ids) and e.state = 'pending' and e.to_fetch;
$$;
comment on function _billing.save_fetched_object is
  'Puts the object as Stripe answers it in our version into its events; null: it needs none.';

-- Gone from Stripe: there is nothing to be done about it. Anything else is tried again.
create function _billing.save_fetch_problem(event_ids text[], error text, gone boolean)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  event billing.stripe_events;
begin
  for event in
    select e.* from billing.stripe_events e
    where e.id = any (event_ids) and e.state = 'pending' and e.to_fetch for update
  loop
    if gone then
      update billing.stripe_events e set state = 'ignored', done_at = clock_timestamp(),
        note = 'ignored: ' || error
      where e.id = event.id;
    else
      perform _billing.postpone_stripe_event(event, error);
    end if;
  end loop;
end $$;
comment on function _billing.save_fetch_problem is
  'Notes why an object could not be fetched; its events are tried again unless it is gone.';

-- 70_stripe/sending.sql

-- What the functions need to know to bring an invoice to Stripe, and what they write down.

-- Whether one of the taxes that the client is billed with today is for the client to account for.
create function _billing.is_reverse_charged(client_id uuid) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from billing.config_on(array[is_reverse_charged.client_id],
      array[billing.day_of(is_reverse_charged.client_id, billing.as_of())]) c
    cross join lateral jsonb_array_elements(c.taxes) t
    where t ->> 'behavior' = 'reverse_charge');
$$;
comment on function _billing.is_reverse_charged is
  'Whether a client accounts for a tax of its invoices by itself.';

-- The payment methods of a client's invoices in a currency, with where bank transfers go to; null
-- where the client has none of its own. What is set for another currency is left out.
create function _billing.payment_methods_for(client_id uuid, currency text) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when t.payment_methods is not null then coalesce((
    select jsonb_agg(jsonb_build_object('method', m.method,
      'bank_transfer_type', m.bank_transfer_type, 'country', case m.bank_transfer_type
        when 'eu_bank_transfer' then t.bank_transfer_country end) order by m.method)
    from billing.stripe_payment_methods m
    where m.method = any (t.payment_methods)
      and (m.currency is null or m.currency = payment_methods_for.currency)), '[]') end
  from public.stripe_terms t where t.client_id = payment_methods_for.client_id;
$$;
comment on function _billing.payment_methods_for is
  'The payment methods of a client''s Stripe invoices in a currency; null: those of the Dashboard.';

create function _billing.stripe_client_facts(client_id uuid, livemode boolean)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('id', c.id, 'name', c.name, 'email', c.email,
    'address', to_jsonb(c.address), 'postal_address', c.postal_address, 'tax_id', c.tax_id,
    'locale', c.locale, 'external_id', c.external_id, 'tax_id_type', t.tax_id_type,
    'collection_method', coalesce(t.collection_method, 'send_invoice'),
    'mailed_by', coalesce(t.mailed_by, 'us'), 'tax_exempt', coalesce(t.tax_exempt, case
      when _billing.is_reverse_charged(c.id) then 'reverse' else 'none' end),
    'stripe_customer_id', s.stripe_customer_id, 'sent_digest', s.sent_digest,
    'deleted', s.deleted_at is not null)
  from public.clients c
  left join public.stripe_terms t on t.client_id = c.id
  left join public.stripe_customers s
    on s.client_id = c.id and s.livemode = stripe_client_facts.livemode
  where c.id = stripe_client_facts.client_id;
$$;
comment on function _billing.stripe_client_facts is
  'What Stripe''s customer of a client is made of.';

-- The held invoices that an invoice collects: those of Stripe invoices that are void or were never
-- finalized are free for another, and what is still due of one when its Stripe invoice is paid,
-- which was elsewhere then. While Stripe can still be paid, they are not.
create function _billing.carried_invoices(livemode boolean)
returns table (held_invoice_id uuid, carrying_invoice_id uuid)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select c.held_invoice_id, c.carrying_invoice_id
  from public.stripe_carried c
  join public.invoices i on i.id = c.carrying_invoice_id
  join public.stripe_invoices m on m.invoice_id = c.carrying_invoice_id and m.livemode = c.livemode
  where c.livemode = carried_invoices.livemode
    and m.state not in ('void', 'deleted', 'refused', 'paid')
    and not (i.status = 'void' and m.state in ('creating', 'held'));
$$;
comment on function _billing.carried_invoices is
  'Held invoices that another invoice collects; not those whose carrier is void or paid.';

-- Everything about one invoice that sending it takes, as one document.
create function _billing.stripe_invoice_facts(invoice_id uuid, livemode boolean)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'invoice', to_jsonb(i) - 'document' - 'note' - 'deliveries',
    'exponent', cur.exponent,
    'payment_methods', _billing.payment_methods_for(i.client_id, i.currency),
    'client', _billing.stripe_client_facts(i.client_id, stripe_invoice_facts.livemode),
    'mirror', (select to_jsonb(m) from public.stripe_invoices m
      where m.invoice_id = i.id and m.livemode = stripe_invoice_facts.livemode),
    'held', coalesce((select jsonb_agg(jsonb_build_object('invoice_id', h.id,
        'number', h.number, 'amount_minor', h.amount_due_minor) order by h.issued_on, h.number)
      from public.stripe_invoices m join public.invoices h on h.id = m.invoice_id
      left join _billing.carried_invoices(stripe_invoice_facts.livemode) c
        on c.held_invoice_id = m.invoice_id
      where (m.state = 'held' or m.state = 'paid' and m.left_over_minor > 0)
        and m.livemode = stripe_invoice_facts.livemode and h.id <> i.id
        and h.client_id = i.client_id and h.currency = i.currency and h.status = 'open'
        and h.amount_due_minor > 0 and coalesce(c.carrying_invoice_id, i.id) = i.id), '[]'),
    'credit_notes', coalesce((select jsonb_agg(n.id order by n.id) from public.credit_notes n
      where n.invoice_id = i.id), '[]'),
    'payments', coalesce((select jsonb_agg(p.id order by p.id) from public.payments p
      where p.invoice_id = i.id), '[]'),
    'lines', coalesce((select jsonb_agg(jsonb_build_object('position', l.position,
        'kind', l.kind, 'description', l.description, 'detail', l.detail,
        'service_start', l.service_start, 'service_end', l.service_end,
        'amount_minor', case l.kind when 'discount' then -abs(l.amount_minor)
          else l.amount_minor end) order by l.position)
      from public.invoice_lines l
      where l.invoice_id = i.id and (l.kind <> 'tax' or l.tax_behavior = 'exclusive')), '[]'))
  from public.invoices i join public.currencies cur on cur.code = i.currency
  where i.id = stripe_invoice_facts.invoice_id;
$$;
comment on function _billing.stripe_invoice_facts is
  'An invoice, its client, lines, Stripe mirror and held invoices; null where there is none.';

create function _billing.save_stripe_customer(client_id uuid, livemode boolean, customer_id text,
  digest text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  -- One at a time per client: `on conflict` waits for one of the two unique keys only, and the
  -- other would refuse the second of two workers that note the same customer at once.
  select pg_advisory_xact_lock(hashtextextended('stripe customer ' || client_id, 0));
  insert into public.stripe_customers as s (client_id, livemode, stripe_customer_id, sent_digest)
  values (client_id, livemode, customer_id, digest)
  on conflict (client_id, livemode) do update
  set stripe_customer_id = excluded.stripe_customer_id, sent_digest = excluded.sent_digest,
    deleted_at = null, former_ids = case when s.stripe_customer_id = excluded.stripe_customer_id
      then s.former_ids else s.former_ids || s.stripe_customer_id end;
$$;
comment on function _billing.save_stripe_customer is
  'Notes which customer a client is and the digest of the details that were sent.';

-- Begun before Stripe is asked, so that a webhook that is faster than the answer finds its invoice.
create function _billing.begin_stripe_invoice(invoice_id uuid, livemode boolean)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_invoices (invoice_id, livemode) values (invoice_id, livemode)
  on conflict do nothing;
$$;
comment on function _billing.begin_stripe_invoice is 'Begins the mirror of an invoice, once.';

-- Notes the Stripe draft before anything is done with it, so that no crash forgets it.
create function _billing.save_stripe_draft(invoice_id uuid, livemode boolean, stripe_id text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_invoices m set stripe_invoice_id = stripe_id,
    state = case when m.state in ('creating', 'held', 'refused', 'deleted') then 'draft'
      else m.state end, problem = null
  where m.invoice_id = save_stripe_draft.invoice_id
    and m.livemode = save_stripe_draft.livemode;
$$;
comment on function _billing.save_stripe_draft is 'Notes the id of an invoice''s Stripe draft.';

-- Not sent: held because it is too small, refused because the figures do not meet. The next try
-- begins anew, with new idempotency keys if a draft was deleted.
create function _billing.save_stripe_problem(invoice_id uuid, livemode boolean, state text,
  problem text, draft_deleted boolean)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_invoices m set state = save_stripe_problem.state,
    problem = save_stripe_problem.problem, stripe_invoice_id = null,
    generation = m.generation + draft_deleted::integer
  where m.invoice_id = save_stripe_problem.invoice_id
    and m.livemode = save_stripe_problem.livemode;
$$;
comment on function _billing.save_stripe_problem is 'Notes why an invoice is not in Stripe.';

-- Stripe has this draft no more: who deleted it died before that was noted, or somebody did so in
-- the Dashboard. What is still to be collected begins anew, under new idempotency keys, else Stripe
-- would answer with the one that is gone. Of two who find out, one begins.
create function _billing.forget_stripe_draft(invoice_id uuid, livemode boolean, gone text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_invoices m set stripe_invoice_id = null, generation = m.generation + 1,
    problem = 'its draft is gone from Stripe',
    state = case when i.status in ('open', 'uncollectible') and i.amount_due_minor > 0
      then 'creating' else 'refused' end
  from public.invoices i
  where i.id = m.invoice_id and m.invoice_id = forget_stripe_draft.invoice_id
    and m.livemode = forget_stripe_draft.livemode and m.stripe_invoice_id = gone
    and m.state = 'draft';
$$;
comment on function _billing.forget_stripe_draft is
  'Notes that Stripe has a draft no more; an invoice that is still due begins anew.';

create function _billing.save_stripe_left_over(invoice_id uuid, livemode boolean, amount bigint)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_invoices m set left_over_minor = amount
  where m.invoice_id = save_stripe_left_over.invoice_id
    and m.livemode = save_stripe_left_over.livemode;
$$;
comment on function _billing.save_stripe_left_over is
  'Notes what of an invoice Stripe does not collect because it takes only tens.';

-- About to be finalized: what it carries, and which credit notes its amount already allows for.
-- Those are the ones there were when the amount was read; one issued since is sent to Stripe.
create function _billing.save_stripe_carried(invoice_id uuid, livemode boolean, held jsonb,
  agreed_total bigint, credit_note_ids uuid[])
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_carried as c (held_invoice_id, livemode, carrying_invoice_id,
    amount_minor)
  select h.invoice_id, save_stripe_carried.livemode, save_stripe_carried.invoice_id,
    h.amount_minor
  from jsonb_to_recordset(held) h(invoice_id uuid, amount_minor bigint)
  on conflict on constraint stripe_carried_pkey do update
  set carrying_invoice_id = excluded.carrying_invoice_id, amount_minor = excluded.amount_minor
  where c.carrying_invoice_id <> excluded.carrying_invoice_id and not exists (
    select from _billing.carried_invoices(excluded.livemode) o
    where o.held_invoice_id = excluded.held_invoice_id);
  update public.stripe_invoices m set agreed_total_minor = agreed_total, carried_minor = (
    select coalesce(sum(h.amount_minor), 0)
    from jsonb_to_recordset(held) h(invoice_id uuid, amount_minor bigint))
  where m.invoice_id = save_stripe_carried.invoice_id
    and m.livemode = save_stripe_carried.livemode;
  insert into public.stripe_credit_notes (credit_note_id, livemode, origin)
  select n.id, save_stripe_carried.livemode, 'ours' from public.credit_notes n
  where n.invoice_id = save_stripe_carried.invoice_id and n.id = any (credit_note_ids)
  on conflict do nothing;
$$;
comment on function _billing.save_stripe_carried is
  'Notes the held invoices that a Stripe invoice collects.';

-- 70_stripe/agreement.sql

-- Where Stripe and the books differ: what Stripe is still to be told, and both sides to compare.

-- Credit notes that Stripe does not have, in order. What goes onto the client's balance goes there
-- in our books only (`out of band`): Stripe's balance of a customer stays zero.
create function _billing.unsent_credit_notes(mirror public.stripe_invoices)
returns table (credit_note_id uuid, amount_minor bigint, refund_minor bigint, reason text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  -- They give back no more than Stripe has of the invoice, all together: what was paid elsewhere is
  -- given back elsewhere.
  select n.id, n.total_minor, greatest(0, least(n.to_refund_minor, mirror.amount_paid_minor
      - mirror.paid_off_stripe_minor - mirror.refunded_minor
      - sum(n.to_refund_minor) over w + n.to_refund_minor))::bigint, n.reason
  from public.credit_notes n
  where n.invoice_id = mirror.invoice_id and n.voided_at is null and not exists (
    select from public.stripe_credit_notes s where s.credit_note_id = n.id)
  window w as (order by n.issued_at, n.number)
  order by n.issued_at, n.number;
$$;

-- What Stripe must still be told: our state and its mirror differ. Found by comparing, so a call
-- that failed or was forgotten is found again. Of an invoice that is settled here and collects
-- small ones too, Stripe is told that all of it is paid: the next collects what is due of those.
create function _billing.stripe_outbox(livemode boolean)
returns table (task text, invoice_id uuid, stripe_invoice_id text, credit_note_id uuid,
  amount_minor bigint, refund_minor bigint, currency text, memo text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case
      when i.status = 'void' and m.state = 'draft' then 'delete'
      when i.status = 'void' then 'void'
      when i.status = 'uncollectible' then 'write_off'
      else 'paid_elsewhere' end,
    i.id, m.stripe_invoice_id, null::uuid, 0::bigint, 0::bigint, i.currency, null::text
  from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
  where m.livemode = stripe_outbox.livemode and (
    i.status = 'void' and m.state in ('draft', 'open', 'uncollectible')
    or i.status = 'uncollectible' and m.state = 'open'
    or i.status = 'paid' and m.state in ('open', 'uncollectible')
      and (i.paid_minor > 0 or m.carried_minor > 0)
      and not exists (select from _billing.unsent_credit_notes(m) u))
  union all
  select 'credit_note', i.id, m.stripe_invoice_id, u.credit_note_id, u.amount_minor,
    u.refund_minor, i.currency, u.reason
  from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
  cross join lateral _billing.unsent_credit_notes(m) u
  where m.livemode = stripe_outbox.livemode and m.state in ('open', 'paid', 'uncollectible');
$$;
comment on function _billing.stripe_outbox is
  'Voids, write-offs, payments made elsewhere and credit notes that Stripe has not been told of.';

-- Both sides of every invoice issued, or brought to Stripe, since a day. Two days more, because an
-- invoice is begun here some time before Stripe makes it.
create function _billing.stripe_both_sides(since date, livemode boolean)
returns table (invoice_id uuid, number text, status text, currency text, wanted boolean,
  expected_total_minor bigint, amount_due_minor bigint, stripe_invoice_id text, state text,
  problem text, total_minor bigint, amount_paid_minor bigint, booked_minor bigint,
  paid_off_stripe_minor bigint, refunded_minor bigint, booked_refund_minor bigint,
  remaining_minor bigint, left_over_minor bigint, has_link boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select i.id, i.number, i.status, i.currency, 'stripe' = any (i.deliveries)
      and i.status in ('open', 'uncollectible') and i.amount_due_minor > 0,
    m.agreed_total_minor, i.amount_due_minor, m.stripe_invoice_id, m.state, m.problem,
    m.total_minor,
    m.amount_paid_minor, m.booked_minor, m.paid_off_stripe_minor, m.refunded_minor,
    m.booked_refund_minor, i.amount_due_minor - coalesce(m.left_over_minor, 0) + (
      select coalesce(sum(least(c.amount_minor, h.amount_due_minor)), 0)
      from public.stripe_carried c join public.invoices h on h.id = c.held_invoice_id
      where c.carrying_invoice_id = i.id and c.livemode = m.livemode
        and h.status in ('open', 'uncollectible')),
    coalesce(m.left_over_minor, 0), m.hosted_invoice_url is not null
  from public.invoices i
  left join public.stripe_invoices m
    on m.invoice_id = i.id and m.livemode = stripe_both_sides.livemode
  where i.status <> 'draft' and (m.created_at >= since - 2
    or i.issued_on >= since and (m.invoice_id is not null or 'stripe' = any (i.deliveries)))
  order by i.number;
$$;
comment on function _billing.stripe_both_sides is
  'Issued invoices since a day beside what is known of them in Stripe.';

-- Invoices of whose money the amount is known, but not all of the payments: the event that names a
-- payment was lost. Refunds and disputes name their payment only.
create function _billing.unnamed_stripe_payments(since date, livemode boolean)
returns table (stripe_invoice_id text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select m.stripe_invoice_id from public.stripe_invoices m
  where m.livemode = unnamed_stripe_payments.livemode and m.stripe_invoice_id is not null
    and greatest(m.seen_at, m.created_at) >= since - 2
    and m.amount_paid_minor - m.paid_off_stripe_minor > (
      select coalesce(sum(p.amount_minor), 0) from public.stripe_payments p
      where p.stripe_invoice_id = m.stripe_invoice_id)
  order by 1;
$$;
comment on function _billing.unnamed_stripe_payments is
  'Invoices seen since a day that are paid by more than the payments that are known of them.';

-- Customers whose credit balance in Stripe is to be taken over.
create function _billing.moved_balances(livemode boolean)
returns table (stripe_customer_id text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.stripe_customer_id from public.stripe_customers s
  where s.livemode = moved_balances.livemode and s.balance_moved_at is not null
    and s.deleted_at is null
  order by s.balance_moved_at;
$$;
comment on function _billing.moved_balances is
  'Customers of whose credit balance Stripe has told and which is not taken over yet.';

-- 70_stripe/part_payments.sql

-- Part payments made elsewhere, told to Stripe, so that its page asks for the rest alone. A payment
-- that settles an invoice is told otherwise: stripe_outbox, `paid_elsewhere`.

create table public.stripe_payment_records (
  payment_id uuid not null references public.payments (id),
  livemode boolean not null,
  payment_record_id text,
  amount_minor bigint not null,
  state text not null constraint stripe_payment_records_state_known check (
    state in ('counted', 'telling', 'told', 'left')),
  created_at timestamptz not null default now(),
  primary key (payment_id, livemode)
);
comment on table public.stripe_payment_records is
  'Payments made elsewhere, and what Stripe knows of each.';
comment on column public.stripe_payment_records.state is
  'counted: the Stripe invoice was made without its amount; telling: begun; told: Stripe has it;
   left: Stripe needs it no more, or cannot take its amount.';
comment on column public.stripe_payment_records.amount_minor is
  'What of the payment is on the Stripe invoice.';
alter table public.stripe_payment_records enable row level security;
revoke all on public.stripe_payment_records from anon, authenticated, service_role;
grant select on public.stripe_payment_records to service_role, authenticated;
create policy "operators read" on public.stripe_payment_records for select to authenticated
  using ((select billing.is_operator()));

-- Payments that an invoice's lines at Stripe already allow for.
create function _billing.count_payments(livemode boolean, payment_ids uuid[]) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_payment_records (payment_id, livemode, amount_minor, state)
  select p.id, count_payments.livemode, 0, 'counted' from public.payments p
  where p.id = any (payment_ids)
  on conflict do nothing;
$$;
comment on function _billing.count_payments is
  'Notes payments that Stripe is not told of: its invoice was made for what they leave.';

-- Those that were begun come again whatever has become of their invoice. An invoice that collects
-- earlier ones is left alone: which of them is paid is not Stripe's to know. Credit notes go first.
create function _billing.untold_payments(livemode boolean)
returns table (payment_id uuid, invoice_id uuid, stripe_invoice_id text, amount_minor bigint,
  currency text, paid_at bigint, method text, reference text, payment_record_id text, begun boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.id, i.id, m.stripe_invoice_id, coalesce(r.amount_minor, p.amount_minor), p.currency,
    floor(extract(epoch from p.paid_at))::bigint, p.method, p.reference, r.payment_record_id,
    r.payment_id is not null
  from public.payments p
  join public.invoices i on i.id = p.invoice_id
  join public.stripe_invoices m
    on m.invoice_id = i.id and m.livemode = untold_payments.livemode
  left join public.stripe_payment_records r on r.payment_id = p.id and r.livemode = m.livemode
  where p.kind = 'payment' and p.method not in ('stripe', 'stripe_balance')
    and (r.state = 'telling' or r.payment_id is null and i.status = 'open' and m.state = 'open'
      and m.carried_minor = 0 and not exists (select from _billing.unsent_credit_notes(m) u))
  order by p.paid_at, p.id;
$$;
comment on function _billing.untold_payments is
  'Part payments made elsewhere that Stripe is to be told of.';

-- Noted before Stripe is told, so that what its invoice then says is paid is not booked again.
create function _billing.begin_payment_record(payment_id uuid, livemode boolean, amount bigint)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with begun as (
    insert into public.stripe_payment_records as r (payment_id, livemode, amount_minor, state)
    values (payment_id, livemode, amount, 'telling')
    on conflict do nothing
    returning r.payment_id, r.livemode, r.amount_minor
  )
  update public.stripe_invoices m
  set paid_off_stripe_minor = m.paid_off_stripe_minor + b.amount_minor
  from begun b join public.payments p on p.id = b.payment_id
  where m.invoice_id = p.invoice_id and m.livemode = b.livemode;
$$;
comment on function _billing.begin_payment_record is
  'Notes that Stripe is about to be told of a payment made elsewhere.';

create function _billing.save_payment_record(payment_id uuid, livemode boolean, record_id text,
  is_told boolean)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_payment_records r set payment_record_id = record_id,
    state = case when is_told then 'told' else r.state end
  where r.payment_id = save_payment_record.payment_id
    and r.livemode = save_payment_record.livemode;
$$;
comment on function _billing.save_payment_record is
  'Notes Stripe''s record of a payment, and whether it is on the invoice.';

-- Stripe needs it no more. `received`: what Stripe says was paid for the invoice in all, without
-- it.
create function _billing.leave_payment(payment_id uuid, livemode boolean, received bigint)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with was as (
    select r.payment_id, r.amount_minor from public.stripe_payment_records r
    where r.payment_id = leave_payment.payment_id and r.livemode = leave_payment.livemode
      and r.state = 'telling'
  ), taken_back as (
    update public.stripe_invoices m set amount_paid_minor = received,
      paid_off_stripe_minor = m.paid_off_stripe_minor - w.amount_minor
    from was w join public.payments p on p.id = w.payment_id
    where m.invoice_id = p.invoice_id and m.livemode = leave_payment.livemode
  )
  insert into public.stripe_payment_records as r (payment_id, livemode, amount_minor, state)
  values (leave_payment.payment_id, leave_payment.livemode, 0, 'left')
  on conflict on constraint stripe_payment_records_pkey do update
  set state = 'left', amount_minor = 0 where r.state = 'telling';
$$;
comment on function _billing.leave_payment is
  'Notes that Stripe is not told of a payment made elsewhere.';

-- 70_stripe/paid_elsewhere.sql

-- The rest of an invoice that was paid elsewhere.

-- Before Stripe is told that the rest was paid elsewhere: so that its figure is not booked again.
create function _billing.save_paid_off_stripe(invoice_id uuid, livemode boolean, amount bigint)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_invoices m set paid_off_stripe_minor = amount + (
    select coalesce(sum(r.amount_minor), 0) from public.stripe_payment_records r
    join public.payments p on p.id = r.payment_id
    where p.invoice_id = m.invoice_id and r.livemode = m.livemode)
  where m.invoice_id = save_paid_off_stripe.invoice_id
    and m.livemode = save_paid_off_stripe.livemode;
$$;
comment on function _billing.save_paid_off_stripe is
  'Notes what of an invoice''s payments in Stripe is ours, made elsewhere.';

-- 70_stripe/payouts.sql

-- What Stripe pays out to the seller's bank account, and what each payout is made of: payments,
-- refunds, disputes and Stripe's fees. Not the customers' credit balances: those are in
-- public.stripe_balance_transactions.

create table public.stripe_payouts (
  payout_id text primary key,
  livemode boolean not null,
  status text not null,
  is_automatic boolean not null,
  amount_minor bigint not null,
  currency text not null,
  arrives_on date not null,
  created_at timestamptz not null,
  complete_at timestamptz
);
comment on table public.stripe_payouts is 'Payouts of Stripe to the seller''s bank account.';
comment on column public.stripe_payouts.status is
  'Stripe''s: pending, in_transit, paid, failed or canceled; paid may still become failed.';
comment on column public.stripe_payouts.is_automatic is
  'Of others Stripe does not say what they are made of.';
comment on column public.stripe_payouts.complete_at is
  'When all that it is made of was here; null: not yet, or Stripe does not say.';
create index stripe_payouts_arrival on public.stripe_payouts (arrives_on);

create table public.stripe_payout_transactions (
  transaction_id text primary key,
  payout_id text not null references public.stripe_payouts (payout_id),
  type text not null,
  category text not null,
  gross_minor bigint not null,
  fee_minor bigint not null,
  net_minor bigint not null,
  currency text not null,
  exchange_rate numeric,
  source_id text,
  payment_intent_id text,
  description text,
  created_at timestamptz not null,
  constraint stripe_payout_transactions_net check (net_minor = gross_minor - fee_minor)
);
comment on table public.stripe_payout_transactions is
  'Moves of the account''s balance in Stripe that a payout is made of; refunds and fees of Stripe''s
   own are negative.';
comment on column public.stripe_payout_transactions.category is 'Stripe''s reporting category.';
comment on column public.stripe_payout_transactions.currency is
  'That of the payout; the invoice''s is another where exchange_rate is not null.';
create index stripe_payout_transactions_payout
  on public.stripe_payout_transactions (payout_id, created_at);

do $$
declare
  mirrored text;
begin
  foreach mirrored in array array['stripe_payouts', 'stripe_payout_transactions'] loop
    execute format('alter table public.%I enable row level security', mirrored);
    execute format('revoke all on public.%I from anon, authenticated, service_role', mirrored);
    execute format('grant select on public.%I to service_role, authenticated', mirrored);
    execute format('create policy "operators read" on public.%I for select to authenticated
      using ((select billing.is_operator()))', mirrored);
  end loop;
end $$;

-- True where what it is made of is to be listed: Stripe knows it all, and we do not.
create function _billing.save_stripe_payout(payout jsonb) returns boolean
language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_payouts as p (payout_id, livemode, status, is_automatic, amount_minor,
    currency, arrives_on, created_at)
  values (payout ->> 'id', (payout ->> 'livemode')::boolean, payout ->> 'status',
    (payout ->> 'automatic')::boolean,
    _billing.from_stripe((payout ->> 'amount')::bigint, payout ->> 'currency'),
    upper(payout ->> 'currency'),
    (_billing.at_epoch(payout ->> 'arrival_date') at time zone 'UTC')::date,
    _billing.at_epoch(payout ->> 'created'))
  on conflict (payout_id) do update set status = excluded.status, arrives_on = excluded.arrives_on
  returning p.complete_at is null and p.is_automatic
    and payout ->> 'reconciliation_status' is not distinct from 'completed';
$$;
comment on function _billing.save_stripe_payout is
  'Notes a payout; true where what it is made of is to be listed.';

-- The payout's own move, which takes its amount off the balance, is none of what it is made of.
create function _billing.save_payout_transactions(payout_id text, transactions jsonb) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_payout_transactions (transaction_id, payout_id, type, category,
    gross_minor, fee_minor, net_minor, currency, exchange_rate, source_id, payment_intent_id,
    description, created_at)
  select t ->> 'id', save_payout_transactions.payout_id, t ->> 'type', t ->> 'reporting_category',
    _billing.from_stripe((t ->> 'amount')::bigint, t ->> 'currency'),
    _billing.from_stripe((t ->> 'fee')::bigint, t ->> 'currency'),
    _billing.from_stripe((t ->> 'net')::bigint, t ->> 'currency'), upper(t ->> 'currency'),
    (t ->> 'exchange_rate')::numeric, coalesce(t #>> '{source,id}', t ->> 'source'),
    case jsonb_typeof(t -> 'source') when 'object' then coalesce(
      t #>> '{source,payment_intent,id}', t #>> '{source,payment_intent}') end,
    t ->> 'description', _billing.at_epoch(t ->> 'created')
  from jsonb_array_elements(transactions) t
  where coalesce(t #>> '{source,id}', t ->> 'source', '') <> save_payout_transactions.payout_id
  on conflict (transaction_id) do nothing;
$$;
comment on function _billing.save_payout_transactions is
  'Notes what a payout is made of, page by page; each once.';

-- What its parts come to and what it is, where the two differ.
create function _billing.complete_payout(payout_id text)
returns table (parts_minor bigint, amount_minor bigint)
language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_payouts p set complete_at = now()
  where p.payout_id = complete_payout.payout_id and p.complete_at is null;
  select x.parts, p.amount_minor
  from public.stripe_payouts p
  cross join lateral (select coalesce(sum(t.net_minor), 0)::bigint as parts
    from public.stripe_payout_transactions t where t.payout_id = p.payout_id) x
  where p.payout_id = complete_payout.payout_id and x.parts <> p.amount_minor;
$$;
comment on function _billing.complete_payout is
  'Notes that all of a payout is here; a row where its parts do not come to its amount.';

-- 70_stripe/payout_views.sql

-- A month's payouts, matched with the invoices that they come from.

-- A payment may be of several invoices, and an invoice may collect earlier ones: their numbers are
-- one text, so that no line, and no amount, is there twice.
create view billing.payout_lines with (security_invoker = true) as
select p.payout_id, p.arrives_on, p.status as payout_status, t.transaction_id, t.created_at,
  t.category, i.numbers as invoices, i.clients, t.gross_minor, t.fee_minor, t.net_minor,
  t.currency, t.exchange_rate, t.source_id, t.description, p.livemode
from public.stripe_payouts p
join public.stripe_payout_transactions t on t.payout_id = p.payout_id
left join lateral (
  select string_agg(distinct n.number, ' ' order by n.number) as numbers,
    string_agg(distinct c.name, ', ' order by c.name) as clients
  from public.stripe_payments s
  join public.stripe_invoices m on m.stripe_invoice_id = s.stripe_invoice_id
  join lateral (
    select m.invoice_id as id
    union all
    select h.held_invoice_id from public.stripe_carried h
    where h.carrying_invoice_id = m.invoice_id and h.livemode = m.livemode) o on true
  join public.invoices n on n.id = o.id
  join public.clients c on c.id = n.client_id
  where s.payment_intent_id = t.payment_intent_id) i on true;
comment on view billing.payout_lines is
  'What payouts are made of, with the invoices that were paid, refunded or disputed.';
revoke all on billing.payout_lines from public;
grant select on billing.payout_lines to service_role;

create view billing.payout_sums with (security_invoker = true) as
select p.payout_id, p.arrives_on, p.status, p.is_automatic,
  p.complete_at is not null as is_complete, p.currency, t.transactions, t.gross_minor,
  t.fee_minor, t.net_minor, p.amount_minor,
  case when p.complete_at is not null then p.amount_minor - t.net_minor end as difference_minor,
  p.livemode
from public.stripe_payouts p
cross join lateral (
  select count(*) as transactions, coalesce(sum(x.gross_minor), 0)::bigint as gross_minor,
    coalesce(sum(x.fee_minor), 0)::bigint as fee_minor,
    coalesce(sum(x.net_minor), 0)::bigint as net_minor
  from public.stripe_payout_transactions x where x.payout_id = p.payout_id) t;
comment on view billing.payout_sums is
  'Payouts with the sums of what they are made of: gross less fees is net, and net is the amount.';
revoke all on billing.payout_sums from public;
grant select on billing.payout_sums to service_role;

-- 70_stripe/meters.sql

-- Usage on an invoice of ours, be it a draft, is not given to Stripe as well; nor is that of a
-- period that was skipped.
create function _billing.guard_new_meter() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  settled text;
begin
  select format('%s until %s (%s)', p.period_start, p.period_end,
    coalesce(i.number, case when i.id is null then 'skipped' else 'a draft' end)) into settled
  from public.billing_periods p
  left join public.invoices i on i.client_id = p.client_id and i.kind = 'period'
    and i.period_start = p.period_start and i.status <> 'void'
  where p.client_id = new.client_id and (p.settled_at is not null or i.id is not null)
    and p.period_end > new.effective_from and p.period_start < new.effective_until
  order by p.period_start desc limit 1;
  if settled is not null then
    perform billing.raise_error('past_is_frozen',
      format('Stripe would rate usage of a period that we have settled: %s', settled),
      'let the meter start after the last settled period');
  end if;
  return null;
end $$;

create trigger guard_new_meter after insert on public.stripe_meters
  for each row execute function _billing.guard_new_meter();
create constraint trigger guard_new_meter_at_commit after insert on public.stripe_meters
  deferrable initially deferred for each row execute function _billing.guard_new_meter();

-- Usage of client-local days that Stripe rates, per client, meter and day; of days of service only.
create function _billing.metered_usage(from_day date, until_day date)
returns table (client_id uuid, event_name text, usage_day date, quantity numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select r.client_id, m.event_name, r.usage_day, sum(r.quantity)
  from (select distinct s.client_id from public.stripe_meters s) k
  join public.service_intervals v on v.client_id = k.client_id
  join public.usage_records r on r.client_id = k.client_id
    and r.usage_day >= greatest(from_day, v.starts_on)
    and r.usage_day < least(until_day, v.ends_on)
  cross join lateral (
    select s.event_name from public.stripe_meters s
    where s.client_id = r.client_id and s.metric = r.metric and s.rate_class = r.rate_class
      and (s.model is null or s.model = r.model)
      and s.effective_from <= r.usage_day and r.usage_day < s.effective_until
    order by s.model nulls last limit 1
  ) m
  group by r.client_id, m.event_name, r.usage_day;
$$;
comment on function _billing.metered_usage is 'Usage that Stripe rates, per client, meter and day.';

-- The first day that Stripe still takes: it wants times of the past 35 days.
create function _billing.oldest_metered_day(as_of timestamptz) returns date
language sql stable
return (as_of at time zone 'UTC')::date - 34;

-- 70_stripe/meter_events.sql

-- Usage that Stripe's meters are told of.

-- Each event once, written down before Stripe is told: its id is the identifier by which Stripe
-- knows it again, and its value never changes.
create table billing.stripe_meter_events (
  id uuid primary key default gen_random_uuid(),
  livemode boolean not null,
  client_id uuid not null references public.clients (id),
  event_name text not null,
  usage_day date not null,
  value bigint not null constraint stripe_meter_events_positive check (value > 0),
  made_at timestamptz not null,
  attempts smallint not null default 0,
  tried_at timestamptz,
  sent_at timestamptz,
  problem text
);
comment on table billing.stripe_meter_events is
  'What Stripe''s meters were told: per client, meter and day the parts of what was used.';
comment on column billing.stripe_meter_events.tried_at is
  'Since when Stripe may have it; null again when Stripe has refused it.';
comment on column billing.stripe_meter_events.problem is 'Why Stripe does not have it, or may not.';
create index stripe_meter_events_day
  on billing.stripe_meter_events (client_id, usage_day, event_name);
create index stripe_meter_events_unsent
  on billing.stripe_meter_events (usage_day) where sent_at is null;
alter table billing.stripe_meter_events enable row level security;
revoke all on billing.stripe_meter_events from public;
grant select on billing.stripe_meter_events to service_role;

-- Writes down what Stripe is still to be told of days that are over, and returns all that it may be
-- told now, the oldest first. Stripe knows an identifier again for 24 hours; what it may have had
-- for nearly as long is not sent once more, but is a difference.
create function _billing.due_meter_events(livemode boolean,
  as_of timestamptz default billing.as_of(), limit_to integer default 500)
returns table (id uuid, client_id uuid, event_name text, value bigint, happened_at bigint,
  attempts smallint)
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  oldest constant date := _billing.oldest_metered_day(as_of);
begin
  -- One after the other: two that subtract the same would tell it twice.
  perform pg_advisory_xact_lock(hashtext('billing.stripe_meter_events'));
  -- What Stripe cannot have is written down anew: the usage may be another by now.
  delete from billing.stripe_meter_events e
  where e.sent_at is null and e.tried_at is null and e.livemode = due_meter_events.livemode;
  insert into billing.stripe_meter_events (livemode, client_id, event_name, usage_day, value,
    made_at)
  select due_meter_events.livemode, u.client_id, u.event_name, u.usage_day,
    floor(u.quantity) - coalesce(t.value, 0), as_of
  from _billing.metered_usage(oldest, (as_of at time zone 'UTC' + interval '14 hours')::date) u
  left join (
    select e.client_id, e.event_name, e.usage_day, sum(e.value) as value
    from billing.stripe_meter_events e
    where e.livemode = due_meter_events.livemode and e.usage_day >= oldest
    group by e.client_id, e.event_name, e.usage_day
  ) t using (client_id, event_name, usage_day)
  where u.usage_day < billing.day_of(u.client_id, as_of)
    and floor(u.quantity) > coalesce(t.value, 0);
  -- At noon: the day is the same nearly everywhere.
  return query
  select e.id, e.client_id, e.event_name, e.value,
    extract(epoch from least(_billing.day_start(e.client_id, e.usage_day) + interval '12 hours',
      _billing.day_start(e.client_id, e.usage_day + 1) - interval '1 second'))::bigint, e.attempts
  from billing.stripe_meter_events e
  where e.sent_at is null and e.livemode = due_meter_events.livemode and e.usage_day >= oldest
    and (e.tried_at is null or e.tried_at > as_of - interval '23 hours')
  order by e.usage_day, e.made_at, e.id limit limit_to;
end $$;
comment on function _billing.due_meter_events is
  'Writes down what Stripe''s meters are still to be told; returns what may be told now.';

-- About to be sent: from now on Stripe may have it. False where another worker has sent it, or has
-- written it down anew: then it must not be sent.
create function _billing.begin_meter_event(event_id uuid, at timestamptz)
returns boolean language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  update billing.stripe_meter_events e set attempts = e.attempts + 1,
    tried_at = coalesce(e.tried_at, at)
  where e.id = event_id and e.sent_at is null;
  return found;
end $$;
comment on function _billing.begin_meter_event is
  'Notes that an event is about to be sent; false when it must not be.';

-- How it went: `sent`; `refused`, so Stripe does not have it, unless an earlier try is in doubt;
-- `unsure`, so it may have it.
create function _billing.save_meter_event(event_id uuid, outcome text, problem text, at timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update billing.stripe_meter_events e set problem = save_meter_event.problem,
    sent_at = case outcome when 'sent' then at end,
    tried_at = case when outcome <> 'refused' or e.attempts > 1 then e.tried_at end
  where e.id = event_id and e.sent_at is null;
$$;
comment on function _billing.save_meter_event is 'Notes whether Stripe has an event.';

-- Days that are over on which Stripe was told of more or less than was used, and why.
create function _billing.meter_differences(since date, livemode boolean,
  as_of timestamptz default billing.as_of())
returns table (client_id uuid, client text, event_name text, usage_day date, used numeric,
  sent bigint, reason text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select c.id, c.name, d.event_name, d.usage_day, d.used, d.sent, case
    when d.used < d.told then 'more was told than was used, and Stripe takes nothing back'
    when d.problem is not null then d.problem
    when d.unsure then 'whether Stripe has the rest is not known'
    when floor(d.used) = d.sent then 'a part of a unit: Stripe takes whole ones'
    when d.usage_day < _billing.oldest_metered_day(as_of) then 'too old for Stripe to take'
    else 'to be sent' end
  from (
    select client_id, event_name, usage_day, coalesce(u.quantity, 0) as used,
      coalesce(t.sent, 0) as sent, coalesce(t.told, 0) as told, coalesce(t.unsure, false) as unsure,
      t.problem
    from _billing.metered_usage(since, (as_of at time zone 'UTC' + interval '14 hours')::date) u
    full join (
      select e.client_id, e.event_name, e.usage_day, sum(e.value)::bigint as told,
        coalesce(sum(e.value) filter (where e.sent_at is not null), 0)::bigint as sent,
        bool_or(e.sent_at is null and e.tried_at <= as_of - interval '23 hours') as unsure,
        min(e.problem) filter (where e.sent_at is null) as problem
      from billing.stripe_meter_events e
      where e.livemode = meter_differences.livemode and e.usage_day >= since
      group by e.client_id, e.event_name, e.usage_day
    ) t using (client_id, event_name, usage_day)
  ) d
  join public.clients c on c.id = d.client_id
  where d.used <> d.sent and d.usage_day < billing.day_of(c.id, as_of)
  order by c.name, d.event_name, d.usage_day;
$$;
comment on function _billing.meter_differences is
  'Days whose usage and what Stripe''s meters were told differ, with the reason.';

-- 70_stripe/reconciliations.sql

-- Reconciliations with Stripe, step by step: one that is cut off goes on where it was.

create table billing.stripe_reconciliations (
  id uuid primary key default billing.new_id(),
  livemode boolean not null,
  days integer not null,
  since timestamptz not null,
  step text,
  cursor text,
  report jsonb not null default '{}',
  started_at timestamptz not null,
  worked_at timestamptz not null,
  finished_at timestamptz
);
comment on table billing.stripe_reconciliations is
  'Each reconciliation with Stripe: how far it is, and what it has found.';
comment on column billing.stripe_reconciliations.step is 'The step that comes next.';
comment on column billing.stripe_reconciliations.cursor is
  'Where in that step, for one of many pages.';
create index stripe_reconciliations_started on billing.stripe_reconciliations (started_at);
create unique index stripe_reconciliations_unfinished
  on billing.stripe_reconciliations (livemode, days) where finished_at is null;
alter table billing.stripe_reconciliations enable row level security;
revoke all on billing.stripe_reconciliations from public;
grant select on billing.stripe_reconciliations to service_role;

-- The one that is not finished, if it began less than a day ago, else a new one.
create function _billing.begin_reconciliation(livemode boolean, days integer, at timestamptz)
returns billing.stripe_reconciliations language sql set search_path = pg_catalog, pg_temp as $$
  update billing.stripe_reconciliations r set finished_at = at
  where r.livemode = begin_reconciliation.livemode and r.finished_at is null
    and r.started_at < at - interval '1 day';
  insert into billing.stripe_reconciliations as r (livemode, days, since, started_at, worked_at)
  values (begin_reconciliation.livemode, begin_reconciliation.days,
    at - make_interval(days => begin_reconciliation.days), at, at)
  on conflict (livemode, days) where finished_at is null do update
  set worked_at = excluded.worked_at
  returning r.*;
$$;
comment on function _billing.begin_reconciliation is
  'Begins a reconciliation, or goes on with the one that was cut off.';

create function _billing.save_reconciliation(id uuid, step text, cursor text, report jsonb,
  at timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update billing.stripe_reconciliations r set step = save_reconciliation.step,
    cursor = save_reconciliation.cursor, report = save_reconciliation.report, worked_at = at,
    finished_at = case when save_reconciliation.step is null then at end
  where r.id = save_reconciliation.id;
$$;
comment on function _billing.save_reconciliation is
  'Notes how far a reconciliation is; without a next step it is finished.';

-- Days of one that was cut off and is worked on by nobody.
create function _billing.cut_off_reconciliation(at timestamptz) returns integer
language sql stable set search_path = pg_catalog, pg_temp as $$
  select r.days from billing.stripe_reconciliations r
  where r.finished_at is null and r.worked_at < at - interval '3 minutes'
  order by r.started_at limit 1;
$$;
comment on function _billing.cut_off_reconciliation is
  'The days of a reconciliation that is to go on; null where there is none.';

-- 70_stripe/jobs.sql

-- What runs by the clock: events that failed or were not acted on, the outbox, reconciliation.

-- Calls reconcile-stripe, where it can be called and there is something to tell or compare. Stripe
-- being off is the function's to say. The call may be lost; the next one finds the same.
create function billing.wake_stripe(body jsonb) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: reads Vault, which callers may not.
declare
  missing constant text[] := _billing.missing_secrets();
  cut_off constant integer := _billing.cut_off_reconciliation(clock_timestamp());
begin
  if missing <> '{}' then
    return 'not configured: Vault has no secret ' || array_to_string(missing, ', ');
  end if;
  if body ->> 'only' = 'meters' then
    if not exists (select from public.stripe_meters) then
      return 'nothing is metered';
    end if;
  elsif not exists (select from public.stripe_invoices)
    and not exists (select from public.stripe_customers)
    and not exists (select from public.stripe_meters) then
    return 'nothing is in Stripe';
  end if;
  -- One that did not end within a function's time goes on; it tells of the outbox too.
  if body ->> 'only' = 'outbox' and cut_off is not null then
    body := jsonb_build_object('days', cut_off);
  elsif body ->> 'only' = 'outbox' and not exists (select from _billing.stripe_outbox(true))
    and not exists (select from _billing.stripe_outbox(false))
    and not exists (select from public.stripe_customers s where s.balance_moved_at is not null)
    and not exists (select from _billing.untold_payments(true))
    and not exists (select from _billing.untold_payments(false))
    and not exists (select from _billing.open_setups(true))
    and not exists (select from _billing.open_setups(false))
    and not exists (select from billing.stripe_events e
      where e.state = 'pending' and e.to_fetch and e.due_at <= clock_timestamp()) then
    return 'nothing to tell';
  end if;
  -- A comparison may take as long as a function may take to answer.
  perform _billing.call_function(
    'billing-stripe-' || coalesce(body ->> 'only', 'reconcile'),
    '/reconcile-stripe', body,
    case when body ? 'only' then interval '60 seconds' else interval '150 seconds' end);
  return 'woken';
end $$;
comment on function billing.wake_stripe is 'Calls reconcile-stripe with this body.';
grant execute on function billing.wake_stripe(jsonb) to service_role;

-- 70_stripe/jobs_data.sql

-- The jobs that keep Stripe and the books together.

select _billing.schedule_job(j.name, j.schedule, j.command, j.purpose)
from (values
  ('billing-stripe-events', '* * * * *', 'call _billing.act_on_stripe_events()',
    'Acts on Stripe events that are due again'),
  ('billing-stripe-outbox', '*/5 * * * *',
    $c$select billing.wake_stripe('{"only":"outbox"}')$c$,
    'Tells Stripe of voids, write-offs, payments elsewhere and credit notes'),
  ('billing-stripe-meters', '3,18,33,48 * * * *',
    $c$select billing.wake_stripe('{"only":"meters"}')$c$,
    'Tells Stripe''s meters of the usage that Stripe rates'),
  ('billing-stripe-reconcile', '20 4 * * *', $c$select billing.wake_stripe('{"days":30}')$c$,
    'Compares invoices and payments with Stripe and heals what is clear')
) j(name, schedule, command, purpose);

-- 80_api/ingestion.sql

-- Batches of usage events, for writers that want to know what became of each.

-- The columns in which an event differs from the stored row, or null: populating the row with the
-- event casts and rounds as storing it would have.
create function billing.event_differences(stored public.agent_usage_logs, event jsonb)
returns text language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  select string_agg(k.key, ', ' order by k.key)
  from jsonb_object_keys(event) k(key)
  where to_jsonb(jsonb_populate_record(stored, event)) -> k.key
    is distinct from to_jsonb(stored) -> k.key;
$$;
comment on function billing.event_differences is
  'Columns in which an event differs from the stored row of its id; null when in none.';
grant execute on function billing.event_differences(public.agent_usage_logs, jsonb) to service_role;

-- Refuses events that name a row to correct: dropping the field would bill what was to be taken
-- back.
create function billing.refuse_corrections(events jsonb)
returns void language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if events @? 'lax $[*].corrects_id ? (@ != null)' then
    perform billing.raise_error('correction_refused',
      'corrects_id cannot be sent: an operator calls billing.correct_log or billing.retract_log',
      'send usage alone');
  end if;
end $$;
comment on function billing.refuse_corrections is
  'Raises correction_refused (400) where an event has corrects_id.';
grant execute on function billing.refuse_corrections(jsonb) to service_role;

-- Inserts events; of those with one id the first. An id that is stored already, or that another
-- connection stores and commits meanwhile, inserts nothing. Returns the places of what was stored.
create function billing.insert_events(batch jsonb)
returns integer[] language sql set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  with wanted as materialized (
    select distinct on (x.id) x.id, x.index, r.agent, r.endpoint, r.model, r.input_tokens,
      r.output_tokens, r.web_searches, r.other_features, r.input_cost, r.output_cost,
      r.feature_cost, r.total_cost, r.metadata, r."timestamp", r.client_id, r.calls
    from jsonb_to_recordset(batch) x(index integer, id uuid, event jsonb)
    cross join lateral jsonb_populate_record(null::public.agent_usage_logs, x.event) r
    order by x.id, x.index
  ), stored as (
    insert into public.agent_usage_logs (id, agent, endpoint, model, input_tokens, output_tokens,
      web_searches, other_features, input_cost, output_cost, feature_cost, total_cost, metadata,
      "timestamp", client_id, calls)
    select w.id, w.agent, w.endpoint, w.model, coalesce(w.input_tokens, 0),
      coalesce(w.output_tokens, 0), coalesce(w.web_searches, 0), coalesce(w.other_features, '{}'),
      coalesce(w.input_cost, 0), coalesce(w.output_cost, 0), coalesce(w.feature_cost, 0),
      coalesce(w.total_cost, 0), coalesce(w.metadata, '{}'), coalesce(w."timestamp", now()),
      w.client_id, coalesce(w.calls, 1)
    from wanted w order by w.index
    on conflict (id) do nothing
    returning id
  )
  select coalesce(array_agg(w.index), '{}') from wanted w join stored s using (id);
$$;
comment on function billing.insert_events is
  'Inserts [{index, id, event}] where the id is new; returns the indexes of what was stored.';
grant execute on function billing.insert_events(jsonb) to service_role;

-- Stores events (objects with the columns of agent_usage_logs) and says of each, by its place in
-- the array: inserted, duplicate (the id is stored with the same content) or conflict (with other
-- content; never merged). A value that the table refuses makes its event invalid, not the batch.
-- Only what an event says is compared, so a retry that leaves a default out is still a duplicate.
create function billing.ingest_usage(events jsonb)
returns table (index integer, result text, id uuid, detail text)
language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  ids uuid[];
  fresh uuid[];
  batch jsonb;
  event jsonb;
  inserted integer[] := '{}'::integer[];
  refused jsonb := '{}'::jsonb;
  reason text;
begin
  begin
    perform billing.refuse_corrections(events);
    -- All at once. Of one id the first is stored; an id that is stored already, or that another
    -- connection stores and commits meanwhile, inserts nothing.
    with given as materialized (
      select r.*, coalesce(r.id, billing.new_id()) as given_id
      from jsonb_populate_recordset(null::public.agent_usage_logs, events) with ordinality r
    ), stored as (
      insert into public.agent_usage_logs as l (id, agent, endpoint, model, input_tokens,
        output_tokens, web_searches, other_features, input_cost, output_cost, feature_cost,
        total_cost, metadata, "timestamp", client_id, calls)
      select g.given_id, g.agent, g.endpoint, g.model, coalesce(g.input_tokens, 0),
        coalesce(g.output_tokens, 0), coalesce(g.web_searches, 0),
        coalesce(g.other_features, '{}'), coalesce(g.input_cost, 0), coalesce(g.output_cost, 0),
        coalesce(g.feature_cost, 0), coalesce(g.total_cost, 0), coalesce(g.metadata, '{}'),
        coalesce(g."timestamp", now()), g.client_id, coalesce(g.calls, 1)
      from given g order by g.ordinality
      on conflict on constraint agent_usage_logs_pkey do nothing
      returning l.id
    )
    select array(select g.given_id from given g order by g.ordinality),
      array(select s.id from stored s)
    into ids, fresh;
  exception when data_exception or integrity_constraint_violation or sqlstate 'PT400' then
    null;
  end;
  if cardinality(fresh) = cardinality(ids) then
    return query select o.place::integer - 1, 'inserted', o.id, null::text
    from unnest(ids) with ordinality o(id, place);
    return;
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('index', e.place - 1, 'event', e.value,
    'id', coalesce(ids[e.place]::text, e.value ->> 'id', billing.new_id()::text))), '[]')
  into batch from jsonb_array_elements(events) with ordinality e(value, place);
  if ids is not null then
    inserted := array(select min(o.place)::integer - 1
      from unnest(ids) with ordinality o(id, place) join unnest(fresh) f(id) on f.id = o.id
      group by o.id);
  else
    -- Rare: what the writer's checks let through, the table does not take. One by one, then.
    for event in select e.value from jsonb_array_elements(batch) e loop
      begin
        perform billing.refuse_corrections(event -> 'event');
        inserted := inserted || billing.insert_events(jsonb_build_array(event));
      exception when data_exception or integrity_constraint_violation or sqlstate 'PT400' then
        get stacked diagnostics reason = message_text;
        refused := refused || jsonb_build_object(event ->> 'index', reason);
      end;
    end loop;
  end if;
  -- A statement of its own: it sees rows that another connection has committed meanwhile.
  return query
  select (b ->> 'index')::integer,
    case when refused ? (b ->> 'index') then 'invalid'
      when s.place is not null then 'inserted'
      when d.differences is null then 'duplicate' else 'conflict' end,
    (b ->> 'id')::uuid, coalesce(refused ->> (b ->> 'index'), d.differences)
  from jsonb_array_elements(batch) b
  left join unnest(inserted) s(place) on s.place = (b ->> 'index')::integer
  left join public.agent_usage_logs l on l.id = (b ->> 'id')::uuid and s.place is null
  cross join lateral (
    select case when l.id is not null
      then billing.event_differences(l, b -> 'event') end as differences) d
  order by 1;
end $$;
comment on function billing.ingest_usage is
  'Stores a batch of usage events; per event: inserted, duplicate, conflict or invalid, and why.';
grant execute on function billing.ingest_usage(jsonb) to service_role;

-- 80_api/ingestion_by_key.sql

-- Batches of usage events that come with a key of an agent.

-- A time as an event says it; null where the log would not take it, which tells why.
create function _billing.event_time(said text) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
begin
  return coalesce(said::timestamptz, now());
exception when data_exception then
  return null;
end $$;
comment on function _billing.event_time is 'The time that an event says; now where it says none.';

-- Events as they are stored for a key, with what the key fills in, or why they are refused.
create function _billing.events_by_key(key _billing.agent_keys, events jsonb)
returns table (index integer, event jsonb, refused text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select e.place::integer - 1,
    e.value || jsonb_strip_nulls(jsonb_build_object('agent', n.agent, 'client_id', o.client_id)),
    _billing.refused_by_key(key, n.agent, o.client_id,
      _billing.event_time(e.value ->> 'timestamp'))
  from jsonb_array_elements(events) with ordinality e(value, place)
  cross join lateral (select coalesce(e.value ->> 'agent', key.agent) as agent,
    nullif(btrim(coalesce(e.value ->> 'client_id', e.value -> 'metadata' ->> 'client_id')), '')
      as claim offset 0) n
  cross join lateral (select case when key.client_ids is not null then
    case when n.claim is not null then _billing.claimed_client(key, n.claim)
      when cardinality(key.client_ids) = 1 then key.client_ids[1] end end as client_id offset 0) o
  order by 1;
$$;
comment on function _billing.events_by_key is
  'Events with the agent and client of the key where they say none; the code of what is refused.';

-- As billing.ingest_usage, for an agent's key. The key is read again here: it may have been revoked
-- since the request was let in.
create function billing.ingest_usage_by_key(key uuid, events jsonb, address text default null)
returns table (index integer, result text, id uuid, detail text, code text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: keys and their use are inside.
declare
  valid constant _billing.agent_keys := _billing.valid_agent_key(key, 'token');
  allowed jsonb;
  places integer[];
  refusals jsonb;
  results jsonb;
begin
  if not _billing.is_in_networks(valid.networks, address) then
    perform billing.raise_error('network_not_allowed',
      format('the key may not be used from %s', coalesce(address, 'an unknown address')));
  end if;
  select coalesce(jsonb_agg(e.event order by e.index) filter (where e.refused is null), '[]'),
    array_agg(e.index order by e.index) filter (where e.refused is null),
    coalesce(jsonb_agg(jsonb_build_array(e.index, e.refused, e.event -> 'id'))
      filter (where e.refused is not null), '[]')
  into allowed, places, refusals
  from _billing.events_by_key(valid, events) e;
  select coalesce(jsonb_agg(to_jsonb(i)), '[]') into results from billing.ingest_usage(allowed) i;
  -- What was stored already is not counted twice.
  perform _billing.use_agent_key(valid,
    (select count(*) from jsonb_array_elements(results) r where r.value ->> 'result' = 'inserted'));
  return query
  select places[(r.value ->> 'index')::integer + 1], r.value ->> 'result',
    (r.value ->> 'id')::uuid,
    -- A key with clients learns of another client's row that its id is taken, nothing else.
    case when r.value ->> 'result' = 'conflict' and valid.client_ids is not null
        and not exists (select from public.agent_usage_logs l
          where l.id = (r.value ->> 'id')::uuid and l.client_id = any (valid.client_ids))
      then 'id' else r.value ->> 'detail' end, null::text
  from jsonb_array_elements(results) r
  union all
  select (f.value ->> 0)::integer, 'invalid', (f.value ->> 2)::uuid, e.meaning, e.code
  from jsonb_array_elements(refusals) f
  join billing.error_codes e on e.code = f.value ->> 1
  order by 1;
end $$;
comment on function billing.ingest_usage_by_key is
  'Stores a batch of usage events with a key; what the key may not log is invalid, with a code.
   Raises unauthorized for a key that is not valid, network_not_allowed for an address that is not
   in its networks, and quota_exceeded beyond its quota.';
grant execute on function billing.ingest_usage_by_key(uuid, jsonb, text) to service_role;

-- 80_api/idempotency.sql

-- Answers of the HTTP API to requests that carried an Idempotency-Key: sent again, the same request
-- gets the same answer and does nothing. Written in the transaction of the work, so there is an
-- answer exactly where there was an effect; a request that failed may be tried again.
create table billing.idempotency_keys (
  actor text not null,
  key text not null constraint idempotency_keys_length check (length(key) between 1 and 255),
  operation text not null,
  request_hash text not null,
  status smallint,
  answer json,
  created_at timestamptz not null default now(),
  primary key (actor, key)
);
comment on table billing.idempotency_keys is
  'Answers to requests with an Idempotency-Key, per caller; kept for a week.';
comment on column billing.idempotency_keys.request_hash is
  'SHA-256 of path and body: the same key with another request is refused.';
create index idempotency_keys_created_at on billing.idempotency_keys (created_at);
alter table billing.idempotency_keys enable row level security;
revoke all on billing.idempotency_keys from public;
grant select, insert, update, delete on billing.idempotency_keys to service_role;

-- Takes the key, or returns what is known of it. A second request with the key waits here until the
-- first has committed or failed: two at once have one effect.
create function billing.claim_idempotency_key(actor text, key text, operation text,
  request_hash text)
returns table (is_new boolean, same_request boolean, status smallint, answer json)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  delete from billing.idempotency_keys k where k.created_at < now() - interval '7 days';
  insert into billing.idempotency_keys as k (actor, key, operation, request_hash)
  values (claim_idempotency_key.actor, claim_idempotency_key.key,
    claim_idempotency_key.operation, claim_idempotency_key.request_hash)
  on conflict on constraint idempotency_keys_pkey do nothing;
  if found then
    return query select true, true, null::smallint, null::json;
    return;
  end if;
  return query
  select false, k.operation = claim_idempotency_key.operation
    and k.request_hash = claim_idempotency_key.request_hash, k.status, k.answer
  from billing.idempotency_keys k
  where k.actor = claim_idempotency_key.actor and k.key = claim_idempotency_key.key;
end $$;
comment on function billing.claim_idempotency_key is
  'Takes an idempotency key, or returns its answer and whether the request is the same.';
grant execute on function billing.claim_idempotency_key(text, text, text, text) to service_role;

-- 80_api/current_spend.sql

-- What the running period has cost so far, and usage straight from the logs; both only read.

-- The running period of a client: usage charges so far, the minimum, a forecast, charges per day.
-- Forecast: charges of the whole days so far, scaled to the days of service of the period; with no
-- whole day yet, what there is. Never below the minimum nor below what is charged already.
create function billing.current_spend(client_id uuid, as_of timestamptz default now())
returns jsonb language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
-- Definer: rating reads functions that callers may not call; the caller checks whose client it is.
declare
  target billing.rating_target;
  terms record;
  today date;
  content jsonb;
begin
  select r.client_id, greatest(r.next_start, billing.period_start_of(r.today,
      r.billing_anchor_day)), billing.period_end_of(r.today, r.billing_anchor_day)
  into target
  from billing.current_periods(as_of) r
  where r.client_id = current_spend.client_id and r.next_start <= r.today;
  today := billing.day_of(current_spend.client_id, as_of);
  select t.* into terms from billing.period_terms(array[target]) t;
  if target.client_id is null or terms.active_days is null or terms.active_days = 0 then
    perform billing.raise_error('no_running_period',
      format('client %s has no period on %s', current_spend.client_id, today));
  end if;
  with lines as materialized (
    select * from _billing.rate_usage(array[target])
  ), days as materialized (
    select u.usage_day, sum(u.quantity * l.amount_minor / nullif(l.quantity, 0)) as amount
    from public.usage_records u
    join lines l on l.model = u.model and l.metric = u.metric and l.rate_class = u.rate_class
      and l.service_start <= u.usage_day and u.usage_day < l.service_end
      and (l.agent is null or l.agent = u.agent)
    where u.client_id = target.client_id
      and u.usage_day >= terms.active_start and u.usage_day < terms.active_end
      and (terms.gaps is null or not u.usage_day <@ terms.gaps)
    group by u.usage_day
  ), unrated as materialized (
    -- Mostly nobody: then the usage need not be priced again to say what has no price.
    select array(select target where exists (
      select from public.usage_records u
      where u.client_id = target.client_id
        and u.usage_day >= terms.active_start and u.usage_day < terms.active_end
        and (terms.gaps is null or not u.usage_day <@ terms.gaps)
        and not exists (select from billing.unbilled_metrics n where n.metric = u.metric)
        and not exists (select from lines l where l.model = u.model and l.metric = u.metric
          and l.rate_class = u.rate_class
          and l.service_start <= u.usage_day and u.usage_day < l.service_end)
    )) as targets
  ), sums as (
    select coalesce((select sum(l.amount_minor) from lines l), 0) as usage,
      coalesce((select sum(d.amount) from days d where d.usage_day < today), 0) as whole_days,
      (select coalesce(sum(least(s.ends_on, target.period_end, today)
          - greatest(s.starts_on, target.period_start)), 0)
        from public.service_intervals s where s.client_id = target.client_id
          and s.starts_on < least(target.period_end, today) and s.ends_on > target.period_start)
        as elapsed,
      round(terms.minimum_minor::numeric * terms.active_days / terms.full_days) as minimum
  )
  select jsonb_build_object(
    'client_id', target.client_id,
    'period', jsonb_build_object('start', target.period_start, 'end', target.period_end),
    'currency', terms.currency,
    'usage_minor', s.usage,
    'minimum_minor', s.minimum,
    'forecast_minor', greatest(s.usage, s.minimum, case when s.elapsed > 0
      then round(s.whole_days * terms.active_days / s.elapsed) else s.usage end),
    'elapsed_days', s.elapsed,
    'total_days', terms.active_days,
    'days', (select coalesce(jsonb_agg(jsonb_build_object(
      'day', d.usage_day, 'amount_minor', round(d.amount)) order by d.usage_day), '[]')
      from days d where d.amount is not null),
    'unpriced', (select coalesce(jsonb_agg(jsonb_build_object('model', u.model,
      'metric', u.metric, 'rate_class', u.rate_class, 'quantity', trim_scale(u.quantity)::text)
      order by u.model, u.metric, u.rate_class), '[]')
      from unrated r cross join lateral _billing.unpriced_usage(r.targets) u
      where r.targets <> '{}'),
    'counted_at', (select w.moved_at from billing.usage_watermark w)) into content
  from sums s;
  return content;
end $$;
comment on function billing.current_spend is
  'Charges of a client''s running period so far, before discount and tax, with a forecast.';
grant execute on function billing.current_spend(uuid, timestamptz) to service_role;

-- 80_api/usage_in_logs.sql

-- Usage of the logs as they are now, counted or not: what a rollup would make of them.
create function billing.usage_in_logs(from_day date, until_day date)
returns table (client_id uuid, usage_day date, model text, metric text,
  rate_class text, agent text,
  quantity numeric, provider_cost numeric, log_count bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: summing logs is done by functions that callers may not call.
declare
  nothing billing.usage_watermark;
  upto billing.usage_watermark;
begin
  select * into nothing from billing.usage_watermark;
  upto := _billing.watermark_now(nothing);
  nothing.snapshot := '1:1:';
  nothing.own_transaction := '0';
  return query
  select s.client_id, s.usage_day, s.model, s.metric, s.rate_class, s.agent,
    s.quantity, s.provider_cost,
    s.log_count
  from _billing.sum_logs(nothing, upto, (from_day - 2)::timestamp at time zone 'UTC',
    (until_day + 2)::timestamp at time zone 'UTC') s
  where s.client_id is not null and s.usage_day >= from_day and s.usage_day < until_day;
end $$;
comment on function billing.usage_in_logs is
  'Usage of the client-local days [from_day, until_day), summed from all logs there are.';
grant execute on function billing.usage_in_logs(date, date) to service_role;

-- 80_api/count_usage.sql

-- What the HTTP API calls as service_role beside what is granted elsewhere.

create function billing.count_usage()
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: usage_records and the watermark are written by the rollup alone.
begin
  return _billing.rollup();
end $$;
comment on function billing.count_usage is
  'Counts the logs that have arrived since the last rollup; returns how many.';
grant execute on function billing.count_usage() to service_role;

-- 90_operations/dashboards/usage.sql

-- For dashboards: usage by month. Kept in a table, of which a refresh replaces the months that have
-- changed. Nothing that bills reads it.
create table billing.monthly_usage (
  client_id uuid not null,
  month date not null,
  model text not null,
  metric text not null,
  rate_class text not null,
  agent text not null,
  quantity numeric not null,
  provider_cost numeric not null,
  primary key (client_id, month, model, metric, rate_class, agent)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table billing.monthly_usage is
  'Sums of usage_records per month, as of the last billing.refresh_dashboards.';
create index monthly_usage_month on billing.monthly_usage (month);
alter table billing.monthly_usage enable row level security;
revoke all on billing.monthly_usage from public;
grant select on billing.monthly_usage to service_role;

-- A month that was noted is summed anew as of the snapshot that saw its note, which was written
-- with the change. Client by client by index: other usage is not looked at.
create function _billing.refresh_monthly_usage(everything boolean)
returns void language sql set search_path = pg_catalog, pg_temp set jit = off as $$
  with taken as (
    delete from _billing.usage_changes u returning u.client_id, u.month
  ), changed as materialized (
    select t.client_id, t.month from taken t
    union
    select r.client_id, date_trunc('month', r.usage_day)::date from public.usage_records r
    where everything
    union
    select m.client_id, m.month from billing.monthly_usage m where everything
  ), summed as materialized (
    select c.client_id, c.month, r.model, r.metric, r.rate_class, r.agent,
      sum(r.quantity) as quantity,
      sum(r.provider_cost) as provider_cost
    from changed c
    cross join lateral (
      select * from public.usage_records u
      where u.client_id = c.client_id and u.usage_day >= c.month
        and u.usage_day < (c.month + interval '1 month')::date
      offset 0
    ) r
    group by c.client_id, c.month, r.model, r.metric, r.rate_class, r.agent
  ), gone as (
    delete from billing.monthly_usage m
    using changed c
    where m.client_id = c.client_id and m.month = c.month and not exists (
      select from summed s where (s.client_id, s.month, s.model, s.metric, s.rate_class, s.agent)
        = (m.client_id, m.month, m.model, m.metric, m.rate_class, m.agent))
  )
  insert into billing.monthly_usage as m
    (client_id, month, model, metric, rate_class, agent, quantity, provider_cost)
  select s.client_id, s.month, s.model, s.metric, s.rate_class, s.agent, s.quantity, s.provider_cost
  from summed s
  on conflict (client_id, month, model, metric, rate_class, agent) do update set
    quantity = excluded.quantity, provider_cost = excluded.provider_cost
  where (m.quantity, m.provider_cost) is distinct from (excluded.quantity, excluded.provider_cost);
$$;
comment on function _billing.refresh_monthly_usage is
  'Sums anew the months of clients whose usage has changed, or all of them.';

create view billing.client_monthly_usage with (security_invoker = true) as
select m.client_id, c.name as client, m.month, m.metric, m.rate_class,
  sum(m.quantity) as quantity, sum(m.provider_cost) as provider_cost
from billing.monthly_usage m join public.clients c on c.id = m.client_id
group by m.client_id, c.name, m.month, m.metric, m.rate_class;
comment on view billing.client_monthly_usage is
  'Usage and provider cost (USD) per client, month, metric and class.';
revoke all on billing.client_monthly_usage from public;
grant select on billing.client_monthly_usage to service_role;

create view billing.agent_model_usage with (security_invoker = true) as
select m.agent, m.model, m.month, m.metric, m.rate_class, sum(m.quantity) as quantity,
  sum(m.provider_cost) as provider_cost, count(distinct m.client_id) as clients
from billing.monthly_usage m
group by m.agent, m.model, m.month, m.metric, m.rate_class;
comment on view billing.agent_model_usage is
  'Usage and provider cost (USD) per agent, model, month, metric and class.';
revoke all on billing.agent_model_usage from public;
grant select on billing.agent_model_usage to service_role;

-- 90_operations/dashboards/margin.sql

-- For dashboards: what was invoiced beside what it cost.
create table _billing.revenue_changes (
  id bigint generated always as identity primary key,
  client_id uuid not null
);
comment on table _billing.revenue_changes is
  'Clients whose invoices or credit notes changed since billing.refresh_dashboards, each maybe many
   times.';
alter table _billing.revenue_changes enable row level security;
revoke all on _billing.revenue_changes from public, anon, authenticated, service_role;

create function _billing.note_revenue_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: revenue_changes is written by nobody else.
begin
  insert into _billing.revenue_changes (client_id) values (new.client_id);
  return null;
end $$;

-- Lines are frozen once an invoice is issued, so revenue changes with the status of an invoice.
create trigger note_revenue_change after insert or update of status on public.invoices
  for each row when (new.status <> 'draft') execute function _billing.note_revenue_change();
create trigger note_revenue_change after insert or update of voided_at on public.credit_notes
  for each row execute function _billing.note_revenue_change();

create table billing.monthly_revenue (
  client_id uuid not null,
  month date not null,
  currency text not null,
  net_minor bigint not null,
  primary key (client_id, month, currency)
);
comment on table billing.monthly_revenue is
  'Invoiced less credited, net of tax, per client and month, as of billing.refresh_dashboards.';
alter table billing.monthly_revenue enable row level security;
revoke all on billing.monthly_revenue from public;
grant select on billing.monthly_revenue to service_role;

-- What was invoiced and credited to some clients, by the month that it is for.
create function _billing.revenue_of(client_ids uuid[])
returns table (client_id uuid, month date, currency text, net_minor bigint)
language sql stable set search_path = pg_catalog, pg_temp set jit = off as $$
  with invoice as materialized (
    -- Client by client by index: other clients' invoices are not looked at.
    select i.id, i.client_id, i.currency, i.period_start
    from unnest(client_ids) c(id)
    cross join lateral (
      select * from public.invoices x where x.client_id = c.id
        and x.status in ('open', 'paid', 'uncollectible')
      offset 0
    ) i
  ), invoiced as (
    select i.client_id, date_trunc('month', l.section_start)::date as month, i.currency,
      sum(case when l.kind <> 'tax' then l.amount_minor
        when l.tax_behavior = 'inclusive' then -l.amount_minor else 0 end) as net_minor
    from invoice i
    cross join lateral (
      select * from public.invoice_lines x where x.invoice_id = i.id
        and x.section_start is not null
      offset 0
    ) l
    group by 1, 2, 3
  ), credited as (
    -- Tax that is contained in the amounts is no more ours when it is given back than when charged.
    select i.client_id, date_trunc('month', s.section_start)::date as month, i.currency,
      sum(case when x.kind <> 'tax' then -x.amount_minor
        when t.tax_behavior = 'inclusive' then x.amount_minor else 0 end) as net_minor
    from invoice i
    join public.credit_notes n on n.invoice_id = i.id and n.voided_at is null
    join public.credit_note_lines x on x.credit_note_id = n.id
    left join lateral (
      select l.tax_behavior from public.invoice_lines l
      where l.invoice_id = n.invoice_id and l.rating_key = x.rating_key and x.kind = 'tax' limit 1
    ) t on true
    -- A credit of an amount names no section: it is of the month that the invoice was for.
    cross join lateral (select coalesce(x.section_start, i.period_start, (
      select min(l.section_start) from public.invoice_lines l where l.invoice_id = i.id
    )) as section_start) s
    where s.section_start is not null
    group by 1, 2, 3
  )
  select r.client_id, r.month, r.currency, sum(r.net_minor)::bigint
  from (select * from invoiced union all select * from credited) r group by 1, 2, 3;
$$;
comment on function _billing.revenue_of is
  'Invoiced less credited, net of tax, of some clients by month.';

create function _billing.refresh_monthly_revenue(everything boolean)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with taken as (
    delete from _billing.revenue_changes t returning t.client_id
  ), changed as materialized (
    select t.client_id from taken t
    union
    select c.id from public.clients c where everything
  ), revenue as materialized (
    select * from _billing.revenue_of(array(select c.client_id from changed c))
  ), gone as (
    delete from billing.monthly_revenue m
    using changed c
    where m.client_id = c.client_id and not exists (select from revenue r
      where (r.client_id, r.month, r.currency) = (m.client_id, m.month, m.currency))
  )
  insert into billing.monthly_revenue as m (client_id, month, currency, net_minor)
  select r.client_id, r.month, r.currency, r.net_minor from revenue r
  on conflict (client_id, month, currency) do update set net_minor = excluded.net_minor
  where m.net_minor <> excluded.net_minor;
$$;
comment on function _billing.refresh_monthly_revenue is
  'Computes anew the revenue of clients whose invoices have changed, or of all.';

create view billing.client_margin with (security_invoker = true) as
with cost as (
  select m.client_id, m.month, sum(m.provider_cost) as provider_cost
  from billing.monthly_usage m group by m.client_id, m.month
)
select client_id, month, coalesce(r.currency, '') as currency,
  coalesce(r.net_minor, 0)::numeric as revenue_minor, coalesce(k.provider_cost, 0) as provider_cost
from billing.monthly_revenue r full join cost k using (client_id, month);
comment on view billing.client_margin is
  'Invoiced less credited, net of tax (minor units), beside provider cost (USD); by client and
   month.';
revoke all on billing.client_margin from public;
grant select on billing.client_margin to service_role;

-- 90_operations/dashboards/refresh.sql

-- Brings the dashboards up to date. What it costs grows with what has changed, not with what there
-- is. `everything` computes all anew, after usage_records was written by hand.
create function billing.refresh_dashboards(everything boolean default false) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the tables are written by nobody but this function.
begin
  -- One at a time; neither readers nor writers wait.
  perform pg_advisory_xact_lock(hashtext('billing.refresh_dashboards'));
  perform _billing.refresh_monthly_usage(everything);
  perform _billing.refresh_monthly_revenue(everything);
end $$;
comment on function billing.refresh_dashboards is
  'Brings the dashboard views up to date by what has changed, or everything anew.';
grant execute on function billing.refresh_dashboards(boolean) to service_role;

-- 90_operations/reconcile_usage.sql

-- Compares days with the logs, mends what differs and tells of it: a difference means that
-- something wrote around the rollup.
create function _billing.reconcile_days(days daterange, as_of timestamptz default billing.as_of())
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  differences constant bigint := _billing.repair_days(array[days]);
begin
  if differences > 0 then
    perform billing.queue_operator_alert(
      format('reconcile:%s:%s', (as_of at time zone 'UTC')::date, lower(days)), 'high',
      'Usage records differed from logs',
      format('%s usage records of %s to %s differed from the logs and were rebuilt.',
        differences, lower(days), upper(days) - 1));
  end if;
  return differences;
end $$;
comment on function _billing.reconcile_days is
  'Compares usage records of some days with the logs, heals them and tells of differences.';

-- The same as a job of rebuild_in_steps. One that has not ended by the next night goes on.
create function _billing.request_comparison(as_of timestamptz default billing.as_of())
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing.rebuild_requests (from_day, until_day, in_steps, compares)
  select (as_of at time zone 'UTC')::date - 45, (as_of at time zone 'UTC')::date + 4, true, true
  where not exists (select from billing.rebuild_requests r where r.compares);
$$;
comment on function _billing.request_comparison is
  'Asks for a comparison of the last 45 days of usage records with the logs, step by step.';

-- The last 45 days, a week at a time.
create function billing.reconcile_usage(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: usage_records is written by nobody but billing's own functions.
declare
  today constant date := (as_of at time zone 'UTC')::date;
  differences bigint := 0;
  week date;
begin
  perform _billing.rollup();
  for week in select d::date from generate_series(today - 45, today, interval '7 days') d loop
    differences := differences + _billing.reconcile_days(daterange(week, week + 7), as_of);
  end loop;
  return differences;
end $$;
comment on function billing.reconcile_usage is
  'Compares recent usage records with the logs and heals them; returns the differences.';
grant execute on function billing.reconcile_usage(timestamptz) to service_role;

-- 90_operations/rebuild_steps.sql

-- Rebuilds and comparisons as jobs, a piece and a commit at a time.

-- The oldest job, one piece further; true where there was one. Rebuilds come before comparisons.
create function billing.rebuild_step()
returns boolean language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off as $$
-- Definer: usage_records is written by nobody but billing's own functions.
declare
  job billing.rebuild_requests;
  holds constant boolean := exists (select from billing.pending_rebuilds);
  started timestamptz;
  start date;
  stop date;
  took interval;
begin
  if holds then
    -- As the rollup: first the watermark, then requests. One piece at a time.
    perform from billing.usage_watermark for update;
  end if;
  select * into job from billing.rebuild_requests r where r.in_steps and (holds or r.compares)
  order by r.compares, r.id limit 1 for update skip locked;
  if job.id is null then
    return false;
  end if;
  started := clock_timestamp();
  start := greatest(coalesce(job.done_until, job.from_day), _billing.first_kept_day());
  stop := _billing.piece_end(start, job.until_day, job.step_days);
  if start < job.until_day and job.compares then
    perform _billing.reconcile_days(daterange(start, stop));
  elsif start < job.until_day then
    perform billing.rebuild_usage(start, stop, job.agents);
  end if;
  took := clock_timestamp() - started;
  if stop >= job.until_day then
    delete from billing.rebuild_requests r where r.id = job.id;
    perform _billing.release_rebuilt();
  else
    -- A piece stays within seconds, since rollups wait for it.
    update billing.rebuild_requests r set done_until = stop,
      step_days = case when took > interval '10 seconds' then greatest(job.step_days / 2, 1)
        when took < interval '2 seconds' then least(job.step_days * 2, 7)
        else job.step_days end
    where r.id = job.id;
  end if;
  return true;
end $$;
comment on function billing.rebuild_step is
  'Does the next piece of the oldest rebuild or comparison; false where there is none.';
grant execute on function billing.rebuild_step() to service_role;

create procedure _billing.rebuild_in_steps(budget interval default '90 seconds')
language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + budget;
begin
  while clock_timestamp() < until loop
    exit when not billing.rebuild_step();
    commit;
  end loop;
end $$;
comment on procedure _billing.rebuild_in_steps is
  'Rebuilds and comparisons, committed piece by piece, until the budget is used up.';

-- 90_operations/invariants/invoices.sql

-- Of invoices, by themselves and by their lines.
create function _billing.check_invoices()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'total_is_sum_of_lines', coalesce(i.number, i.id::text),
    format('total %s, lines %s', i.total_minor, s.total)
  from public.invoices i
  cross join lateral (
    select coalesce(sum(l.amount_minor) filter (
      where l.tax_behavior is null or l.tax_behavior = 'exclusive'), 0) as total
    from public.invoice_lines l where l.invoice_id = i.id
  ) s
  where s.total <> i.total_minor
  union all
  select 'document_says_the_total', i.number, format('total %s, document %s', i.total_minor,
    i.document #>> '{totals,total_minor}')
  from public.invoices i
  where i.status <> 'draft' and (i.document #>> '{totals,total_minor}', i.document ->> 'number')
    is distinct from (i.total_minor::text, i.number)
  union all
  select 'paid_means_nothing_due', i.number, format('%s, due %s', i.status, i.amount_due_minor)
  from public.invoices i
  where i.status = 'paid' and i.amount_due_minor > 0
    or i.status = 'open' and i.amount_due_minor <= 0
  union all
  -- By the record of the moment: what came before and after it cannot be told from its amount.
  select 'write_off_is_what_was_due', i.number, format('written off %s, recorded %s',
    i.written_off_minor, a.recorded)
  from public.invoices i
  left join lateral (
    select a.after ->> 'written_off_minor' as recorded from billing.audit_log a
    where a.table_name = 'invoices' and a.row_id = i.id::text and a.after ? 'uncollectible_at'
    order by a.id desc limit 1
  ) a on true
  where i.uncollectible_at is not null
    and i.written_off_minor::text is distinct from coalesce(a.recorded, '0')
  union all
  select 'late_lines_have_a_period', coalesce(i.number, i.id::text), format('section %s',
    l.section_start)
  from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
  where l.section_start is not null and not exists (
    select from public.billing_periods p
    where p.client_id = i.client_id and p.period_start = l.section_start)
  union all
  select 'delivered_or_queued', i.number, format('no delivery of kind %s', k.kind)
  from public.invoices i cross join unnest(i.deliveries) k(kind)
  where i.status <> 'draft' and not exists (
    select from public.deliveries d
    where d.invoice_id = i.id and d.kind = k.kind and d.event = 'invoice_issued');
$$;
comment on function _billing.check_invoices is
  'Invoices that contradict their lines, documents, periods, deliveries or what was recorded.';

-- Numbers of a series and year run from 1, or from the last one of an earlier system, to the
-- counter, each once.
create function _billing.check_numbers()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with given as (
    select m[1] as series, m[2]::integer as year, m[3]::integer as number
    from public.invoices i
    cross join lateral regexp_match(i.number, '^(.*)-(\d{4})-(\d{6,})$') m
    where i.number is not null
  )
  select 'numbers_are_gapless', format('%s-%s', c.series, c.year),
    format('%s given, the counter says %s', count(g.number), c.last_number - c.earlier_numbers)
  from _billing.invoice_counters c left join given g using (series, year)
  group by c.series, c.year, c.last_number, c.earlier_numbers
  having count(g.number) <> c.last_number - c.earlier_numbers
    or count(distinct g.number) <> c.last_number - c.earlier_numbers
    or max(g.number) <> c.last_number or min(g.number) <= c.earlier_numbers
  union all
  select 'numbers_are_counted', g.series || '-' || g.year, 'no counter'
  from given g
  where not exists (select from _billing.invoice_counters c
    where c.series = g.series and c.year = g.year)
  group by g.series, g.year;
$$;
comment on function _billing.check_numbers is 'Series of invoice numbers with gaps or doubles.';

-- 90_operations/invariants/account_of_documents.sql

-- The client's account once more, without the ledger: from invoices, credit notes, payments and
-- entries of balances. Nothing is paid or told by it; the invariants hold the ledger against it.

create view _billing.account_of_documents as
select i.client_id, i.currency, i.finalized_at as at, 1 as rank, 'invoice' as entry, i.number,
  i.total_minor as amount_minor, i.id as invoice_id
from public.invoices i where i.status <> 'draft'
union all
select i.client_id, i.currency, i.voided_at, 2, 'void', i.number, -i.total_minor, i.id
from public.invoices i where i.status = 'void'
union all
select n.client_id, n.currency, n.issued_at, 3, 'credit_note', n.number, -n.total_minor,
  n.invoice_id
from public.credit_notes n
union all
select n.client_id, n.currency, n.voided_at, 3, 'credit_note_voided', n.number, n.total_minor,
  n.invoice_id
from public.credit_notes n where n.voided_at is not null
union all
select n.client_id, n.currency, n.voided_at, 4, 'refund_failed', n.number, -n.to_refund_minor,
  n.invoice_id
from public.credit_notes n where n.voided_at is not null and n.to_refund_minor > 0
union all
select n.client_id, n.currency, n.issued_at, 4, 'refund', n.number, n.to_refund_minor,
  n.invoice_id
from public.credit_notes n where n.to_refund_minor > 0
union all
select p.client_id, p.currency, p.paid_at, 5, 'payment', i.number, -p.amount_minor, p.invoice_id
from public.payments p join public.invoices i on i.id = p.invoice_id
where p.kind = 'payment'
union all
-- What goes back as a credit note says stands at the note; here is what was the client's credit, or
-- became it again because the refund failed.
select b.client_id, b.currency, b.created_at, 5,
  case when b.amount_minor < 0 then 'refund' else 'refund_failed' end, i.number, -b.amount_minor,
  i.id
from public.balance_entries b join public.invoices i on i.id = b.invoice_id
where b.reason = 'refund'
union all
select i.client_id, i.currency, i.uncollectible_at, 6, 'written_off', i.number,
  -i.written_off_minor, i.id
from public.invoices i where i.uncollectible_at is not null
union all
select b.client_id, b.currency, b.created_at, 5, 'adjustment', i.number, -b.amount_minor,
  b.invoice_id
from public.balance_entries b left join public.invoices i on i.id = b.invoice_id
where b.reason = 'adjustment'
union all
-- What a dispute takes back is no credit that we grant: it is due again, and written off with that.
select p.client_id, p.currency, p.paid_at, d.rank, d.entry, i.number, d.sign * p.amount_minor,
  p.invoice_id
from public.payments p join public.invoices i on i.id = p.invoice_id
cross join (values (7, 'disputed', -1), (8, 'written_off', 1)) d(rank, entry, sign)
where p.kind in ('dispute', 'dispute_reversed')
union all
-- What comes after all for an invoice that was written off stands again before it is settled, so
-- that a year once closed stays as it was; in all never more than was written off. What had been
-- settled before is told by the amounts, not by times: what Stripe tells late is older than it is
-- booked, and one second may hold both.
select r.client_id, r.currency, r.at, 0, 'recovered', r.number,
  greatest(least(r.written_off_minor, r.beyond), 0)
    - greatest(least(r.written_off_minor, r.beyond - r.amount_minor), 0),
  r.invoice_id
from (
  select s.*, i.number, i.written_off_minor, sum(s.amount_minor) over (
    partition by s.invoice_id order by s.at, s.id)
    - (i.total_minor - i.balance_applied_minor - i.written_off_minor) as beyond
  from (
    select p.id, p.invoice_id, p.client_id, p.currency, p.paid_at as at, p.amount_minor
    from public.payments p where p.kind = 'payment'
    union all
    select n.id, n.invoice_id, n.client_id, n.currency, n.issued_at, n.to_invoice_minor
    from public.credit_notes n where n.to_invoice_minor > 0 and n.voided_at is null
  ) s join public.invoices i on i.id = s.invoice_id and i.uncollectible_at is not null
    and i.status <> 'void'
) r
where r.written_off_minor > 0 and r.beyond > 0
union all
select i.client_id, i.currency, i.voided_at, 0, 'recovered', i.number, i.written_off_minor, i.id
from public.invoices i where i.uncollectible_at is not null and i.status = 'void';
comment on view _billing.account_of_documents is
  'What moves a client''s account by the documents; billing.account_entries says it by the ledger.';
revoke all on _billing.account_of_documents from public;

-- 90_operations/invariants/money.sql

-- Of money after the invoice: credit notes, payments, balance, and the account over all of it.
create function _billing.check_money()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'credit_note_is_sum_of_lines', n.number, format('total %s, lines %s', n.total_minor,
    s.total)
  from public.credit_notes n
  cross join lateral (
    select coalesce(sum(l.amount_minor), 0) as total from public.credit_note_lines l
    where l.credit_note_id = n.id
      and (l.tax_behavior is null or l.tax_behavior <> 'inclusive')
  ) s
  where s.total <> n.total_minor
  union all
  select 'credited_is_sum_of_notes', i.number, format('credited %s, notes off it %s',
    i.credited_minor, s.off)
  from public.invoices i
  cross join lateral (
    select coalesce(sum(n.to_invoice_minor), 0) as off, coalesce(sum(n.total_minor), 0) as total
    from public.credit_notes n where n.invoice_id = i.id and n.voided_at is null
  ) s
  where i.status <> 'draft' and (s.off <> i.credited_minor or s.total > i.total_minor)
  union all
  select 'paid_is_sum_of_payments', i.number, format('paid %s, received %s, of that %s too much',
    i.paid_minor, s.received, s.excess)
  from public.invoices i
  cross join lateral (
    select coalesce((select sum(p.amount_minor) from public.payments p
        where p.invoice_id = i.id and p.kind = 'payment'), 0) as received,
      coalesce((select sum(b.amount_minor) from public.balance_entries b
        where b.invoice_id = i.id and b.reason = 'overpayment'), 0) as excess
  ) s
  where i.status <> 'draft' and s.received - s.excess <> i.paid_minor
  union all
  select 'balance_is_not_negative', b.client_id::text, format('%s %s', sum(b.amount_minor),
    b.currency)
  from public.balance_entries b group by b.client_id, b.currency having sum(b.amount_minor) < 0
  union all
  -- Two ways to the same figure: what the documents move, and what is due less what is credit.
  select 'statement_closes', x.client_id::text, format('%s: documents %s, due less credit %s',
    x.currency, sum(x.moved), sum(x.balance))
  from (
    select a.client_id, a.currency, a.amount_minor as moved, 0 as balance
    from _billing.account_of_documents a
    union all
    select i.client_id, i.currency, 0, i.amount_due_minor from public.invoices i
    where i.status = 'open'
    union all
    select e.client_id, e.currency, 0, -e.amount_minor from public.balance_entries e
  ) x
  group by x.client_id, x.currency having sum(x.moved) <> sum(x.balance);
$$;
comment on function _billing.check_money is
  'Credit notes, payments and balances that do not add up.';

-- 90_operations/invariants/ledger.sql

-- Of the ledger: that it balances, and that it says what the documents say, and they what it says.

-- What is wrong in the ledger by itself.
create function _billing.check_ledger_balance()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'ledger_transaction_balances', x.id::text, format('%s: debits less credits %s %s', x.kind,
    x.total, x.currency)
  from (
    select t.id, t.kind, a.currency, sum(e.amount_minor) as total
    from billing.ledger_transactions t
    left join billing.ledger_entries e on e.transaction_id = t.id
    left join billing.ledger_accounts a on a.id = e.account_id
    group by t.id, a.currency
  ) x
  where x.total is distinct from 0
  union all
  select 'ledger_trial_balance', a.currency, format('debits less credits %s', sum(e.amount_minor))
  from billing.ledger_entries e left join billing.ledger_accounts a on a.id = e.account_id
  group by a.currency having sum(e.amount_minor) <> 0;
$$;
comment on function _billing.check_ledger_balance is
  'Transactions of the ledger whose debits and credits differ, and currencies.';

-- Invoice by invoice, what is still to be paid. One that the ledger lacks, or that it has and there
-- is none of, differs too.
create function _billing.check_ledger_invoices()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'ledger_is_invoices', coalesce(i.number, x.invoice_id::text, i.id::text),
    format('due %s, by the ledger %s', i.due, x.due)
  from (
    select i.id, i.number, case when i.status = 'open' then i.amount_due_minor else 0 end as due
    from public.invoices i where i.status <> 'draft'
  ) i
  full join (
    select t.invoice_id, sum(e.amount_minor) as due
    from billing.ledger_transactions t
    join billing.ledger_entries e on e.transaction_id = t.id
    join billing.ledger_accounts a on a.id = e.account_id and a.kind = 'receivable'
    group by t.invoice_id
  ) x on x.invoice_id = i.id
  where i.due is distinct from x.due;
$$;
comment on function _billing.check_ledger_invoices is
  'Invoices of which something else is due than the ledger says.';

-- Account by account, of each client and currency: what the documents say it is.
create function _billing.documents_by_account()
returns table (client_id uuid, currency text, kind text, amount_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select b.client_id, b.currency, 'customer_credit', -b.amount_minor::numeric
  from public.balance_entries b
  union all
  select p.client_id, p.currency, 'cash', p.amount_minor
  from public.payments p where p.method <> 'stripe_balance' or p.kind <> 'payment'
  union all
  select i.client_id, i.currency, x.kind, -x.amount
  from public.invoices i
  cross join lateral (select i.tax_minor + i.tax_included_minor as tax) t
  cross join lateral (values ('tax_payable', t.tax), ('earnings', i.total_minor - t.tax)) x(kind,
    amount)
  where i.status not in ('draft', 'void')
  union all
  select n.client_id, n.currency, x.kind, x.amount
  from public.credit_notes n
  cross join lateral (
    select coalesce(sum(l.amount_minor), 0) as tax from public.credit_note_lines l
    where l.credit_note_id = n.id and l.kind = 'tax'
  ) t
  cross join lateral (values ('tax_payable', t.tax), ('earnings', n.total_minor - t.tax),
    ('refunds_due', -n.to_refund_minor)) x(kind, amount)
  where n.voided_at is null
  union all
  select p.client_id, p.currency, 'refunds_due', -p.amount_minor
  from public.payments p where p.kind in ('refund', 'refund_failed')
  union all
  select b.client_id, b.currency, 'refunds_due', b.amount_minor
  from public.balance_entries b where b.reason = 'refund';
$$;
comment on function _billing.documents_by_account is
  'What accounts of the ledger stand at, by the documents: rows to be summed.';

create function _billing.check_ledger()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select * from _billing.check_ledger_balance()
  union all select * from _billing.check_ledger_invoices()
  union all
  select 'ledger_is_documents', x.client_id::text, format('%s %s: documents %s, ledger %s', x.kind,
    x.currency, sum(x.documents), sum(x.ledger))
  from (
    select d.client_id, d.currency, d.kind, d.amount_minor as documents, 0 as ledger
    from _billing.documents_by_account() d
    union all
    select a.client_id, a.currency, a.kind, 0, e.amount_minor
    from billing.ledger_entries e join billing.ledger_accounts a on a.id = e.account_id
    where a.kind in ('customer_credit', 'cash', 'tax_payable', 'earnings', 'refunds_due')
  ) x
  group by x.client_id, x.currency, x.kind having sum(x.documents) <> sum(x.ledger)
  union all
  select 'ledger_is_statement', x.client_id::text, format('%s: documents %s, ledger %s', x.currency,
    sum(x.documents), sum(x.ledger))
  from (
    select d.client_id, d.currency, d.amount_minor as documents, 0 as ledger
    from _billing.account_of_documents d
    union all
    select e.client_id, e.currency, 0, e.amount_minor from billing.account_entries e
  ) x
  group by x.client_id, x.currency having sum(x.documents) <> sum(x.ledger);
$$;
comment on function _billing.check_ledger is
  'Where the ledger does not balance, or differs from invoices, notes, payments and balances.';

-- 90_operations/invariants/periods.sql

-- Settled periods that are rated otherwise than they are booked, drafts included. More than the
-- rating may stay booked where notes by hand have left no invoice with room to credit it on.
create function _billing.misbooked_sections()
returns table (client_id uuid, section_start date, net_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with section as materialized (
    select s.client_id, s.section_start, s.net_minor - coalesce((
      select sum(l.amount_minor)
      from public.invoices d
      join public.invoice_lines l on l.invoice_id = d.id and l.section_start = s.section_start
      where d.client_id = s.client_id and d.status = 'draft'
        and (l.tax_behavior is null or l.tax_behavior = 'exclusive')), 0) as net_minor
    from _billing.late_sections(array(
      select (p.client_id, p.period_start, p.period_end)::billing.rating_target
      from public.billing_periods p
      where p.state in ('invoiced', 'skipped') and not p.usage_changed)) s
  )
  select s.* from section s
  where s.net_minor > 0 or s.net_minor < 0 and exists (
    select from public.billing_periods p
    cross join lateral _billing.creditable_invoices(
      (p.client_id, p.period_start, p.period_end)::billing.rating_target) c
    where p.client_id = s.client_id and p.period_start = s.section_start and c.room > 0);
$$;
comment on function _billing.misbooked_sections is
  'Settled periods for which more or less is booked than they are rated at, and by how much.';

-- Of periods: a client's follow each other, none is missing where there was service, and each says
-- what became of it.
create function _billing.check_periods()
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'periods_follow_each_other', p.client_id::text, format('%s ends on %s, the next begins %s',
    p.period_start, p.period_end, p.next_start)
  from (
    select x.*, lead(x.period_start) over (
      partition by x.client_id order by x.period_start) as next_start
    from public.billing_periods x
  ) p
  where p.next_start < p.period_end
  union all
  -- Before the first period or between two. What came into service after the last run waits for the
  -- next.
  select 'service_lies_in_periods', s.client_id::text, format('no period has all of %s to %s',
    s.starts_on, least(s.ends_on, l.last_end) - 1)
  from public.service_intervals s
  cross join lateral (
    select max(p.period_end) as last_end,
      sum(least(p.period_end, s.ends_on) - greatest(p.period_start, s.starts_on)) filter (
        where p.period_start < s.ends_on and p.period_end > s.starts_on) as days
    from public.billing_periods p where p.client_id = s.client_id
  ) l
  where s.starts_on < l.last_end
    and coalesce(l.days, 0) < least(s.ends_on, l.last_end) - s.starts_on
    and s.changed_at < (select max(r.started_at) from billing.monthly_runs r)
  union all
  select 'invoiced_means_an_invoice', p.client_id::text, format('%s is %s', p.period_start, p.state)
  from public.billing_periods p
  where (p.state = 'invoiced') <> exists (
      select from public.invoices i where i.client_id = p.client_id and i.kind = 'period'
        -- A draft within its grace is an invoice that is not issued yet.
        and i.period_start = p.period_start and i.status <> 'void')
    and p.state in ('invoiced', 'skipped', 'voided')
  union all
  -- What is booked for a settled period is what it is rated at: nothing is billed twice or never.
  select 'booked_is_rated', s.client_id::text, format('%s: %s %s', s.section_start,
    abs(s.net_minor), case when s.net_minor > 0 then 'is missing' else 'too much is charged' end)
  from _billing.misbooked_sections() s;
$$;
comment on function _billing.check_periods is
  'Periods that overlap or are missing, without what they say they have, or booked below their
   rating.';

-- 90_operations/invariants/usage.sql

-- Of usage: records equal logs, quarantine is of logs that exist.
create function _billing.check_usage(days daterange)
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'records_equal_logs', concat_ws('/', d.client_id, d.usage_day, d.model,
      d.metric, nullif(d.rate_class, 'standard'), d.agent),
    format('logged %s, recorded %s', d.logged, d.recorded)
  from billing.usage_discrepancies(days) d
  where not _billing.is_being_rebuilt(d.client_id, d.usage_day, d.usage_day + 1)
  union all
  select 'quarantine_is_of_logs', q.log_id::text, q.reason
  from billing.quarantined_logs q
  where not exists (select from public.agent_usage_logs l where l.id = q.log_id)
    and q.occurred_at >= (select w.kept_from from billing.usage_watermark w)
  union all
  select 'dismissals_are_marked', q.log_id::text, format('dismissed: %s', q.dismissed)
  from billing.quarantined_logs q
  where q.dismissed <> exists (select from billing.dismissed_logs d where d.log_id = q.log_id)
  union all
  select 'watermark_is_there', 'usage_watermark', 'no row says how far logs are counted'
  where not exists (select from billing.usage_watermark);
$$;
comment on function _billing.check_usage is
  'Usage records of these days that differ from the logs.';

-- 90_operations/invariants/all.sql

-- What must hold at all times, asked of the data: one row per violation. Much of it is a constraint
-- already; a restore, a superuser or a mistake of ours can get past those, and not past this.

create function billing.check_invariants(usage_since date default null)
returns table (invariant text, subject text, detail text)
language sql stable security definer set search_path = pg_catalog, pg_temp set jit = off
set statement_timeout = '30min' as $$
-- Definer: callers may ask; what it looks at is more than they may read.
  select * from _billing.check_invoices()
  union all select * from _billing.check_numbers()
  union all select * from _billing.check_money()
  union all select * from _billing.check_ledger()
  union all select * from _billing.check_periods()
  union all select * from _billing.check_usage(daterange(coalesce(usage_since,
    (billing.as_of() at time zone 'UTC')::date - 40), null));
$$;
comment on function billing.check_invariants is
  'Every violation of what must always hold, none in good books. Logs are compared from
   usage_since on, the last 40 days unless given; all else is looked at whole.';
grant execute on function billing.check_invariants(date) to service_role;

create function billing.report_violations(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above; it tells operators.
declare
  violations bigint;
  examples text;
begin
  with found as materialized (select * from billing.check_invariants())
  select count(*), (select string_agg(format('%s %s: %s', f.invariant, f.subject, f.detail), E'\n')
    from (select * from found order by invariant, subject limit 10) f)
  into violations, examples from found;
  if violations > 0 then
    perform billing.queue_operator_alert('invariants:' || (as_of at time zone 'UTC')::date,
      'critical', 'The books contradict themselves', format(E'%s violations: %s\nAll of them: '
        || 'select * from billing.check_invariants()', violations, examples));
  end if;
  return violations;
end $$;
comment on function billing.report_violations is
  'Checks the invariants and tells operators of violations, once a day; returns how many.';
grant execute on function billing.report_violations(timestamptz) to service_role;

-- 90_operations/invariants_data.sql

-- The job that checks what must hold.

select _billing.schedule_job('billing-invariants', '10 4 * * *',
  $c$set statement_timeout = '1h'; select billing.report_violations()$c$,
  'Checks that the books do not contradict themselves');

-- 90_operations/cron_times.sql

-- When a cron schedule fires.

-- The numbers that one field of a cron schedule stands for: '*', '*/5', '1,15', '2-31', '0-30/10'.
create function _billing.cron_field(field text, lowest integer, highest integer)
returns integer[] language sql immutable set search_path = pg_catalog, pg_temp as $$
  select array_agg(distinct n)
  from regexp_split_to_table(field, ',') part
  cross join lateral regexp_match(part, '^(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?$') m
  cross join lateral generate_series(coalesce(m[1]::integer, lowest),
    coalesce(m[2]::integer, case when m[1] is null or m[3] is not null then highest
      else m[1]::integer end), coalesce(m[3]::integer, 1)) n;
$$;

-- When a schedule fires next after an instant, UTC. Day of month and day of week both hold, which
-- is cron's rule wherever one of them is '*'. Null for what is no five-field schedule. Looks day by
-- day: most schedules fire today or tomorrow.
create function _billing.next_run(schedule text, after timestamptz)
returns timestamptz language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  local constant timestamp := after at time zone 'UTC';
  field constant text[] := regexp_split_to_array(btrim(schedule), '\s+');
  minutes integer[];
  hours integer[];
  days integer[];
  months integer[];
  weekdays integer[];
  day date := local::date;
  past integer := extract(hour from local)::integer * 60 + extract(minute from local)::integer;
  fires integer;
begin
  if cardinality(field) <> 5 then
    return null;
  end if;
  minutes := _billing.cron_field(field[1], 0, 59);
  hours := _billing.cron_field(field[2], 0, 23);
  days := _billing.cron_field(field[3], 1, 31);
  months := _billing.cron_field(field[4], 1, 12);
  weekdays := _billing.cron_field(field[5], 0, 6);
  while day <= local::date + 1461 loop
    if extract(day from day) = any (days) and extract(month from day) = any (months)
      and extract(dow from day) = any (weekdays) then
      -- In minutes of the day; of the hour that is running the first minute that is to come.
      select min(h.hour * 60 + m.minute) into fires
      from unnest(hours) h(hour)
      cross join lateral (select min(x.minute) as minute from unnest(minutes) x(minute)
        where h.hour * 60 + x.minute > past) m;
      if fires is not null then
        return (day + make_interval(mins => fires)) at time zone 'UTC';
      end if;
    end if;
    day := day + 1;
    past := -1;
  end loop;
  return null;
end $$;
comment on function _billing.next_run is 'Next time a cron schedule fires after an instant (UTC).';

-- 90_operations/unfinished_work.sql

-- Work that was begun and has not ended within its time: its process has died, or something that
-- it needs is missing. Each goes on by itself when its job is called again.
create function _billing.unfinished_work(at timestamptz default clock_timestamp())
returns table (part text, what text, since timestamptz, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'runs', 'run', min(r.started_at),
    format('the monthly run of %s, begun at %s, has not ended',
      to_char(min(r.as_of) at time zone 'UTC', 'YYYY-MM-DD'),
      to_char(min(r.started_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
  from billing.monthly_runs r
  where r.finished_at is null and r.started_at < at - interval '3 hours'
  having count(*) > 0
  union all
  select case when r.compares then 'reconcile' else 'rollup' end,
    case when r.compares then 'comparison' else 'rebuild' end, min(r.requested_at),
    format('%s requested at %s has not ended%s', case when r.compares
        then 'the comparison of usage with the logs' else 'a rebuild of usage' end,
      to_char(min(r.requested_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
      ', done until ' || min(r.done_until))
  from billing.rebuild_requests r
  where r.in_steps and r.requested_at < at - interval '20 hours'
  group by r.compares;
$$;
comment on function _billing.unfinished_work is
  'Runs, comparisons and rebuilds that have not ended within their time.';

-- 90_operations/jobs.sql

-- How scheduled jobs are doing.

create function billing.read_jobs(at timestamptz default clock_timestamp())
returns table (name text, purpose text, schedule text, active boolean, last_started_at timestamptz,
  last_outcome text, last_duration interval, last_message text, next_run_at timestamptz,
  warning text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: pg_cron shows each role its own jobs only; these are the owner's.
begin
  return query
  with latest as materialized (
    -- Once for all jobs: pg_cron has no index by job.
    select x.jobid, max(x.runid) as runid from cron.job_run_details x group by x.jobid
  )
  select d.name, d.purpose, d.schedule, coalesce(j.active, false), r.start_time, r.status,
    r.end_time - r.start_time, r.return_message,
    case when j.active then _billing.next_run(d.schedule, at) end,
    nullif(concat_ws('; ',
      case when j.jobid is null then 'not scheduled: select _billing.schedule_jobs()'
        when not j.active then 'switched off' end,
      case when r.status = 'failed' then 'the last run failed' end,
      case when j.active and due.fires_at + interval '10 minutes' < read_jobs.at
        then format('late: should have run at %s',
          to_char(due.fires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')) end,
      'the last call ' || c.problem,
      case when d.command ~ 'billing.wake_' and _billing.missing_secrets() <> '{}'
        then format('does nothing: Vault has no secret %s',
          array_to_string(_billing.missing_secrets(), ', ')) end), '')
  from billing.job_definitions d
  left join cron.job j on j.jobname = d.name
  left join latest l on l.jobid = j.jobid
  left join cron.job_run_details r on r.runid = l.runid
  left join lateral (select _billing.next_run(d.schedule, greatest(d.created_at, r.start_time))
    as fires_at) due on true
  left join lateral (
    -- One that is under way says nothing yet.
    select x.problem from billing.job_calls x
    where x.job = d.name and (x.answered_at is not null or x.problem is not null)
    order by x.id desc limit 1
  ) c on true
  order by d.name;
end $$;
comment on function billing.read_jobs is 'What billing.jobs shows.';
grant execute on function billing.read_jobs(timestamptz) to service_role;

create view billing.jobs with (security_invoker = true) as
select * from billing.read_jobs();
comment on view billing.jobs is
  'Each scheduled job: last run, outcome, duration, next run, and a warning when all is not well.';
revoke all on billing.jobs from public;
grant select on billing.jobs to service_role;

-- Tells of jobs that failed or are late, once a day each, of calls that were answered badly, once a
-- day for each status, and of work that was begun and has not ended.
create function billing.watch_jobs(at timestamptz default clock_timestamp())
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
  select _billing.note_answers(at);
  select coalesce(sum(billing.queue_operator_alert(n.key, 'high', n.subject, n.message)), 0)::bigint
  from (
    select format('job:%s:%s', j.name, (at at time zone 'UTC')::date) as key,
      'Scheduled job ' || j.name || ': ' || j.warning as subject,
      concat_ws(E'\n', 'Scheduled job ' || j.name || ': ' || j.warning, j.last_message) as message
    from billing.read_jobs(at) j
    where j.warning ~ '(late:|the last run failed)'
    union all
    select format('job_call:%s:%s', coalesce(c.status::text, 'none'),
        (at at time zone 'UTC')::date),
      'Calls of scheduled jobs fail',
      format('Calls of %s fail: the last call %s', string_agg(c.job, ', ' order by c.job),
        min(c.problem))
    from billing.job_definitions d
    cross join lateral (
      select x.* from billing.job_calls x
      where x.job = d.name and (x.answered_at is not null or x.problem is not null)
      order by x.id desc limit 1
    ) c
    where c.problem is not null
    group by c.status
    union all
    select format('unfinished:%s:%s', u.what, (at at time zone 'UTC')::date),
      'Work that has not ended', u.message
    from _billing.unfinished_work(at) u
  ) n;
$$;
comment on function billing.watch_jobs is
  'Tells operators of failed and late jobs, calls that failed and work that has not ended.';
grant execute on function billing.watch_jobs(timestamptz) to service_role;

-- pg_cron keeps the details of every run for ever; two weeks are enough, of calls too.
create function _billing.purge_job_details(at timestamptz default clock_timestamp())
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  delete from billing.job_calls c where c.called_at < at - interval '14 days';
  with gone as (
    delete from cron.job_run_details d where d.end_time < at - interval '14 days' returning 1
  )
  select count(*) from gone;
$$;

-- 90_operations/schedule.sql

-- The jobs themselves. Long ones raise the two minutes that a statement of the owner may take; each
-- is safe to run twice and to be killed.

-- Runs commit batch by batch, so they are single statements: they end before the two minutes that a
-- statement of the owner may take when hosted, and the next minute goes on. Other long ones have a
-- timeout of their own: the role's is for people. It holds where pg_cron
-- connects, as hosted and by default: then each statement has its own timer. A background worker
-- has one for the whole command, by the role's setting.
create function _billing.schedule_jobs()
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.schedule_job(j.name, j.schedule, j.command, j.purpose)
  from (values
    ('billing-rollup', '* * * * *', 'call _billing.rollup_in_steps()',
      'Adds new logs to usage_records'),
    ('billing-rebuild', '* * * * *', 'call _billing.rebuild_in_steps()',
      'Computes usage anew where much is to be attributed otherwise, step by step'),
    ('billing-dashboards', '7,22,37,52 * * * *',
      $c$set statement_timeout = '15min'; select billing.refresh_dashboards()$c$,
      'Brings the dashboards up to date by what has changed'),
    ('billing-monthly-run', '0 9 * * *', 'call billing.close_month()',
      'Invoices every period that is over; daily, for the far west and months begun on any day'),
    ('billing-finalize', '10 * * * *', 'call _billing.close_month_if_due()',
      'Finalizes drafts whose grace is over; bills what the daily run has not'),
    ('billing-settle', '* * * * *', 'call billing.close_month(start_new => false)',
      'Goes on with a run that has not ended yet'),
    ('billing-overdue', '15 9 * * *', 'select billing.queue_reminders()',
      'Queues reminders before, on and after the due day'),
    ('billing-proposals', '20 * * * *',
      $c$set statement_timeout = '15min'; select billing.propose_models()$c$,
      'Proposes prices for models that are used without one, and tells of models that end'),
    ('billing-alerts', '25 * * * *',
      $c$set statement_timeout = '15min'; select billing.queue_usage_alerts()$c$,
      'Tells of budgets, jumps, unpriced and unowned usage'),
    ('billing-quarantine', '9,24,39,54 * * * *',
      $c$set statement_timeout = '15min'; select billing.count_quarantine()$c$,
      'Counts what cannot be billed as things are'),
    ('billing-watch', '* * * * *', 'select billing.watch_jobs()',
      'Tells of jobs that fail, are late or are answered badly, and of work that does not end'),
    ('billing-deliver', '* * * * *', 'select billing.wake_deliver()',
      'Wakes the delivery worker'),
    ('billing-reconcile', '40 3 * * *', 'select _billing.request_comparison()',
      'Has usage records compared with the logs, step by step, and healed'),
    ('billing-audit', '* * * * *', 'select _billing.log_refusals(), _billing.seal_audit()',
      'Adds new rows of the audit log to its chain of hashes'),
    ('billing-audit-head', '20 4 * * *',
      $c$set statement_timeout = '15min'; select _billing.report_audit_head()$c$,
      'Verifies the chain and tells operators its head'),
    ('billing-purge', '50 3 * * *', 'select _billing.purge_job_details()',
      'Deletes old run details of pg_cron')
  ) j(name, schedule, command, purpose);
  -- Those of later migrations: a restore brings the definitions along, not pg_cron's own rows.
  select cron.schedule(d.name, d.schedule, d.command) from billing.job_definitions d;
$$;
comment on function _billing.schedule_jobs is 'Creates all scheduled jobs, or puts them right.';

-- 90_operations/schedule_data.sql

-- Every job is scheduled, or put right.

select _billing.schedule_jobs();

-- 90_operations/health.sql

-- How each part is doing: a row each, fine, late or broken, with what to look at.
create function billing.read_health(at timestamptz default clock_timestamp())
returns table (part text, state text, since timestamptz, detail text)
language sql stable security definer set search_path = pg_catalog, pg_temp set jit = off as $$
-- Definer: jobs and queues are more than callers may read; what comes out are counts and times.
-- Asked each minute by monitors: reads what waits, never what has been.
  with job as (
    select j.name, j.last_outcome, j.last_started_at, j.warning from billing.read_jobs(at) j
  ), by_job(part, name) as (
    values ('rollup', 'billing-rollup'), ('runs', 'billing-monthly-run'),
      ('deliveries', 'billing-deliver'), ('webhooks', 'billing-stripe-events'),
      ('reconcile', 'billing-reconcile'), ('reconcile', 'billing-stripe-reconcile'),
      ('quarantine', 'billing-quarantine'), ('invariants', 'billing-invariants')
  ), part_of_job as (
    select b.part, b.name from by_job b
    union all
    select 'jobs', j.name from job j where not exists (
      select from by_job b where b.name = j.name)
  ), judged as (
    select b.part, case when j.name is null
          or j.warning ~ 'failed|not scheduled|switched off|the last call' then 'broken'
        when j.warning is not null then 'late' else 'fine' end as state,
      j.last_started_at as since, coalesce(
        case when b.part = 'jobs' then b.name || ': ' else '' end || j.warning,
        'job ' || b.name || coalesce(', last ' || j.last_outcome, ', not run yet')) as detail
    from part_of_job b left join job j using (name)
    union all
    select u.part, 'late', u.since, u.message from _billing.unfinished_work(at) u
    union all
    select 'runs', 'broken', min(p.updated_at), format('%s periods are blocked: %s', count(*),
      string_agg(distinct p.reason, ', '))
    from public.billing_periods p where p.state = 'blocked' having count(*) > 0
    union all
    select 'runs', 'late', min(h.held_at), format('%s drafts are held until they are released: %s',
      count(*), _billing.first_few(array_agg(format('%s, %s', h.client, h.message)
        order by h.client, h.period_start), 10, '; '))
    from billing.held_invoices h having count(*) > 0
    union all
    select 'runs', 'late', min(v.voided_at), format('%s voided periods wait to be regenerated: %s',
      count(*), string_agg(v.number, ', ' order by v.number))
    from _billing.voided_periods() v having count(*) > 0
    union all
    select 'deliveries', case when bool_or(d.state = 'dead') then 'broken' else 'late' end,
      min(d.since), format('%s gave up, %s wait for an hour or longer',
        count(*) filter (where d.state = 'dead'), count(*) filter (where d.state <> 'dead'))
    from (
      select x.state, x.finished_at as since from public.deliveries x where x.state = 'dead'
      union all
      select x.state, x.due_at from public.deliveries x
      where x.state in ('queued', 'running') and x.created_at < at - interval '1 hour'
    ) d
    having count(*) > 0
    union all
    -- Of the last five weeks, so that each month is seen; notices of operators are told otherwise.
    select 'deliveries', 'late', min(d.finished_at),
      format('%s were skipped: %s', count(*), string_agg(distinct d.last_error, '; '))
    from public.deliveries d
    where d.state = 'skipped' and d.details ? 'channel_off' and d.event <> 'notice'
      and d.finished_at > at - interval '35 days'
    having count(*) > 0
    union all
    select 'webhooks', case when bool_or(e.state = 'failed') then 'broken' else 'late' end,
      min(e.received_at), format('%s Stripe events failed, %s wait for an hour or longer',
        count(*) filter (where e.state = 'failed'), count(*) filter (where e.state = 'pending'))
    from (
      select x.state, x.received_at from billing.stripe_events x where x.state = 'failed'
      union all
      select x.state, x.received_at from billing.stripe_events x
      where x.state = 'pending' and x.received_at < at - interval '1 hour'
    ) e
    having count(*) > 0
    union all
    -- Usage that differed has been healed; what Stripe and the books differ in, somebody decides.
    select 'reconcile', case when bool_or(d.dedupe_key like 'stripe:%') then 'broken' else 'late'
        end, max(d.created_at), string_agg(distinct d.payload ->> 'message', '; ')
    from public.deliveries d
    where d.kind = 'hermes' and d.event = 'notice' and d.created_at > at - interval '25 hours'
      and (d.dedupe_key like 'reconcile:%' or d.dedupe_key like 'stripe:reconcile/%')
    having count(*) > 0
    union all
    select 'invariants', 'broken', max(d.created_at), 'violations were told: see '
      || 'billing.check_invariants()'
    from public.deliveries d
    where d.dedupe_key like 'invariants:%' and d.event = 'notice'
      and d.created_at > at - interval '25 hours'
    having count(*) > 0
    union all
    -- Broken: a monthly run has gone by without it.
    select 'quarantine', case when q.rows = 0 then 'fine'
        when q.oldest < at - interval '40 days' then 'broken' else 'late' end, q.oldest,
      case when q.rows > 0 then q.reasons else 'empty' end
    from (
      select coalesce(sum(s.rows), 0) as rows,
        string_agg(format('%s %s', s.rows, s.reason), ', ' order by s.reason) as reasons,
        min(s.oldest) as oldest
      from (
        -- A row of no time that there is does not say since when.
        select l.reason, count(*) as rows,
          case when l.reason <> 'invalid_timestamp' then min(l.occurred_at) end as oldest
        from billing.quarantined_logs l where not l.dismissed group by l.reason
        union all
        select c.reason, c.rows, null from billing.quarantine_counts c
      ) s
    ) q
  )
  select j.part, (array['broken', 'late', 'fine'])[w.worst],
    min(j.since) filter (where array_position('{broken,late,fine}', j.state) = w.worst),
    string_agg(j.detail, '; ' order by array_position('{broken,late,fine}', j.state), j.detail)
      filter (where j.state <> 'fine' or w.worst = 3)
  from judged j
  join (select x.part, min(array_position('{broken,late,fine}', x.state)) as worst
    from judged x group by x.part) w using (part)
  group by j.part, w.worst
  order by array_position(
    '{rollup,runs,deliveries,webhooks,reconcile,quarantine,invariants,jobs}', j.part);
$$;
comment on function billing.read_health is 'What billing.health shows.';
grant execute on function billing.read_health(timestamptz) to service_role;

create view billing.health with (security_invoker = true) as
select * from billing.read_health();
comment on view billing.health is
  'Rollup, runs, deliveries, webhooks, reconcile, quarantine, invariants and the other jobs: each
   fine, late or broken, since when, and why.';
revoke all on billing.health from public;
grant select on billing.health to service_role;

-- 90_operations/personal_data/erasures.sql

-- Clients whose people were erased.

create table billing.erasures (
  client_id uuid primary key references public.clients (id),
  reason text not null constraint erasures_says_why check (btrim(reason) <> ''),
  actor text not null default billing.actor(),
  erased_at timestamptz not null default now(),
  summary jsonb not null
);
comment on table billing.erasures is
  'Clients whose people were erased, by whom and why; summary says what was erased, what is kept and
   what is elsewhere.';
alter table billing.erasures enable row level security;
revoke all on billing.erasures from public;
grant select on billing.erasures to service_role;

create trigger refuse_change before update or delete or truncate on billing.erasures
  for each statement execute function _billing.refuse_change();
create trigger audit_insert after insert on billing.erasures
  referencing new table as new_rows
  for each statement execute function _billing.audit_insert();

-- What the counting of a log and the story of its correction read of metadata; all else is what the
-- agent noted for itself.
create function _billing.counted_metadata(metadata jsonb) returns jsonb language sql immutable
return case when jsonb_typeof(metadata) <> 'object' then '{}' else (
  select coalesce(jsonb_object_agg(m.key, m.value), '{}') from jsonb_each(metadata) m
  where m.key in ('client_id', 'batch', 'cache_read_tokens', 'cache_write_tokens',
    'reasoning_tokens', 'negates', 'restates', 'retracts', 'corrected_by')) end;

-- Logs that name the client, or are an agent's that is assigned to it and name nobody. Bounded by
-- the days of its usage, so that the index by time helps.
create function _billing.logs_of_client(client_id uuid)
returns table (id uuid) language sql stable set search_path = pg_catalog, pg_temp as $$
  select l.id from public.agent_usage_logs l
  cross join lateral (select nullif(btrim(
    coalesce(l.client_id::text, l.metadata ->> 'client_id')), '') as claim) x
  where (x.claim in (select r.reference from billing.client_references r
      where r.client_id = logs_of_client.client_id)
    or x.claim is null and exists (select from public.agent_assignments a
      where a.client_id = logs_of_client.client_id and a.agent = l.agent
        and a.starts_at <= l."timestamp" and l."timestamp" < a.ends_at))
    and l."timestamp" >= (select min(u.usage_day) - 2 from public.usage_records u
      where u.client_id = logs_of_client.client_id)
    and l."timestamp" < (select max(u.usage_day) + 3 from public.usage_records u
      where u.client_id = logs_of_client.client_id);
$$;

-- 90_operations/personal_data/export.sql

-- All personal data that there is of a client's people, in one answer.

create function billing.export_personal_data(client_id uuid)
returns jsonb language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
-- Definer: reads what callers are not granted one by one, such as members' addresses.
declare
  client public.clients;
begin
  select * into client from public.clients c where c.id = export_personal_data.client_id;
  if client.id is null then
    perform billing.raise_error('unknown_client',
      format('no client has the id %s', export_personal_data.client_id));
  end if;
  return jsonb_build_object(
    'client', to_jsonb(client),
    'members', (select coalesce(jsonb_agg(jsonb_build_object('user_id', m.user_id,
        'email', u.email, 'since', m.created_at) order by m.user_id), '[]')
      from public.client_members m join auth.users u on u.id = m.user_id
      where m.client_id = client.id),
    'invoices', (select coalesce(jsonb_agg(jsonb_build_object('id', i.id, 'number', i.number,
        'client', i.document -> 'client', 'note', i.note, 'void_reason', i.void_reason)
        order by i.issued_on, i.id), '[]')
      from public.invoices i where i.client_id = client.id and i.document is not null),
    'credit_notes', (select coalesce(jsonb_agg(jsonb_build_object('number', n.number,
        'client', n.document -> 'client', 'reason', n.reason) order by n.number), '[]')
      from public.credit_notes n where n.client_id = client.id),
    'payments', (select coalesce(jsonb_agg(jsonb_build_object('paid_at', p.paid_at,
        'method', p.method, 'reference', p.reference) order by p.paid_at, p.id), '[]')
      from public.payments p where p.client_id = client.id),
    'deliveries', (select coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'event', d.event,
        'created_at', d.created_at, 'to', d.details -> 'to', 'payload', d.payload,
        'external_id', d.external_id) order by d.id), '[]')
      from public.deliveries d where d.client_id = client.id),
    'stripe', (select coalesce(jsonb_agg(jsonb_build_object(
        'stripe_customer_id', s.stripe_customer_id)), '[]')
      from public.stripe_customers s where s.client_id = client.id),
    'usage_metadata', (select coalesce(jsonb_agg(m.noted), '[]')
      from (select distinct l.metadata as noted from _billing.logs_of_client(client.id) x
        join public.agent_usage_logs l using (id)
        where l.metadata <> _billing.counted_metadata(l.metadata)
        limit 10000) m),
    'audit_log', (select coalesce(jsonb_agg(to_jsonb(a) order by a.id), '[]')
      from billing.audit_log a
      where a.table_name = 'clients' and a.row_id = client.id::text
        or a.table_name = 'client_members' and a.row_id like client.id || '/%'));
end $$;
comment on function billing.export_personal_data is
  'Personal data of a client''s people: who they are, what was sent to them, what agents noted of
   them (10,000 different notes at most) and what the audit log says of them.';
grant execute on function billing.export_personal_data(uuid) to service_role;

-- 90_operations/personal_data/summary.sql

-- What an erasure says of itself: what it has erased, what it keeps, and what only you can erase.

create function _billing.erasure_summary(client_id uuid, members uuid[], erased jsonb)
returns jsonb language sql stable
set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  select jsonb_build_object('client_id', erasure_summary.client_id, 'erased_at', now(),
    'erased', erased,
    'kept', jsonb_build_array(
      jsonb_build_object('what', 'issued invoices and credit notes with their documents and PDFs',
        'why', 'the law asks for books: name, address and tax id of who was billed',
        'count', (select count(*) from public.invoices i
            where i.client_id = erasure_summary.client_id and i.number is not null)
          + (select count(*) from public.credit_notes n
            where n.client_id = erasure_summary.client_id)),
      jsonb_build_object('what', 'payments, with the payer''s reference',
        'why', 'books', 'count', (select count(*) from public.payments p
          where p.client_id = erasure_summary.client_id)),
      jsonb_build_object('what', 'usage by the client''s id and external id',
        'why', 'what invoices were made of; it names nobody')),
    'elsewhere', jsonb_build_array(
      jsonb_build_object('what', 'users of Supabase Auth', 'ids', to_jsonb(members)),
      jsonb_build_object('what', 'customers at Stripe', 'ids', (
        select coalesce(jsonb_agg(s.stripe_customer_id order by s.stripe_customer_id), '[]')
        from public.stripe_customers s where s.client_id = erasure_summary.client_id)),
      jsonb_build_object('what', 'files of old logs in the bucket usage-logs', 'ids', (
        select coalesce(jsonb_agg(e.path order by e.path), '[]') from billing.log_exports e
        where e.path is not null)),
      jsonb_build_object('what', 'mails that were sent, backups, logs of HERMES', 'ids',
        '[]'::jsonb)));
$$;

-- 90_operations/personal_data/erase.sql

-- Erases a client's people where they are, and keeps the books.

-- A row of the audit log without what says who somebody is.
create function _billing.without_people(table_name text, content jsonb)
returns jsonb language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case table_name
    when 'clients' then (select jsonb_object_agg(c.key, case
        when c.key in ('name', 'email', 'address', 'postal_address', 'tax_id', 'metadata')
          and c.value not in ('null', '[]', '{}') then '"[erased]"' else c.value end)
      from jsonb_each(content) c)
    when 'client_members' then content || '{"user_id": "[erased]"}'
    when 'agent_usage_logs' then jsonb_set(content, '{metadata}',
      _billing.counted_metadata(content -> 'metadata'), false)
    else content end;
$$;

-- The audit log says what was changed, not any more to whom it belonged. Each row that loses
-- something is on record with the hash of what is left.
create function _billing.erase_audit(client_id uuid, members uuid[])
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  with gone as (
    select a.id, g.actor, g.row_id, g.before, g.after
    from billing.audit_log a
    cross join lateral (
      select case when a.actor = any (members::text[]) then '[erased]' else a.actor end as actor,
        case when a.table_name = 'client_members' and a.row_id like erase_audit.client_id || '/%'
          then erase_audit.client_id || '/[erased]' else a.row_id end as row_id,
        case when a.before is not null then _billing.without_people(a.table_name, a.before) end
          as before,
        case when a.after is not null then _billing.without_people(a.table_name, a.after) end
          as after
    ) g
    where a.actor = any (members::text[])
      or a.table_name = 'clients' and a.row_id = erase_audit.client_id::text
      or a.table_name = 'client_members' and a.row_id like erase_audit.client_id || '/%'
      or a.table_name = 'agent_usage_logs'
        and a.row_id in (select l.id::text from _billing.logs_of_client(erase_audit.client_id) l)
  ), erased as (
    update billing.audit_log a
    set actor = g.actor, row_id = g.row_id, before = g.before, after = g.after
    from gone g
    where a.id = g.id and (a.actor, a.row_id, a.before, a.after)
      is distinct from (g.actor, g.row_id, g.before, g.after)
    returning a
  ), noted as (
    insert into billing.audit_erasures (audit_id, content_hash)
    select (e.a).id, _billing.audit_hash(e.a) from erased e
    on conflict (audit_id) do nothing
    returning 1
  )
  select count(*) from noted;
$$;

-- What has been or would be sent. Files and pay links in details are the books' own.
create function _billing.erase_deliveries(client_id uuid)
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  with erased as (
    update public.deliveries d
    set payload = '{}', details = d.details - '{to,payment_url}'::text[],
      last_error = case when d.state in ('dead', 'skipped', 'waiting', 'queued', 'running')
        then 'the client''s people were erased' end,
      state = case when d.state in ('waiting', 'queued', 'running') then 'skipped' else d.state end,
      lease = null, finished_at = coalesce(d.finished_at, now())
    where d.client_id = erase_deliveries.client_id
      and (d.payload <> '{}' or d.details ?| '{to,payment_url}'
        or d.last_error <> 'the client''s people were erased'
        or d.state in ('waiting', 'queued', 'running'))
    returning 1
  )
  select count(*) from erased;
$$;

-- What other tables say in passing: reports of runs, stored answers, Stripe's events.
create function _billing.erase_copies(client public.clients)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  name constant text := to_jsonb(client.name)::text;
  customers constant text[] := array(select s.stripe_customer_id from public.stripe_customers s
    where s.client_id = client.id);
  rows_changed bigint;
  erased bigint := 0;
begin
  update billing.monthly_runs r
  set summary = replace(r.summary::text, name, '"[erased]"')::jsonb
  where strpos(r.summary::text, name) > 0;
  get diagnostics rows_changed = row_count;
  erased := erased + rows_changed;
  update billing.run_batches b set blocked = replace(b.blocked::text, name, '"[erased]"')::jsonb
  where strpos(b.blocked::text, name) > 0;
  get diagnostics rows_changed = row_count;
  erased := erased + rows_changed;
  -- Within sentences; a name of a few letters would be found everywhere.
  update public.deliveries d
  set payload = replace(d.payload::text, btrim(name, '"'), '[erased]')::jsonb
  where d.client_id is null and length(client.name) > 3
    and strpos(d.payload::text, btrim(name, '"')) > 0;
  get diagnostics rows_changed = row_count;
  erased := erased + rows_changed;
  delete from billing.idempotency_keys k where strpos(k.answer::text, client.id::text) > 0;
  get diagnostics rows_changed = row_count;
  erased := erased + rows_changed;
  update billing.stripe_events e set payload = jsonb_build_object('id', e.id, 'type', e.type)
  where e.state <> 'pending' and exists (select from unnest(customers) c
    where strpos(e.payload::text, to_jsonb(c)::text) > 0);
  get diagnostics rows_changed = row_count;
  erased := erased + rows_changed;
  update public.stripe_invoices s set hosted_invoice_url = null, invoice_pdf = null
  from public.invoices i
  where i.id = s.invoice_id and i.client_id = client.id
    and num_nonnulls(s.hosted_invoice_url, s.invoice_pdf) > 0;
  get diagnostics rows_changed = row_count;
  return erased + rows_changed;
end $$;

-- Why a client's people are needed yet; null where they are not.
create function _billing.needed_people(client public.clients)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select case
    when exists (select from billing.current_periods(now()) r where r.client_id = client.id)
      then 'it is served: end its service first'
    when exists (select from public.invoices i where i.client_id = client.id
        and i.status in ('draft', 'open')) then 'it has invoices that are drafts or not paid'
    when exists (select from public.billing_periods p where p.client_id = client.id
        and (p.usage_changed or p.state in ('pending', 'blocked')))
      then 'it has periods that are not billed' end;
$$;

create function billing.erase_personal_data(client_id uuid, reason text)
returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask for all of it, not write any of it.
declare
  client public.clients;
  known billing.erasures;
  needed text;
  members uuid[];
  counts jsonb;
begin
  perform billing.require_second_factor();
  if btrim(coalesce(reason, '')) = '' then
    perform billing.raise_error('invalid_argument', 'an erasure needs a reason');
  end if;
  perform _billing.lock_clients(array[erase_personal_data.client_id]);
  select * into client from public.clients c where c.id = erase_personal_data.client_id for update;
  if client.id is null then
    perform billing.raise_error('unknown_client',
      format('no client has the id %s', erase_personal_data.client_id));
  end if;
  select * into known from billing.erasures e where e.client_id = client.id;
  if known.client_id is not null then
    return known.summary;
  end if;
  needed := _billing.needed_people(client);
  if needed is not null then
    perform billing.raise_error('client_blocked',
      format('%s cannot be erased: %s', client.name, needed));
  end if;
  members := array(select m.user_id from public.client_members m where m.client_id = client.id);
  perform set_config('billing.erasing', 'on', true);
  delete from public.client_members m where m.client_id = client.id;
  update public.clients c set name = 'Erased client ' || left(c.id::text, 8), email = null,
    address = '{}', postal_address = null, tax_id = null, metadata = '{}' where c.id = client.id;
  with noted as (
    update public.agent_usage_logs l set metadata = _billing.counted_metadata(l.metadata)
    from _billing.logs_of_client(client.id) x
    where x.id = l.id and l.metadata <> _billing.counted_metadata(l.metadata) returning 1
  )
  select jsonb_build_object('usage_logs', count(*)) into counts from noted;
  counts := counts || jsonb_build_object('members', cardinality(members),
    'deliveries', _billing.erase_deliveries(client.id), 'copies', _billing.erase_copies(client),
    'audit_log', _billing.erase_audit(client.id, members));
  perform set_config('billing.erasing', 'off', true);
  insert into billing.erasures as e (client_id, reason, summary)
  values (client.id, reason, _billing.erasure_summary(client.id, members, counts))
  returning e.* into known;
  return known.summary;
end $$;
comment on function billing.erase_personal_data is
  'Erases name, addresses, members and notes of a client that is not served any more and owes
   nothing; books stay. Returns what was erased, what is kept and why, and what is elsewhere. Done
   once: a second call returns what the first did.';
grant execute on function billing.erase_personal_data(uuid, text) to service_role;

-- 90_operations/access.sql

-- Nobody but the owner calls a function that was not granted. PostgreSQL lets everybody execute a
-- new function, and default privileges of a schema can add to that, not take from it.
revoke all on all routines in schema billing, _billing from public;

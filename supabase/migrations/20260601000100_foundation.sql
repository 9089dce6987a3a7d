-- What everything else stands on: the schema for machinery, errors, the clock, the actor.
--
-- Tables that people, agents and front ends read or write live in `public` under RLS. Functions,
-- views and bookkeeping live in `billing`, which the Data API does not expose.
create extension if not exists btree_gist with schema extensions;

create schema billing;
comment on schema billing is
  'Functions, views and bookkeeping of LeverEdge Billing. Not exposed by the Data API.';
revoke all on schema billing from public;
-- `authenticated` needs the schema for the functions its RLS policies call, nothing else in it.
grant usage on schema billing to authenticated, service_role;

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

insert into billing.error_codes (code, http_status, meaning) values
  ('negative_quantity', 400, 'A count that cannot be below zero is.'),
  ('invalid_argument', 400, 'An argument is outside what the function takes.'),
  ('unknown_client', 404, 'No client has this id.'),
  ('unknown_invoice', 404, 'No invoice has this id.'),
  ('append_only', 409, 'Rows of this table are facts; they are corrected by new rows.'),
  ('past_is_frozen', 409, 'What has been in force or invoiced cannot be changed afterwards.'),
  ('invoice_frozen', 409, 'A finalized invoice cannot be edited.'),
  ('illegal_transition', 409, 'The invoice cannot go from its state to that one.'),
  ('client_blocked', 409, 'The client cannot be billed; the message says why.'),
  ('period_not_over', 409, 'The period has not ended in the client''s time zone.'),
  ('period_already_invoiced', 409, 'The period has a live invoice.'),
  ('credit_exceeds_invoice', 409, 'More would be credited than is left on the invoice.'),
  ('currency_mismatch', 409, 'Amounts of two currencies would meet on one invoice.');

-- Raises a domain error. SQLSTATE is PostgREST's `PT<status>`, so the Data API answers with that
-- status; DETAIL carries the stable code for programs; HINT tells a person what to do.
create function billing.raise_error(error_code text, message text, hint text default '')
returns void language plpgsql set search_path = '' as $$
begin
  raise exception using
    errcode = 'PT' || (select e.http_status from billing.error_codes e where e.code = error_code),
    message = message, detail = error_code, hint = hint;
end $$;
comment on function billing.raise_error is
  'Raises the registered domain error: SQLSTATE PT<http status>, DETAIL the stable code.';

-- For CHECK constraints: `check (n >= 0 or billing.refuse_negative('n', n))` costs nothing while
-- n is fine and names column and value when it is not. Declared immutable because CHECK wants it.
create function billing.refuse_negative(column_name text, value numeric)
returns boolean language plpgsql immutable set search_path = '' as $$
begin
  raise exception using errcode = 'PT400', detail = 'negative_quantity',
    message = format('%s is %s; it cannot be below zero', column_name, value),
    hint = 'send the count as 0 or more; to take usage back, an operator calls billing.correct_log';
end $$;

comment on function billing.refuse_negative is
  'Always raises negative_quantity (400), naming column and value; for CHECK constraints.';

-- Likewise for NaN, which numeric columns take and which makes a NaN of every sum it gets into. The
-- value is taken so that the planner cannot work out, and thereby raise, the refusal beforehand.
create function billing.refuse_nan(column_name text, value numeric)
returns boolean language plpgsql immutable set search_path = '' as $$
begin
  raise exception using errcode = 'PT400', detail = 'invalid_argument',
    message = format('%s is %s, not a number', column_name, value), hint = 'send the amount, or 0';
end $$;
comment on function billing.refuse_nan is
  'Always raises invalid_argument (400), naming the column; for CHECK constraints.';

-- The one place that reads the clock. `set local billing.as_of = '2026-07-01'` lives another day.
create function billing.as_of() returns timestamptz language sql stable
return coalesce(nullif(current_setting('billing.as_of', true), '')::timestamptz, now());
comment on function billing.as_of is
  'Now, or the instant that setting billing.as_of holds (tests, replays).';

-- Who acts: set by functions for people (`billing.actor`), else the API's user or role, else the
-- database session.
create function billing.actor() returns text language sql stable
return coalesce(
  nullif(current_setting('billing.actor', true), ''),
  nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub',
  nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role',
  session_user::text);
comment on function billing.actor is 'Name of who acts, for the audit trail.';

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

-- The same name gives the same uuid (version 8). What the world outside knows by our id is named
-- by what it is: a database that was restored to the past and lives the lost days again makes it
-- under the id that Stripe and mailboxes have already, and finds it there.
create function billing.named_id(variadic parts text[]) returns uuid language sql immutable
return overlay(overlay(
  md5(array_to_string(parts, '|', '')) placing '8' from 13) placing 'a' from 17)::uuid;
comment on function billing.named_id is 'The uuid (version 8) of a name; always the same.';

-- The transaction that stores a row. Declared immutable so that a generated column may call it:
-- it is constant within a transaction, and being generated it can neither be sent by a client nor
-- be carried into another cluster by a dump.
create function billing.storing_transaction() returns xid8 language sql immutable
return pg_current_xact_id();
comment on function billing.storing_transaction is 'Id of the transaction that stores a row.';

create function billing.refuse_change() returns trigger
language plpgsql set search_path = '' as $$
begin
  perform billing.raise_error('append_only',
    format('%s is append-only: %s refused', tg_table_name, lower(tg_op)),
    'store a new row that corrects the old one');
  return null;
end $$;

-- What lists are cut to where their length is not ours to choose: messages, reports.
create function billing.first_few(list text[], most integer default 10,
  separator text default ', ')
returns text language sql immutable parallel safe
return array_to_string(list[:most], separator)
  || case when cardinality(list) > most then format('%sand %s more', separator,
    cardinality(list) - most) else '' end;
comment on function billing.first_few is
  'The first entries of a list, and how many more there are.';

revoke all on all functions in schema billing from public;
grant execute on function billing.new_id(), billing.storing_transaction(),
  billing.refuse_negative(text, numeric), billing.refuse_nan(text, numeric), billing.as_of(),
  billing.actor() to service_role;
-- Guards run as who writes: whoever may write terms must be able to be refused by their codes.
grant execute on function billing.raise_error(text, text, text) to service_role;

-- Roles and schemas of a new hosted Supabase project. Run once, as supabase_admin, on an empty
-- cluster. This file decides which missing or leaky grant a test can see, so it follows
-- the hosted service and is not made more comfortable.

-- Owns what migrations make. Not a superuser, as hosted.
create role postgres login createdb createrole replication bypassrls password 'postgres';
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit password 'postgres';
create role supabase_auth_admin login noinherit createrole password 'postgres';
create role supabase_storage_admin login noinherit createrole password 'postgres';

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role, authenticator to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role postgres set statement_timeout = '2min';

alter database postgres owner to postgres;
alter database postgres set search_path to "$user", public, extensions;

grant usage on schema public to anon, authenticated, service_role;
grant all on schema public to postgres;

create schema extensions authorization postgres;
grant usage on schema extensions to anon, authenticated, service_role;
create extension "uuid-ossp" with schema extensions;
create extension pgcrypto with schema extensions;
create extension pg_stat_statements with schema extensions;

create schema auth;
grant usage on schema auth to anon, authenticated, service_role, postgres;

create schema vault;
create extension supabase_vault with schema vault;

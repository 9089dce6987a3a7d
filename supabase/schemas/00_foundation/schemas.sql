-- The schemas, and the extensions that tables need.
--
-- Tables that people, agents and front ends read or write live in `public` under RLS. Functions,
-- views and bookkeeping that a role is granted live in `billing`, which the Data API does not
-- expose; objects that no role is granted live in `_billing`.
create extension if not exists btree_gist with schema extensions;

create schema billing;
comment on schema billing is
  'Functions, views and bookkeeping of LeverEdge Billing. Not exposed by the Data API.';
revoke all on schema billing from public;

-- `authenticated` needs the schema for the functions its RLS policies call, nothing else in it.
grant usage on schema billing to authenticated, service_role;

-- Objects that no role is granted live apart, in a schema that only its owner may use. Supabase
-- names its own internal schemas so (`_realtime`, `_analytics`).
create schema _billing;
comment on schema _billing is
  'What the functions and views of billing are made of. No role but the owner has usage.';
revoke all on schema _billing from public;

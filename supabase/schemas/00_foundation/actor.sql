-- The acting person or service: set by functions for people (`billing.actor`), else the API's user
-- or role, else the database session.
create function billing.actor() returns text language sql stable
return coalesce(
  nullif(current_setting('billing.actor', true), ''),
  nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub',
  nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role',
  session_user::text);
comment on function billing.actor is 'Name of the acting person or service, for the audit trail.';
grant execute on function billing.actor() to service_role;

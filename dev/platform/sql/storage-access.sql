-- What the hosted service lets `postgres` and the API's roles do with Storage's tables: migrations
-- make buckets and policies, the API works under row level security.
grant usage on schema storage to postgres, anon, authenticated, service_role;
grant all on all tables in schema storage to postgres, anon, authenticated, service_role;
grant execute on all functions in schema storage to postgres, anon, authenticated, service_role;

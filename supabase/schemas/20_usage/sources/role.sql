-- The role of sources that connect to the database: it may push and compare windows, nothing else.
-- Login roles of sources are members of it.

-- Roles belong to the cluster: another database may have made it.
do $$
begin
  create role billing_source nologin;
exception when duplicate_object or unique_violation then
  null;
end $$;

grant usage on schema billing to billing_source;

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

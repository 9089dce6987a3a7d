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

-- Every name that may stand in a log for whose it is, with the time for which it says so: claims
-- (ids and external ids of clients), agents that are assigned, and the empty name, which no claim
-- is: the default client's, for rows that have no claim and an agent that is never assigned. While
-- an agent is not assigned, its rows are the default client's too. Of one name at one time one row.
-- A function, not a view: of a default client that is a constant the planner knows how many rows
-- there are, and without one it leaves them out.
create function _billing.log_owners(default_client uuid)
returns table (reference text, is_claim boolean, client_id uuid, effective_from date,
  time_zone text, starts_at timestamptz, ends_at timestamptz)
language sql stable parallel safe
begin atomic
  select r.reference, true, z.client_id, z.effective_from, z.time_zone, z.starts_at, z.ends_at
  from billing.client_references r join public.client_time_zones z on z.client_id = r.client_id
  union all
  select a.agent, false, z.client_id, z.effective_from, z.time_zone,
    greatest(a.starts_at, z.starts_at), least(a.ends_at, z.ends_at)
  from public.agent_assignments a join public.client_time_zones z
    on z.client_id = a.client_id and z.starts_at < a.ends_at and a.starts_at < z.ends_at
  union all
  select f.agent, false, z.client_id, z.effective_from, z.time_zone,
    greatest(lower(f.free), z.starts_at), least(upper(f.free), z.ends_at)
  from (select a.agent, default_client as client_id,
      unnest(tstzmultirange(tstzrange('-infinity', 'infinity'))
        - range_agg(tstzrange(a.starts_at, a.ends_at))) as free
    from public.agent_assignments a group by a.agent) f
  join public.client_time_zones z
    on z.client_id = f.client_id and z.starts_at < upper(f.free) and lower(f.free) < z.ends_at
  where default_client is not null
  union all
  select '', true, z.client_id, z.effective_from, z.time_zone, z.starts_at, z.ends_at
  from public.client_time_zones z where z.client_id = default_client;
end;
comment on function _billing.log_owners is
  'Whose a log is by its claim or its agent, at which times, and in which zone its day is.';

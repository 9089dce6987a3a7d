-- Usage without a price that nobody will ever give one: a bug or a flood of an agent. Its log rows
-- are dismissed, whole, and the month that they block is free. Usage with a price stays: a row is
-- chosen by the metric that has none.

create function billing.dismiss_unpriced(
  why text, client uuid default null, agent text default null, model text default null,
  metric text default null
) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_nestloop = off set jit = off as $$
-- Definer: callers may dismiss what blocks a month, and no other log.
declare
  dismissed bigint;
begin
  perform billing.require_second_factor();
  perform _billing.require_reason('a dismissal', 'why', why);
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

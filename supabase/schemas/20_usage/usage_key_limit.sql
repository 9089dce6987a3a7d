-- How many keys of usage a client's day may have (billing_settings.max_usage_keys_per_day). Agents
-- choose the names of features, models and of themselves, and each new one is a row to be priced,
-- shown and rebuilt. A log that brings a day beyond the bound waits in quarantine as
-- `too_many_keys`.
--
-- The order of arrival decides: keys that a day has go on being counted, new ones fill what room is
-- left, and a log row any of whose keys has no room is held as a whole. That is decided once and
-- kept in held_logs, so a rebuild repeats it.

-- A client's day that new keys would take beyond the bound, and how many of them it has room for.
create type _billing.crowded_day as (client_id uuid, usage_day date, room bigint);

-- Each log row's keys of usage, as sum_logs counts them.
create view _billing.log_keys with (security_invoker = true) as
select l.id, l.seq, l.stored_by, l."timestamp", l.client_id, l.usage_day, l.agent, l.model,
  k.metric, k.rate_class
from billing.attributed_logs l
cross join lateral (
  select concat(case when l.is_unmapped then 'unmapped_' end, m.metric) as metric, l.rate_class
  from (values ('input_tokens', l.input), ('output_tokens', l.output),
    ('cache_read_tokens', l.cache_read), ('cache_write_tokens', l.cache_write),
    ('reasoning_tokens', l.reasoning)) m(metric, quantity)
  where m.quantity <> 0
  union all
  select 'web_searches', 'standard' where l.web_searches <> 0
  union all
  select 'requests', 'standard'
  union all
  select o.key, case when billing.is_tokens(o.key) then l.rate_class else 'standard' end
  from jsonb_each(case when l.reason is null then l.other_features else '{}' end) o
  where o.value <> '0'
) k
where l.reason is null;
comment on view _billing.log_keys is
  'The keys of usage_records that each billable log row adds to.';
revoke all on _billing.log_keys from public;

-- Holds what does not fit on crowded days, of rows counted by `upto` and not by `since`.
create function _billing.hold_logs(
  since billing.usage_watermark, upto billing.usage_watermark, crowded _billing.crowded_day[],
  from_at timestamptz default '-infinity', until_at timestamptz default 'infinity',
  agents text[] default null
) returns void language sql set search_path = pg_catalog, pg_temp
set enable_nestloop = off set work_mem = '64MB' as $$
  with fresh as materialized (
    select l.*, c.room
    from unnest(crowded) c
    join _billing.log_keys l on l.client_id = c.client_id and l.usage_day = c.usage_day
    where l.stored_by >= pg_snapshot_xmin(since.snapshot)
      and l."timestamp" >= from_at and (l."timestamp" < until_at or until_at = 'infinity')
      and (agents is null or l.agent in (select unnest(agents)))
      and not _billing.is_counted(
        l.stored_by, l.seq, since.snapshot, since.own_transaction, since.own_seq)
      and _billing.is_counted(
        l.stored_by, l.seq, upto.snapshot, upto.own_transaction, upto.own_seq)
      and not exists (select from public.usage_records r
        where (r.client_id, r.usage_day, r.model, r.metric, r.rate_class, r.agent)
          = (l.client_id, l.usage_day, l.model, l.metric, l.rate_class, l.agent))
  ), ranked as (
    select f.client_id, f.usage_day, f.agent, f.model, f.metric, f.rate_class,
      row_number() over (partition by f.client_id, f.usage_day
        order by min(f.seq), f.agent, f.model, f.metric, f.rate_class) as place
    from fresh f
    group by f.client_id, f.usage_day, f.agent, f.model, f.metric, f.rate_class
  )
  insert into billing.held_logs as h (log_id, client_id, usage_day)
  select distinct f.id, f.client_id, f.usage_day
  from fresh f join ranked k using (client_id, usage_day, agent, model, metric, rate_class)
  where k.place > f.room
  on conflict (log_id) do update set client_id = excluded.client_id,
    usage_day = excluded.usage_day, held_at = excluded.held_at;
$$;
comment on function _billing.hold_logs is
  'Holds the log rows that would take clients'' days beyond max_usage_keys_per_day.';

-- Lets held rows go, after the bound was raised: the next rollup counts them, and holds again what
-- is beyond it still. Returns how many.
create function billing.release_held_logs(client uuid default null)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask for it, only these functions write held_logs and rebuild_requests.
declare
  released bigint;
begin
  perform billing.require_second_factor();
  -- A rollup that is under way decides before.
  perform from billing.usage_watermark for update;
  with gone as (
    delete from billing.held_logs h where client is null or h.client_id = client
    returning h.log_id, h.client_id, h.usage_day
  ), asked as (
    insert into billing.rebuild_requests (agents, client_ids, from_day, until_day)
    select array_agg(distinct l.agent), array_agg(distinct g.client_id), min(g.usage_day),
      max(g.usage_day) + 1
    from gone g
    join public.agent_usage_logs l on l.id = g.log_id
    having count(*) > 0
  )
  select count(*) into released from gone;
  return released;
end $$;
comment on function billing.release_held_logs is
  'Lets log rows go that wait as too_many_keys, of one client or of all; the next rollup counts
   them as far as the bound allows.';
grant execute on function billing.release_held_logs(uuid) to service_role;

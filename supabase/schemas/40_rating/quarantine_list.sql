-- Pages of what is in quarantine, each by index however much waits: log rows first, by reason,
-- agent and model, then counted usage and items as of the last count.

-- The groups of waiting log rows after one, or from the first. Groups are found one after another,
-- so that nothing is read of those before and behind.
create function _billing.waiting_groups(most bigint, only_reason text, after text[])
returns setof billing.quarantine
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  place record;
begin
  -- Behind a row of a reason that comes before the one asked for, that one begins with its first.
  if after is null or after[1] < only_reason collate "C" then
    select q.reason, q.agent, q.model into place from billing.quarantined_logs q
    where not q.dismissed and q.reason collate "C" >= coalesce(only_reason, '')
    order by q.reason collate "C", q.agent collate "C", q.model collate "C" limit 1;
  else
    select q.reason, q.agent, q.model into place from billing.quarantined_logs q
    where not q.dismissed and (q.reason collate "C", q.agent collate "C", q.model collate "C")
      > (after[1], after[2], after[3])
    order by q.reason collate "C", q.agent collate "C", q.model collate "C" limit 1;
  end if;
  for n in 1..most loop
    exit when place.reason is null or place.reason <> only_reason;
    return query
    select place.reason, null::uuid, place.agent, place.model, null::text, null::text, count(*),
      (case when place.reason <> 'invalid_timestamp' then min(q.occurred_at) end)::date,
      (case when place.reason <> 'invalid_timestamp' then max(q.occurred_at) end)::date
    from billing.quarantined_logs q
    where not q.dismissed and q.reason collate "C" = place.reason
      and q.agent collate "C" = place.agent and q.model collate "C" = place.model;
    select q.reason, q.agent, q.model into place from billing.quarantined_logs q
    where not q.dismissed and (q.reason collate "C", q.agent collate "C", q.model collate "C")
      > (place.reason, place.agent, place.model)
    order by q.reason collate "C", q.agent collate "C", q.model collate "C" limit 1;
  end loop;
end $$;
comment on function _billing.waiting_groups is
  'Log rows in quarantine, by reason, agent and model.';

-- `after`: reason, agent, model, metric, client_id and rate_class of the last row of the page
-- before, '' for null.
create function billing.list_quarantine(most bigint, only_reason text default null,
  after text[] default null)
returns setof billing.quarantine
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set enable_sort = off set jit = off as $$
-- Definer: the groups are read by a function that nobody is granted.
declare
  groups bigint := 0;
  -- Bounds that an index takes, whatever is asked for: reasons are words of small letters.
  last_reason constant text := coalesce(only_reason, '~');
begin
  -- A log row in quarantine has no client.
  if after is null or after[5] = '' then
    return query select * from _billing.waiting_groups(most, only_reason, after);
    get diagnostics groups = row_count;
    after := null;
  end if;
  if groups < most then
    return query
    -- Only items have no names; a blank name of usage stays one, and is no filter that is left out.
    select g.reason, g.client_id, u.agent, u.model, u.metric, u.rate_class, g.rows, g.first_day,
      g.last_day
    from billing.quarantine_groups g
    left join lateral (select g.agent, g.model, g.metric, g.rate_class
      where g.reason <> 'item_after_end') u on true
    where (g.reason, g.agent, g.model, g.metric, g.client_id, g.rate_class)
        > (coalesce(after[1], only_reason, ''), coalesce(after[2], ''), coalesce(after[3], ''),
          coalesce(after[4], ''),
          coalesce(after[5]::uuid, '00000000-0000-0000-0000-000000000000'),
          coalesce(after[6], ''))
      and g.reason <= last_reason and (only_reason is null or g.reason = only_reason)
    order by g.reason, g.agent, g.model, g.metric, g.client_id, g.rate_class
    limit most - groups;
  end if;
end $$;
comment on function billing.list_quarantine is
  'A page of quarantine: log rows first, then usage and items as of the last count.';
grant execute on function billing.list_quarantine(bigint, text, text[]) to service_role;

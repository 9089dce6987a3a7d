-- Large rebuilds: which pieces they are done in, which are pending.

-- The first day from one on that has logs (UTC); null where there is none. Looks at stretches that
-- grow until there is one, then halves it: each look reads the index of times.
create function _billing.next_log_day(from_day date)
returns date language plpgsql stable
set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off as $$
declare
  low date := greatest(from_day, '1970-01-01');
  high date := low + 1;
  middle date;
begin
  while not exists (select from public.agent_usage_logs l
    where l."timestamp" >= low::timestamp at time zone 'UTC'
      and l."timestamp" < high::timestamp at time zone 'UTC') loop
    if high >= '2200-01-01' then
      return null;
    end if;
    middle := low;
    low := high;
    high := least(high + 2 * (high - middle), '2200-01-01');
  end loop;
  while high - low > 1 loop
    middle := low + (high - low) / 2;
    if exists (select from public.agent_usage_logs l
      where l."timestamp" >= low::timestamp at time zone 'UTC'
        and l."timestamp" < middle::timestamp at time zone 'UTC') then
      high := middle;
    else
      low := middle;
    end if;
  end loop;
  return low;
end $$;
comment on function _billing.next_log_day is
  'The first day (UTC) from one on that has logs; null where there is none.';

-- Where the next piece of a job ends: so many days that have logs. Days without, however many, cost
-- nothing and belong to the piece before them.
create function _billing.piece_end(from_day date, until_day date, days integer)
returns date language sql stable set search_path = pg_catalog, pg_temp as $$
  select least(until_day, coalesce(_billing.next_log_day(x.stop + 2) - 2, 'infinity'))
  from (select greatest(from_day, coalesce(_billing.next_log_day(from_day) - 2, '1970-01-01'))
    + days as stop) x;
$$;
comment on function _billing.piece_end is 'Where the next piece of a rebuild ends.';

-- Jobs that periods wait for, each with the days that it has not done.
create view billing.pending_rebuilds with (security_invoker = true) as
select r.id, r.client_ids, r.agents, coalesce(r.done_until, r.from_day) as from_day, r.until_day,
  r.requested_at
from billing.rebuild_requests r where r.in_steps and not r.compares;
comment on view billing.pending_rebuilds is
  'Usage that is being computed anew, and the days that are still to be done.';
revoke all on billing.pending_rebuilds from public;
grant select on billing.pending_rebuilds to service_role;

create function _billing.is_being_rebuilt(client_id uuid, from_day date, until_day date)
returns boolean language sql stable
begin atomic
  select exists (select from billing.pending_rebuilds r
    where r.from_day < is_being_rebuilt.until_day and is_being_rebuilt.from_day < r.until_day
      and (r.client_ids is null or is_being_rebuilt.client_id = any (r.client_ids)));
end;
comment on function _billing.is_being_rebuilt is
  'Whether usage of a client on some of these days is being computed anew.';

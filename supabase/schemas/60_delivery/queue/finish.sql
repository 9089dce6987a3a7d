-- Seconds until the next try: 30 s doubled per try up to two hours, of which half to all.
create function _billing.retry_delay(attempts integer, share double precision)
returns interval language sql immutable
return make_interval(secs => least(30 * 2 ^ least(attempts - 1, 20), 7200) * (0.5 + share / 2));

create function _billing.release_deliveries(finished bigint[], at timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.deliveries d set state = 'queued', due_at = at
  where d.after_id = any (finished) and d.state = 'waiting';
$$;

-- Writes the outcome of a leased delivery and lets those go that wait for it. Returns the new
-- state; null when the lease has passed to another worker, whose outcome counts.
create function _billing.finish_delivery(delivery_id bigint, lease uuid, outcome jsonb,
  at timestamptz default clock_timestamp())
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  job public.deliveries;
begin
  select * into job from public.deliveries d
  where d.id = delivery_id and d.lease = finish_delivery.lease for update;
  if job.id is null then
    return null;
  end if;
  job.state := case outcome ->> 'kind'
    when 'retry' then case when job.attempts < job.max_attempts then 'queued' else 'dead' end
    else outcome ->> 'kind' end;
  update public.deliveries d
  set state = job.state, lease = null,
    due_at = case when job.state = 'queued' then at + greatest(
      make_interval(secs =>
        least(coalesce((outcome ->> 'retryAfterSeconds')::double precision, 0), 86400)),
      _billing.retry_delay(job.attempts, random())) else d.due_at end,
    external_id = coalesce(outcome ->> 'externalId', d.external_id),
    details = (d.details - 'channel_off') || coalesce(outcome -> 'details', '{}'),
    last_error = case when job.state = 'done' then null
      else left(coalesce(outcome ->> 'error', d.last_error), 2000) end,
    -- A worker that lives to tell has not died of it.
    worker_deaths = case when job.state = 'dead' then d.worker_deaths else 0 end,
    finished_at = case when job.state <> 'queued' then at end
  where d.id = job.id;
  if job.state <> 'queued' then
    perform _billing.release_deliveries(array[job.id], at);
  end if;
  if job.state = 'dead' then
    perform _billing.report_dead_delivery(job.id);
  end if;
  -- Five tries take a few minutes: long enough for a restart, short enough for news.
  if job.event = 'notice'
    and (job.state = 'dead' or job.state = 'queued' and job.attempts >= 5) then
    perform _billing.send_notice_otherwise(array[job.id]);
  end if;
  return job.state;
end $$;
comment on function _billing.finish_delivery is
  'Records {kind: done|retry|dead|skipped, error, retryAfterSeconds, externalId, details}.';

-- For a kind that is switched off where the worker runs: its deliveries say so and hold nobody up.
-- Operators are told once a month by the ways that are on; their own notices are not counted, but
-- sent the other way.
create function _billing.skip_deliveries(kind text, reason text,
  at timestamptz default clock_timestamp())
returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  skipped bigint[];
  missed bigint;
begin
  with gone as (
    update public.deliveries d set state = 'skipped', last_error = reason, finished_at = at,
      details = d.details || '{"channel_off": true}'
    where d.kind = skip_deliveries.kind and d.state = 'queued'
    returning d.id, d.event
  )
  select array_agg(g.id), count(*) filter (where g.event <> 'notice') into skipped, missed
  from gone g;
  perform _billing.release_deliveries(skipped, at);
  perform _billing.send_notice_otherwise(skipped);
  if missed > 0 then
    perform _billing.report_channel_off(kind, reason, missed, at);
  end if;
  return coalesce(cardinality(skipped), 0);
end $$;
comment on function _billing.skip_deliveries is 'Marks queued deliveries of a kind as skipped.';

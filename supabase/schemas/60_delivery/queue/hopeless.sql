-- Deliveries that end their workers. One whose lease ran out twice in a row runs alone and last;
-- after two more times it is dead. A worker that dies takes down what it had beside it too, but
-- that runs well when it runs alone.

create function _billing.is_suspect(delivery public.deliveries)
returns boolean language sql immutable
return (delivery).worker_deaths + ((delivery).state = 'running')::integer >= 2;
comment on function _billing.is_suspect is
  'Of a delivery that is due: whether its workers have died twice in a row, so it must run alone.';

-- A mail carries the PDF that the archive files. Where that has ended its workers, the mail waits
-- until the archive is through.
create function _billing.waits_for_pdf(mail public.deliveries, at timestamptz)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select mail.kind = 'email' and exists (select from public.deliveries a
    where a.kind = 'archive' and a.invoice_id = mail.invoice_id
      and a.credit_note_id is not distinct from mail.credit_note_id
      and (a.state = 'queued' and a.worker_deaths >= 2
        or a.state = 'running' and a.worker_deaths + (a.due_at <= at)::integer >= 2));
$$;

-- Ends what has no try left, and the mails of what the archive cannot render.
create function _billing.end_hopeless_deliveries(kinds text[], at timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  unsendable bigint[];
begin
  perform _billing.finish_delivery(d.id, d.lease, jsonb_build_object('kind', 'dead',
    'error', coalesce(d.last_error || '; ', '') || case when d.worker_deaths >= 3
      then 'its worker died four times, twice while it ran alone'
      else 'its worker died on the last try' end), at)
  from public.deliveries d
  where d.kind = any (kinds) and d.state = 'running' and d.due_at <= at
    and (d.attempts >= d.max_attempts or d.worker_deaths >= 3);
  if not 'email' = any (kinds) then
    return;
  end if;
  with ended as (
    update public.deliveries m set state = 'dead', lease = null, finished_at = at,
      last_error = format('its PDF cannot be rendered: see delivery %s', a.id)
    from public.deliveries a
    where m.kind = 'email' and m.state in ('queued', 'running') and m.due_at <= at
      and a.kind = 'archive' and a.state = 'dead' and a.worker_deaths >= 3
      and a.invoice_id = m.invoice_id and a.credit_note_id is not distinct from m.credit_note_id
    returning m.id
  )
  select array_agg(e.id) into unsendable from ended e;
  perform _billing.release_deliveries(unsendable, at);
  perform _billing.report_dead_delivery(u.id) from unnest(unsendable) u(id);
end $$;

-- One that has ended its workers, while no other is under way; null where there is none.
create function _billing.claim_delivery_alone(kinds text[], lease_seconds integer default 120,
  at timestamptz default clock_timestamp())
returns setof public.deliveries language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from public.deliveries d where d.state = 'running' and d.due_at > at) then
    return;
  end if;
  return query
  update public.deliveries d
  set state = 'running', lease = gen_random_uuid(), attempts = d.attempts + 1,
    worker_deaths = d.worker_deaths + (d.state = 'running')::integer,
    due_at = at + make_interval(secs => lease_seconds)
  where d.id = (select q.id from public.deliveries q
    where q.kind = any (kinds) and q.state in ('queued', 'running') and q.due_at <= at
      and _billing.is_suspect(q) and not _billing.waits_for_pdf(q, at)
    order by q.due_at, q.id limit 1
    for update skip locked)
  returning d.*;
end $$;
comment on function _billing.claim_delivery_alone is
  'Leases one due delivery that has ended its workers, while nothing else is under way.';

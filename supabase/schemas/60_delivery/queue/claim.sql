-- Takes up to so many due deliveries of each kind, so that no kind waits behind another, oldest
-- first, so that none is overtaken for ever. A running one whose lease is over belonged to a worker
-- that died: it is taken again, unless that was its last try, or it must run alone. Counted here,
-- in the statement that takes it, so that a delivery which kills its workers ends too.
create function _billing.claim_deliveries(kinds text[], per_kind integer,
  lease_seconds integer default 120, at timestamptz default clock_timestamp())
returns setof public.deliveries language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.end_hopeless_deliveries(kinds, at);
  return query
  -- Materialized: a nested loop would choose again for each row that it compares, and take more.
  with taken as materialized (
    select c.id from unnest(kinds) k(kind) cross join lateral (
      select q.id from public.deliveries q
      where q.kind = k.kind and q.state in ('queued', 'running') and q.due_at <= at
        and not _billing.is_suspect(q) and not _billing.waits_for_pdf(q, at)
      order by q.due_at, q.id limit per_kind
      for update skip locked
    ) c
  )
  update public.deliveries d
  set state = 'running', lease = gen_random_uuid(), attempts = d.attempts + 1,
    worker_deaths = d.worker_deaths + (d.state = 'running')::integer,
    due_at = at + make_interval(secs => lease_seconds)
  from taken t where d.id = t.id
  returning d.*;
end $$;
comment on function _billing.claim_deliveries is
  'Leases due deliveries of these kinds to the caller and counts the try.';

-- The daily fetching of list prices: a delivery for each source that is on. The worker fetches,
-- reads and compares; a source that cannot be read changes nothing and is reported once.

create function billing.queue_price_syncs(as_of timestamptz default billing.as_of())
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: nobody writes deliveries but these functions.
  with queued as (
    insert into public.deliveries (kind, event, dedupe_key, max_attempts, payload)
    select 'price_sync', 'price_sync',
      format('price_sync:%s:%s', s.id, (as_of at time zone 'UTC')::date), 6,
      jsonb_build_object('source', s.id)
    from public.price_sources s where s.enabled
    on conflict (dedupe_key) do nothing
    returning 1
  )
  select count(*) from queued;
$$;
comment on function billing.queue_price_syncs is
  'Has each source of list prices that is on fetched and compared, once a day; returns how many.';
grant execute on function billing.queue_price_syncs(timestamptz) to service_role;

-- Since when a source cannot be read, and why. Told when it begins, not again until it has ended.
create function _billing.note_price_problem(source text, problem text,
  at timestamptz default clock_timestamp())
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  since timestamptz;
begin
  insert into billing.price_source_states as s (source, problem, problem_since)
  values (source, problem, at)
  on conflict on constraint price_source_states_pkey do update
  set problem = excluded.problem, problem_since = coalesce(s.problem_since, excluded.problem_since)
  returning s.problem_since into since;
  perform billing.queue_operator_alert(format('price_source:%s:%s', source, since), 'normal',
    'List prices cannot be read', format('The list prices of %s cannot be read: %s. Nothing was '
      || 'changed; prices stay as they are until it can be read again.', source, problem));
end $$;
comment on function _billing.note_price_problem is
  'Notes why a source of list prices cannot be read, and tells operators when that begins.';

create function _billing.price_problems()
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select string_agg(format('%s cannot be read since %s: %s', s.source,
    to_char(s.problem_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), s.problem), '; '
    order by s.source)
  from billing.price_source_states s join public.price_sources p on p.id = s.source
  where s.problem is not null and p.enabled;
$$;
comment on function _billing.price_problems is
  'What is wrong with sources of list prices that are on.';

-- What operators are told of a flood of refused requests.

-- Once a day, of the first hour that has more refusals than the bound, while it runs: the sources
-- that were refused most often. Later hours of the day are in the audit log. A stray agent with a
-- revoked key, which tries once a minute, stays far below.
create function _billing.tell_of_refusals(bound bigint default 10000)
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  with sources as (
    select r.hour, r.source, sum(r.attempts)::bigint as attempts,
      string_agg(distinct r.function_name || ' ' || r.code, ', '
        order by r.function_name || ' ' || r.code) as refused
    from _billing.refused_requests r group by r.hour, r.source
  ), floods as (
    select s.hour, sum(s.attempts)::bigint as attempts, count(*) as sources,
      array_agg(format('%s: %s (%s)', s.source, s.attempts, left(s.refused, 200))
        order by s.attempts desc, s.source) as counts
    from sources s group by s.hour having sum(s.attempts) > bound
  )
  select coalesce(sum(billing.queue_operator_alert(
    format('refusals:%s', (f.hour at time zone 'UTC')::date), 'high',
    'Many requests are refused',
    format(E'%s requests of %s sources have been refused since %s UTC, more than %s in an hour:\n'
      || E'- %s\nAll are in the audit log once the hour is over.', f.attempts, f.sources,
      to_char(f.hour at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), bound,
      array_to_string(f.counts[:10], E'\n- ')))), 0)::bigint
  from floods f;
$$;
comment on function _billing.tell_of_refusals is
  'Tells operators of an hour with more refused requests than the bound, with its sources; once a
   day. Returns how many deliveries that takes.';

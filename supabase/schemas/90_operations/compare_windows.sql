-- A source says what its windows add up to; where the log has something else, operators are told.
create function billing.compare_windows(source text, totals jsonb, from_at timestamptz,
  until_at timestamptz, at timestamptz default clock_timestamp())
returns table (window_start timestamptz, said_calls numeric, logged_calls numeric,
  said_checksum numeric, logged_checksum numeric)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the role of a source may compare its windows and read nothing else.
declare
  known billing.usage_sources;
  different record;
  found bigint := 0;
  examples text := '';
begin
  known := _billing.lock_source(source);
  -- A source does not say when it was compared.
  if not _billing.acts_for_all_sources() then
    at := clock_timestamp();
  end if;
  if not coalesce(isfinite(from_at) and isfinite(until_at) and from_at < until_at, false) then
    perform billing.raise_error('invalid_argument', 'from_at lies before until_at');
  end if;
  -- Windows whose logs have been exported are no longer compared.
  from_at := least(until_at,
    greatest(from_at, (select w.kept_from from billing.usage_watermark w)));
  for different in
    select * from _billing.window_discrepancies(known, totals, from_at, until_at) d
    where d.window_start >= from_at
  loop
    found := found + 1;
    if found <= 3 then
      examples := examples || format(' %s: %s calls in the source, %s in the log.',
        to_char(different.window_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
        different.said_calls, different.logged_calls);
    end if;
    select different.window_start, different.said_calls, different.logged_calls,
      different.said_checksum, different.logged_checksum
    into window_start, said_calls, logged_calls, said_checksum, logged_checksum;
    return next;
  end loop;
  perform _billing.note_comparison(source, from_at, until_at, found, at);
  if found > 0 then
    perform billing.queue_operator_alert(
      format('reconcile:source:%s:%s', source, (at at time zone 'UTC')::date), 'high',
      'Windows of a source differ from the log',
      format('%s windows of source %s differ from the log, from %s to %s (UTC).%s', found, source,
        to_char(from_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
        to_char(until_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), examples));
  end if;
end $$;
comment on function billing.compare_windows is
  'Compares totals of a source, [{window, calls, checksum}], with the log; returns the windows that
   differ, notes the comparison, and tells operators of differences once a day.';
grant execute on function
  billing.compare_windows(text, jsonb, timestamptz, timestamptz, timestamptz)
  to service_role, billing_source;

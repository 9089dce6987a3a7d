-- What the log has of a source's windows, to be compared with what the source says.

-- Rows, calls and checksum of each window in the log, of all rows of the source's agents: a row
-- that the source did not push is in here too, and so makes a difference.
create function _billing.window_totals(source billing.usage_sources, from_at timestamptz,
  until_at timestamptz)
returns table (window_start timestamptz, calls numeric, checksum numeric)
language sql stable set search_path = pg_catalog, pg_temp set enable_nestloop = off
set jit = off as $$
  select date_bin(source.window_length, l."timestamp", '2000-01-01 00:00+00'), sum(l.calls),
    sum(_billing.window_checksum(l))
  from public.agent_usage_logs l
  join billing.usage_source_agents a on a.agent = l.agent
  where a.source_id = source.id and l."timestamp" >= greatest(from_at, a.since)
    and l."timestamp" < until_at
  group by 1;
$$;
comment on function _billing.window_totals is
  'Calls and checksum per window of what the log has of a source''s agents.';

-- By how much a source's totals differ from the log because its last statement was refused. Its
-- windows are equal with this difference, and without it: a source may take the refusal over.
create function _billing.refused_totals(source billing.usage_sources, from_at timestamptz,
  until_at timestamptz)
returns table (window_start timestamptz, calls numeric, checksum numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select date_bin(source.window_length, l."timestamp", '2000-01-01 00:00+00'),
    sum(said.calls - s.calls),
    -- A version of no calls takes all back, whatever else it says.
    sum(case when said.calls > 0 then _billing.window_checksum(said) else 0 end - s.checksum)
  from billing.refused_windows r
  join _billing.window_versions v on v.log_id = r.log_id and v.version = r.version
  join public.agent_usage_logs l on l.id = r.log_id
  cross join lateral _billing.with_counts(l, r.counts) said
  cross join lateral (select coalesce(sum(o.calls), 0) as calls,
      coalesce(sum(_billing.window_checksum(o)), 0) as checksum
    from public.agent_usage_logs o where o.id = r.log_id or o.corrects_id = r.log_id) s
  where r.source_id = source.id and l."timestamp" >= from_at and l."timestamp" < until_at
  group by 1;
$$;
comment on function _billing.refused_totals is
  'What refused versions of windows say more or less than the log, per window of a source.';

-- Windows in which the log and the source's totals differ. A window with no calls left is none.
create function _billing.window_discrepancies(source billing.usage_sources, totals jsonb,
  from_at timestamptz, until_at timestamptz)
returns table (window_start timestamptz, said_calls numeric, logged_calls numeric,
  said_checksum numeric, logged_checksum numeric)
language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  with said as (
    select t."window" as window_start, sum(t.calls) as calls, sum(t.checksum) as checksum
    from jsonb_to_recordset(totals) t("window" timestamptz, calls numeric, checksum numeric)
    group by 1
  )
  select window_start, coalesce(s.calls, 0), coalesce(l.calls, 0), coalesce(s.checksum, 0),
    coalesce(l.checksum, 0)
  from said s full join _billing.window_totals(source, from_at, until_at) l using (window_start)
  left join _billing.refused_totals(source, from_at, until_at) r using (window_start)
  where (coalesce(s.calls, 0), coalesce(s.checksum, 0)) not in (
    (coalesce(l.calls, 0), coalesce(l.checksum, 0)),
    (coalesce(l.calls, 0) + coalesce(r.calls, 0),
      coalesce(l.checksum, 0) + coalesce(r.checksum, 0)))
  order by 1;
$$;
comment on function _billing.window_discrepancies is
  'Windows in which the log differs from a source''s totals.';

-- Notes a comparison. Equal time grows where one follows on another; of two stretches the later is
-- kept. Time ahead of the comparison is not known to be equal. A window that differed is known to
-- differ until it has been found equal.
create function _billing.note_comparison(source text, from_at timestamptz, until_at timestamptz,
  found_different bigint, at timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  s billing.usage_source_states;
  compared constant tstzmultirange := tstzmultirange(tstzrange(from_at, until_at));
  known_until constant timestamptz := least(until_at, at);
  differing tstzmultirange;
begin
  insert into billing.usage_source_states (source_id) values (source)
  on conflict on constraint usage_source_states_pkey do nothing;
  select * into s from billing.usage_source_states t where t.source_id = source for update;
  differing := case when found_different > 0 then s.different + compared
    else s.different - compared end;
  if found_different > 0 then
    if from_at < s.equal_until and until_at > s.equal_from then
      s.equal_until := greatest(from_at, s.equal_from);
    end if;
  elsif known_until > from_at then
    if s.equal_from < s.equal_until and from_at <= s.equal_until
      and known_until >= s.equal_from then
      s.equal_from := least(s.equal_from, from_at);
      s.equal_until := greatest(s.equal_until, known_until);
    elsif not coalesce(s.equal_from < s.equal_until and known_until < s.equal_from, false) then
      s.equal_from := from_at;
      s.equal_until := known_until;
    end if;
  end if;
  update billing.usage_source_states t
  set compared_at = at, equal_from = s.equal_from, equal_until = s.equal_until,
    differences = case when isempty(differing) then 0
      -- All that differs lies in this comparison, or some of it elsewhere too.
      when differing <@ compared then found_different
      else greatest(s.differences, found_different) end,
    different = differing
  where t.source_id = source;
end $$;
comment on function _billing.note_comparison is
  'Notes when a source was compared, within which time its windows are equal, and what differs.';

-- Sources without an equal comparison within their time, or with windows that wait, and why.
create function _billing.source_problems(at timestamptz default clock_timestamp())
returns table (source_id text, since timestamptz, problem text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.id, coalesce(t.compared_at, s.created_at),
    case when coalesce(t.differences, 0) > 0
      then format('source %s differs from the log in %s windows', s.id, t.differences)
      else format('source %s has not been compared with the log since %s', s.id,
        to_char(coalesce(t.compared_at, s.created_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
      end
  from billing.usage_sources s left join billing.usage_source_states t on t.source_id = s.id
  where coalesce(t.differences, 0) > 0
    or coalesce(t.compared_at, s.created_at) < at - s.compared_within
  union all
  select h.source_id, min(h.held_at),
    format('%s windows of source %s wait for a decision: they say less than what has been invoiced',
      count(*), h.source_id)
  from billing.held_windows h group by h.source_id;
$$;
comment on function _billing.source_problems is
  'Sources that differ from the log, have not been compared with it within their time, or have
   windows that wait for a decision.';

-- The first source whose windows of some days (UTC) are not known to be equal to the log's.
create function _billing.uncompared_source(from_day date, until_day date)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.id
  from billing.usage_sources s left join billing.usage_source_states t on t.source_id = s.id
  where exists (select from billing.usage_source_agents a where a.source_id = s.id
      and a.since < until_day::timestamp at time zone 'UTC')
    and not coalesce(t.equal_until >= until_day::timestamp at time zone 'UTC'
      and t.equal_from <= greatest(from_day::timestamp at time zone 'UTC', (
        select min(a.since) from billing.usage_source_agents a where a.source_id = s.id)), false)
  order by s.id limit 1;
$$;
comment on function _billing.uncompared_source is
  'A source whose windows of some days are not known to equal the log; null where all are.';

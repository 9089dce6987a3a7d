-- The files that logs are exported to.

-- The lines of a file: a row without what is no part of it (which transaction stored it here). The
-- caller sets the time zone; bound, not pinned, so that it is inlined.
create function _billing.log_line(log public.agent_usage_logs)
returns text language sql stable
return (to_jsonb(log) - 'stored_by')::text;

-- Cuts a month into parts of about so many rows, each an interval of time; returns how many. Counts
-- by the second: rows of one second stay together, and nothing is sorted but the seconds.
create function _billing.plan_log_exports(month date, part_rows integer default 10000)
returns bigint language sql set search_path = pg_catalog, pg_temp set work_mem = '64MB' as $$
  with bounds as (
    select plan_log_exports.month::timestamp at time zone 'UTC' as lowest,
      (plan_log_exports.month + interval '1 month') at time zone 'UTC' as highest
  ), seconds as (
    select date_trunc('second', l."timestamp") as at, count(*) as rows
    from public.agent_usage_logs l, bounds b
    where l."timestamp" >= b.lowest and l."timestamp" < b.highest
    group by 1
  ), ordered as (
    -- A second belongs to the part that its last row belongs to.
    select s.at, (sum(s.rows) over (order by s.at) - 1)::bigint / part_rows as place
    from seconds s
  ), cuts as (
    select min(o.at) as at from ordered o group by o.place
  ), parts as (
    select row_number() over (order by c.at) as part,
      case when row_number() over (order by c.at) = 1 then b.lowest else c.at end as from_at,
      coalesce(lead(c.at) over (order by c.at), b.highest) as until_at
    from cuts c, bounds b
  ), planned as (
    insert into billing.log_exports (month, part, from_at, until_at)
    select plan_log_exports.month, p.part, p.from_at, p.until_at from parts p
    returning part
  ), queued as (
    insert into public.deliveries (kind, event, dedupe_key, max_attempts, payload)
    select 'log_export', 'log_export', format('log_export:%s:%s', plan_log_exports.month, p.part),
      s.delivery_attempts, jsonb_build_object('month', plan_log_exports.month, 'part', p.part)
    from planned p cross join public.billing_settings s
    order by p.part
  )
  select count(*) from planned;
$$;

-- What a worker stores: all lines of a part, in the order in which they arrived. Null when there is
-- nothing to store (any more).
create function _billing.read_log_export(month date, part integer)
returns table (lines text, log_count bigint, checksum numeric)
language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  select string_agg(x.line || E'\n', '' order by x.seq), count(*),
    sum(hashtextextended(x.line, 0)::numeric)
  from billing.log_exports e
  cross join lateral (
    select l.seq, _billing.log_line(l) as line from public.agent_usage_logs l
    where l."timestamp" >= e.from_at and l."timestamp" < e.until_at
  ) x
  where e.month = read_log_export.month and e.part = read_log_export.part and e.state = 'queued'
  having count(*) > 0;
$$;
comment on function _billing.read_log_export is
  'Lines of a part of a month''s logs, how many, and the sum of their hashes.';

create function _billing.save_log_export(month date, part integer, log_count bigint,
  checksum numeric, path text, sha256 text, bytes bigint)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update billing.log_exports e set state = 'stored', log_count = save_log_export.log_count,
    checksum = save_log_export.checksum, path = save_log_export.path,
    sha256 = save_log_export.sha256, bytes = save_log_export.bytes
  where e.month = save_log_export.month and e.part = save_log_export.part and e.state = 'queued';
$$;
comment on function _billing.save_log_export is 'Notes that a part has been stored and read back.';

-- Removes a stored part, if its rows are still those that were stored; else it is stored anew.
create function _billing.remove_log_export(month date, part integer)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
  file billing.log_exports;
  seen record;
begin
  select * into file from billing.log_exports e
  where e.month = remove_log_export.month and e.part = remove_log_export.part;
  -- What is compared is what is removed: a row that commits in between is in neither, and one that
  -- no rollup has counted yet stays.
  with gone as (
    delete from public.agent_usage_logs l using billing.usage_watermark w
    where l."timestamp" >= file.from_at and l."timestamp" < file.until_at
      and _billing.is_counted(l.stored_by, l.seq, w.snapshot, w.own_transaction, w.own_seq)
    returning l
  )
  select count(*) as rows, coalesce(sum(hashtextextended(_billing.log_line(g.l), 0)::numeric), 0)
    as checksum into seen from gone g;
  if (seen.rows, seen.checksum) is distinct from (file.log_count, file.checksum) then
    raise exception using errcode = 'PT409', message = 'the rows are not those that were stored',
      detail = 'append_only';
  end if;
  update billing.log_exports e set state = 'removed'
  where e.month = file.month and e.part = file.part;
  return seen.rows;
end $$;

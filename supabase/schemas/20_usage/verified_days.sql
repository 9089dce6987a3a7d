-- Which days have been compared with the logs since their records last changed. A month closes only
-- when records and logs agree; days compared by night and unchanged since still agree,
-- so closing costs the comparison of what is new, however long the month's logs are.
create table billing.usage_days (
  usage_day date primary key,
  changes bigint not null default 0,
  verified_changes bigint
);
comment on table billing.usage_days is
  'Per client-local day how often its usage_records changed, and at which count they agreed with the
   logs: verified while both are the same.';
alter table billing.usage_days enable row level security;
revoke all on billing.usage_days from public;
grant select on billing.usage_days to service_role;

-- Days whose records were changed, by the rollup or by hand, are to be compared again.
create function _billing.note_changed_days() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: usage_days is written by nobody but these functions.
begin
  if tg_op = 'TRUNCATE' then
    update billing.usage_days set changes = changes + 1;
  else
    insert into billing.usage_days as d (usage_day, changes)
    select distinct c.usage_day, 1 from changed_rows c
    on conflict (usage_day) do update set changes = d.changes + 1;
  end if;
  return null;
end $$;

create trigger note_inserted_days after insert on public.usage_records
  referencing new table as changed_rows
  for each statement execute function _billing.note_changed_days();
create trigger note_updated_days after update on public.usage_records
  referencing new table as changed_rows
  for each statement execute function _billing.note_changed_days();

-- A record that moves to another day leaves one.
create trigger note_left_days after update on public.usage_records
  referencing old table as changed_rows
  for each statement execute function _billing.note_changed_days();
create trigger note_deleted_days after delete on public.usage_records
  referencing old table as changed_rows
  for each statement execute function _billing.note_changed_days();
create trigger note_truncated_days after truncate on public.usage_records
  for each statement execute function _billing.note_changed_days();

-- Compares days with the logs, rebuilds those ranges that differ (the logs are right) and returns
-- how many differences there were. Days that agreed are noted last, with the counts from before the
-- comparison: a rollup meanwhile is not waited for, and its days stay to be compared.
create function _billing.repair_days(ranges daterange[])
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  known jsonb;
  days daterange;
  found bigint;
  expected bigint;
  differences bigint := 0;
begin
  select jsonb_object_agg(s.day::date, coalesce(u.changes, 0)) into known
  from unnest(ranges) r
  cross join lateral generate_series(lower(r), upper(r) - 1, interval '1 day') s(day)
  left join billing.usage_days u on u.usage_day = s.day::date;
  foreach days in array ranges loop
    -- What differs because a rebuild has not come to it yet, or because no rollup has served the
    -- request for one, is no fault, but not verified either.
    select count(*) filter (where not x.pending), count(*) filter (where x.pending)
    into found, expected from (
      select exists (select from billing.rebuild_requests r
        where not r.compares and d.usage_day < r.until_day
          and coalesce(r.done_until, r.from_day) <= d.usage_day
          and (r.client_ids is null or d.client_id = any (r.client_ids))) as pending
      from billing.usage_discrepancies(days) d) x;
    if expected > 0 then
      select jsonb_object_agg(k.key, k.value) into known from jsonb_each(known) k
      where not k.key::date <@ days;
    end if;
    if found > 0 then
      perform billing.rebuild_usage(lower(days), upper(days));
      raise warning 'usage_records differed from the logs in % places; rebuilt % to %',
        found, lower(days), upper(days);
    end if;
    differences := differences + found;
  end loop;
  insert into billing.usage_days as u (usage_day, changes, verified_changes)
  select k.key::date, k.value::bigint, k.value::bigint from jsonb_each_text(coalesce(known, '{}')) k
  order by 1
  on conflict (usage_day) do update set verified_changes = excluded.verified_changes
  where u.changes = excluded.changes;
  return differences;
end $$;
comment on function _billing.repair_days is
  'Compares days with the logs and rebuilds them where they differ; returns the differences.';

-- Days that were not compared with the logs since their records changed, of those whose logs are
-- all kept.
create function _billing.unverified_days_of(from_day date, until_day date)
returns table (day date) language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.day::date
  from generate_series(greatest(from_day, _billing.first_kept_day()), until_day - 1,
    interval '1 day') s(day)
  where not exists (select from billing.usage_days u
    where u.usage_day = s.day::date and u.verified_changes = u.changes);
$$;
comment on function _billing.unverified_days_of is
  'Days not compared with the logs since their records changed.';

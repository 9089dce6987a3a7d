-- A client's days: which local day an instant falls on, and where periods begin and end.
--
-- Each row of client_time_zones holds from client-local day `effective_from`; the day before it
-- ends at midnight of the old zone, so the instants [starts_at, ends_at) of the rows follow each
-- other without gap or overlap, also when a zone changes.
create table public.client_time_zones (
  client_id uuid not null references public.clients (id) on delete cascade,
  effective_from date not null,
  time_zone text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null default 'infinity',
  primary key (client_id, effective_from),
  constraint client_time_zones_forward check (starts_at < ends_at),
  constraint client_time_zones_no_overlap
    exclude using gist (client_id with =, tstzrange(starts_at, ends_at) with &&)
);
comment on table public.client_time_zones is
  'Zone history of each client; written by changing clients.time_zone.';
alter table public.client_time_zones enable row level security;
revoke all on public.client_time_zones from anon, authenticated, service_role;
grant select on public.client_time_zones to authenticated, service_role;

create policy "members and operators read zones" on public.client_time_zones
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

-- The instant at which client-local day `day` begins. Never before the zone in force began: a
-- change to a zone far east may leave a day empty, it never makes one run backwards.
create function _billing.day_start(client_id uuid, day date)
returns timestamptz language sql stable
begin atomic
  select case
    when z.effective_from = day and day > '-infinity' then z.starts_at
    else greatest(z.starts_at, day::timestamp at time zone z.time_zone)
  end
  from public.client_time_zones z
  where z.client_id = day_start.client_id and z.effective_from <= day
  order by z.effective_from desc limit 1;
end;
comment on function _billing.day_start is 'Instant at which a client''s local day begins.';

create function billing.day_of(client_id uuid, at timestamptz)
returns date language sql stable
begin atomic
  select greatest(z.effective_from, (at at time zone z.time_zone)::date)
  from public.client_time_zones z
  where z.client_id = day_of.client_id and z.starts_at <= at and at < z.ends_at;
end;
comment on function billing.day_of is 'Client-local day an instant falls on.';
grant execute on function billing.day_of(uuid, timestamptz) to service_role;

create function _billing.keep_time_zones() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: client_time_zones is written by nobody but this trigger.
declare
  change_day date;
  change_at timestamptz;
begin
  -- Postgres takes POSIX rules for zones too (UTC+5 means five hours west, Foo/Bar+5 as well); they
  -- know no summer time and other programs read them the other way round.
  if new.time_zone !~ '^(UTC|Etc/GMT(0|[+-]([0-9]|1[0-2])|-1[34])|'
    '[A-Z][A-Za-z_]*(/[A-Z][A-Za-z_]*(-[A-Za-z]+)*)+)$' then
    perform billing.raise_error('invalid_argument',
      format('time_zone %L is not the name of a time zone', new.time_zone),
      'use UTC or an IANA name such as Pacific/Auckland; select name from pg_timezone_names');
  end if;
  begin
    -- Asking the zone for a time is 10,000 times cheaper than looking it up in pg_timezone_names.
    perform now() at time zone new.time_zone;
  exception when invalid_parameter_value then
    perform billing.raise_error('invalid_argument',
      format('time_zone %L is not a known time zone', new.time_zone),
      'use an IANA name such as Pacific/Auckland; select name from pg_timezone_names');
  end;
  if tg_op = 'INSERT' then
    insert into public.client_time_zones (client_id, effective_from, time_zone, starts_at)
    values (new.id, '-infinity', new.time_zone, '-infinity');
    return null;
  end if;
  change_day := billing.day_of(new.id, billing.as_of()) + 1;
  change_at := _billing.day_start(new.id, change_day);
  delete from public.client_time_zones z
  where z.client_id = new.id and z.effective_from >= change_day;
  update public.client_time_zones z set ends_at = change_at
  where z.client_id = new.id and z.ends_at > change_at;
  insert into public.client_time_zones (client_id, effective_from, time_zone, starts_at)
  values (new.id, change_day, new.time_zone, change_at);
  return null;
end $$;

create trigger keep_time_zones_on_insert after insert on public.clients
  for each row execute function _billing.keep_time_zones();
create trigger keep_time_zones_on_update after update of time_zone on public.clients
  for each row when (old.time_zone is distinct from new.time_zone)
  execute function _billing.keep_time_zones();

-- A client's zone and language are names that everything downstream understands.
begin;
select plan(4);

create function pg_temp.refused(time_zone text) returns boolean language plpgsql as $$
begin
  insert into public.clients (name, time_zone) values ('X', time_zone);
  return false;
exception when sqlstate 'PT400' then
  return true;
end $$;
select is_empty($$
  select zone from unnest(array['UTC', 'Europe/Berlin', 'America/Port-au-Prince', 'Etc/GMT+5',
    'Etc/GMT-14', 'Asia/Ust-Nera', 'America/Argentina/Buenos_Aires', 'Antarctica/DumontDUrville']
  ) zone where pg_temp.refused(zone)$$, 'an IANA name is a zone');
-- Postgres reads each of these as a zone by POSIX rules, where +5 lies west of Greenwich.
select is_empty($$
  select zone from unnest(array['UTC+5', 'X+167', 'Foo/Bar+5', 'Etc/GMT+99', '<a/b>+5', '+05:00',
    'EST', 'EST5EDT', 'posix/UTC', 'Mars/Olympus', '', 'utc']) zone
  where not pg_temp.refused(zone)$$, 'an offset or an abbreviation is none');

create function pg_temp.locale_refused(locale text) returns text language plpgsql as $$
begin
  insert into public.clients (name, locale) values ('X', locale);
  return null;
exception when check_violation then
  return sqlstate;
end $$;
select lives_ok($$insert into public.clients (name, locale) select l, l
  from unnest('{en,en-US,haw-US,zh-Hans-CN,sr-Latn,es-419}'::text[]) l$$, 'a language tag');
select is_empty($$
  select l from unnest(array['', 'english', 'en_US', 'EN', 'en-us', 'en-US-', 'x-klingon']) l
  where pg_temp.locale_refused(l) is distinct from '23514'$$, 'anything else is no language');

select * from finish();
rollback;

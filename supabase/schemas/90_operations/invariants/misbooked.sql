-- Periods that are booked otherwise than rated: found by night, told, and marked a night later.

create type _billing.misbooked_section as (client_id uuid, section_start date, net_minor numeric);
comment on type _billing.misbooked_section is
  'A settled period and by how much more (below zero: less) it is rated at than is booked for it.';

-- Settled periods that are rated otherwise than they are booked, drafts included. More than the
-- rating may stay booked where notes by hand have left no invoice with room to credit it on.
create function _billing.misbooked_sections() returns setof _billing.misbooked_section
language sql stable set search_path = pg_catalog, pg_temp as $$
  with section as materialized (
    select s.client_id, s.section_start, s.net_minor - coalesce((
      select sum(l.amount_minor)
      from public.invoices d
      join public.invoice_lines l on l.invoice_id = d.id and l.section_start = s.section_start
      where d.client_id = s.client_id and d.status = 'draft'
        and (l.tax_behavior is null or l.tax_behavior = 'exclusive')), 0) as net_minor
    from _billing.late_sections(array(
      select (p.client_id, p.period_start, p.period_end)::billing.rating_target
      from public.billing_periods p
      where p.state in ('invoiced', 'skipped') and not p.usage_changed)) s
  )
  select s.client_id, s.section_start, s.net_minor from section s
  where s.net_minor > 0 or s.net_minor < 0 and exists (
    select from public.billing_periods p
    cross join lateral _billing.creditable_invoices(
      (p.client_id, p.period_start, p.period_end)::billing.rating_target) c
    where p.client_id = s.client_id and p.period_start = s.section_start and c.room > 0);
$$;
comment on function _billing.misbooked_sections is
  'Settled periods for which more or less is booked than they are rated at, and by how much.';

-- What is booked for a settled period is what it is rated at: nothing is billed twice or never.
create function _billing.check_booked(sections _billing.misbooked_section[])
returns table (invariant text, subject text, detail text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'booked_is_rated', s.client_id::text, format('%s: %s %s', s.section_start,
    abs(s.net_minor), case when s.net_minor > 0 then 'is missing' else 'too much is charged' end)
  from unnest(sections) s;
$$;
comment on function _billing.check_booked is 'A violation for each of these sections.';

create table _billing.misbooked_periods (
  client_id uuid not null,
  period_start date not null,
  net_minor bigint not null,
  told_at timestamptz not null,
  primary key (client_id, period_start),
  foreign key (client_id, period_start) references public.billing_periods on delete cascade
);
comment on table _billing.misbooked_periods is
  'Periods that operators have been told are booked otherwise than rated, since when, by how much.';
alter table _billing.misbooked_periods enable row level security;
revoke all on _billing.misbooked_periods from anon, authenticated, service_role;

-- Whether so many sections are a fault of the rating or of what it reads, and no lost marks: a mark
-- is lost with a transaction, which is of one client or of a batch, a fault is everybody's.
create function _billing.is_misbooked_widely(sections _billing.misbooked_section[])
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select (select count(distinct s.client_id) from unnest(sections) s) > ceil((
    select count(distinct p.client_id) from public.billing_periods p
    where p.state in ('invoiced', 'skipped')) / 100.0);
$$;
comment on function _billing.is_misbooked_widely is
  'Whether these sections are of more than one client in a hundred of those with settled periods.';

-- A credit above the floor of hold_limits is left to operators: no draft is held for it, and lost
-- usage records look like one.
create function _billing.mendable_sections(sections _billing.misbooked_section[])
returns setof _billing.misbooked_section
language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.client_id, s.section_start, s.net_minor from unnest(sections) s
  left join lateral (
    select l.floor_minor
    from billing.config_on(array[s.client_id], array[s.section_start]) k
    join public.hold_limits l on l.currency = k.currency
      and (l.client_id = s.client_id or l.client_id is null)
    order by l.client_id is null limit 1
  ) f on true
  where not _billing.is_misbooked_widely(sections) and -s.net_minor <= coalesce(f.floor_minor, 0);
$$;
comment on function _billing.mendable_sections is
  'Those of the sections that a mark may mend: none where too many clients have some.';

-- Whatever lost the mark of a change, the next run bills or credits the difference once the section
-- is marked. It is the rating less all that is booked, so nothing is billed twice, also where a run
-- has billed it meanwhile. Operators come first: a section is marked when they were told of it a
-- night ago and it differs by the same amount still.
create function _billing.sections_to_mark(sections _billing.misbooked_section[],
  as_of timestamptz)
returns billing.rating_target[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg((p.client_id, p.period_start, p.period_end)::billing.rating_target),
    '{}')
  from unnest(sections) s
  join _billing.misbooked_periods m on m.client_id = s.client_id
    and m.period_start = s.section_start and m.net_minor = s.net_minor
  join public.billing_periods p on p.client_id = m.client_id and p.period_start = m.period_start
  where m.told_at <= as_of - interval '20 hours';
$$;
comment on function _billing.sections_to_mark is
  'Those of the sections that operators were told of a night ago, as they are now.';

create function _billing.note_told_sections(sections _billing.misbooked_section[],
  as_of timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  delete from _billing.misbooked_periods m where not exists (
    select from unnest(sections) s
    where s.client_id = m.client_id and s.section_start = m.period_start
      and s.net_minor = m.net_minor);
  insert into _billing.misbooked_periods (client_id, period_start, net_minor, told_at)
  select s.client_id, s.section_start, s.net_minor, as_of from unnest(sections) s
  on conflict do nothing;
$$;
comment on function _billing.note_told_sections is
  'Notes that operators have been told of these sections and of no others.';

create function _billing.told_of_sections(sections _billing.misbooked_section[],
  mendable _billing.misbooked_section[], to_mark billing.rating_target[])
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when _billing.is_misbooked_widely(sections) then
      E'\nToo many clients have periods that are booked otherwise than rated, for lost changes: '
      || 'none is marked, nothing is billed by itself' else '' end
    || case when cardinality(to_mark) > 0 then format(E'\n%s periods that were booked otherwise '
      || 'than rated yesterday too are marked: the next run bills or credits the difference',
      cardinality(to_mark)) else '' end
    || case when cardinality(mendable) > cardinality(to_mark) then format(E'\n%s periods are '
      || 'booked otherwise than rated. What differs by the same amount tomorrow is marked then: '
      || 'the next run bills or credits it', cardinality(mendable) - cardinality(to_mark))
      else '' end;
$$;
comment on function _billing.told_of_sections is
  'What operators are told of such sections: what becomes of them by itself, and when.';

-- Overcharges found by re-rating (corrections, usage that moved): what is rated lower than it was
-- invoiced is credited line by line, each line on the invoices that charged it, newest first, with
-- its taxes. No invoice is credited more for a section than it charged for it: what is left of it
-- for its other sections must stay creditable for them. An amount that no invoice has enough left
-- for stays booked as it is and is set off against later usage of the section.

--
-- All are rated before the first is credited: promotional credit that comes back with one is for
-- usage of the next run.
create function _billing.credit_overcharges(targets billing.rating_target[], as_of timestamptz)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  section record;
  credits bigint := 0;
begin
  for section in
    select x.target, x.lines, x.owed
    from (
      select t as target, array_agg(d.line) as lines, -sum((d.line).amount_minor) filter (
        where (d.line).tax_behavior is null or (d.line).tax_behavior = 'exclusive') as owed
      from _billing.section_deltas(targets) d
      join unnest(targets) t on t.client_id = (d.line).client_id
        and t.period_start = (d.line).section_start
      group by t
    ) x
    where x.owed > 0
    order by (x.target).client_id, (x.target).period_start
  loop
    credits := credits + _billing.credit_section(array[section.target], section.lines,
      section.owed::bigint, as_of);
  end loop;
  return credits;
end $$;
comment on function _billing.credit_overcharges is
  'Issues credit notes for target periods that are rated lower than they were invoiced.';

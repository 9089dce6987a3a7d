-- Overcharges found by re-rating (corrections, usage that moved): what is rated lower than it was
-- invoiced is credited line by line, each line on the invoices that charged it, newest first, with
-- its taxes. No invoice is credited more for a section than it charged for it: what is left of it
-- for its other sections must stay creditable for them. An amount that no invoice has enough left
-- for stays booked as it is and is set off against later usage of the section.

create function _billing.credit_overcharges(targets billing.rating_target[], as_of timestamptz)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  section record;
  credits bigint := 0;
begin
  for section in
    select s.client_id, s.section_start, -s.net_minor as amount
    from _billing.late_sections(targets) s where s.net_minor < 0
    order by s.client_id, s.section_start
  loop
    credits := credits + _billing.credit_section(array(
      select t from unnest(targets) t where t.client_id = section.client_id
        and t.period_start = section.section_start), section.amount::bigint, as_of);
  end loop;
  return credits;
end $$;
comment on function _billing.credit_overcharges is
  'Issues credit notes for target periods that are rated lower than they were invoiced.';

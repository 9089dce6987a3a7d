-- Drafts: one per client and period that is over, remade any number of times until finalized.

-- Rates targets once for all that a run or a draft asks of their rating: the lines stand in
-- pg_temp.draft_lines. A table, not an array: it has no limit in size, and the planner sees how
-- large it is. Returns what was found.
create function _billing.rate_drafts(targets billing.rating_target[])
returns _billing.rating_finding[] language plpgsql
set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
begin
  -- Dropped first: a table that a caller made beforehand could bring triggers along.
  drop table if exists pg_temp.draft_lines;
  create temporary table draft_lines of _billing.rated_line on commit drop;
  insert into pg_temp.draft_lines select * from _billing.rate_periods(targets, true);
  return array(
    select (l.client_id, l.section_start, l.model, l.metric, l.rate_class, l.quantity, null,
      null, null)::_billing.rating_finding
    from pg_temp.draft_lines l where l.kind = 'unpriced'
    union all
    select (l.client_id, l.section_start, null, null, null, null,
      sum(l.amount_minor) filter (where l.tax_behavior is null or l.tax_behavior = 'exclusive'),
      sum(abs(l.amount_minor)), bool_or(l.kind = 'one_off'))::_billing.rating_finding
    from pg_temp.draft_lines l where l.kind <> 'unpriced'
    group by l.client_id, l.section_start);
end $$;
comment on function _billing.rate_drafts is
  'Rates targets into pg_temp.draft_lines, for make_drafts; returns what may block them.';

-- Credit that sections have taken which are not billed now, because something blocks them, is for
-- the client's others: these are rated once more, without them. `targets`: those that are billed.
create function _billing.rate_without_blocked(targets billing.rating_target[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  again constant billing.rating_target[] := array(
    select t from unnest(targets) t where t.client_id in (
      select l.client_id from pg_temp.draft_lines l
      where l.kind = 'promotional_credit' and (l.client_id, l.section_start) not in (
        select o.client_id, o.period_start from unnest(targets) o)));
begin
  if again <> '{}' then
    delete from pg_temp.draft_lines l
    where l.client_id in (select t.client_id from unnest(again) t);
    insert into pg_temp.draft_lines select * from _billing.rate_periods(again, true);
  end if;
end $$;
comment on function _billing.rate_without_blocked is
  'Rates targets once more where promotional credit stands in sections that are blocked.';

-- Leaves in draft_lines what is still to be charged: for settled targets the difference to what is
-- booked, for the others all that they are rated at.
create function _billing.reduce_to_deltas(targets billing.rating_target[],
  settled billing.rating_target[])
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  rating constant _billing.rated_line[] := array(
    select l::_billing.rated_line from pg_temp.draft_lines l
    where l.kind <> 'unpriced' and (l.client_id, l.section_start) in (
      select t.client_id, t.period_start from unnest(settled) t));
begin
  delete from pg_temp.draft_lines l
  where l.kind = 'unpriced'
    or (l.client_id, l.section_start) not in (
      select t.client_id, t.period_start from unnest(targets) t)
    or (l.client_id, l.section_start) in (
      select t.client_id, t.period_start from unnest(settled) t);
  insert into pg_temp.draft_lines
  select (d.line).* from _billing.line_deltas(settled, rating) d;
end $$;

-- Those of targets in draft_lines that are rated below what is booked for them.
create function _billing.overcharged_targets(targets billing.rating_target[])
returns billing.rating_target[] language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return array(
    select t from unnest(targets) t
    where (t.client_id, t.period_start) in (
      select l.client_id, l.section_start from pg_temp.draft_lines l
      where l.tax_behavior is null or l.tax_behavior = 'exclusive'
      group by l.client_id, l.section_start having sum(l.amount_minor) < 0));
end $$;
comment on function _billing.overcharged_targets is
  'Targets of make_drafts that are owed money; nobody else need be rated once more to find them.';

-- Writes the drafts of the targets that are due and puts late lines of earlier periods on the
-- newest of them in the same currency, where a preview shows them; where there will be none,
-- because the client has ended or changed its currency, late usage gets an invoice of its own. A
-- due period for which more is booked (late lines elsewhere, its own invoice void) than it is rated
-- at, or that is rated below zero, is left to credit_overcharges. Targets are rated by rate_drafts
-- and not blocked. Returns the drafts; their documents are written by the caller, which knows
-- whether they are issued at once.
create function _billing.make_drafts(due billing.rating_target[], late billing.rating_target[])
returns uuid[] language plpgsql
set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
declare
  settled constant billing.rating_target[] := array(
    select t from _billing.settled_targets(due || late) t);
  drafted uuid[];
begin
  perform _billing.rate_without_blocked(due || late);
  perform _billing.reduce_to_deltas(due || late, settled);
  perform _billing.assign_target_invoices(due, late, settled);
  perform _billing.free_late_lines(due, late);
  drafted := _billing.write_draft_headers(due || late);
  insert into public.invoice_lines (invoice_id, position, kind, section_start, section_end,
    rating_key, is_late, model, metric, rate_class, agent, price_id, service_start, service_end,
    quantity, unit_amount, per_units, pricing_model, tiers, precise_amount, amount_minor, tax_name,
    tax_rate_percent, tax_behavior, tax_base_minor, tax_note, description, detail)
  select s.invoice_id, row_number() over (partition by s.invoice_id order by
      array_position('{usage,minimum,one_off,discount,promotional_credit,tax}', x.kind),
      s.is_late, x.section_start, x.model is null, x.detail,
      case when x.rate_class = 'standard'
        then array_position('{input_tokens,output_tokens}', x.metric) end,
      concat_ws('_', nullif(x.rate_class, 'standard'), x.metric),
      x.service_start, x.agent, x.rating_key),
    x.kind, x.section_start, x.section_end, x.rating_key, s.is_late, x.model, x.metric,
    x.rate_class, x.agent, x.price_id, x.service_start, x.service_end, x.quantity,
    x.unit_amount, x.per_units, x.pricing_model, x.tiers, x.precise_amount, x.amount_minor,
    x.tax_name, x.tax_rate_percent, x.tax_behavior, x.tax_base_minor, x.tax_note, x.description,
    x.detail
  from pg_temp.draft_lines x
  join pg_temp.draft_sections s
    on s.client_id = x.client_id and s.section_start = x.section_start
  where s.invoice_id is not null;
  return drafted;
end $$;
comment on function _billing.make_drafts is
  'Makes or remakes the drafts of rated periods, with late usage of earlier ones.';

create function _billing.draft_invoices(
  due billing.rating_target[], late billing.rating_target[]
) returns uuid[] language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  drafted uuid[];
begin
  perform _billing.rate_drafts(due || late);
  drafted := _billing.make_drafts(due, late);
  perform _billing.write_documents(drafted);
  return drafted;
end $$;
comment on function _billing.draft_invoices is
  'Rates due periods and makes or remakes their drafts, documents included.';

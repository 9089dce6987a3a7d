-- Overcharges found by re-rating (corrections, usage that moved): what is rated lower than it was
-- invoiced is credited line by line, each line on the invoices that charged it, newest first, with
-- its taxes. No invoice is credited more for a section than it charged for it: what is left of it
-- for its other sections must stay creditable for them. What no invoice has enough left for stays
-- in the books as it is and is set off against later usage of the section.

create function billing.credit_overcharges(targets billing.rating_target[], as_of timestamptz)
returns bigint language plpgsql set search_path = '' as $$
declare
  section record;
  credits bigint := 0;
begin
  for section in
    select s.client_id, s.section_start, -s.net_minor as amount
    from billing.late_sections(targets) s where s.net_minor < 0
    order by s.client_id, s.section_start
  loop
    credits := credits + billing.credit_section(array(
      select t from unnest(targets) t where t.client_id = section.client_id
        and t.period_start = section.section_start), section.amount::bigint, as_of);
  end loop;
  return credits;
end $$;
comment on function billing.credit_overcharges is
  'Issues credit notes for target periods that are rated lower than they were invoiced.';

-- What an invoice charged for a section and has not been credited for it, within what is left of
-- the invoice. Notes of re-rating belong to one section each.
create function billing.creditable(invoice public.invoices, section_start date)
returns bigint language sql stable set search_path = '' as $$
  select least(invoice.total_minor - n.credited, l.charged - n.of_section)::bigint
  from (
    select coalesce(sum(c.total_minor), 0) as credited,
      coalesce(sum(c.total_minor) filter (where exists (
        select from public.credit_note_lines x where x.credit_note_id = c.id
          and x.section_start = creditable.section_start)), 0) as of_section
    from public.credit_notes c where c.invoice_id = invoice.id
  ) n, (
    select coalesce(sum(x.amount_minor), 0) as charged
    from public.invoice_lines x
    where x.invoice_id = invoice.id and x.section_start = creditable.section_start
      and (x.tax_behavior is null or x.tax_behavior = 'exclusive')
  ) l;
$$;

-- Issued invoices that a section can be credited on, with the room there is: those that charged it,
-- newest first. A period without an invoice of its own (more usage was taken back in it than used)
-- has nothing that charged it: after these come the client's others in the period's currency.
create function billing.creditable_invoices(target billing.rating_target)
returns table (place bigint, invoice_id uuid, room bigint)
language sql stable set search_path = '' as $$
  with issued as (
    select i.*, exists (select from public.invoice_lines l
      where l.invoice_id = i.id and l.section_start = target.period_start) as charged
    from public.invoices i
    where i.client_id = target.client_id and i.status in ('open', 'paid', 'uncollectible')
  )
  select row_number() over (order by i.charged desc, i.finalized_at desc, i.number desc), i.id,
    case when i.charged then billing.creditable(o, target.period_start)
      else i.total_minor - coalesce((select sum(n.total_minor) from public.credit_notes n
        where n.invoice_id = i.id), 0) end::bigint
  from issued i join public.invoices o on o.id = i.id
  where i.charged or (i.currency = (
      select t.currency from billing.period_terms(array[target]) t)
    and not exists (select from issued x
      where x.kind = 'period' and x.period_start = target.period_start));
$$;
comment on function billing.creditable_invoices is
  'Invoices that a section can be credited on, in order, and how much on each.';

-- Credits one section as far as its invoices have room; returns how many notes that took. First
-- each invoice is credited for what it charged itself. What is owed beyond that (an invoice that a
-- note by hand has emptied) goes on those that have room.
create function billing.credit_section(
  target billing.rating_target[], amount bigint, as_of timestamptz
) returns bigint language plpgsql set search_path = '' set client_min_messages = warning as $$
declare
  rest bigint := amount;
  own boolean;
  home record;
  notes bigint := 0;
begin
  perform billing.begin_credit(target);
  foreach own in array '{true,false}'::boolean[] loop
    for home in select * from billing.creditable_invoices(target[1]) order by place loop
      rest := rest - billing.take_credit(home.invoice_id, target[1].period_start,
        least(rest, home.room - billing.taken_credit(home.invoice_id)), rest, own);
    end loop;
  end loop;
  for home in select * from billing.creditable_invoices(target[1]) order by place loop
    continue when billing.taken_credit(home.invoice_id) = 0;
    perform billing.write_section_note(home.invoice_id, target[1], as_of);
    notes := notes + 1;
  end loop;
  return notes;
end $$;

-- What is to be given back, positive, in pg_temp.credit_rest; what of it goes on which invoice, in
-- pg_temp.credit_parts, none yet.
create function billing.begin_credit(target billing.rating_target[])
returns void language plpgsql set search_path = '' set client_min_messages = warning as $$
begin
  drop table if exists pg_temp.credit_rest, pg_temp.credit_parts;
  create temporary table credit_rest on commit drop as
  select (d.line).rating_key, (d.line).kind,
    (d.line).tax_behavior is null or (d.line).tax_behavior = 'exclusive' as counts,
    -(d.line).amount_minor as amount_minor, -coalesce((d.line).quantity, 0) as quantity,
    -coalesce((d.line).precise_amount, 0) as precise_amount,
    -coalesce((d.line).tax_base_minor, 0) as tax_base_minor, d.line
  from billing.section_deltas(target) d;
  create temporary table credit_parts (invoice_id uuid, rating_key text, amount_minor numeric,
    quantity numeric, precise_amount numeric, tax_base_minor numeric) on commit drop;
end $$;

create function billing.taken_credit(invoice_id uuid)
returns bigint language plpgsql stable set search_path = '' as $$
begin
  return (select coalesce(sum(p.amount_minor), 0)
    from pg_temp.credit_parts p join pg_temp.credit_rest r using (rating_key)
    where p.invoice_id = taken_credit.invoice_id and r.counts);
end $$;

-- What an invoice still charges for a section, by rating key: its lines less those of its notes.
create function billing.charged_lines(invoice_id uuid, section_start date)
returns table (rating_key text, amount_minor numeric, quantity numeric, precise_amount numeric,
  tax_base_minor numeric)
language sql stable set search_path = '' as $$
  select x.rating_key, sum(x.amount_minor), coalesce(sum(x.quantity), 0), sum(x.precise_amount),
    coalesce(sum(x.tax_base_minor), 0)
  from (
    select l.rating_key, l.amount_minor, l.quantity, l.precise_amount, l.tax_base_minor
    from public.invoice_lines l
    where l.invoice_id = charged_lines.invoice_id
      and l.section_start = charged_lines.section_start
    union all
    select l.rating_key, -l.amount_minor, -l.quantity, -l.precise_amount, -l.tax_base_minor
    from public.credit_notes n join public.credit_note_lines l on l.credit_note_id = n.id
    where n.invoice_id = charged_lines.invoice_id
      and l.section_start = charged_lines.section_start
  ) x
  group by x.rating_key;
$$;
comment on function billing.charged_lines is
  'What an invoice still charges for a section, by rating key.';

-- Takes off credit_rest what goes on one invoice and returns what it comes to. `own`: what the
-- invoice charged itself, discount and taxes in the share of the charges that are taken. The
-- invoice that brings the credit to its end takes all that is left, what has become dearer too. No
-- more than `room`: then a share of each line.
create function billing.take_credit(invoice_id uuid, section_start date, room bigint, rest bigint,
  own boolean)
returns bigint language plpgsql set search_path = '' set client_min_messages = warning as $$
declare
  net numeric;
  ends boolean;
begin
  if room <= 0 then
    return 0;
  end if;
  drop table if exists pg_temp.credit_take;
  create temporary table credit_take on commit drop as
  select t.*, sum(case when t.counts then t.amount_minor else 0 end) over () as net_minor,
    bool_or(t.is_charge and t.rest_minor > greatest(t.amount_minor, 0)) over () as goes_on
  from billing.own_credit(invoice_id, section_start) t;
  select coalesce(max(t.net_minor), 0), not coalesce(bool_or(t.goes_on), false)
    or coalesce(max(t.net_minor), 0) >= rest into net, ends
  from pg_temp.credit_take t;
  if ends or not own then
    update pg_temp.credit_take t set amount_minor = r.amount_minor, quantity = r.quantity,
      precise_amount = r.precise_amount, tax_base_minor = r.tax_base_minor
    from pg_temp.credit_rest r where r.rating_key = t.rating_key;
    net := rest;
  end if;
  if net <= 0 then
    return 0;
  end if;
  if net > room then
    perform billing.scale_credit(invoice_id, room, net);
  end if;
  insert into pg_temp.credit_parts
  select take_credit.invoice_id, t.rating_key, t.amount_minor, t.quantity, t.precise_amount,
    t.tax_base_minor
  from pg_temp.credit_take t
  where (t.amount_minor, t.quantity, t.precise_amount, t.tax_base_minor) <> (0, 0, 0, 0);
  update pg_temp.credit_rest r set amount_minor = r.amount_minor - t.amount_minor,
    quantity = r.quantity - t.quantity, precise_amount = r.precise_amount - t.precise_amount,
    tax_base_minor = r.tax_base_minor - t.tax_base_minor
  from pg_temp.credit_take t where t.rating_key = r.rating_key;
  return (select sum(t.amount_minor) from pg_temp.credit_take t where t.counts);
end $$;

-- What of credit_rest an invoice charged itself: of each charge no more than it still charges, of
-- discount and taxes the share that these charges are of its charges.
create function billing.own_credit(invoice_id uuid, section_start date)
returns table (rating_key text, counts boolean, is_charge boolean, rest_minor numeric,
  amount_minor numeric, quantity numeric, precise_amount numeric, tax_base_minor numeric)
language plpgsql stable set search_path = '' as $$
#variable_conflict use_column
begin
  return query
  with line as (
    select r.*, r.kind in ('usage', 'minimum', 'one_off') as is_charge,
      coalesce(c.amount_minor, 0) as charged, coalesce(c.quantity, 0) as charged_quantity,
      coalesce(c.tax_base_minor, 0) as charged_base
    from pg_temp.credit_rest r
    left join billing.charged_lines(own_credit.invoice_id, own_credit.section_start) c
      on c.rating_key = r.rating_key
  ), taken as (
    select l.*, case when l.is_charge and l.amount_minor * l.charged > 0
      then sign(l.charged) * least(abs(l.amount_minor), abs(l.charged)) else 0 end as minor
    from line l
  ), shared as (
    select t.*, coalesce(sum(t.minor) filter (where t.minor > 0) over ()
      / nullif(sum(t.charged) filter (where t.is_charge and t.charged > 0) over (), 0), 0) as share
    from taken t
  ), whole as (
    select s.*, case when s.is_charge then s.minor
        when s.amount_minor * s.charged > 0 then sign(s.charged)
          * least(abs(s.amount_minor), abs(round(s.charged * s.share))) else 0 end as take,
      case when s.tax_base_minor * s.charged_base > 0 then sign(s.charged_base)
        * least(abs(s.tax_base_minor), abs(round(s.charged_base * s.share))) else 0 end as base
    from shared s
  )
  select w.rating_key, w.counts, w.is_charge, w.amount_minor, w.take,
    -- All of a line is all of its units; of a part, the part.
    case when w.take = 0 then 0 when w.take = w.charged
        and w.charged_quantity between 0 and w.quantity then w.charged_quantity
      else round(w.quantity * w.take / w.amount_minor, 6) end,
    case when w.take = 0 then 0 else round(w.precise_amount * w.take / w.amount_minor, 10) end,
    w.base
  from whole w;
end $$;

-- Brings credit_take from `net` down to `room`, one rounding a line. No tax beyond what is left of
-- it on the invoice; where all of the invoice is given back, all of it.
create function billing.scale_credit(invoice_id uuid, room bigint, net numeric)
returns void language plpgsql set search_path = '' as $$
declare
  -- Where notes come to all of the invoice, they come to all of its taxes.
  empties constant boolean := room >= (
    select i.total_minor - coalesce((select sum(n.total_minor) from public.credit_notes n
      where n.invoice_id = i.id), 0) - billing.taken_credit(i.id)
    from public.invoices i where i.id = scale_credit.invoice_id);
  taxes numeric;
  taxes_before numeric;
begin
  select coalesce(sum(t.amount_minor), 0) into taxes_before
  from pg_temp.credit_take t where t.counts and t.rating_key like 'tax|%';
  update pg_temp.credit_take t set quantity = round(t.quantity * room / net, 6),
    precise_amount = round(t.precise_amount * room / net, 10),
    tax_base_minor = round(t.tax_base_minor * room / net);
  update pg_temp.credit_take t set amount_minor = case when x.tax_left is null
      then round(t.amount_minor * room / net)
      when empties then x.tax_left
      else least(round(t.amount_minor * room / net), x.tax_left) end
  from (
    select k.rating_key, o.amount_minor - o.by_hand_minor - o.rated_minor as tax_left
    from pg_temp.credit_take k
    left join billing.taxes_of_invoice(scale_credit.invoice_id) o on o.rating_key = k.rating_key
    where k.rating_key like 'tax|%'
  ) x where x.rating_key = t.rating_key;
  select coalesce(sum(t.amount_minor), 0) into taxes
  from pg_temp.credit_take t where t.counts and t.rating_key like 'tax|%';
  -- Sums are rounded, a line is the difference of two: so lines come to what is left for them.
  update pg_temp.credit_take t set amount_minor = x.upto - x.before
  from (
    select k.rating_key,
      round(sum(k.amount_minor) over w * (room - taxes) / nullif(net - taxes_before, 0)) as upto,
      round((sum(k.amount_minor) over w - k.amount_minor) * (room - taxes)
        / nullif(net - taxes_before, 0)) as before
    from pg_temp.credit_take k where k.rating_key not like 'tax|%'
    window w as (order by k.rating_key)
  ) x where x.rating_key = t.rating_key and x.upto is not null;
end $$;

-- The note on one invoice with the lines that credit_parts has for it.
create function billing.write_section_note(invoice_id uuid, target billing.rating_target,
  as_of timestamptz)
returns void language plpgsql set search_path = '' as $$
declare
  label constant text := billing.period_label(target.period_start, target.period_end);
  note_id uuid;
begin
  note_id := billing.write_credit_note(billing.get_invoice(invoice_id),
    billing.taken_credit(invoice_id), 'Usage of ' || label || ' corrected', false, as_of);
  insert into public.credit_note_lines (credit_note_id, section_start, rating_key, kind, model,
    metric, agent, price_id, service_start, service_end, quantity, unit_amount, per_units,
    pricing_model, tiers, precise_amount, amount_minor, tax_name, tax_rate_percent,
    tax_behavior, tax_base_minor, tax_note, description, detail)
  select note_id, (r.line).section_start, r.rating_key, r.kind, (r.line).model, (r.line).metric,
    (r.line).agent, (r.line).price_id, (r.line).service_start, (r.line).service_end,
    case when (r.line).quantity is not null then p.quantity end, (r.line).unit_amount,
    (r.line).per_units, (r.line).pricing_model, (r.line).tiers, p.precise_amount, p.amount_minor,
    (r.line).tax_name, (r.line).tax_rate_percent, (r.line).tax_behavior,
    case when (r.line).tax_base_minor is not null then p.tax_base_minor end, (r.line).tax_note,
    format('%s, %s', billing.plain_description(r.kind, label, (r.line).description), label),
    (r.line).detail
  from pg_temp.credit_rest r join (
    select c.rating_key, sum(c.amount_minor) as amount_minor, sum(c.quantity) as quantity,
      sum(c.precise_amount) as precise_amount, sum(c.tax_base_minor) as tax_base_minor
    from pg_temp.credit_parts c where c.invoice_id = write_section_note.invoice_id
    group by c.rating_key
  ) p using (rating_key);
  perform billing.write_credit_document(note_id);
end $$;

revoke all on all functions in schema billing from public;

-- What is credited of each line of a section, in a table of the session.

-- Amounts of `lines` to be given back, positive, in pg_temp.credit_rest; their parts by invoice in
-- pg_temp.credit_parts, none yet.
create function _billing.begin_credit(target billing.rating_target[], lines _billing.rated_line[])
returns void language plpgsql
set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
begin
  drop table if exists pg_temp.credit_rest, pg_temp.credit_parts;
  create temporary table credit_rest on commit drop as
  select l.rating_key, l.kind, l.tax_behavior is null or l.tax_behavior = 'exclusive' as counts,
    -l.amount_minor as amount_minor, -coalesce(l.quantity, 0) as quantity,
    -coalesce(l.precise_amount, 0) as precise_amount,
    -coalesce(l.tax_base_minor, 0) as tax_base_minor, l as line
  from unnest(lines) l;
  -- A discount that stays may move to another invoice: with what it was given on.
  insert into pg_temp.credit_rest
  select b.rating_key, 'discount', true, 0, 0, 0, 0, b.sample
  from _billing.booked_lines(target) b
  where b.rating_key = 'discount' and b.amount_minor < 0
    and not exists (select from pg_temp.credit_rest r where r.rating_key = 'discount');
  -- What one invoice charged and another took back (a minimum, once usage came late) is owed for by
  -- neither side: it may have to be set off on both.
  insert into pg_temp.credit_rest
  select b.rating_key, (b.sample).kind, true, 0, 0, 0, 0, b.sample
  from _billing.booked_lines(target) b
  where b.amount_minor = 0 and (b.sample).kind in ('usage', 'minimum', 'one_off')
    and not exists (select from pg_temp.credit_rest r where r.rating_key = b.rating_key);
  create temporary table credit_parts (invoice_id uuid, rating_key text, amount_minor numeric,
    quantity numeric, precise_amount numeric, tax_base_minor numeric) on commit drop;
end $$;

create function _billing.taken_credit(invoice_id uuid)
returns bigint language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return (select coalesce(sum(p.amount_minor), 0)
    from pg_temp.credit_parts p join pg_temp.credit_rest r using (rating_key)
    where p.invoice_id = taken_credit.invoice_id and r.counts);
end $$;

-- What of credit_rest an invoice charged itself: of each charge no more than it still charges, of
-- discount and taxes the share that these charges are of its charges.
create function _billing.own_credit(invoice_id uuid, section_start date)
returns table (rating_key text, counts boolean, is_charge boolean, rest_minor numeric,
  amount_minor numeric, quantity numeric, precise_amount numeric, tax_base_minor numeric)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
  with line as (
    select r.*, r.kind in ('usage', 'minimum', 'one_off') as is_charge,
      coalesce(c.amount_minor, 0) as charged, c.quantity as charged_quantity,
      coalesce(c.tax_base_minor, 0) as charged_base
    from pg_temp.credit_rest r
    left join _billing.charged_lines(own_credit.invoice_id, own_credit.section_start) c
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
-- it on the invoice. Where all goes back that the invoice charged, or charged for the section, so
-- do all of these taxes with their bases, also where an allowance stays.
create function _billing.scale_credit(invoice_id uuid, section_start date, room bigint,
  net numeric)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  taken constant bigint := _billing.taken_credit(invoice_id);
  empties constant boolean := room >= (
    select i.total_minor - coalesce((select sum(n.total_minor) from public.credit_notes n
      where n.invoice_id = i.id and n.voided_at is null), 0) - taken
    from public.invoices i where i.id = scale_credit.invoice_id);
  ends_section constant boolean := room >= (
    select _billing.creditable(i, scale_credit.section_start) - taken
    from public.invoices i where i.id = scale_credit.invoice_id);
  taxes numeric;
  taxes_before numeric;
begin
  select coalesce(sum(t.amount_minor), 0) into taxes_before
  from pg_temp.credit_take t where t.counts and t.rating_key like 'tax|%';
  update pg_temp.credit_take t set quantity = round(t.quantity * room / net, 6),
    precise_amount = round(t.precise_amount * room / net, 10),
    tax_base_minor = round(t.tax_base_minor * room / net);
  update pg_temp.credit_take t
  set amount_minor = case when x.left_minor is null then round(t.amount_minor * room / net)
      when empties then x.left_minor
      when ends_section then least(x.of_section, x.left_minor)
      else least(round(t.amount_minor * room / net), x.left_minor) end,
    tax_base_minor = case when x.left_base is null then t.tax_base_minor
      when empties then x.left_base
      when ends_section then least(x.base_of_section, x.left_base)
      else t.tax_base_minor end,
    precise_amount = case when x.left_minor is not null and ends_section and not empties
        and x.of_section = 0 then 0
      else t.precise_amount end
  from (
    -- On this invoice an earlier step may have taken a part of it. A tax that it charged for other
    -- sections alone is none of this one.
    select k.rating_key, o.amount_minor - least(o.by_hand_minor + o.rated_minor + p.minor,
        greatest(o.amount_minor, 0)) as left_minor,
      o.base_minor - least(o.by_hand_base_minor + o.rated_base_minor + p.base,
        greatest(o.base_minor, 0)) as left_base,
      coalesce(c.amount_minor - p.minor, 0) as of_section,
      coalesce(c.tax_base_minor - p.base, 0) as base_of_section
    from pg_temp.credit_take k
    left join _billing.taxes_of_invoice(scale_credit.invoice_id) o on o.rating_key = k.rating_key
    left join _billing.charged_lines(scale_credit.invoice_id, scale_credit.section_start) c
      on c.rating_key = k.rating_key
    cross join lateral (
      select coalesce(sum(q.amount_minor), 0) as minor, coalesce(sum(q.tax_base_minor), 0) as base
      from pg_temp.credit_parts q
      where q.invoice_id = scale_credit.invoice_id and q.rating_key = k.rating_key
    ) p
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

-- Where an invoice charged as much of what is to be given back as is owed in all, or more, because
-- something has become dearer, or promotional credit comes back with what another invoice charged,
-- that is set off here, in credit_take: all of it, where what other invoices charged is then still
-- owed for; else as much as leaves what is owed. The rest comes to nothing and is said by the next
-- invoice. No line is credited where it was not charged. Returns what credit_take comes to.
create function _billing.set_off_dearer(rest bigint)
returns numeric language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  charged numeric;
  dearer numeric;
  total numeric;
  net numeric;
begin
  -- Dearer lines with all that they come to, so without the part that is undone already.
  select sum(t.amount_minor) filter (where t.rest_minor >= 0),
    -coalesce(sum(t.rest_minor) filter (where t.rest_minor < 0), 0), sum(t.rest_minor)
  into charged, dearer, total
  from pg_temp.credit_take t where t.is_charge;
  select sum(t.amount_minor) into net from pg_temp.credit_take t where t.counts;
  if charged > dearer and total > 0 then
    update pg_temp.credit_take t set amount_minor = x.amount_minor, quantity = x.quantity,
      precise_amount = x.precise_amount, tax_base_minor = x.tax_base_minor
    from (
      select r.rating_key, r.amount_minor, r.quantity, r.precise_amount, r.tax_base_minor
      from pg_temp.credit_rest r join pg_temp.credit_take k using (rating_key)
      where k.is_charge and k.rest_minor < 0
      union all
      -- Discount and taxes in the share of these charges.
      select r.rating_key, round(r.amount_minor * (charged - dearer) / total), 0,
        round(r.precise_amount * (charged - dearer) / total, 10),
        round(r.tax_base_minor * (charged - dearer) / total)
      from pg_temp.credit_rest r join pg_temp.credit_take k using (rating_key)
      where not k.is_charge
    ) x where x.rating_key = t.rating_key;
  elsif dearer > 0 then
    update pg_temp.credit_take t set amount_minor = x.minor,
      quantity = round(x.rest_quantity * x.minor / t.rest_minor, 6),
      precise_amount = round(x.rest_precise * x.minor / t.rest_minor, 10)
    from (
      -- Sums are rounded, a line is the difference of two.
      select k.rating_key, r.quantity as rest_quantity, r.precise_amount as rest_precise,
        round(sum(k.rest_minor) over w * (net - rest) / dearer)
          - round((sum(k.rest_minor) over w - k.rest_minor) * (net - rest) / dearer) as minor
      from pg_temp.credit_take k join pg_temp.credit_rest r using (rating_key)
      where k.is_charge and k.rest_minor < 0
      window w as (order by k.rating_key)
    ) x where x.rating_key = t.rating_key;
  end if;
  return (select sum(t.amount_minor) from pg_temp.credit_take t where t.counts);
end $$;
comment on function _billing.set_off_dearer is
  'Sets what has become dearer off against what one invoice is credited for.';

-- Where an invoice charged less for the section than its lines come to, because it took back what
-- another invoice had charged: that is undone here, as far as there is no room, and is owed for
-- where it was charged. `again`: of lines of which a part is owed again, else of the others.
-- Returns what credit_take comes to.
create function _billing.undo_taken_back(invoice_id uuid, section_start date, excess numeric,
  again boolean)
returns numeric language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  update pg_temp.credit_take t set amount_minor = x.minor,
    quantity = round(x.charged_quantity * x.minor / x.charged, 6),
    precise_amount = round(x.charged_precise * x.minor / x.charged, 10)
  from (
    select k.rating_key, c.amount_minor as charged, c.quantity as charged_quantity,
      c.precise_amount as charged_precise,
      -- In order: what the lines before it have not made up for.
      k.amount_minor - greatest(0, least(l.minor, excess - sum(l.minor) over w + l.minor)) as minor
    from pg_temp.credit_take k join _billing.charged_lines(undo_taken_back.invoice_id,
      undo_taken_back.section_start) c using (rating_key)
    cross join lateral (
      select greatest(k.amount_minor - c.amount_minor, 0) as minor
    ) l
    where k.is_charge and (k.rest_minor < 0) = again and c.amount_minor < 0
    window w as (order by k.rating_key)
  ) x where x.rating_key = t.rating_key;
  return (select sum(t.amount_minor) from pg_temp.credit_take t where t.counts);
end $$;
comment on function _billing.undo_taken_back is
  'Takes back on one invoice what it took back of another''s charges.';

-- Where an invoice charged less for the section than its lines come to, because of a discount that
-- was given on them and stays: it is taken back here and given on the next invoice of the section.
-- Returns what credit_take comes to.
create function _billing.move_discount(invoice_id uuid, section_start date, room bigint,
  net numeric)
returns numeric language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  given constant numeric := coalesce((
    select -c.amount_minor from _billing.charged_lines(move_discount.invoice_id,
      move_discount.section_start) c where c.rating_key = 'discount'), 0);
begin
  update pg_temp.credit_take t
  set amount_minor = t.amount_minor - least(net - room, given + t.amount_minor),
    precise_amount = t.precise_amount - least(net - room, given + t.amount_minor) * x.unit
  from (
    select coalesce((r.line).precise_amount / nullif((r.line).amount_minor, 0), 0) as unit
    from pg_temp.credit_rest r where r.rating_key = 'discount'
  ) x
  where t.rating_key = 'discount' and given + t.amount_minor > 0;
  return (select sum(t.amount_minor) from pg_temp.credit_take t where t.counts);
end $$;
comment on function _billing.move_discount is
  'Takes the discount of an invoice back with the lines that it was given on.';

-- Takes off credit_rest what goes on one invoice and returns what it comes to. `own`: what the
-- invoice charged itself, discount and taxes in the share of the charges that are taken. The
-- invoice that brings the credit to its end takes all that is left, what has become dearer too. No
-- more than `room`: then a share of each line.
create function _billing.take_credit(invoice_id uuid, section_start date, room bigint, rest bigint,
  own boolean)
returns bigint language plpgsql
set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
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
  from _billing.own_credit(invoice_id, section_start) t;
  select coalesce(max(t.net_minor), 0), not coalesce(bool_or(t.goes_on), false) into net, ends
  from pg_temp.credit_take t;
  -- What it has no room for is not its own.
  if ends and rest <= room or not own then
    update pg_temp.credit_take t set amount_minor = r.amount_minor, quantity = r.quantity,
      precise_amount = r.precise_amount, tax_base_minor = r.tax_base_minor
    from pg_temp.credit_rest r where r.rating_key = t.rating_key;
    net := rest;
  else
    if net > room then
      net := _billing.undo_taken_back(invoice_id, section_start, net - room, false);
    end if;
    if net > rest or net = rest and not ends then
      net := _billing.set_off_dearer(rest);
    end if;
    if net > room then
      net := _billing.undo_taken_back(invoice_id, section_start, net - room, true);
    end if;
  end if;
  if net <= 0 then
    return 0;
  end if;
  if own and net > room then
    net := _billing.move_discount(invoice_id, section_start, room, net);
  end if;
  if net > room then
    perform _billing.scale_credit(invoice_id, section_start, room, net);
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

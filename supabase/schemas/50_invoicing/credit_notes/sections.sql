-- The credit of what a period was charged too much, invoice by invoice.

-- The note on one invoice with the lines that credit_parts has for it.
create function _billing.write_section_note(invoice_id uuid, target billing.rating_target,
  as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  label constant text := _billing.period_label(target.period_start, target.period_end);
  note_id uuid;
begin
  note_id := _billing.write_credit_note(_billing.get_invoice(invoice_id),
    _billing.taken_credit(invoice_id), 'Usage of ' || label || ' corrected', false, as_of);
  insert into public.credit_note_lines (credit_note_id, section_start, rating_key, kind, model,
    metric, rate_class, agent, price_id, service_start, service_end, quantity, unit_amount,
    per_units, pricing_model, tiers, precise_amount, amount_minor, tax_name, tax_rate_percent,
    tax_behavior, tax_base_minor, tax_note, description, detail)
  select note_id, (r.line).section_start, r.rating_key, r.kind, (r.line).model, (r.line).metric,
    (r.line).rate_class, (r.line).agent, (r.line).price_id, (r.line).service_start,
    (r.line).service_end,
    case when (r.line).quantity is not null then p.quantity end, (r.line).unit_amount,
    (r.line).per_units, (r.line).pricing_model, (r.line).tiers, p.precise_amount, p.amount_minor,
    (r.line).tax_name, (r.line).tax_rate_percent, (r.line).tax_behavior,
    case when (r.line).tax_base_minor is not null then p.tax_base_minor end, (r.line).tax_note,
    format('%s, %s', _billing.plain_description(r.kind, label, (r.line).description), label),
    (r.line).detail
  from pg_temp.credit_rest r join (
    select c.rating_key, sum(c.amount_minor) as amount_minor, sum(c.quantity) as quantity,
      sum(c.precise_amount) as precise_amount, sum(c.tax_base_minor) as tax_base_minor
    from pg_temp.credit_parts c where c.invoice_id = write_section_note.invoice_id
    group by c.rating_key
  ) p using (rating_key);
  perform _billing.return_promotional_credit(note_id, as_of);
  perform _billing.write_credit_document(note_id);
end $$;

-- Where the invoices of a section have less room than is owed, money goes back before promotional
-- credit: charges are credited without what it took off them, and it stays on them. Of a grant that
-- other charges take more of, that is what it gives back in all. No more than `most`: the rest
-- comes back with its charges.
create function _billing.keep_promotional_credit(most numeric)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  with promoted as (
    select r.rating_key, -r.amount_minor as minor, r.line,
      sum(-r.amount_minor) over (partition by g.id) - sum(greatest(-r.amount_minor, 0)) over (
        partition by g.id order by r.rating_key) as beside
    from pg_temp.credit_rest r
    cross join lateral (select _billing.grant_of(r.rating_key) as id) g
    where r.kind = 'promotional_credit'
  ), line as (
    select x.rating_key, (x.line).metric as metric, (x.line).model as model,
      (x.line).agent as agent, x.credit, x.charge
    from (
      select p.rating_key, p.line, least(p.minor, p.beside + p.minor) as credit, 0 as charge
      from promoted p where least(p.minor, p.beside + p.minor) > 0
      union all
      select r.rating_key, r.line, 0, r.amount_minor
      from pg_temp.credit_rest r where r.kind in ('usage', 'minimum') and r.amount_minor > 0
    ) x
  ), fitting as (
    -- Of each metric, model and agent no more than their charges, in order.
    select l.*, greatest(0, least(l.credit, sum(l.charge) over w + l.credit
      - sum(l.credit) over (w order by l.rating_key))) as fits
    from line l window w as (partition by l.metric, l.model, l.agent)
  ), kept as (
    select f.*, greatest(0, least(f.fits, most + f.fits
      - sum(f.fits) over (order by f.rating_key))) as minor
    from fitting f
  ), moved as (
    -- As much of the charges as of the credit.
    select k.rating_key, k.minor - greatest(0, least(k.charge, sum(k.minor) over w + k.charge
      - sum(k.charge) over (w order by k.rating_key))) as minor
    from kept k window w as (partition by k.metric, k.model, k.agent)
  )
  update pg_temp.credit_rest r set amount_minor = r.amount_minor + m.minor,
    quantity = round(r.quantity * (r.amount_minor + m.minor) / r.amount_minor, 6),
    precise_amount = round(r.precise_amount * (r.amount_minor + m.minor) / r.amount_minor, 10)
  from moved m where m.rating_key = r.rating_key and m.minor <> 0;
end $$;
comment on function _billing.keep_promotional_credit is
  'Leaves promotional credit on charges that are credited in part.';

-- All lines are credited in the share of `amount` that there is room for, so a share of promotional
-- credit stays by itself. So much more is kept that in all the credit stays which there is no room
-- for, as far as there is credit.
create function _billing.fit_promotional_credit(amount numeric, room numeric)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  back numeric;
begin
  if amount > room and room > 0 then
    select -sum(r.amount_minor) into back
    from pg_temp.credit_rest r where r.kind = 'promotional_credit';
    if back > 0 and amount > back then
      perform _billing.keep_promotional_credit(
        floor((amount - room) * (amount - back) / room));
    end if;
  end if;
end $$;
comment on function _billing.fit_promotional_credit is
  'Keeps so much promotional credit on charges as there is no room for.';

-- Credits one section, of whose lines `amount` is owed, as far as its invoices have room; returns
-- how many notes that took. First each invoice is credited for what it charged itself. A debt
-- beyond that (an invoice that a note by hand has emptied) goes on those that have room. The rest
-- then comes to nothing. Where promotional credit comes back with it, the last of the notes says
-- it: it would wait for the next invoice, which may be of nothing else.
create function _billing.credit_section(
  target billing.rating_target[], lines _billing.rated_line[], amount bigint, as_of timestamptz
) returns bigint language plpgsql
set search_path = pg_catalog, pg_temp set client_min_messages = warning as $$
declare
  rest bigint := amount;
  own boolean;
  home record;
  taken bigint;
  last uuid;
  notes bigint := 0;
begin
  perform _billing.begin_credit(target, lines);
  perform _billing.fit_promotional_credit(amount, (
    select sum(c.room) from _billing.creditable_invoices(target[1]) c where c.room > 0));
  foreach own in array '{true,false}'::boolean[] loop
    for home in select * from _billing.creditable_invoices(target[1]) order by place loop
      taken := _billing.take_credit(home.invoice_id, target[1].period_start,
        least(rest, home.room - _billing.taken_credit(home.invoice_id)), rest, own);
      rest := rest - taken;
      last := case when taken > 0 then home.invoice_id else last end;
    end loop;
  end loop;
  if rest = 0 and exists (select from pg_temp.credit_rest r
    where r.kind = 'promotional_credit' and r.amount_minor <> 0) then
    insert into pg_temp.credit_parts
    select last, r.rating_key, r.amount_minor, r.quantity, r.precise_amount, r.tax_base_minor
    from pg_temp.credit_rest r
    where (r.amount_minor, r.quantity, r.precise_amount, r.tax_base_minor) <> (0, 0, 0, 0);
  end if;
  for home in select * from _billing.creditable_invoices(target[1]) order by place loop
    continue when _billing.taken_credit(home.invoice_id) = 0;
    perform _billing.write_section_note(home.invoice_id, target[1], as_of);
    notes := notes + 1;
  end loop;
  return notes;
end $$;

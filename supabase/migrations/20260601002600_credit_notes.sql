-- Credit notes: give back what was charged on an issued invoice, never more than is left of it.

-- Settles a credit: first off what is still due, the rest onto the balance or back to the payer.
-- Of money that has gone back already (`all_refunded`) nothing is taken off what is due.
create function billing.write_credit_note(invoice public.invoices, amount bigint, reason text,
  to_refund boolean, as_of timestamptz, all_refunded boolean default false)
returns uuid language plpgsql set search_path = '' as $$
declare
  note_id uuid;
  off_due constant bigint := case when all_refunded then 0
    else least(amount, invoice.amount_due_minor) end;
  credited bigint;
  notes integer;
begin
  select coalesce(sum(n.total_minor), 0), count(*) into credited, notes
  from public.credit_notes n where n.invoice_id = invoice.id;
  if amount <= 0 then
    perform billing.raise_error('invalid_argument',
      format('a credit of %s is not more than zero', amount));
  end if;
  if amount > invoice.total_minor - credited then
    perform billing.raise_error('credit_exceeds_invoice',
      format('%s would be credited, %s is left of invoice %s', amount,
        invoice.total_minor - credited, invoice.number), 'credit no more than is left');
  end if;
  note_id := billing.named_id('credit_note', invoice.id::text, (notes + 1)::text);
  insert into public.credit_notes (id, invoice_id, client_id, number, reason, currency,
    total_minor, to_invoice_minor, to_balance_minor, to_refund_minor, issued_at)
  values (note_id, invoice.id, invoice.client_id,
    format('%s-CN%s', invoice.number, notes + 1), reason, invoice.currency, amount, off_due,
    case when to_refund then 0 else amount - off_due end,
    case when to_refund then amount - off_due else 0 end, as_of);
  if amount > off_due and not to_refund then
    insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
      credit_note_id, created_at)
    values (invoice.client_id, invoice.currency, amount - off_due, 'credit_note', invoice.id,
      note_id, as_of);
  end if;
  update public.invoices i set credited_minor = i.credited_minor + off_due,
    status = case when i.status = 'open' and i.amount_due_minor = off_due then 'paid'
      else i.status end,
    paid_at = case when i.status = 'open' and i.amount_due_minor = off_due then as_of
      else i.paid_at end
  where i.id = invoice.id and off_due > 0;
  return note_id;
end $$;

-- A credit note by hand: all that is left, or an amount (tax included). It does not change what
-- the usage is rated at, so its lines belong to no section: re-rating never charges it again.
create function billing.issue_credit_note(invoice_id uuid, reason text,
  amount_minor bigint default null, to_refund boolean default false,
  as_of timestamptz default now())
returns text language plpgsql security definer set search_path = '' as $$
-- Definer: callers may ask for a credit note, only these functions may write one.
declare
  invoice public.invoices;
begin
  perform billing.lock_clients(billing.clients_of(issue_credit_note.invoice_id));
  invoice := billing.get_invoice(issue_credit_note.invoice_id);
  if invoice.status not in ('open', 'paid', 'uncollectible') then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s; only an issued invoice can be credited',
        coalesce(invoice.number, invoice.id::text), invoice.status));
  end if;
  if btrim(coalesce(issue_credit_note.reason, '')) = '' then
    perform billing.raise_error('invalid_argument', 'a credit note needs a reason');
  end if;
  return billing.credit_by_amount(invoice, coalesce(issue_credit_note.amount_minor,
    invoice.total_minor - (select coalesce(sum(c.total_minor), 0)
      from public.credit_notes c where c.invoice_id = invoice.id))::bigint,
    issue_credit_note.reason, to_refund, as_of);
end $$;
comment on function billing.issue_credit_note is
  'Credits all that is left of an issued invoice, or an amount of it; returns the number.';

-- A credit note of an amount, with the tax in it; returns its number.
create function billing.credit_by_amount(invoice public.invoices, amount bigint, reason text,
  to_refund boolean, as_of timestamptz, all_refunded boolean default false)
returns text language plpgsql set search_path = '' as $$
declare
  note public.credit_notes;
  note_id uuid;
  before bigint;
begin
  select coalesce(sum(c.total_minor), 0) into before
  from public.credit_notes c where c.invoice_id = invoice.id;
  note_id := billing.write_credit_note(invoice, amount, reason, to_refund, as_of, all_refunded);
  select * into note from public.credit_notes n where n.id = note_id;
  -- Tax shares are rounded over all notes so far, so that notes that credit all give all tax back.
  insert into public.credit_note_lines (credit_note_id, rating_key, precise_amount,
    amount_minor, kind, tax_base_minor, description)
  select note.id, l.rating_key, x.share / billing.to_minor(1, cur.exponent), x.share, 'tax',
    round(l.tax_base_minor::numeric * (before + note.total_minor) / invoice.total_minor)
      - round(l.tax_base_minor::numeric * before / invoice.total_minor), l.description
  from public.invoice_lines l
  join public.currencies cur on cur.code = invoice.currency
  cross join lateral (
    select round(l.amount_minor::numeric * (before + note.total_minor) / invoice.total_minor)
      - round(l.amount_minor::numeric * before / invoice.total_minor) as share) x
  where l.invoice_id = invoice.id and l.tax_behavior in ('exclusive', 'inclusive');
  insert into public.credit_note_lines (credit_note_id, rating_key, precise_amount,
    amount_minor, kind, description)
  select note.id, 'credit', x.net / billing.to_minor(1, cur.exponent), x.net, 'credit',
    'Credit for invoice ' || invoice.number
  from public.currencies cur cross join lateral (
    select note.total_minor - coalesce((select sum(t.amount_minor)
      from public.credit_note_lines t
      where t.credit_note_id = note.id and exists (select from public.invoice_lines l
        where l.invoice_id = invoice.id and l.rating_key = t.rating_key
          and l.tax_behavior = 'exclusive')), 0) as net) x
  where cur.code = invoice.currency;
  perform billing.write_credit_document(note.id);
  return note.number;
end $$;

-- Overcharges found by re-rating (corrections, usage that moved): credit notes per section on the
-- invoices that charged it, newest first, on each no more than it charged for the section: what is
-- left of an invoice for its other sections must stay creditable for them.
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

-- Credits one section. Its lines go on the first note; where one invoice has not enough left, the
-- rest is carried to the next by a pair of lines that cancel.
create function billing.credit_section(
  target billing.rating_target[], amount bigint, as_of timestamptz
) returns bigint language plpgsql set search_path = '' set client_min_messages = warning as $$
declare
  rest bigint := amount;
  invoice public.invoices;
  piece bigint;
  note_id uuid;
  notes bigint := 0;
  label constant text := billing.period_label(target[1].period_start, target[1].period_end);
begin
  for invoice in
    select i.* from public.invoices i
    where i.client_id = target[1].client_id and i.status in ('open', 'paid', 'uncollectible')
      and exists (select from public.invoice_lines l
        where l.invoice_id = i.id and l.section_start = target[1].period_start)
    order by i.finalized_at desc, i.number desc
  loop
    piece := least(rest, billing.creditable(invoice, target[1].period_start));
    continue when piece <= 0;
    if notes = 0 then
      drop table if exists pg_temp.overcharge;
      create temporary table overcharge on commit drop as
      select d.line from billing.section_deltas(target) d;
    end if;
    note_id := billing.write_credit_note(invoice, piece,
      'Usage of ' || label || ' corrected', false, as_of);
    if notes = 0 then
      insert into public.credit_note_lines (credit_note_id, section_start, rating_key, kind, model,
        metric, agent, price_id, service_start, service_end, quantity, unit_amount, per_units,
        pricing_model, tiers, precise_amount, amount_minor, tax_name, tax_rate_percent,
        tax_behavior, tax_base_minor, tax_note, description, detail)
      select note_id, (o.line).section_start, (o.line).rating_key, (o.line).kind, (o.line).model,
        (o.line).metric, (o.line).agent, (o.line).price_id, (o.line).service_start,
        (o.line).service_end, -(o.line).quantity, (o.line).unit_amount, (o.line).per_units,
        (o.line).pricing_model, (o.line).tiers, -(o.line).precise_amount,
        -(o.line).amount_minor, (o.line).tax_name, (o.line).tax_rate_percent,
        (o.line).tax_behavior, -(o.line).tax_base_minor, (o.line).tax_note,
        (o.line).description, (o.line).detail
      from pg_temp.overcharge o;
    end if;
    perform billing.carry_credit(note_id, target[1].period_start,
      case when notes = 0 then piece - amount else piece end, invoice.currency);
    perform billing.write_credit_document(note_id);
    rest := rest - piece;
    notes := notes + 1;
    exit when rest = 0;
  end loop;
  return notes;
end $$;

create function billing.carry_credit(note_id uuid, section_start date, amount bigint,
  currency text)
returns void language sql set search_path = '' as $$
  insert into public.credit_note_lines (credit_note_id, section_start, rating_key,
    precise_amount, amount_minor, kind, description)
  select note_id, carry_credit.section_start, 'carried',
    amount / billing.to_minor(1, c.exponent), amount, 'credit',
    case when amount < 0 then 'Carried to another credit note' else 'Carried from another' end
  from public.currencies c where c.code = carry_credit.currency and amount <> 0;
$$;

create function billing.write_credit_document(note_id uuid)
returns void language plpgsql set search_path = '' as $$
declare
  content jsonb;
begin
  select jsonb_build_object('version', 1, 'kind', 'credit_note', 'number', n.number,
    'status', 'open', 'currency', n.currency, 'exponent', cur.exponent,
    'issued_on', (n.issued_at at time zone 'UTC')::date, 'due_on', null,
    'period', i.document -> 'period',
    'references', jsonb_build_object('invoice_number', i.number, 'replaces', null,
      'reason', n.reason),
    'locale', c.locale, 'paper', c.paper, 'seller', billing.document_seller(),
    'client', billing.document_client(c.id), 'lines', l.lines, 'discounts', l.discounts,
    'taxes', l.taxes,
    'totals', jsonb_build_object('subtotal_minor', l.subtotal, 'discount_minor', -l.discount,
      'tax_minor', n.total_minor - l.subtotal - l.discount,
      'tax_included_minor', l.tax - (n.total_minor - l.subtotal - l.discount),
      'total_minor', n.total_minor, 'balance_applied_minor', 0,
      'amount_due_minor', 0),
    'agents', '[]'::jsonb, 'daily', '[]'::jsonb, 'notes', '[]'::jsonb,
    'payment_terms_days', i.payment_terms_days, 'payment_url', null) into content
  from public.credit_notes n
  join public.invoices i on i.id = n.invoice_id
  join public.clients c on c.id = n.client_id
  join public.currencies cur on cur.code = n.currency
  cross join lateral (
    select
      coalesce(sum(x.amount_minor) filter (where x.kind not in ('discount', 'tax')), 0)
        as subtotal,
      coalesce(sum(x.amount_minor) filter (where x.kind = 'discount'), 0) as discount,
      coalesce(sum(x.amount_minor) filter (where x.kind = 'tax'), 0) as tax,
      coalesce(jsonb_agg(jsonb_build_object('kind', x.kind, 'description', x.description,
        'detail', x.detail, 'period', null, 'agent', null,
        'quantity', billing.decimal_text(x.quantity), 'unit', null, 'unit_price', null,
        'per', null, 'amount_minor', x.amount_minor, 'tiers', null) order by x.kind desc,
        x.description) filter (where x.kind not in ('discount', 'tax')), '[]') as lines,
      coalesce(jsonb_agg(jsonb_build_object('description', x.description,
        'amount_minor', x.amount_minor)) filter (where x.kind = 'discount'), '[]') as discounts,
      coalesce(jsonb_agg(jsonb_build_object('name', o.tax_name,
        'rate_percent', billing.decimal_text(o.tax_rate_percent),
        'behavior', o.tax_behavior, 'base_minor', x.tax_base_minor,
        'amount_minor', x.amount_minor, 'note', o.tax_note) order by x.description)
        filter (where x.kind = 'tax'), '[]') as taxes
    from public.credit_note_lines x
    left join lateral (
      select t.* from public.invoice_lines t
      where t.invoice_id = i.id and t.rating_key = x.rating_key and x.kind = 'tax' limit 1
    ) o on true
    where x.credit_note_id = n.id
  ) l
  where n.id = note_id;
  update public.credit_notes n set document = content where n.id = note_id;
end $$;

revoke all on all functions in schema billing from public;
grant execute on function billing.issue_credit_note(uuid, text, bigint, boolean, timestamptz)
  to service_role;

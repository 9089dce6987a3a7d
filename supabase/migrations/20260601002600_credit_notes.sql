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
begin
  note_id := billing.write_credit_note(invoice, amount, reason, to_refund, as_of, all_refunded);
  select * into note from public.credit_notes n where n.id = note_id;
  insert into public.credit_note_lines (credit_note_id, rating_key, precise_amount,
    amount_minor, kind, tax_name, tax_rate_percent, tax_behavior, tax_base_minor, tax_note,
    description)
  select note.id, t.rating_key, t.amount_minor / billing.to_minor(1, cur.exponent),
    t.amount_minor, 'tax', t.tax_name, t.tax_rate_percent, t.tax_behavior, t.tax_base_minor,
    t.tax_note, format('%s %s %%', t.tax_name, trim_scale(t.tax_rate_percent))
  from billing.tax_shares(invoice, note) t
  join public.currencies cur on cur.code = invoice.currency
  where t.amount_minor <> 0 or t.tax_base_minor <> 0;
  insert into public.credit_note_lines (credit_note_id, rating_key, precise_amount,
    amount_minor, kind, description)
  select note.id, 'credit', x.net / billing.to_minor(1, cur.exponent), x.net, 'credit',
    'Credit for invoice ' || invoice.number
  from public.currencies cur cross join lateral (
    select note.total_minor - coalesce((select sum(t.amount_minor)
      from public.credit_note_lines t
      where t.credit_note_id = note.id and t.tax_behavior = 'exclusive'), 0) as net) x
  where cur.code = invoice.currency;
  perform billing.write_credit_document(note.id);
  return note.number;
end $$;

-- Taxes of an invoice by name, rate and behavior, and what its notes have given back of each: by
-- hand, and by re-rating a section.
create function billing.taxes_of_invoice(invoice_id uuid)
returns table (rating_key text, tax_name text, tax_rate_percent numeric, tax_behavior text,
  tax_note text, amount_minor numeric, base_minor numeric, by_hand_minor numeric,
  by_hand_base_minor numeric, rated_minor numeric, rated_base_minor numeric)
language sql stable set search_path = '' as $$
  with given as (
    select x.rating_key,
      sum(x.amount_minor) filter (where x.section_start is null) as by_hand,
      sum(x.tax_base_minor) filter (where x.section_start is null) as by_hand_base,
      sum(x.amount_minor) filter (where x.section_start is not null) as rated,
      sum(x.tax_base_minor) filter (where x.section_start is not null) as rated_base
    from public.credit_notes n join public.credit_note_lines x on x.credit_note_id = n.id
    where n.invoice_id = taxes_of_invoice.invoice_id and x.kind = 'tax'
    group by x.rating_key
  )
  select l.rating_key, min(l.tax_name), min(l.tax_rate_percent), min(l.tax_behavior),
    min(l.tax_note), sum(l.amount_minor), sum(l.tax_base_minor), coalesce(min(g.by_hand), 0),
    coalesce(min(g.by_hand_base), 0), coalesce(min(g.rated), 0), coalesce(min(g.rated_base), 0)
  from public.invoice_lines l left join given g on g.rating_key = l.rating_key
  where l.invoice_id = taxes_of_invoice.invoice_id and l.kind = 'tax'
  group by l.rating_key;
$$;
comment on function billing.taxes_of_invoice is
  'Taxes of an invoice by name, rate and behavior, with what notes have given back of each.';

-- The taxes in a note by hand. They are shares of what re-rating has left of the invoice, rounded
-- over all notes by hand so far: notes that credit all give all tax back. Taxes on top never exceed
-- the note: what a cent has no room for comes with the next one.
create function billing.tax_shares(invoice public.invoices, note public.credit_notes)
returns table (rating_key text, tax_name text, tax_rate_percent numeric, tax_behavior text,
  tax_note text, amount_minor bigint, tax_base_minor bigint)
language sql stable set search_path = '' as $$
  with part as (
    -- This note has no lines yet: it counts as one by hand.
    select coalesce(sum(c.total_minor) filter (where not x.is_rated), 0) as by_hand,
      invoice.total_minor - coalesce(sum(c.total_minor) filter (where x.is_rated), 0) as whole
    from public.credit_notes c
    cross join lateral (select exists (select from public.credit_note_lines l
      where l.credit_note_id = c.id and l.section_start is not null) as is_rated) x
    where c.invoice_id = invoice.id
  ), wanted as (
    select t.*, greatest(0, least(t.amount_minor - t.rated_minor - t.by_hand_minor,
        round((t.amount_minor - t.rated_minor) * p.by_hand / p.whole) - t.by_hand_minor)) as minor,
      greatest(0, least(t.base_minor - t.rated_base_minor - t.by_hand_base_minor,
        round((t.base_minor - t.rated_base_minor) * p.by_hand / p.whole)
          - t.by_hand_base_minor)) as base
    from billing.taxes_of_invoice(invoice.id) t cross join part p
  )
  select w.rating_key, w.tax_name, w.tax_rate_percent, w.tax_behavior, w.tax_note,
    case when w.tax_behavior = 'exclusive' then least(w.minor, greatest(0, note.total_minor
      - coalesce(sum(w.minor) filter (where w.tax_behavior = 'exclusive') over (
        order by w.rating_key rows between unbounded preceding and 1 preceding), 0)))
      else w.minor end::bigint,
    w.base::bigint
  from wanted w;
$$;
comment on function billing.tax_shares is
  'What a credit note by hand gives back of each tax of its invoice.';

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
      coalesce(jsonb_agg(jsonb_build_object('name', x.tax_name,
        'rate_percent', billing.decimal_text(x.tax_rate_percent),
        'behavior', x.tax_behavior, 'base_minor', x.tax_base_minor,
        'amount_minor', x.amount_minor, 'note', x.tax_note) order by x.description)
        filter (where x.kind = 'tax'), '[]') as taxes
    from public.credit_note_lines x
    where x.credit_note_id = n.id
  ) l
  where n.id = note_id;
  update public.credit_notes n set document = content where n.id = note_id;
end $$;

revoke all on all functions in schema billing from public;
grant execute on function billing.issue_credit_note(uuid, text, bigint, boolean, timestamptz)
  to service_role;

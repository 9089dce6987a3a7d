-- Taxes of an invoice by name, rate and behavior, and what its notes have given back of each: by
-- hand, and by re-rating a section.
create function _billing.taxes_of_invoice(invoice_id uuid)
returns table (rating_key text, tax_name text, tax_rate_percent numeric, tax_behavior text,
  tax_note text, amount_minor numeric, base_minor numeric, by_hand_minor numeric,
  by_hand_base_minor numeric, rated_minor numeric, rated_base_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with given as (
    select x.rating_key,
      sum(x.amount_minor) filter (where x.section_start is null) as by_hand,
      sum(x.tax_base_minor) filter (where x.section_start is null) as by_hand_base,
      sum(x.amount_minor) filter (where x.section_start is not null) as rated,
      sum(x.tax_base_minor) filter (where x.section_start is not null) as rated_base
    from public.credit_notes n join public.credit_note_lines x on x.credit_note_id = n.id
    where n.invoice_id = taxes_of_invoice.invoice_id and n.voided_at is null and x.kind = 'tax'
    group by x.rating_key
  )
  select l.rating_key, min(l.tax_name), min(l.tax_rate_percent), min(l.tax_behavior),
    min(l.tax_note), sum(l.amount_minor), sum(l.tax_base_minor), coalesce(min(g.by_hand), 0),
    coalesce(min(g.by_hand_base), 0), coalesce(min(g.rated), 0), coalesce(min(g.rated_base), 0)
  from public.invoice_lines l left join given g on g.rating_key = l.rating_key
  where l.invoice_id = taxes_of_invoice.invoice_id and l.kind = 'tax'
  group by l.rating_key;
$$;
comment on function _billing.taxes_of_invoice is
  'Taxes of an invoice by name, rate and behavior, with what notes have given back of each.';

-- The taxes in a note of a top-up: shares of what it contains in all, each of the amount without
-- any.
create function _billing.tax_shares_of_top_up(invoice public.invoices, note public.credit_notes)
returns table (rating_key text, tax_name text, tax_rate_percent numeric, tax_behavior text,
  tax_note text, amount_minor bigint, tax_base_minor bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select t.rating_key, t.tax_name, t.tax_rate_percent, t.tax_behavior, t.tax_note,
    coalesce(_billing.tax_share(x.tax_minor, t.whole, t.until)
      - _billing.tax_share(x.tax_minor, t.whole, t.until - t.amount_minor::bigint), 0),
    x.amount_minor - x.tax_minor
  from (
    select t.*, sum(t.amount_minor) over (order by t.rating_key)::bigint as until,
      nullif(invoice.tax_included_minor, 0) as whole
    from _billing.taxes_of_invoice(invoice.id) t
  ) t
  cross join _billing.tax_in_note(invoice, note) x;
$$;
comment on function _billing.tax_shares_of_top_up is
  'What a credit note of a top-up gives back of each tax that its invoice contains.';

-- The taxes in a note by hand. They are shares of what re-rating has left of the invoice, rounded
-- over all notes by hand so far: notes that credit all give all tax back. Taxes on top never exceed
-- the note: what a cent has no room for comes with the next one.
create function _billing.tax_shares(invoice public.invoices, note public.credit_notes)
returns table (rating_key text, tax_name text, tax_rate_percent numeric, tax_behavior text,
  tax_note text, amount_minor bigint, tax_base_minor bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with part as (
    -- This note has no lines yet: it counts as one by hand.
    select coalesce(sum(c.total_minor) filter (where not x.is_rated), 0) as by_hand,
      invoice.total_minor - coalesce(sum(c.total_minor) filter (where x.is_rated), 0) as whole
    from public.credit_notes c
    cross join lateral (select exists (select from public.credit_note_lines l
      where l.credit_note_id = c.id and l.section_start is not null) as is_rated) x
    where c.invoice_id = invoice.id and c.voided_at is null
  ), wanted as (
    select t.*, greatest(0, least(t.amount_minor - t.rated_minor - t.by_hand_minor,
        round((t.amount_minor - t.rated_minor) * p.by_hand / p.whole) - t.by_hand_minor)) as minor,
      greatest(0, least(t.base_minor - t.rated_base_minor - t.by_hand_base_minor,
        round((t.base_minor - t.rated_base_minor) * p.by_hand / p.whole)
          - t.by_hand_base_minor)) as base
    from _billing.taxes_of_invoice(invoice.id) t cross join part p
  )
  select w.rating_key, w.tax_name, w.tax_rate_percent, w.tax_behavior, w.tax_note,
    case when w.tax_behavior = 'exclusive' then least(w.minor, greatest(0, note.total_minor
      - coalesce(sum(w.minor) filter (where w.tax_behavior = 'exclusive') over (
        order by w.rating_key rows between unbounded preceding and 1 preceding), 0)))
      else w.minor end::bigint,
    w.base::bigint
  from wanted w where invoice.kind <> 'top_up'
  union all
  select s.* from _billing.tax_shares_of_top_up(invoice, note) s where invoice.kind = 'top_up';
$$;
comment on function _billing.tax_shares is
  'What a credit note by hand gives back of each tax of its invoice.';

-- The document of a credit note.

create function _billing.write_credit_document(note_id uuid)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  content jsonb;
begin
  select jsonb_build_object('version', 1, 'kind', 'credit_note', 'number', n.number,
    'status', 'open', 'currency', n.currency, 'exponent', cur.exponent,
    'issued_on', (n.issued_at at time zone 'UTC')::date, 'due_on', null,
    'period', i.document -> 'period',
    'references', jsonb_build_object('invoice_number', i.number, 'replaces', null,
      'reason', n.reason),
    'locale', c.locale, 'paper', c.paper, 'seller', _billing.document_seller(),
    'client', _billing.document_client(c.id), 'lines', l.lines, 'discounts', l.discounts,
    'taxes', l.taxes,
    'totals', jsonb_build_object('subtotal_minor', l.subtotal, 'discount_minor', -l.discount,
      'tax_minor', n.total_minor - l.subtotal - l.discount,
      'tax_included_minor', l.tax - (n.total_minor - l.subtotal - l.discount),
      'total_minor', n.total_minor, 'balance_applied_minor', 0,
      'amount_due_minor', 0),
    'agents', '[]'::jsonb, 'daily', '[]'::jsonb, 'notes', '[]'::jsonb,
    'payment_terms_days', i.payment_terms_days, 'payment_url', null)
    || coalesce(_billing.document_returned(n.id), '{}')
    || _billing.document_language(c.locale) into content
  from public.credit_notes n
  join public.invoices i on i.id = n.invoice_id
  join public.clients c on c.id = n.client_id
  join public.currencies cur on cur.code = n.currency
  cross join lateral (
    select
      coalesce(sum(x.amount_minor) filter (
        where x.kind not in ('discount', 'promotional_credit', 'tax')), 0) as subtotal,
      coalesce(sum(x.amount_minor) filter (
        where x.kind in ('discount', 'promotional_credit')), 0) as discount,
      coalesce(sum(x.amount_minor) filter (where x.kind = 'tax'), 0) as tax,
      coalesce(jsonb_agg(jsonb_build_object('kind', x.kind, 'description', x.description,
        'detail', x.detail, 'period', null, 'agent', null,
        'quantity', _billing.decimal_text(x.quantity), 'unit', null, 'unit_price', null,
        'per', null, 'amount_minor', x.amount_minor, 'tiers', null) order by x.kind desc,
        x.description) filter (
        where x.kind not in ('discount', 'promotional_credit', 'tax')), '[]') as lines,
      -- All that goes back to a grant of promotional credit, once.
      coalesce((select jsonb_agg(jsonb_build_object('description', y.description,
          'amount_minor', y.minor) order by y.kind, y.description, y.grant_id)
        from (
          select d.kind, d.description, _billing.grant_of(d.rating_key) as grant_id,
            sum(d.amount_minor) as minor
          from public.credit_note_lines d
          where d.credit_note_id = n.id and d.kind in ('discount', 'promotional_credit')
          group by 1, 2, 3 having d.kind = 'discount' or sum(d.amount_minor) <> 0
        ) y), '[]') as discounts,
      coalesce(jsonb_agg(jsonb_build_object('name', x.tax_name,
        'rate_percent', _billing.decimal_text(x.tax_rate_percent),
        'behavior', x.tax_behavior, 'base_minor', x.tax_base_minor,
        'amount_minor', x.amount_minor, 'note', x.tax_note) order by x.description)
        filter (where x.kind = 'tax'), '[]') as taxes
    from public.credit_note_lines x
    where x.credit_note_id = n.id
  ) l
  where n.id = note_id;
  update public.credit_notes n set document = content where n.id = note_id;
end $$;

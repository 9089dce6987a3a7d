-- What issued invoices and credit notes already charge for sections, by rating key.
create function _billing.booked_lines(targets billing.rating_target[])
returns table (client_id uuid, section_start date, rating_key text, quantity numeric,
  precise_amount numeric, amount_minor numeric, tax_base_minor numeric,
  sample _billing.rated_line)
-- By index from the targets' clients on: history is not read, whatever it seems to cost.
language sql stable set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
  select b.client_id, b.section_start, b.rating_key, sum(b.quantity), sum(b.precise_amount),
    sum(b.amount_minor), sum(b.tax_base_minor),
    (array_agg(b.sample order by b.is_note) filter (where b.sample is distinct from null))[1]
  from (
    select i.client_id, l.section_start, l.rating_key, l.quantity, l.precise_amount,
      l.amount_minor, l.tax_base_minor, false as is_note, (i.client_id, l.section_start,
        l.section_end, l.kind, l.rating_key, l.model, l.metric, l.rate_class, l.agent,
        l.price_id, l.service_start, l.service_end, l.quantity, l.unit_amount, l.per_units,
        l.pricing_model, l.tiers, l.precise_amount, l.amount_minor, l.tax_name,
        l.tax_rate_percent, l.tax_behavior, l.tax_base_minor, l.tax_note, l.description,
        l.detail)::_billing.rated_line as sample
    from unnest(targets) t
    join public.invoices i on i.client_id = t.client_id
      and i.status in ('open', 'paid', 'uncollectible')
    join public.invoice_lines l on l.invoice_id = i.id and l.section_start = t.period_start
    union all
    select n.client_id, l.section_start, l.rating_key, -l.quantity, -l.precise_amount,
      -l.amount_minor, -l.tax_base_minor, true,
      case when l.kind <> 'credit' then (n.client_id, l.section_start, null, l.kind,
        l.rating_key, l.model, l.metric, l.rate_class, l.agent, l.price_id, l.service_start,
        l.service_end, -l.quantity, l.unit_amount, l.per_units, l.pricing_model, l.tiers,
        -l.precise_amount, -l.amount_minor, l.tax_name, l.tax_rate_percent, l.tax_behavior,
        -l.tax_base_minor, l.tax_note, l.description, l.detail)::_billing.rated_line end
    from unnest(targets) t
    join public.credit_notes n on n.client_id = t.client_id
    join public.invoices i on i.id = n.invoice_id and i.status <> 'void'
    join public.credit_note_lines l on l.credit_note_id = n.id
      and l.section_start = t.period_start
  ) b
  group by b.client_id, b.section_start, b.rating_key;
$$;
comment on function _billing.booked_lines is
  'What is invoiced for target periods so far, net of credit notes; with one of the lines, of
   whichever document, that stand for it.';

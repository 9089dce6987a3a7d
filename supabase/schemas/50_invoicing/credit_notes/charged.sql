-- What an invoice charged for a section and has not been credited for it, within what is left of
-- the invoice. Notes of re-rating belong to one section each.
create function _billing.creditable(invoice public.invoices, section_start date)
returns bigint language sql stable set search_path = pg_catalog, pg_temp as $$
  select least(invoice.total_minor - n.credited, l.charged - n.of_section)::bigint
  from (
    select coalesce(sum(c.total_minor), 0) as credited,
      coalesce(sum(c.total_minor) filter (where exists (
        select from public.credit_note_lines x where x.credit_note_id = c.id
          and x.section_start = creditable.section_start)), 0) as of_section
    from public.credit_notes c
    where c.invoice_id = invoice.id and c.voided_at is null
  ) n, (
    select coalesce(sum(x.amount_minor), 0) as charged
    from public.invoice_lines x
    where x.invoice_id = invoice.id and x.section_start = creditable.section_start
      and (x.tax_behavior is null or x.tax_behavior = 'exclusive')
  ) l;
$$;

-- Issued invoices that a section can be credited on, with the room there is: those that charged it,
-- newest first. A period without an invoice of its own (more usage was taken back in it than used)
-- has nothing that charged it: after these come the client's others in the period's currency, but
-- for those of top-ups: a note on one takes the credit back that it has paid for.
create function _billing.creditable_invoices(target billing.rating_target)
returns table (place bigint, invoice_id uuid, room bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with issued as (
    select i.*, exists (select from public.invoice_lines l
      where l.invoice_id = i.id and l.section_start = target.period_start) as charged
    from public.invoices i
    where i.client_id = target.client_id and i.status in ('open', 'paid', 'uncollectible')
      and i.kind <> 'top_up'
  )
  select row_number() over (order by i.charged desc, i.finalized_at desc, i.number desc), i.id,
    case when i.charged then _billing.creditable(o, target.period_start)
      else i.total_minor - coalesce((select sum(n.total_minor) from public.credit_notes n
        where n.invoice_id = i.id and n.voided_at is null), 0) end::bigint
  from issued i join public.invoices o on o.id = i.id
  where i.charged or (i.currency = (
      select t.currency from billing.period_terms(array[target]) t)
    and not exists (select from issued x
      where x.kind = 'period' and x.period_start = target.period_start));
$$;
comment on function _billing.creditable_invoices is
  'Invoices that a section can be credited on, in order, and how much on each.';

-- What an invoice still charges for a section, by rating key: its lines less those of its notes.
create function _billing.charged_lines(invoice_id uuid, section_start date)
returns table (rating_key text, amount_minor numeric, quantity numeric, precise_amount numeric,
  tax_base_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
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
comment on function _billing.charged_lines is
  'What an invoice still charges for a section, by rating key.';

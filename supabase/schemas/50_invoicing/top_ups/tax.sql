-- Tax that is due with the purchase of credit. ADR 64 says why it is as it is.

-- The taxes that a top-up bought at an instant contains: those of the client that apply to all that
-- it is charged. Whether invoices add them or contain them, what is bought pays both: it contains
-- them. None where tax is charged on use.
create function _billing.taxes_on_purchase(client_id uuid, as_of timestamptz)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(x.tax || case x.tax ->> 'behavior' when 'exclusive'
    then '{"behavior": "inclusive"}'::jsonb else '{}' end order by x.n), '[]')
  from public.billing_settings s
  cross join lateral billing.config_on(array[taxes_on_purchase.client_id],
    array[billing.day_of(taxes_on_purchase.client_id, as_of)]) t
  cross join lateral jsonb_array_elements(t.taxes) with ordinality x(tax, n)
  where s.top_up_tax = 'on_purchase'
    and coalesce(jsonb_typeof(x.tax -> 'applies_to'), 'null') = 'null';
$$;
comment on function _billing.taxes_on_purchase is
  'The taxes that are contained in credit which a client buys now; none where use is taxed.';

-- What of a note of a top-up contains tax, and how much. An amount off what is due does, with the
-- credit that will not be granted; money that goes back does, with the credit that goes with it.
-- `invoice` is as it was before the note.
create function _billing.tax_in_note(invoice public.invoices, note public.credit_notes)
returns table (amount_minor bigint, tax_minor bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with state as (
    select invoice.total_minor - invoice.credited_minor as was,
      note.total_minor - note.to_invoice_minor as gone,
      exists (select from public.top_ups t join public.credit_grants g on g.top_up_id = t.id
        where t.invoice_id = invoice.id) as is_granted, (
        select coalesce(sum(n.total_minor - n.to_invoice_minor), 0) from public.credit_notes n
        where n.invoice_id = invoice.id and n.id <> note.id and n.voided_at is null)
        as gone_before
  ), off as (
    -- The two ends of each part of the invoice. Of what goes back before the grant it will be taken
    -- back with the grant.
    select s.was as upper, s.was - note.to_invoice_minor as lower from state s
    union all
    select greatest(x.rest, 0), greatest(x.rest - s.gone, 0)
    from state s
    cross join lateral (select s.was - note.to_invoice_minor - s.gone_before as rest) x
    where not s.is_granted
  ), taken as (
    select t.movements from state s
    cross join lateral (select _billing.credit_to_take_back(invoice.id, s.gone, note.issued_at,
      note.id) as movements) t
    where s.is_granted
  )
  select coalesce(sum(x.amount), 0)::bigint, coalesce(sum(x.tax), 0)::bigint
  from (
    select o.upper - o.lower as amount,
      _billing.tax_share(o.upper, invoice.total_minor, invoice.tax_included_minor)
        - _billing.tax_share(o.lower, invoice.total_minor, invoice.tax_included_minor) as tax
    from off o
    union all
    select -_billing.sum_of_movements(t.movements), coalesce((
      select -sum(m.tax_minor) from _billing.tax_of_movements(t.movements) m), 0)
    from taken t
  ) x;
$$;
comment on function _billing.tax_in_note is
  'What of a credit note of a top-up contains tax, and that tax.';

-- An invoice for pending items alone, at once.
create function billing.create_one_off_invoice(item_ids uuid[], as_of timestamptz default now())
returns uuid language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  made uuid;
  client uuid;
  mixed boolean;
begin
  perform billing.require_second_factor();
  perform _billing.lock_clients(array(
    select distinct i.client_id from public.invoice_items i where i.id = any (item_ids)));
  select (array_agg(i.client_id))[1],
    count(distinct (i.client_id, i.currency)) > 1 or count(*) <> cardinality(item_ids)
      or bool_or(i.section_start is not null or i.invoice_id is not null)
  into client, mixed from public.invoice_items i where i.id = any (item_ids);
  if mixed or client is null then
    perform billing.raise_error('invalid_argument',
      'a one-off invoice takes pending items of one client in one currency');
  end if;
  insert into public.invoices (client_id, kind, currency, payment_terms_days, deliveries)
  select client, 'one_off', i.currency, t.payment_terms_days, t.deliveries
  from public.invoice_items i
  cross join lateral billing.config_on(array[client],
    array[billing.day_of(client, as_of)]) t
  where i.id = item_ids[1]
  returning id into made;
  insert into public.invoice_lines (invoice_id, position, kind, rating_key, service_start,
    service_end, quantity, unit_amount, per_units, precise_amount, amount_minor, tax_name,
    tax_rate_percent, tax_behavior, tax_base_minor, tax_note, description)
  select made, row_number() over (order by l.kind = 'tax', l.description, l.rating_key), l.kind,
    l.rating_key, l.service_start, l.service_end, l.quantity, l.unit_amount, l.per_units,
    l.precise_amount, l.amount_minor, l.tax_name, l.tax_rate_percent, l.tax_behavior,
    l.tax_base_minor, l.tax_note, l.description
  from _billing.add_discounts_and_taxes(
    array(
      select (i.client_id, null, null, 'one_off', 'item|' || i.id, null, null, null, null,
        null, i.item_day, i.item_day + 1, i.quantity, i.unit_amount, 1, null, null,
        i.quantity * i.unit_amount, _billing.to_minor(i.quantity * i.unit_amount, c.exponent),
        null, null, null, null, null, i.description, null)::_billing.rated_line
      from public.invoice_items i join public.currencies c on c.code = i.currency
      where i.id = any (item_ids)),
    array(
      select (client, null, t.exponent, null, null, t.taxes)::_billing.section_terms
      from billing.config_on(array[client], array[billing.day_of(client, as_of)]) t)) l;
  update public.invoice_items i set invoice_id = made where i.id = any (item_ids);
  perform _billing.write_totals(array[made]);
  perform _billing.write_documents(array[made]);
  return made;
end $$;
comment on function billing.create_one_off_invoice is 'Draft invoice of pending items only.';
grant execute on function billing.create_one_off_invoice(uuid[], timestamptz) to service_role;

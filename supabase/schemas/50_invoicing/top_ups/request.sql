-- Top-ups that are wanted, and their invoices.

-- Issues the invoice of a top-up. Unless purchases are taxed it has no tax: tax is charged on what
-- the credit pays for, by the invoice of that. Neither grants nor the balance pay it.
create function _billing.invoice_top_up(top_up_id uuid, as_of timestamptz)
returns uuid language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  wanted public.top_ups;
  made uuid;
begin
  select * into wanted from public.top_ups t
  where t.id = invoice_top_up.top_up_id and t.state = 'wanted';
  if wanted.id is null then
    return null;
  end if;
  insert into public.invoices (client_id, kind, currency, payment_terms_days, deliveries)
  select wanted.client_id, 'top_up', wanted.currency, 0, t.deliveries
  from billing.config_on(array[wanted.client_id],
    array[billing.day_of(wanted.client_id, as_of)]) t
  returning id into made;
  insert into public.invoice_lines (invoice_id, position, kind, rating_key, quantity, unit_amount,
    per_units, precise_amount, amount_minor, tax_name, tax_rate_percent, tax_behavior,
    tax_base_minor, tax_note, description)
  select made, row_number() over (order by l.kind = 'tax', l.rating_key), l.kind, l.rating_key,
    l.quantity, l.unit_amount, l.per_units, l.precise_amount, l.amount_minor, l.tax_name,
    l.tax_rate_percent, l.tax_behavior, l.tax_base_minor, l.tax_note, l.description
  from public.currencies c
  cross join lateral (
    select wanted.amount_minor / _billing.to_minor(1, c.exponent)::numeric as amount
  ) x
  cross join lateral _billing.add_discounts_and_taxes(
    array[(wanted.client_id, null, null, 'top_up', 'top_up|' || wanted.id, null, null, null, null,
      null, null, null, 1, x.amount, 1, null, null, x.amount, wanted.amount_minor, null, null,
      null, null, null, 'Prepaid credit', null)::_billing.rated_line],
    array[(wanted.client_id, null, c.exponent, null, null, _billing.taxes_on_purchase(
      wanted.client_id, as_of))::_billing.section_terms]) l
  where c.code = wanted.currency;
  perform _billing.write_totals(array[made]);
  update public.top_ups t set invoice_id = made, state = 'invoiced', problem = null
  where t.id = wanted.id;
  perform _billing.finalize_invoices(array[made], as_of);
  return made;
end $$;
comment on function _billing.invoice_top_up is
  'Issues the invoice of a top-up that has none; returns it, null where it has one.';

-- Each open top-up is an invoice, here and in Stripe, with its mail: a member who may pay makes no
-- thousands of them. Recharges do not count: there is one at a time.
create function _billing.most_open_top_ups() returns integer language sql immutable
return 10;
comment on function _billing.most_open_top_ups is
  'How many top-ups that were asked for a client may have unpaid.';

create function _billing.refuse_many_top_ups(client_id uuid) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if (select count(*) from public.top_ups t where t.client_id = refuse_many_top_ups.client_id
    and t.origin = 'request' and t.state in ('wanted', 'invoiced')) > _billing.most_open_top_ups()
  then
    perform billing.raise_error('too_many_top_ups', format(
      'a client may have %s unpaid top-ups, and has them', _billing.most_open_top_ups()),
      'pay one of them, or have its invoice voided');
  end if;
end $$;
comment on function _billing.refuse_many_top_ups is
  'Refuses what gives a client more unpaid top-ups than it may have.';

-- A top-up that somebody asks for, with its invoice; once for each reference.
create function billing.request_top_up(client_id uuid, amount_minor bigint,
  currency text default null, expires_after_days integer default null,
  reference text default null, note text default null, as_of timestamptz default now())
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  known public.top_ups;
  made uuid;
begin
  perform billing.require_second_factor();
  perform billing.require_role(request_top_up.client_id, 'billing');
  perform _billing.check_text('reference', reference, 200, true);
  perform _billing.check_text('note', note, 500);
  perform _billing.lock_clients(array[request_top_up.client_id]);
  if not exists (select from public.clients c where c.id = request_top_up.client_id) then
    perform billing.raise_error('unknown_client', format('no client has id %s', client_id));
  end if;
  if coalesce(amount_minor, 0) not between 1 and 1e15 or expires_after_days not between 1 and 36500
    or not exists (select from public.currencies c where c.code = request_top_up.currency)
      and currency is not null then
    perform billing.raise_error('invalid_argument',
      'the amount is above zero, in a known currency, and expires after 1 to 36500 days');
  end if;
  insert into public.top_ups (client_id, origin, currency, amount_minor, expires_after_days,
    reference, note, requested_at)
  select t.client_id, 'request', coalesce(request_top_up.currency, t.currency),
    request_top_up.amount_minor, request_top_up.expires_after_days, request_top_up.reference,
    request_top_up.note, as_of
  from billing.config_on(array[request_top_up.client_id],
    array[billing.day_of(request_top_up.client_id, as_of)]) t
  on conflict on constraint top_ups_reference_once do nothing
  returning id into made;
  if made is not null then
    perform _billing.refuse_many_top_ups(request_top_up.client_id);
    perform _billing.invoice_top_up(made, as_of);
    return made;
  end if;
  select * into known from public.top_ups t
  where t.client_id = request_top_up.client_id and t.reference = request_top_up.reference;
  if known.amount_minor is distinct from amount_minor or known.currency <> currency then
    perform billing.raise_error('illegal_transition',
      format('%L is the reference of another top-up, of %s', reference, known.amount_minor),
      'give each top-up a reference of its own');
  end if;
  return known.id;
end $$;
comment on function billing.request_top_up is
  'Invoices credit that a client buys, once for each reference; it is granted when that is paid.';
grant execute on function billing.request_top_up(uuid, bigint, text, integer, text, text,
  timestamptz) to service_role;

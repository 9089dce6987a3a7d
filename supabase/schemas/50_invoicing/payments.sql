-- What becomes of an issued invoice: paid, overdue, written off.

create function billing.record_payment(invoice_id uuid, amount_minor bigint,
  paid_at timestamptz default now(), method text default 'manual', reference text default null)
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  invoice public.invoices;
  payment_id uuid;
  paid_invoice uuid;
  excess bigint;
begin
  perform billing.require_second_factor();
  perform _billing.check_text('method', method, 50, true);
  -- Ids of Stripe, and keys that are made of them, are shorter.
  perform _billing.check_text('reference', reference, 500, true);
  perform _billing.lock_clients(_billing.clients_of(record_payment.invoice_id));
  invoice := _billing.get_invoice(record_payment.invoice_id);
  select p.id, p.invoice_id into payment_id, paid_invoice from public.payments p
  where p.reference = record_payment.reference;
  if payment_id is not null then
    if paid_invoice <> invoice.id then
      perform billing.raise_error('illegal_transition',
        format('payment %s is recorded for another invoice than %s', reference, invoice.number));
    end if;
    return payment_id;
  end if;
  if invoice.status = 'draft' or amount_minor <= 0 then
    perform billing.raise_error('illegal_transition',
      format('a payment of %s cannot be recorded: invoice %s is %s', amount_minor,
        coalesce(invoice.number, invoice.id::text), invoice.status));
  end if;
  insert into public.payments (invoice_id, client_id, amount_minor, currency, paid_at, method,
    reference)
  values (invoice.id, invoice.client_id, record_payment.amount_minor, invoice.currency,
    record_payment.paid_at, record_payment.method, record_payment.reference)
  returning id into payment_id;
  -- Money for an invoice that is settled or void is the client's: all of it goes to the balance.
  excess := case when invoice.status in ('open', 'uncollectible')
    then greatest(record_payment.amount_minor - invoice.amount_due_minor, 0)
    else record_payment.amount_minor end;
  update public.invoices i
  set paid_minor = i.paid_minor + record_payment.amount_minor - excess,
    status = case when i.amount_due_minor <= record_payment.amount_minor then 'paid'
      else i.status end,
    paid_at = case when i.amount_due_minor <= record_payment.amount_minor
      then record_payment.paid_at end
  where i.id = invoice.id and i.status in ('open', 'uncollectible');
  insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
    created_at)
  select invoice.client_id, invoice.currency, excess, 'overpayment', invoice.id,
    record_payment.paid_at
  where excess > 0;
  return payment_id;
end $$;
comment on function billing.record_payment is
  'Records a payment once per reference; an excess over the amount due goes to the balance.';
grant execute on function billing.record_payment(uuid, bigint, timestamptz, text, text)
  to service_role;

create function billing.mark_uncollectible(invoice_id uuid, as_of timestamptz default now())
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  invoice public.invoices;
begin
  perform billing.require_second_factor();
  perform _billing.lock_clients(_billing.clients_of(mark_uncollectible.invoice_id));
  invoice := _billing.get_invoice(mark_uncollectible.invoice_id);
  if invoice.status <> 'open' then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s; only an open invoice can be written off',
        coalesce(invoice.number, invoice.id::text), invoice.status));
  end if;
  update public.invoices i set status = 'uncollectible', uncollectible_at = as_of,
    written_off_minor = i.amount_due_minor
  where i.id = invoice.id;
end $$;
comment on function billing.mark_uncollectible is
  'Writes an open invoice off; it may still be paid.';
grant execute on function billing.mark_uncollectible(uuid, timestamptz) to service_role;

create function billing.overdue_invoices(as_of timestamptz default now())
returns table (invoice_id uuid, number text, client_id uuid, client text, currency text,
  amount_due_minor bigint, due_on date, days_overdue integer)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select i.id, i.number, c.id, c.name, i.currency, i.amount_due_minor, i.due_on,
    (as_of at time zone 'UTC')::date - i.due_on
  from public.invoices i join public.clients c on c.id = i.client_id
  where i.status = 'open' and i.due_on < (as_of at time zone 'UTC')::date
  order by i.due_on, i.number;
$$;
comment on function billing.overdue_invoices is 'Open invoices past their due day.';
grant execute on function billing.overdue_invoices(timestamptz) to service_role;

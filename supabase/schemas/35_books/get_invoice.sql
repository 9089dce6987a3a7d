-- An invoice by its id, or the error that there is none; and whose it is.

create function _billing.get_invoice(invoice_id uuid)
returns public.invoices language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices;
begin
  select * into invoice from public.invoices i where i.id = get_invoice.invoice_id for update;
  if invoice.id is null then
    perform billing.raise_error('unknown_invoice', format('no invoice has id %s', invoice_id));
  end if;
  return invoice;
end $$;

-- Whose an invoice is, as lock_clients wants it; none where there is no such invoice.
create function _billing.clients_of(invoice_id uuid)
returns uuid[] language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(select i.client_id from public.invoices i where i.id = clients_of.invoice_id);
$$;

-- Finalizing one draft, as it would be made now.

create function billing.finalize_invoice(invoice_id uuid, as_of timestamptz default now())
returns text language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off set lock_timeout = '30s' as $$
-- Definer: callers may read invoices, only these functions may write them.
declare
  invoice public.invoices;
  target billing.rating_target;
  made _billing.closing;
begin
  perform set_config('billing.as_of', as_of::text, true);
  perform _billing.lock_clients(_billing.clients_of(finalize_invoice.invoice_id));
  invoice := _billing.get_invoice(finalize_invoice.invoice_id);
  if invoice.status <> 'draft' then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s; only a draft can be finalized', invoice.number, invoice.status));
  end if;
  if invoice.kind = 'period'
    and _billing.day_start(invoice.client_id, invoice.period_end) > as_of then
    perform billing.raise_error('period_not_over',
      format('the period ends at %s', _billing.day_start(invoice.client_id, invoice.period_end)),
      'wait until then, or look at it with billing.preview_invoice');
  end if;
  if invoice.kind <> 'period' then
    perform _billing.hold_drafts(array[invoice.id], as_of);
    perform _billing.refuse_held(invoice.id);
    perform _billing.finalize_invoices(array[invoice.id], as_of);
  else
    -- Brought up to date first: the document is made of records that go on changing.
    target := (invoice.client_id, invoice.period_start, invoice.period_end);
    perform _billing.rollup();
    made := _billing.close_periods(array[target], _billing.late_targets(target), as_of, 'all');
    if _billing.blocked_message(made, target) is not null then
      perform billing.raise_error('client_blocked', _billing.blocked_message(made, target),
        'mend what blocks it, then finalize again');
    end if;
    perform _billing.refuse_held(invoice.id);
  end if;
  return (select i.number from public.invoices i where i.id = invoice.id);
end $$;
comment on function billing.finalize_invoice is
  'Finalizes one draft, brought up to date first; returns its number, null where it came to zero.
   One that is held is refused until it is released.';
grant execute on function billing.finalize_invoice(uuid, timestamptz) to service_role;

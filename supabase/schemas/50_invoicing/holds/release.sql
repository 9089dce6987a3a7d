-- The decision on a held draft.

create function billing.release_invoice(invoice_id uuid, reason text,
  up_to_minor bigint default null)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  invoice public.invoices;
begin
  perform billing.require_second_factor();
  perform _billing.require_reason('releasing a draft', 'reason', release_invoice.reason);
  perform _billing.lock_clients(_billing.clients_of(release_invoice.invoice_id));
  invoice := _billing.get_invoice(release_invoice.invoice_id);
  if release_invoice.up_to_minor < invoice.total_minor then
    perform billing.raise_error('invalid_argument', format('the draft comes to %s, more than %s',
        billing.money_text(invoice.total_minor, invoice.currency),
        billing.money_text(up_to_minor, invoice.currency)),
      'release it up to its total or more');
  end if;
  if invoice.status = 'draft' and invoice.kind = 'period' then
    perform _billing.lock_periods(array[(invoice.client_id, invoice.period_start,
      invoice.period_end)::billing.rating_target]);
  end if;
  -- A draft that grows may be released beforehand, up to a total that is named.
  insert into billing.invoice_holds (invoice_id, client_id, total_minor, reason, message, held_at)
  select invoice.id, invoice.client_id, invoice.total_minor, 'not_held',
    'it was released before it was held', billing.as_of()
  where invoice.status = 'draft' and invoice.kind in ('period', 'late')
    and up_to_minor is not null
  on conflict on constraint invoice_holds_pkey do nothing;
  update billing.invoice_holds h
  set released_minor = coalesce(up_to_minor, invoice.total_minor), released_at = billing.as_of(),
    released_by = billing.actor(), release_reason = btrim(release_invoice.reason)
  where h.invoice_id = invoice.id and invoice.status = 'draft';
  if not found then
    perform billing.raise_error('illegal_transition', format('invoice %s is %s and is not held',
      coalesce(invoice.number, invoice.id::text), invoice.status));
  end if;
  update public.billing_periods p set reason = null, message = null, updated_at = billing.as_of()
  where invoice.kind = 'period' and p.reason = 'held' and p.client_id = invoice.client_id
    and p.period_start = invoice.period_start;
end $$;
comment on function billing.release_invoice is
  'Lets a held draft be issued up to its total, or up to a larger one (minor units); audited.';
grant execute on function billing.release_invoice(uuid, text, bigint) to service_role;

create function _billing.refuse_held(invoice_id uuid)
returns void language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  problem text;
begin
  select format('the draft of %s is held: %s', h.client, h.message) into problem
  from billing.held_invoices h where h.invoice_id = refuse_held.invoice_id;
  if problem is not null then
    perform billing.raise_error('invoice_held', problem,
      'look at the draft, then: select billing.release_invoice(invoice_id, reason)');
  end if;
end $$;
comment on function _billing.refuse_held is 'Refuses to issue a draft that is held.';

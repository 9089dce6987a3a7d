-- Taking an issued invoice back, and making it anew.

create function billing.void_invoice(invoice_id uuid, reason text,
  as_of timestamptz default now())
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  invoice public.invoices;
  sections billing.rating_target[];
  -- To grants; the rest of what credit has paid goes onto the balance.
  returned _billing.credit_movement[];
  kept bigint;
begin
  perform billing.require_second_factor();
  perform _billing.require_reason('voiding', 'reason', void_invoice.reason);
  perform _billing.lock_clients(_billing.clients_of(void_invoice.invoice_id));
  invoice := _billing.get_invoice(void_invoice.invoice_id);
  if invoice.kind = 'one_off' and invoice.status = 'draft' then
    update public.invoice_items t set invoice_id = null where t.invoice_id = invoice.id;
    delete from public.invoices i where i.id = invoice.id;
    return;
  end if;
  if invoice.status not in ('open', 'uncollectible') or invoice.paid_minor > 0
    or invoice.credited_minor > 0 then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s%s and cannot be voided',
        coalesce(invoice.number, invoice.id::text), invoice.status, case
          when invoice.paid_minor > 0 then ', partly paid'
          when invoice.credited_minor > 0 then ', partly credited' else '' end),
      'issue a credit note for what has been paid or credited');
  end if;
  sections := array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where p.client_id = invoice.client_id and p.period_start in (
      select l.section_start from public.invoice_lines l where l.invoice_id = invoice.id
      union select invoice.period_start));
  perform _billing.lock_periods(sections);
  update public.invoices i
  set status = 'void', voided_at = as_of, void_reason = void_invoice.reason
  where i.id = invoice.id;
  update public.invoice_items t set invoice_id = null where t.invoice_id = invoice.id;
  returned := _billing.credit_to_give_back(invoice.id, invoice.balance_applied_minor, as_of);
  kept := _billing.sum_of_movements(returned);
  perform _billing.move_credit(returned);
  perform _billing.void_promotional_credit(invoice, as_of);
  perform _billing.take_returned_back(returned);
  insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
    created_at, note)
  select invoice.client_id, invoice.currency, invoice.balance_applied_minor - kept, 'void',
    invoice.id, as_of, reason
  where invoice.balance_applied_minor > kept;
  update public.billing_periods p set state = 'voided', settled_at = null, updated_at = as_of
  where invoice.kind = 'period' and p.client_id = invoice.client_id
    and p.period_start = invoice.period_start;
  perform _billing.mark_changed(array(
    select s from unnest(sections) s where exists (
      select from public.invoice_lines l where l.invoice_id = invoice.id and l.is_late
        and l.section_start = s.period_start)));
end $$;
comment on function billing.void_invoice is
  'Voids an unpaid invoice; it keeps its number. Its period is billed again by regenerating, its
   one-off items are pending again. A one-off draft is discarded.';
grant execute on function billing.void_invoice(uuid, text, timestamptz) to service_role;

create function billing.regenerate_invoice(invoice_id uuid, as_of timestamptz default now())
returns uuid language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '30s' as $$
-- Definer: as above.
declare
  old public.invoices;
  target billing.rating_target;
  late billing.rating_target[];
  made _billing.closing;
begin
  perform billing.require_second_factor();
  perform set_config('billing.as_of', as_of::text, true);
  perform _billing.lock_clients(_billing.clients_of(regenerate_invoice.invoice_id));
  old := _billing.get_invoice(regenerate_invoice.invoice_id);
  if old.status <> 'void' or old.kind <> 'period' then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s; only the voided invoice of a period can be regenerated',
        coalesce(old.number, old.id::text), old.status), 'void it first');
  end if;
  target := _billing.period_containing(old.client_id, old.period_start);
  perform _billing.rollup();
  late := _billing.late_targets(target);
  perform _billing.lock_periods(_billing.with_drafted_sections(array[target] || late));
  update public.billing_periods p set state = 'pending', updated_at = as_of
  where p.client_id = old.client_id and p.period_start = old.period_start;
  made := _billing.close_periods(array[target], late, as_of, 'none');
  return (select i.id from public.invoices i
    where i.id = any (made.drafts) and i.period_start = target.period_start);
end $$;
comment on function billing.regenerate_invoice is
  'Draft that replaces a voided invoice, rated anew; null when blocked or zero.';
grant execute on function billing.regenerate_invoice(uuid, timestamptz) to service_role;

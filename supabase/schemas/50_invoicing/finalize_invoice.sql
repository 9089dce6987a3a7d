-- Finalizing one draft, as it would be made now.

-- Makes the late invoices of a client that are not issued yet anew. Usage of a period whose invoice
-- is void is left to that which replaces it. Where something blocks one, all stay as they are.
create function _billing.remake_late_drafts(client_id uuid, as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  late constant billing.rating_target[] := array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where p.client_id = remake_late_drafts.client_id and p.state <> 'voided'
      and p.period_start in (
        select l.section_start from public.invoices d
        join public.invoice_lines l on l.invoice_id = d.id
        where d.client_id = remake_late_drafts.client_id and d.status = 'draft'
          and d.kind = 'late'));
  problem text;
begin
  perform _billing.rollup();
  if late = '{}' then
    perform _billing.empty_drafts(array[(client_id, null, null)::billing.rating_target]);
    return;
  end if;
  delete from public.invoice_lines l using public.invoices d
  where d.id = l.invoice_id and d.client_id = remake_late_drafts.client_id and d.status = 'draft'
    and d.kind = 'late' and l.section_start not in (select t.period_start from unnest(late) t);
  select string_agg(b.message, '; ' order by b.reason, b.message) into problem
  from unnest((_billing.close_periods('{}', late, as_of, 'none')).blocked) b
  where b.reason <> 'negative_total';
  if problem is not null then
    perform billing.raise_error('client_blocked', problem,
      'mend what blocks it, then finalize again');
  end if;
end $$;
comment on function _billing.remake_late_drafts is 'Makes the late drafts of a client anew.';

create function billing.finalize_invoice(invoice_id uuid, as_of timestamptz default now())
returns text language plpgsql security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '30s' as $$
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
    if _billing.drafts_without_credit(array[invoice.id], as_of) <> '{}' then
      perform _billing.remake_late_drafts(invoice.client_id, as_of);
    end if;
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

-- The period of a client that the anchor day of a month lies in: as recorded, or as it will be.
create function _billing.period_of_month(client_id uuid, month date)
returns billing.rating_target language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  anchor_day date;
  target billing.rating_target;
begin
  select billing.anchor_in_month(month, c.billing_anchor_day) into anchor_day
  from public.clients c where c.id = period_of_month.client_id;
  if anchor_day is null then
    perform billing.raise_error('unknown_client',
      format('no client has id %s', period_of_month.client_id));
  end if;
  select p.client_id, p.period_start, p.period_end into target from public.billing_periods p
  where p.client_id = period_of_month.client_id
    and p.period_start <= anchor_day and anchor_day < p.period_end;
  if target.client_id is null then
    target := _billing.period_containing(period_of_month.client_id, anchor_day);
  end if;
  return target;
end $$;
comment on function _billing.period_of_month is
  'The period of a client that the anchor day of a month lies in.';

-- One client's invoice, on demand: what the monthly run does, for one period. Older drafts are left
-- to the run, which makes them anew before it issues them.
create function billing.generate_invoice(client_id uuid, month date,
  as_of timestamptz default now())
returns table (outcome text, invoice_id uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask for an invoice, only these functions may write the books.
declare
  target billing.rating_target;
  existing uuid;
  made _billing.closing;
begin
  perform set_config('billing.as_of', as_of::text, true);
  perform _billing.lock_clients(array[generate_invoice.client_id]);
  perform _billing.hold_usage();
  perform _billing.open_periods(as_of, generate_invoice.client_id);
  target := _billing.period_of_month(generate_invoice.client_id, month);
  select i.id into existing from public.invoices i
  where i.client_id = target.client_id and i.kind = 'period'
    and i.period_start = target.period_start and i.status not in ('draft', 'void');
  if existing is not null then
    return query select 'existing', existing;
    return;
  end if;
  if _billing.day_start(target.client_id, target.period_end) > as_of then
    perform billing.raise_error('period_not_over',
      format('the period ends at %s', _billing.day_start(target.client_id, target.period_end)),
      'wait until then, or look at it with a dry run');
  end if;
  perform _billing.repair_usage(array[target]);
  made := _billing.close_periods(array[target], _billing.late_targets(target), as_of,
    'made_past_grace');
  if _billing.blocked_message(made, target) is not null then
    perform billing.raise_error('client_blocked', _billing.blocked_message(made, target));
  end if;
  return query
  select coalesce(max('created'), 'skipped'), (array_agg(i.id))[1] from public.invoices i
  where i.id = any (made.drafts) and i.period_start = target.period_start;
end $$;
comment on function billing.generate_invoice is
  'Invoices the period that begins in a month: created, existing (the same) or skipped (zero).';
grant execute on function billing.generate_invoice(uuid, date, timestamptz) to service_role;

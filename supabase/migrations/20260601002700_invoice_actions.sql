-- What an operator does with invoices: preview, void, regenerate, one-off, paid, uncollectible.

-- The document that the invoice of a period would have if it were made now. Made by the very
-- functions that make it, in a subtransaction that is rolled back: it cannot differ by a cent.
create function billing.preview_invoice(client_id uuid, day date default null,
  as_of timestamptz default now())
returns jsonb language plpgsql security definer set search_path = '' set jit = off as $$
-- Definer: callers may look at a preview, only these functions may write drafts.
declare
  target billing.rating_target;
  late billing.rating_target[];
  blocked text;
  content text;
begin
  perform set_config('billing.as_of', as_of::text, true);
  target := billing.period_with(preview_invoice.client_id,
    coalesce(day, billing.day_of(preview_invoice.client_id, as_of)));
  perform billing.lock_books();
  perform billing.rollup();
  select string_agg(b.message, '; ') into blocked
  from billing.blocked_targets(array[target]) b;
  if blocked is not null then
    perform billing.raise_error('client_blocked', blocked);
  end if;
  late := billing.late_targets(target);
  begin
    delete from public.invoices i where i.client_id = target.client_id
      and i.period_start = target.period_start and i.status = 'draft';
    perform billing.draft_invoices(array[target], late);
    -- As text: a jsonb of this size is a reference to storage that is rolled back with its row.
    select i.document::text into content from public.invoices i
    where i.client_id = target.client_id and i.kind = 'period'
      and i.period_start = target.period_start and i.status = 'draft';
    raise exception using errcode = 'LB000', message = 'roll the preview back';
  exception when sqlstate 'LB000' then
    null;
  end;
  return content::jsonb;
end $$;
comment on function billing.preview_invoice is
  'Document of the invoice for the period with a day (default today), or null where it is zero.';

-- The period of a client that a day lies in: as recorded, or as it will be.
create function billing.period_with(client_id uuid, day date)
returns billing.rating_target language plpgsql stable set search_path = '' as $$
declare
  target billing.rating_target;
begin
  select p.client_id, p.period_start, p.period_end into target
  from public.billing_periods p
  where p.client_id = period_with.client_id and p.period_start <= day and day < p.period_end;
  if target.client_id is null then
    select r.client_id,
      greatest(r.next_start, billing.period_start_of(day, r.billing_anchor_day)),
      billing.period_end_of(greatest(day, r.next_start), r.billing_anchor_day) into target
    from billing.running_periods(billing.as_of()) r
    where r.client_id = period_with.client_id and day >= r.next_start;
  end if;
  if target.client_id is null then
    perform billing.raise_error('unknown_client',
      format('client %s does not exist or has no period with %s', client_id, day));
  end if;
  if exists (select from public.invoices i where i.client_id = target.client_id
    and i.kind = 'period' and i.period_start = target.period_start
    and i.status not in ('draft', 'void')) then
    perform billing.raise_error('period_already_invoiced',
      format('the period %s is invoiced',
        billing.period_label(target.period_start, target.period_end)),
      'see the invoice; late usage goes on the next one');
  end if;
  return target;
end $$;

-- Earlier periods of the client whose late usage goes on the target's invoice.
create function billing.late_targets(target billing.rating_target)
returns billing.rating_target[] language sql stable set search_path = '' as $$
  with changed as (
    select coalesce(array_agg(
      (p.client_id, p.period_start, p.period_end)::billing.rating_target), '{}') as targets
    from public.billing_periods p
    join public.invoices i on i.client_id = p.client_id and i.kind = 'period'
      and i.period_start = p.period_start and i.status not in ('draft', 'void')
    where p.client_id = target.client_id and p.period_start <> target.period_start
      and (p.usage_changed or billing.is_on_draft(p.client_id, p.period_start))
  )
  select coalesce(array_agg(t), '{}') from changed c, unnest(c.targets) t
  where (t.client_id, t.period_start) not in (
    select h.client_id, h.period_start from unnest(billing.blocked_late(c.targets)) h);
$$;

create function billing.void_invoice(invoice_id uuid, reason text,
  as_of timestamptz default now())
returns void language plpgsql security definer set search_path = '' as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  invoice public.invoices;
begin
  if btrim(coalesce(void_invoice.reason, '')) = '' then
    perform billing.raise_error('invalid_argument', 'voiding needs a reason');
  end if;
  perform billing.lock_books();
  invoice := billing.get_invoice(void_invoice.invoice_id);
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
  update public.invoices i
  set status = 'void', voided_at = as_of, void_reason = void_invoice.reason
  where i.id = invoice.id;
  update public.invoice_items t set invoice_id = null where t.invoice_id = invoice.id;
  insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
    created_at, note)
  select invoice.client_id, invoice.currency, invoice.balance_applied_minor, 'void', invoice.id,
    as_of, reason
  where invoice.balance_applied_minor > 0;
  update public.billing_periods p set state = 'voided', updated_at = as_of
  where invoice.kind = 'period' and p.client_id = invoice.client_id
    and p.period_start = invoice.period_start;
  update public.billing_periods p set usage_changed = true
  where p.client_id = invoice.client_id and p.period_start in (
    select l.section_start from public.invoice_lines l
    where l.invoice_id = invoice.id and l.is_late);
end $$;
comment on function billing.void_invoice is
  'Voids an unpaid invoice; it keeps its number. Its period is billed again by regenerating, its
   one-off items are pending again. A one-off draft is discarded.';

create function billing.regenerate_invoice(invoice_id uuid, as_of timestamptz default now())
returns uuid language plpgsql security definer set search_path = '' set jit = off as $$
-- Definer: as above.
declare
  old public.invoices;
  target billing.rating_target;
  drafts uuid[];
begin
  perform set_config('billing.as_of', as_of::text, true);
  perform billing.lock_books();
  old := billing.get_invoice(regenerate_invoice.invoice_id);
  if old.status <> 'void' or old.kind <> 'period' then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s; only the voided invoice of a period can be regenerated',
        coalesce(old.number, old.id::text), old.status), 'void it first');
  end if;
  target := billing.period_with(old.client_id, old.period_start);
  perform billing.rollup();
  update public.billing_periods p set state = 'pending', updated_at = as_of
  where p.client_id = old.client_id and p.period_start = old.period_start;
  if billing.mark_blocked(array[target], as_of) = '{}' then
    return null;
  end if;
  drafts := billing.draft_invoices(array[target], billing.late_targets(target));
  perform billing.credit_overcharges(array[target], as_of);
  perform billing.mark_rated(array[target], '{}', drafts, as_of);
  return (select i.id from public.invoices i
    where i.id = any (drafts) and i.period_start = target.period_start);
end $$;
comment on function billing.regenerate_invoice is
  'Draft that replaces a voided invoice, rated anew; null when blocked or zero.';

-- An invoice for pending items alone, at once.
create function billing.create_one_off_invoice(item_ids uuid[], as_of timestamptz default now())
returns uuid language plpgsql security definer set search_path = '' set jit = off as $$
-- Definer: as above.
declare
  made uuid;
  client uuid;
  mixed boolean;
begin
  perform billing.lock_books();
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
  from billing.add_discounts_and_taxes(
    array(
      select (i.client_id, null, null, 'one_off', 'item|' || i.id, null, null, null, null,
        i.item_day, i.item_day + 1, i.quantity, i.unit_amount, 1, null, null,
        i.quantity * i.unit_amount, billing.to_minor(i.quantity * i.unit_amount, c.exponent),
        null, null, null, null, null, i.description, null)::billing.rated_line
      from public.invoice_items i join public.currencies c on c.code = i.currency
      where i.id = any (item_ids)),
    array(
      select (client, null, t.exponent, null, null, t.taxes)::billing.section_terms
      from billing.config_on(array[client], array[billing.day_of(client, as_of)]) t)) l;
  update public.invoice_items i set invoice_id = made where i.id = any (item_ids);
  perform billing.write_totals(array[made]);
  perform billing.write_documents(array[made]);
  return made;
end $$;
comment on function billing.create_one_off_invoice is 'Draft invoice of pending items only.';

create function billing.record_payment(invoice_id uuid, amount_minor bigint,
  paid_at timestamptz default now(), method text default 'manual', reference text default null)
returns uuid language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
declare
  invoice public.invoices;
  payment_id uuid;
  paid_invoice uuid;
  excess bigint;
begin
  perform billing.lock_books();
  invoice := billing.get_invoice(record_payment.invoice_id);
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
  'Records a payment once per reference; what exceeds the amount due goes to the balance.';

create function billing.mark_uncollectible(invoice_id uuid, as_of timestamptz default now())
returns void language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
declare
  invoice public.invoices;
begin
  perform billing.lock_books();
  invoice := billing.get_invoice(mark_uncollectible.invoice_id);
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

create function billing.overdue_invoices(as_of timestamptz default now())
returns table (invoice_id uuid, number text, client_id uuid, client text, currency text,
  amount_due_minor bigint, due_on date, days_overdue integer)
language sql stable set search_path = '' as $$
  select i.id, i.number, c.id, c.name, i.currency, i.amount_due_minor, i.due_on,
    (as_of at time zone 'UTC')::date - i.due_on
  from public.invoices i join public.clients c on c.id = i.client_id
  where i.status = 'open' and i.due_on < (as_of at time zone 'UTC')::date
  order by i.due_on, i.number;
$$;
comment on function billing.overdue_invoices is 'Open invoices past their due day.';

revoke all on all functions in schema billing from public;
grant execute on function billing.preview_invoice(uuid, date, timestamptz),
  billing.void_invoice(uuid, text, timestamptz), billing.regenerate_invoice(uuid, timestamptz),
  billing.create_one_off_invoice(uuid[], timestamptz),
  billing.record_payment(uuid, bigint, timestamptz, text, text),
  billing.mark_uncollectible(uuid, timestamptz), billing.overdue_invoices(timestamptz)
  to service_role;

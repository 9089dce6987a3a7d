-- Moving in, 6: what was invoiced before. Earlier invoices stay as they are in billing_before; a
-- view shows them with their numbers and the clients' ids. They are no invoices here: nothing
-- bills, reminds or sends them again, and no client is served before its cut-over day. Those that
-- were issued are noted in billing.earlier_invoices too, where payments of them find them.
create or replace function billing_adoption.show_history()
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  insert into billing.earlier_invoices (id, client_id, number, month, currency, amount_minor,
    status, stripe_invoice_id, paid_minor, stripe_paid_minor)
  select billing_adoption.uuid_of('billing_invoices', e.old_id), k.client_id, e.number, e.month,
    u.code, x.minor, x.status, x.stripe_id,
    case when x.status = 'paid' and x.stripe_id is null then x.minor else 0 end,
    case when x.status = 'paid' and x.stripe_id is not null then x.minor else 0 end
  from billing_adoption.earlier_invoices() e
  join billing_adoption.clients k on k.old_id = e.old_client
  join public.currencies u on u.code = e.currency
  cross join lateral (select round(e.amount * 10::numeric ^ u.exponent)::bigint as minor,
    case when e.status in ('paid', 'refunded') then 'paid'
      when e.status = 'uncollectible' then 'uncollectible' else 'open' end as status,
    -- One id of two invoices is of neither.
    case when e.stripe_invoice_id ~ '^in_' and (select count(*)
        from billing_adoption.earlier_invoices() o
        where o.stripe_invoice_id = e.stripe_invoice_id) = 1
      then e.stripe_invoice_id end as stripe_id) x
  where e.is_issued and e.old_id is not null and e.number is not null and e.amount is not null;
  create or replace view billing_before.invoice_history as
  select e.number, k.client_id, e.old_client, e.month, e.currency, e.amount,
    case when i.status <> 'open' and e.status not in ('paid', 'refunded') then i.status
      else e.status end as status,
    coalesce(i.stripe_invoice_id, e.stripe_invoice_id) as stripe_invoice_id,
    e.is_issued and e.status not in ('paid', 'uncollectible', 'refunded')
      and coalesce(i.status, 'open') = 'open' as is_open,
    e.fields, (i.paid_minor + i.stripe_paid_minor) / 10::numeric ^ u.exponent as paid, i.paid_at
  from billing_adoption.earlier_invoices() e
  left join billing_adoption.clients k on k.old_id = e.old_client
  left join billing.earlier_invoices i
    on i.id = billing_adoption.uuid_of('billing_invoices', e.old_id)
  left join public.currencies u on u.code = i.currency;
  comment on view billing_before.invoice_history is
    'Invoices of the earlier system, with all their columns in fields.';
  perform billing_adoption.note('billing_invoices', e.old_id, case
    when e.number is null then 'it has no number'
    when e.amount is null then 'it has no amount'
    when k.client_id is null then 'its client was not taken'
    else format('its currency %s is not known here', e.currency) end
      || ': it is in the history as it is, payments of it are not noted')
  from billing_adoption.earlier_invoices() e
  left join billing_adoption.clients k on k.old_id = e.old_client
  where e.number is null or e.amount is null or k.client_id is null
    or not exists (select from public.currencies u where u.code = e.currency);
  perform billing_adoption.note('billing_invoices', e.old_id,
    format('%s was a draft: its month is not taken as invoiced', coalesce(e.number, 'it')))
  from billing_adoption.earlier_invoices() e where e.status = 'draft';
  return (select format('%s invoices, %s of them open', count(*),
    count(*) filter (where h.is_open)) from billing_before.invoice_history h);
end $$;
comment on function billing_adoption.show_history is 'Makes billing_before.invoice_history.';

-- Numbers of our own form (INV-2026-0042): that series goes on after its last one.
create or replace function billing_adoption.read_series()
returns table (series text, year integer, last_number integer, invoices bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select m.part[1], m.part[2]::integer, max(m.part[3]::integer), count(*)
  from billing_adoption.earlier_invoices() e
  cross join lateral regexp_match(e.number, '^([A-Z][A-Z0-9]{0,9})-(\d{4})-(\d{1,9})$') m(part)
  where m.part is not null group by m.part[1], m.part[2];
$$;
comment on function billing_adoption.read_series is 'Number series of the earlier invoices.';

create or replace function billing_adoption.take_numbers()
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  goes_on record;
  others bigint;
begin
  select count(*) into others from billing_adoption.earlier_invoices() e
  where e.number is not null and e.number !~ '^[A-Z][A-Z0-9]{0,9}-\d{4}-\d{1,9}$';
  if others > 0 then
    perform billing_adoption.note('billing_invoices', 'numbers', format('%s numbers are of another '
      || 'form than INV-2026-000001, such as %s; they stay in the history', others,
      (select min(e.number) from billing_adoption.earlier_invoices() e
        where e.number !~ '^[A-Z][A-Z0-9]{0,9}-\d{4}-\d{1,9}$')));
  end if;
  insert into _billing.invoice_counters (series, year, last_number, earlier_numbers)
  select s.series, s.year, s.last_number, s.last_number from billing_adoption.read_series() s;
  select s.* into goes_on from billing_adoption.read_series() s
  order by s.year desc, s.invoices desc, s.series limit 1;
  if goes_on.series is null then
    return 'a new series';
  end if;
  update public.billing_settings set number_series = goes_on.series;
  return format('%s-%s goes on after %s', goes_on.series, goes_on.year, goes_on.last_number);
end $$;
comment on function billing_adoption.take_numbers is
  'Lets the earlier number series go on, where its numbers are of our form.';

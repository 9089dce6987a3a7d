-- The credit balance that Stripe keeps of a customer. The balance is kept here: what moves there is
-- booked here once, by its transaction's id, and Stripe's is then taken to zero.

-- Credit given (more than zero) or taken on the client's balance. An amount without credit behind
-- it is money that the client owes, and on no account until somebody puts it on an invoice.
create function _billing.adjust_balance_for_stripe(client_id uuid, currency text, amount bigint,
  invoice_id uuid, note text, key text, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  credit constant bigint := greatest(0, coalesce((
    select sum(b.amount_minor) from public.balance_entries b
    where b.client_id = adjust_balance_for_stripe.client_id
      and b.currency = adjust_balance_for_stripe.currency), 0));
  moved constant bigint := greatest(amount, -credit);
begin
  if moved <> 0 then
    insert into public.balance_entries (client_id, currency, amount_minor, reason, invoice_id,
      created_at, note)
    values (client_id, currency, moved, 'adjustment', invoice_id, at, note);
  end if;
  if moved > amount then
    perform _billing.notice('debt/' || key, 'high', format(
      '%s owes %s by its credit balance in Stripe (%s), which is zero now: put it on an invoice '
      'with an item', c.name, billing.money_text(moved - amount, currency), note))
    from public.clients c where c.id = client_id;
  end if;
  return format('adjusted by %s', moved);
end $$;

-- Credit that Stripe applied to an invoice when it was finalized: it has paid that much of it.
create function _billing.apply_balance_to_invoice(mirror public.stripe_invoices, amount bigint,
  key text, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
begin
  perform _billing.adjust_balance_for_stripe(invoice.client_id, invoice.currency, -amount,
    invoice.id, 'Applied to ' || invoice.number || ' in Stripe', key, at);
  if invoice.status in ('open', 'uncollectible') then
    perform billing.record_payment(invoice.id, amount, at, 'stripe_balance', key);
    return 'applied to ' || invoice.number;
  end if;
  perform _billing.adjust_balance_for_stripe(invoice.client_id, invoice.currency, amount,
    invoice.id, invoice.number || ' was ' || invoice.status, key, at);
  return invoice.number || ' was ' || invoice.status;
end $$;

-- Which invoices moves that are not booked yet name and no invoice of ours is known as: those of
-- Stripe's own, and revisions that no event told of. The latter must be known before the moves are
-- booked, else an overpayment would be booked as an adjustment, and once more with its invoice.
create function _billing.unknown_balance_invoices(transactions jsonb) returns text[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(distinct x.invoice_id), '{}')
  from jsonb_array_elements(transactions) t(moved)
  cross join lateral (
    select coalesce(t.moved #>> '{invoice,id}', t.moved ->> 'invoice') as invoice_id) x
  where x.invoice_id is not null
    and not exists (select from public.stripe_balance_transactions b
      where b.transaction_id = t.moved ->> 'id')
    and not exists (select from public.stripe_invoices m
      where m.stripe_invoice_id = x.invoice_id);
$$;
comment on function _billing.unknown_balance_invoices is
  'Invoices of Stripe that moves of a balance name and that are to be asked for first.';

-- One transaction. Overpayments and credit notes are booked as such; credit that an invoice of
-- Stripe's own (a subscription's) gives or takes is ours to keep like credit that somebody gave.
create function _billing.book_balance_transaction(client_id uuid, moved jsonb, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  mirror public.stripe_invoices;
  currency constant text := upper(moved ->> 'currency');
  amount constant bigint := _billing.from_stripe((moved ->> 'amount')::bigint, currency);
  kind constant text := moved ->> 'type';
begin
  if moved #>> '{metadata,leveredge_balance}' is not null then
    return 'ours';
  end if;
  select * into mirror from public.stripe_invoices m
  where m.stripe_invoice_id = coalesce(moved #>> '{invoice,id}', moved ->> 'invoice');
  if mirror.invoice_id is not null and kind in ('invoice_overpaid', 'credit_note') then
    return 'booked with its invoice';
  end if;
  if mirror.invoice_id is not null and kind = 'applied_to_invoice' then
    if amount > 0 then
      return _billing.apply_balance_to_invoice(mirror, amount, moved ->> 'id', at);
    end if;
    -- A debt, for which Stripe asks beside what is due: once it is paid it is credit, as more than
    -- is due.
    return 'asked for with its invoice';
  end if;
  -- Stripe's invoice is void or revised. Ours stays paid by what was applied.
  if kind = 'unapplied_from_invoice' and exists (
    select from public.stripe_balance_transactions b where b.type = 'applied_to_invoice'
      and b.stripe_invoice_id = coalesce(moved #>> '{invoice,id}', moved ->> 'invoice')
      and b.outcome not like 'adjusted by %') then
    return 'stays with its invoice';
  end if;
  return _billing.adjust_balance_for_stripe(client_id, currency, -amount, mirror.invoice_id,
    coalesce(nullif(btrim(moved ->> 'description'), ''), replace(kind, '_', ' ') || ' in Stripe'),
    moved ->> 'id', at);
end $$;

-- All transactions of a customer, newest first as Stripe lists them. Returns what was new.
create function billing.apply_stripe_balance(customer_id text, transactions jsonb,
  seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: called for the service role by deliveries and reconciliation.
declare
  owner constant uuid := _billing.client_of_customer(customer_id);
  moved jsonb;
  news text[];
begin
  if owner is null then
    return 'ignored: not a customer of ours';
  end if;
  perform _billing.lock_clients(array[owner]);
  for moved in
    select t.value from jsonb_array_elements(transactions) with ordinality t(value, place)
    where not exists (select from public.stripe_balance_transactions b
      where b.transaction_id = t.value ->> 'id')
    order by t.place desc
  loop
    insert into public.stripe_balance_transactions (transaction_id, client_id, stripe_customer_id,
      type, amount_minor, currency, stripe_invoice_id, outcome, seen_at)
    values (moved ->> 'id', owner, customer_id, moved ->> 'type', _billing.from_stripe(
        (moved ->> 'amount')::bigint, moved ->> 'currency'), upper(moved ->> 'currency'),
      coalesce(moved #>> '{invoice,id}', moved ->> 'invoice'),
      _billing.book_balance_transaction(owner, moved, seen), seen);
    news := array_append(news, moved ->> 'type');
  end loop;
  update public.stripe_customers s set balance_moved_at = null
  where s.stripe_customer_id = customer_id and s.balance_moved_at <= seen;
  return coalesce(nullif(array_to_string(news, ', '), ''), 'nothing new');
end $$;
comment on function billing.apply_stripe_balance is
  'Books the moves of a customer''s credit balance in Stripe that are not booked yet.';
grant execute on function billing.apply_stripe_balance(text, jsonb, timestamptz) to service_role;

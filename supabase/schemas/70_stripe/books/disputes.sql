-- Payments that a payer takes back through its bank.

-- What a dispute has taken from us at last: all of it where it is lost, nothing where it is won or
-- only a warning; until then what was withdrawn. Its balance transactions may be in another
-- currency than the dispute, so of them only the share counts that was not reinstated.
create function _billing.disputed_money(dispute jsonb) returns bigint
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case
    when dispute ->> 'status' in ('won', 'prevented') or dispute ->> 'status' like 'warning%' then 0
    when t.withdrawn is null then case when dispute ->> 'status' = 'lost' then x.amount else 0 end
    else round(x.amount * (t.withdrawn - t.reinstated) / t.withdrawn)::bigint end
  from (select _billing.from_stripe((dispute ->> 'amount')::bigint, dispute ->> 'currency')
    as amount) x, (
    select sum(-(b ->> 'amount')::numeric) filter (where (b ->> 'amount')::numeric < 0)
        as withdrawn,
      coalesce(sum((b ->> 'amount')::numeric) filter (where (b ->> 'amount')::numeric > 0), 0)
        as reinstated
    from jsonb_array_elements(coalesce(dispute -> 'balance_transactions', '[]')) b
  ) t;
$$;
comment on function _billing.disputed_money is
  'What Stripe has withdrawn for a dispute and not reinstated.';

-- Of two states seen in one second, the one that is further on.
create function _billing.dispute_rank(status text) returns integer language sql immutable
return case when status in ('won', 'lost', 'prevented', 'warning_closed') then 3
  when status like '%under_review' then 2 else 1 end;

-- Money that a dispute takes is gone, and back where it is won. The invoice stays paid, as in
-- Stripe: nothing was credited, and what is lost is written off.
create function _billing.book_stripe_dispute(dispute public.stripe_disputes, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  moved constant bigint := dispute.taken_minor - dispute.booked_minor;
  moves bigint;
begin
  if moved = 0 then
    return null;
  end if;
  select count(*) into moves from public.payments p
  where p.reference like dispute.dispute_id || '/%';
  insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method,
    reference)
  select i.id, i.client_id, -moved, case when moved > 0 then 'dispute' else 'dispute_reversed' end,
    i.currency, at, 'stripe', format('%s/%s', dispute.dispute_id, moves + 1)
  from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
  where m.stripe_invoice_id = dispute.stripe_invoice_id;
  update public.stripe_disputes d set booked_minor = d.taken_minor
  where d.dispute_id = dispute.dispute_id;
  return case when moved > 0 then format('%s taken back', moved)
    else format('%s returned', -moved) end;
end $$;

-- Operators hear of a dispute when it begins and when it is decided.
create function _billing.notice_of_dispute(dispute public.stripe_disputes)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.notice(x.key, x.priority, format(x.message, i.number, dispute.reason,
    billing.money_text(dispute.amount_minor, i.currency)))
  from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
  cross join lateral (values
    (dispute.status not in ('won', 'lost', 'prevented', 'warning_closed'),
      'dispute/' || dispute.dispute_id, 'high',
      'A payment of %1$s is disputed (%2$s): %3$s. Answer in the Stripe Dashboard.'),
    (dispute.status = 'lost', 'dispute/' || dispute.dispute_id || '/lost', 'high',
      'The dispute of a payment of %1$s is lost (%2$s): %3$s is gone and written off. To charge it '
      'again, put an item on the next invoice'),
    (dispute.status = 'won', 'dispute/' || dispute.dispute_id || '/won', 'normal',
      'The dispute of a payment of %1$s is won (%2$s): %3$s stays ours')
  ) x(applies, key, priority, message)
  where m.stripe_invoice_id = dispute.stripe_invoice_id and x.applies;
$$;

-- A dispute as Stripe describes it. Null while the payment it is about is not known.
create function billing.apply_stripe_dispute(dispute jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  stripe_id constant text := (select p.stripe_invoice_id from public.stripe_payments p
    where p.payment_intent_id = dispute ->> 'payment_intent' order by p.stripe_invoice_id limit 1);
  refused text;
  kept public.stripe_disputes;
  number text;
begin
  if stripe_id is null then
    return null;
  end if;
  perform _billing.lock_clients(_billing.clients_of_stripe_invoice(stripe_id));
  refused := _billing.other_currency_of(array[stripe_id], dispute);
  if refused is not null then
    return refused;
  end if;
  insert into public.stripe_disputes as d (dispute_id, stripe_invoice_id, payment_intent_id,
    amount_minor, status, reason, taken_minor, seen_at)
  values (dispute ->> 'id', stripe_id, dispute ->> 'payment_intent',
    _billing.from_stripe((dispute ->> 'amount')::bigint, dispute ->> 'currency'),
    coalesce(dispute ->> 'status', 'needs_response'), dispute ->> 'reason',
    _billing.disputed_money(dispute), seen)
  on conflict (dispute_id) do update set amount_minor = excluded.amount_minor,
    status = excluded.status, reason = excluded.reason, taken_minor = excluded.taken_minor,
    seen_at = excluded.seen_at
  -- Of two of one second and rank, the one that tells of the withdrawal is the later one.
  where (excluded.seen_at, _billing.dispute_rank(excluded.status), excluded.taken_minor)
    >= (d.seen_at, _billing.dispute_rank(d.status), d.taken_minor)
  returning * into kept;
  if kept.dispute_id is null then
    return 'known';
  end if;
  update public.stripe_payments p set disputed_at = coalesce(p.disputed_at, seen)
  where p.payment_intent_id = kept.payment_intent_id;
  update public.stripe_invoices m set disputed_at = coalesce(m.disputed_at, seen)
  where m.stripe_invoice_id = stripe_id;
  perform _billing.notice_of_dispute(kept);
  select i.number into number from public.stripe_invoices m
  join public.invoices i on i.id = m.invoice_id where m.stripe_invoice_id = stripe_id;
  return concat_ws(', ', 'dispute of ' || number, _billing.book_stripe_dispute(kept, seen));
end $$;
comment on function billing.apply_stripe_dispute is
  'Books what a dispute takes and returns; null while the payment it is about is not known.';
grant execute on function billing.apply_stripe_dispute(jsonb, timestamptz) to service_role;

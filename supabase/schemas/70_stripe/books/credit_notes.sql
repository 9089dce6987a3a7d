-- A credit note of Stripe: ours if it names one, else one is issued here for it.
create function billing.apply_stripe_credit_note(note jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  mirror public.stripe_invoices;
  own uuid := (note #>> '{metadata,leveredge_credit_note_id}')::uuid;
  live constant boolean := (note ->> 'livemode')::boolean;
  amount constant bigint := _billing.from_stripe(
    (note ->> 'total')::bigint, note ->> 'currency');
  refunded constant bigint := least(amount, _billing.from_stripe((
    select coalesce(sum(coalesce(r ->> 'amount_refunded', note ->> 'total')::bigint), 0)
    from jsonb_array_elements(coalesce(note -> 'refunds', '[]')) r)::bigint, note ->> 'currency'));
  rest bigint := amount;
  note_number text;
  invoice_number text;
  creditable bigint;
  part record;
  made uuid;
begin
  perform _billing.lock_clients(_billing.clients_of_stripe_invoice(note ->> 'invoice'));
  select * into mirror from public.stripe_invoices m
  where m.stripe_invoice_id = note ->> 'invoice';
  if mirror.invoice_id is null then
    return null;
  end if;
  own := coalesce(own, (select s.credit_note_id from public.stripe_credit_notes s
    where s.stripe_credit_note_id = note ->> 'id'));
  -- Of days that a restore took back: told again once the run that makes it has been, or by hand.
  if not exists (select from public.credit_notes n where n.id = coalesce(own, n.id)) then
    return format('not credited here: it names credit note %s, which the books do not have', own);
  end if;
  if own is not null then
    rest := 0;
  elsif refunded > 0 then
    -- The refund was told first, and has a note here.
    select s.credit_note_id, amount - refunded into own, rest
    from public.stripe_credit_notes s join public.credit_notes n on n.id = s.credit_note_id
    where n.invoice_id = mirror.invoice_id and s.origin = 'refund'
      and s.stripe_credit_note_id is null and n.total_minor = refunded
    order by n.number limit 1;
    rest := coalesce(rest, amount);
  end if;
  if rest > 0 then
    select i.number, case when i.status in ('open', 'paid', 'uncollectible')
      then i.total_minor - (select coalesce(sum(n.total_minor), 0)
        from public.credit_notes n where n.invoice_id = i.id)
      else 0 end into invoice_number, creditable
    from public.invoices i where i.id = mirror.invoice_id;
    if rest > creditable then
      perform _billing.notice('credit/' || (note ->> 'id'), 'high', format(
        '%s was credited in Stripe by %s, but only %s is left to credit here', invoice_number,
        billing.money_text(rest, upper(note ->> 'currency')),
        billing.money_text(creditable, upper(note ->> 'currency'))));
      return format('not credited here: %s of %s is more than the %s left', rest,
        invoice_number, creditable);
    end if;
    -- What went back as money and what did not are settled otherwise: a note each.
    for part in
      select x.amount, x.is_refund from (values (refunded - (amount - rest), true),
        (amount - refunded, false)) x(amount, is_refund) where x.amount > 0
    loop
      note_number := _billing.credit_by_amount(_billing.get_invoice(mirror.invoice_id), part.amount,
        coalesce(nullif(btrim(note ->> 'memo'), ''), note ->> 'reason', 'Credited in Stripe'),
        part.is_refund, seen, part.is_refund);
      select n.id into made from public.credit_notes n where n.number = note_number;
      insert into public.stripe_credit_notes (credit_note_id, livemode, origin)
      values (made, live, 'stripe');
      own := coalesce(own, made);
    end loop;
  end if;
  insert into public.stripe_credit_notes as s (credit_note_id, livemode, stripe_credit_note_id,
    origin)
  values (own, live, note ->> 'id', case when note_number is null then 'ours' else 'stripe' end)
  on conflict (credit_note_id) do update set stripe_credit_note_id = note ->> 'id';
  return coalesce('issued ' || note_number, 'known');
end $$;
comment on function billing.apply_stripe_credit_note is
  'Links or issues the credit note that Stripe''s stands for, or says why it cannot; null when its
   invoice is not ours.';
grant execute on function billing.apply_stripe_credit_note(jsonb, timestamptz) to service_role;

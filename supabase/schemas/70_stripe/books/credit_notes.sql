-- Credit notes of Stripe: found by Stripe's ids and by ours, issued here once, and void here where
-- they are void there.

create function _billing.save_stripe_credit_note(credit_note_id uuid, livemode boolean,
  stripe_id text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_credit_notes as s (credit_note_id, livemode, stripe_credit_note_id,
    origin)
  values (credit_note_id, livemode, stripe_id, 'ours')
  on conflict (credit_note_id) do update set stripe_credit_note_id = stripe_id;
$$;
comment on function _billing.save_stripe_credit_note is
  'Notes the Stripe credit note of one of ours.';

-- Refunds that a credit note of Stripe tells of before they tell of themselves: until then the
-- amount of a refund is the sum of its parts on the notes that name it, each note once.
create function _billing.save_refunds_of_note(note jsonb, seen timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_refunds as r (refund_id, stripe_invoice_id, stripe_credit_note_id,
    amount_minor, status, summed_note_ids, seen_at)
  select x.refund_id, note ->> 'invoice', note ->> 'id', sum(x.amount), 'unknown',
    array[note ->> 'id'], seen
  from (
    select coalesce(p #>> '{refund,id}', p ->> 'refund') as refund_id, _billing.from_stripe(
      coalesce(p ->> 'amount_refunded', note ->> 'total')::bigint, note ->> 'currency') as amount
    from jsonb_array_elements(coalesce(note -> 'refunds', '[]')) p
  ) x where x.refund_id is not null group by x.refund_id
  on conflict (refund_id, stripe_invoice_id) do update
  set stripe_credit_note_id = excluded.stripe_credit_note_id,
    amount_minor = r.amount_minor + case
      when r.status = 'unknown' and not (note ->> 'id') = any (r.summed_note_ids)
        then excluded.amount_minor else 0 end,
    summed_note_ids = case when (note ->> 'id') = any (r.summed_note_ids) then r.summed_note_ids
      else r.summed_note_ids || (note ->> 'id') end;
$$;
comment on function _billing.save_refunds_of_note is 'Notes the refunds that a credit note names.';

-- Void there: what of it stands here is taken back where that can be, else operators are told.
create function _billing.void_stripe_credit_note(note jsonb, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  own record;
  outcome text;
begin
  for own in
    select n.id, n.number, n.to_refund_minor from public.stripe_credit_notes s
    join public.credit_notes n on n.id = s.credit_note_id
    where s.stripe_credit_note_id = note ->> 'id' and n.voided_at is null order by n.number
  loop
    if own.to_refund_minor = 0 and _billing.void_credit_note(own.id, at) then
      outcome := concat_ws(', ', outcome, 'voided ' || own.number);
      perform _billing.notice('credit-voided/' || own.id, 'normal', format(
        'Credit note %s was voided in Stripe and is void here', own.number));
    else
      outcome := concat_ws(', ', outcome, 'not voided here: ' || own.number);
      perform _billing.notice('credit-void/' || (note ->> 'id'), 'high', format(
        'Credit note %s was voided in Stripe, but stands here: its credit is on the balance or '
        'refunded. Charge the amount again with an item, or make a credit note of the same amount '
        'with Stripe''s API, with %s in its metadata leveredge_credit_note_id: it stands for this '
        'one. Without that it is credited once more', own.number, own.id));
    end if;
  end loop;
  return coalesce(outcome, 'ignored: void');
end $$;

-- Issues here what was credited there: what went back as money and what did not are settled
-- otherwise, so each is a note. Returns the numbers, or why it cannot be.
create function _billing.issue_for_stripe(note jsonb, mirror public.stripe_invoices,
  refunded bigint, rest bigint, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
  creditable constant bigint := case when invoice.status in ('open', 'paid', 'uncollectible')
    then invoice.total_minor - (select coalesce(sum(n.total_minor), 0)::bigint
      from public.credit_notes n where n.invoice_id = invoice.id and n.voided_at is null)
    else 0 end;
  numbers text[];
  part record;
begin
  if refunded + rest > creditable then
    perform _billing.notice('credit/' || (note ->> 'id'), 'high', format(
      '%s was credited in Stripe by %s, but only %s is left to credit here', invoice.number,
      billing.money_text(refunded + rest, upper(note ->> 'currency')),
      billing.money_text(creditable, upper(note ->> 'currency'))));
    return format('not credited here: %s of %s is more than the %s left', refunded + rest,
      invoice.number, creditable);
  end if;
  for part in
    select x.amount, x.is_refund from (values (refunded, true), (rest, false)) x(amount, is_refund)
    where x.amount > 0
  loop
    numbers := array_append(numbers, _billing.credit_by_amount(
      _billing.get_invoice(invoice.id), part.amount,
      coalesce(nullif(btrim(note ->> 'memo'), ''), note ->> 'reason', 'Credited in Stripe'),
      part.is_refund, at, part.is_refund));
  end loop;
  insert into public.stripe_credit_notes (credit_note_id, livemode, stripe_credit_note_id, origin)
  select n.id, mirror.livemode, note ->> 'id', 'stripe' from public.credit_notes n
  where n.number = any (numbers);
  return coalesce('issued ' || nullif(array_to_string(numbers, ', '), ''), 'known');
end $$;

-- A refund that is heard of before its credit note seems to be what a note of ours waits for. This
-- is what refunds of the Dashboard's notes took from notes of ours that way, as far as it can be
-- credited; of one that failed, what is credit for it. `issued` is about to be credited for them.
create function _billing.refunds_on_waiting_notes(mirror public.stripe_invoices, issued bigint)
returns bigint language sql stable set search_path = pg_catalog, pg_temp as $$
  select greatest(0, least(r.theirs - n.theirs - issued, n.own - r.own,
    i.total_minor - n.credited - issued))
  from public.invoices i, (
    select coalesce(sum(x.total_minor), 0)::bigint as credited,
      coalesce(sum(x.to_refund_minor) filter (where s.origin <> 'ours'), 0)::bigint as theirs,
      coalesce(sum(x.to_refund_minor) filter (where s.origin = 'ours' or s.origin is null),
        0)::bigint as own
    from public.credit_notes x
    left join public.stripe_credit_notes s on s.credit_note_id = x.id
    where x.invoice_id = mirror.invoice_id and x.voided_at is null
  ) n, (
    select coalesce(sum(case when x.status in ('failed', 'canceled') then x.credited_minor
        else x.amount_minor end) filter (where not o.is_own), 0)::bigint as theirs,
      coalesce(sum(x.amount_minor) filter (where o.is_own), 0)::bigint as own
    from public.stripe_refunds x
    cross join lateral (select exists (select from public.stripe_credit_notes s
      where s.stripe_credit_note_id = x.stripe_credit_note_id and s.origin = 'ours') as is_own) o
    where x.stripe_invoice_id = mirror.stripe_invoice_id and x.stripe_credit_note_id is not null
  ) r
  where i.id = mirror.invoice_id and i.status in ('open', 'paid', 'uncollectible');
$$;
comment on function _billing.refunds_on_waiting_notes is
  'What notes of ours that wait for their refunds cover of refunds of Stripe''s own notes.';

-- A note that is known is of its invoice, also where a revision has taken the place of that one.
create function _billing.note_of_current_invoice(note jsonb) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select note || coalesce((
    select jsonb_build_object('invoice', m.stripe_invoice_id)
    from public.stripe_credit_notes s
    join public.credit_notes n on n.id = s.credit_note_id
    join public.stripe_invoices m on m.invoice_id = n.invoice_id and m.livemode = s.livemode
    where s.stripe_credit_note_id = note ->> 'id' and m.stripe_invoice_id is not null
      and not exists (select from public.stripe_invoices o
        where o.stripe_invoice_id = note ->> 'invoice') limit 1), '{}');
$$;
comment on function _billing.note_of_current_invoice is
  'The note, with the Stripe invoice that its invoice has now.';

-- A credit note of Stripe: ours if it names one, else one is issued here for it. Money that it
-- gives back and that a refund has told of already has a note here.
create function billing.apply_stripe_credit_note(note jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  mirror public.stripe_invoices;
  named constant uuid := _billing.own_id(note #>> '{metadata,leveredge_credit_note_id}');
  is_void constant boolean := coalesce(note ->> 'status' = 'void', false);
  amount constant bigint := _billing.from_stripe((note ->> 'total')::bigint, note ->> 'currency');
  refunded constant bigint := least(amount, _billing.from_stripe((
    select coalesce(sum(coalesce(r ->> 'amount_refunded', note ->> 'total')::bigint), 0)
    from jsonb_array_elements(coalesce(note -> 'refunds', '[]')) r)::bigint, note ->> 'currency'));
  new bigint;
  late bigint := 0;
  known text;
  outcome text := 'known';
begin
  note := _billing.note_of_current_invoice(note);
  perform _billing.lock_clients(_billing.clients_of_stripe_invoice(note ->> 'invoice') || array(
    select c from public.stripe_payments p
    cross join lateral unnest(_billing.clients_of_payment(p.payment_intent_id)) c
    where p.stripe_invoice_id = note ->> 'invoice'));
  select * into mirror from public.stripe_invoices where stripe_invoice_id = note ->> 'invoice';
  known := _billing.other_currency_of(array[mirror.stripe_invoice_id], note);
  if mirror.invoice_id is null or known is not null then
    return known;
  end if;
  select n.status into known from public.stripe_notes n
  where n.stripe_credit_note_id = note ->> 'id';
  if known = 'void' or known = 'issued' and not is_void then
    return 'known';
  end if;
  -- Of days that a restore took back: told again once the run that makes it has been, or by hand.
  if named is not null and not exists (select from public.credit_notes n where n.id = named) then
    return format('not credited here: it names credit note %s, which the books do not have', named);
  end if;
  if known is null and not is_void then
    perform _billing.move_noted_refunds(note);
    perform _billing.save_refunds_of_note(note, seen);
    perform _billing.divide_anew(mirror.stripe_invoice_id, seen);
  end if;
  mirror := _billing.sum_stripe_refunds(mirror.stripe_invoice_id);
  perform _billing.name_taken(mirror.stripe_invoice_id, null);
  if named is not null then
    perform _billing.save_stripe_credit_note(named, mirror.livemode, note ->> 'id');
  end if;
  if is_void then
    outcome := _billing.void_stripe_credit_note(note, seen);
  elsif not exists (select from public.stripe_credit_notes s
    where s.stripe_credit_note_id = note ->> 'id') then
    new := greatest(0, least(refunded, mirror.refunded_minor - mirror.booked_refund_minor));
    new := new + least(refunded - new, coalesce(
      _billing.refunds_on_waiting_notes(mirror, new), 0));
    late := greatest(0, case when exists (
      select from public.stripe_refunds r where r.stripe_credit_note_id = note ->> 'id')
      then least(amount, coalesce(_billing.ungranted_credit(mirror, amount), 0))
        - (amount - refunded) - new end);
    outcome := _billing.issue_for_stripe(note, mirror, new + late, amount - refunded, seen);
  end if;
  if outcome not like 'not credited%' then
    insert into public.stripe_notes as n (stripe_credit_note_id, stripe_invoice_id, amount_minor,
      status, seen_at)
    values (note ->> 'id', mirror.stripe_invoice_id, amount,
      case when is_void then 'void' else 'issued' end, seen)
    on conflict (stripe_credit_note_id) do update set status = excluded.status;
    perform _billing.credit_late_note(mirror, note ->> 'id', late, seen);
  end if;
  return concat_ws(', ', outcome, _billing.book_refunds_of_note(mirror, named, seen));
end $$;
comment on function billing.apply_stripe_credit_note is
  'Links or issues the credit note that Stripe''s stands for, takes back one that is void there, or
   says why it cannot; null when its invoice is not ours.';
grant execute on function billing.apply_stripe_credit_note(jsonb, timestamptz) to service_role;

-- Acting on events: exactly once, in the transaction that marks the event as done.

-- Stores an event unless it is known. True when it is new. In plpgsql because its plan is kept from
-- call to call: this is all that Stripe waits for.
create function billing.receive_stripe_event(event jsonb)
returns boolean language plpgsql security definer set search_path = '' as $$
-- Definer: callers may not write the books; this writes down only what Stripe signed.
begin
  insert into billing.stripe_events (id, type, livemode, created_at, payload)
  values (event ->> 'id', event ->> 'type', (event ->> 'livemode')::boolean,
    billing.at_epoch(event ->> 'created'), event)
  on conflict (id) do nothing;
  return found;
end $$;
comment on function billing.receive_stripe_event is 'Stores an event once; true when it is new.';

-- Acts on one pending event. What fails is undone and tried again later, longer and longer apart;
-- after twelve times (some hours) somebody is told.
create function billing.process_stripe_event(event_id text)
returns text language plpgsql security definer set search_path = '' as $$
-- Definer: acting on an event writes the books.
declare
  event billing.stripe_events;
  result text;
  error text;
begin
  select * into event from billing.stripe_events e
  where e.id = event_id and e.state = 'pending' for update skip locked;
  if event.id is null then
    return null;
  end if;
  begin
    result := billing.apply_stripe_event(event);
  exception when others then
    error := sqlerrm;
  end;
  if error is not null then
    perform billing.postpone_stripe_event(event, error);
    return 'failed: ' || error;
  end if;
  update billing.stripe_events e set
    state = case when result like 'ignored%' then 'ignored' else 'done' end,
    attempts = e.attempts + 1, done_at = clock_timestamp(), note = result
  where e.id = event.id;
  -- What came too early waits for nothing else.
  if event.type = 'invoice_payment.paid' then
    perform billing.process_stripe_event(w.id)
    from (select e.id from billing.stripe_events e
      where e.state = 'pending' and e.note like 'waiting for %' and e.id <> event.id
      order by e.created_at, e.id limit 20) w;
  end if;
  return result;
end $$;
comment on function billing.process_stripe_event is
  'Acts on a pending event and marks it; null when there is nothing to do.';

create function billing.postpone_stripe_event(event billing.stripe_events, error text)
returns void language plpgsql set search_path = '' as $$
begin
  update billing.stripe_events e set
    attempts = e.attempts + 1, note = error,
    due_at = clock_timestamp() + least(interval '5 seconds' * 2 ^ e.attempts, interval '2 hours'),
    state = case when e.attempts < 11 then 'pending'
      when error like 'waiting for %' then 'ignored' else 'failed' end
  where e.id = event.id;
  if event.attempts >= 11 and error not like 'waiting for %' then
    perform billing.notice('event/' || event.id, 'high',
      format('Stripe event %s (%s) cannot be processed: %s', event.id, event.type, error));
  end if;
end $$;

-- All that is due, oldest first. Cron calls it; two at once do each event once.
create function billing.process_stripe_events(limit_to integer default 500)
returns integer language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
declare
  event record;
  done integer := 0;
begin
  for event in
    select e.id from billing.stripe_events e
    where e.state = 'pending' and e.due_at <= clock_timestamp()
    order by e.created_at, e.id limit limit_to
  loop
    perform billing.process_stripe_event(event.id);
    done := done + 1;
  end loop;
  return done;
end $$;
comment on function billing.process_stripe_events is 'Acts on due events; returns how many.';

-- The same, each event committed by itself: one client is held at a time.
create procedure billing.act_on_stripe_events(limit_to integer default 500)
language plpgsql as $$
declare
  event_id text;
begin
  foreach event_id in array array(
    select e.id from billing.stripe_events e
    where e.state = 'pending' and e.due_at <= clock_timestamp()
    order by e.created_at, e.id limit limit_to)
  loop
    perform billing.process_stripe_event(event_id);
    commit;
  end loop;
end $$;
comment on procedure billing.act_on_stripe_events is
  'Acts on due events, committing one by one.';

-- What each type means for us. Returns what was done; 'ignored: why' where nothing was to be done.
create function billing.apply_stripe_event(event billing.stripe_events)
returns text language plpgsql set search_path = '' as $$
declare
  thing constant jsonb := event.payload #> '{data,object}';
  result text;
begin
  if event.type in ('invoice.created', 'invoice.finalized', 'invoice.finalization_failed',
    'invoice.sent', 'invoice.paid', 'invoice.payment_failed', 'invoice.payment_action_required',
    'invoice.voided', 'invoice.marked_uncollectible', 'invoice.updated') then
    result := billing.apply_stripe_invoice(thing, event.created_at);
    if result is not null then
      perform billing.notice_of_invoice_event(event);
      perform billing.remind_of_failed_payment(event);
    end if;
    return coalesce(result, 'ignored: not an invoice of ours');
  end if;
  case event.type
    when 'invoice_payment.paid' then
      return billing.apply_stripe_invoice_payment(thing, event.created_at);
    when 'payment_intent.succeeded', 'payment_intent.payment_failed' then
      update public.stripe_payments p set failure = thing #>> '{last_payment_error,message}'
      where p.payment_intent_id = thing ->> 'id';
      return case when found then 'payment noted' else 'ignored: no payment of ours (yet)' end;
    when 'charge.refunded' then
      result := billing.apply_stripe_charge(thing, event.created_at);
      if result is null then
        raise exception 'waiting for the payment that charge % belongs to', thing ->> 'id';
      end if;
      return result;
    when 'charge.dispute.created' then
      return billing.apply_stripe_dispute(thing, event.created_at);
    when 'credit_note.created' then
      return coalesce(billing.apply_stripe_credit_note(thing, event.created_at),
        'ignored: not for an invoice of ours');
    when 'customer.updated' then
      if event.payload #>> '{request,idempotency_key}' like 'customer-%' then
        return 'ignored: our own change';
      end if;
      return billing.apply_stripe_customer(thing,
        coalesce(event.payload #> '{data,previous_attributes}', '{}'));
    when 'customer.deleted' then
      return billing.forget_stripe_customer(thing ->> 'id', event.created_at);
    when 'customer.subscription.created', 'customer.subscription.updated',
      'customer.subscription.deleted' then
      return billing.apply_stripe_subscription(thing, event.created_at);
    else
      return 'ignored: nothing to do for this type';
  end case;
end $$;

-- Which payment belongs to which invoice: what refunds and disputes are looked up by.
create function billing.apply_stripe_invoice_payment(payment jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
declare
  mirror public.stripe_invoices;
begin
  perform billing.lock_clients(billing.clients_of_stripe_invoice(payment ->> 'invoice'));
  select * into mirror from public.stripe_invoices m
  where m.stripe_invoice_id = payment ->> 'invoice';
  if mirror.invoice_id is null then
    if exists (select from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
      where m.stripe_invoice_id is null and m.state = 'creating'
        and i.status in ('open', 'uncollectible')) then
      raise exception 'waiting for the invoice % of this payment', payment ->> 'invoice';
    end if;
    return 'ignored: not for an invoice of ours';
  end if;
  if payment #>> '{payment,payment_intent}' is not null then
    insert into public.stripe_payments as p
      (payment_intent_id, stripe_invoice_id, amount_minor, seen_at)
    values (payment #>> '{payment,payment_intent}', mirror.stripe_invoice_id,
      billing.from_stripe((payment ->> 'amount_paid')::bigint, payment ->> 'currency'), seen)
    on conflict (payment_intent_id) do update
    set amount_minor = greatest(p.amount_minor, excluded.amount_minor), failure = null;
  end if;
  -- A partial payment has no `invoice.paid`: the sum of the payments is what is paid at least.
  update public.stripe_invoices m set amount_paid_minor = greatest(m.amount_paid_minor,
    m.paid_off_stripe_minor + (select coalesce(sum(p.amount_minor), 0)
      from public.stripe_payments p where p.stripe_invoice_id = m.stripe_invoice_id))
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode
  returning * into mirror;
  return coalesce(billing.book_stripe_payments(mirror, seen), 'payment noted');
end $$;
comment on function billing.apply_stripe_invoice_payment is
  'Notes which payment belongs to which invoice and books what is new of it.';

create function billing.apply_stripe_dispute(dispute jsonb, seen timestamptz)
returns text language plpgsql set search_path = '' as $$
declare
  invoice public.invoices;
begin
  perform billing.lock_clients(billing.clients_of_payment(dispute ->> 'payment_intent'));
  update public.stripe_payments p set disputed_at = coalesce(p.disputed_at, seen)
  where p.payment_intent_id = dispute ->> 'payment_intent';
  update public.stripe_invoices m set disputed_at = coalesce(m.disputed_at, seen)
  from public.stripe_payments p
  where p.payment_intent_id = dispute ->> 'payment_intent'
    and m.stripe_invoice_id = p.stripe_invoice_id;
  select i.* into invoice from public.invoices i
  join public.stripe_invoices m on m.invoice_id = i.id
  join public.stripe_payments p on p.stripe_invoice_id = m.stripe_invoice_id
  where p.payment_intent_id = dispute ->> 'payment_intent';
  if invoice.id is null then
    raise exception 'waiting for the payment that dispute % is about', dispute ->> 'id';
  end if;
  perform billing.notice('dispute/' || (dispute ->> 'id'), 'high', format(
    'A payment of %s is disputed (%s): %s. Answer in the Stripe Dashboard.', invoice.number,
    dispute ->> 'reason', billing.money_text(billing.from_stripe(
      (dispute ->> 'amount')::bigint, dispute ->> 'currency'), invoice.currency)));
  return 'dispute of ' || invoice.number;
end $$;

-- Failures are told once per attempt.
create function billing.notice_of_invoice_event(event billing.stripe_events)
returns void language sql set search_path = '' as $$
  select billing.notice(event.type || '/' || m.stripe_invoice_id || '/'
      || coalesce(t.invoice ->> 'attempt_count', '0'), 'high',
    format(x.message, i.number, c.name, billing.money_text(i.amount_due_minor, i.currency),
      m.hosted_invoice_url))
  from (select event.payload #> '{data,object}' as invoice) t
  join public.stripe_invoices m on m.stripe_invoice_id = t.invoice ->> 'id'
  join public.invoices i on i.id = m.invoice_id
  join public.clients c on c.id = i.client_id
  join (values
    ('invoice.payment_failed', 'Payment failed: %1$s of %2$s, %3$s due. Pay at %4$s'),
    ('invoice.payment_action_required', 'Payment of %1$s needs action by %2$s: %4$s'),
    ('invoice.finalization_failed', 'Stripe could not finalize %1$s of %2$s')
  ) x(type, message) on x.type = event.type;
$$;

-- The client hears of it too, once per attempt: by mail, with the pay link.
create function billing.remind_of_failed_payment(event billing.stripe_events)
returns void language sql set search_path = '' as $$
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
    payload)
  select 'email', 'reminder', format('%s:%s:%s', x.failure, m.stripe_invoice_id,
      coalesce(t.invoice ->> 'attempt_count', '0')), i.client_id, i.id, s.delivery_attempts,
    jsonb_build_object('days', (event.created_at at time zone 'UTC')::date - i.due_on,
      'failure', x.failure)
  from (select event.payload #> '{data,object}' as invoice) t
  join public.stripe_invoices m on m.stripe_invoice_id = t.invoice ->> 'id'
  join public.invoices i on i.id = m.invoice_id
  join (values
    ('invoice.payment_failed', 'payment_failed'),
    ('invoice.payment_action_required', 'payment_action_required')
  ) x(type, failure) on x.type = event.type
  cross join public.billing_settings s
  where i.status = 'open' and i.amount_due_minor > 0 and 'email' = any (i.deliveries)
    and i.document #>> '{client,email}' is not null
  on conflict (dedupe_key) do nothing;
$$;

revoke all on all functions in schema billing from public;
revoke all on all procedures in schema billing from public;
grant execute on function billing.receive_stripe_event(jsonb),
  billing.process_stripe_event(text), billing.process_stripe_events(integer),
  billing.apply_stripe_invoice_payment(jsonb, timestamptz) to service_role;

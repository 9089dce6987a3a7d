-- Acting on events: exactly once, in the transaction that marks the event as done.

-- Stores an event unless it is known. True when it is new. In plpgsql because its plan is kept from
-- call to call: this is all that Stripe waits for.
create function billing.receive_stripe_event(event jsonb)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may not write the books; this writes down only what Stripe signed.
begin
  insert into billing.stripe_events (id, type, livemode, created_at, payload, to_fetch)
  values (event ->> 'id', event ->> 'type', (event ->> 'livemode')::boolean,
    _billing.at_epoch(event ->> 'created'), event,
    -- Of a draft that is gone nothing can be fetched, and its id is all that is needed. Events that
    -- Stripe still has all name a version: docs.stripe.com/api/events/object.
    coalesce(event ->> 'api_version' <> _billing.stripe_api_version(), false)
      and event ->> 'type' <> 'invoice.deleted')
  on conflict (id) do nothing;
  return found;
end $$;
comment on function billing.receive_stripe_event is 'Stores an event once; true when it is new.';
grant execute on function billing.receive_stripe_event(jsonb) to service_role;

create function _billing.postpone_stripe_event(event billing.stripe_events, error text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  update billing.stripe_events e set
    attempts = e.attempts + 1, note = error,
    due_at = clock_timestamp() + least(interval '5 seconds' * 2 ^ e.attempts, interval '2 hours'),
    state = case when e.attempts < 11 then 'pending'
      when error like 'waiting for %' then 'ignored' else 'failed' end
  where e.id = event.id;
  if event.attempts >= 11 and error not like 'waiting for %' then
    perform _billing.notice('event/' || event.id, 'high',
      format('Stripe event %s (%s) cannot be processed: %s', event.id, event.type, error));
  end if;
end $$;

-- An invoice event: its books first, then what operators and the client are told.
create function _billing.apply_invoice_event(event billing.stripe_events)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  result constant text := billing.apply_stripe_invoice(
    event.payload #> '{data,object}', event.created_at);
begin
  if result is not null then
    perform _billing.notice_of_invoice_event(event);
    perform _billing.notice_of_earlier_event(event);
    if event.type = 'invoice.payment_failed' then
      perform _billing.decline_recharge(event.payload #> '{data,object}', event.created_at);
    end if;
    perform _billing.remind_of_failed_payment(event);
  end if;
  return coalesce(result, 'ignored: not an invoice of ours');
end $$;
comment on function _billing.apply_invoice_event is 'Books an event of an invoice and tells of it.';

-- What each type means for us. Returns what was done; 'ignored: why' where nothing was to be done.
create function _billing.apply_stripe_event(event billing.stripe_events)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  thing constant jsonb := event.payload #> '{data,object}';
  result text;
begin
  case event.type
    when 'invoice.created', 'invoice.finalized', 'invoice.finalization_failed', 'invoice.sent',
      'invoice.paid', 'invoice.overpaid', 'invoice.payment_failed',
      'invoice.payment_action_required', 'invoice.voided', 'invoice.marked_uncollectible',
      'invoice.updated', 'invoice.overdue' then
      return _billing.apply_invoice_event(event);
    when 'invoice.deleted' then return _billing.apply_deleted_draft(thing ->> 'id');
    when 'invoice_payment.paid' then
      return billing.apply_stripe_invoice_payment(thing, event.created_at);
    when 'payment_intent.succeeded', 'payment_intent.payment_failed' then
      update public.stripe_payments p set failure = thing #>> '{last_payment_error,message}'
      where p.payment_intent_id = thing ->> 'id';
      return case when found then 'payment noted' else 'ignored: no payment of ours (yet)' end;
    when 'charge.refunded' then
      result := coalesce(billing.apply_stripe_charge(thing, event.created_at),
        _billing.apply_earlier_return(thing));
      if result is null then
        raise exception 'waiting for the payment that charge % belongs to', thing ->> 'id';
      end if;
      return result;
    when 'refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated' then
      result := coalesce(billing.apply_stripe_refund(thing, event.created_at),
        _billing.apply_earlier_return(thing));
      if result is null then
        raise exception 'waiting for the payment that refund % is of', thing ->> 'id';
      end if;
      return result;
    when 'charge.dispute.created', 'charge.dispute.updated', 'charge.dispute.closed',
      'charge.dispute.funds_withdrawn', 'charge.dispute.funds_reinstated' then
      result := coalesce(billing.apply_stripe_dispute(thing, event.created_at),
        _billing.apply_earlier_return(thing));
      if result is null then
        raise exception 'waiting for the payment that dispute % is about', thing ->> 'id';
      end if;
      return result;
    when 'credit_note.created', 'credit_note.updated', 'credit_note.voided' then
      return coalesce(billing.apply_stripe_credit_note(thing, event.created_at),
        'ignored: not for an invoice of ours');
    when 'checkout.session.completed' then
      return _billing.note_setup(thing, event.created_at);
    when 'customer.updated' then
      if event.payload #>> '{request,idempotency_key}' ~ '^(customer|balance)-' then
        return 'ignored: our own change';
      end if;
      return _billing.apply_stripe_customer(thing,
        coalesce(event.payload #> '{data,previous_attributes}', '{}'), event.created_at);
    when 'customer.deleted' then
      return billing.forget_stripe_customer(thing ->> 'id', event.created_at);
    when 'customer.tax_id.created', 'customer.tax_id.updated', 'customer.tax_id.deleted' then
      return _billing.apply_stripe_tax_id(event.type, thing);
    when 'customer.subscription.created', 'customer.subscription.updated',
      'customer.subscription.deleted' then
      return billing.apply_stripe_subscription(thing, event.created_at,
        case event.type
          when 'customer.subscription.updated' then coalesce(
            event.payload #>> '{data,previous_attributes,status}', thing ->> 'status')
          -- A deletion is the last of its second, whatever came before.
          when 'customer.subscription.deleted' then (select s.status
            from public.stripe_subscriptions s
            where s.stripe_subscription_id = thing ->> 'id') end);
    else
      return 'ignored: nothing to do for this type';
  end case;
end $$;

-- Makes events due that came before their payment, now that it is known. Each is acted on by
-- itself: it may be of another client, whose books are not to be locked after those of this one
-- (ADR 20). Events of other payments are not tried; one that is being acted on is left to
-- that.
create function _billing.wake_waiting_events(payment_intent text) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  update billing.stripe_events e set due_at = clock_timestamp()
  where e.id in (select w.id from billing.stripe_events w
    where w.state = 'pending' and w.note like 'waiting for %'
      and w.payload #>> '{data,object,payment_intent}' = wake_waiting_events.payment_intent
    for update skip locked);
$$;
comment on function _billing.wake_waiting_events is
  'Makes events that wait for a payment due, now that it is known.';

-- Acts on one pending event. A failure is undone and tried again later, longer and longer apart;
-- after twelve times (some hours) somebody is told.
create function billing.process_stripe_event(event_id text)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: acting on an event writes the books.
declare
  event billing.stripe_events;
  result text;
  error text;
begin
  select * into event from billing.stripe_events e
  where e.id = event_id and e.state = 'pending' and not e.to_fetch for update skip locked;
  if event.id is null then
    return null;
  end if;
  -- An object is as new as the answer that it is from.
  event.created_at := greatest(event.created_at, event.fetched_at);
  begin
    result := _billing.apply_stripe_event(event);
  exception when others then
    error := sqlerrm;
  end;
  if error is not null then
    perform _billing.postpone_stripe_event(event, error);
    return 'failed: ' || error;
  end if;
  update billing.stripe_events e set
    state = case when result like 'ignored%' then 'ignored' else 'done' end,
    attempts = e.attempts + 1, done_at = clock_timestamp(), note = result
  where e.id = event.id;
  if event.type = 'invoice_payment.paid' then
    perform _billing.wake_waiting_events(event.payload #>> '{data,object,payment,payment_intent}');
  end if;
  return result;
end $$;
comment on function billing.process_stripe_event is
  'Acts on a pending event and marks it; null when there is nothing to do.';
grant execute on function billing.process_stripe_event(text) to service_role;

-- Those that are due, oldest first, but for some that have been tried.
create function _billing.due_stripe_events(limit_to integer, but_for text[] default '{}')
returns text[] language sql set search_path = pg_catalog, pg_temp as $$
  select array(
    select e.id from billing.stripe_events e
    where e.state = 'pending' and not e.to_fetch and e.due_at <= clock_timestamp()
      and e.id <> all (but_for)
    order by e.created_at, e.id limit limit_to);
$$;
comment on function _billing.due_stripe_events is
  'The ids of events that are to be acted on, oldest first.';

-- All that is due, and what that makes due; two at once do each event once.
create function billing.process_stripe_events(limit_to integer default 500)
returns integer language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  event_id text;
  due text[];
  tried text[] := array[]::text[];
begin
  loop
    due := _billing.due_stripe_events(limit_to - cardinality(tried), tried);
    exit when due = '{}';
    tried := tried || due;
    foreach event_id in array due loop
      perform billing.process_stripe_event(event_id);
    end loop;
  end loop;
  return cardinality(tried);
end $$;
comment on function billing.process_stripe_events is
  'Acts on due events in one transaction, which holds their clients: for a few, by hand. Returns how
   many.';
grant execute on function billing.process_stripe_events(integer) to service_role;

-- The same, each event committed by itself: one client is held at a time. Of several in one
-- transaction the second client would be locked after periods of the first, out of order (ADR 20).
-- Cron calls it, and the functions.
create procedure _billing.act_on_stripe_events(limit_to integer default 500,
  inout done integer default 0)
language plpgsql as $$
declare
  event_id text;
  due text[];
  tried text[] := array[]::text[];
begin
  loop
    due := _billing.due_stripe_events(limit_to - cardinality(tried), tried);
    exit when due = '{}';
    tried := tried || due;
    foreach event_id in array due loop
      perform billing.process_stripe_event(event_id);
      commit;
    end loop;
  end loop;
  done := cardinality(tried);
end $$;
comment on procedure _billing.act_on_stripe_events is
  'Acts on due events, committing one by one; says how many.';

-- Invoices that an earlier billing system has issued. They are history: nothing here bills, sends
-- or reminds of them, and they are on no ledger account. Money that Stripe collects for those that
-- are still open is noted beside them and operators are told, so that no payment passes unseen.
create table billing.earlier_invoices (
  id uuid primary key,
  client_id uuid not null references public.clients (id),
  number text not null,
  month date,
  currency text not null,
  amount_minor bigint not null,
  status text not null,
  stripe_invoice_id text,
  paid_minor bigint not null default 0,
  stripe_paid_minor bigint not null default 0,
  paid_at timestamptz,
  constraint earlier_invoices_status_known check (
    status in ('open', 'paid', 'void', 'uncollectible')),
  constraint earlier_invoices_once unique (stripe_invoice_id)
);
comment on table billing.earlier_invoices is
  'Invoices of the system that billed before this one, and what was paid for them since.';
comment on column billing.earlier_invoices.paid_minor is
  'What was paid by another way than Stripe.';
comment on column billing.earlier_invoices.stripe_paid_minor is
  'Most that Stripe ever said is paid; only grows, so old events do no harm.';
create index earlier_invoices_number on billing.earlier_invoices (number);
create index earlier_invoices_client on billing.earlier_invoices (client_id);

-- Refunds and disputes name a payment alone.
create table billing.earlier_payments (
  payment_intent_id text primary key,
  earlier_invoice_id uuid not null references billing.earlier_invoices (id),
  amount_minor bigint not null,
  refunded_minor bigint not null default 0
);
comment on table billing.earlier_payments is 'Payments in Stripe of earlier invoices.';
create index earlier_payments_invoice on billing.earlier_payments (earlier_invoice_id);

do $$
declare
  history text;
begin
  foreach history in array array['earlier_invoices', 'earlier_payments'] loop
    execute format('alter table billing.%I enable row level security', history);
    execute format('revoke all on billing.%I from public, anon, authenticated, service_role',
      history);
    execute format('grant select on billing.%I to service_role', history);
  end loop;
end $$;

-- Known by its id in Stripe; or, where the earlier system did not keep that, by its number in the
-- metadata of an invoice of the client's Stripe customer.
create function _billing.earlier_invoice_of(invoice jsonb)
returns billing.earlier_invoices language sql stable set search_path = pg_catalog, pg_temp as $$
  select e from billing.earlier_invoices e
  where e.stripe_invoice_id = invoice ->> 'id'
    or e.stripe_invoice_id is null and e.number = invoice #>> '{metadata,invoice_number}'
      and e.currency = upper(invoice ->> 'currency')
      and exists (select from public.stripe_customers s where s.client_id = e.client_id
        and s.stripe_customer_id = coalesce(invoice #>> '{customer,id}', invoice ->> 'customer'))
  order by e.stripe_invoice_id limit 1;
$$;
comment on function _billing.earlier_invoice_of is
  'The earlier invoice that an invoice of Stripe is; all null where it is none.';

create function _billing.tell_of_earlier(earlier billing.earlier_invoices, key text,
  priority text, what text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.notice(key, priority, format('%s: %s of %s, an invoice of the earlier system',
    what, earlier.number, c.name))
  from public.clients c where c.id = earlier.client_id;
$$;
comment on function _billing.tell_of_earlier is
  'Tells operators, once per key, what Stripe says of an earlier invoice.';

-- Its figures are cumulative, as those of our invoices: what they grew by is new.
create function _billing.apply_earlier_invoice(invoice jsonb, seen timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  before billing.earlier_invoices := _billing.earlier_invoice_of(invoice);
  after billing.earlier_invoices;
  received bigint;
  is_too_much boolean;
  paid constant bigint := _billing.from_stripe(_billing.stripe_received(invoice),
    invoice ->> 'currency');
begin
  if before.id is null then
    return null;
  end if;
  if before.currency <> upper(invoice ->> 'currency') then
    perform _billing.tell_of_earlier(before, 'currency/' || (invoice ->> 'id'), 'high', format(
      'In %s in Stripe, nothing is noted', upper(invoice ->> 'currency')));
    return format('ignored: it is in %s', upper(invoice ->> 'currency'));
  end if;
  update billing.earlier_invoices e set
    stripe_invoice_id = invoice ->> 'id',
    stripe_paid_minor = greatest(e.stripe_paid_minor, paid),
    paid_at = case when paid > e.stripe_paid_minor then seen else e.paid_at end,
    -- What was paid another way is voided there, and stays paid.
    status = case when e.status = 'paid'
        or e.paid_minor + greatest(e.stripe_paid_minor, paid) >= e.amount_minor then 'paid'
      when _billing.stripe_rank(invoice ->> 'status') > _billing.stripe_rank(e.status)
        and invoice ->> 'status' in ('paid', 'void', 'uncollectible') then invoice ->> 'status'
      else e.status end
  where e.id = before.id returning * into after;
  received := after.stripe_paid_minor - before.stripe_paid_minor;
  if received = 0 then
    return format('earlier invoice %s', after.status);
  end if;
  is_too_much := after.paid_minor + after.stripe_paid_minor > after.amount_minor;
  perform _billing.tell_of_earlier(after, format('earlier/%s/%s', after.stripe_invoice_id,
      after.stripe_paid_minor), case when is_too_much then 'high' else 'normal' end,
    format('%s paid%s', billing.money_text(received, after.currency),
      case when is_too_much then ' in Stripe, more than is due' else '' end));
  return format('earlier invoice %s, noted %s', after.status, received);
end $$;
comment on function _billing.apply_earlier_invoice is
  'Notes what Stripe says of an earlier invoice; null when it is none.';

create function _billing.apply_earlier_payment(payment jsonb)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  earlier billing.earlier_invoices;
  paid constant bigint := _billing.from_stripe((payment ->> 'amount_paid')::bigint,
    payment ->> 'currency');
begin
  select * into earlier from billing.earlier_invoices e
  where e.stripe_invoice_id = payment ->> 'invoice';
  if earlier.id is null then
    return null;
  end if;
  if payment #>> '{payment,payment_intent}' is not null then
    insert into billing.earlier_payments as p (payment_intent_id, earlier_invoice_id, amount_minor)
    values (payment #>> '{payment,payment_intent}', earlier.id, paid)
    on conflict (payment_intent_id) do update
    set amount_minor = greatest(p.amount_minor, excluded.amount_minor);
  end if;
  return 'payment of an earlier invoice noted';
end $$;
comment on function _billing.apply_earlier_payment is
  'Notes which payment is of which earlier invoice; null where it is of none.';

-- What goes back of a payment of an earlier invoice is noted, and for people to act on: no credit
-- note and no account of ours is about it.
create function _billing.apply_earlier_return(thing jsonb)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  before billing.earlier_payments;
  earlier billing.earlier_invoices;
  moved constant bigint := _billing.from_stripe(coalesce(thing ->> 'amount_refunded',
    thing ->> 'amount')::bigint, thing ->> 'currency');
begin
  select * into before from billing.earlier_payments p
  where p.payment_intent_id = thing ->> 'payment_intent' for update;
  if before.payment_intent_id is null then
    return null;
  end if;
  select * into earlier from billing.earlier_invoices e where e.id = before.earlier_invoice_id;
  if thing ->> 'object' = 'charge' then
    update billing.earlier_payments p set refunded_minor = greatest(p.refunded_minor, moved)
    where p.payment_intent_id = before.payment_intent_id;
    if moved > before.refunded_minor then
      perform _billing.tell_of_earlier(earlier, format('earlier-refund/%s/%s', thing ->> 'id',
        moved), 'normal', billing.money_text(moved - before.refunded_minor, earlier.currency)
          || ' refunded');
    end if;
    return format('refund of an earlier invoice, %s in all', moved);
  end if;
  -- Each state of a dispute once, and refunds that fail: those that do not are in their charge.
  if thing ->> 'object' = 'dispute' or thing ->> 'status' in ('failed', 'canceled') then
    perform _billing.tell_of_earlier(earlier, format('earlier-%s/%s', thing ->> 'id',
      thing ->> 'status'), 'high', format('%s of %s (%s)', initcap(thing ->> 'object'),
      billing.money_text(moved, earlier.currency), replace(thing ->> 'status', '_', ' ')));
  end if;
  return format('%s of an earlier invoice', thing ->> 'object');
end $$;
comment on function _billing.apply_earlier_return is
  'Notes refunds and disputes of payments of earlier invoices; null where it is none of those.';

-- A failed payment of an earlier invoice: operators hear of it, once per attempt.
create function _billing.notice_of_earlier_event(event billing.stripe_events)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.tell_of_earlier(e, format('%s/%s/%s', event.type, e.stripe_invoice_id,
      coalesce(event.payload #>> '{data,object,attempt_count}', '0')), 'high',
    case event.type when 'invoice.payment_failed' then 'Payment failed'
      else 'Payment needs action by the client' end)
  from billing.earlier_invoices e
  where e.stripe_invoice_id = event.payload #>> '{data,object,id}'
    and event.type in ('invoice.payment_failed', 'invoice.payment_action_required');
$$;
comment on function _billing.notice_of_earlier_event is
  'Tells operators of a failed payment of an earlier invoice.';

-- Money that came another way.
create function billing.record_earlier_payment(number text, amount_minor bigint default null,
  paid_at timestamptz default now())
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only functions write what was paid.
begin
  perform billing.require_second_factor();
  if amount_minor <= 0 then
    perform billing.raise_error('invalid_argument', 'a payment is more than zero');
  end if;
  update billing.earlier_invoices e set
    paid_minor = e.paid_minor + x.paid, paid_at = record_earlier_payment.paid_at,
    status = case when e.paid_minor + e.stripe_paid_minor + x.paid >= e.amount_minor then 'paid'
      else e.status end
  from (select i.id, coalesce(record_earlier_payment.amount_minor, i.amount_minor - i.paid_minor
      - i.stripe_paid_minor) as paid from billing.earlier_invoices i) x
  where x.id = e.id and e.number = record_earlier_payment.number
    and e.status in ('open', 'uncollectible');
  if not found then
    perform billing.raise_error('unknown_invoice', format('no earlier invoice %s is open', number));
  end if;
end $$;
comment on function billing.record_earlier_payment is
  'Notes a payment of an earlier invoice that came by another way than Stripe: all that is due, or
   some minor units of it.';
grant execute on function billing.record_earlier_payment(text, bigint, timestamptz)
  to service_role;

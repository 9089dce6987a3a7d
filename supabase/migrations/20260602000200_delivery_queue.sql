-- What is queued when: in the transaction of what it tells of, so neither is without the other.

create function billing.money_text(amount_minor bigint, currency text)
returns text language sql stable security definer set search_path = '' as $$
  -- Definer: callers read reports, whose amounts are formatted by what is not theirs to call.
  select billing.format_minor(amount_minor, c.exponent) || ' ' || c.code
  from public.currencies c where c.code = currency;
$$;
comment on function billing.money_text is '12345, USD -> 123.45 USD.';

-- A message to operators: by HERMES, and by e-mail where somebody is named to get it. Once per key.
create function billing.queue_notice(key text, priority text, subject text, message text,
  client_id uuid default null, invoice_id uuid default null)
returns bigint language sql security definer set search_path = '' as $$
  with queued as (
    insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
      payload)
    select x.kind, 'notice', key || ':' || x.kind, queue_notice.client_id,
      queue_notice.invoice_id, s.delivery_attempts, x.payload
    from public.billing_settings s
    cross join lateral (values
      ('hermes', jsonb_build_object('message', message, 'priority', priority)),
      ('email', jsonb_build_object('to', s.operator_emails, 'subject', subject, 'text', message))
    ) x(kind, payload)
    where x.kind = 'hermes' or s.operator_emails <> '{}'
    on conflict (dedupe_key) do nothing
    returning 1
  )
  select count(*) from queued;
$$;
comment on function billing.queue_notice is
  'Tells operators something once per key (priority low, normal, high or critical); returns how
   many deliveries that takes, 0 where it has been told.';

-- A delivery that gave up is told by every way but the one that failed. A notice that gives up is
-- not told of: it would be told the same way.
create function billing.report_dead_delivery(delivery_id bigint)
returns void language sql set search_path = '' as $$
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
    payload)
  select x.kind, 'notice', format('dead:%s:%s:%s', d.id, d.finished_at, x.kind), d.client_id,
    d.invoice_id, s.delivery_attempts, x.payload
  from public.deliveries d
  left join public.invoices i on i.id = d.invoice_id
  left join public.clients c on c.id = d.client_id
  cross join public.billing_settings s
  cross join lateral (select format('Delivery %s (%s, %s%s%s) gave up after %s %s: %s',
    d.id, d.kind, d.event, ', ' || i.number, ', ' || c.name, d.attempts,
    case d.attempts when 1 then 'try' else 'tries' end, d.last_error) as text) m
  cross join lateral (values
    ('hermes', jsonb_build_object('message', m.text, 'priority', 'high')),
    ('email', jsonb_build_object('to', s.operator_emails, 'subject', 'A delivery gave up',
      'text', m.text || E'\n\nTry it again with:\n  select billing.requeue_delivery(' || d.id
        || ');'))
  ) x(kind, payload)
  where d.id = delivery_id and d.event <> 'notice' and x.kind <> d.kind
    and (x.kind = 'hermes' or s.operator_emails <> '{}')
  on conflict (dedupe_key) do nothing;
$$;

-- An issued invoice: one delivery per kind of its `deliveries`. The mail waits for Stripe, since it
-- carries the pay link; without an address there is nothing to send.
create function billing.queue_invoice_deliveries(invoice_ids uuid[])
returns void language plpgsql set search_path = '' set enable_seqscan = off as $$
begin
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
    payload)
  select k.kind, 'invoice_issued', format('invoice_issued:%s:%s', i.id, k.kind), i.client_id, i.id,
    s.delivery_attempts, case k.kind when 'hermes' then jsonb_build_object('priority', 'low',
      'message', format('Invoice %s for %s: %s %s, due %s', i.number, c.name,
        billing.format_minor(i.total_minor, u.exponent), u.code, i.due_on)) else '{}' end
  from public.invoices i
  join public.clients c on c.id = i.client_id
  join public.currencies u on u.code = i.currency
  cross join public.billing_settings s
  cross join unnest(i.deliveries) k(kind)
  where i.id = any (invoice_ids) and k.kind <> 'email'
  order by i.number, k.kind
  on conflict (dedupe_key) do nothing;
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, after_id,
    max_attempts, state, last_error, finished_at)
  select 'email', 'invoice_issued', format('invoice_issued:%s:email', i.id), i.client_id, i.id,
    p.id, s.delivery_attempts, x.state,
    case x.state when 'skipped' then 'the client has no e-mail address' end,
    case x.state when 'skipped' then now() end
  from public.invoices i
  cross join public.billing_settings s
  left join public.deliveries p on p.dedupe_key = format('invoice_issued:%s:stripe', i.id)
  cross join lateral (select case when i.document #>> '{client,email}' is null then 'skipped'
    when p.state in ('waiting', 'queued', 'running') then 'waiting' else 'queued' end as state) x
  where i.id = any (invoice_ids) and 'email' = any (i.deliveries)
  order by i.number
  on conflict (dedupe_key) do nothing;
end $$;
comment on function billing.queue_invoice_deliveries is
  'Queues what the deliveries of issued invoices say; each once.';

-- Every way an invoice moves passes here, whoever moves it.
create function billing.follow_invoices() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: deliveries are written by nobody but billing's own functions.
declare
  issued uuid[];
  moved uuid[];
begin
  -- Grouped, not joined: transition tables have no statistics, and what the planner then takes for
  -- two rows it compares with each other one by one: 60 s for 10,000 invoices.
  select array_agg(x.id) filter (where x.before = 'draft'),
    array_agg(x.id) filter (where x.before <> 'draft')
  into issued, moved
  from (
    select s.id, max(s.before) as before, max(s.after) as after
    from (
      select o.id, o.status as before, null as after from old_rows o
      union all select n.id, null, n.status from new_rows n
    ) s group by s.id
  ) x
  where x.before <> x.after;
  if issued is not null then
    perform billing.queue_invoice_deliveries(issued);
  end if;
  -- What is settled is not asked for again; what is void is not sent.
  update public.deliveries d
  set state = 'skipped', last_error = format('the invoice is %s', n.status), finished_at = now()
  from public.invoices n
  where n.id = any (moved) and d.invoice_id = n.id and d.state in ('waiting', 'queued')
    and ((d.event = 'reminder' and n.status in ('paid', 'void', 'uncollectible'))
      or (d.event = 'invoice_issued' and d.kind = 'email' and n.status = 'void'));
  return null;
end $$;
create trigger follow_invoices after update on public.invoices
  referencing old table as old_rows new table as new_rows
  for each statement execute function billing.follow_invoices();

create function billing.follow_payments() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
begin
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
    payload)
  select 'hermes', 'payment_received', 'payment_received:' || p.id, p.client_id, p.invoice_id,
    s.delivery_attempts, jsonb_build_object('priority', 'normal', 'message',
      format('Payment received from %s: %s for invoice %s', c.name,
        billing.money_text(p.amount_minor, p.currency), i.number))
  from new_rows p
  join public.invoices i on i.id = p.invoice_id and 'hermes' = any (i.deliveries)
  join public.clients c on c.id = p.client_id
  cross join public.billing_settings s
  where p.amount_minor > 0;
  return null;
end $$;
create trigger follow_payments after insert on public.payments
  referencing new table as new_rows
  for each statement execute function billing.follow_payments();

-- A credit note is filed and mailed when its document is written, by the kinds of its invoice.
create function billing.follow_credit_note() returns trigger
language plpgsql security definer set search_path = '' as $$
-- Definer: as above.
begin
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, credit_note_id,
    max_attempts)
  select k.kind, 'credit_note_issued', format('credit_note_issued:%s:%s', new.id, k.kind),
    new.client_id, new.invoice_id, new.id, s.delivery_attempts
  from public.invoices i
  cross join public.billing_settings s
  cross join unnest(i.deliveries) k(kind)
  where i.id = new.invoice_id and (k.kind = 'archive'
    or (k.kind = 'email' and new.document #>> '{client,email}' is not null))
  on conflict (dedupe_key) do nothing;
  return null;
end $$;
create trigger follow_credit_note after update on public.credit_notes
  for each row when (old.document = '{}' and new.document <> '{}')
  execute function billing.follow_credit_note();

revoke all on all functions in schema billing from public;
grant execute on function billing.queue_notice(text, text, text, text, uuid, uuid)
  to service_role;

-- What is queued when: in the transaction of what it tells of, so neither is without the other.

-- An issued invoice: one delivery per kind of its `deliveries`. The mail waits for Stripe, since it
-- carries the pay link; without an address there is nothing to send.
create function _billing.queue_invoice_deliveries(invoice_ids uuid[])
returns void language plpgsql set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
begin
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
    payload)
  select k.kind, 'invoice_issued', format('invoice_issued:%s:%s', i.id, k.kind), i.client_id, i.id,
    s.delivery_attempts, case k.kind when 'hermes' then jsonb_build_object('priority', 'low',
      'message', format('Invoice %s for %s: %s %s, due %s', i.number, c.name,
        _billing.format_minor(i.total_minor, u.exponent), u.code, i.due_on)) else '{}' end
  from unnest(invoice_ids) n(id)
  -- By key: sorted by number, the planner would rather read all invoices in that order.
  cross join lateral (select * from public.invoices x where x.id = n.id offset 0) i
  join public.clients c on c.id = i.client_id
  join public.currencies u on u.code = i.currency
  cross join public.billing_settings s
  cross join unnest(i.deliveries) k(kind)
  where k.kind <> 'email'
  order by i.number, k.kind
  on conflict (dedupe_key) do nothing;
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, after_id,
    max_attempts, state, last_error, finished_at)
  select 'email', 'invoice_issued', format('invoice_issued:%s:email', i.id), i.client_id, i.id,
    p.id, s.delivery_attempts, x.state,
    case x.state when 'skipped' then 'the client has no e-mail address' end,
    case x.state when 'skipped' then now() end
  from unnest(invoice_ids) n(id)
  cross join lateral (select * from public.invoices x where x.id = n.id offset 0) i
  cross join public.billing_settings s
  left join public.deliveries p on p.dedupe_key = format('invoice_issued:%s:stripe', i.id)
  cross join lateral (select case when i.document #>> '{client,email}' is null then 'skipped'
    when p.state in ('waiting', 'queued', 'running') then 'waiting' else 'queued' end as state) x
  where 'email' = any (i.deliveries)
  order by i.number
  on conflict (dedupe_key) do nothing;
end $$;
comment on function _billing.queue_invoice_deliveries is
  'Queues what the deliveries of issued invoices say; each once.';

-- Every change of an invoice's status passes here.
create function _billing.follow_invoices() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
    perform _billing.queue_invoice_deliveries(issued);
  end if;
  if moved is not null then
    -- A settled invoice is not asked for again; a void one is not sent.
    update public.deliveries d
    set state = 'skipped', last_error = format('the invoice is %s', n.status), finished_at = now()
    from public.invoices n
    where n.id = any (moved) and d.invoice_id = n.id and d.state in ('waiting', 'queued')
      and ((d.event = 'reminder' and n.status in ('paid', 'void', 'uncollectible'))
        or (d.event = 'invoice_issued' and d.kind = 'email' and n.status = 'void'));
  end if;
  return null;
end $$;

create trigger follow_invoices after update on public.invoices
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.follow_invoices();

create function _billing.follow_payments() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
  where p.kind = 'payment';
  return null;
end $$;

create trigger follow_payments after insert on public.payments
  referencing new table as new_rows
  for each statement execute function _billing.follow_payments();

-- A credit note is filed and mailed when its document is written, by the kinds of its invoice.
create function _billing.follow_credit_note() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
begin
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, credit_note_id,
    max_attempts)
  select k.kind, 'credit_note_issued', format('credit_note_issued:%s:%s', new.id, k.kind),
    new.client_id, new.invoice_id, new.id, s.delivery_attempts
  from public.invoices i
  cross join public.billing_settings s
  join billing.delivery_kinds k on k.kind = any (i.deliveries) and k.of_credit_notes
  where i.id = new.invoice_id
    and (k.kind <> 'email' or new.document #>> '{client,email}' is not null)
  on conflict (dedupe_key) do nothing;
  return null;
end $$;

create trigger follow_credit_note after update on public.credit_notes
  for each row when (old.document = '{}' and new.document <> '{}')
  execute function _billing.follow_credit_note();

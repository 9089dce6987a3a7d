-- Reminders of open invoices: before they are due, when they are, and after; each once.

-- The reminder whose day came last, where it has not been sent. Days that passed while nobody
-- looked are not made up for: the client gets one mail, not three. A reminder's day must lie after
-- the day of issue, when the invoice itself was mailed; while that mail is still under way it is
-- not overtaken.
create function billing.queue_reminders(as_of timestamptz default billing.as_of())
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
  with latest as (
    select distinct on (i.id) i.id, i.client_id, r.days, s.delivery_attempts
    from public.invoices i
    cross join public.billing_settings s
    cross join unnest(s.reminder_days) r(days)
    where i.status = 'open' and i.amount_due_minor > 0 and 'email' = any (i.deliveries)
      and i.document #>> '{client,email}' is not null
      and i.due_on + r.days <= (as_of at time zone 'UTC')::date
      and i.due_on + r.days > i.issued_on and not _billing.is_mailed_by_stripe(i.id)
      and not exists (select from public.deliveries d
        where d.dedupe_key = format('invoice_issued:%s:email', i.id)
          and d.state in ('waiting', 'queued', 'running'))
    order by i.id, r.days desc
  ), queued as (
    insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
      payload)
    select 'email', 'reminder', format('reminder:%s:%s', l.id, l.days), l.client_id, l.id,
      l.delivery_attempts, jsonb_build_object('days', l.days)
    from latest l
    on conflict (dedupe_key) do nothing
    returning 1
  )
  select count(*) from queued;
$$;
comment on function billing.queue_reminders is
  'Queues the reminders that are due; each once per invoice. Returns how many.';
grant execute on function billing.queue_reminders(timestamptz) to service_role;

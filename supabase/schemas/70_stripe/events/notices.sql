-- Events that people are told of.

-- Failures are told once per attempt.
create function _billing.notice_of_invoice_event(event billing.stripe_events)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.notice(event.type || '/' || m.stripe_invoice_id || '/'
      || coalesce(t.invoice ->> 'attempt_count', '0'), 'high',
    format(x.message, i.number, c.name, billing.money_text(i.amount_due_minor, i.currency),
      m.hosted_invoice_url,
      coalesce(': ' || (t.invoice #>> '{last_finalization_error,message}'), ''),
      coalesce(' (' || (select p.failure from public.stripe_payments p
        where p.stripe_invoice_id = m.stripe_invoice_id and p.failure is not null
        order by p.seen_at desc limit 1) || ')', '')))
  from (select event.payload #> '{data,object}' as invoice) t
  join public.stripe_invoices m on m.stripe_invoice_id = t.invoice ->> 'id'
  join public.invoices i on i.id = m.invoice_id
  join public.clients c on c.id = i.client_id
  join (values
    ('invoice.payment_failed', 'Payment failed%6$s: %1$s of %2$s, %3$s due. Pay at %4$s'),
    ('invoice.payment_action_required', 'Payment of %1$s needs action by %2$s: %4$s'),
    ('invoice.finalization_failed', 'Stripe could not finalize %1$s of %2$s%5$s')
  ) x(type, message) on x.type = event.type;
$$;

-- The client hears of it too, once per attempt: by mail, with the pay link, unless Stripe mails.
create function _billing.remind_of_failed_payment(event billing.stripe_events)
returns void language sql set search_path = pg_catalog, pg_temp as $$
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
    and i.document #>> '{client,email}' is not null and not _billing.is_mailed_by_stripe(i.id)
  on conflict (dedupe_key) do nothing;
$$;

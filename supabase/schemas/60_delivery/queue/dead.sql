-- A delivery that gave up is told by every way but the one that failed. A notice that gives up is
-- not told of: it would be told the same way.
create function _billing.report_dead_delivery(delivery_id bigint)
returns void language sql set search_path = pg_catalog, pg_temp as $$
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

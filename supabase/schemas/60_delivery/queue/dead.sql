-- A delivery that gave up is told by every way but the one that failed. Of a notice that gives up
-- there is no notice: it is sent the other way itself.
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
  cross join lateral (select billing.plain_text(format(
    'Delivery %s (%s, %s%s%s) gave up after %s %s: %s',
    d.id, d.kind, d.event, ', ' || i.number, ', ' || c.name, d.attempts,
    case d.attempts when 1 then 'try' else 'tries' end, d.last_error)) as text) m
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

-- A notice goes by mail where HERMES does not take it, and by HERMES where mail does not: the only
-- notice of a mail that bounced goes by HERMES. Nothing is sent where it goes that way already.
create function _billing.send_notice_otherwise(notices bigint[])
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
    payload)
  select x.kind, 'notice', x.key, d.client_id, d.invoice_id, s.delivery_attempts, x.payload
  from public.deliveries d
  cross join public.billing_settings s
  cross join lateral (
    select 'email' as kind, regexp_replace(d.dedupe_key, ':hermes$', ':email') as key,
      jsonb_build_object('to', s.operator_emails, 'subject',
        'A notification that HERMES could not deliver', 'text', d.payload ->> 'message') as payload
    where d.kind = 'hermes' and s.operator_emails <> '{}'
    union all
    select 'hermes', regexp_replace(d.dedupe_key, ':email$', ':hermes'), jsonb_build_object(
      'message', concat_ws(E'\n\n', d.payload ->> 'subject', d.payload ->> 'text'),
      'priority', 'high')
    where d.kind = 'email'
  ) x
  where d.id = any (notices) and d.event = 'notice'
  on conflict (dedupe_key) do nothing;
$$;
comment on function _billing.send_notice_otherwise is
  'Queues these notices by the other of HERMES and mail, unless they are there already.';

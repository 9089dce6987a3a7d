-- A message to operators: by HERMES, and by e-mail where somebody is named to get it. Once per key.
-- Names in it are plain: no character of them moves a cursor or turns what follows around.
create function billing.queue_operator_alert(key text, priority text, subject text, message text,
  client_id uuid default null, invoice_id uuid default null)
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
  with queued as (
    insert into public.deliveries (kind, event, dedupe_key, client_id, invoice_id, max_attempts,
      payload)
    select x.kind, 'notice', key || ':' || x.kind, queue_operator_alert.client_id,
      queue_operator_alert.invoice_id, s.delivery_attempts, x.payload
    from public.billing_settings s
    cross join lateral (values
      ('hermes', jsonb_build_object('message', billing.plain_text(message),
        'priority', priority)),
      ('email', jsonb_build_object('to', s.operator_emails,
        'subject', billing.plain_line(subject), 'text', billing.plain_text(message)))
    ) x(kind, payload)
    where x.kind = 'hermes' or s.operator_emails <> '{}'
    on conflict (dedupe_key) do nothing
    returning 1
  )
  select count(*) from queued;
$$;
comment on function billing.queue_operator_alert is
  'Tells operators something once per key (priority low, normal, high or critical); returns how
   many deliveries that takes, 0 where it has been told.';
grant execute on function billing.queue_operator_alert(text, text, text, text, uuid, uuid)
  to service_role;

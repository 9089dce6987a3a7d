-- A kind that is off is told by every way but itself, once a month.
create function _billing.report_channel_off(kind text, reason text, missed bigint, at timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.deliveries (kind, event, dedupe_key, max_attempts, payload)
  select x.kind, 'notice', format('channel_off:%s:%s:%s', report_channel_off.kind,
    to_char(at at time zone 'UTC', 'YYYY-MM'), x.kind), s.delivery_attempts, x.payload
  from public.billing_settings s
  cross join lateral (select format('%s deliveries of kind %s were skipped: %s. Once it is on, '
    || 'send them by select billing.requeue_deliveries(%L, ''{skipped}''), or take the kind out '
    || 'of billing_config.deliveries.', missed, report_channel_off.kind, reason,
    report_channel_off.kind) as text) m
  cross join lateral (values
    ('hermes', jsonb_build_object('message', m.text, 'priority', 'high')),
    ('email', jsonb_build_object('to', s.operator_emails,
      'subject', 'Deliveries of kind ' || report_channel_off.kind || ' are skipped',
      'text', m.text))
  ) x(kind, payload)
  where x.kind <> report_channel_off.kind and (x.kind = 'hermes' or s.operator_emails <> '{}')
  on conflict (dedupe_key) do nothing;
$$;
comment on function _billing.report_channel_off is
  'Tells operators that deliveries of a kind are skipped because it is switched off.';

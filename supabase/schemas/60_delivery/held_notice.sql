-- What operators are told of what is held: of drafts one message of all, with amounts; of windows
-- one.

create function _billing.held_notice()
returns table (names text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select md5(string_agg(concat_ws(' ', h.invoice_id, h.released_minor), ',' order by h.invoice_id)),
    format('%s held: %s. Look at them in billing.held_invoices, then release each: select '
      || 'billing.release_invoice(invoice_id, ''why'').',
      case when count(*) = 1 then 'A draft is' else count(*) || ' drafts are' end,
      _billing.first_few(array_agg(format('%s%s, %s', h.client,
        ' from ' || h.period_start, h.message) order by h.client, h.period_start), 10, '; '))
  from billing.held_invoices h having count(*) > 0;
$$;
comment on function _billing.held_notice is 'One message of all held drafts.';

create function _billing.held_windows_notice()
returns table (names text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select md5(string_agg(concat_ws(' ', h.log_id, h.version), ',' order by h.log_id)),
    format('%s windows say less than what has been invoiced and are held: %s. Look at them in '
      || 'billing.held_windows, then select billing.release_windows(source, ''why'') or '
      || 'billing.refuse_windows(source).', count(*),
      _billing.first_few(array_agg(distinct format('%s of source %s (%s)',
        to_char(l."timestamp" at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), h.source_id, l.agent)),
        10, '; '))
  from billing.held_windows h join public.agent_usage_logs l on l.id = h.log_id
  having count(*) > 0;
$$;
comment on function _billing.held_windows_notice is
  'One message of all windows of sources that wait for a decision.';

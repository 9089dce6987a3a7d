-- What operators are told of held drafts: one message of all, with amounts.

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

-- The head of the audit chain, told to operators once a day: what they keep proves all before it.

create function _billing.report_audit_head(as_of timestamptz default clock_timestamp())
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  chain record;
  day constant text := to_char(as_of at time zone 'UTC', 'YYYY-MM-DD');
begin
  perform _billing.seal_audit(everything => true, most_rows => 1000000);
  select * into chain from billing.verify_audit_chain();
  if chain.finding is not null then
    return billing.queue_operator_alert('audit_break:' || day, 'critical',
      'The audit log was changed', format('The audit log differs from its seals: %s (position %s). '
        || 'Compare it with an export that was kept elsewhere.', chain.finding, chain.broken_at));
  elsif chain.sealed = 0 then
    return 0;
  end if;
  return billing.queue_operator_alert('audit_head:' || day, 'low', 'The audit log of ' || day,
    format('The audit log has %s sealed rows; its head is %s. Keep this message: '
      || 'billing.verify_audit_chain(%s, ''%s'') says whether anything before it was changed.',
      chain.sealed, chain.head_hash, chain.sealed, chain.head_hash));
end $$;
comment on function _billing.report_audit_head is
  'Seals and verifies the audit log and tells operators its head, or the first break; once a day.';

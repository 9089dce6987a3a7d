-- Each part of the books is asked by a check of its own, which sees what is wrong with that part
-- and nothing else.
begin;
select plan(13);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000000092', 'Sound Ltd', '2026-05-01'),
  -- Two months of the same minimum: two invoices of one amount, of which one is paid.
  ('00000000-0000-4000-8000-000000000093', 'Steady Ltd', '2026-05-01');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'claude-sonnet', 20000000, '00000000-0000-4000-8000-000000000092', '2026-05-10');
select billing.run_monthly('2026-07-01');
select billing.record_payment(id, total_minor, '2026-07-02') from public.invoices
where client_id = '00000000-0000-4000-8000-000000000093' and period_start = '2026-05-01';
select billing.issue_credit_note(id, 'goodwill', 100, false, '2026-07-02') from public.invoices
where number = 'INV-2026-000001';
create view pg_temp.found as
select 'invoices' as part, invariant from _billing.check_invoices()
union select 'numbers', invariant from _billing.check_numbers()
union select 'money', invariant from _billing.check_money()
union select 'periods', invariant from _billing.check_periods()
union select 'usage', invariant from _billing.check_usage('[2026-01-01,)');
-- What is seen after a change that no guard was there to refuse.
create function pg_temp.seen(change text) returns text[] language plpgsql as $$
declare
  guarded regclass;
  parts text[];
begin
  -- Triggers cannot be switched off while some are still to fire.
  set constraints all immediate;
  for guarded in select t.tgrelid from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where c.relnamespace::regnamespace::text in ('public', 'billing', '_billing') group by 1
  loop
    execute format('alter table %s disable trigger user', guarded);
  end loop;
  execute change;
  select array_agg(part || ': ' || invariant order by part, invariant) into parts
  from pg_temp.found;
  raise exception using errcode = 'LB001', message = coalesce(parts::text, '{}');
exception when sqlstate 'LB001' then
  return sqlerrm::text[];
end $$;

select is_empty('select * from pg_temp.found', 'good books have no violation');
select is(pg_temp.seen($$update public.invoices set document = document || '{"number": "X"}'$$),
  '{"invoices: document_says_the_total"}', 'a document with another number violates invoices');
select is(pg_temp.seen($$delete from public.deliveries d using public.invoices i
    where i.id = d.invoice_id and i.number = 'INV-2026-000002' and d.kind = 'archive'
      and d.event = 'invoice_issued'$$),
  '{"invoices: delivered_or_queued"}', 'an invoice without a delivery, beside others with theirs');
select is(pg_temp.seen('update _billing.invoice_counters set last_number = last_number + 1'),
  '{"numbers: numbers_are_gapless"}', 'a counter beyond the last number violates numbers');
select is(pg_temp.seen($$insert into _billing.invoice_counters
    (series, year, last_number, earlier_numbers) values ('OLD', 2025, 45, 45)$$),
  '{}', 'numbers that another system has given out are no gap');
select is(pg_temp.seen('update _billing.invoice_counters set earlier_numbers = 1'),
  '{"numbers: numbers_are_gapless"}', 'an invoice of ours has none of the earlier numbers');
select is(pg_temp.seen('update public.credit_note_lines set amount_minor = amount_minor + 1'),
  '{"money: credit_note_is_sum_of_lines"}', 'a note that is not its lines violates money');
select is(pg_temp.seen($$insert into public.balance_entries (client_id, currency, amount_minor,
    reason, created_at) values ('00000000-0000-4000-8000-000000000092', 'USD', -1, 'overpayment',
    now())$$), '{"money: balance_is_not_negative","money: statement_closes"}',
  'money that nobody had does not close either');
select is(pg_temp.seen($$update public.invoices set number = 'INV-2026-0000002',
    document = document || '{"number": "INV-2026-0000002"}' where number = 'INV-2026-000001'$$),
  '{"numbers: numbers_are_gapless"}', 'a number given twice, once with a zero more, is a gap');
select is(pg_temp.seen($$update public.billing_periods set state = 'skipped'
    where period_start = '2026-05-01'$$), '{"periods: invoiced_means_an_invoice"}',
  'a skipped period with an invoice violates periods');
select is(pg_temp.seen($$update billing.usage_watermark set kept_from = '2026-04-01 00:00+00';
    insert into billing.quarantined_logs (log_id, reason, agent, model, occurred_at)
    values (gen_random_uuid(), 'no_client', 'S', 'm', '2026-04-01 00:00+00')$$),
  '{"usage: quarantine_is_of_logs"}', 'a row of the first instant that is kept has its log');
select is(pg_temp.seen($$update public.usage_records set quantity = quantity - 1
    where metric = 'requests'$$), '{"usage: records_equal_logs"}',
  'records that differ from the logs violate usage');
select is(pg_temp.seen($$update public.usage_records set usage_day = '2025-12-31'
    where metric = 'requests'$$), '{"usage: records_equal_logs"}',
  'on the days that are asked for');

select * from finish();
rollback;

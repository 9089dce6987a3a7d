-- Good books have no violation; each way to break them is seen.
begin;
select plan(25);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000000090', 'Sound Ltd', '2026-05-01');
insert into public.billing_config (client_id, minimum_minor, taxes)
values ('00000000-0000-4000-8000-000000000090', 1000,
  '[{"name": "VAT", "rate_percent": "20", "behavior": "inclusive"}]');
create function pg_temp.log(tokens bigint, day date) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', 'claude-sonnet', tokens, '00000000-0000-4000-8000-000000000090', day where tokens > 0;
  -- Below zero: so much less than the logs of that month say, those of the day first.
  select count(billing.correct_log(t.id, jsonb_build_object('input_tokens', t.now - t.taken),
    'a test'))
  from (
    select s.id, s.now, least(s.now, -tokens - coalesce(sum(s.now) over (order by
      s."timestamp" = day desc, s.id rows between unbounded preceding and 1 preceding), 0)) as taken
    from (select l.id, l."timestamp", (_billing.standing_log(l.id)).input_tokens as now
      from public.agent_usage_logs l where l.corrects_id is null and tokens < 0
        and date_trunc('month', l."timestamp") = date_trunc('month', day::timestamptz)) s
  ) t where t.taken > 0;
$$;
create function pg_temp.number(n integer) returns uuid language sql as $$
  select id from public.invoices where number = 'INV-2026-' || lpad(n::text, 6, '0');
$$;
select set_config('billing.as_of', '2026-09-02', true);
select pg_temp.log(10000000, '2026-05-10');
insert into public.agent_usage_logs (agent, model) values ('NOBODY', 'claude-sonnet');
select billing.run_monthly('2026-06-01');
select billing.run_monthly('2026-07-01');
select billing.record_payment(pg_temp.number(1), 4000);
select pg_temp.log(-2000000, '2026-05-11'), pg_temp.log(10000000, '2026-07-10');
select billing.run_monthly('2026-08-01');
select billing.issue_credit_note(pg_temp.number(2), 'goodwill', 100);
select billing.void_invoice(pg_temp.number(3), 'mistake');
select billing.mark_uncollectible(pg_temp.number(2), now() + interval '1 second');
select is_empty('select * from billing.check_invariants(''2026-01-01'')',
  'a life with a payment too much, credits, a void and a write-off contradicts nothing');
select is(billing.report_violations(), 0::bigint, 'and nobody is told');

create function pg_temp.seen(sabotage text) returns text[] language plpgsql as $$
declare
  guarded regclass;
  found text[];
begin
  -- Triggers cannot be switched off while some are still to fire.
  set constraints all immediate;
  for guarded in select t.tgrelid from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where c.relnamespace::regnamespace::text in ('public', 'billing', '_billing')
    group by t.tgrelid
  loop
    execute format('alter table %s disable trigger user', guarded);
  end loop;
  execute sabotage;
  select array_agg(distinct invariant order by invariant) into found
  from billing.check_invariants('2026-01-01');
  raise exception using errcode = 'LB001', message = coalesce(array_to_string(found, ','), '');
exception when sqlstate 'LB001' then
  return string_to_array(sqlerrm, ',');
end $$;

select ok('total_is_sum_of_lines' = any (pg_temp.seen(
  'update public.invoice_lines set amount_minor = amount_minor + 1 where kind = ''usage''')),
  'a line a cent off');
select ok('total_is_sum_of_lines' = any (pg_temp.seen('delete from public.invoice_lines')),
  'lines that are gone');
select is(pg_temp.seen($$update public.invoices set document = document || '{"number": "X"}'
  where status = 'open' or number = 'INV-2026-000001'$$),
  '{document_says_the_total}', 'a document with another number');
select ok('paid_means_nothing_due' = any (pg_temp.seen(
  $$update public.invoices set paid_minor = paid_minor - 1 where status = 'paid'$$)),
  'a paid invoice with something due');
select ok('service_lies_in_periods' = any (pg_temp.seen(
  $$delete from public.billing_periods where period_start = '2026-06-01'$$)), 'a lost period');
select ok('periods_follow_each_other' = any (pg_temp.seen($$update public.billing_periods
  set period_end = period_end + 1 where period_start = '2026-06-01'$$)), 'a period that overlaps');
select ok('late_lines_have_a_period' = any (pg_temp.seen(
  $$delete from public.billing_periods where period_start = '2026-06-01'$$)),
  'lines of a lost period');
select is(pg_temp.seen(
  $$delete from public.deliveries where kind = 'archive' and event = 'invoice_issued'$$),
  '{delivered_or_queued}', 'an invoice that nobody will archive');
select is(pg_temp.seen($$update public.invoices set number = 'INV-2026-000009',
  document = document || '{"number": "INV-2026-000009"}' where number = 'INV-2026-000002'$$),
  '{numbers_are_gapless}', 'a gap in the numbers');
select ok('numbers_are_gapless' = any (pg_temp.seen($$
  alter table public.invoices drop constraint invoices_number_key;
  insert into public.invoices (client_id, kind, status, number, currency, finalized_at, issued_on,
    due_on, paid_at)
  select client_id, 'one_off', 'paid', number, currency, finalized_at, issued_on, due_on, now()
  from public.invoices where number = 'INV-2026-000002'$$)), 'a number given twice');
select is(pg_temp.seen($$update public.invoices
  set written_off_minor = written_off_minor + 5 where status = 'uncollectible'$$),
  '{write_off_is_what_was_due}', 'a write-off of more than was due');
select ok('statement_closes' = any (pg_temp.seen($$update public.invoices
  set written_off_minor = written_off_minor - 5 where status = 'uncollectible'$$)),
  'a write-off of less than was due');
select ok('quarantine_is_of_logs' = any (pg_temp.seen($$insert into billing.quarantined_logs
  (log_id, reason, agent, model, occurred_at)
  values (gen_random_uuid(), 'no_client', 'S', 'm', now())$$)), 'quarantine of no log');
select ok('dismissals_are_marked' = any (pg_temp.seen($$insert into billing.quarantined_logs
  (log_id, reason, agent, model, occurred_at, dismissed)
  select id, 'no_client', agent, model, "timestamp", true from public.agent_usage_logs limit 1$$)),
  'a dismissal that nobody decided');
select ok('watermark_is_there' = any (pg_temp.seen('delete from billing.usage_watermark')),
  'a lost watermark');
select ok('numbers_are_counted' = any (pg_temp.seen('delete from _billing.invoice_counters')),
  'numbers that nobody counts');
select ok('credit_note_is_sum_of_lines' = any (pg_temp.seen(
  'update public.credit_note_lines set amount_minor = amount_minor + 1 where kind = ''credit''')),
  'a credit note a cent off');
select ok('credited_is_sum_of_notes' = any (pg_temp.seen(
  'update public.invoices set credited_minor = credited_minor - 1 where credited_minor > 0')),
  'credits without a note');
select ok('paid_is_sum_of_payments' = any (pg_temp.seen(
  'insert into public.payments (invoice_id, client_id, amount_minor, currency, paid_at)
   select invoice_id, client_id, 5, currency, paid_at from public.payments limit 1')),
  'a payment that was not booked');
select ok('balance_is_not_negative' = any (pg_temp.seen(
  $$insert into public.balance_entries (client_id, currency, amount_minor, reason,
      created_at)
    values ('00000000-0000-4000-8000-000000000090', 'USD', -900000, 'adjustment', now())$$)),
  'more balance applied than there was');
select ok('invoiced_means_an_invoice' = any (pg_temp.seen(
  $$update public.billing_periods set state = 'skipped' where period_start = '2026-05-01'$$)),
  'a skipped period with an invoice');
select ok('records_equal_logs' = any (pg_temp.seen(
  'update public.usage_records set quantity = quantity + 1 where metric = ''input_tokens''')),
  'usage that nobody logged');
select ok('booked_is_rated' = any (pg_temp.seen($$update public.usage_records
  set quantity = quantity + 9000000 where metric = 'input_tokens'$$)),
  'usage that was never billed');

select * from finish();
rollback;

-- Which periods there are at an instant, and which of them a run looks at.
begin;
select plan(19);

insert into public.clients (id, name, time_zone, started_on, ended_on, billing_anchor_day) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', 'UTC', '2026-06-10', null, 1),
  ('00000000-0000-0000-0000-00000000000b', 'Auck', 'Pacific/Auckland', '2026-06-01', null, 1),
  ('00000000-0000-0000-0000-00000000000c', 'Mid', 'UTC', '2026-06-20', '2026-07-20', 15);
create function pg_temp.target(client text, month date) returns billing.rating_target
language sql as $$
  select (p.client_id, p.period_start, p.period_end)::billing.rating_target
  from public.billing_periods p join public.clients c on c.id = p.client_id
  where c.name = client and p.period_start = month;
$$;

select results_eq($$select c.name, r.today, r.next_start
    from billing.current_periods('2026-06-30 13:00+00') r
    join public.clients c on c.id = r.client_id order by 1$$,
  $$values ('Acme', '2026-06-30'::date, '2026-06-01'::date),
    ('Auck', '2026-07-01', '2026-06-01'), ('Mid', '2026-06-30', '2026-06-15')$$,
  'in Auckland it is July already');
select set_eq($$select (t).client_id, (t).period_start, (t).period_end
    from unnest(billing.unsettled_targets('2026-06-30 13:00+00')) t$$, $$values
    ('00000000-0000-0000-0000-00000000000a'::uuid, '2026-06-01'::date, '2026-07-01'::date),
    ('00000000-0000-0000-0000-00000000000b', '2026-06-01', '2026-08-01'),
    ('00000000-0000-0000-0000-00000000000c', '2026-06-15', '2026-07-15')$$,
  'running periods, and ended ones without a row, are unsettled');

select _billing.open_periods('2026-06-30 13:00+00');
select results_eq('select client_id, period_start, period_end, state from public.billing_periods',
  $$values ('00000000-0000-0000-0000-00000000000b'::uuid, '2026-06-01'::date, '2026-07-01'::date,
    'pending')$$, 'a period is opened when it is over where the client is');
select _billing.open_periods('2026-08-16 00:00+00');
select _billing.open_periods('2026-08-16 00:00+00');
select results_eq($$select c.name, p.period_start, p.full_days from public.billing_periods p
    join public.clients c on c.id = p.client_id order by 1, 2$$, $$values
    ('Acme', '2026-06-01'::date, 30), ('Acme', '2026-07-01', 31),
    ('Auck', '2026-06-01', 30), ('Auck', '2026-07-01', 31),
    ('Mid', '2026-06-15', 30), ('Mid', '2026-07-15', 31)$$,
  'each once, and none after the client has left');
select is((select cardinality(due) || ' ' || cardinality(late) from _billing.targets_of_run()),
  '6 0',
  'pending periods are due');

-- Blocked or not.
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
select '00000000-0000-0000-0000-00000000000a', 'Fee', 1, 'EUR', d
from unnest('{2026-06-10,2026-07-10}'::date[]) d;
create temporary table free as
select _billing.mark_blocked(due, '2026-08-16') as list from _billing.targets_of_run();
select is((select cardinality(list) from free), 4, 'the targets without a reason remain');
select results_eq($$select period_start, reason, message from public.billing_periods
    where state = 'blocked' order by 1$$,
  $$values ('2026-06-01'::date, 'currency_mismatch',
      'invoice item ''Fee'' is in EUR, the client is billed in USD'),
    ('2026-07-01', 'currency_mismatch',
      'invoice item ''Fee'' is in EUR, the client is billed in USD')$$,
  'a blocked period has the reason and the message');
delete from public.invoice_items;
select is(cardinality(_billing.mark_blocked(array[pg_temp.target('Acme', '2026-06-01')],
  '2026-08-16')), 1, 'and no more when it is not');

-- Drafts, grace, what became of each.
create temporary table drafts as
select _billing.draft_invoices(list, '{}') as ids from free;
select set_eq($$select unnest(_billing.drafts_past_grace('2026-08-16'))$$,
  'select id from public.invoices', 'without grace every draft is ready');
set local billing.as_of = '2026-07-29';
update public.billing_config set effective_until = '2026-07-31' where client_id is null;
insert into public.billing_config (currency, minimum_minor, taxes, payment_terms_days,
  line_grouping, grace_hours, deliveries, effective_from)
values ('USD', 5000, '[]', 30, 'model', 24 * 20, '{archive}', '2026-07-31');
select results_eq($$select c.name, i.period_start from public.invoices i
    join public.clients c on c.id = i.client_id
    where i.id = any (_billing.drafts_past_grace('2026-08-16')) order by 1, 2$$,
  $$values ('Auck', '2026-06-01'::date), ('Mid', '2026-06-15'), ('Mid', '2026-07-15')$$,
  'a draft of the 31st of July waits its twenty days');
select _billing.mark_rated(list, '{}', ids, _billing.lock_periods(list), '2026-08-16')
from free, drafts;
select results_eq($$select state, count(*) from public.billing_periods group by 1 order by 1$$,
  $$values ('blocked', 1::bigint), ('invoiced', 4), ('pending', 1)$$,
  'a period with a draft is invoiced');
select _billing.finalize_invoices(array(select id from public.invoices), '2026-08-16');

-- Changed since.
update public.clients set started_on = '2026-06-05' where name = 'Auck';
select trigger_is('public', 'service_intervals', 'rate_service_anew', '_billing',
  'rate_service_anew', 'service is watched');
select results_eq($$select client_id, period_start from public.billing_periods
    where usage_changed$$,
  $$values ('00000000-0000-0000-0000-00000000000b'::uuid, '2026-06-01'::date)$$,
  'days that leave service are rated anew, their period alone');
select is((select late from _billing.targets_of_run()),
  array[pg_temp.target('Auck', '2026-06-01')], 'an invoiced period whose usage changed is late');

-- Voided.
select billing.void_invoice(i.id, 'wrong', '2026-08-17') from public.invoices i
where i.period_start = '2026-06-15';
select results_eq($$select c.name, v.period_start, v.number = o.number, v.voided_at
    from _billing.voided_periods() v join public.clients c on c.id = v.client_id
    join public.invoices o on o.status = 'void'$$,
  $$values ('Mid', '2026-06-15'::date, true, '2026-08-17 00:00+00'::timestamptz)$$,
  'a period with a void invoice is billed by none');
select is_empty($$select * from _billing.negative_sections(array[
    pg_temp.target('Mid', '2026-06-15')])$$, 'nothing is booked beyond its rating');

-- The summary: sums of batches, and what is blocked.
insert into billing.monthly_runs (as_of, actor) values ('2026-08-17', 'test');
insert into billing.run_batches (run_id, clients, invoices, totals, credit_notes, skipped, blocked)
select r.id, 1, b.invoices, b.totals, 1, 2, '[]'
from billing.monthly_runs r, (values (1, '{"USD": 806}'::jsonb),
  (2, '{"USD": 10000, "JPY": 7}')) b(invoices, totals);
select is(_billing.summarize_run(r) - 'blocked' - 'quarantined' - 'drafts' - 'voided' - 'held',
  '{"as_of": "2026-08-17T00:00:00+00:00", "invoices": 3, "totals": {"USD": 10806, "JPY": 7},
    "skipped": 4, "credit_notes": 2, "discrepancies_repaired": 0, "blocked_count": 1,
    "held_count": 0, "failed": [], "failed_count": 0}'::jsonb,
  'counted and summed, currency by currency')
from billing.monthly_runs r;
select is((select _billing.summarize_run(r) #>> '{blocked,0,reason}' from billing.monthly_runs r),
  'currency_mismatch', 'with what is blocked');
select results_eq($$select v ->> 'client', v ->> 'period_start', v ->> 'invoice'
  from billing.monthly_runs r cross join jsonb_array_elements(
    _billing.summarize_run(r) -> 'voided') v$$,
  $$select 'Mid', '2026-06-15', i.number from public.invoices i where i.status = 'void'$$,
  'and with what was voided and is not billed anew');

select * from finish();
rollback;

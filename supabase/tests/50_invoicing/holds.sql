-- Drafts above a limit are held: issued by no run and no person until one decision releases them.
begin;
select plan(43);
-- Rows of these tests stand for months.
update public.billing_settings set max_units_per_event = 9200000000000000;

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Steady', '2026-01-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
-- Sonnet costs 3.00 a million: thousands of tokens, so that 1,000 of them are 3.00.
create function pg_temp.log(name text, day date, thousands bigint) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', 'claude-sonnet', thousands * 1000, c.id, day + time '12:00' at time zone 'UTC'
  from public.clients c where c.name = log.name;
$$;
create function pg_temp.totals(name text, status text) returns bigint[] language sql as $$
  select array_agg(i.total_minor order by i.period_start, i.total_minor)
  from public.invoices i join public.clients c on c.id = i.client_id
  where c.name = totals.name and i.status = totals.status;
$$;
create function pg_temp.draft(name text) returns uuid language sql as $$
  select i.id from public.invoices i join public.clients c on c.id = i.client_id
  where c.name = draft.name and i.status = 'draft';
$$;
-- The code that a statement is refused with, null where it is done.
create function pg_temp.refusal(statement text) returns text language plpgsql as $$
declare
  code text;
begin
  execute statement;
  return null;
exception when others then
  get stacked diagnostics code = pg_exception_detail;
  return code;
end $$;

-- The defaults.
select is((select array_agg(distinct ceiling_minor / floor_minor) from public.hold_limits), '{100}',
  'a floor is a hundredth of its ceiling');
select results_eq($$select currency, ceiling_minor, floor_minor, factor from public.hold_limits
    where currency in ('JPY', 'KWD', 'USD') and client_id is null order by 1$$, $$values
    ('JPY', 15000000::bigint, 150000::bigint, 10::numeric), ('KWD', 30000000, 300000, 10),
    ('USD', 10000000, 100000, 10)$$,
  '15,000,000 JPY, 30,000.000 KWD and 100,000.00 USD, in minor units');
select is_empty($$select code from public.currencies
    except select currency from public.hold_limits$$, 'every currency has limits');

-- 300.00, 600.00 and 450.00; then 4,500.00, which is ten times the median of 450.00.
select pg_temp.log('Steady', '2026-01-10', 100000);
select billing.run_monthly('2026-02-01 09:00+00');
select pg_temp.log('Steady', '2026-02-10', 200000);
select billing.run_monthly('2026-03-01 09:00+00');
-- Two invoices are no habit to depart from: 45,000.00 is more than a hundred times the lower.
select pg_temp.log('Steady', '2026-03-10', 15000000);
select _billing.rollup();
select _billing.draft_invoices(array(
  select (id, '2026-03-01', '2026-04-01')::billing.rating_target from public.clients), '{}');
select is(pg_temp.totals('Steady', 'draft'), '{4500000}', 'a draft of 45,000.00');
select is_empty('select * from _billing.judge_drafts(array[pg_temp.draft($$Steady$$)])',
  'of two invoices nothing is said');
select billing.retract_log(id, 'a test') from public.agent_usage_logs
where "timestamp" > '2026-03-02';
select pg_temp.log('Steady', '2026-03-11', 150000);
select billing.run_monthly('2026-04-01 09:00+00');
select pg_temp.log('Steady', '2026-04-10', 1500000);
select billing.run_monthly('2026-05-01 09:00+00');
select is(pg_temp.totals('Steady', 'open'), '{30000,60000,45000,450000}',
  'ten times the median exactly is issued');

-- Of 300.00, 450.00, 600.00 and 4,500.00 the lower middle is 450.00. May comes to 4,500.012.
select pg_temp.log('Steady', '2026-05-10', 1500004);
set local billing.as_of = '2026-06-01 10:00+00';
select billing.run_monthly('2026-06-01 09:00+00');
select results_eq($$select client, period_start, currency, total_minor, reason, message, held_at,
    released_minor from billing.held_invoices$$, $$values ('Steady', '2026-05-01'::date, 'USD',
    450001::bigint, 'unusual',
    'the total of 4500.01 USD is more than 10 times the usual 450.00 USD',
    '2026-06-01 09:00+00'::timestamptz, null::bigint)$$, 'a cent more is held');
select results_eq($$select reason, message from _billing.judge_drafts(
    array(select id from public.invoices))$$, $$values ('unusual',
    'the total of 4500.01 USD is more than 10 times the usual 450.00 USD')$$,
  'issued invoices are not compared with the limits');
select results_eq($$select state, reason, message, settled_at from public.billing_periods
    where period_start = '2026-05-01'$$, $$values ('invoiced', 'held',
    'the total of 4500.01 USD is more than 10 times the usual 450.00 USD', null::timestamptz)$$,
  'its period says why, and is not settled');
select is(_billing.drafts_past_grace('2026-06-02'), '{}', 'it is not among those to be issued');
select is(_billing.unheld(array(select id from public.invoices
    where period_start >= '2026-04-01' order by period_start)),
  array(select id from public.invoices where period_start = '2026-04-01'),
  'drafts that are not held are to be issued');
select ok(not _billing.run_is_due('2026-06-02 08:00+00'), 'no run is due for it');
select results_eq($$select summary ->> 'held_count', summary #>> '{held,0,client}',
    summary #>> '{held,0,message}', (summary #>> '{held,0,invoice_id}')::uuid
    from billing.monthly_runs order by id desc limit 1$$, $$values ('1', 'Steady',
    'the total of 4500.01 USD is more than 10 times the usual 450.00 USD',
    pg_temp.draft('Steady'))$$, 'the summary of the run names it');
select results_eq('select held, held_reasons from billing.run_report order by id desc limit 1',
  $$values (1, array['Steady from 2026-05-01: the total of 4500.01 USD is more than 10 times '
    'the usual 450.00 USD'])$$, 'so does its report');
select matches((select billing.run_report_text(max(id)) from billing.monthly_runs),
  'Held drafts: 1:\n- Steady from 2026-05-01: the total of 4500\.01 USD is more', 'and its text');
select matches((select detail from billing.read_health() where part = 'runs'),
  '1 drafts are held until they are released: Steady, the total of 4500\.01 USD is more',
  'billing.health names the held draft');
select is((select message from _billing.held_notice()), 'A draft is held: Steady from 2026-05-01, '
  'the total of 4500.01 USD is more than 10 times the usual 450.00 USD. Look at them in '
  'billing.held_invoices, then release each: select billing.release_invoice(invoice_id, ''why'').',
  'operators are told');
select billing.queue_usage_alerts('2026-06-01 10:00+00');
select billing.run_monthly('2026-06-02 09:00+00');
select billing.queue_usage_alerts('2026-06-02 10:00+00');
select is((select count(*) from public.deliveries where dedupe_key like 'held:%'), 1::bigint,
  'once, however often it is made anew');
select throws_ok($$select billing.finalize_invoice(pg_temp.draft('Steady'), '2026-06-02')$$,
  'PT409', 'the draft of Steady is held: the total of 4500.01 USD is more than 10 times the usual '
  '450.00 USD', 'it is not finalized by hand');
select is(pg_temp.refusal($$select billing.finalize_invoice(pg_temp.draft('Steady'))$$),
  'invoice_held', 'the code says so');
select is(pg_temp.refusal($$select _billing.refuse_held(pg_temp.draft('Steady'))$$),
  'invoice_held', 'the guard by itself');

-- One decision.
select is(pg_temp.refusal($$select billing.release_invoice(pg_temp.draft('Steady'), ' ')$$),
  'invalid_argument', 'a release has a reason');
select is(pg_temp.refusal($$select billing.release_invoice(pg_temp.draft('Steady'), 'x', 450000)$$),
  'invalid_argument', 'and covers the draft');
select is(pg_temp.refusal($$select billing.release_invoice(id, 'x', 900000) from public.invoices
  where period_start = '2026-04-01'$$), 'illegal_transition',
  'an issued invoice cannot be released');
select is(pg_temp.refusal($$select billing.release_invoice(gen_random_uuid(), 'x')$$),
  'unknown_invoice', 'nor what is not there');
set local billing.actor = 'ada';
select billing.release_invoice(pg_temp.draft('Steady'), 'a campaign');
select is_empty('select * from billing.held_invoices', 'released, it is held no more');
select is((select num_nulls(reason, message) from public.billing_periods
  where period_start = '2026-05-01'), 2, 'and its period says nothing');
select results_eq($$select actor, after ->> 'released_minor', after ->> 'release_reason'
    from billing.audit_log where table_name = 'invoice_holds' and operation = 'update'
      and row_id = pg_temp.draft('Steady')::text$$,
  $$values ('ada', '450001', 'a campaign')$$, 'the decision is on record');
select ok(_billing.run_is_due('2026-06-02 08:00+00'), 'the hourly job issues it');

-- 3.00 more than was released is judged again; 4,503.01 in all.
select pg_temp.log('Steady', '2026-05-11', 1000);
select billing.run_monthly('2026-06-03 09:00+00');
select results_eq('select total_minor, released_minor from billing.held_invoices',
  'values (450301::bigint, 450001::bigint)', 'a draft above what was released is held again');
select billing.queue_usage_alerts('2026-06-03 10:00+00');
select is((select count(*) from public.deliveries where dedupe_key like 'held:%'), 2::bigint,
  'operators are told again');
select billing.release_invoice(pg_temp.draft('Steady'), 'any total', 460000);
select pg_temp.log('Steady', '2026-05-12', 1000);
select billing.run_monthly('2026-06-04 09:00+00');
select is(pg_temp.totals('Steady', 'open'), '{30000,60000,45000,450000,450601}',
  'released up to 4,600.00 it is issued with 4,506.01');

-- A client's own limits replace those of the currency.
insert into public.hold_limits (client_id, currency, ceiling_minor, factor)
values ('00000000-0000-0000-0000-00000000000a', 'USD', 900, null);
select pg_temp.log('Steady', '2026-06-10', 300);
select billing.run_monthly('2026-07-01 09:00+00');
select is_empty('select * from billing.held_invoices', '0.90 is not above a ceiling of 9.00');
select pg_temp.log('Steady', '2026-07-10', 3004);
select billing.run_monthly('2026-08-01 09:00+00');
select is((select message from billing.held_invoices),
  'the total of 9.01 USD is above the ceiling of 9.00 USD', 'a total of 9.01 above 9.00 is held');
update public.hold_limits set ceiling_minor = 901 where client_id is not null;
select is_empty($$select * from _billing.judge_drafts(array[pg_temp.draft('Steady')])$$,
  'nor is one of 9.01 above 9.01');
update public.hold_limits set ceiling_minor = null where client_id is not null;
select billing.run_monthly('2026-08-02 09:00+00');
select is(pg_temp.totals('Steady', 'draft'), null, 'without a ceiling it is issued');
delete from public.hold_limits where client_id is not null;

-- One event of 2^53 - 1 tokens: 27,021,597,764.22.
insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000b', 'Flood', '2026-08-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-0000-0000-00000000000b', 0);
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'claude-sonnet', 9007199254740991, '00000000-0000-0000-0000-00000000000b',
  '2026-08-10 12:00+00');
select billing.run_monthly('2026-09-01 09:00+00');
select is((select message from billing.held_invoices),
  'the total of 27021597764.22 USD is above the ceiling of 100000.00 USD',
  'an event of absurd size is not invoiced');
select billing.retract_log(id, 'a test') from public.agent_usage_logs
where input_tokens = 9007199254740991;
select pg_temp.log('Flood', '2026-08-11', 1000);
select billing.run_monthly('2026-09-02 09:00+00');
select is(pg_temp.totals('Flood', 'open'), '{300}', 'mended, it is issued without a decision');
select is_empty($$select * from billing.invoice_holds where reason = 'ceiling'
  and client_id = '00000000-0000-0000-0000-00000000000b'$$, 'nothing of it is left');

-- Late usage of a client that has ended: 150,000.00 on an invoice of its own.
update public.clients set ended_on = '2026-09-01' where name = 'Flood';
select pg_temp.log('Flood', '2026-08-12', 50000000);
select billing.run_monthly('2026-10-01 09:00+00');
select results_eq('select client, period_start, total_minor from billing.held_invoices',
  $$values ('Flood', null::date, 15000000::bigint)$$, 'late usage is held as well');
select is(pg_temp.refusal($$select billing.finalize_invoice(pg_temp.draft('Flood'))$$),
  'invoice_held', 'and not finalized by hand');
select _billing.hold_drafts(array[pg_temp.draft('Flood')], '2026-10-02');
select is((select held_at from billing.held_invoices), '2026-10-01 09:00+00',
  'it is held since it was first made');
select billing.release_invoice(pg_temp.draft('Flood'), 'agreed');
select billing.run_monthly('2026-10-02 09:00+00');
select is(pg_temp.totals('Flood', 'open'), '{300,15000000}',
  'released, it is issued although it is another row');

select * from finish();
rollback;

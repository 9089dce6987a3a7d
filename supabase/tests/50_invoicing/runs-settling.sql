-- Locks in one order, versions that are compared: what rates and writes stands on it.
begin;
select plan(61);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-00000000036' || n)::uuid, name, '2026-06-01'
from (values (1, 'One'), (2, 'Two')) v(n, name);
insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
select 'S', 'claude-sonnet', 6000, id, '2026-06-10' from public.clients;
create function pg_temp.targets() returns billing.rating_target[] language sql as $$
  select array_agg((p.client_id, p.period_start, p.period_end)::billing.rating_target)
  from public.billing_periods p
$$;

-- A row per client.
select trigger_is('public', 'clients', 'add_settlement_locks', '_billing', 'add_settlement_locks',
  'every client gets a lock of its own');
select is((select count(*) from _billing.settlement_locks), 2::bigint, 'each client has one lock');
select trigger_is('public', 'clients', 'add_terms_versions', '_billing', 'add_terms_versions',
  'and a version of its terms');

-- Order.
set local _billing.assert_lock_order = on;
set local billing.lock_level = '0';
select lives_ok($$select _billing.lock_clients(array(select id from public.clients))$$,
  'clients are locked first');
select _billing.hold_usage();
select _billing.open_periods('2026-07-01');
select is((select array_agg(v.usage_version)
  from unnest(_billing.lock_periods(pg_temp.targets())) v),
  '{0,0}', 'then periods, whose versions are read');
select is(_billing.hold_terms(array(select id from public.clients)),
  _billing.current_terms_version(array(select id from public.clients)),
  'terms are held after periods');
select lives_ok($$select _billing.assert_lock_order(4)$$, 'numbers are taken last');
select throws_like($$select _billing.lock_clients('{}')$$, '%level 1 taken after one of level 4%',
  'a client after that is out of order');
select throws_like($$select _billing.lock_periods('{}')$$, '%level 2 taken after%',
  'so is a period');
set local _billing.assert_lock_order = off;
select lives_ok($$select _billing.lock_clients('{}')$$, 'outside of tests nothing is asserted');
set local billing.lock_level = '0';

-- Terms.
create function pg_temp.terms_version(client text) returns bigint language sql as $$
  select _billing.current_terms_version(array(select c.id from public.clients c
    where c.name = client))
$$;
select throws_ok($$select _billing.hold_terms('{}', _billing.current_terms_version('{}') - 1)$$,
  'LB001', 'prices or other terms changed while periods were rated',
  'terms that moved are not built on');
create temporary table before as
select c.name, pg_temp.terms_version(c.name) as version from public.clients c;
create function pg_temp.counted() returns jsonb language plpgsql as $$
declare
  changes jsonb;
begin
  set constraints all immediate;
  set constraints all deferred;
  -- The next change is another transaction's, as far as counting goes.
  perform set_config('billing.terms_counted', '', true);
  select jsonb_object_agg(b.name, pg_temp.terms_version(b.name) - b.version) into changes
  from before b;
  update before b set version = pg_temp.terms_version(b.name);
  return changes;
end $$;
-- What stands above counts first.
select pg_temp.counted();
insert into public.prices (id, client_id, metric, unit_amount)
values ('00000000-0000-4000-8000-00000000a361', '00000000-0000-4000-8000-000000000361', 'units', 1);
select is((select sum(pg_temp.terms_version(name) - version) from before), 0::numeric,
  'a price counts when it is committed');
select is(pg_temp.counted(), '{"One": 1, "Two": 0}', 'and then it does, for its client');
update public.prices set client_id = '00000000-0000-4000-8000-000000000362'
where id = '00000000-0000-4000-8000-00000000a361';
select is(pg_temp.counted(), '{"One": 2, "Two": 1}',
  'one that goes over to another client counts for all');
update public.prices set unit_amount = 2 where id = '00000000-0000-4000-8000-00000000a361';
insert into public.prices (client_id, metric, unit_amount)
values ('00000000-0000-4000-8000-000000000362', 'things', 1);
select is(pg_temp.counted(), '{"One": 0, "Two": 1}', 'two of a client count once');
update public.prices set unit_amount = 3 where id = '00000000-0000-4000-8000-00000000a361';
insert into public.prices (metric, unit_amount) values ('things', 1);
select is(pg_temp.counted(), '{"One": 1, "Two": 2}', 'one of the default list counts for all');
select trigger_is('public', 'prices', 'count_terms_change', '_billing', 'count_terms_change',
  'by a trigger at the commit');

-- Changed periods.
select _billing.mark_changed((pg_temp.targets())[1:1]);
select is((select array_agg(p.usage_changed order by p.usage_version)
  from public.billing_periods p), '{f,t}', 'marking changes the one period to be rated again');

-- A run, step by step: opened, joined, settled in batches, finished.
create temporary table run as select billing.begin_run('2026-07-01') as id;
select is(billing.begin_run('2026-07-01'), (select id from run), 'a run that is open is joined');
select set_eq($$select client_id, is_late from _billing.run_targets()$$,
  $$select id, false from public.clients$$, 'both clients have something to settle');
select set_eq('select day from _billing.unverified_days(pg_temp.targets())',
  $$select '2026-06-01'::date + n from generate_series(0, 29) n$$,
  'no day has been compared with the logs');
update public.usage_records set quantity = quantity + 1
where client_id = '00000000-0000-4000-8000-000000000361' and metric = 'web_searches';
select ok(billing.repair_step(id), 'usage is compared first, a week at a time') from run;
select results_eq('select repaired, repaired_until from billing.monthly_runs',
  $$values (0::bigint, '2026-06-08'::date)$$, 'which the run remembers');
select is(billing.repair_run(id), 1::bigint, 'then the other weeks, which repairs what differs')
from run;
select is((select max(quantity) from public.usage_records), 6000::numeric, 'to what was logged');
select ok(not billing.repair_step(id), 'none is left') from run;
select is(billing.settle_batch(id, 1), 1, 'a batch takes as many clients as it is told') from run;
select results_eq($$select c.name, i.number from public.invoices i
    join public.clients c on c.id = i.client_id$$,
  $$values ('One', 'INV-2026-000001')$$, 'in the order of their names');

-- The other client's data makes the code fail: it is blocked, with the reason, and tried again.
create function pg_temp.sabotage() returns trigger language plpgsql as $$
begin
  if new.client_id = '00000000-0000-4000-8000-000000000362' then
    raise exception 'poison';
  end if;
  return new;
end $$;
create trigger sabotage before insert on public.invoices
  for each row execute function pg_temp.sabotage();
select is(billing.settle_batch(id), 1, 'a client that fails is taken alone') from run;
select results_eq($$select p.state, p.reason, p.message from public.billing_periods p
    where p.client_id = '00000000-0000-4000-8000-000000000362'$$,
  $$values ('blocked', 'internal_error', 'closing the period failed: poison')$$,
  'and blocked with what went wrong');
select is(billing.settle_batch(id), 0, 'then nobody is left') from run;
select is(billing.finish_run(id) -> 'failed' -> 0 ->> 'message', 'poison', 'the summary says so')
from run;
select is(billing.finish_run(id) ->> 'invoices', '1', 'a finished run says what it said') from run;
drop trigger sabotage on public.invoices;
select is(billing.run_monthly('2026-07-01 01:00+00') ->> 'invoices', '1', 'the next run bills it');

-- Closing says what blocked; a terms version that is old is not built on.
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'mystery', 1, '00000000-0000-4000-8000-000000000361', '2026-07-10');
select _billing.hold_usage(), _billing.open_periods('2026-08-01');
create temporary table july as select array_agg(t) as due from (
  select (r.client_id, r.period_start, r.period_end)::billing.rating_target as t
  from _billing.run_targets() r order by 1) x;
set local billing.lock_level = '0';
select throws_ok($$select _billing.close_at_terms(due, '{}', '2026-08-01', 'none',
  _billing.lock_periods(due), -1) from july$$,
  'LB001', null, 'terms that have moved since they were read');
set local billing.lock_level = '0';
create temporary table made as
select m.* from july cross join lateral _billing.close_periods(due, '{}', '2026-08-01', 'all') m;
select is((select cardinality(issued) from made), 1, 'one is issued');
select is((select array_agg(b.reason) from made, unnest(blocked) b), '{unpriced_usage}',
  'the other is blocked');
select ok((select _billing.blocked_message(x.closing, due[1]) ~ 'mystery'
    and _billing.blocked_message(x.closing, due[2]) is null
  from july, (select row(m.*)::_billing.closing as closing from made m) x),
  'the blocked period has the message, the other none');
select is((select _billing.unblocked(due, blocked, true) from made, july),
  (select due[2:2] from july), 'unblocked leaves the targets without a reason');
select is((select cardinality(drafts) from _billing.draft_periods('{}', '{}')), 0,
  'of no periods there are no drafts');
set local billing.as_of = '2026-08-02 10:00+00';
select is(_billing.run_is_due(), false, 'a blocked period waits for the daily run');
update public.billing_periods set reason = 'usage_being_rebuilt' where state = 'blocked';
insert into billing.rebuild_requests (from_day, until_day, in_steps)
values ('2026-07-01', '2026-08-01', true);
select is(_billing.run_is_due(), false, 'so does a period that is being rebuilt');
delete from billing.rebuild_requests;
select is(_billing.run_is_due(), true, 'a period that a finished rebuild left blocked does not');
update public.billing_periods set state = 'pending', reason = null, message = null
where state = 'blocked';
select is(_billing.run_is_due(), true, 'an unsettled period is due within the hour');
select is(billing.run_if_due() ->> 'invoices', '0', 'and is tried');
select is(_billing.rollup_if_free(), 0::bigint, 'nobody else counts');

-- Items.
insert into public.invoice_items (id, client_id, description, unit_amount, currency, item_day)
values ('00000000-0000-4000-8000-000000000363', '00000000-0000-4000-8000-000000000362', 'Fee', 5,
  'USD', '2026-07-02');
select lives_ok($$update public.invoice_items set unit_amount = 6$$,
  'an item that waits can change');
select billing.run_monthly('2026-09-01');
select is((select section_start from public.invoice_items), '2026-08-01'::date,
  'an invoice takes it');
select _billing.settle_items('{}');
select trigger_is('public', 'invoice_items', 'guard_item', '_billing', 'guard_item',
  'and then it is guarded');
select throws_ok($$update public.invoice_items set unit_amount = 7$$, 'PT409',
  'item ''Fee'' is on an invoice and cannot be changed', 'so that it stays what was charged');
select throws_ok($$delete from public.invoice_items$$, 'PT409', null, 'and there');

-- What a transaction changes and then bills is no change of what it billed.
select lives_ok($$set constraints all immediate$$,
  'prices of this transaction are in its invoices');
set constraints all deferred;
select _billing.fire_terms_triggers();

-- Used by a run alone.
select is(_billing.try_settling(id, '{}', now()), true, 'no clients are settled at once') from run;
select _billing.settle_clients(id, '{}', now()), _billing.settle_alone(id, null, now())
from run;
select is(_billing.summarize_run(r) ->> 'invoices', '0', 'of no batches there are no invoices')
from billing.monthly_runs r join run using (id);
select is(_billing.clients_of((select id from public.invoices limit 1)),
  (select array[client_id] from public.invoices limit 1),
  'clients_of returns the invoice''s client');
select is(_billing.clients_of_stripe_invoice('in_none') || _billing.clients_of_payment('pi_none'),
  '{}', 'unknown invoices and payments of Stripe have no client');
select has_function('billing', 'close_month', 'committing runs are procedures');
select has_function('_billing', 'close_month_if_due', 'also those by the hour');
select has_function('_billing', 'rollup_in_steps', 'so are rollups of the cron job');
select has_function('_billing', 'rebuild_in_steps', 'and rebuilds');
select has_function('_billing', 'act_on_stripe_events', 'and events');

select * from finish();
rollback;

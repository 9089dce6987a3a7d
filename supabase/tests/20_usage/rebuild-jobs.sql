-- Rebuilding much is a job: piece by piece, outside of the rollup; periods that it may change wait
-- for it, others are billed.
begin;
select plan(50);

insert into public.clients (id, name, external_id, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', 'old', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', 'birch', '2026-06-01');
create function pg_temp.log(claim text, searches integer, day text) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, web_searches, metadata, "timestamp")
  values ('SCHOLAR', 'claude-sonnet', searches, jsonb_build_object('client_id', claim),
    (day || ' 12:00+00')::timestamptz);
$$;
create function pg_temp.searches(client text) returns numeric language sql as $$
  select coalesce(sum(r.quantity), 0) from public.usage_records r
  join public.clients c on c.id = r.client_id
  where c.name = client and r.metric = 'web_searches';
$$;
select pg_temp.log('new', 1000, '2026-06-02');
select pg_temp.log('new', 200, '2026-06-12');
select pg_temp.log('old', 30, '2026-06-20');
select pg_temp.log('new', 4, '2026-06-28');
select pg_temp.log('birch', 5000, '2026-06-12');
select _billing.rollup();
select is(pg_temp.searches('Acme'), 30::numeric,
  'logs that claim the client''s name are its usage');

-- Little and much.
select ok(_billing.estimated_logs('2026-06-01', '2026-07-01') between 0 and 200000,
  'the planner says about how many logs there are');
select ok(_billing.is_little('-infinity', 'infinity'), 'so few are rebuilt at once');
set local billing.rebuilt_at_once = '2';
select ok(not _billing.is_little('-infinity', 'infinity'),
  'the planner knows nothing of them and thinks of less: they are counted');
set local billing.rebuilt_at_once = '-1';
select ok(not _billing.is_little('2026-06-01', '2026-06-02'), 'more than a rollup may are not');

-- Where the logs are.
select is(_billing.next_log_day('-infinity'), '2026-06-02'::date, 'the first day with logs');
select is(_billing.next_log_day('2026-06-02'), '2026-06-02'::date, 'itself where it has some');
select is(_billing.next_log_day('2026-06-03'), '2026-06-12'::date, 'the next one');
select is(_billing.next_log_day('2026-06-29'), null::date, 'and none where none is left');
select is(_billing.piece_end('-infinity', 'infinity', 7), '2026-06-10'::date,
  'a piece is a week that has logs, two days for the zones before it, to where the next ones are');
select is(_billing.piece_end('2026-06-11', 'infinity', 7), '2026-06-18'::date,
  'days without logs belong to the piece before them');
select is(_billing.piece_end('2026-06-26', 'infinity', 7), 'infinity'::date,
  'so do those to the end');
select is(_billing.piece_end('2026-06-02', '2026-06-04', 7), '2026-06-04'::date,
  'no further than was asked for');

-- A rename: the rollup counts what is new and leaves the rest to a job.
update public.clients set external_id = 'new' where name = 'Acme';
select pg_temp.log('new', 50000, '2026-06-15');
select is(_billing.rollup(), 1::bigint, 'the rollup counts what is new');
select is(pg_temp.searches('Acme'), 50030::numeric, 'and rebuilds nothing');
select ok(not _billing.rollup_is_due(), 'nor is there anything for another one');
select results_eq('select client_ids, agents, from_day, until_day from billing.pending_rebuilds',
  $$values (array['00000000-0000-0000-0000-00000000000a']::uuid[], null::text[],
    '-infinity'::date, 'infinity'::date)$$,
  'pending_rebuilds shows the job and the clients it may change');
select ok(_billing.is_being_rebuilt('00000000-0000-0000-0000-00000000000a', '2026-06-01',
  '2026-06-02'), 'days of this client are being rebuilt');
select ok(not _billing.is_being_rebuilt('00000000-0000-0000-0000-00000000000b', '2026-06-01',
  '2026-06-02'), 'those of others are not');
select is(_billing.repair_days(array[daterange('2026-06-01', '2026-07-01')]), 0::bigint,
  'days still to be rebuilt are no difference');
select is((select count(*) from billing.usage_days where verified_changes = changes), 0::bigint,
  'but is not verified either');

-- 5000 searches at 0.01 are 50.00.
select is(billing.run_monthly('2026-07-01 09:00+00') -> 'totals', '{"USD": 5000}',
  'a run bills the client beside it');
select results_eq($$select c.name, p.state, p.reason from public.billing_periods p
    join public.clients c on c.id = p.client_id order by c.name$$,
  $$values ('Acme', 'blocked', 'usage_being_rebuilt'), ('Birch', 'invoiced', null)$$,
  'and no usage that is half rebuilt');
select matches((select message from public.billing_periods where state = 'blocked'),
  '^usage of June 2026 is being computed anew since 20..-..-.. ..:.. \(billing.pending_rebuilds\)',
  'with what it waits for');
select throws_like($$select billing.preview_invoice('00000000-0000-0000-0000-00000000000a',
  '2026-06-01')$$, '%computed anew%', 'a preview says so too');

-- Step by step.
select ok(billing.rebuild_step(), 'a step does a piece');
select is(pg_temp.searches('Acme'), 51030::numeric, 'the first week');
select is((select from_day from billing.pending_rebuilds), '2026-06-10'::date, 'and remembers it');
select ok(billing.rebuild_step(), 'the next one');
select is(pg_temp.searches('Acme'), 51230::numeric, 'has the second week''s usage');
select ok(billing.rebuild_step(), 'the third step finds the next piece');
select is(pg_temp.searches('Acme'), 51200::numeric,
  'has lost what claims a name that was given up');
select ok(billing.rebuild_step(), 'the last one');
select is(pg_temp.searches('Acme'), 51204::numeric, 'has the rest');
select is_empty('select * from billing.pending_rebuilds', 'then the job is gone');
select is((select state from public.billing_periods p join public.clients c on c.id = p.client_id
  where c.name = 'Acme'), 'pending', 'and the period is to be settled');
select ok(not billing.rebuild_step(), 'nothing is left to do');
select is_empty('select * from billing.usage_discrepancies()', 'records are what logs say');
-- 51204 searches at 0.01.
select is(billing.run_monthly('2026-07-01 10:00+00') -> 'totals', '{"USD": 51204}',
  'the next run bills all of it');

-- A recount in steps.
update billing.usage_watermark set system_identifier = system_identifier + 1;
delete from public.usage_records where usage_day > '2026-06-05';
select is(_billing.rollup(), 0::bigint, 'in another cluster all is counted anew, step by step');
select pg_temp.log('birch', 7, '2026-06-30');
select is(_billing.rollup(), 1::bigint, 'while rollups go on');
select results_eq('select client_ids, agents from billing.pending_rebuilds',
  'values (null::uuid[], null::text[])', 'everybody waits for it');
do $$ begin while billing.rebuild_step() loop null; end loop; end $$;
select results_eq($$select pg_temp.searches('Acme'), pg_temp.searches('Birch')$$,
  'values (51204::numeric, 5007::numeric)', 'to what it was, and what came since');
select is_empty('select * from billing.usage_discrepancies()', 'each row once');

select lives_ok('select _billing.release_rebuilt()', 'no period waits any more');

-- Jobs that wait are one.
insert into billing.rebuild_requests (agents, client_ids, from_day, until_day) values
  ('{A}', array['00000000-0000-0000-0000-00000000000a']::uuid[], '2026-06-01', '2026-06-03'),
  ('{B}', array['00000000-0000-0000-0000-00000000000b']::uuid[], '2026-06-10', '2026-06-12');
select _billing.serve_rebuild_requests();
select _billing.join_waiting_jobs();
select results_eq('select agents, cardinality(client_ids), from_day, until_day
    from billing.pending_rebuilds', $$values ('{A,B}'::text[], 2, '2026-06-01'::date,
    '2026-06-12'::date)$$, 'requests that wait become one job');
delete from billing.rebuild_requests;

-- Nightly comparison is a job too, which nobody waits for.
update public.usage_records set quantity = quantity + 1 where usage_day = '2026-06-12'
  and metric = 'web_searches' and quantity = 5000;
select _billing.request_comparison('2026-07-02 03:40+00');
select _billing.request_comparison('2026-07-02 03:40+00');
select results_eq('select from_day, until_day, compares from billing.rebuild_requests',
  $$values ('2026-05-18'::date, '2026-07-06'::date, true)$$, 'one comparison at a time');
select is_empty('select * from billing.pending_rebuilds', 'periods do not wait for it');
do $$ begin while billing.rebuild_step() loop null; end loop; end $$;
select results_eq($$select payload ->> 'message' from public.deliveries
    where dedupe_key like 'reconcile:%'$$,
  $$values ('1 usage records of 2026-06-10 to 2026-06-17 differed from the logs and were '
    || 'rebuilt.')$$,
  'it repairs what differs and tells of it');

select is(_billing.reconcile_days(daterange('2026-06-10', '2026-06-17')), 0::bigint,
  'then nothing differs');

select * from finish();
rollback;

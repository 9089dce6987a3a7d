-- A reconciliation that is cut off goes on where it was.
begin;
select plan(8);

create function pg_temp.run(days integer, at timestamptz) returns billing.stripe_reconciliations
language sql as $$
  select r from _billing.begin_reconciliation(false, days, at) r;
$$;
select is((pg_temp.run(30, '2026-07-01 04:20+00')).since, '2026-06-01 04:20+00'::timestamptz,
  'it looks back so many days');
select _billing.save_reconciliation(id, 'refunds', 'page', '{"told": 3}', '2026-07-01 04:22+00')
from billing.stripe_reconciliations;
select results_eq($$select step, cursor, report, started_at
    from pg_temp.run(30, '2026-07-01 04:25+00') r$$,
  $$values ('refunds', 'page', '{"told": 3}'::jsonb, '2026-07-01 04:20+00'::timestamptz)$$,
  'the next call goes on with it');
select is((pg_temp.run(3, '2026-07-01 04:25+00')).step, null, 'one of other days is another one');
select is(_billing.cut_off_reconciliation('2026-07-01 04:26+00'), null,
  'a reconciliation under way is not cut off');
select is(_billing.cut_off_reconciliation('2026-07-01 04:29+00'), 30,
  'one that nobody works on is cut off');
select _billing.save_reconciliation(id, null, null, '{}', '2026-07-01 04:30+00')
from billing.stripe_reconciliations where days = 3;
select is((pg_temp.run(3, '2026-07-01 05:00+00')).started_at, '2026-07-01 05:00+00'::timestamptz,
  'after one that has finished begins another');
select is((pg_temp.run(30, '2026-07-02 05:00+00')).step, null,
  'one of more than a day ago begins anew');
select is((select count(*)::int from billing.stripe_reconciliations where finished_at is null), 2,
  'there is one at a time');

select * from finish();
rollback;

-- Grants of credit: the balance at any instant is a sum of entries, expiries are booked ahead,
-- grants are used in one order, and a repeated grant is the same one.
begin;
select plan(42);

insert into public.clients (id, name, time_zone, started_on) values
  ('00000000-0000-4000-8000-000000003811', 'Auckland', 'Pacific/Auckland', '2026-05-01'),
  ('00000000-0000-4000-8000-000000003812', 'Other', 'UTC', '2026-05-01');
create function pg_temp.client() returns uuid language sql as $$
  select '00000000-0000-4000-8000-000000003811'::uuid;
$$;
create function pg_temp.has(at timestamptz) returns numeric language sql as $$
  select coalesce((select g.amount_minor from billing.granted_credit(pg_temp.client(), at) g), 0);
$$;
create function pg_temp.account(kind text) returns numeric language sql as $$
  select coalesce(sum(e.amount_minor), 0) from billing.ledger_entries e
  join billing.ledger_accounts a on a.id = e.account_id where a.kind = account.kind;
$$;

-- 100.00 for 80.00, from 1 June to 1 July in Auckland: UTC+12, noon of the day before in UTC.
create temporary table made as
select billing.grant_credit(pg_temp.client(), 10000, effective_on => '2026-06-01',
  expires_on => '2026-07-01', cost_minor => 8000, method => 'bank', reference => 'june',
  as_of => '2026-05-20') as june;
select results_eq('select effective_at, expires_at, currency, priority, kind, granted_at
    from public.credit_grants', $$values ('2026-05-31 12:00+00'::timestamptz,
    '2026-06-30 12:00+00'::timestamptz, 'USD', 50::smallint, 'paid',
    '2026-05-20 00:00+00'::timestamptz)$$, 'its instants are midnights of the client');
select results_eq('select kind, amount_minor, effective_at from public.credit_entries order by 3',
  $$values ('grant', 10000::bigint, '2026-05-31 12:00+00'::timestamptz),
    ('expiry', -10000, '2026-06-30 12:00+00')$$, 'its expiry is booked with it');
select is(pg_temp.has('2026-05-31 11:59:59+00'), 0::numeric, 'nothing before its first day');
select is(pg_temp.has('2026-05-31 12:00+00'), 10000::numeric, 'all of it from midnight on');
select is(pg_temp.has('2026-06-30 11:59:59+00'), 10000::numeric, 'until the last second of June');
select is(pg_temp.has('2026-06-30 12:00+00'), 0::numeric, 'and nothing at midnight');
-- Paid 80.00, owed 100.00; at the expiry all of it is earned: over all times nothing is owed.
select is(pg_temp.account('cash'), 8000::numeric, 'the price of a grant is cash');
select is(pg_temp.account('promotion_expense'), 2000::numeric, 'the bonus is an expense');
select is(pg_temp.account('breakage'), -10000::numeric, 'expired credit is breakage');
select is(pg_temp.account('prepaid_credit'), 0::numeric, 'and is not owed any more');
select is((select -sum(e.amount_minor) from billing.ledger_entries e
    join billing.ledger_accounts a on a.id = e.account_id and a.kind = 'prepaid_credit'
    where e.effective_at <= '2026-05-20'), 10000::numeric, 'owed from when it is granted');

-- Once for each reference.
select is(billing.grant_credit(pg_temp.client(), 10000, reference => 'june'), june,
  'the same reference is the same grant') from made;
select throws_ok($$select billing.grant_credit(pg_temp.client(), 9999, reference => 'june')$$,
  'PT409', null, 'not with another amount');
select throws_ok($$select billing.grant_credit('00000000-0000-4000-8000-000000003812', 10000,
    reference => 'june')$$, 'PT409', null, 'nor to another client');
select is(_billing.granted_before(pg_temp.client(), 1, 'paid', 'unknown'), null,
  'a reference that names nothing');
select is((select count(*) from public.credit_grants), 1::bigint, 'one grant in all');

-- What is refused.
select throws_ok($$select billing.grant_credit(pg_temp.client(), 100, expires_on => '2026-06-01',
    as_of => '2026-05-31 12:00+00')$$, 'PT400', null, 'credit that is expired already');
select throws_ok($$select billing.grant_credit(pg_temp.client(), 100, effective_on => '2026-07-02',
    expires_on => '2026-07-01', as_of => '2026-05-20')$$, 'PT400', null,
  'or before it can be used');
select lives_ok($$select billing.grant_credit(pg_temp.client(), 100, expires_on => '2026-06-01',
    as_of => '2026-05-31 11:59+00', reference => 'a minute')$$, 'a minute is enough');
select throws_ok($$select billing.grant_credit(pg_temp.client(), 100, 'gift')$$, 'PT400', null,
  'a kind that there is not');
select throws_ok($$select billing.grant_credit(pg_temp.client(), 0)$$, 'PT400', null, 'nothing');
select throws_ok($$select billing.grant_credit(pg_temp.client(), 100, cost_minor => 101)$$,
  'PT400', null, 'more paid than granted');
select throws_ok($$select billing.grant_credit(pg_temp.client(), 100, metrics => '{}')$$, 'PT400',
  null, 'an empty scope');
select throws_ok($$select billing.grant_credit(pg_temp.client(), 100, priority => 101)$$, 'PT400',
  null, 'a priority that is out of range');
select throws_ok($$select billing.grant_credit('00000000-0000-4000-8000-0000000038ff', 100)$$,
  'PT404', null, 'a client that there is not');

-- The order: priority, expiry, promotional before paid, age.
create function pg_temp.credit(id integer, priority integer, expires timestamptz, kind text,
  granted timestamptz) returns public.credit_grants language sql as $$
  select jsonb_populate_record(null::public.credit_grants, jsonb_build_object('id',
    '00000000-0000-4000-8000-' || lpad(credit.id::text, 12, '0'), 'priority', priority,
    'expires_at', expires, 'kind', kind, 'granted_at', granted));
$$;
select results_eq($$select right((g).id::text, 1) from unnest(array[
    pg_temp.credit(1, 50, null, 'paid', '2026-05-01'),
    pg_temp.credit(2, 50, '2026-07-01', 'paid', '2026-05-02'),
    pg_temp.credit(3, 50, '2026-07-01', 'promotional', '2026-05-03'),
    pg_temp.credit(4, 50, '2026-07-01', 'paid', '2026-05-01'),
    pg_temp.credit(5, 10, null, 'paid', '2026-05-09')]) g order by _billing.burn_rank(g)$$,
  $$values ('5'), ('3'), ('4'), ('2'), ('1')$$, 'the order in which grants are used');

-- Rolled over after its expiry: 100.00 leave June's grant at its expiry and are a new one's.
create temporary table rolled as
select billing.roll_over_credit(june, '2026-08-01', '2026-07-02 00:00+00') as july from made;
select results_eq('select kind, amount_minor, cost_minor, continues_id, effective_at, expires_at
    from public.credit_grants where id = (select july from rolled)',
  $$select 'rollover', 10000::bigint, 8000::bigint, june, '2026-07-02 00:00+00'::timestamptz,
    '2026-07-31 12:00+00'::timestamptz from made$$, 'a rollover continues the rest of the grant');
select is(pg_temp.has('2026-07-01'), 0::numeric, 'which was not there before it rolled over');
select is(pg_temp.has('2026-07-02'), 10000::numeric, 'is there now');
select is(pg_temp.has('2026-08-01'), 0::numeric, 'and has its own expiry');
select throws_ok('select billing.roll_over_credit(june) from made', 'PT409', null, 'once');
select throws_ok($$select billing.roll_over_credit('00000000-0000-4000-8000-0000000038ff')$$,
  'PT404', null, 'a grant that there is not');
select results_eq($$select c.kind, c.left_minor, c.state
    from billing.credits_of(pg_temp.client(), '2026-07-03') c$$,
  $$values ('paid', 100::bigint, 'expired'), ('paid', 0, 'used'), ('rollover', 10000, 'usable')$$,
  'credits_of lists each grant with its rest and state');
select trigger_is('public', 'credit_entries', 'post_credit_entries', '_billing',
  'post_credit_entries', 'entries are posted');
select results_eq('select l.left_minor from _billing.left_of_grants(array[pg_temp.client()]) l
    order by 1', 'values (0::bigint), (100), (10000)', 'expired or not, what is left');
select throws_ok($$select _billing.move_credit(array[(july, 'use', -10, '2026-07-05', null, null,
    null)]::_billing.credit_movement[]) from rolled$$, '23514', null, 'a use is of a line');
select throws_ok('update public.credit_grants set amount_minor = 1', 'PT409', null,
  'grants are append-only');
select results_eq($$select c.kind, c.left_minor, c.state
    from billing.credits_of(pg_temp.client(), '2026-06-15') c$$,
  $$values ('paid', 100::bigint, 'expired'), ('paid', 10000, 'usable')$$,
  'and was at one of the past');
-- What no function writes, the table refuses.
create function pg_temp.refused(change jsonb) returns text language plpgsql as $$
declare
  name text;
begin
  insert into public.credit_grants select (jsonb_populate_record(g, change)).*
  from public.credit_grants g where g.reference = 'june';
  return null;
exception when check_violation then
  get stacked diagnostics name = constraint_name;
  return name;
end $$;
select is(pg_temp.refused('{"expires_at": "infinity"}'), 'credit_grants_expires_later',
  'never is no expiry at all');
select is(pg_temp.refused('{"effective_at": "2026-08-01"}'), 'credit_grants_expires_later',
  'none that is before its beginning');
select is(pg_temp.refused('{"metrics": []}'), 'credit_grants_scope_not_empty',
  'no scope of nothing');
select is_empty('select * from _billing.check_ledger()', 'the ledger says what the grants say');

select * from finish();
rollback;

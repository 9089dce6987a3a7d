-- Balances are sums of months, days and the entries of one day: at every instant the same as the
-- sum of all entries until then, and the invariants see a sum that is wrong, in both directions.
begin;
select plan(17);

insert into public.clients (id, name, time_zone, started_on) values
  ('00000000-0000-4000-8000-000000003891', 'Auckland', 'Pacific/Auckland', '2026-01-01'),
  ('00000000-0000-4000-8000-000000003892', 'Other', 'UTC', '2026-01-01');
create function pg_temp.client() returns uuid language sql as $$
  select '00000000-0000-4000-8000-000000003891'::uuid;
$$;

-- By hand: 100.00 from 31 January 11:00 UTC until 31 March 11:00 UTC; 30.00 from 1 February for
-- ever. 5.00 of the balance on 31 January, 7.00 on 1 February, back on 1 March.
select billing.grant_credit(pg_temp.client(), 10000, effective_on => '2026-02-01',
  expires_on => '2026-04-01', as_of => '2026-01-20');
select billing.grant_credit(pg_temp.client(), 3000, as_of => '2026-02-01 00:00+00');
select billing.grant_credit('00000000-0000-4000-8000-000000003892', 99, as_of => '2026-02-01');
insert into public.balance_entries (client_id, currency, amount_minor, reason, created_at) values
  (pg_temp.client(), 'USD', 500, 'adjustment', '2026-01-31 23:59:59.999999+00'),
  (pg_temp.client(), 'USD', 700, 'adjustment', '2026-02-01 00:00+00'),
  (pg_temp.client(), 'USD', -700, 'adjustment', '2026-03-01 00:00+00'),
  (pg_temp.client(), 'EUR', 1, 'adjustment', '2026-03-01 00:00+00');

select results_eq($$select d.at::timestamptz, (select sum(g.amount_minor)
      from billing.granted_credit(pg_temp.client(), d.at::timestamptz) g),
    (select -sum(b.amount_minor) from billing.ledger_balances(pg_temp.client(), d.at::timestamptz) b
      where b.currency = 'USD')
  from (values ('2026-01-31 10:59:59.999999+00'), ('2026-01-31 11:00+00'),
    ('2026-01-31 23:59:59.999999+00'), ('2026-02-01 00:00+00'), ('2026-02-28 00:00+00'),
    ('2026-03-01 00:00+00'), ('2026-03-31 10:59+00'), ('2026-03-31 11:00+00'),
    ('2030-01-01 00:00+00')) d(at)$$,
  $$values ('2026-01-31 10:59:59.999999+00'::timestamptz, null::numeric, null::numeric),
    ('2026-01-31 11:00+00', 10000, null), ('2026-01-31 23:59:59.999999+00', 10000, 500),
    ('2026-02-01 00:00+00', 13000, 1200), ('2026-02-28 00:00+00', 13000, 1200),
    ('2026-03-01 00:00+00', 13000, 500), ('2026-03-31 10:59+00', 13000, 500),
    ('2026-03-31 11:00+00', 3000, 500), ('2030-01-01 00:00+00', 3000, 500)$$,
  'balances at the edges of days and months are exact');
select results_eq('select * from billing.client_balance(pg_temp.client()) order by 1',
  $$values ('EUR', 1::numeric, 0::numeric), ('USD', 500, 0)$$, 'in each currency, at any time');
select results_eq($$select currency, amount_minor
    from billing.granted_credit(pg_temp.client(), 'infinity')$$,
  $$values ('USD', 3000::numeric)$$, 'at the end of time: what does not expire');
select is_empty($$select * from billing.granted_credit(pg_temp.client(), '-infinity')$$,
  'and nothing before it');
select results_eq($$select * from _billing.spans_of('2026-02-28 23:59:59.999999+00')$$,
  $$values ('day', '2026-02-28'::date), ('month', '2026-02-01')$$, 'days and months are of UTC');

-- Against the sum of all entries, at a thousand instants of a life in any order.
select setseed(0.48);
select billing.grant_credit(pg_temp.client(), 1 + (random() * 1000)::integer,
  effective_on => x.day, expires_on => case when n % 3 > 0 then x.day + 1 + (n % 50) end,
  as_of => x.day - random() * interval '30 days')
from generate_series(1, 150) n
cross join lateral (select '2026-02-01'::date + (random() * 300)::integer + n * 0 as day) x;
select billing.roll_over_credit(g.id, g.expires_at::date + 40, g.expires_at + interval '1 hour')
from public.credit_grants g
where g.expires_at < '2026-08-01' and g.client_id = pg_temp.client();
insert into public.balance_entries (client_id, currency, amount_minor, reason, created_at)
select pg_temp.client(), (array['USD', 'EUR'])[1 + n % 2], n, 'adjustment',
  '2026-02-01'::timestamptz + random() * interval '300 days'
from generate_series(1, 200) n;
create temporary table instants as
select e.effective_at + x.later as at from public.credit_entries e
cross join (values ('-1 us'::interval), ('0'), ('1 us')) x(later)
where e.client_id = pg_temp.client()
union
select '2026-01-01'::timestamptz + n * interval '7 hours' from generate_series(1, 1200) n;
select cmp_ok(count(*), '>', 1000::bigint, 'a thousand instants') from instants;
select is_empty($$select i.at, c.currency from instants i
  cross join (values ('USD'), ('EUR')) c(currency)
  where coalesce((select sum(e.amount_minor) from public.credit_entries e
      where e.client_id = pg_temp.client() and e.currency = c.currency
        and e.effective_at <= i.at), 0)
    <> coalesce((select g.amount_minor from billing.granted_credit(pg_temp.client(), i.at) g
      where g.currency = c.currency), 0)$$, 'granted credit is the sum of all entries until then');
select is_empty($$select i.at, c.currency from instants i
  cross join (values ('USD'), ('EUR')) c(currency)
  where coalesce((select sum(e.amount_minor) from public.balance_entries e
      where e.client_id = pg_temp.client() and e.currency = c.currency
        and e.created_at <= i.at), 0)
    <> coalesce((select -b.amount_minor from billing.ledger_balances(pg_temp.client(), i.at) b
      where b.currency = c.currency and b.kind = 'customer_credit'), 0)$$,
  'and the balance that of its entries');
select is_empty('select * from _billing.check_balance_sums()', 'the sums are what the entries are');

-- A transaction that is posted again adds nothing.
select _billing.post(array[('adjustment', b.id, null, b.client_id, b.currency, b.created_at,
  'adjustments', 'customer_credit', b.amount_minor, null)::_billing.ledger_transfer])
from public.balance_entries b;
select is_empty('select * from _billing.check_balance_sums()', 'nor when they are posted again');
select trigger_is('public', 'credit_entries', 'sum_credit_entries', '_billing',
  'sum_credit_entries', 'entries of grants are summed');

-- A sum that is wrong, that lacks, that has no entries: of the day 2026-02-01 of each.
create function pg_temp.seen(change text) returns text[] language plpgsql as $$
declare
  found text[];
begin
  execute change;
  found := array(select c.invariant || ' ' || (regexp_match(c.detail, 'day|month'))[1]
    from _billing.check_balance_sums() c order by 1);
  raise exception using errcode = 'P0001', message = found::text;
exception when sqlstate 'P0001' then
  return found;
end $$;
select is(pg_temp.seen($$update billing.ledger_sums set amount_minor = amount_minor + 1
    where span = 'day' and starts_on = '2026-01-31'$$), '{ledger_sum_is_entries day}',
  'a day of the ledger a cent off');
select is(pg_temp.seen($$delete from billing.ledger_sums
    where span = 'month' and starts_on = '2026-01-01'$$), '{ledger_sum_is_entries month}',
  'a month of the ledger that lacks');
select is(pg_temp.seen($$insert into billing.ledger_sums
    values (gen_random_uuid(), 'day', '2026-01-01', 0)$$), '{ledger_sum_is_entries day}',
  'a sum of no entries');
select is(pg_temp.seen($$update billing.credit_sums set amount_minor = amount_minor + 1
    where span = 'day' and starts_on = '2026-01-31'$$), '{credit_sum_is_entries day}',
  'a day of grants a cent off');
select is(pg_temp.seen($$delete from billing.credit_sums
    where span = 'month' and starts_on = '2026-01-01'$$), '{credit_sum_is_entries month}',
  'a month of grants that lacks');
select is(pg_temp.seen($$insert into billing.credit_sums
    values (pg_temp.client(), 'JPY', 'day', '2026-01-01', 0)$$), '{credit_sum_is_entries day}',
  'a sum of no grants');

select * from finish();
rollback;

-- Entries of one client's balance are read for the invoices of that client alone.
begin;
select plan(4);

-- Thirty clients, a minimum of 50.00 each; one has 5,000 entries of 0.02 on its balance.
insert into public.clients (id, name, started_on)
select md5('balance' || n)::uuid, 'Balance ' || n, '2026-06-01' from generate_series(1, 30) n;
insert into public.balance_entries (client_id, currency, amount_minor, reason, created_at)
select md5('balance7')::uuid, 'USD', 2, 'adjustment', '2026-06-02'
from generate_series(1, 5000) n;
analyze;

create function pg_temp.entries_read() returns numeric language sql as $$
  select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables
  where relname = 'balance_entries';
$$;
create temporary table before as select pg_temp.entries_read() as entries;
select billing.run_monthly('2026-07-01 09:00+00');
select results_eq($$select i.balance_applied_minor, count(*) from public.invoices i
    where i.total_minor = 5000 group by 1 order by 1$$,
  'values (0::bigint, 29::bigint), (5000, 1)', 'the balance pays the invoice of its client');
select cmp_ok(pg_temp.entries_read() - (select entries from before), '<', 15000::numeric,
  'a run reads the entries of a client a few times, not once for each invoice');
-- A plan that is kept knows no values.
set local plan_cache_mode = force_generic_plan;
set local enable_seqscan = off;
update before set entries = pg_temp.entries_read();
select is((select sum(a.applied) from _billing.balance_to_apply(
    array(select i.id from public.invoices i), '{}') a), 5000::numeric,
  'of 100.00 less the 50.00 that are applied 50.00 are left for as much');
select cmp_ok(pg_temp.entries_read() - (select entries from before), '<', 10000::numeric,
  'the balances of a batch are read once');

select * from finish();
rollback;

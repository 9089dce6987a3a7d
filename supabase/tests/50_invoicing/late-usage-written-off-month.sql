-- A month that was invoiced and written off has been charged: late usage of it is charged alone.
-- 2M tokens at 3.00 are 6.00; 5M more that come late are 15.00, not 21.00.
begin;
select plan(2);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000044', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000000044', 0);
create function pg_temp.log(tokens bigint) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  values ('S', 'claude-sonnet', tokens, '00000000-0000-4000-8000-000000000044', '2026-06-10');
$$;

select pg_temp.log(2000000);
select billing.run_monthly('2026-07-01');
select billing.mark_uncollectible(i.id, '2026-07-15') from public.invoices i;
select pg_temp.log(5000000);
select billing.run_monthly('2026-08-01');
select results_eq('select status, total_minor from public.invoices order by number',
  $$values ('uncollectible', 600::bigint), ('open', 1500)$$, 'only what came late is charged');
select is_empty('select * from billing.check_invariants()', 'and the books agree');

select * from finish();
rollback;

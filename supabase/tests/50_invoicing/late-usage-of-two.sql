-- Late usage of one month of two clients is charged to each once: 1M tokens at 3.00, 2M at 3.00.
begin;
select plan(1);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-00000000044' || n)::uuid, 'Client ' || n, '2026-06-01'
from generate_series(1, 2) n;
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
create function pg_temp.log(millions integer) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', 'claude-sonnet', millions * 1000000 * right(name, 1)::integer, id, '2026-06-10'
  from public.clients;
$$;
select pg_temp.log(10);
select billing.run_monthly('2026-07-01');
select pg_temp.log(1);
select billing.run_monthly('2026-08-01');
select results_eq($$select c.name, i.total_minor
    from public.invoices i join public.clients c on c.id = i.client_id
    order by i.period_start, c.name$$,
  $$values ('Client 1', 3000::bigint), ('Client 2', 6000), ('Client 1', 300), ('Client 2', 600)$$,
  'each client''s late usage is on its own invoice');

select * from finish();
rollback;

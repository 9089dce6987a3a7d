-- Late usage of several periods that nothing can carry any more is one invoice, by the terms of the
-- latest of them.
begin;
select plan(2);

insert into public.clients (id, name, started_on, ended_on)
values ('00000000-0000-4000-8000-000000000047', 'Acme', '2026-06-01', '2026-08-01');
insert into public.billing_config (client_id, minimum_minor, payment_terms_days, effective_from,
  effective_until)
values ('00000000-0000-4000-8000-000000000047', 0, 10, '2026-06-01', '2026-07-01'),
  ('00000000-0000-4000-8000-000000000047', 0, 45, '2026-07-01', 'infinity');
create function pg_temp.log(day date, tokens bigint) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  values ('S', 'claude-sonnet', tokens, '00000000-0000-4000-8000-000000000047', day);
$$;

select pg_temp.log('2026-06-10', 1000000);
select pg_temp.log('2026-07-10', 1000000);
select billing.run_monthly('2026-08-01');
select is((select count(*) from public.invoices), 2::bigint, 'June and July are invoiced');
select pg_temp.log('2026-06-11', 2000000);
select pg_temp.log('2026-07-11', 3000000);
select billing.run_monthly('2026-09-01');
select results_eq($$select kind, total_minor, payment_terms_days::integer
    from public.invoices where kind = 'late'$$, $$values ('late', 1500::bigint, 45)$$,
  '2M and 3M tokens at 3.00, by the terms of July');

select * from finish();
rollback;

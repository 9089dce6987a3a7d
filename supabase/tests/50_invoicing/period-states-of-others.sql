-- What is done to one period, invoice or run leaves the client's others as they are.
begin;
select plan(5);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000a37', 'One', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000000a37', 0);
create function pg_temp.log(day date) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  values ('S', 'claude-sonnet', 1000000, '00000000-0000-4000-8000-000000000a37', day);
$$;
create view pg_temp.states as select array_agg(state order by period_start) as states
from public.billing_periods;

-- June and August are used, July is not.
select pg_temp.log('2026-06-10');
select billing.run_monthly('2026-07-01');
select billing.run_monthly('2026-08-01');
select is(states, '{invoiced,skipped}', 'mark_rated: an empty month is skipped beside one that is '
  'invoiced') from pg_temp.states;
select pg_temp.log('2026-08-10');
select billing.run_monthly('2026-09-01');
select is((select array_agg((summary ->> 'as_of')::date order by id) from billing.monthly_runs),
  '{2026-07-01,2026-08-01,2026-09-01}', 'finish_run: each run keeps its own summary');

create temporary table before as select * from public.billing_periods;
select pg_temp.log('2026-06-12');
select _billing.rollup();
select results_eq($$select p.period_start, p.usage_version - b.usage_version
    from public.billing_periods p join before b using (client_id, period_start) order by 1$$,
  $$values ('2026-06-01'::date, 1::bigint), ('2026-07-01', 0), ('2026-08-01', 0)$$,
  'rollup_step: the version of a period grows, so that no later change takes it back');

select billing.void_invoice(i.id, 'address', '2026-09-02') from public.invoices i
where i.period_start = '2026-06-01';
select results_eq('select period_start, status from public.invoices order by 1', $$values
  ('2026-06-01'::date, 'void'), ('2026-08-01', 'open')$$, 'void_invoice: one invoice is void');
select is(states, '{voided,skipped,invoiced}', 'and one period') from pg_temp.states;

select * from finish();
rollback;

-- A start that is moved back opens periods before the first with the next run: a preview shows them
-- before it, as the run makes them.
begin;
select plan(9);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000039', 'Acme', '2026-06-10');
insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
values ('S', 'x', 100, '00000000-0000-4000-8000-000000000039', '2026-05-20');
select billing.run_monthly('2026-07-01');
set local billing.as_of = '2026-07-02';
create function pg_temp.total(day date) returns bigint language sql as $$
  select (billing.preview_invoice('00000000-0000-4000-8000-000000000039', day, '2026-07-02')
    #>> '{totals,total_minor}')::bigint;
$$;
select throws_ok($$select pg_temp.total('2026-05-20')$$, 'PT404', null,
  'before the start there is no period');
select is_empty($$select * from _billing.unopened_periods('2026-07-02')$$,
  'nothing is to be opened');

update public.clients set started_on = '2026-04-16' where name = 'Acme';
select results_eq($$select period_start, period_end, full_days
    from _billing.unopened_periods('2026-07-02') order by 1$$,
  $$values ('2026-04-01'::date, '2026-05-01'::date, 30), ('2026-05-01', '2026-06-01', 31)$$,
  'two are to be opened');
select is((select count(*) from _billing.unopened_periods('2026-07-02',
  '00000000-0000-4000-8000-000000000039')), 2::bigint, 'asked for one client too');
select is_empty($$select * from _billing.unopened_periods('2026-07-02', gen_random_uuid())$$,
  'another has none');
-- 15 of 30 days × 50.00 = 25.00; May has the whole minimum, 1.00 of searches in it.
select is(array[pg_temp.total('2026-04-20'), pg_temp.total('2026-05-01')], '{2500,5000}'::bigint[],
  'both can be looked at');
select throws_ok($$select pg_temp.total('2026-03-31')$$, 'PT404', null, 'not the one before');
select is((select count(*) from public.billing_periods), 1::bigint, 'looking opens none');
select billing.run_monthly('2026-07-02');
select results_eq($$select i.period_start, i.total_minor from public.invoices i
    where i.period_start < '2026-06-01' order by 1$$,
  $$values ('2026-04-01'::date, 2500::bigint), ('2026-05-01', 5000)$$,
  'the run makes what was shown');

select * from finish();
rollback;

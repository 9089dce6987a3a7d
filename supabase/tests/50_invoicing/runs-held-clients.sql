-- A run that is finished while other sessions hold clients says whom it has left out.
begin;
select plan(2);

insert into public.clients (name, started_on) values ('One', '2026-06-01'), ('Two', '2026-06-01');
select billing.begin_run('2026-07-01');
select results_eq($$select (s ->> 'invoices')::integer, f ->> 'client', f ->> 'message'
  from (select billing.finish_run((select max(id) from billing.monthly_runs)) as s) x,
    jsonb_array_elements(s -> 'failed') f order by 2$$, $$values
  (0, 'One', 'another session held the client; the next run settles it'),
  (0, 'Two', 'another session held the client; the next run settles it')$$,
  'finish_run: with the reason');
select is(billing.run_monthly('2026-07-01 01:00Z') ->> 'invoices', '2', 'the next run bills them');

select * from finish();
rollback;

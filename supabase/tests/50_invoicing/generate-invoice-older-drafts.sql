-- An invoice on demand leaves older drafts of its client to the run, which makes them anew: one
-- whose promotional credit is gone cannot be issued as it is. 3.00 a million tokens.
begin;
select plan(6);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000004474', 'Dora', '2026-05-01');
insert into public.billing_config (client_id, minimum_minor, grace_hours)
select id, 0, 48 from public.clients;
create function pg_temp.log(day date, millions integer) returns uuid language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', 'claude-sonnet', millions * 1000000, c.id, day + interval '12 hours'
  from public.clients c returning id;
$$;
create function pg_temp.books() returns text language sql as $$
  select string_agg(concat_ws(' ', to_char(i.period_start, 'FMMonth'), i.status, i.total_minor),
    ', ' order by i.period_start)
  from public.invoices i;
$$;

-- 10.00 of credit. May uses 9.00, of which 6.00 come back with June's invoice; that uses 1.00.
select billing.grant_credit(id, 1000, 'promotional', as_of => '2026-05-02') from public.clients;
select pg_temp.log('2026-05-10', 1);
create temporary table wrong as select pg_temp.log('2026-05-11', 2) as id;
select billing.run_monthly('2026-06-03');
select billing.retract_log(id, 'a test') from wrong;
select pg_temp.log('2026-06-10', 5);
select billing.run_monthly('2026-07-03');
-- July's draft uses the 6.00. Then June's invoice is void: 1.00 is left.
select pg_temp.log('2026-07-10', 3);
select billing.run_monthly('2026-08-01');
select is(pg_temp.books(), 'May paid 0, June open 1400, July draft 300', 'July waits');
select billing.void_invoice(i.id, 'mistake', '2026-08-02') from public.invoices i
where i.status = 'open';
select is(_billing.drafts_without_credit(array(select i.id from public.invoices i
    where i.status = 'draft'), '2026-08-02'), array(select i.id from public.invoices i
    where i.status = 'draft'), 'its credit is gone');

select pg_temp.log('2026-08-10', 1);
select is((select g.outcome from public.clients c
    cross join lateral billing.generate_invoice(c.id, '2026-08-01', '2026-09-01') g), 'created',
  'August is drafted on demand');
select is(pg_temp.books(), 'May paid 0, June void 1400, July draft 300, August draft 300',
  'July''s draft, whose grace is over, is not issued as it is');
select billing.run_monthly('2026-09-03');
select is(pg_temp.books(), 'May paid 0, June void 1400, July open 800, August open 300',
  'the run makes it anew');
select is_empty('select * from billing.check_invariants()', 'the books agree');
select * from finish();
rollback;

-- A draft within its grace that has late lines of another month alone goes where these are taken
-- back by a closing that does not remake it: its month is skipped, not invoiced. 3.00 a million.
begin;
select plan(6);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000004475', 'Elm', '2026-05-01');
insert into public.billing_config (client_id, minimum_minor, grace_hours)
select id, 0, 24 * 12 from public.clients;
create function pg_temp.log(day date, millions integer) returns uuid language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', 'claude-sonnet', millions * 1000000, c.id, day + interval '12 hours'
  from public.clients c returning id;
$$;
create function pg_temp.books() returns text language sql as $$
  select string_agg(concat_ws(' ', to_char(p.period_start, 'FMMonth'), p.state, i.status,
    i.total_minor), ', ' order by p.period_start)
  from public.billing_periods p
  left join public.invoices i on i.client_id = p.client_id and i.period_start = p.period_start
    and i.kind = 'period' and i.status <> 'void';
$$;

select pg_temp.log('2026-05-10', 1), pg_temp.log('2026-06-10', 1);
select billing.run_monthly('2026-06-15');
select billing.run_monthly('2026-07-15');
create temporary table wrong as select pg_temp.log('2026-06-11', 2) as id;
select billing.run_monthly('2026-08-01');
select is(pg_temp.books(), 'May invoiced open 300, June invoiced open 300, July invoiced draft 600',
  'July''s draft has late usage of June alone');
select results_eq($$select t.period_start from unnest(_billing.with_drafted_sections(array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p where p.period_start = '2026-06-01'))) t order by 1$$,
  $$values ('2026-06-01'::date), ('2026-07-01')$$, 'to close June is to lock July too');
select billing.retract_log(id, 'a test') from wrong;
select billing.void_invoice(i.id, 'mistake', '2026-08-02') from public.invoices i
where i.period_start = '2026-05-01';
select billing.regenerate_invoice(i.id, '2026-08-02') from public.invoices i
where i.status = 'void';
select is(pg_temp.books(), 'May invoiced draft 300, June invoiced open 300, July skipped',
  'with May June is closed, and nothing is left of July''s draft');
select is_empty('select * from billing.check_invariants()', 'the books agree');
select pg_temp.log('2026-07-11', 4);
select billing.run_monthly('2026-08-20');
select is(pg_temp.books(), 'May invoiced open 300, June invoiced open 300, July invoiced open 1200',
  'usage of July that comes late is billed');
select is_empty('select * from billing.check_invariants()', 'and the books agree');
select * from finish();
rollback;

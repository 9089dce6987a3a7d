-- A late draft that waits, held, with several lines of one grant: each is less than what is left of
-- it meanwhile, together they are more. 3.00 a million tokens in, 15.00 out, 0.01 a search.
begin;
select plan(8);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000004473', 'Cove', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
create function pg_temp.log(day date, ins numeric, outs numeric, searches integer) returns uuid
language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, web_searches,
    client_id, "timestamp")
  select 'S', 'claude-sonnet', ins * 1000000, outs * 1000000, searches, c.id,
    day + interval '12 hours'
  from public.clients c returning id;
$$;
create function pg_temp.late() returns public.invoices language sql as $$
  select i from public.invoices i where i.kind = 'late';
$$;
create function pg_temp.left_minor() returns bigint language sql as $$
  select l.left_minor from _billing.left_of_grants(array(select c.id from public.clients c)) l;
$$;

-- 10.00 of credit. June uses 6.00, which come back with July's invoice; that uses the other 4.00.
select billing.grant_credit(id, 1000, 'promotional', as_of => '2026-06-02') from public.clients;
create temporary table wrong as select pg_temp.log('2026-06-11', 2, 0, 0) as id;
select billing.run_monthly('2026-07-01');
select billing.retract_log(id, 'a test') from wrong;
select pg_temp.log('2026-07-10', 5, 0, 0);
select billing.run_monthly('2026-08-01');
select is(pg_temp.left_minor(), 600::bigint, '6.00 have come back');
-- Ended. Of June 3.00 of each metric come late; 2.00 are held.
update public.clients set ended_on = '2026-08-01';
insert into public.hold_limits (client_id, currency, ceiling_minor, factor)
select id, 'USD', 200, null from public.clients;
select pg_temp.log('2026-06-12', 1, 0.2, 300);
select billing.run_monthly('2026-09-01');
select is((pg_temp.late()).total_minor, 300::bigint, 'the late draft takes the 6.00');
select results_eq($$select l.amount_minor from public.invoice_lines l
    where l.invoice_id = (pg_temp.late()).id and l.kind = 'promotional_credit'$$,
  'values (-300::bigint), (-300)', 'in two lines');
select is(_billing.drafts_without_credit(array[(pg_temp.late()).id], '2026-09-01'), '{}',
  'the credit is there');

-- July's invoice is void: its 6.00 are gone again, its 4.00 are back.
select billing.void_invoice(i.id, 'mistake', '2026-09-02') from public.invoices i
where i.period_start = '2026-07-01';
select is(pg_temp.left_minor(), 400::bigint, '4.00 are left: more than each line, less than both');
select is(_billing.drafts_without_credit(array[(pg_temp.late()).id], '2026-09-02'),
  array[(pg_temp.late()).id], 'the draft uses more of the grant than is left of it');
select is(_billing.drafts_past_grace('2026-09-02', array(select id from public.clients)), '{}',
  'no run issues it as it is');
select is_empty('select * from billing.check_invariants()', 'the books agree');
select * from finish();
rollback;

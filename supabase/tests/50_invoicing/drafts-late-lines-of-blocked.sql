-- Late lines on the draft of a period that is blocked: they go with another invoice, or stay.
begin;
select plan(6);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000048', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, grace_hours)
values ('00000000-0000-4000-8000-000000000048', 0, 72);
create function pg_temp.log(searches integer, day date, arrived date) returns void
language sql as $$
  insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp",
    created_at)
  values ('S', 'x', searches, '00000000-0000-4000-8000-000000000048', day, arrived);
$$;
create function pg_temp.books() returns text[] language sql as $$
  select array_agg(format('%s %s %s', i.period_start, i.status, (
    select string_agg(l.section_start || ' ' || l.amount_minor, ', ' order by l.position)
    from public.invoice_lines l where l.invoice_id = i.id)) order by i.period_start)
  from public.invoices i;
$$;
select pg_temp.log(1000, '2026-06-10', '2026-06-10');
select billing.run_monthly('2026-07-05');
select pg_temp.log(500, '2026-06-11', '2026-07-06');
select billing.run_monthly('2026-08-01');
select is(pg_temp.books(), '{2026-06-01 open 2026-06-01 1000,2026-07-01 draft 2026-06-01 500}',
  'July''s draft has June''s late line alone');
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values ('00000000-0000-4000-8000-000000000048', 'Allowance', -10, 'USD', '2026-07-20');
select billing.run_monthly('2026-08-03');
select is(pg_temp.books(), '{2026-06-01 open 2026-06-01 1000,2026-07-01 draft 2026-06-01 500}',
  'blocked, it keeps what has no other invoice to go on');
select pg_temp.log(200, '2026-08-10', '2026-08-10');
select billing.run_monthly('2026-09-05');
select is(pg_temp.books(),
  array['2026-06-01 open 2026-06-01 1000', '2026-08-01 open 2026-08-01 200, 2026-06-01 500'],
  'late lines on August''s invoice leave the draft, which goes when empty');
select set_config('billing.as_of', '2026-09-05', true);
select is_empty($$select * from billing.check_invariants('2026-06-01')
  where invariant = 'booked_is_rated'$$, 'nothing is charged twice');
update public.invoice_items set unit_amount = 1;
select billing.run_monthly('2026-09-06');
select results_eq($$select i.period_start, i.total_minor from public.invoices i order by 1$$,
  $$values ('2026-06-01'::date, 1000::bigint), ('2026-07-01', 100), ('2026-08-01', 700)$$,
  'released, July is charged without it');
select _billing.rate_drafts('{}'), _billing.make_drafts('{}', '{}');
select lives_ok($$select _billing.free_late_lines('{}', '{}')$$,
  'where nothing is late, nothing is taken off');

select * from finish();
rollback;

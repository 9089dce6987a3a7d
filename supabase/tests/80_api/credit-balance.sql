-- The live balance leaves nothing out between use and invoice: drafts that wait, late usage and its
-- late lines, a void invoice that is made anew. Amounts derived by hand.
begin;
select plan(20);

-- Acme: drafts wait for 48 hours, no minimum.
insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000004801', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, grace_hours)
values ('00000000-0000-4000-8000-000000004801', 0, 48);
create function pg_temp.acme() returns uuid language sql as
  $$select '00000000-0000-4000-8000-000000004801'::uuid$$;
create function pg_temp.live(at timestamptz) returns text language sql as $$
  select string_agg(concat_ws(' ', b.granted_minor, b.uninvoiced_minor, b.live_minor), ', ')
  from billing.credit_balance(pg_temp.acme(), at) b;
$$;
create function pg_temp.log(of uuid, day timestamptz, tokens bigint) returns void
language sql as $$
  insert into public.agent_usage_logs (id, agent, model, input_tokens, client_id, "timestamp")
  values (of, 'A', 'claude-opus', tokens, pg_temp.acme(), day);
$$;
create function pg_temp.of_run(at timestamptz) returns date[] language sql as $$
  select array_agg(t.period_start order by t.period_start)
  from (
    select r.period_start from _billing.run_targets(array[pg_temp.acme()]) r
    union
    select ((_billing.current_target(pg_temp.acme(), at)).target).period_start
  ) t;
$$;
create function pg_temp.of_balance(at timestamptz) returns date[] language sql as $$
  select array_agg(t.period_start order by t.period_start)
  from unnest(_billing.uninvoiced_periods(pg_temp.acme(), at)) t;
$$;

-- 1M tokens of Opus are 15.00; credit of 100.00.
select pg_temp.log('00000000-0000-4000-8000-000000004811', '2026-06-10', 1000000);
select billing.grant_credit(pg_temp.acme(), 10000, 'refund', as_of => '2026-06-02');
select billing.run_monthly('2026-07-01 09:00+00');
select is((select status from public.invoices), 'draft', 'June waits as a draft');
select is(pg_temp.live('2026-07-01 09:00+00'), '10000 1500 8500',
  'a draft that waits is not paid yet, and counts as used');
select billing.run_monthly('2026-07-03 09:00+00');
select is(pg_temp.live('2026-07-03 09:00+00'), '8500 0 8500', 'issued, it has paid');

-- 2M tokens of June come late: 30.00 more, on July's invoice.
select pg_temp.log('00000000-0000-4000-8000-000000004812', '2026-06-11', 2000000);
select _billing.rollup();
select is(pg_temp.live('2026-07-04'), '8500 3000 5500', 'late usage counts once it is counted');
select is(pg_temp.of_balance('2026-07-04'), pg_temp.of_run('2026-07-04'),
  'the periods of the balance are those of a run, and the one that runs');
select billing.run_monthly('2026-08-01 09:00+00');
select is((select array_agg(i.status || ' ' || i.total_minor order by i.period_start)
    from public.invoices i), '{paid 1500,draft 3000}'::text[], 'a draft carries the late lines');
select is(pg_temp.live('2026-08-01 09:00+00'), '8500 3000 5500',
  'late lines on a draft count once');
select is(pg_temp.of_balance('2026-08-01 09:00+00'), pg_temp.of_run('2026-08-01 09:00+00'),
  'June, July and August');
select billing.run_monthly('2026-08-03 09:00+00');
select is(pg_temp.live('2026-08-03 09:00+00'), '5500 0 5500', 'and are paid once');

-- 1M tokens of June were no usage: 15.00 are owed to the client, and are no credit before a note.
select billing.retract_log('00000000-0000-4000-8000-000000004811', 'sent by mistake');
select _billing.rollup();
select is(pg_temp.live('2026-08-04'), '5500 0 5500', 'a credit without its note is not there yet');
select results_eq($$select a.period_start, a.currency, a.amount_minor
    from _billing.uninvoiced_amounts(_billing.uninvoiced_periods(pg_temp.acme(), '2026-08-04')) a
    where a.period_start = '2026-06-01'$$, $$values ('2026-06-01'::date, 'USD', 0::numeric)$$,
  'June comes to less than is booked for it');
select billing.run_monthly('2026-08-05 09:00+00');
select is(pg_temp.live('2026-08-05 09:00+00'), '7000 0 7000', 'a credit note brings it');

-- Birch has no credit and no grace. Its invoice of 15.00 is void: nothing is charged unless it is
-- made anew, and then its draft counts.
insert into public.clients (id, name, started_on, ended_on)
values ('00000000-0000-4000-8000-000000004802', 'Birch', '2026-06-01', '2026-07-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000004802', 0);
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('A', 'claude-opus', 1000000, '00000000-0000-4000-8000-000000004802', '2026-06-10');
create function pg_temp.birch(at timestamptz) returns numeric language sql as $$
  select sum(b.uninvoiced_minor)
  from billing.credit_balance('00000000-0000-4000-8000-000000004802', at) b;
$$;
select _billing.rollup();
select is(pg_temp.birch('2026-07-01 09:00+00'), 1500::numeric, 'a period that has no row yet');
select billing.run_monthly('2026-07-01 09:00+00');
select is(coalesce(pg_temp.birch('2026-07-02'), 0), 0::numeric, 'issued, it is in the books');
select billing.void_invoice(i.id, 'wrong address', '2026-07-02') from public.invoices i
where i.client_id = '00000000-0000-4000-8000-000000004802';
select is(coalesce(pg_temp.birch('2026-07-02'), 0), 0::numeric, 'void, nothing is charged');
select billing.regenerate_invoice(i.id, '2026-07-02') from public.invoices i
where i.client_id = '00000000-0000-4000-8000-000000004802';
select is(pg_temp.birch('2026-07-02'), 1500::numeric, 'made anew, its draft counts');
select results_eq($$select r.kind, r.amount_minor
    from (select array[('00000000-0000-4000-8000-000000004802', '2026-06-01', '2026-07-01')
      ]::billing.rating_target[] as targets) x
    cross join lateral billing.period_terms(x.targets) t
    cross join lateral _billing.rate_with_terms(x.targets,
      array[jsonb_populate_record(t, '{"discount_percent": 10}')], false) r order by 1$$,
  $$values ('discount', -150::numeric), ('usage', 1500)$$, 'a rating by terms that are given');
select is_empty($$select * from billing.check_invariants()$$, 'the books agree');
insert into public.clients (id, name, started_on, ended_on)
values ('00000000-0000-4000-8000-000000004803', 'Cedar', '2026-06-01', '2026-07-10');
select is((select array_agg(t.period_start order by t.period_start)
    from unnest(_billing.uninvoiced_periods('00000000-0000-4000-8000-000000004803',
      '2026-08-15')) t), '{2026-06-01,2026-07-01}', 'after the end of its service no period runs');
select is(_billing.uninvoiced_periods(gen_random_uuid(), now()), '{}'::billing.rating_target[],
  'nobody has none');

select * from finish();
rollback;

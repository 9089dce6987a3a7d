-- Usage that comes late finds the draft that it goes on; its period is known to be on it.
begin;
select plan(12);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, grace_hours)
values ('00000000-0000-0000-0000-00000000000a', 0, 48);
create function pg_temp.log(tokens integer, day date) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', 'claude-sonnet', tokens, '00000000-0000-0000-0000-00000000000a', day where tokens > 0;
  -- Below zero: so much less than the logs of that month say, those of the day first.
  select count(billing.correct_log(t.id, jsonb_build_object('input_tokens', t.now - t.taken),
    'a test'))
  from (
    select s.id, s.now, least(s.now, -tokens - coalesce(sum(s.now) over (order by
      s."timestamp" = day desc, s.id rows between unbounded preceding and 1 preceding), 0)) as taken
    from (select l.id, l."timestamp", (_billing.standing_log(l.id)).input_tokens as now
      from public.agent_usage_logs l where l.corrects_id is null and tokens < 0
        and date_trunc('month', l."timestamp") = date_trunc('month', day::timestamptz)) s
  ) t where t.taken > 0;
$$;
create function pg_temp.period(month date) returns billing.rating_target language sql as $$
  select ('00000000-0000-0000-0000-00000000000a', month, (month + interval '1 month')::date)
    ::billing.rating_target;
$$;
select pg_temp.log(5000000, '2026-06-10');
select billing.run_monthly('2026-07-04');

select set_config('billing.as_of', '2026-07-10', true);
select is(_billing.period_containing('00000000-0000-0000-0000-00000000000a', '2026-07-31'),
  pg_temp.period('2026-07-01'), 'the running period is the one with the day');
select is(_billing.period_containing('00000000-0000-0000-0000-00000000000a', '2026-09-15'),
  (('00000000-0000-0000-0000-00000000000a', '2026-09-01', '2026-10-01')::billing.rating_target),
  'also one that is still to come');
select throws_ok($$select _billing.period_containing('00000000-0000-0000-0000-00000000000a',
  '2026-06-30')$$, 'PT409', 'the period June 2026 is invoiced', 'not one that is invoiced');
select throws_ok($$select _billing.period_containing('00000000-0000-0000-0000-00000000000a',
  '2026-05-31')$$, 'PT404', null, 'nor one before the first');

select is(_billing.late_targets(pg_temp.period('2026-07-01')), '{}', 'nothing has come late');
select pg_temp.log(2000000, '2026-06-11');
select _billing.rollup();
select is(_billing.late_targets(pg_temp.period('2026-07-01')), array[pg_temp.period('2026-06-01')],
  'late usage of June goes on July''s invoice');
select ok(not _billing.is_on_draft('00000000-0000-0000-0000-00000000000a', '2026-06-01'),
  'it is on none yet');
select billing.run_monthly('2026-08-01');
select ok(_billing.is_on_draft('00000000-0000-0000-0000-00000000000a', '2026-06-01'),
  'July''s draft waits out its grace and has it');
select is((select late from _billing.targets_of_run()), array[pg_temp.period('2026-06-01')],
  'and while it does June is rated with it, changed again or not');
select billing.run_monthly('2026-08-03');

-- June's own invoice is void, July's has charged for June: rated at less than that, June is booked
-- above itself.
select pg_temp.log(-4000000, '2026-06-12');
select _billing.rollup();
select billing.void_invoice(id, 'wrong', '2026-08-04') from public.invoices
where period_start = '2026-06-01';
select is_empty($$select * from _billing.negative_sections(array[pg_temp.period('2026-06-01')])$$,
  'June''s own invoice is void and 6.00 of it are booked on July''s; it is rated at 9.00');
select pg_temp.log(-2000000, '2026-06-13');
select _billing.rollup();
select results_eq($$select section_start
    from _billing.negative_sections(array[pg_temp.period('2026-06-01')])$$,
  $$values ('2026-06-01'::date)$$, 'rated at 3.00 it has been charged 3.00 too much');

-- Where records and logs disagree, the logs are right.
update public.usage_records set quantity = 1 where metric = 'input_tokens';
select is(_billing.repair_usage(array[pg_temp.period('2026-06-01')]), 2::bigint,
  'days of a target that differ from the logs are repaired');

select * from finish();
rollback;

-- A jump: a day that cost more than three times an average day of the two weeks before it, and at
-- least 5.00 more. Each bound is met exactly and missed by a cent.
begin;
select plan(2);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-00000000063' || n)::uuid, 'Client ' || n, '2026-06-01'
from generate_series(1, 7) n;
-- `days` days of `usual` before 15 June, `last` on that day. The average is of fourteen days.
create function pg_temp.spend(n integer, days integer, usual numeric, last numeric)
returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, total_cost, client_id,
    "timestamp")
  select 'S', 'claude-sonnet', 1, case d when 0 then last else usual end,
    ('00000000-0000-4000-8000-00000000063' || n)::uuid, timestamptz '2026-06-15 12:00Z'
      - make_interval(days => d)
  from generate_series(0, days) d;
$$;
select pg_temp.spend(1, 7, 2, 6); -- 1.00 on an average day: 5.00 more
select pg_temp.spend(2, 7, 2, 5.99); -- 4.99 more
select pg_temp.spend(3, 7, 10, 15); -- 5.00 on an average day: three times as much, no more
select pg_temp.spend(4, 7, 10, 15.01);
select pg_temp.spend(5, 3, 14, 20); -- 3.00 on an average day; three days of usage are enough
select pg_temp.spend(6, 2, 14, 20); -- two are not
select pg_temp.spend(7, 14, 1, 6); -- the fourteenth day before counts, 1.00 on an average day
insert into public.agent_usage_logs (agent, model, input_tokens, total_cost, client_id, "timestamp")
values ('S', 'claude-sonnet', 1, 1000, '00000000-0000-4000-8000-000000000637',
  '2026-05-31 12:00Z'), -- the fifteenth does not
  ('S', 'claude-sonnet', 1, 1000, '00000000-0000-4000-8000-000000000632', '2026-06-16 12:00Z');
select _billing.rollup();
select results_eq($$select client, usage_day, cost, round(average, 2)
    from billing.spend_jumps('2026-06-16 09:00Z') order by client$$,
  $$values ('Client 1', '2026-06-15'::date, 6::numeric, 1.00),
    ('Client 4', '2026-06-15', 15.01, 5.00), ('Client 5', '2026-06-15', 20, 3.00),
    ('Client 7', '2026-06-15', 6, 1.00)$$,
  'a jump of exactly 5.00 is told of, one of exactly three times is not');
select is((select count(*) from billing.spend_jumps('2026-06-15 09:00Z')), 0::bigint,
  'the day that runs is no jump yet');

select * from finish();
rollback;

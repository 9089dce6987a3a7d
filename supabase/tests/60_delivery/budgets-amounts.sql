-- A budget that is set to another amount is told of anew, one that is set to the same is not, and
-- of a client at most three a day: payers set budgets.
begin;
select plan(11);
insert into public.clients (name, started_on) values ('Spender', '2026-06-01');
insert into public.client_budgets (client_id, amount_minor) select id, 6000 from public.clients;
-- 17 million tokens at 3.00 a million: 51.00.
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
select 'CHIRON', 'claude-sonnet', 17000000, '2026-06-10 12:00+00', id from public.clients;
select _billing.rollup();
create function pg_temp.told(amount bigint, on_day date default '2026-06-11')
returns text[] language sql as $$
  update public.client_budgets set amount_minor = amount;
  select billing.queue_usage_alerts((on_day + time '09:00') at time zone 'UTC');
  select billing.queue_usage_alerts((on_day + time '10:00') at time zone 'UTC');
  select array_agg(regexp_replace(payload ->> 'message',
    '^Spender has used 51.00 USD of its budget of (.*) USD in .*[(](.*)[)].$', '\2 of \1')
    order by id)
  from public.deliveries
  where event = 'notice' and kind = 'hermes' and dedupe_key like 'budget:%';
$$;

select is(pg_temp.told(6000), '{85 % of 60.00}', '80 % of 60.00 are passed: told once');
select is(pg_temp.told(10000), '{85 % of 60.00,51 % of 100.00}', 'raised to 100.00, 50 % of it');
select is(pg_temp.told(6200), '{85 % of 60.00,51 % of 100.00,82 % of 62.00}',
  'lowered to 62.00, 80 % of it, although 80 % of 60.00 were told');
select is(cardinality(pg_temp.told(5000)), 3, 'a fourth amount waits for the next day');
select is(pg_temp.told(5000, '2026-06-12'),
  '{85 % of 60.00,51 % of 100.00,82 % of 62.00,102 % of 50.00}',
  'lowered to 50.00, that it is used up, if it stands then');
select is(cardinality(pg_temp.told(6000, '2026-06-12')), 4,
  'the first amount again: nothing twice');
select is(cardinality(pg_temp.told(5000, '2026-06-12')), 4, 'nor the last');
delete from public.client_budgets;
insert into public.client_budgets (client_id, amount_minor) select id, 5000 from public.clients;
select is(cardinality(pg_temp.told(5000, '2026-06-12')), 4, 'nor where it was removed meanwhile');
-- Told in each of 24 hourly runs of another amount, however often it is set.
create function pg_temp.flooded(on_day date) returns bigint language plpgsql as $$
begin
  for hour in 0 .. 23 loop
    update public.client_budgets set amount_minor = 3000 + hour;
    perform billing.queue_usage_alerts((on_day + make_time(hour, 0, 0)) at time zone 'UTC');
  end loop;
  return (select count(*) from public.deliveries d
    where d.event = 'notice' and d.kind = 'hermes' and starts_with(d.dedupe_key, 'budget:'));
end $$;
select is(pg_temp.flooded('2026-06-13'), 7::bigint,
  '_billing.is_budget_told: 24 amounts of a day are three notices more');
select is(pg_temp.flooded('2026-06-14'), 10::bigint, 'and the next day as many');
insert into public.clients (name, started_on) values ('Other', '2026-06-01');
insert into public.client_budgets (client_id, amount_minor)
select id, 100 from public.clients where name = 'Other';
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
select 'CHIRON', 'claude-sonnet', 17000000, '2026-06-10 12:00+00', id
from public.clients where name = 'Other';
select _billing.rollup();
select billing.queue_usage_alerts('2026-06-14 23:30+00');
select is((select array_agg(d.payload ->> 'message') from public.deliveries d
    where d.kind = 'hermes' and starts_with(d.dedupe_key, 'budget:')
      and d.payload ->> 'message' like 'Other %'),
  '{"Other has used 51.00 USD of its budget of 1.00 USD in the period from 2026-06-01 (5100 %)."}',
  '_billing.budget_alerts: another client is told of meanwhile');
select * from finish();
rollback;

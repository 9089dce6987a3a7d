-- A budget that is set to another amount is told of anew, one that is set to the same is not.
begin;
select plan(7);
insert into public.clients (name, started_on) values ('Spender', '2026-06-01');
insert into public.client_budgets (client_id, amount_minor) select id, 6000 from public.clients;
-- 17 million tokens at 3.00 a million: 51.00.
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
select 'CHIRON', 'claude-sonnet', 17000000, '2026-06-10 12:00+00', id from public.clients;
select _billing.rollup();
create function pg_temp.told(amount bigint) returns text[] language sql as $$
  update public.client_budgets set amount_minor = amount;
  select billing.queue_usage_alerts('2026-06-11 09:00+00');
  select billing.queue_usage_alerts('2026-06-11 10:00+00');
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
select is(pg_temp.told(5000), '{85 % of 60.00,51 % of 100.00,82 % of 62.00,102 % of 50.00}',
  'lowered to 50.00, that it is used up');
select is(cardinality(pg_temp.told(6000)), 4, 'the first amount again: nothing twice');
select is(cardinality(pg_temp.told(5000)), 4, 'nor the last');
delete from public.client_budgets;
insert into public.client_budgets (client_id, amount_minor) select id, 5000 from public.clients;
select is(cardinality(pg_temp.told(5000)), 4, 'nor where it was removed meanwhile');
select * from finish();
rollback;

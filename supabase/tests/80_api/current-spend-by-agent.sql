-- Where lines are by agent, a day costs what its agents used on it; other clients do not count.
begin;
select plan(2);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000000a82', 'One', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000b82', 'Two', '2026-06-01');
insert into public.billing_config (client_id, line_grouping, minimum_minor)
select id, 'agent', 0 from public.clients;
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
select agent, 'claude-sonnet', tokens, client, day from (values
  ('S', 1000000, '00000000-0000-4000-8000-000000000a82'::uuid, '2026-06-02'::date),
  ('S', 3000000, '00000000-0000-4000-8000-000000000a82', '2026-06-03'),
  ('T', 1000000, '00000000-0000-4000-8000-000000000a82', '2026-06-03'),
  ('U', 1000000, '00000000-0000-4000-8000-000000000a82', '2026-06-03'),
  ('S', 9000000, '00000000-0000-4000-8000-000000000b82', '2026-06-04')
) v(agent, tokens, client, day);
select _billing.rollup();
create temporary table spend as
select billing.current_spend('00000000-0000-4000-8000-000000000a82', '2026-06-05') as s;
-- 3.00 a million.
select is(s -> 'days', '[{"day": "2026-06-02", "amount_minor": 300},
  {"day": "2026-06-03", "amount_minor": 1500}]', 'current_spend: day by day') from spend;
select is(s ->> 'usage_minor', '1800', 'and in all') from spend;

select * from finish();
rollback;

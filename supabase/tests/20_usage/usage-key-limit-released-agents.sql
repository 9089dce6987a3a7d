-- What is let go is counted anew: its agents, clients and days, no others.
begin;
select plan(2);

insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01');
update public.billing_settings set max_usage_keys_per_day = 2;
insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp")
select agent, 'claude-sonnet', 1, '{"client_id": "acme"}', day
from (values ('A', '2026-06-10 12:00Z'::timestamptz), ('B', '2026-06-10 13:00Z'),
  ('C', '2026-06-12 12:00Z')) v(agent, day);
select _billing.rollup();
select is((select array_agg(agent order by agent) from billing.quarantined_logs), '{B}',
  'B is beyond the bound');
select billing.release_held_logs();
select results_eq('select agents, client_ids, from_day, until_day from billing.rebuild_requests',
  $$values ('{B}'::text[], '{00000000-0000-0000-0000-00000000000a}'::uuid[], '2026-06-10'::date,
    '2026-06-11'::date)$$, 'release_held_logs asks for B on its day');

select * from finish();
rollback;

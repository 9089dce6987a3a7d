-- Whether Stripe has an event that was tried is not known once it forgets it, after 23 hours.
begin;
select plan(1);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000a76', 'One', '2026-06-01');
insert into public.stripe_meters (client_id, metric, event_name, effective_from)
values ('00000000-0000-4000-8000-000000000a76', 'input_tokens', 'tokens', '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'claude-sonnet', 100, '00000000-0000-4000-8000-000000000a76', '2026-06-10');
select _billing.rollup();
insert into billing.stripe_meter_events (livemode, client_id, event_name, usage_day, value, made_at,
  tried_at)
values (false, '00000000-0000-4000-8000-000000000a76', 'tokens', '2026-06-10', 100,
  '2026-06-11 01:00Z', '2026-06-11 02:00Z');
select results_eq($$select at, d.reason from unnest('{2026-06-11 03:00Z,2026-06-12 00:59Z,
    2026-06-12 01:00Z}'::timestamptz[]) at,
    lateral _billing.meter_differences('2026-06-01', false, at) d order by 1$$, $$values
  ('2026-06-11 03:00Z'::timestamptz, 'to be sent'), ('2026-06-12 00:59Z', 'to be sent'),
  ('2026-06-12 01:00Z', 'whether Stripe has the rest is not known')$$,
  'meter_differences: until then it is sent again');

select * from finish();
rollback;

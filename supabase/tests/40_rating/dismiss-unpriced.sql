-- Only usage without a price is dismissed as such: what is outside of a client's service has one.
begin;
select plan(2);

insert into public.clients (id, name, started_on, ended_on)
values ('00000000-0000-4000-8000-000000000391', 'Gone', '2026-06-01', '2026-06-10');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp", created_at)
values ('S', 'claude-sonnet', 1000, '00000000-0000-4000-8000-000000000391', '2026-06-20 12:00+00',
  '2026-06-20 12:00+00');
select _billing.rollup();
select isnt_empty($$select from billing.quarantined_usage
  where client_id = '00000000-0000-4000-8000-000000000391'$$, 'usage after the end of service');
select is(billing.dismiss_unpriced('a flood'), 0::bigint,
  'dismiss_unpriced: it is not dismissed as usage without a price');

select * from finish();
rollback;

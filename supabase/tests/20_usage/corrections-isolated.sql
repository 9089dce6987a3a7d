-- Corrections of one log are judged one after the other, by what the ones before have stored. At
-- another isolation level than read committed a transaction cannot see that: it corrects nothing.
begin isolation level repeatable read;
select plan(1);

insert into public.agent_usage_logs (id, agent, model, input_tokens)
values ('00000000-0000-4000-8000-000000000001', 'S', 'gpt-4o', 10);
select throws_like($$select billing.retract_log('00000000-0000-4000-8000-000000000001', 'x')$$,
  '%logs are corrected at isolation level read committed', 'an old snapshot corrects nothing');

select * from finish();
rollback;

-- What a settled month was charged for keeps its price on all days of the month: late usage of a
-- day without usage so far has it too. Usage it was not charged for may get one.
begin;
select plan(4);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000054', 'Acme', '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'claude-sonnet', 20000000, '00000000-0000-4000-8000-000000000054', '2026-06-10');
select billing.run_monthly('2026-07-01');
set local billing.as_of = '2026-07-10 12:00+00';
create function pg_temp.price(model text, from_day date) returns void language sql as $$
  insert into public.prices (client_id, model, metric, unit_amount, effective_from)
  values ('00000000-0000-4000-8000-000000000054', model, 'input_tokens', 0.01, from_day);
$$;

select throws_ok($$select pg_temp.price('claude-sonnet', '2026-06-10')$$, 'PT409', null,
  'not on the day of the usage');
select throws_ok($$select pg_temp.price('claude-sonnet', '2026-06-30')$$, 'PT409', null,
  'nor on the last day of its month');
select lives_ok($$select pg_temp.price('claude-sonnet', '2026-07-01')$$,
  'but from the next month on');
select lives_ok($$select pg_temp.price('claude-opus', '2026-06-01')$$,
  'or for a model that was not used');

select * from finish();
rollback;

-- What alerts are made of: notices that name what waits, and each name once a month.
begin;
select plan(5);

select is_empty($$select * from _billing.named_alerts('2026-06-12 09:00+00')$$,
  'there is nothing to name');
select is(_billing.key_limit_notice(), null, 'no row waits beneath the limit of keys');
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
values ('STRAY', 'claude-sonnet', 1, '2026-06-11 12:00+00');
select _billing.rollup();
select results_eq($$select key, priority, subject from _billing.named_alerts(
    '2026-06-12 09:00+00')$$,
  $$values ('nobody:2026-06-12:' || md5('STRAY'), 'high', 'Usage that nobody owns')$$,
  'the key has the kind, the day and what is named');
select billing.queue_usage_alerts('2026-06-12 09:00+00');
select is_empty($$select * from _billing.named_alerts('2026-06-13 09:00+00')$$,
  'operators have been told of it this month');
select isnt_empty($$select * from _billing.named_alerts('2026-07-01 09:00+00')$$,
  'and are told again in the next');

select * from finish();
rollback;

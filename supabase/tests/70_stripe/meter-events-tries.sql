-- Stripe remembers the identifier of a meter event for 24 hours. An event in doubt is tried again
-- for 23 hours from its first try; a later try does not prolong that.
begin;
select plan(4);

insert into public.clients (id, name, email, started_on)
values ('00000000-0000-4000-8000-000000000076', 'Acme', 'a@acme.test', '2026-06-01');
insert into public.stripe_meters (client_id, metric, event_name, effective_from)
values ('00000000-0000-4000-8000-000000000076', 'input_tokens', 'tokens', '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'claude-sonnet', 100, '00000000-0000-4000-8000-000000000076', '2026-06-10 12:00Z');
select _billing.rollup();
create function pg_temp.try_at(at timestamptz) returns boolean language plpgsql as $$
declare
  event uuid := (select id from _billing.due_meter_events(false, at));
begin
  if event is null then
    return false;
  end if;
  perform _billing.begin_meter_event(event, at);
  perform _billing.save_meter_event(event, 'unsure', 'timeout', at);
  return true;
end $$;
select ok(pg_temp.try_at('2026-06-12 12:00Z'), 'a first try');
select ok(pg_temp.try_at('2026-06-13 10:00Z'), 'a second one 22 hours after it');
select ok(not pg_temp.try_at('2026-06-13 11:00Z'), 'none 23 hours after the first');
select is((select tried_at from billing.stripe_meter_events), timestamptz '2026-06-12 12:00Z',
  'the first try is the one that is remembered');

select * from finish();
rollback;

-- Periods that wait for a rebuild wait until none is to come for them.
begin;
select plan(2);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000a19', 'One', '2026-06-01');
select _billing.hold_usage(), _billing.open_periods('2026-08-01');
update public.billing_periods set state = 'blocked', reason = 'usage_being_rebuilt',
  message = 'wait';
insert into billing.rebuild_requests (from_day, until_day, in_steps)
values ('2026-06-10', '2026-06-20', true);
create view pg_temp.states as
select array_agg(state order by period_start) as states from public.billing_periods;
select _billing.release_rebuilt();
select is(states, '{blocked,pending}', 'release_rebuilt: June is being rebuilt, July is not')
from pg_temp.states;
delete from billing.rebuild_requests;
select _billing.release_rebuilt();
select is(states, '{pending,pending}', 'then June is not either') from pg_temp.states;

select * from finish();
rollback;

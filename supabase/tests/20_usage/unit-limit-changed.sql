-- What a change of max_units_per_event counts anew: raised, what waits, and of its clients alone;
-- lowered, rows beyond it that were taken back, found by one pass over the log.
begin;
select plan(18);

insert into public.clients (id, name, external_id, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Bolt', null, '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000c', 'Crow', 'crow', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000d', 'Dove', null, '2026-06-01');
insert into public.agent_assignments (agent, client_id, starts_at, ends_at) values
  ('BY-AGENT', '00000000-0000-0000-0000-00000000000b', '2026-06-01', '2026-06-15'),
  ('BY-AGENT', '00000000-0000-0000-0000-00000000000c', '2026-06-15', '2026-07-01');
update public.billing_settings set default_client_id = '00000000-0000-0000-0000-00000000000d';
create function pg_temp.log(of_agent text, tokens bigint, claim text default null)
returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp")
  values (of_agent, 'claude-sonnet', tokens,
    case when claim is null then '{}' else jsonb_build_object('client_id', claim) end,
    '2026-06-10 12:00+00');
$$;
create function pg_temp.asked() returns text language sql as $$
  select string_agg(format('%s for %s', array_to_string(r.agents, ','),
    (select string_agg(c.name, ',' order by c.name) from public.clients c
      where c.id = any (r.client_ids))), '; ' order by r.id)
  from billing.rebuild_requests r;
$$;

-- Raised.
select pg_temp.log('BY-NAME', 2000000000, 'acme'), pg_temp.log('BY-AGENT', 2000000000),
  pg_temp.log('FITS', 5, 'crow'), pg_temp.log('DISMISSED', 2000000000, 'crow');
select _billing.rollup();
select is(billing.dismiss_quarantined('a slip', agent => 'DISMISSED'), 1::bigint,
  'one row is dismissed, two wait');
select _billing.rollup();
select is(pg_temp.asked(), null, 'nothing is to be counted anew');
select lives_ok('update public.billing_settings set max_units_per_event = 3000000000',
  'the bound is raised');
select is(pg_temp.asked(), 'BY-AGENT,BY-NAME for Acme,Bolt',
  'clients with rows that wait are counted anew, nobody else');
-- As a job: the periods of the others do not wait for it.
set local billing.rebuilt_at_once = 0;
select _billing.rollup();
select is(_billing.is_being_rebuilt(c.id, '2026-06-01', '2026-07-01'), c.name in ('Acme', 'Bolt'),
  c.name || ' waits if rows of it did')
from public.clients c order by c.name;
set local billing.rebuilt_at_once = 200000;
do $$ begin while billing.rebuild_step() loop null; end loop; end $$;
select is((select sum(quantity) from public.usage_records where metric = 'input_tokens'),
  4000000005::numeric, 'waiting rows are counted');
select pg_temp.log('BY-DEFAULT', 4000000000);
select _billing.rollup();
select _billing.recount_waiting_units();
select is(pg_temp.asked(), 'BY-DEFAULT for Dove', 'whose nobody said is the default client''s');
select _billing.rollup();

-- Lowered: what waits goes on waiting, and what counts is not taken back.
select throws_like('update public.billing_settings set max_units_per_event = 1999999999',
  'log % is counted and has more units', 'a counted row is not taken back');
select is(pg_temp.asked(), null, 'nothing is asked for');
select billing.retract_log(l.id, 'a slip') from public.agent_usage_logs l
where l.agent = 'BY-NAME';
select _billing.rollup();
update public.billing_settings set max_units_per_event = 2500000000;
select is(pg_temp.asked(), null, 'where nothing that counts is beyond it nothing is counted anew');
select billing.correct_log(l.id, '{"input_tokens": 7}', 'a slip') from public.agent_usage_logs l
where l.agent = 'BY-AGENT';
select _billing.rollup();
-- The row of each look is counted.
select has_function('_billing', 'recount_beyond_units', array['bigint']);
create temporary sequence looks;
alter function _billing.has_more_units(public.agent_usage_logs, bigint) rename to judged_before;
create function _billing.has_more_units(log public.agent_usage_logs, most bigint) returns boolean
language plpgsql as $$
begin
  perform nextval('pg_temp.looks');
  return _billing.judged_before(log, most);
end $$;
update public.billing_settings set max_units_per_event = 1000000000;
select is((select last_value from looks), (select count(*) from public.agent_usage_logs),
  'each row of the log is looked at once');
select is(pg_temp.asked(), 'BY-AGENT,BY-NAME for Acme,Bolt',
  'rows that were taken back leave with what takes them back');
select _billing.rollup();
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');
select is((select sum(quantity) from public.usage_records where metric = 'input_tokens'),
  12::numeric, 'corrected rows count');
select * from finish();
rollback;

-- Usage that Stripe rates goes to its meters, once, and on no invoice of ours.
begin;
select plan(38);

insert into public.clients (id, name, email, time_zone, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', 'a@acme.test', 'America/New_York', '2026-05-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', 'b@birch.test', 'UTC', '2026-06-01');
insert into public.billing_config (client_id, effective_from, minimum_minor)
select id, '2026-05-01', 0 from public.clients;
create function pg_temp.log(client text, day text, tokens integer, searches integer default 0,
  features jsonb default '{}') returns void language sql as $$
  insert into public.agent_usage_logs (agent, endpoint, model, client_id, input_tokens,
    web_searches, other_features, "timestamp")
  select 'SCHOLAR', 'ask', 'claude-sonnet', c.id, tokens, searches, features, day::timestamptz
  from public.clients c where c.name = client;
$$;
create function pg_temp.told() returns setof text language sql as $$
  select format('%s %s %s %s', e.event_name, e.usage_day, e.value,
    case when e.sent_at is null then 'unsent' else 'sent' end)
  from billing.stripe_meter_events e order by e.usage_day, e.event_name, e.made_at, e.value;
$$;
create function pg_temp.differences(at timestamptz default '2026-06-12 12:00+00')
returns setof text language sql as $$
  select format('%s %s %s of %s: %s', d.event_name, d.usage_day, d.sent, d.used, d.reason)
  from _billing.meter_differences('2026-05-01', false, at) d;
$$;

-- Which usage.
insert into public.stripe_meters (client_id, metric, model, event_name, effective_from) values
  ('00000000-0000-0000-0000-00000000000a', 'input_tokens', null, 'tokens', '2026-06-03'),
  ('00000000-0000-0000-0000-00000000000a', 'input_tokens', 'claude-opus', 'opus', '2026-06-03'),
  ('00000000-0000-0000-0000-00000000000a', 'pages', null, 'pages', '2026-06-03');
select pg_temp.log('Acme', '2026-06-02 12:00+00', 1000000, 7);
select pg_temp.log('Acme', '2026-06-10 12:00+00', 2000000, 5);
select pg_temp.log('Acme', '2026-06-11 03:00+00', 500000);
select pg_temp.log('Acme', '2026-06-12 12:00+00', 9);
select pg_temp.log('Birch', '2026-06-10 12:00+00', 1000000);
insert into public.agent_usage_logs (agent, endpoint, model, client_id, input_tokens, "timestamp")
values ('SCHOLAR', 'ask', 'claude-opus', '00000000-0000-0000-0000-00000000000a', 300,
  '2026-06-10 13:00+00');
select _billing.rollup();
select results_eq($$select event_name, usage_day, quantity
    from _billing.metered_usage('2026-06-01', '2026-07-01') order by 1, 2$$,
  $$values ('opus', '2026-06-10'::date, 300::numeric), ('tokens', '2026-06-10', 2500000),
    ('tokens', '2026-06-12', 9)$$,
  'metered usage is summed by client-local day; a model''s own meter wins');
select is_empty($$select * from _billing.metered_usage('2026-06-01', '2026-06-03')$$,
  'before the meter begins nothing is');
select throws_ok($$insert into public.stripe_meters (client_id, metric, event_name, effective_from)
  values ('00000000-0000-0000-0000-00000000000a', 'pages', 'other', '2027-01-01')$$, '23P01', null,
  'one meter at a time takes a usage');

-- Never both.
select results_eq($$select distinct u.metric, u.usage_day from billing.usage_of_targets(array[
    ('00000000-0000-0000-0000-00000000000a', '2026-06-01', '2026-07-01')::billing.rating_target])
    u where u.metric in ('input_tokens', 'web_searches') order by 1, 2$$,
  $$values ('input_tokens', '2026-06-02'::date), ('web_searches', '2026-06-02'),
    ('web_searches', '2026-06-10')$$, 'all else is left for our invoice');
select results_eq($$select metric, service_start, service_end, quantity, amount_minor
    from _billing.rate_usage(array[('00000000-0000-0000-0000-00000000000a', '2026-06-01',
      '2026-07-01')::billing.rating_target]) order by metric$$,
  $$values ('input_tokens', '2026-06-01'::date, '2026-07-01'::date, 1000000::numeric,
    300::numeric), ('web_searches', '2026-06-01', '2026-07-01', 12, 12)$$,
  'which charges 3.00 for the tokens of before, and 12 searches');
select results_eq($$select sum(l.quantity) from billing.priced_usage(array[
    ('00000000-0000-0000-0000-00000000000a', '2026-06-01', '2026-07-01')::billing.rating_target]) l
    where l.metric = 'input_tokens'$$, 'values (1000000::numeric)', 'and prices no more');
-- 3.00 and 7 searches; 5 searches.
select is(billing.current_spend('00000000-0000-0000-0000-00000000000a', '2026-06-12 12:00+00')
    -> 'days', '[{"day": "2026-06-02", "amount_minor": 307},
    {"day": "2026-06-10", "amount_minor": 5}]', 'nor do the days of the live spend');

-- What Stripe is told.
select is(_billing.oldest_metered_day('2026-06-12 12:00+00'), '2026-05-09',
  'Stripe takes the past 35 days');
select results_eq($$select event_name, value, to_timestamp(happened_at), attempts::integer
    from _billing.due_meter_events(false, '2026-06-12 12:00+00') order by value$$,
  $$values ('opus', 300::bigint, '2026-06-10 16:00+00'::timestamptz, 0),
    ('tokens', 2500000, '2026-06-10 16:00+00', 0)$$,
  'days that are over, at the client''s noon');
select is((select count(*) from _billing.due_meter_events(false, '2026-06-12 12:00+00')), 2::bigint,
  'asked again: the same, not more');
select bag_eq('select pg_temp.told()', $$values ('opus 2026-06-10 300 unsent'),
  ('tokens 2026-06-10 2500000 unsent')$$, 'written down before it is sent');
select bag_eq('select pg_temp.differences()', $$values
  ('opus 2026-06-10 0 of 300: to be sent'), ('tokens 2026-06-10 0 of 2500000: to be sent')$$,
  'until then it is a difference');
select is(bool_and(_billing.begin_meter_event(e.id, '2026-06-12 12:00+00')), true,
  'a begun event may be sent') from billing.stripe_meter_events e;
select _billing.save_meter_event(e.id, 'sent', null, '2026-06-12 12:00+00')
from billing.stripe_meter_events e;
select is(bool_or(_billing.begin_meter_event(e.id, '2026-06-12 12:01+00')), false,
  'a sent event is not sent again') from billing.stripe_meter_events e;
select is(_billing.begin_meter_event('00000000-0000-0000-0000-000000000001', now()), false,
  'nor what was written down anew by another worker');
select is_empty($$select * from _billing.due_meter_events(false, '2026-06-12 12:00+00')$$,
  'then there is nothing to tell');
select is_empty('select pg_temp.differences()', 'and no difference');
select is((select count(*) from _billing.due_meter_events(true, '2026-06-12 12:00+00')), 2::bigint,
  'live mode is told by itself');
delete from billing.stripe_meter_events where livemode;

-- Late usage, corrections, parts of units.
select pg_temp.log('Acme', '2026-06-10 14:00+00', 70, 0, '{"pages": 2.5}');
select _billing.rollup();
select bag_eq($$select event_name, value
    from _billing.due_meter_events(false, '2026-06-12 12:00+00')$$,
  $$values ('tokens', 70::bigint), ('pages', 2)$$,
  'late usage is an event of its own, in whole units');
select pg_temp.log('Acme', '2026-06-10 15:00+00', 30);
select _billing.rollup();
select bag_eq($$select event_name, value
    from _billing.due_meter_events(false, '2026-06-12 12:00+00')$$,
  $$values ('tokens', 100::bigint), ('pages', 2)$$,
  'an event that Stripe cannot have is written anew');
select _billing.begin_meter_event(e.id, '2026-06-12 12:00+00')
from billing.stripe_meter_events e where e.sent_at is null;
select _billing.save_meter_event(e.id, 'sent', null, '2026-06-12 12:00+00')
from billing.stripe_meter_events e;
select bag_eq('select pg_temp.differences()',
  $$values ('pages 2026-06-10 2 of 2.5: a part of a unit: Stripe takes whole ones')$$,
  'a part of a unit waits for its rest, and is said');
select billing.correct_log(l.id, '{"input_tokens": 250}', 'a test')
from public.agent_usage_logs l where l.input_tokens = 300;
select _billing.rollup();
select is_empty($$select * from _billing.due_meter_events(false, '2026-06-12 12:00+00')$$,
  'usage that was taken back makes no event');
select bag_eq('select pg_temp.differences()', $$values
  ('pages 2026-06-10 2 of 2.5: a part of a unit: Stripe takes whole ones'),
  ('opus 2026-06-10 300 of 250: more was told than was used, and Stripe takes nothing back')$$,
  'and is a difference, not dropped');

-- Tries that fail.
select pg_temp.log('Acme', '2026-06-11 12:00+00', 40);
select _billing.rollup();
create temp table due as select * from _billing.due_meter_events(false, '2026-06-12 12:00+00');
select results_eq('select value from due', 'values (40::bigint)', 'one more to tell');
select _billing.begin_meter_event(id, '2026-06-12 12:00+00') from due;
select _billing.save_meter_event(id, 'refused', 'no such meter', '2026-06-12 12:00+00') from due;
select is((select count(*) from pg_temp.differences() d where d like '%40: no such meter'),
  1::bigint, 'a refusal is reported in Stripe''s words');
select isnt((select id from _billing.due_meter_events(false, '2026-06-12 13:00+00')),
  (select id from due), 'and is written anew: Stripe does not know it');
truncate due;
insert into due select * from _billing.due_meter_events(false, '2026-06-12 13:00+00');
select _billing.begin_meter_event(id, '2026-06-12 13:00+00') from due;
select _billing.save_meter_event(id, 'unsure', 'no answer', '2026-06-12 13:00+00') from due;
select pg_temp.log('Acme', '2026-06-11 13:00+00', 2);
select _billing.rollup();
select results_eq($$select id in (select id from due), value, attempts::integer
    from _billing.due_meter_events(false, '2026-06-13 11:00+00') where event_name = 'tokens'
      and value < 9 or value = 40 order by value$$,
  $$values (false, 2::bigint, 0), (true, 40, 1)$$,
  'an event in doubt keeps its identifier, with later usage beside it');
select is_empty($$select * from _billing.due_meter_events(false, '2026-06-13 12:30+00') d
    where d.value = 40$$, 'but not once Stripe may have forgotten the name');
update billing.stripe_meter_events set problem = null where value = 40;
select ok(exists (select from pg_temp.differences('2026-06-13 12:30+00') d
  where d = 'tokens 2026-06-11 0 of 42: whether Stripe has the rest is not known'),
  'then somebody must look');
select _billing.begin_meter_event(id, '2026-06-12 13:30+00') from due;
select _billing.save_meter_event(id, 'refused', 'x', '2026-06-12 13:30+00') from due;
select isnt((select tried_at from billing.stripe_meter_events where id = (select id from due)),
  null, 'a refusal after a try in doubt proves nothing');

-- Events that wait.
select pg_temp.log('Acme', '2026-06-13 12:00+00', 5);
select _billing.rollup();
select billing.end_service(id, '2026-06-13') from public.clients where name = 'Acme';
select is_empty($$select * from _billing.due_meter_events(false, '2026-06-14 12:00+00')
    where value = 5$$, 'usage outside of service is not told');
select billing.start_service(id, '2026-06-13') from public.clients where name = 'Acme';
select ok(exists (select from pg_temp.differences('2026-06-14 12:00+00') d
  where d = 'tokens 2026-06-13 0 of 5: to be sent'), 'and is once its day is of service');
select ok(exists (select from pg_temp.differences('2026-07-30 12:00+00') d
  where d = 'tokens 2026-06-13 0 of 5: too old for Stripe to take'),
  'an event older than Stripe takes is a difference');

-- Terms in force.
select throws_ok($$delete from public.stripe_meters$$, 'PT409', null,
  'a meter that has been in force stays');
select throws_ok($$update public.stripe_meters set event_name = 'x'$$, 'PT409', null, 'as it was');
select billing.generate_invoice('00000000-0000-0000-0000-00000000000b', '2026-06-01');
select throws_ok($$insert into public.stripe_meters (client_id, metric, event_name, effective_from)
  values ('00000000-0000-0000-0000-00000000000b', 'input_tokens', 'tokens', '2026-06-20')$$,
  'PT409', 'Stripe would rate usage of a period that we have settled: 2026-06-01 until 2026-07-01 '
    || '(INV-2026-000001)', 'a meter over an invoiced period is refused');
select lives_ok($$insert into public.stripe_meters (client_id, metric, event_name, effective_from)
  values ('00000000-0000-0000-0000-00000000000b', 'input_tokens', 'tokens', '2026-07-01')$$,
  'a meter after the invoiced period is accepted');
select trigger_is('public', 'stripe_meters', 'guard_new_meter', '_billing', 'guard_new_meter',
  'which is looked at when a meter is added');

select * from finish();
rollback;

-- A client that moves: the new zone holds from its next local day; no instant is lost or counted
-- twice, whichever way it moves.
begin;
select plan(9);

insert into public.clients (id, name, time_zone, started_on) values
  ('00000000-0000-0000-0000-00000000000e', 'Goes east', 'Pacific/Pago_Pago', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000f', 'Goes west', 'Pacific/Kiritimati', '2026-06-01');

-- Both move on 15 June at noon UTC: in Pago Pago it is 15 June 01:00, in Kiritimati 16 June 02:00.
set local billing.as_of = '2026-06-15 12:00+00';
update public.clients set time_zone = 'Pacific/Kiritimati' where name = 'Goes east';
update public.clients set time_zone = 'Pacific/Pago_Pago' where name = 'Goes west';

select results_eq($$
  select time_zone, effective_from, starts_at, ends_at from public.client_time_zones
  where client_id = '00000000-0000-0000-0000-00000000000e' order by starts_at$$,
  $$values ('Pacific/Pago_Pago', '-infinity'::date, '-infinity'::timestamptz,
      '2026-06-16 11:00+00'::timestamptz),
    ('Pacific/Kiritimati', '2026-06-16', '2026-06-16 11:00+00', 'infinity')$$,
  'the old zone ends where its day ends, the new one starts there');

-- East: at the change it is already 17 June in Kiritimati; 16 June has no instant left.
select is(billing.day_of('00000000-0000-0000-0000-00000000000e', '2026-06-16 10:59:59+00'),
  '2026-06-15'::date, 'east: the last second of the old zone''s day');
select is(billing.day_of('00000000-0000-0000-0000-00000000000e', '2026-06-16 11:00+00'),
  '2026-06-17'::date, 'east: a day can be left out');
select cmp_ok(_billing.day_start('00000000-0000-0000-0000-00000000000e', '2026-06-17'), '>=',
  _billing.day_start('00000000-0000-0000-0000-00000000000e', '2026-06-16'),
  'east: days never run backwards');

-- West: at the change (16 June 10:00 UTC) it is still 15 June in Pago Pago; that time is 17 June.
select is(billing.day_of('00000000-0000-0000-0000-00000000000f', '2026-06-16 09:59:59+00'),
  '2026-06-16'::date, 'west: the last second of the old zone''s day');
select is(billing.day_of('00000000-0000-0000-0000-00000000000f', '2026-06-16 10:00+00'),
  '2026-06-17'::date, 'west: a day that is over does not come again');

-- Usage every hour of June and July lands on exactly one day, and on the invoice once.
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
select 'SCHOLAR', 'claude-sonnet', 1000000, c.id, h
from public.clients c
cross join generate_series('2026-06-02 00:00+00'::timestamptz, '2026-06-29 23:00+00', '1 hour') h;
select billing.run_monthly('2026-07-03 00:00+00');
select results_eq($$select total_minor from public.invoices$$, $$values (201600::bigint),
  (201600)$$,
  '672 hours of 1M tokens at 3.00 are 2016.00, east and west');

-- Moving twice before the first move took hold leaves no trace of the one between.
set local billing.as_of = '2026-08-01 12:00+00';
update public.clients set time_zone = 'Europe/Berlin' where name = 'Goes west';
update public.clients set time_zone = 'Europe/Paris' where name = 'Goes west';
select is((select count(*) from public.client_time_zones
  where client_id = '00000000-0000-0000-0000-00000000000f'), 3::bigint,
  'two changes on one day are one');
select is_empty($$
  select a.client_id from public.client_time_zones a
  where a.ends_at <> 'infinity' and not exists (select from public.client_time_zones b
    where b.client_id = a.client_id and b.starts_at = a.ends_at)$$,
  'zones follow each other without a gap');

select * from finish();
rollback;

-- One client's invoice on demand: the same as the monthly run's, once, and of nobody else.
begin;
select plan(10);

insert into public.clients (id, name, started_on, billing_anchor_day) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-05-01', 1),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-05-01', 1),
  ('00000000-0000-0000-0000-00000000000c', 'Cedar', '2026-05-15', 15);
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp") values
  ('S', 'claude-opus', 10000000, '00000000-0000-0000-0000-00000000000a', '2026-06-10 00:00+00'),
  ('S', 'no-such-model', 1, '00000000-0000-0000-0000-00000000000b', '2026-06-10 00:00+00');

create function pg_temp.generate(client text, month date, as_of timestamptz)
returns text language plpgsql as $$
declare
  made record;
begin
  select * into made from billing.generate_invoice(
    ('00000000-0000-0000-0000-00000000000' || client)::uuid, month, as_of);
  return made.outcome || ' ' || (
    select i.status || ' ' || i.total_minor from public.invoices i where i.id = made.invoice_id);
end $$;

select throws_ok($$select pg_temp.generate('a', '2026-06-01', '2026-06-30 23:59+00')$$,
  'PT409', 'the period ends at 2026-07-01 00:00:00+00', 'not before the period is over');
select is(pg_temp.generate('a', '2026-06-01', '2026-07-01 00:00+00'), 'created open 15000',
  'the period that is over becomes an invoice');
select is(pg_temp.generate('a', '2026-06-01', '2026-07-02 00:00+00'), 'existing open 15000',
  'asked again, the same invoice is the answer');
select is((select count(*) from public.invoices), 1::bigint, 'nobody else has one');
select throws_like($$select pg_temp.generate('b', '2026-06-01', '2026-07-01 00:00+00')$$,
  '%no-such-model%', 'a client that cannot be billed is refused with the reason');
select is(pg_temp.generate('b', '2026-05-01', '2026-07-01 00:00+00'), 'created open 5000',
  'its other periods can be billed: the minimum of May');
select is(pg_temp.generate('c', '2026-05-01', '2026-07-01 00:00+00'), 'created open 5000',
  'with an anchor day, the month is the one that the period begins in');
select is((select period_start || ' ' || period_end from public.invoices
    where client_id = '00000000-0000-0000-0000-00000000000c'), '2026-05-15 2026-06-15',
  'from anchor day to anchor day');
select throws_ok($$select pg_temp.generate('d', '2026-06-01', '2026-07-01 00:00+00')$$, 'PT404',
  null, 'an unknown client is told as such');
select billing.run_monthly('2026-07-01 00:00+00');
select is((select count(*) from public.invoices i
    where i.client_id = '00000000-0000-0000-0000-00000000000a' and i.period_start = '2026-06-01'),
  1::bigint, 'the monthly run does not bill it again');

select * from finish();
rollback;

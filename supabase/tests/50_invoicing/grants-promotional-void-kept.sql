-- Credit that a month is to take again after a void is not there for the void of another invoice,
-- nor for a late draft that waits. Tokens in are 3.00 a million, out 15.00.
begin;
select plan(16);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000003896', 'Acme', '2026-05-01'),
  ('00000000-0000-4000-8000-000000003897', 'Bolt', '2026-05-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
create function pg_temp.log(name text, day date, ins numeric, outs numeric) returns uuid
language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, client_id,
    "timestamp")
  select 'S', 'claude-sonnet', ins * 1000000, outs * 1000000, c.id, day + interval '12 hours'
  from public.clients c where c.name = log.name
  returning id;
$$;
create function pg_temp.left_of(name text) returns bigint language sql as $$
  select l.left_minor from public.clients c
  cross join lateral _billing.left_of_grants(array[c.id]) l where c.name = left_of.name;
$$;
create function pg_temp.invoice(name text, start date) returns public.invoices language sql as $$
  select i from public.invoices i join public.clients c on c.id = i.client_id
  where c.name = invoice.name and i.period_start = start and i.status <> 'void';
$$;
create function pg_temp.late() returns public.invoices language sql as $$
  select i from public.invoices i where i.kind = 'late';
$$;

-- 9.00 each for tokens out: May uses 3.00, June 6.00. All comes back, May's with July's invoice,
-- June's with August's. June's invoice is void: it is to take its 6.00 again.
select billing.grant_credit(id, 900, 'promotional', metrics => '{output_tokens}',
  as_of => '2026-05-02') from public.clients;
create temporary table wrong as
select pg_temp.log(name, '2026-05-11', 0, 0.2) as may,
  pg_temp.log(name, '2026-06-11', 0, 0.4) as june
from public.clients;
select pg_temp.log(c.name, m::date + 9, 1, 0)
from public.clients c, generate_series('2026-05-01', '2026-08-01', interval '1 month') m;
select billing.run_monthly('2026-07-01');
select is(pg_temp.left_of(name), 0::bigint, 'all of it is used') from public.clients;
select billing.retract_log(may, 'a test') from wrong;
select billing.run_monthly('2026-08-01');
select billing.retract_log(june, 'a test') from wrong;
select billing.run_monthly('2026-09-01');
select billing.void_invoice((pg_temp.invoice(name, '2026-06-01')).id, 'mistake', '2026-09-05')
from public.clients;
select is(pg_temp.left_of(name), 1500::bigint, '9.00, and the 6.00 that June takes again')
from public.clients;

-- Acme's September takes 9.00 of 12.00. July's invoice gave 3.00 back, which are used by now.
select pg_temp.log('Acme', '2026-09-10', 1, 0.8);
-- Bolt has ended. Its August has 12.00 more late, of which a draft that is held takes 9.00 off.
update public.clients set ended_on = '2026-09-01' where name = 'Bolt';
insert into public.hold_limits (client_id, currency, ceiling_minor, factor)
select id, 'USD', 200, null from public.clients where name = 'Bolt';
select pg_temp.log('Bolt', '2026-08-11', 0, 0.8);
select billing.run_monthly('2026-10-01');
select is(pg_temp.left_of('Acme'), 600::bigint, 'September has used 9.00; the rest is June''s');
select throws_ok($$select billing.void_invoice((pg_temp.invoice('Acme', '2026-07-01')).id,
    'mistake', '2026-10-05')$$, 'PT409', null, 'so July''s invoice cannot be void');
select is((pg_temp.invoice('Acme', '2026-07-01')).status, 'open', 'it stands');
select is_empty('select * from billing.check_invariants()', 'the books agree');

-- A late draft stops no void; it is issued with the credit that is there.
select is((pg_temp.late()).discount_minor, 900::bigint, 'Bolt''s draft takes 9.00');
select is(_billing.drafts_without_credit(array[(pg_temp.late()).id], '2026-10-02'), '{}',
  'which are there');
select billing.void_invoice((pg_temp.invoice('Bolt', '2026-07-01')).id, 'mistake', '2026-10-05');
select is(pg_temp.left_of('Bolt'), 1200::bigint, '12.00 are left, of which June''s are 6.00');
select is(_billing.drafts_without_credit(array[(pg_temp.late()).id], '2026-10-05'),
  array[(pg_temp.late()).id], 'the draft uses more than the rest');
select billing.release_invoice((pg_temp.late()).id, 'agreed', 1000);
select billing.finalize_invoice((pg_temp.late()).id, '2026-10-06');
select is((pg_temp.late()).discount_minor, 600::bigint, 'it is made anew with 6.00');
delete from public.hold_limits;
select billing.regenerate_invoice((select i.id from public.invoices i
    join public.clients c on c.id = i.client_id and c.name = 'Bolt'
    where i.status = 'void' and i.period_start = '2026-06-01'), '2026-10-07');
select isnt(billing.finalize_invoice((pg_temp.invoice('Bolt', '2026-06-01')).id, '2026-10-07'),
  null, 'June takes its own again');
select is(pg_temp.left_of('Bolt'), 300::bigint, 'May''s 3.00 are left, which come back anew');
select is_empty('select * from billing.check_invariants()', 'and the books agree');
select * from finish();
rollback;

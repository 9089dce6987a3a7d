-- A late draft that waits, held, for credit that is gone when it is finalized: it is made anew, and
-- no grant goes below zero. 3.00 a million tokens; amounts derived by hand.
begin;
select plan(21);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000004471', 'Acme', '2026-06-01'),
  ('00000000-0000-4000-8000-000000004472', 'Bolt', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
insert into public.hold_limits (client_id, currency, ceiling_minor, factor)
select id, 'USD', 5000, null from public.clients;
create function pg_temp.client(name text) returns uuid language sql as $$
  select c.id from public.clients c where c.name = client.name;
$$;
create function pg_temp.log(name text, millions integer, at timestamptz) returns uuid
language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  values ('S', 'claude-sonnet', millions * 1000000, pg_temp.client(log.name), at) returning id;
$$;
create function pg_temp.late(name text) returns public.invoices language sql as $$
  select i from public.invoices i where i.client_id = pg_temp.client(late.name)
    and i.kind = 'late' order by i.created_at desc limit 1;
$$;
create function pg_temp.left_of(name text) returns bigint language sql as $$
  select l.left_minor from _billing.left_of_grants(array[pg_temp.client(left_of.name)]) l;
$$;
create function pg_temp.july(name text) returns uuid language sql as $$
  select i.id from public.invoices i where i.client_id = pg_temp.client(july.name)
    and i.period_start = '2026-07-01' and i.status = 'open';
$$;

-- 10.00 of credit each. June uses 9.00 of it; 6.00 come back with July's invoice, which uses 1.00.
select billing.grant_credit(id, 1000, 'promotional', as_of => '2026-06-02') from public.clients;
select pg_temp.log(name, 1, '2026-06-10') from public.clients;
create temporary table wrong as
select pg_temp.log(name, 2, '2026-06-11') as id from public.clients;
select billing.run_monthly('2026-07-01');
select billing.retract_log(id, 'a test') from wrong;
select pg_temp.log(name, 5, '2026-07-10') from public.clients;
select billing.run_monthly('2026-08-01');
select is(pg_temp.left_of('Acme'), 600::bigint, '6.00 have come back');
-- They have ended. Late usage: of July with Acme, of June with Bolt, 75.00 each, on held drafts
-- that take the 6.00.
update public.clients set ended_on = '2026-08-01';
select pg_temp.log('Acme', 25, '2026-07-11'), pg_temp.log('Bolt', 25, '2026-06-12');
select billing.run_monthly('2026-09-01');
select results_eq($$select client, total_minor from billing.held_invoices order by 1$$,
  $$values ('Acme', 6900::bigint), ('Bolt', 6900)$$, 'both are held');
select is(_billing.drafts_without_credit(array[(pg_temp.late('Acme')).id], '2026-09-01'), '{}',
  'the credit is there');
select is(_billing.drafts_without_credit('{}', '2026-09-01'), '{}', 'no draft lacks any');
select results_eq($$select t.period_start from unnest(_billing.with_drafted_sections(array[
    (pg_temp.client('Acme'), '2026-06-01', '2026-07-01')::billing.rating_target])) t$$,
  $$values ('2026-06-01'::date), ('2026-07-01')$$,
  'to close June is to lock July too, whose late draft is made anew with it');
select billing.release_invoice((pg_temp.late(name)).id, 'agreed') from public.clients;
select _billing.remake_late_drafts(pg_temp.client('Bolt'), '2026-09-01');
select is((pg_temp.late('Bolt')).total_minor, 6900::bigint, 'made anew, a draft is what it was');

-- July's invoices are void: what they gave back is used again.
select billing.void_invoice(pg_temp.july('Acme'), 'mistake', '2026-09-02');
select billing.void_invoice(pg_temp.july('Bolt'), 'mistake', '2026-09-02');
select is(pg_temp.left_of('Bolt'), 100::bigint, '1.00 is left');
select is(_billing.drafts_without_credit(array[(pg_temp.late('Acme')).id,
  (pg_temp.late('Bolt')).id], '2026-09-02') @> array[(pg_temp.late('Acme')).id], true,
  'less than the drafts use');
select is(_billing.drafts_past_grace('2026-09-02', array(select id from public.clients)), '{}',
  'no run issues them as they are');
select throws_ok($$select _billing.use_promotional_credit(array[(pg_temp.late('Bolt')).id],
    '2026-09-02')$$, 'PT409', null, 'nor does anything else');

-- Acme's is of the void month and is charged with what replaces that.
select is(billing.finalize_invoice((pg_temp.late('Acme')).id, '2026-09-03'), null,
  'usage of a void month waits for its invoice');
select is((pg_temp.late('Acme')).id, null, 'there is no late invoice of it');
select billing.release_invoice(billing.regenerate_invoice(i.id, '2026-09-03'), 'agreed')
from public.invoices i where i.client_id = pg_temp.client('Acme') and i.status = 'void';
select billing.finalize_invoice(i.id, '2026-09-03') from public.invoices i
where i.client_id = pg_temp.client('Acme') and i.status = 'draft';
-- 15.00 + 75.00 - 1.00; of June 6.00 less usage, and 6.00 of credit back.
select is((select i.total_minor from public.invoices i where i.id = pg_temp.july('Acme')),
  8900::bigint, 'with the credit that there is');
select is(pg_temp.left_of('Acme'), 600::bigint, 'and what came back is there again');

-- While June is computed anew Bolt's stays as it is: made anew it would be without June's lines.
insert into billing.rebuild_requests (client_ids, from_day, until_day, in_steps)
values (array[pg_temp.client('Bolt')], '2026-06-01', '2026-07-01', true);
select throws_ok(format($$select billing.finalize_invoice(%L, '2026-09-03')$$,
  (pg_temp.late('Bolt')).id), 'PT409', null, 'a period that is blocked blocks its late draft');
select is((pg_temp.late('Bolt')).total_minor, 6900::bigint, 'which stays as it is');
delete from billing.rebuild_requests;

-- Bolt's is of June: 3.00 + 75.00 are 69.00 more than the 9.00 of its invoice, less 1.00.
select isnt(billing.finalize_invoice((pg_temp.late('Bolt')).id, '2026-09-03'), null,
  'a late draft is finalized as it would be made now');
select is((pg_temp.late('Bolt')).total_minor, 6800::bigint, 'with what is left of the credit');
select is((pg_temp.late('Bolt')).document -> 'discounts', '[{"description":
  "Promotional credit, June 2026", "amount_minor": -100, "left_minor": 0}]', 'and says so');
select is(pg_temp.left_of('Bolt'), 0::bigint, 'no grant is below zero');
select is_empty('select * from billing.check_invariants()', 'the books agree');
select * from finish();
rollback;

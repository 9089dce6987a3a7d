-- Promotional credit of a period whose invoice is void, after a later invoice had given some of it
-- back: that is kept for the invoice that replaces it. Tokens in are 3.00 a million, out 15.00.
begin;
select plan(17);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000003891', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
create function pg_temp.log(day date, ins integer, outs integer) returns uuid language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, client_id,
    "timestamp")
  select 'S', 'claude-sonnet', ins, outs, c.id, day + interval '12 hours' from public.clients c
  returning id;
$$;
create function pg_temp.left_minor() returns bigint language sql as $$
  select l.left_minor from _billing.left_of_grants(array(select c.id from public.clients c)) l;
$$;
-- The balance and the list, at an instant.
create function pg_temp.shown(at timestamptz) returns text language sql as $$
  select concat_ws(' ', (select p.amount_minor from billing.promotional_credit(c.id, at) p),
    (select x.left_minor || ' ' || x.state from billing.credits_of(c.id, at) x))
  from public.clients c;
$$;
create function pg_temp.invoice(start date) returns public.invoices language sql as $$
  select i from public.invoices i where i.period_start = start and i.status <> 'void';
$$;

-- 10.00 for tokens out. June uses 9.00 of it beside 3.00 of tokens in; 6.00 come back with July.
select billing.grant_credit(id, 1000, 'promotional', metrics => '{output_tokens}',
  as_of => '2026-06-02') from public.clients;
select pg_temp.log('2026-06-10', 1000000, 200000);
create temporary table wrong as select pg_temp.log('2026-06-11', 0, 400000) as id;
select billing.run_monthly('2026-07-01');
select is((pg_temp.invoice('2026-06-01')).total_minor, 300::bigint, 'tokens in are due');
select is(pg_temp.left_minor(), 100::bigint, '9.00 are used');
select billing.retract_log(id, 'a test') from wrong;
select pg_temp.log('2026-07-10', 1000000, 0);
select billing.run_monthly('2026-08-01');
select is(pg_temp.left_minor(), 700::bigint, '6.00 have come back');

-- June's invoice is void: 9.00 more. August would use 30.00 and takes all but the 6.00.
select billing.void_invoice((pg_temp.invoice('2026-06-01')).id, 'mistake', '2026-08-05');
select is(pg_temp.shown('2026-08-05'), '1000 1000 usable',
  'June is to take the 6.00 again: no more is shown than was granted');
select is(pg_temp.shown('2026-08-04'), '700 700 usable', 'before, what there was');
select results_eq('select section_start, amount_minor
    from _billing.credit_to_take_again(array(select id from public.clients))',
  $$values ('2026-06-01'::date, 600::numeric)$$, 'June takes them again');
select is_empty($$select from _billing.credit_to_take_again(array(select id from public.clients),
    '2026-08-04')$$, 'nothing before the void');
select pg_temp.log('2026-08-10', 0, 2000000);
select billing.run_monthly('2026-09-01');
select is((pg_temp.invoice('2026-08-01')).discount_minor, 1000::bigint,
  'no more is used than was granted');
select is((pg_temp.invoice('2026-08-01')).document #>> '{discounts,0,left_minor}', '0',
  'nor said to be left');
select is(pg_temp.shown('2026-09-01'), '0 0 used', 'nothing is left that anybody may use');
select billing.regenerate_invoice(i.id, '2026-09-03') from public.invoices i
where i.status = 'void';
select isnt(billing.finalize_invoice((pg_temp.invoice('2026-06-01')).id, '2026-09-03'), null,
  'June is invoiced anew');
-- 12.00 of charges on top of the -6.00 of July, less the 6.00 that July gave back.
select is((pg_temp.invoice('2026-06-01')).total_minor, 600::bigint, 'without credit');
select is(pg_temp.left_minor(), 0::bigint, 'nothing is left');
select is(pg_temp.shown('2026-09-03'), '0 0 used', 'and nothing is shown');
select is(pg_temp.shown('2026-08-05'), '1000 1000 usable', 'at the instant of the void as before');
select is_empty('select * from billing.check_invariants()', 'the books agree');

-- Had August taken the 6.00 that are June's, all sums of entries would still be right.
alter table public.invoice_lines disable trigger user;
update public.invoice_lines l set amount_minor = amount_minor
  + case when l.section_start = '2026-06-01' then 600 else -600 end
from public.invoices i
where i.id = l.invoice_id and l.kind = 'promotional_credit' and l.amount_minor < 0
  and i.status <> 'void';
select results_eq('select invariant, detail from _billing.check_grants()',
  $$values ('promotional_credit_is_granted',
    'used 1000, on invoices 1000, by periods 1600 of 1000')$$, 'and a grant is used for more');
select * from finish();
rollback;

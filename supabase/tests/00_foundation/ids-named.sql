-- What Stripe and mailboxes know by our id has the same id when lost days are lived again.
begin;
select plan(8);

select is(_billing.named_id('a', 'b'), _billing.named_id('a', 'b'), 'the same name, the same id');
select isnt(_billing.named_id('a', 'b'), _billing.named_id('a', 'b', null), 'another has another');
select matches(_billing.named_id('x')::text, '^.{14}8.{4}a', 'it is a uuid of version 8');

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
select id, 0 from public.clients;
create function pg_temp.log(client text, tokens integer, at timestamptz) returns void
language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', 'claude-sonnet', tokens, c.id, at from public.clients c where c.name = client;
$$;
create function pg_temp.live() returns setof text language plpgsql as $$
begin
  perform pg_temp.log('Acme', 10000000, '2026-06-10');
  perform pg_temp.log('Birch', 20000000, '2026-06-10');
  perform billing.run_monthly('2026-07-01 09:00+00');
  perform billing.void_invoice(i.id, 'wrong') from public.invoices i where i.number
    = 'INV-2026-000001';
  perform billing.regenerate_invoice(i.id) from public.invoices i where i.number
    = 'INV-2026-000001';
  perform billing.run_monthly('2026-07-02 09:00+00');
  perform billing.issue_credit_note(i.id, 'gift', n, false, '2026-07-03')
  from public.invoices i, generate_series(100, 200, 100) n where i.number = 'INV-2026-000002';
  -- Birch ends: what comes late for June is an invoice of its own, twice.
  update public.clients set ended_on = '2026-07-01' where name = 'Birch';
  perform pg_temp.log('Birch', 1000000, '2026-06-11');
  perform billing.run_monthly('2026-07-04 09:00+00');
  perform pg_temp.log('Birch', 2000000, '2026-06-12');
  perform billing.run_monthly('2026-07-05 09:00+00');
  return query select i.number || ' ' || i.kind || ' ' || i.id from public.invoices i
    union all select n.number || ' ' || n.id from public.credit_notes n;
end $$;

-- Lives the days and takes them back, as a restore to the past does; the ids they made are
-- remembered.
create function pg_temp.live_and_lose() returns text[] language plpgsql as $$
declare
  facts text[];
begin
  facts := array(select f from pg_temp.live() f order by f);
  raise exception 'the disk is gone';
exception when raise_exception then
  return facts;
end $$;
create temporary table lost as select pg_temp.live_and_lose() as facts;

select results_eq($$select regexp_replace(f, ' [^ ]*$', '') from lost, unnest(facts) f$$,
  array['INV-2026-000001 period', 'INV-2026-000002 period', 'INV-2026-000002-CN1',
    'INV-2026-000002-CN2', 'INV-2026-000003 period', 'INV-2026-000004 late',
    'INV-2026-000005 late'],
  'two months, one of them anew, late usage twice, two credit notes');
select is((select count(distinct substring(f from '[^ ]*$')) from lost, unnest(facts) f),
  7::bigint, 'each has an id of its own');
select is((select count(*) from public.invoices), 0::bigint, 'and all of it is gone');
select is(array(select f from pg_temp.live() f order by f), (select facts from lost),
  'lived again, it has the same numbers under the same ids');
select is_empty('select * from billing.check_invariants(''2026-06-01'')', 'in good books');

select * from finish();
rollback;

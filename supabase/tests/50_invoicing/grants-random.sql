-- Anything in any order: grants, months, payments, notes, voids, regenerations, rollovers. After
-- each step no grant is below zero at any instant, and the books agree. The same seed is the same
-- history.
begin;
select plan(5);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-00000000384' || n)::uuid, 'Client ' || n, '2026-01-01'
from generate_series(1, 3) n;
insert into public.billing_config (client_id, minimum_minor, taxes)
select id, 3333, '[{"name": "VAT", "rate_percent": "7.7", "behavior": "exclusive"}]'
from public.clients;
create temporary table done (step integer, act text, refusal text);

-- Chosen by what rows say, not by where they lie.
create function pg_temp.invoice(states text) returns uuid language sql volatile as $$
  with pick as materialized (select random()::text as salt)
  select i.id from public.invoices i cross join pick p
  where i.status = any (string_to_array(states, ','))
  order by md5(i.number || p.salt) limit 1;
$$;
create function pg_temp.credit() returns uuid language sql volatile as $$
  with pick as materialized (select random()::text as salt)
  select g.id from public.credit_grants g cross join pick p
  order by md5(concat_ws(' ', extract(epoch from g.granted_at), g.amount_minor, p.salt)) limit 1;
$$;
-- One step at an instant; a refusal is an answer.
create function pg_temp.act(step integer, at timestamptz) returns void language plpgsql as $$
declare
  of_client constant uuid := ('00000000-0000-4000-8000-00000000384'
    || (1 + floor(random() * 3)))::uuid;
  act constant text := (string_to_array('grant,grant,grant,month,month,pay,note,note,refund,void,'
    || 'void,remake,roll', ','))[1 + floor(random() * 13)];
  amount constant bigint := 1 + floor(random() * 6000);
  refused text;
begin
  case act
    when 'grant' then
      perform billing.grant_credit(of_client, amount, (array['paid', 'refund'])[1
        + floor(random() * 2)], effective_on => at::date + floor(random() * 20)::integer,
        expires_on => case when random() < 0.7 then at::date + 21 + floor(random() * 60)::integer
          end, priority => floor(random() * 3)::integer, as_of => at);
    when 'month' then perform billing.run_monthly(at);
    when 'pay' then perform billing.record_payment(pg_temp.invoice('open'), amount, at);
    when 'note' then
      perform billing.issue_credit_note(pg_temp.invoice('open,paid'), 'x', amount, false, at);
    when 'refund' then
      perform billing.issue_credit_note(pg_temp.invoice('paid'), 'x', amount / 2, true, at);
    when 'void' then perform billing.void_invoice(pg_temp.invoice('open'), 'x', at);
    when 'remake' then perform billing.regenerate_invoice(pg_temp.invoice('void'), at);
    when 'roll' then
      perform billing.roll_over_credit(pg_temp.credit(), at::date + 40, at);
  end case;
  insert into done values (step, act, null);
exception when others then
  get stacked diagnostics refused = pg_exception_detail;
  insert into done values (step, act, coalesce(nullif(refused, ''), sqlerrm));
end $$;
create function pg_temp.live(steps integer) returns setof text language plpgsql as $$
declare
  at timestamptz := '2026-02-01 09:00+00';
begin
  perform setseed(0.41);
  for turn in 1..steps loop
    perform pg_temp.act(turn, at);
    return query select format('%s %s: %s %s', turn, (select d.act from done d
      where d.step = turn), c.invariant, c.detail)
      from (select * from _billing.check_grants() union all select * from _billing.check_ledger()
        union all select * from _billing.check_money()) c;
    at := at + random() * interval '8 days';
  end loop;
end $$;

select is_empty('select * from pg_temp.live(120)', 'the books agree after every step');
select is_empty($$select * from done where refusal not in ('illegal_transition',
    'credit_exceeds_invoice', 'unknown_invoice', 'period_already_invoiced')$$,
  'each refusal has one of the expected codes');
select cmp_ok(count(*), '>', 20::bigint, 'credit has paid') from public.credit_entries
where kind = 'use';
select set_eq('select distinct kind from public.credit_entries', '{grant,expiry,use,release,return,
  reopening,transfer,rollover}'::text[], 'and all has happened that can');
-- A balance of the past is what was effective by then, whatever is asked later.
select is_empty($$select c.id, d.at from public.clients c
  cross join generate_series('2026-01-01'::timestamptz, '2028-01-01', '9 days') d(at)
  cross join lateral (select coalesce(sum(g.amount_minor), 0) as has
    from billing.granted_credit(c.id, d.at) g) b
  where b.has < 0$$, 'no client has less than nothing at any instant');

select * from finish();
rollback;

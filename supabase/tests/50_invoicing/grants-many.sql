-- Many grants of one client pay as they would one after the other, and the cost grows with them.
begin;
select plan(7);

-- What grants pay, told the plain way: each grant, in burn order, looks at each charge.
create function pg_temp.one_by_one(parts _billing.payable_part[],
  credits _billing.usable_credit[])
returns setof _billing.grant_use language plpgsql as $$
declare
  credit _billing.usable_credit;
  part _billing.payable_part;
  paid jsonb := '{}';
  taken bigint;
begin
  foreach credit in array credits loop
    foreach part in array parts loop
      taken := least(credit.left_minor,
        part.amount_minor - coalesce((paid ->> part.line_id::text)::bigint, 0));
      if taken > 0 and credit.expires_at > part.usable_after
          and (credit.metrics is null or part.metric = any (credit.metrics))
          and (credit.models is null or part.model = any (credit.models))
          and (credit.agents is null or part.agent = any (credit.agents)) then
        credit.left_minor := credit.left_minor - taken;
        paid := paid || jsonb_build_object(part.line_id,
          taken + coalesce((paid ->> part.line_id::text)::bigint, 0));
        return next (credit.grant_id, part.invoice_id, part.line_id, taken)::_billing.grant_use;
      end if;
    end loop;
  end loop;
end $$;

-- Worlds of 1 to 12 charges of three months, some of nothing, and 1 to 30 grants of any scope.
select setseed(0.38);
create temporary table worlds as
select w, array(
    select (md5('invoice' || n % 3)::uuid, n, null, 'USD', '2026-06-01'::timestamptz
      + n % 3 * interval '1 month', md5('line' || n)::uuid,
      (array['in', 'out', null])[1 + floor(random() * 3)::integer],
      (array['m', 'n'])[1 + floor(random() * 2)::integer],
      (array['A', null])[1 + floor(random() * 2)::integer],
      floor(random() * 50)::bigint)::_billing.payable_part
    from generate_series(1, 1 + w % 12) n order by n) as parts, array(
    select (md5('grant' || n)::uuid, n, null, 'USD',
      case floor(random() * 4)::integer when 0 then 'infinity' else '2026-05-31'::timestamptz
        + floor(random() * 4)::integer * interval '1 month'
        + floor(random() * 3)::integer * interval '1 day' end,
      (array['{in}', '{in,out}', null, null])[1 + floor(random() * 4)::integer]::text[],
      (array['{n}', null, null])[1 + floor(random() * 3)::integer]::text[],
      (array['{A}', null, null])[1 + floor(random() * 3)::integer]::text[],
      1 + floor(random() * 25)::bigint)::_billing.usable_credit
    from generate_series(1, 1 + w * 7 % 30) n order by n) as credits
from generate_series(1, 400) w;
select cmp_ok((select count(*) from worlds w,
    _billing.uses_of_credits(w.parts, w.credits)), '>', 1000::bigint, 'the worlds have many uses');
select is_empty($$
  select w.w from worlds w
  where array(select u from _billing.uses_of_credits(w.parts, w.credits) u)
    is distinct from array(select u from pg_temp.one_by_one(w.parts, w.credits) u)$$,
  'all grants at once pay what they pay one by one, in the same order');

-- 150 grants of 1.00, of which each third is for input alone. June: opus, 15.00 in and 75.00 out.
-- Grants without a scope could pay all of it, so all is paid, by 90 grants in any order.
insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000003891', 'Many', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, client_id,
  "timestamp")
select 'A', 'claude-opus', 1000000, 1000000, id, '2026-06-10 12:00+00' from public.clients;
select _billing.rollup();
select billing.grant_credit(c.id, 100, as_of => '2026-06-02',
  metrics => case when n % 3 = 0 then '{input_tokens}'::text[] end)
from public.clients c, generate_series(1, 150) n;
select billing.run_monthly('2026-07-01 09:00+00');
select results_eq('select total_minor, amount_due_minor, status from public.invoices',
  $$values (9000::bigint, 0::bigint, 'paid')$$, 'all of it is paid by credit');
select results_eq($$select l.metric, -sum(e.amount_minor) from public.credit_entries e
    join public.invoice_lines l on l.id = e.line_id group by 1 order by 1$$,
  $$values ('input_tokens', 1500::numeric), ('output_tokens', 7500)$$,
  'each charge once');
select results_eq($$select count(*), count(distinct e.grant_id), max(e.amount_minor)
    from public.credit_entries e where e.kind = 'use'$$,
  $$values (90::bigint, 90::bigint, -100::bigint)$$, 'each grant pays all that it has, once');
select is_empty('select * from billing.check_invariants()', 'the books agree');

-- 50,000 grants, of which 5,360 have not expired, pay in a fraction of a second. Where each of them
-- looked at all grants they took minutes of the processor.
set local statement_timeout = '30s';
select is((
    select count(*) from _billing.uses_of_credits(array(
      select (null, n, null, 'USD', '2026-06-01', md5('line' || n)::uuid, 'in', null, null,
        2000)::_billing.payable_part
      from generate_series(1, 100) n), array(
      select (md5('grant' || n)::uuid, n, null, 'USD', '2026-05-01'::timestamptz + n * interval
        '1 minute', null, null, null, 10)::_billing.usable_credit
      from generate_series(1, 50000) n)) u), 5360::bigint,
  'the cost of many grants is not their square');

select * from finish();
rollback;

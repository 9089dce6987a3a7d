-- The live balance: balance and grants less what is not invoiced; scope; many lines and clients at
-- once; the invariants. Amounts derived by hand.
begin;
select plan(24);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000003831', 'Acme', '2026-06-01'),
  ('00000000-0000-4000-8000-000000003832', 'Birch', '2026-06-01'),
  ('00000000-0000-4000-8000-000000003833', 'Cedar', '2026-06-20');
-- Acme and Birch: 10 % off, 20 % on top, no minimum. Cedar: 30.00 a month, 11 of 30 days of June.
insert into public.billing_config (client_id, minimum_minor, discount_percent, taxes)
select id, case name when 'Cedar' then 3000 else 0 end, case name when 'Cedar' then 0 else 10 end,
  case name when 'Cedar' then '[]'::jsonb
    else '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]' end
from public.clients;
create function pg_temp.id(name text) returns uuid language sql as $$
  select c.id from public.clients c where c.name = id.name;
$$;
create function pg_temp.live(name text, at timestamptz) returns text language sql as $$
  select string_agg(concat_ws(' ', b.currency, b.balance_minor, b.granted_minor,
    b.uninvoiced_minor, b.live_minor), ', ')
  from billing.credit_balance(pg_temp.id(name), at) b;
$$;
-- Opus: 15.00 a million in, 75.00 a million out.
insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, client_id,
  "timestamp") values
  ('A', 'claude-opus', 1000000, 100000, pg_temp.id('Acme'), '2026-06-10 12:00+00'),
  ('B', 'claude-opus', 1000000, 0, pg_temp.id('Birch'), '2026-06-10 12:00+00');
select _billing.rollup();

-- Acme: 15.00 + 7.50 = 22.50, less 2.25 = 20.25, with 4.05 tax 24.30.
select is(pg_temp.live('Acme', '2026-06-15'), 'USD 0 0 2430 -2430',
  'usage without credit makes the live balance negative');
-- 5.00 for output only, 6.00 for all, 100.00 for a model that is not used.
select billing.grant_credit(pg_temp.id('Acme'), 500, metrics => '{output_tokens}',
  as_of => '2026-06-02');
select billing.grant_credit(pg_temp.id('Acme'), 600, priority => 60, as_of => '2026-06-02');
select billing.grant_credit(pg_temp.id('Acme'), 10000, models => '{gpt-5}', as_of => '2026-06-02');
select billing.grant_credit(pg_temp.id('Acme'), 700, currency => 'EUR', as_of => '2026-06-02');
select billing.grant_credit(pg_temp.id('Birch'), 100, as_of => '2026-06-01');
select billing.grant_credit(pg_temp.id('Birch'), 200, 'refund', as_of => '2026-06-02');
select billing.grant_credit(pg_temp.id('Birch'), 90000, agents => '{B}', as_of => '2026-06-03');
select is(pg_temp.live('Acme', '2026-06-15'), 'EUR 0 700 0 700, USD 0 11100 2430 8670',
  'credit less what is used and not invoiced');
select is(pg_temp.live('Acme', '2026-06-01'), 'USD 0 0 2430 -2430',
  'as of an instant before it was granted');
-- 30.00 by 11 of 30 days.
select is(pg_temp.live('Cedar', '2026-06-25'), 'USD 0 0 1100 -1100', 'a minimum is due as well');
select results_eq($$select t.period_start from unnest(_billing.uninvoiced_periods(
    pg_temp.id('Acme'), '2026-07-10')) t order by 1$$,
  $$values ('2026-06-01'::date), ('2026-07-01')$$,
  'a period that is over stays until it is invoiced');
select is(pg_temp.live('Acme', '2026-07-01 09:00+00'), 'EUR 0 700 0 700, USD 0 11100 2430 8670',
  'also at the end of the month');

select billing.run_monthly('2026-07-01 09:00+00');
create function pg_temp.used(name text) returns text language sql as $$
  select string_agg(concat_ws(' ', g.amount_minor, l.metric, -e.amount_minor), ', '
    order by _billing.burn_rank(g), l.position)
  from public.credit_entries e join public.credit_grants g on g.id = e.grant_id
  join public.invoice_lines l on l.id = e.line_id
  where e.kind = 'use' and g.client_id = pg_temp.id(name);
$$;
-- Of 24.30 input is 16.20 and output 8.10. 5.00 pay output, 6.00 input, 13.30 are due.
select is(pg_temp.used('Acme'), '500 output_tokens 500, 600 input_tokens 600',
  'a grant pays what is in its scope and not in another currency');
select is((select amount_due_minor from public.invoices where client_id = pg_temp.id('Acme')),
  1330::bigint, 'the rest is due');
-- Birch: 15.00 less 1.50 with tax 16.20. Lines are by model, so credit for one agent pays nothing.
select is(pg_temp.used('Birch'), '100 input_tokens 100, 200 input_tokens 200',
  'one after the other, and what a line does not say is not in the scope');
select is((select amount_due_minor from public.invoices where client_id = pg_temp.id('Birch')),
  1320::bigint, 'of another client in the same run');
select is(pg_temp.live('Acme', '2026-07-01 09:00+00'), 'EUR 0 700 0 700, USD 0 10000 0 10000',
  'invoiced, it is in the books');
select results_eq($$select (p).amount_minor from (select _billing.payable_parts(array(
    select i.id from public.invoices i where i.client_id = pg_temp.id('Acme')), now()) p) x
    order by (p).place$$, 'values (1620::bigint), (810)', 'parts are shares of the total');
select results_eq($$select c.grant_id is not null, c.place, c.left_minor
    from _billing.usable_credits(array[pg_temp.id('Acme')], '2026-07-01') c$$,
  $$values (true, 1::bigint, 700::bigint), (true, 1, 10000)$$,
  'usable_credits lists grants in burn order');
-- Lines of 15, 10 and 4. A grant of 3 for the second pays first, then one of 21; of
-- the next one of 9 there is more than is open.
select results_eq($$select (u).amount_minor from (select _billing.uses_of_credits(
    array[(null, 1, null, 'USD', '2026-06-01', null, 'a', null, null, 15),
      (null, 2, null, 'USD', '2026-06-01', null, 'b', null, null, 10),
      (null, 3, null, 'USD', '2026-06-01', null, 'c', null, null, 4)]::_billing.payable_part[],
    array[(null, 1, null, 'USD', 'infinity', '{b}', null, null, 3),
      (null, 2, null, 'USD', 'infinity', null, null, null, 21),
      (null, 3, null, 'USD', 'infinity', null, null, null, 9)]::_billing.usable_credit[]) u) x$$,
  'values (3::bigint), (15), (6), (1), (4)', 'each grant pays what those before it leave open');
-- Lines of 7 and 9 by agents A and B, models m and n; a grant for B and n pays the second only.
select results_eq($$select c.scope, (u).amount_minor from (values ('agent', null, '{B}'::text[]),
      ('model', '{n}', null), ('neither', '{m}', '{B}')) c(scope, models, agents)
    cross join lateral (select _billing.uses_of_credits(
      array[(null, 1, null, 'USD', '2026-06-01', null, null, 'm', 'A', 7),
        (null, 2, null, 'USD', '2026-06-01', null, null, 'n', 'B', 9)]::_billing.payable_part[],
      array[(null, 1, null, 'USD', 'infinity', null, c.models::text[], c.agents, 20)
      ]::_billing.usable_credit[]) u) x$$,
  $$values ('agent', 9::bigint), ('model', 9)$$, 'agents and models of the scope, both at once');
select is(_billing.grants_to_use(array(select i.id from public.invoices i
  where i.client_id = pg_temp.id('Acme')), '2000-01-01')::text, '{}',
  'where no grant may be used yet none is');
select is(_billing.sum_of_movements('{}'), 0::bigint, 'no movement is nothing');
select is(_billing.credit_to_give_back(i.id, 700, '2026-07-02')::text
    ~ '"\(.*,return,600,.*\)".*"\(.*,return,100,.*\)"', true, 'the last use comes back first')
from public.invoices i where i.client_id = pg_temp.id('Acme');
select lives_ok($$select _billing.use_credit('{}', now())$$, 'no use is nothing to book');
select results_eq($$select u.used_minor from _billing.standing_uses((select i.id
    from public.invoices i where i.client_id = pg_temp.id('Acme'))) u order by u.place$$,
  'values (600::bigint), (500)', 'uses that stand');
select is_empty('select * from billing.check_invariants()', 'the books agree');

-- Two months at once, 30.00 each, and credit of 40.00: the earlier month is paid first.
select billing.grant_credit(pg_temp.id('Cedar'), 4000, as_of => '2026-07-02');
select billing.run_monthly('2026-09-01 09:00+00');
select results_eq($$select i.period_start, i.balance_applied_minor from public.invoices i
    where i.client_id = pg_temp.id('Cedar') and i.period_start >= '2026-07-01' order by 1$$,
  $$values ('2026-07-01'::date, 3000::bigint), ('2026-08-01', 1000)$$,
  'of two invoices the earlier is paid first');
select billing.grant_credit(pg_temp.id('Cedar'), 5000, effective_on => '2026-06-20',
  as_of => '2026-10-02');
select is_empty($$select * from _billing.usable_credits(array[pg_temp.id('Cedar')], '2026-10-01')$$,
  'credit is not usable before it is granted, whenever it begins');

alter table public.credit_entries disable trigger user;
update public.credit_entries set amount_minor = amount_minor - 1
where kind = 'use' and amount_minor = -600;
select results_eq('select invariant from _billing.check_grants() order by 1',
  $$values ('credit_applied_is_entries'), ('grant_is_not_negative')$$,
  'the invariants see a use that is wrong');

select * from finish();
rollback;

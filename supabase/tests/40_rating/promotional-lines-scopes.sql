-- Scopes of promotional credit: lines say of which charges they are, documents say it once; a use
-- that moves between charges is no movement of a grant. Amounts derived by hand.
begin;
select plan(13);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000003861', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000003861', 2000);
create function pg_temp.acme() returns uuid language sql as $$
  select '00000000-0000-4000-8000-000000003861'::uuid;
$$;
create function pg_temp.search(count integer, at timestamptz, arrives timestamptz default null)
returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp",
    created_at)
  values ('S', 'claude-sonnet', count, pg_temp.acme(), at, coalesce(arrives, at));
$$;
create function pg_temp.discounts(number text) returns jsonb language sql as $$
  select i.document -> 'discounts' from public.invoices i
  where i.number like '%' || discounts.number
  union all
  select n.document -> 'discounts' from public.credit_notes n
  where n.number like '%' || discounts.number;
$$;
create function pg_temp.lines() returns table (number text, says text) language sql as $$
  select right(i.number, 1), concat_ws(' ', l.metric, l.amount_minor)
  from public.invoices i join public.invoice_lines l on l.invoice_id = i.id
    and l.kind = 'promotional_credit' order by i.number, l.position;
$$;

-- 3.00 of searches and 17.00 to the minimum. Searches: 2.00; all: the other 1.00, and 4.00.
select pg_temp.search(300, '2026-06-10');
select billing.grant_credit(pg_temp.acme(), 200, 'promotional', metrics => '{web_searches}',
  models => '{claude-sonnet}', as_of => '2026-06-02');
select billing.grant_credit(pg_temp.acme(), 500, 'promotional', expires_on => '2026-07-01',
  priority => 60, as_of => '2026-06-02');
select throws_ok($$select billing.grant_credit(pg_temp.acme(), 200, 'promotional',
  metrics => '{}')$$, 'PT400', 'a scope that is given names something', 'a scope is not empty');
select billing.run_monthly('2026-07-01 09:00+00');
select set_config('billing.as_of', '2026-07-01 09:00+00', true);
select bag_eq('select * from pg_temp.lines()',
  $$values ('1', 'web_searches -200'), ('1', 'web_searches -100'), ('1', '-400')$$,
  'lines say which charges they reduce');
select bag_eq($$select x - 'description' from jsonb_array_elements(pg_temp.discounts('000001')) x$$,
  $$values ('{"amount_minor": -200, "left_minor": 0}'::jsonb),
    ('{"amount_minor": -500, "left_minor": 0}')$$, 'the invoice says it once for each grant');
select is((select total_minor from public.invoices), 1300::bigint, '20.00 less 7.00');
select is((select count(*) from public.credit_entries e
    join public.invoice_lines l on l.id = e.line_id and e.kind = 'discount'), 3::bigint,
  'a use names its line');
select is((select count(*) from _billing.section_deltas(array[(pg_temp.acme(), '2026-06-01',
    '2026-07-01')::billing.rating_target])), 0::bigint, 'rated again, June is the same');
select is_empty($$select * from billing.check_invariants()$$, 'nothing contradicts');

-- 16.00 of searches more, and as much less of the minimum: the 4.00 go over to them, all but what
-- is left of the minimum.
select pg_temp.search(1600, '2026-06-20', '2026-07-05');
select billing.run_monthly('2026-08-01 09:00+00');
select set_config('billing.as_of', '2026-08-01 09:00+00', true);
select bag_eq($$select * from pg_temp.lines() where number = '2'$$,
  $$values ('2', 'web_searches -300'), ('2', '300')$$, 'the use follows the charges');
select is(pg_temp.discounts('000002'), '[]', 'of which the invoice says nothing: it is of nothing');
select is((select count(*) from public.credit_entries e where e.effective_at > '2026-07-01 09:00+00'
    and e.kind <> 'grant'), 0::bigint, 'and the grant is as it was');
select is((select -sum(e.amount_minor) from public.credit_entries e where e.kind = 'discount'),
  700::numeric, '7.00 are used');
select is_empty($$select * from billing.check_invariants()$$, 'nothing contradicts afterwards');
select is((select sum(c.left_minor) from billing.credits_of(pg_temp.acme(), '2026-08-02') c),
  0::numeric, 'nothing is left');

select * from finish();
rollback;

-- The monthly run: one call bills the month; again, and it changes nothing. Two clients that can be
-- checked by hand, one that has no price, usage of nobody, one without usage.
begin;
select plan(20);

insert into public.clients (name, external_id, started_on) values
  ('Acme Robotics', 'acme', '2026-06-01'), ('Birch & Co', 'birch', '2026-06-01'),
  ('Mystery Ltd', 'mystery', '2026-06-01'), ('Zero GmbH', 'zero', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
select id, 0 from public.clients where external_id = 'zero';
insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, web_searches,
  metadata, "timestamp")
select agent, model, input, output, searches,
  case when client is null then '{}' else jsonb_build_object('client_id', client) end, '2026-06-10'
from (values
  ('SCHOLAR', 'claude-sonnet-4-20250514', 10000000, 4000000, 0, 'acme'),
  ('CHIRON', 'claude-opus', 1000000, 200000, 500, 'acme'),
  ('SCHOLAR', 'claude-sonnet', 2000000, 500000, 0, 'birch'),
  ('CHIRON', 'claude-opus-4-20250514', 100000, 50000, 120, 'birch'),
  ('SCHOLAR', 'mystery-1', 1000, 0, 0, 'mystery'),
  ('STRAY', 'claude-opus', 100000, 0, 0, null)
) v(agent, model, input, output, searches, client);

create temporary table runs as select billing.run_monthly('2026-07-01 00:00+00') as summary;
select results_eq($$select c.name, i.number, i.status, i.total_minor from public.invoices i
    join public.clients c on c.id = i.client_id order by i.number$$,
  $$values ('Acme Robotics', 'INV-2026-000001', 'open', 12500::bigint),
    ('Birch & Co', 'INV-2026-000002', 'open', 5000)$$,
  'Acme 30 + 60 + 15 + 15 + 5 = 125.00, Birch its minimum');
select set_eq($$
  select l.kind, l.description, l.quantity, l.unit_amount, l.amount_minor
  from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
  where i.number = 'INV-2026-000001'$$,
  $$values ('usage', 'Claude Opus · input tokens', 1000000::numeric, 15.00::numeric, 1500::bigint),
    ('usage', 'Claude Opus · output tokens', 200000, 75.00, 1500),
    ('usage', 'Web searches', 500, 0.01, 500),
    ('usage', 'Claude Sonnet · input tokens', 10000000, 3.00, 3000),
    ('usage', 'Claude Sonnet · output tokens', 4000000, 15.00, 6000)$$,
  'a line per model and metric, each with its price');
select results_eq($$
  select l.kind, sum(l.amount_minor) from public.invoice_lines l
  join public.invoices i on i.id = l.invoice_id where i.number = 'INV-2026-000002'
  group by l.kind order by 1$$,
  $$values ('minimum', 3005::numeric), ('usage', 1995)$$,
  'Birch: usage 6.00 + 7.50 + 1.50 + 3.75 + 1.20 = 19.95, true-up 30.05 to the minimum of 50.00');
select results_eq($$select c.name, p.state, p.reason from public.billing_periods p
    join public.clients c on c.id = p.client_id order by c.name$$,
  $$values ('Acme Robotics', 'invoiced', null::text), ('Birch & Co', 'invoiced', null),
    ('Mystery Ltd', 'blocked', 'unpriced_usage'), ('Zero GmbH', 'skipped', null)$$,
  'each client''s period is invoiced, skipped or blocked');
select matches((select message from public.billing_periods where state = 'blocked'),
  'no price for input_tokens of model mystery-1 \(1000 units\) in June 2026',
  'the blocked month says model and metric');
select billing.count_quarantine();
select results_eq('select * from billing.quarantine_summary()',
  $$values ('no_client', 1::bigint), ('unpriced_usage', 1)$$, 'and what is in quarantine');
select is((select summary -> 'quarantined' from runs),
  '[{"reason": "no_client", "rows": 1}, {"reason": "unpriced_usage", "rows": 1}]',
  'the summary says so too');
select is((select (summary ->> 'invoices')::integer from runs), 2, 'it counts the invoices');
select is((select summary -> 'totals' from runs), '{"USD": 17500}', 'and their total by currency');
select is((select (summary ->> 'skipped')::integer from runs), 1, 'and those skipped');

-- Again.
create temporary table before as select (i.*)::text as row from public.invoices i;
select billing.run_monthly('2026-07-01 00:00+00');
select set_eq('select (i.*)::text from public.invoices i', 'select row from before',
  'a second run changes nothing');

-- Price and owner are found: exactly these are billed.
insert into public.prices (model, metric, unit_amount) values ('mystery-1', 'input_tokens', 0.1);
insert into public.agent_assignments (agent, client_id)
select 'STRAY', id from public.clients where external_id = 'zero';
select billing.run_monthly('2026-07-02 00:00+00');
select results_eq($$select c.name, i.number, i.total_minor from public.invoices i
    join public.clients c on c.id = i.client_id where i.issued_on = '2026-07-02' order by 2$$,
  $$values ('Mystery Ltd', 'INV-2026-000003', 10000::bigint), ('Zero GmbH', 'INV-2026-000004',
    150)$$,
  'a price and an assignment release exactly what they were missing for');
select is_empty('select * from billing.quarantine', 'then quarantine is empty');

-- Two months missed are caught up in one run, each with its own invoice.
select billing.run_monthly('2026-09-01 00:00+00');
select results_eq($$select p.period_start, i.total_minor from public.invoices i
    join public.billing_periods p using (client_id, period_start)
    join public.clients c on c.id = i.client_id where c.name = 'Birch & Co' order by 1$$,
  $$values ('2026-06-01'::date, 5000::bigint), ('2026-07-01', 5000), ('2026-08-01', 5000)$$,
  'months that were missed are caught up');

-- A pause is a gap: the month it began in is billed for its days, the month after it is not.
set local billing.as_of = '2026-09-15';
update public.clients set status = 'paused' where external_id = 'birch';
select billing.run_monthly('2026-11-01 00:00+00');
select is((select i.total_minor from public.invoices i join public.clients c on c.id = i.client_id
  where c.external_id = 'birch' and i.period_start = '2026-09-01'), 2500::bigint,
  'the 1st to the 15th of September: 15/30 of 50.00');
select is((select max(p.period_end) from public.billing_periods p
  join public.clients c on c.id = p.client_id where c.external_id = 'birch'), '2026-10-01'::date,
  'October, without service, is no period');
set local billing.as_of = '2026-11-01';
update public.clients set status = 'active' where external_id = 'birch';

-- Without a default config nobody passes for a client without usage.
update public.billing_config set effective_until = '2026-12-01' where client_id is null;
insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp")
values ('SCHOLAR', 'claude-sonnet', 1, '{"client_id": "acme"}', '2026-12-10');
select billing.run_monthly('2027-01-01 00:00+00');
select is((select distinct reason from public.billing_periods where state = 'blocked'
  and period_start = '2026-12-01'), 'no_config', 'a month without config is blocked, not skipped');

-- Numbers: gapless, in a series per year.
select results_eq($$
  select extract(year from issued_on)::integer, count(*),
    max(right(number, 6)::integer) - min(right(number, 6)::integer) + 1
  from public.invoices group by 1 order by 1$$,
  $$select extract(year from issued_on)::integer, count(*), count(*)::integer
    from public.invoices group by 1 order by 1$$, 'numbers have no gap');
select is_empty($$select * from public.invoices i where total_minor <> (
    select sum(l.amount_minor) from public.invoice_lines l where l.invoice_id = i.id)$$,
  'totals are sums of their rounded lines');
select is((select count(*) from billing.monthly_runs), 6::bigint, 'every run is on record');

select * from finish();
rollback;

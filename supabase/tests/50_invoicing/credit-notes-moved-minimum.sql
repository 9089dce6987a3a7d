-- A minimum that one invoice charged and the next took back, because usage came late: when all of
-- the period is credited, or its service begins later, each invoice is credited for what it charged
-- itself.
begin;
select plan(7);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000000a53', 'Ends early', '2026-05-01'),
  ('00000000-0000-4000-8000-000000000b53', 'Ordinary', '2026-05-01'),
  ('00000000-0000-4000-8000-000000000c53', 'Taxed', '2026-05-01'),
  ('00000000-0000-4000-8000-000000000953', 'Begins later', '2026-05-01');
insert into public.billing_config (client_id, minimum_minor, taxes, discount_minor)
select id, 5000, case name when 'Taxed' then '[{"name": "VAT", "rate_percent": "20",
    "behavior": "exclusive", "applies_to": ["web_searches"]}]'::jsonb
  when 'Begins later' then '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]'
  else '[]' end,
  case name when 'Ends early' then 1000 else 0 end from public.clients;
create function pg_temp.log(client text, day date, searches bigint) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
  select 'S', 'claude-sonnet', searches, id, day from public.clients where name = client;
$$;
create view pg_temp.charged as
select c.name, i.period_start, l.section_start, l.kind, l.amount_minor
from public.invoices i join public.clients c on c.id = i.client_id
join public.invoice_lines l on l.invoice_id = i.id;

-- Nothing is used in June: its minimum. Then 200.00 come late: the minimum goes back with July.
-- Taxed uses 10.00 of its minimum in June, 5.00 more come late.
select billing.run_monthly('2026-06-01');
select pg_temp.log('Taxed', '2026-06-09', 1000);
select billing.run_monthly('2026-07-01');
select pg_temp.log(name, '2026-06-10', case name when 'Taxed' then 500 else 20000 end)
from public.clients;
select billing.run_monthly('2026-08-01');
select results_eq($$select period_start, section_start, kind, amount_minor from pg_temp.charged
    where name = 'Ends early' and period_start > '2026-05-01' and amount_minor <> 0
    order by 1, 2, 3$$,
  $$values ('2026-06-01'::date, '2026-06-01'::date, 'discount', -1000::bigint),
    ('2026-06-01', '2026-06-01', 'minimum', 5000),
    ('2026-07-01', '2026-06-01', 'minimum', -5000), ('2026-07-01', '2026-06-01', 'usage', 20000),
    ('2026-07-01', '2026-07-01', 'discount', -1000),
    ('2026-07-01', '2026-07-01', 'minimum', 5000)$$,
  'June charges its minimum, July the usage instead of it');

-- Service has ended with May, it is heard now; of another that it began in the middle of June: half
-- of the minimum is owed, where July's invoice took all of it back.
update public.clients set started_on = '2026-06-16' where name = 'Begins later';
update public.clients set ended_on = '2026-06-01' where name in ('Ends early', 'Taxed');
select billing.run_monthly('2026-08-02');
create view pg_temp.credited as
select c.name, i.period_start, l.section_start, l.kind, l.amount_minor, n.total_minor
from public.credit_notes n join public.invoices i on i.id = n.invoice_id
join public.clients c on c.id = n.client_id
join public.credit_note_lines l on l.credit_note_id = n.id;
select results_eq($$select period_start, section_start, kind, amount_minor from pg_temp.credited
    where name = 'Ends early' and amount_minor <> 0 order by 1, 2, 3$$,
  $$select period_start, section_start, kind, amount_minor from pg_temp.charged
    where name = 'Ends early' and period_start > '2026-05-01' and amount_minor <> 0
    order by 1, 2, 3$$,
  'each invoice is credited for its own lines, the minimum that was taken back too');
select results_eq($$select period_start, kind, amount_minor from pg_temp.credited
    where name = 'Taxed' and section_start = '2026-06-01' and amount_minor <> 0 order by 1, 2$$,
  $$values ('2026-06-01'::date, 'minimum', 4000::bigint), ('2026-06-01', 'tax', 200),
    ('2026-06-01', 'usage', 1000), ('2026-07-01', 'minimum', -500), ('2026-07-01', 'tax', 100),
    ('2026-07-01', 'usage', 500)$$,
  'also where the minimum was taken back in part: no more tax than each invoice charged');
select results_eq($$select period_start, kind, amount_minor from pg_temp.credited
    where name = 'Begins later' and section_start = '2026-06-01' and amount_minor <> 0
    order by 1, 2$$,
  $$values ('2026-06-01'::date, 'minimum', 2500::bigint), ('2026-06-01', 'tax', 500),
    ('2026-07-01', 'minimum', -5000), ('2026-07-01', 'tax', 3000), ('2026-07-01', 'usage', 20000)$$,
  'or where a part of it is owed again: no usage is credited where none was charged');
select is_empty($$select from pg_temp.credited where name = 'Ordinary'$$,
  'nobody else is credited');
select is_empty('select * from billing.check_invariants()', 'the books agree');

-- credit_take is left from the last section: July's minimum of Taxed.
select is(_billing.undo_taken_back((select id from public.invoices
    where client_id = '00000000-0000-4000-8000-000000000c53' and period_start = '2026-06-01'),
    '2026-06-01', 5000, false), 5000::numeric,
    'an invoice that took nothing back has nothing to undo');

select * from finish();
rollback;

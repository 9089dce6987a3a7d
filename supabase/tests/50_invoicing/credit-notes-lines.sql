-- A credit note credits the lines that charged, on the invoice that charged them, with their taxes
-- by name, rate and behavior. Beside each client stands another one with ordinary data.
begin;
select plan(13);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000000a57', 'Two keys', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000b57', 'One key', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000c57', 'Two taxes', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000d57', 'Goodwill', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000e57', 'Ordinary', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, taxes)
select id, case name when 'Two taxes' then 10000 else 0 end, case name
  when 'Two taxes' then '[{"name": "GST", "rate_percent": "10", "behavior": "exclusive"},
    {"name": "PST", "rate_percent": "10", "behavior": "exclusive"}]'::jsonb
  else '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]' end
from public.clients;
create function pg_temp.log(client text, day date, searches bigint, tokens bigint default 0)
returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, web_searches, input_tokens, client_id,
    "timestamp")
  select 'S', 'claude-sonnet', searches, tokens, id, day
  from public.clients where name = client;
$$;
create function pg_temp.take_back(client text, searches bigint) returns void
language plpgsql as $$
declare
  log record;
begin
  for log in select l.id, l.web_searches
    from public.agent_usage_logs l join public.clients c on c.id = l.client_id
    where c.name = client and l."timestamp" < '2026-07-01' and l.web_searches > 0
    order by l."timestamp" desc
  loop
    perform billing.correct_log(log.id, jsonb_build_object('web_searches',
      log.web_searches - least(searches, log.web_searches)), 'sent twice');
    searches := searches - least(searches, log.web_searches);
    exit when searches = 0;
  end loop;
end $$;
create view pg_temp.notes as
select c.name, n.number, n.total_minor, l.kind, l.metric, l.quantity, l.amount_minor, l.tax_name,
  l.tax_rate_percent as rate, l.tax_behavior as behavior, l.tax_base_minor as base
from public.credit_notes n
join public.clients c on c.id = n.client_id
join public.credit_note_lines l on l.credit_note_id = n.id;

-- June: 10.00 of searches and 2.00 VAT; 100.00 and 20.00 for One key. Late with July: 1M tokens,
-- 3.00; for One key 2000 searches, 20.00.
select pg_temp.log(name, '2026-06-10', case name when 'One key' then 10000 else 1000 end)
from public.clients where name <> 'Two taxes';
select billing.run_monthly('2026-07-01');
select pg_temp.log('Two keys', '2026-06-11', 0, 1000000);
select pg_temp.log('One key', '2026-06-11', 2000);
select pg_temp.log(name, '2026-07-10', 500) from public.clients where name <> 'Two taxes';
select billing.run_monthly('2026-08-01');

-- 400 searches of June are taken back: July's invoice charged tokens for June, June's the searches.
select pg_temp.take_back('Two keys', 400);
-- 11000 are taken back of the 12000: July's charged 2000 of them, June's 10000.
select pg_temp.take_back('One key', 11000);
select billing.run_monthly('2026-08-02');
select results_eq($$select i.period_start, n.kind, n.quantity, n.amount_minor, n.tax_name, n.rate,
    n.behavior, n.base
  from pg_temp.notes n join public.credit_notes c on c.number = n.number
  join public.invoices i on i.id = c.invoice_id
  where n.name = 'Two keys' order by n.kind desc$$,
  $$values ('2026-06-01'::date, 'usage', 400::numeric, 400::bigint, null, null::numeric, null,
      null::bigint),
    ('2026-06-01', 'tax', null, 80, 'VAT', 20, 'exclusive', 400)$$,
  'searches are credited on the invoice that charged searches, with its VAT');
select results_eq($$select i.period_start, n.kind, n.quantity, n.amount_minor, n.base, n.total_minor
  from pg_temp.notes n join public.credit_notes c on c.number = n.number
  join public.invoices i on i.id = c.invoice_id
  where n.name = 'One key' order by 1 desc, 2 desc$$,
  $$values ('2026-07-01'::date, 'usage', 2000::numeric, 2000::bigint, null::bigint, 2400::bigint),
    ('2026-07-01', 'tax', null, 400, 2000, 2400),
    ('2026-06-01', 'usage', 9000, 9000, null, 10800),
    ('2026-06-01', 'tax', null, 1800, 9000, 10800)$$,
  'each note has the share of the line that its invoice charged, and of the VAT');
select is_empty($$select * from pg_temp.notes where kind = 'credit'$$,
  'no line says that money was carried from note to note');
select is_empty($$select * from public.credit_note_lines
  where kind = 'tax' and num_nulls(tax_name, tax_rate_percent, tax_behavior, tax_base_minor) > 0$$,
  'no tax is credited without name, rate and behavior');
select results_eq($$select t ->> 'name', t ->> 'rate_percent', t ->> 'behavior', t ->> 'base_minor'
  from public.credit_notes n, jsonb_array_elements(n.document -> 'taxes') t
  where n.total_minor = 480$$, $$values ('VAT', '20', 'exclusive', '400')$$,
  'the document says so');
select is((select d ->> 'description' from public.credit_notes n,
    jsonb_array_elements(n.document -> 'lines') d where n.total_minor = 480),
  'Web searches, June 2026', 'and names what it takes back without calling it late');

-- One-cent notes: two taxes of 10 % each are 1/12 of the total; the sixth cent is a cent of both.
select billing.issue_credit_note(i.id, 'cent', 1, false, '2026-08-03')
from public.invoices i cross join generate_series(1, 7)
where i.client_id = '00000000-0000-4000-8000-000000000c57' and i.period_start = '2026-06-01';
select results_eq($$select kind, min(amount_minor), sum(amount_minor)
  from pg_temp.notes where name = 'Two taxes' group by kind order by kind$$,
  $$values ('credit', 0::bigint, 5::numeric), ('tax', 0, 2)$$,
  'the net of a note does not go below zero; each tax gets its cent');
select billing.issue_credit_note(i.id, 'all', null, false, '2026-08-04')
from public.invoices i
where i.client_id = '00000000-0000-4000-8000-000000000c57' and i.period_start = '2026-06-01';
select results_eq($$select tax_name, sum(amount_minor), sum(base), min(rate), min(behavior)
  from pg_temp.notes where name = 'Two taxes' and kind = 'tax' group by 1 order by 1$$,
  $$values ('GST', 1000::numeric, 10000::numeric, 10::numeric, 'exclusive'),
    ('PST', 1000, 10000, 10, 'exclusive')$$, 'notes over all of an invoice give all tax back');

-- 12.00 invoiced, 9.60 given by hand (8.00 and 1.60); half is taken back: of 6.00 there are 2.40
-- left, 2.00 and 0.40; the other 3.60 wait for more usage of June.
select billing.issue_credit_note(i.id, 'goodwill', 960, false, '2026-08-03')
from public.invoices i
where i.client_id = '00000000-0000-4000-8000-000000000d57' and i.period_start = '2026-06-01';
select pg_temp.take_back('Goodwill', 500);
select billing.run_monthly('2026-08-05');
select results_eq($$select kind, amount_minor, quantity, base
  from pg_temp.notes where name = 'Goodwill' and number like '%CN2' order by kind desc$$,
  $$values ('usage', 200::bigint, 200::numeric, null::bigint), ('tax', 40, null, 200)$$,
  'the rest is credited line by line, with its share of tax');
select results_eq($$select sum(amount_minor) from pg_temp.notes
  where name = 'Goodwill' and kind = 'tax'$$, $$values (200::numeric)$$,
  'all tax of the invoice is given back, and no more');
select pg_temp.log('Goodwill', '2026-06-13', 900);
select billing.run_monthly('2026-09-01');
select results_eq($$select l.kind, l.quantity, l.amount_minor, l.tax_base_minor
  from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
  where i.period_start = '2026-08-01' and i.client_id = '00000000-0000-4000-8000-000000000d57'
  order by l.position$$,
  $$values ('usage', 600::numeric, 600::bigint, null::bigint), ('tax', null, 120, 600)$$,
  'of 9.00 that come later the 3.00 that could not be credited are not charged, nor their tax');

select results_eq($$select i.total_minor from public.invoices i
  where i.client_id = '00000000-0000-4000-8000-000000000e57' and i.kind = 'period' order by 1$$,
  $$values (600::bigint), (1200)$$, 'clients with ordinary data are billed as ever');
select is_empty($$select * from billing.check_invariants('2026-01-01')$$,
  'the books do not contradict themselves');

select * from finish();
rollback;

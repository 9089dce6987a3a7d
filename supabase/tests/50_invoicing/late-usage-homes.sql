-- Where late usage goes: the client's next invoice in the same currency, else one of its own. It
-- stays there however often drafts are remade.
begin;
select plan(15);

insert into public.clients (name, external_id, started_on) values
  ('Changer', 'changer', '2026-06-01'), ('Grace', 'grace', '2026-06-01'),
  ('Quiet', 'quiet', '2026-06-01'), ('Gone', 'gone', '2026-06-01');
update public.clients set ended_on = '2026-07-01' where name = 'Gone';
insert into public.billing_config (client_id, minimum_minor, currency, grace_hours,
  effective_from, effective_until)
select c.id, 0, v.currency, v.grace, v.from_day::date, v.until_day::date
from (values ('Changer', 'USD', 0, '-infinity', '2026-07-01'),
  ('Changer', 'JPY', 0, '2026-07-01', 'infinity'), ('Grace', 'USD', 48, '-infinity', 'infinity'),
  ('Quiet', 'USD', 0, '-infinity', 'infinity'), ('Gone', 'USD', 0, '-infinity', 'infinity')
) v(name, currency, grace, from_day, until_day)
join public.clients c using (name);
insert into public.prices (family, metric, currency, unit_amount, per_units)
values ('claude-sonnet', 'input_tokens', 'JPY', 300, 1000000);

create function pg_temp.log(client text, day date, tokens bigint) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp")
  values ('SCHOLAR', 'claude-sonnet', tokens, jsonb_build_object('client_id', client),
    day + interval '12 hours');
$$;
create function pg_temp.invoices(client text) returns table (kind text, status text,
  period_start date, currency text, total_minor bigint) language sql as $$
  select i.kind, i.status, i.period_start, i.currency, i.total_minor
  from public.invoices i join public.clients c on c.id = i.client_id
  where c.external_id = client order by i.period_start nulls last, i.currency;
$$;

-- June: 10M input tokens each, 30.00 USD.
select pg_temp.log(external_id, '2026-06-10', 10000000) from public.clients
where external_id is not null;
select billing.run_monthly('2026-07-03 00:00+00');
select results_eq($$select distinct i.total_minor, i.status from public.invoices i$$,
  $$values (3000::bigint, 'open')$$, 'June is 30.00 for each');

-- 1M tokens of June come late for everybody: 3.00 USD more.
select pg_temp.log(external_id, '2026-06-20', 1000000) from public.clients
where external_id is not null;
select pg_temp.log('changer', '2026-07-10', 10000000);
select pg_temp.log('grace', '2026-07-10', 10000000);
select billing.run_monthly('2026-08-01 00:00+00');

select results_eq($$select * from pg_temp.invoices('changer')$$,
  $$values ('period', 'open', '2026-06-01'::date, 'USD', 3000::bigint),
    ('period', 'open', '2026-07-01', 'JPY', 3000), ('late', 'open', null, 'USD', 300)$$,
  'a client billed in another currency by now gets late usage on an invoice in the old one');
select results_eq($$select * from pg_temp.invoices('quiet')$$,
  $$values ('period', 'open', '2026-06-01'::date, 'USD', 3000::bigint),
    ('period', 'open', '2026-07-01', 'USD', 300)$$,
  'a month without usage of its own carries the late usage of the one before');
select is((select i.period_end from public.invoices i join public.clients c on c.id = i.client_id
  where c.name = 'Quiet' and i.period_start = '2026-07-01'), '2026-08-01'::date,
  'and covers its whole month');
select results_eq($$select * from pg_temp.invoices('gone')$$,
  $$values ('period', 'open', '2026-06-01'::date, 'USD', 3000::bigint),
    ('late', 'open', null, 'USD', 300)$$,
  'a client that has ended gets an invoice of its own');

select results_eq($$select * from pg_temp.invoices('grace')$$,
  $$values ('period', 'open', '2026-06-01'::date, 'USD', 3000::bigint),
    ('period', 'draft', '2026-07-01', 'USD', 3300)$$,
  'within grace the late usage stands on the draft');
select billing.run_monthly('2026-08-02 00:00+00');
select results_eq($$select * from pg_temp.invoices('grace')$$,
  $$values ('period', 'open', '2026-06-01'::date, 'USD', 3000::bigint),
    ('period', 'draft', '2026-07-01', 'USD', 3300)$$,
  'and is still there when the draft is remade');
select is((billing.preview_invoice((select id from public.clients where name = 'Grace'),
  '2026-07-15', '2026-08-02 00:00+00') #>> '{totals,total_minor}')::bigint, 3300::bigint,
  'the preview shows it too');
select billing.run_monthly('2026-08-03 00:00+00');
select results_eq($$select * from pg_temp.invoices('grace')$$,
  $$values ('period', 'open', '2026-06-01'::date, 'USD', 3000::bigint),
    ('period', 'open', '2026-07-01', 'USD', 3300)$$,
  'and when it is issued');
select is_empty($$select * from public.billing_periods where usage_changed$$,
  'then nothing is left to do');
select is((billing.run_monthly('2026-08-03 00:00+00') ->> 'drafts')::integer, 0,
  'the next run drafts nothing');
select is((select count(*) from public.invoices), 9::bigint, 'and bills nothing twice');

-- Late lines say what they are.
select results_eq($$
  select l.is_late, l.description, l.quantity, l.amount_minor from public.invoice_lines l
  join public.invoices i on i.id = l.invoice_id join public.clients c on c.id = i.client_id
  where c.name = 'Grace' and i.period_start = '2026-07-01' order by l.position$$,
  $$values (false, 'Claude Sonnet · input tokens', 10000000::numeric, 3000::bigint),
    (true, 'Late usage, June 2026 · Claude Sonnet · input tokens', 1000000, 300)$$,
  'a late line names the month it belongs to');
select is((select total_minor from public.invoices i join public.clients c on c.id = i.client_id
  where c.name = 'Grace' and i.period_start = '2026-06-01'), 3000::bigint,
  'late usage never changes an issued invoice');
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');

select * from finish();
rollback;

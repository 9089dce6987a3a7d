-- Where a note gives back all that an invoice charged for a month, it gives back all of its tax for
-- the month and what that was charged on, and never more than that.
begin;
select plan(4);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000000a54', 'Allowance', '2026-05-01'),
  ('00000000-0000-4000-8000-000000000b54', 'Emptied by hand', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, taxes)
select id, 0, '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]'
from public.clients;
create function pg_temp.log(log_id integer, client text, day date, searches bigint, tokens bigint)
returns void language sql as $$
  insert into public.agent_usage_logs (id, agent, model, web_searches, input_tokens, client_id,
    "timestamp")
  select ('00000000-0000-4000-8000-' || lpad(log_id::text, 12, '0'))::uuid, 'S', 'claude-sonnet',
    searches, tokens, c.id, day from public.clients c where c.name = client;
$$;
create view pg_temp.notes as
select c.name, n.number, n.total_minor, l.section_start, l.kind, l.metric, l.amount_minor,
  l.tax_base_minor as base
from public.credit_notes n
join public.clients c on c.id = n.client_id
join public.credit_note_lines l on l.credit_note_id = n.id;

-- June's invoice of Allowance: searches 10.00 less 6.00 of an allowance, and 0.80; of May, late,
-- 1.00 and 0.20. June's of the other: 6.00 of tokens and 1.20, all of it credited by hand; July's
-- has searches of June, 5.00 and 5.00, and 2.00.
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values ('00000000-0000-4000-8000-000000000a54', 'Allowance', -6, 'USD', '2026-06-05');
select pg_temp.log(1, 'Allowance', '2026-05-10', 100, 0);
select billing.run_monthly('2026-06-01');
select pg_temp.log(2, 'Allowance', '2026-05-11', 100, 0);
select pg_temp.log(3, 'Allowance', '2026-06-10', 1000, 0);
select pg_temp.log(4, 'Emptied by hand', '2026-06-10', 0, 2000000);
select billing.run_monthly('2026-07-01');
select billing.issue_credit_note(i.id, 'goodwill', null, false, '2026-07-02')
from public.invoices i where i.client_id = '00000000-0000-4000-8000-000000000b54';
select pg_temp.log(5, 'Emptied by hand', '2026-06-11', 500, 0);
select pg_temp.log(6, 'Emptied by hand', '2026-06-12', 500, 0);
select billing.run_monthly('2026-08-01');
select results_eq($$select c.name, i.period_start, i.total_minor
    from public.invoices i join public.clients c on c.id = i.client_id order by 1, 2$$, $$values
  ('Allowance', '2026-05-01'::date, 120::bigint), ('Allowance', '2026-06-01', 600),
  ('Emptied by hand', '2026-06-01', 720), ('Emptied by hand', '2026-07-01', 1200)$$,
  'invoices as they were charged');

-- All of June is taken back: of 12.00 there is room for 4.80. Of the other, tokens and 5.00 of
-- searches: 13.20, of which July's invoice charged 6.00, and has room for 6.00 more.
select billing.retract_log(('00000000-0000-4000-8000-00000000000' || n)::uuid, 'never made')
from unnest(array[3, 4, 5]) n;
select billing.run_monthly('2026-08-02');
select results_eq($$select n.number, n.total_minor, n.kind, n.amount_minor, n.base
    from pg_temp.notes n where n.name = 'Allowance' order by n.kind desc$$, $$values
  ('INV-2026-000002-CN1', 480::bigint, 'usage', 400::bigint, null::bigint),
  ('INV-2026-000002-CN1', 480, 'tax', 80, 400)$$,
  'all of the month that an invoice has charged beside another: all of its tax for the month');
select results_eq($$select n.total_minor, n.metric, n.amount_minor, n.base
    from pg_temp.notes n where n.name = 'Emptied by hand' and n.section_start is not null
    order by n.metric$$, $$values
  (1200::bigint, 'input_tokens', 500::bigint, null::bigint), (1200, 'web_searches', 500, null),
  (1200, null, 200, 1000)$$,
  'of what another invoice charged it gives back no more tax than its own');
select is_empty($$select * from billing.check_invariants('2026-05-01')$$,
  'the books do not contradict themselves');

select * from finish();
rollback;

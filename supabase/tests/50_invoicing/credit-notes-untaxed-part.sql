-- Where all goes back that an invoice charged for a month, and it charged no tax for it, the tax of
-- its other months stays.
begin;
select plan(3);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000000c54', 'Tokens are taxed', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, taxes)
select id, 0, '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive",
  "applies_to": ["input_tokens"]}]' from public.clients;
create function pg_temp.log(log_id integer, day date, searches bigint, tokens bigint)
returns void language sql as $$
  insert into public.agent_usage_logs (id, agent, model, web_searches, input_tokens, client_id,
    "timestamp")
  select ('00000000-0000-4000-8000-' || lpad(log_id::text, 12, '0'))::uuid, 'S', 'claude-sonnet',
    searches, tokens, c.id, day from public.clients c;
$$;

-- June's invoice: tokens 6.00 and 1.20, all of it credited by hand. July's: searches of June 5.00,
-- tokens of July 30.00 and 6.00.
select pg_temp.log(1, '2026-06-10', 0, 2000000);
select billing.run_monthly('2026-07-01');
select billing.issue_credit_note(i.id, 'goodwill', null, false, '2026-07-02')
from public.invoices i;
select pg_temp.log(2, '2026-06-11', 500, 0);
select pg_temp.log(3, '2026-07-11', 0, 10000000);
select billing.run_monthly('2026-08-01');
select results_eq($$select i.period_start, i.total_minor from public.invoices i order by 1$$,
  $$values ('2026-06-01'::date, 720::bigint), ('2026-07-01', 4100)$$, 'as they were charged');

-- June's tokens are taken back: of 7.20 July's invoice has room for 5.00.
select billing.retract_log('00000000-0000-4000-8000-000000000001', 'never made');
select billing.run_monthly('2026-08-02');
select results_eq($$select n.total_minor, l.kind, l.metric, l.amount_minor, l.tax_base_minor
    from public.credit_notes n join public.credit_note_lines l on l.credit_note_id = n.id
    where l.section_start is not null order by l.kind desc$$, $$values
  (500::bigint, 'usage', 'input_tokens', 500::bigint, null::bigint)$$,
  'an invoice that charged no tax for the month gives back none');
select is_empty($$select * from billing.check_invariants('2026-06-01')$$,
  'the books do not contradict themselves');

select * from finish();
rollback;

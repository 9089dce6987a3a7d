-- Usage of a month that two invoices charge is given back on each, and is no longer charged by it.
begin;
select plan(3);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000000a53', 'One', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000b53', 'Two', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
select id, 0 from public.clients;
create function pg_temp.log(log_id text, client text, day date, tokens bigint) returns void
language sql as $$
  insert into public.agent_usage_logs (id, agent, model, input_tokens, client_id, "timestamp")
  select log_id::uuid, 'S', 'claude-sonnet', tokens, c.id, day from public.clients c
  where c.name = client;
$$;
-- At 3.00 a million: 3.00 and 9.00 on June's invoice, 6.00 late on July's.
select pg_temp.log('00000000-0000-4000-8000-000000000153', 'One', '2026-06-10', 1000000);
select pg_temp.log('00000000-0000-4000-8000-000000000253', 'One', '2026-06-11', 3000000);
select billing.run_monthly('2026-07-01');
select pg_temp.log('00000000-0000-4000-8000-000000000353', 'One', '2026-06-12', 2000000);
select pg_temp.log('00000000-0000-4000-8000-000000000453', 'One', '2026-07-10', 1000000);
select billing.run_monthly('2026-08-01');
-- 9.00 of June go back: 6.00 on July's invoice, 3.00 on June's.
select billing.retract_log('00000000-0000-4000-8000-000000000253', 'sent by mistake');
select billing.run_monthly('2026-08-02');
select results_eq($$select i.period_start, n.total_minor, l.quantity, l.precise_amount
    from public.credit_notes n join public.invoices i on i.id = n.invoice_id
    join public.credit_note_lines l on l.credit_note_id = n.id order by 1$$, $$values
  ('2026-06-01'::date, 300::bigint, 1000000::numeric, 3::numeric),
  ('2026-07-01', 600, 2000000, 6)$$, 'take_credit: units and exact amounts, the newest first');
select results_eq($$select i.period_start, x.amount_minor, x.quantity, x.precise_amount
    from public.invoices i
    cross join lateral _billing.charged_lines(i.id, '2026-06-01') x order by 1$$, $$values
  ('2026-06-01'::date, 900::numeric, 3000000::numeric, 9::numeric), ('2026-07-01', 0, 0, 0)$$,
  'charged_lines: what each charges still');
select set_eq($$select n.document #>> '{client,name}' from public.credit_notes n$$,
  $$values ('One')$$, 'write_credit_document: to the client of the invoice');

select * from finish();
rollback;

-- Crediting step by step: what is left to credit, off which invoice, onto what.
begin;
select plan(27);

insert into public.clients (id, name, started_on, ended_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01', null);
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-0000-0000-00000000000a', 0);
create function pg_temp.log(tokens integer, day date) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', 'claude-sonnet', tokens, '00000000-0000-0000-0000-00000000000a', day where tokens > 0;
  -- Below zero: so much less than the logs of that month say, those of the day first.
  select count(billing.correct_log(t.id, jsonb_build_object('input_tokens', t.now - t.taken),
    'a test'))
  from (
    select s.id, s.now, least(s.now, -tokens - coalesce(sum(s.now) over (order by
      s."timestamp" = day desc, s.id rows between unbounded preceding and 1 preceding), 0)) as taken
    from (select l.id, l."timestamp", (_billing.standing_log(l.id)).input_tokens as now
      from public.agent_usage_logs l where l.corrects_id is null and tokens < 0
        and date_trunc('month', l."timestamp") = date_trunc('month', day::timestamptz)) s
  ) t where t.taken > 0;
  select _billing.rollup();
$$;
create function pg_temp.invoice(month date) returns public.invoices language sql as $$
  select i from public.invoices i where period_start = month;
$$;
create function pg_temp.june() returns billing.rating_target[] language sql as $$
  select array[('00000000-0000-0000-0000-00000000000a', '2026-06-01', '2026-07-01')
    ::billing.rating_target];
$$;
-- June 30.00; July 15.00 and 6.00 of June that came late.
select pg_temp.log(10000000, '2026-06-10');
select billing.run_monthly('2026-07-01');
select pg_temp.log(2000000, '2026-06-11'), pg_temp.log(5000000, '2026-07-10');
select billing.run_monthly('2026-08-01');

select is(_billing.creditable(pg_temp.invoice('2026-07-01'), '2026-06-01'), 600::bigint,
  'of July''s invoice what it charged for June can be credited for June');
select is(_billing.creditable(pg_temp.invoice('2026-06-01'), '2026-06-01'), 3000::bigint,
  'of June''s all of it');
select is(_billing.creditable(pg_temp.invoice('2026-06-01'), '2026-07-01'), 0::bigint,
  'for what it did not charge nothing');

-- A note is settled: first off what is due.
select throws_ok($$select _billing.write_credit_note(pg_temp.invoice('2026-06-01'), 0, 'x', false,
  now())$$, 'PT400', 'a credit of 0 is not more than zero', 'a note is of something');
select throws_ok($$select _billing.write_credit_note(pg_temp.invoice('2026-06-01'), 3001, 'x',
  false,
  now())$$, 'PT409', '3001 would be credited, 3000 is left of invoice INV-2026-000001',
  'and of no more than is left');
select billing.record_payment((pg_temp.invoice('2026-06-01')).id, 2900, '2026-07-05');
select _billing.write_credit_note(pg_temp.invoice('2026-06-01'), 250, 'goodwill', false,
  '2026-08-02');
select results_eq($$select number, to_invoice_minor, to_balance_minor, to_refund_minor
    from public.credit_notes$$, $$values ('INV-2026-000001-CN1', 100::bigint, 150::bigint,
      0::bigint)$$, 'of 2.50 the 1.00 that is due, the rest onto the balance');
select results_eq($$select status, amount_due_minor from public.invoices
    where period_start = '2026-06-01'$$, $$values ('paid', 0::bigint)$$,
  'which settles the invoice');
select _billing.write_credit_note(pg_temp.invoice('2026-06-01'), 50, 'goodwill', true,
  '2026-08-02');
select is((select to_refund_minor from public.credit_notes where number like '%CN2'), 50::bigint,
  'or back to who paid');
select is((select sum(amount_minor) from public.balance_entries), 150::numeric,
  'a refund is none of the balance');

select _billing.write_credit_document(n.id) from public.credit_notes n where n.number like '%CN1';
select results_eq($$select document ->> 'kind', document ->> 'number',
    document #>> '{references,invoice_number}', document #>> '{references,reason}',
    document #>> '{totals,total_minor}'
    from public.credit_notes where number like '%CN1'$$,
  $$values ('credit_note', 'INV-2026-000001-CN1', 'INV-2026-000001', 'goodwill', '250')$$,
  'its document names the invoice, the reason, and what it gives back');

-- Step by step: what each invoice charges for June, and what of it one of them is to give back.
select results_eq($$select c.place, i.period_start, c.room
    from _billing.creditable_invoices((pg_temp.june())[1]) c
    join public.invoices i on i.id = c.invoice_id order by 1$$,
  $$values (1::bigint, '2026-07-01'::date, 600::bigint), (2, '2026-06-01', 2700)$$,
  'newest first, with the room that notes by hand have left');
select results_eq($$select amount_minor, quantity, tax_base_minor from _billing.charged_lines(
    (pg_temp.invoice('2026-07-01')).id, '2026-06-01')$$,
  $$values (600::numeric, 2000000::numeric, 0::numeric)$$, 'July''s charges 2M tokens of June');
select is_empty($$select * from _billing.taxes_of_invoice((pg_temp.invoice('2026-06-01')).id)$$,
  'without a tax');
select is_empty($$select t.* from public.credit_notes n cross join lateral _billing.tax_shares(
    pg_temp.invoice('2026-06-01'), n) t$$, 'notes give none back');
create function pg_temp.deltas() returns _billing.rated_line[] language sql as $$
  select array_agg(d.line) from _billing.section_deltas(pg_temp.june()) d;
$$;
do $$begin
  perform pg_temp.log(-3000000, '2026-06-12');
  perform _billing.begin_credit(pg_temp.june(), pg_temp.deltas());
end$$;
select results_eq($$select amount_minor, quantity, rest_minor, is_charge from _billing.own_credit(
    (pg_temp.invoice('2026-07-01')).id, '2026-06-01')$$,
  $$values (600::numeric, 2000000::numeric, 900::numeric, true)$$,
  'of 9.00 July''s gives back its own 6.00');
select is(_billing.take_credit((pg_temp.invoice('2026-07-01')).id, '2026-06-01', 600, 900, true),
  600::bigint, 'which are taken');
select is(_billing.taken_credit((pg_temp.invoice('2026-07-01')).id), 600::bigint,
  'the taken credit of the invoice is known');
select is(_billing.take_credit((pg_temp.invoice('2026-06-01')).id, '2026-06-01', 100, 300, true),
  100::bigint, 'of the other 3.00 no more than there is room for');
select results_eq('select amount_minor, quantity from pg_temp.credit_take',
  $$values (100::numeric, 333333.333333)$$, 'a share of the line');
update pg_temp.credit_take set amount_minor = 300;
select _billing.scale_credit((pg_temp.invoice('2026-06-01')).id, '2026-06-01', 200, 300);
select results_eq('select amount_minor from pg_temp.credit_take', $$values (200::numeric)$$,
  'as large as it is asked for');
savepoint before_note;
select _billing.write_section_note((pg_temp.invoice('2026-07-01')).id, (pg_temp.june())[1],
  '2026-08-03');
select results_eq($$select l.amount_minor, l.quantity, l.description
    from public.credit_note_lines l where l.section_start is not null$$,
  $$values (600::bigint, 2000000::numeric, 'Claude Sonnet · input tokens, June 2026')$$,
  'a note has the lines that were taken for its invoice');
rollback to savepoint before_note;
select pg_temp.log(3000000, '2026-06-12');

-- Overcharges: newest invoice first, each by what it charged for the section.
select is(_billing.credit_overcharges(pg_temp.june(), '2026-08-03'), 0::bigint,
  'a section rated as charged is not credited');
select pg_temp.log(-3000000, '2026-06-12');
select is(_billing.credit_overcharges(pg_temp.june(), '2026-08-03'), 2::bigint,
  '9.00 of June: two notes');
select results_eq($$select i.period_start, n.total_minor, n.reason from public.credit_notes n
    join public.invoices i on i.id = n.invoice_id
    where n.issued_at = '2026-08-03' order by 1 desc$$,
  $$values ('2026-07-01'::date, 600::bigint, 'Usage of June 2026 corrected'),
    ('2026-06-01', 300, 'Usage of June 2026 corrected')$$,
  '6.00 off July''s invoice that charged them, 3.00 off June''s');
select is_empty('select * from _billing.late_sections(pg_temp.june()) where net_minor <> 0',
  'then June is booked as it is rated');
select pg_temp.log(-1000000, '2026-06-13');
select is(_billing.credit_section(pg_temp.june(), pg_temp.deltas(), 300, '2026-08-04'), 1::bigint,
  'a section is credited by as many notes as it takes');
select is((select sum(l.amount_minor) from public.credit_note_lines l
  join public.credit_notes n on n.id = l.credit_note_id where n.issued_at = '2026-08-04'),
  300::numeric, 'the lines of the note sum to its amount');

select * from finish();
rollback;

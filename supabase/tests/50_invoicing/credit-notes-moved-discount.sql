-- A fixed discount that stays when the lines are taken back that it was given on: it moves to the
-- next invoice of the month, and no line is credited on an invoice that did not charge it.
begin;
select plan(4);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000053', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, discount_minor)
values ('00000000-0000-4000-8000-000000000053', 0, 100);
create function pg_temp.log(id uuid, searches integer, tokens integer, day date) returns void
language sql as $$
  insert into public.agent_usage_logs (id, agent, model, web_searches, input_tokens, client_id,
    "timestamp")
  values (id, 'S', 'claude-sonnet', searches, tokens, '00000000-0000-4000-8000-000000000053', day);
$$;
-- An item of 5.00 leaves room on June's invoice beyond what it charged for June's usage.
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values ('00000000-0000-4000-8000-000000000053', 'Set-up', 5, 'USD', '2026-06-01');
select pg_temp.log('00000000-0000-4000-8000-000000000001', 1000, 0, '2026-06-10');
select billing.run_monthly('2026-07-01');
select pg_temp.log('00000000-0000-4000-8000-000000000002', 0, 1000000, '2026-06-11');
select pg_temp.log('00000000-0000-4000-8000-000000000003', 200, 0, '2026-07-10');
select billing.run_monthly('2026-08-01');
-- No more of it is taken back than was given: of 1.00 that is 0.60, where 0.40 are already.
savepoint taken;
do $$begin
  perform _billing.begin_credit(array[('00000000-0000-4000-8000-000000000053', '2026-06-01',
    '2026-07-01')::billing.rating_target], array(select d.line from _billing.section_deltas(array[
    ('00000000-0000-4000-8000-000000000053', '2026-06-01',
    '2026-07-01')::billing.rating_target]) d));
  perform _billing.take_credit((select id from public.invoices
    where number = 'INV-2026-000001'), '2026-06-01', 1, 1, true);
  delete from pg_temp.credit_take where rating_key <> 'discount';
  update pg_temp.credit_take set amount_minor = -40;
end$$;
select is(_billing.move_discount((select id from public.invoices
    where number = 'INV-2026-000001'), '2026-06-01', 20, 100), -100::numeric,
  'no more of a discount is taken back than was given');
rollback to taken;
select billing.issue_credit_note(id, 'item', 500, false, '2026-08-02') from public.invoices
where period_start = '2026-06-01';
select billing.retract_log('00000000-0000-4000-8000-000000000001', 'never made');
select billing.run_monthly('2026-08-03');
-- June: tokens 3.00 less 1.00 = 2.00, of 12.00; #1 charged 10.00 less 1.00.
select results_eq($$select n.number, l.kind, l.metric, l.amount_minor
    from public.credit_note_lines l join public.credit_notes n on n.id = l.credit_note_id
    where l.section_start is not null order by 1, 2$$,
  $$values ('INV-2026-000001-CN2', 'discount', null, -100::bigint),
    ('INV-2026-000001-CN2', 'usage', 'web_searches', 1000),
    ('INV-2026-000002-CN1', 'discount', null, 100)$$,
  'searches less the discount on the one, the discount on the other');
select set_config('billing.as_of', '2026-08-03', true);
select is_empty($$select * from billing.check_invariants('2026-06-01')$$,
  'the invariants find no violation');
-- credit_take is left from the last invoice: the discount that was taken there.
select is(_billing.move_discount((select id from public.invoices
    where number = 'INV-2026-000002'), '2026-06-01', 0, 0), 100::numeric,
  'an invoice that gave none moves none');

select * from finish();
rollback;

-- What is issued stays, and so do the terms it was issued under, for any writer.
begin;
select plan(23);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.prices (model, metric, unit_amount) values ('m-1', 'input_tokens', 0.01);
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'm-1', 1000, '00000000-0000-0000-0000-00000000000a', '2026-06-10'),
  ('S', 'claude-sonnet', 5000000, '00000000-0000-0000-0000-00000000000a', '2026-06-10');
insert into public.models (id, family) values ('m-1', 'm');
select billing.run_monthly('2026-07-01');
select billing.issue_credit_note(id, 'goodwill', 100, false, '2026-07-02') from public.invoices;
set local billing.as_of = '2026-07-10 12:00+00';
create function pg_temp.refusal(statement text) returns text language plpgsql as $$
declare
  code text;
begin
  execute statement;
  return null;
exception when others then
  get stacked diagnostics code = pg_exception_detail;
  return code;
end $$;

-- Invoices, lines, credit notes.
select trigger_is('public', 'invoices', 'guard_invoice', '_billing', 'guard_invoice',
  'invoices are guarded');
select is(pg_temp.refusal('update public.invoices set due_on = due_on + 1'), 'invoice_frozen',
  'an issued invoice does not change');
select is(pg_temp.refusal($$update public.invoices set status = 'draft'$$), 'illegal_transition',
  'nor go back');
select is(pg_temp.refusal('delete from public.invoices'), 'invoice_frozen',
  'an issued invoice cannot be deleted');
select is(pg_temp.refusal('update public.invoices set credited_minor = credited_minor'), null,
  'columns that change after issue may be written');
select trigger_is('public', 'invoice_lines', 'guard_lines_on_insert', '_billing', 'guard_new_lines',
  'lines are guarded when they come');
select trigger_is('public', 'invoice_lines', 'guard_lines_on_update', '_billing', 'guard_old_lines',
  'when they change');
select trigger_is('public', 'invoice_lines', 'guard_lines_on_delete', '_billing', 'guard_old_lines',
  'when they go');
select trigger_is('public', 'invoice_lines', 'guard_moved_line', '_billing', 'guard_moved_line',
  'and when they move');
select lives_ok($$select _billing.refuse_frozen_lines('{}')$$, 'no line, no refusal');
select throws_ok($$select _billing.refuse_frozen_lines(array(select id from public.invoices))$$,
  'PT409', null, 'an issued invoice''s are refused');
insert into public.invoices (client_id, kind, currency)
values ('00000000-0000-0000-0000-00000000000a', 'one_off', 'USD');
select is(pg_temp.refusal($$insert into public.invoice_lines (invoice_id, position, kind,
    rating_key, precise_amount, amount_minor, description)
  select id, 99, 'one_off', 'x', 1, 100, 'Late' from public.invoices where status = 'open'$$),
  'invoice_frozen', 'an issued invoice gets no line');
insert into public.invoice_lines (invoice_id, position, kind, rating_key, precise_amount,
  amount_minor, description)
select id, 1, 'one_off', 'x', 1, 100, 'Early' from public.invoices where status = 'draft';
select is(pg_temp.refusal($$update public.invoice_lines l set invoice_id = i.id, position = 99
    from public.invoices i where i.status = 'open' and l.description = 'Early'$$),
  'invoice_frozen', 'nor one of a draft''s');
select is(pg_temp.refusal($$delete from public.invoices where status = 'draft'$$), null,
  'a draft goes with its lines');
select is(pg_temp.refusal(c), 'invoice_frozen', c) from unnest(array[
  'update public.invoice_lines set amount_minor = 1', 'delete from public.invoice_lines']) c;
select trigger_is('public', 'credit_notes', 'guard_credit_note', '_billing', 'guard_credit_note',
  'credit notes are guarded');
select is(pg_temp.refusal('update public.credit_notes set document = ''{"a": 1}'''),
  'invoice_frozen', 'a credit note has its document once');

-- Terms that settled periods were charged by: 40_rating/settled-usage-terms.
select trigger_is('public', 'prices', 'guard_price', '_billing', 'guard_price',
  'prices are guarded');
select trigger_is('public', 'models', 'guard_family_on_change', '_billing', 'guard_model_family',
  'families are guarded');
select trigger_is('public', 'billing_config', 'guard_config', '_billing', 'guard_config',
  'configs are guarded');
select trigger_is('public', 'billing_config', 'guard_currency_on_update', '_billing',
  'guard_currency_within_period', 'their currency is');
select trigger_is('public', 'stripe_meters', 'guard_meter_in_force', '_billing',
  'guard_meter_in_force', 'meters are guarded');

select * from finish();
rollback;

-- What is issued stays, and so do the terms it was issued under; whoever writes.
begin;
select plan(33);

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
select is(pg_temp.refusal('delete from public.invoices'), 'invoice_frozen', 'nor away');
select is(pg_temp.refusal('update public.invoices set credited_minor = credited_minor'), null,
  'what moves may move');
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

-- Terms: what is in force is ended, not changed.
select trigger_is('public', 'prices', 'guard_terms', '_billing', 'guard_terms',
  'terms are guarded');
select is(pg_temp.refusal('update public.prices set unit_amount = 2 where model = ''m-1'''),
  'past_is_frozen', 'a price in force does not change');
select is(pg_temp.refusal('delete from public.prices where model = ''m-1'''), 'past_is_frozen',
  'nor go away');
select is(pg_temp.refusal($$update public.prices set effective_until = '2026-07-11'
  where model = 'm-1'$$), 'past_is_frozen',
  'nor end before tomorrow, wherever it is tomorrow last');
select is(pg_temp.refusal($$update public.prices set effective_until = '2026-07-12'
  where model = 'm-1'$$), null, 'it may end after that');

-- New rows may reach back, but not into what is invoiced.
select trigger_is('public', 'prices', 'guard_new_price', '_billing', 'guard_new_price',
  'new prices are guarded');
select results_eq($$select pg_temp.refusal(format('insert into public.prices (client_id, metric,
    unit_amount, effective_from, model, family) values (
      ''00000000-0000-0000-0000-00000000000a'', %L, 1, %L, %L, %L)', m, d, o, f))
  from (values ('input_tokens', '2026-06-01'::date, null, null), ('output_tokens', '2026-06-01',
      null, null), ('input_tokens', '2026-07-01', 'm-1', null),
    ('input_tokens', '2026-06-01', null, 'm')) v(m, d, o, f)$$,
  $$values ('past_is_frozen'), (null), (null), ('past_is_frozen')$$,
  'a price that would change usage on an invoice is refused; others are not');
select is(pg_temp.refusal($$insert into public.prices (family, metric, unit_amount)
    values ('n', 'input_tokens', 3)$$), null, 'a family''s price for no usage yet is taken');
select trigger_is('public', 'models', 'guard_family_on_change', '_billing', 'guard_model_family',
  'families are guarded');
select is(pg_temp.refusal($$update public.models set family = 'n' where id = 'm-1'$$), null,
  'a model may move where its own price holds');
select is(pg_temp.refusal($$update public.models set family = 'n' where id = 'claude-sonnet'$$),
  'past_is_frozen', 'not where its family''s price has been charged');
select is(pg_temp.refusal($$delete from public.models where id = 'claude-sonnet'$$),
  'past_is_frozen', 'nor go');
select trigger_is('public', 'billing_config', 'guard_new_config', '_billing', 'guard_new_config',
  'configs are guarded');
select is(pg_temp.refusal($$insert into public.billing_config (client_id, minimum_minor,
    effective_from) values ('00000000-0000-0000-0000-00000000000a', 0, '2026-06-15')$$),
  'past_is_frozen', 'a config that reaches into an invoiced period is refused');
select is(pg_temp.refusal($$insert into public.billing_config (client_id, minimum_minor,
    effective_from) values ('00000000-0000-0000-0000-00000000000a', 0, '2026-07-01')$$), null,
  'from the day after it is taken');

select * from finish();
rollback;

-- Facts are never changed, by nobody: not even by the owner of the tables.
begin;
select plan(13);

insert into public.agent_usage_logs (agent, model, input_tokens) values ('SCHOLAR', 'm', 1);

select throws_ok('update public.agent_usage_logs set input_tokens = 2', 'PT409',
  'agent_usage_logs is append-only: update refused', 'a log is not updated');
select throws_ok('delete from public.agent_usage_logs', 'PT409',
  'agent_usage_logs is append-only: delete refused', 'a log is not deleted');
select throws_ok('truncate public.agent_usage_logs', 'PT409',
  'agent_usage_logs is append-only: truncate refused', 'logs are not truncated');
select throws_ok('update public.payments set amount_minor = 1', 'PT409', null,
  'payments are not updated');
select throws_ok('delete from public.balance_entries', 'PT409', null,
  'balance entries are not deleted');
select throws_ok('update public.credit_note_lines set amount_minor = 1', 'PT409', null,
  'lines of credit notes are not updated');
select throws_ok('delete from billing.audit_log', 'PT409', null, 'the audit trail is not deleted');
select throws_ok('truncate public.invoices cascade', 'PT409', null, 'invoices are not truncated');
select throws_ok('truncate public.prices', 'PT409', null, 'prices are not truncated');
select throws_ok('truncate public.billing_config', 'PT409', null, 'nor is config');

set local role service_role;
select throws_ok('update public.agent_usage_logs set input_tokens = 2', '42501', null,
  'the service key has no right to update logs');
set local role authenticated;
select throws_ok($$insert into public.agent_usage_logs (agent, model) values ('S', 'm')$$, '42501',
  null, 'a signed-in user cannot log usage');
set local role anon;
select throws_ok($$insert into public.agent_usage_logs (agent, model) values ('S', 'm')$$, '42501',
  null, 'anon cannot log usage');
reset role;

select * from finish();
rollback;

-- Who may see what: anon nothing, a member its clients' rows, an operator all, nobody but the
-- service key and functions writes.
begin;
select plan(23);

insert into auth.users (id) values ('0000000a-0000-0000-0000-000000000001'),
  ('0000000b-0000-0000-0000-000000000002'), ('0000000c-0000-0000-0000-000000000003');
insert into public.clients (id, name, external_id, started_on) values
  ('0000000a-0000-0000-0000-000000000000', 'Acme', 'acme', '2026-06-01'),
  ('0000000b-0000-0000-0000-000000000000', 'Birch', 'birch', '2026-06-01');
insert into public.client_members (client_id, user_id) values
  ('0000000a-0000-0000-0000-000000000000', '0000000a-0000-0000-0000-000000000001'),
  ('0000000b-0000-0000-0000-000000000000', '0000000b-0000-0000-0000-000000000002');
insert into public.billing_config (client_id, minimum_minor, effective_from)
select id, 5000, '2026-06-01' from public.clients;
insert into public.prices (client_id, metric, unit_amount) select id, 'x', 1 from public.clients;
insert into public.agent_assignments (agent, client_id) select upper(name), id from public.clients;
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
select upper(name), 'claude-sonnet', 10, '2026-06-10' from public.clients;
select billing.run_monthly('2026-07-01 00:00+00');
select billing.issue_credit_note(id, 'goodwill', 100) from public.invoices;
select billing.record_payment(id, 9900) from public.invoices;
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
select id, 'Set-up', 10, 'USD', '2026-07-05' from public.clients;
select billing.create_one_off_invoice(array[id], '2026-07-05 00:00+00') from public.invoice_items;

-- How many rows of every table an actor sees; -1 where it may not look.
create function pg_temp.seen(actor text) returns jsonb language plpgsql as $$
declare
  result jsonb := '{}';
  seen bigint;
  t text;
begin
  perform set_config('request.jwt.claims', case actor
    when 'member' then '{"sub": "0000000a-0000-0000-0000-000000000001", "role": "authenticated"}'
    when 'outsider' then '{"sub": "0000000c-0000-0000-0000-000000000003", "role": "authenticated",
      "user_metadata": {"role": "operator"}}'
    when 'operator' then '{"sub": "0000000c-0000-0000-0000-000000000003", "role": "authenticated",
      "app_metadata": {"role": "operator"}}'
    else '' end, true);
  perform set_config('role', case when actor in ('member', 'outsider', 'operator')
    then 'authenticated' else actor end, true);
  foreach t in array array['clients', 'client_members', 'billing_config', 'agent_assignments',
    'agent_usage_logs', 'usage_records', 'invoices', 'invoice_lines', 'invoice_items',
    'billing_periods', 'credit_notes', 'credit_note_lines', 'payments', 'balance_entries',
    'client_time_zones', 'billing_settings'] loop
    begin
      execute format('select count(*) from public.%I', t) into seen;
    exception when insufficient_privilege then
      seen := -1;
    end;
    result := result || jsonb_build_object(t, seen);
  end loop;
  perform set_config('role', 'none', true);
  return result;
end $$;
-- The code that a statement is refused with, null where it is done.
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
create temporary table views as select pg_temp.seen('anon') as anon,
  pg_temp.seen('member') as member, pg_temp.seen('outsider') as outsider,
  pg_temp.seen('operator') as operator, pg_temp.seen('service_role') as service;

select is_empty($$select key from views, jsonb_each_text(anon) where value <> '-1'$$,
  'anon may look at nothing');
select is_empty($$select key, value from views, jsonb_each_text(outsider) where value <> '0'$$,
  'a user of no client sees nothing, whatever it writes into its own metadata');
select is((select member from views), '{"clients": 1, "client_members": 1, "billing_config": 1,
  "agent_assignments": 1, "agent_usage_logs": 0, "usage_records": 2, "invoices": 1,
  "invoice_lines": 2, "invoice_items": 0, "billing_periods": 0, "credit_notes": 1,
  "credit_note_lines": 1, "payments": 1, "balance_entries": 1, "client_time_zones": 1,
  "billing_settings": 0}'::jsonb, 'a member sees its client''s issued invoices and usage,
    no draft');
select is((select operator from views), '{"clients": 2, "client_members": 2, "billing_config": 3,
  "agent_assignments": 2, "agent_usage_logs": 2, "usage_records": 4, "invoices": 4,
  "invoice_lines": 6, "invoice_items": 2, "billing_periods": 2, "credit_notes": 2,
  "credit_note_lines": 2, "payments": 2, "balance_entries": 2, "client_time_zones": 2,
  "billing_settings": 1}'::jsonb, 'an operator sees all clients');
select is((select service from views), (select operator from views), 'the service key too');
select is((select value from views, jsonb_each_text(member) where key = 'billing_config'), '1',
  'the default config is the seller''s business');

-- What usage cost the seller, and its notes on a client, are not the client's.
set local role authenticated;
set local request.jwt.claims = '{"sub": "0000000a-0000-0000-0000-000000000001"}';
select throws_ok('select provider_cost from public.usage_records', '42501', null,
  'a member does not see what its usage cost the seller');
select throws_ok('select metadata from public.clients', '42501', null,
  'nor what the seller notes about it');
select throws_ok('select note, void_reason from public.invoices', '42501', null,
  'nor what the seller notes of an invoice');
select throws_ok('select problem from public.stripe_invoices', '42501', null,
  'nor what Stripe holds against it');
select lives_ok('select i.*, s.hosted_invoice_url, s.state from (select id, number, status,
    total_minor, amount_due_minor, due_on from public.invoices) i
  left join public.stripe_invoices s on s.invoice_id = i.id', 'it sees where to pay');
select results_eq('select metric, quantity from public.usage_records order by metric',
  $$values ('input_tokens', 10::numeric), ('requests', 1)$$, 'it sees the usage itself');

select isnt_empty('select from public.prices where client_id is null',
  'it sees the default prices');
set local request.jwt.claims = '{"sub": "0000000c-0000-0000-0000-000000000003"}';
select is_empty('select from public.prices', 'which a user of no client does not');

-- Writing.
set local request.jwt.claims = '{"sub": "0000000c-0000-0000-0000-000000000003",
  "app_metadata": {"role": "operator"}}';
select throws_ok('update public.clients set name = ''x''', '42501', null,
  'not even an operator writes through the API');
select throws_ok('insert into public.payments (amount_minor) values (1)', '42501', null,
  'nor records payments');
select throws_ok($$select billing.run_monthly()$$, '42501', null, 'nor starts a run');
select throws_ok($$select * from billing.quarantine$$, '42501', null, 'nor reads the machinery');
set local role service_role;
select lives_ok($$select billing.run_monthly('2026-07-02 00:00+00')$$,
  'the service key starts runs');
select throws_ok($$update public.invoices set status = 'paid'$$, '42501', null,
  'but does not write the books past the functions');
select lives_ok($$select count(*) from billing.quarantine$$, 'and reads quarantine');
select results_eq($$select pg_temp.refusal(s) from unnest(array[
    'update public.prices set unit_amount = 2', 'delete from public.billing_config',
    'insert into public.billing_config (client_id, minimum_minor, effective_from, effective_until)
      select id, 1, ''-infinity'', ''2026-06-01'' from public.clients',
    'insert into public.clients (name, time_zone) values (''X'', ''Nowhere'')']) s$$,
  $$values ('past_is_frozen'), ('past_is_frozen'), (null), ('invalid_argument')$$,
  'and is refused with the registered code where a guard refuses');
reset role;

-- Rows are not all that keeps people out: without a grant there is nothing to see or to write.
select is_empty($$
  select c.oid::regclass, p.privilege
  from pg_class c cross join unnest('{select,insert,update,delete}'::text[]) p(privilege)
  where c.relkind in ('r', 'p') and c.relnamespace in ('public'::regnamespace,
      'billing'::regnamespace, '_billing'::regnamespace)
    and has_table_privilege('authenticated', c.oid, p.privilege)
    and (p.privilege <> 'select' or not exists (
      select from pg_policy o where o.polrelid = c.oid))$$,
  'signed-in people are granted reading alone, of tables with a policy');

select * from finish();
rollback;

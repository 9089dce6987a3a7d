-- Every change of terms and books is on record: what changed, who did it.
begin;
select plan(14);

set local billing.actor = 'ada';
create function pg_temp.trail() returns table (table_name text, row_id text, operation text,
  before jsonb, after jsonb) language sql as $$
  select a.table_name, a.row_id, a.operation, a.before, a.after from billing.audit_log a
  order by a.id;
$$;

select results_eq($$select _billing.audit_key(r) from (values
    ('{"id": "x", "client_id": "c"}'::jsonb),
    ('{"client_id": "c", "user_id": "u"}'), ('{"id": true}')) v(r)$$,
  $$values ('x'), ('c/u'), ('true')$$, 'a row is known by its id, a membership by its two');
select trigger_is('public', 'clients', 'audit_insert', '_billing', 'audit_insert',
  'a trigger audits inserts');
select trigger_is('public', 'clients', 'audit_update', '_billing', 'audit_update',
  'a trigger audits updates');
select trigger_is('public', 'clients', 'audit_delete', '_billing', 'audit_delete',
  'a trigger audits deletes');

insert into public.models (id, family) values ('m-1', 'm'), ('m-2', 'm');
select results_eq('select row_id, operation, before, after from pg_temp.trail()', $$values
    ('m-1', 'insert', null::jsonb, '{"id": "m-1", "family": "m",
      "provider": null, "long_context_above": null, "long_context_2_above": null,
      "long_context_3_above": null}'::jsonb),
    ('m-2', 'insert', null, '{"id": "m-2", "family": "m", "provider": null,
      "long_context_above": null, "long_context_2_above": null,
      "long_context_3_above": null}')$$,
  'an inserted row is audited with its values');
update public.models set family = 'n' where id = 'm-1';
select results_eq($$select row_id, before, after from pg_temp.trail() where operation = 'update'$$,
  $$values ('m-1', '{"family": "m"}'::jsonb, '{"family": "n"}'::jsonb)$$,
  'of what changes that alone which changed');
update public.models set family = family;
delete from public.models where id = 'm-2';
select results_eq($$select row_id, operation, before ->> 'family' from pg_temp.trail() offset 3$$,
  $$values ('m-2', 'delete', 'm')$$, 'nothing of no change; what is gone as it was');
select is((select array_agg(distinct actor) from billing.audit_log), '{ada}',
  'each change has its actor');

insert into public.clients (name, started_on) values ('Acme', '2026-06-01');
delete from public.deliveries;
select _billing.draft_invoices(array(select (id, '2026-06-01', '2026-07-01')::billing.rating_target
  from public.clients), '{}');
select is_empty($$select * from pg_temp.trail() where table_name = 'invoices'$$,
  'drafts, remade at will, are no books');


-- Invoices: all columns but the document.
select trigger_is('public', 'invoices', t, '_billing', 'audit_invoices', t || ' of invoices')
from unnest('{audit_insert,audit_update,audit_delete}'::text[]) t;
select _billing.finalize_invoices(array(select id from public.invoices), '2026-07-01');
select set_eq($$select jsonb_object_keys(_billing.audited_invoice(i)) from public.invoices i$$,
  $$select column_name::text from information_schema.columns
    where table_schema = 'public' and table_name = 'invoices' and column_name <> 'document'$$,
  'an invoice is on record with all columns that it has');
select results_eq($$select row_id, operation, before, after from pg_temp.trail()
    where table_name = 'invoices'$$,
  $$select i.id::text, 'update', '{"status": "draft", "number": null, "finalized_at": null,
      "issued_on": null, "due_on": null}'::jsonb, jsonb_build_object('status', 'open',
      'number', 'INV-2026-000001', 'finalized_at', i.finalized_at, 'issued_on', '2026-07-01',
      'due_on', '2026-07-31') from public.invoices i$$, 'once it is issued: what that changed');

select * from finish();
rollback;

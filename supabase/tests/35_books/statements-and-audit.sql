-- The books: a statement of account closes, and every change is on record.
begin;
select plan(12);

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', '2025-12-01');
set local billing.actor = 'alice@example.com';
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-0000-0000-00000000000a', 10000);
select billing.run_monthly('2026-01-01 00:00+00');
select billing.run_monthly('2026-02-01 00:00+00');
select billing.record_payment(id, 10000, '2026-01-20') from public.invoices
where number = 'INV-2026-000001';
select billing.issue_credit_note(id, 'goodwill', 2500, false, '2026-02-05') from public.invoices
where number = 'INV-2026-000001';
select billing.run_monthly('2026-03-01 00:00+00');
select billing.void_invoice(id, 'mistake', '2026-03-02') from public.invoices
where number = 'INV-2026-000002';

select results_eq($$select entry, number, amount_minor, balance_minor
    from billing.statement('00000000-0000-0000-0000-00000000000a', 2026)$$,
  $$values ('opening_balance', null::text, 0::numeric, 0::numeric),
    ('invoice', 'INV-2026-000001', 10000, 10000), ('payment', 'INV-2026-000001', -10000, 0),
    ('invoice', 'INV-2026-000002', 10000, 10000),
    ('credit_note', 'INV-2026-000001-CN1', -2500, 7500),
    ('invoice', 'INV-2026-000003', 10000, 17500), ('void', 'INV-2026-000002', -10000, 7500),
    ('closing_balance', null, 0, 7500)$$, 'every entry in order, with the balance after it');
select results_eq($$select entry, balance_minor
    from billing.statement('00000000-0000-0000-0000-00000000000a', 2027)$$,
  $$values ('opening_balance', 7500::numeric), ('closing_balance', 7500)$$,
  'the next year opens where this one closed');
select is((select sum(due_minor) - sum(credit_minor)
    from billing.client_balance('00000000-0000-0000-0000-00000000000a')), 7500::numeric,
  'which is what is due less what is credit');

select results_eq($$select actor, operation, after ->> 'minimum_minor' from billing.audit_log
    where table_name = 'billing_config' and after ->> 'client_id' is not null$$,
  $$values ('alice@example.com', 'insert', '10000')$$, 'a new config: who, what');
select results_eq($$select before ->> 'status', after ->> 'status' from billing.audit_log
    where table_name = 'invoices' and operation = 'update' and after ? 'voided_at'$$,
  $$values ('open', 'void')$$, 'a void: from what to what, and nothing else');
select is_empty($$select * from billing.audit_log where table_name = 'invoices'
  and after ->> 'status' = 'draft'$$, 'drafts leave no trail');
update public.clients set name = 'Acme Corp';
select results_eq($$select before, after from billing.audit_log
    where table_name = 'clients' and operation = 'update'$$,
  $$values ('{"name": "Acme"}'::jsonb, '{"name": "Acme Corp"}'::jsonb)$$,
  'a change holds what changed');
set local billing.actor = '';
set local request.jwt.claims = '{"sub": "0000000c-0000-0000-0000-000000000003", "role": "x"}';
update public.clients set name = 'Acme';
select is((select actor from billing.audit_log order by id desc limit 1),
  '0000000c-0000-0000-0000-000000000003', 'without a stated actor it is the API''s user');
select throws_ok('update billing.audit_log set actor = ''eve''', 'PT409', null,
  'the trail is not rewritten');

insert into auth.users (id) values ('0000000a-0000-0000-0000-000000000001');
insert into public.client_members (client_id, user_id) values
  ('00000000-0000-0000-0000-00000000000a', '0000000a-0000-0000-0000-000000000001');
delete from public.client_members;
update public.providers set reasoning_within_output = true where id = 'other';
select results_eq($$select table_name, operation, row_id from billing.audit_log
    where table_name in ('client_members', 'providers') order by id$$,
  $$values ('client_members', 'insert',
      '00000000-0000-0000-0000-00000000000a/0000000a-0000-0000-0000-000000000001'),
    ('client_members', 'delete',
      '00000000-0000-0000-0000-00000000000a/0000000a-0000-0000-0000-000000000001'),
    ('providers', 'update', 'other')$$, 'access and the counting of tokens are on record');
select cmp_ok((select count(*) from billing.audit_log where table_name = 'balance_entries'), '=',
  (select count(*) from public.balance_entries), 'so is every entry of a balance');

select billing.refresh_dashboards();
select results_eq($$select month, currency,
  revenue_minor from billing.client_margin order by month$$,
  $$values ('2025-12-01'::date, 'USD', 7500::numeric), ('2026-02-01', 'USD', 10000)$$,
  'dashboards show what is invoiced, without what is void or credited');

select * from finish();
rollback;

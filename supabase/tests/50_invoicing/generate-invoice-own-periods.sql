-- An invoice on demand is of one client: the periods of others open with their own run, by the
-- terms that hold then.
begin;
select plan(3);

insert into public.clients (id, name, email, started_on) values
  ('00000000-0000-4000-8000-000000004001', 'Asked', 'a@example.com', '2026-06-01'),
  ('00000000-0000-4000-8000-000000004002', 'Other', 'o@example.com', '2026-06-01');
select is((select outcome from billing.generate_invoice('00000000-0000-4000-8000-000000004001',
  '2026-06-01', '2026-07-02 09:00+00')), 'created', 'the client''s month is invoiced');
select results_eq($$select client_id, period_start from public.billing_periods$$,
  $$values ('00000000-0000-4000-8000-000000004001'::uuid, '2026-06-01'::date)$$,
  'and no period of another client is opened');
select _billing.open_periods('2026-07-02 09:00+00');
select is((select count(*) from public.billing_periods), 2::bigint, 'a run opens all of them');

select * from finish();
rollback;

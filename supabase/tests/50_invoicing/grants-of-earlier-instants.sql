-- Two at once: what waited for the lock of its client may be of an earlier instant than what was
-- booked meanwhile. It takes no credit that came back after its own instant.
begin;
select plan(8);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000003901', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000003901', 2000);
create function pg_temp.client() returns uuid language sql as $$
  select '00000000-0000-4000-8000-000000003901'::uuid;
$$;
create function pg_temp.left_at(at timestamptz) returns bigint language sql as $$
  select l.left_minor from _billing.left_of_grants(array[pg_temp.client()], at) l;
$$;

-- 15.00; June's 20.00 take all of it at nine, and a void gives it back at noon.
select billing.grant_credit(pg_temp.client(), 1500, as_of => '2026-06-02');
select billing.run_monthly('2026-07-01 09:00+00');
select billing.void_invoice(id, 'x', '2026-07-01 12:00+00') from public.invoices;
select is(pg_temp.left_at('2026-07-01 08:59+00'), 0::bigint, 'before the use: it is used later');
select is(pg_temp.left_at('2026-07-01 11:59+00'), 0::bigint, 'between use and return');
select is(pg_temp.left_at('2026-07-01 12:00+00'), 1500::bigint, 'from the return on all of it');
select is(pg_temp.left_at('infinity'), 1500::bigint, 'and after everything');

select billing.finalize_invoice(billing.regenerate_invoice(id, '2026-07-01 10:00+00'),
  '2026-07-01 10:00+00') from public.invoices;
select results_eq('select status, balance_applied_minor from public.invoices order by number',
  $$values ('void', 1500::bigint), ('open', 0)$$, 'made anew at ten: nothing of it');
select is_empty('select * from _billing.check_grants()', 'no grant is below zero at any instant');
-- Left in all: 15.00. At eleven there is nothing that a rollover could move.
select throws_ok($$select billing.roll_over_credit(id, null, '2026-07-01 11:00+00')
  from public.credit_grants$$, 'PT409', null, 'nor does a rollover take what came back later');
select billing.roll_over_credit(id, null, '2026-07-01 12:00+00') from public.credit_grants;
select is((select amount_minor from public.credit_grants where kind = 'rollover'), 1500::bigint,
  'at noon it does');

select * from finish();
rollback;

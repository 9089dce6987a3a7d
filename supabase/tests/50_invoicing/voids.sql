-- A void invoice keeps its number; regenerated, its month is rated anew on another that names it.
begin;
select plan(10);

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-0000-0000-00000000000a', 0);
create function pg_temp.log(day date, tokens bigint) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  values ('S', 'claude-sonnet', tokens, '00000000-0000-0000-0000-00000000000a', day);
$$;
create function pg_temp.invoices() returns table (number text, status text, period_start date,
  total_minor bigint) language sql as $$
  select number, status, period_start, total_minor from public.invoices order by created_at, number;
$$;

select pg_temp.log('2026-05-20', 1000000);
select pg_temp.log('2026-06-10', 10000000);
select billing.run_monthly('2026-07-01 00:00+00');
select pg_temp.log('2026-06-11', 1000000);
select pg_temp.log('2026-07-11', 2000000);
select billing.run_monthly('2026-08-01 00:00+00');
select results_eq($$select * from pg_temp.invoices()$$,
  $$values ('INV-2026-000001', 'open', '2026-06-01'::date, 3000::bigint),
    ('INV-2026-000002', 'open', '2026-07-01', 900)$$,
  'July carries 3.00 of late June beside its own 6.00');

-- July's invoice is voided: the late lines it carried are charged again with it, not lost.
select billing.void_invoice((select id from public.invoices where number = 'INV-2026-000002'),
  'wrong address', '2026-08-02');
select billing.run_monthly('2026-08-03 00:00+00');
select is((select count(*) from public.invoices), 2::bigint,
  'a voided month is not billed again by itself');
select isnt(billing.regenerate_invoice((select id from public.invoices
  where number = 'INV-2026-000002'), '2026-08-04 00:00+00'), null, 'it is when told to');
select is((select o.number from public.invoices i join public.invoices o on o.id = i.replaces_id),
  'INV-2026-000002', 'the new invoice names the old one');
select is((select document #>> '{references,replaces}' from public.invoices
  where status = 'draft'), 'INV-2026-000002', 'so does its document');
select is((select total_minor from public.invoices where status = 'draft'), 900::bigint,
  'with the late usage that the void one carried');
select is(billing.finalize_invoice((select id from public.invoices where status = 'draft'),
  '2026-08-04 00:00+00'), 'INV-2026-000003', 'finalized, it has the next number');
select results_eq($$select status, number from public.invoices order by number$$,
  $$values ('open', 'INV-2026-000001'), ('void', 'INV-2026-000002'), ('open', 'INV-2026-000003')$$,
  'the void one keeps its own');
select billing.run_monthly('2026-08-05 00:00+00');
select is((select count(*) from public.invoices), 3::bigint, 'the next run bills nothing twice');
select is((select sum(total_minor) from public.invoices where status <> 'void'), 3900::numeric,
  '13M tokens at 3.00 in all');

select * from finish();
rollback;

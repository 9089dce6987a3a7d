-- An invoice that is voided and regenerated can be voided and regenerated again: each invoice names
-- the one before it.
begin;
select plan(3);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000041', 'Acme', '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'claude-sonnet', 20000000, '00000000-0000-4000-8000-000000000041', '2026-06-10');
create function pg_temp.void_and_regenerate(on_day date) returns text language sql as $$
  select billing.void_invoice(i.id, 'wrong address', on_day) from public.invoices i
  where i.status = 'open';
  select billing.regenerate_invoice(i.id, on_day) from public.invoices i
  where i.status = 'void' order by i.number desc limit 1;
  select billing.finalize_invoice(i.id, on_day) from public.invoices i where i.status = 'draft';
$$;

select billing.run_monthly('2026-07-01');
select is(pg_temp.void_and_regenerate('2026-07-02'), 'INV-2026-000002', 'once');
select is(pg_temp.void_and_regenerate('2026-07-03'), 'INV-2026-000003', 'and once more');
select results_eq($$select i.number, i.status, r.number, i.total_minor
    from public.invoices i left join public.invoices r on r.id = i.replaces_id order by i.number$$,
  $$values ('INV-2026-000001', 'void', null, 6000::bigint),
    ('INV-2026-000002', 'void', 'INV-2026-000001', 6000),
    ('INV-2026-000003', 'open', 'INV-2026-000002', 6000)$$,
  'each replaces the one that was voided last, for the same 20M tokens at 3.00');

select * from finish();
rollback;

-- What can be credited of a section of an invoice: what it charged there, less what was credited
-- there, and never more than is left of the invoice. July charges 9.00, and 3.00 of late June.
begin;
select plan(4);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000053', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000000053', 0);
create function pg_temp.log(n integer, tokens bigint, day date) returns void language sql as $$
  insert into public.agent_usage_logs (id, agent, model, input_tokens, client_id, "timestamp")
  values (('00000000-0000-4000-8000-00000000530' || n)::uuid, 'S', 'claude-sonnet', tokens,
    '00000000-0000-4000-8000-000000000053', day);
$$;
create function pg_temp.creditable(section_start date) returns bigint language sql as $$
  select _billing.creditable(i, section_start) from public.invoices i
  where i.period_start = '2026-07-01';
$$;
select pg_temp.log(1, 1000000, '2026-06-10');
select billing.run_monthly('2026-07-01');
select pg_temp.log(2, 1000000, '2026-06-11');
select pg_temp.log(3, 2000000, '2026-07-10');
select pg_temp.log(4, 1000000, '2026-07-11');
select billing.run_monthly('2026-08-01');
select results_eq($$select pg_temp.creditable('2026-06-01'), pg_temp.creditable('2026-07-01')$$,
  'values (300::bigint, 900::bigint)', 'each section is creditable up to its charge');
select billing.retract_log('00000000-0000-4000-8000-000000005304', 'sent twice');
select billing.run_monthly('2026-09-01');
select results_eq('select total_minor from public.credit_notes', 'values (300::bigint)',
  '3.00 of July are credited');
select results_eq($$select pg_temp.creditable('2026-06-01'), pg_temp.creditable('2026-07-01')$$,
  'values (300::bigint, 600::bigint)', 'of July, not of June');
select billing.issue_credit_note(i.id, 'goodwill', 500, false, '2026-09-02')
from public.invoices i where i.period_start = '2026-07-01';
select results_eq($$select pg_temp.creditable('2026-06-01'), pg_temp.creditable('2026-07-01')$$,
  'values (300::bigint, 400::bigint)', 'of 12.00 there are 4.00 left');

select * from finish();
rollback;

-- When an assignment changes, usage follows it: also usage that is invoiced already. One client is
-- credited, the other charged; nobody pays twice and nothing is dropped.
begin;
select plan(10);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
select id, 0 from public.clients;
insert into public.agent_assignments (agent, client_id)
values ('SCHOLAR', '00000000-0000-0000-0000-00000000000a');
create function pg_temp.log(name text, day date, tokens bigint) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
  values (name, 'claude-sonnet', tokens, day + interval '1 hour');
$$;
create function pg_temp.usage(client text) returns numeric language sql as $$
  select coalesce(sum(quantity), 0) from public.usage_records r
  join public.clients c on c.id = r.client_id where c.name = client and metric = 'input_tokens';
$$;

-- 10M tokens of SCHOLAR, 5M of which before the 15th; 2M of CHIRON whom nobody has.
select pg_temp.log('SCHOLAR', '2026-06-10', 5000000);
select pg_temp.log('SCHOLAR', '2026-06-20', 5000000);
select pg_temp.log('CHIRON', '2026-06-20', 2000000);
select billing.run_monthly('2026-07-01 00:00+00');
select results_eq($$select c.name, i.total_minor from public.invoices i
    join public.clients c on c.id = i.client_id$$, $$values ('Acme', 3000::bigint)$$,
  'Acme is invoiced for SCHOLAR, Birch has nothing');

-- SCHOLAR worked for Birch from the 15th on, it turns out.
update public.agent_assignments set ends_at = '2026-06-15' where agent = 'SCHOLAR';
insert into public.agent_assignments (agent, client_id, starts_at)
values ('SCHOLAR', '00000000-0000-0000-0000-00000000000b', '2026-06-15');
select _billing.rollup();
select is(pg_temp.usage('Acme'), 5000000::numeric, 'the usage before the 15th stays');
select is(pg_temp.usage('Birch'), 5000000::numeric, 'the usage after it moves');
select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');

select billing.run_monthly('2026-07-02 00:00+00');
select results_eq($$select n.number, n.total_minor, n.to_invoice_minor from public.credit_notes n$$,
  $$values ('INV-2026-000001-CN1', 1500::bigint, 1500::bigint)$$,
  'Acme gets a credit note for 5M tokens, off what is due');
select results_eq($$select c.name, i.total_minor from public.invoices i
    join public.clients c on c.id = i.client_id order by i.number$$,
  $$values ('Acme', 3000::bigint), ('Birch', 1500)$$,
  'Birch, never invoiced for June, gets its invoice; Acme''s stays as issued');
select billing.run_monthly('2026-07-02 00:00+00');
select is((select count(*) from public.credit_notes), 1::bigint, 'nothing is credited twice');

-- CHIRON's usage is released from quarantine by an assignment, and bound to it by its removal.
insert into public.agent_assignments (agent, client_id)
values ('CHIRON', '00000000-0000-0000-0000-00000000000b');
select _billing.rollup();
select is(pg_temp.usage('Birch'), 7000000::numeric, 'an assignment releases usage of nobody');
delete from public.agent_assignments where agent = 'CHIRON';
select _billing.rollup();
select is(pg_temp.usage('Birch'), 5000000::numeric, 'its removal takes the usage back');
update public.billing_settings set default_client_id = '00000000-0000-0000-0000-00000000000a';
select _billing.rollup();
select is(pg_temp.usage('Acme'), 7000000::numeric, 'a default client gets usage of nobody');

select * from finish();
rollback;

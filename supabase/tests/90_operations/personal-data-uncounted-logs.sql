-- Logs of a client are found wherever they are: an erasure and an export reach those that are not
-- counted too, as far from the days of its usage as they may be. Those of others stay.
begin;
select plan(8);

insert into public.clients (id, name, external_id, started_on) values
  ('00000000-0000-4000-8000-000000009701', 'Counted', 'ext-9701', '2026-06-01'),
  ('00000000-0000-4000-8000-000000009702', 'Never counted', 'ext-9702', '2026-06-01'),
  ('00000000-0000-4000-8000-000000009703', 'Other', 'ext-9703', '2026-06-01');
insert into auth.users (id) select c.id from public.clients c where c.external_id like 'ext-970_';
insert into public.client_members (client_id, user_id)
select c.id, c.id from public.clients c where c.external_id like 'ext-970_';
insert into public.agent_assignments (agent, client_id, starts_at) values
  ('agent-9702', '00000000-0000-4000-8000-000000009702', '2026-06-01 00:00+00');
insert into public.agent_usage_logs (id, "timestamp", agent, model, input_tokens, output_tokens,
  metadata)
select ('00000000-0000-4000-8000-0000000097' || right('0' || x.n::text, 2))::uuid,
  x.at::timestamptz, x.agent, 'gpt-5', x.tokens, 0,
  jsonb_strip_nulls(jsonb_build_object('client_id', x.claim, 'user', 'Ada', 'batch', 'false'))
from (values
  (11, '2026-06-10 12:00+00', 'agent', 10, 'ext-9701'),
  (12, '2026-06-20 12:00+00', 'agent', 10, 'ext-9701'),
  -- Not counted: more than the limit, long before and within the days of usage; times to come.
  (13, '2026-01-10 12:00+00', 'agent', 2000000000, 'ext-9701'),
  (14, '2026-06-15 12:00+00', 'agent', 2000000000, 'ext-9701'),
  (15, '2199-01-10 12:00+00', 'agent', 10, 'ext-9701'),
  -- Of a client that nothing is counted for, by its name and by its agent.
  (16, '2026-06-15 12:00+00', 'agent', 2000000000, 'ext-9702'),
  (17, '2026-06-15 12:00+00', 'agent-9702', 2000000000, null),
  -- Of others.
  (18, '2026-06-15 12:00+00', 'agent', 10, 'ext-9703'),
  (19, '2026-01-10 12:00+00', 'agent', 2000000000, 'ext-9703'),
  (20, '2026-01-10 12:00+00', 'agent-9702', 2000000000, null)
) x(n, at, agent, tokens, claim);
select _billing.rollup();

create function pg_temp.logs_of(client text) returns text language sql
return (select string_agg(right(l.id::text, 2), ' ' order by l.id)
  from _billing.logs_of_client(('00000000-0000-4000-8000-00000000' || client)::uuid) l);

select is((select string_agg(right(q.log_id::text, 2), ' ' order by q.log_id)
    from billing.quarantined_logs q), '13 14 15 16 17 19 20', 'seven are not counted');
select is(pg_temp.logs_of('9701'), '11 12 13 14 15',
  'each log that names a client is found once, with those that are not counted');
select is(pg_temp.logs_of('9702'), '16 17',
  'so are those of a client without any usage, by its name and by its agent while it is assigned');
select is(jsonb_array_length(billing.export_personal_data(
    '00000000-0000-4000-8000-000000009702') -> 'usage_metadata'), 2, 'the export has them');

select _billing.save_stripe_customer(c.id, false, 'cus_' || c.external_id, 'd')
from public.clients c where c.external_id in ('ext-9702', 'ext-9703');
update public.clients set ended_on = '2026-07-01' where external_id = 'ext-9702';
select _billing.open_periods(now(), '00000000-0000-4000-8000-000000009702');
update public.billing_periods set rated_version = usage_version, state = 'skipped';
select is(billing.erase_personal_data('00000000-0000-4000-8000-000000009702', 'asked for')
  -> 'erased' -> 'usage_logs', '2', 'an erasure reaches them');
select is((select string_agg(right(l.id::text, 2), ' ' order by l.id)
    from public.agent_usage_logs l where l.metadata ? 'user'), '11 12 13 14 15 18 19 20',
  'and nobody else''s');

select results_eq('select m.client_id from public.client_members m order by 1', $$values
    ('00000000-0000-4000-8000-000000009701'::uuid), ('00000000-0000-4000-8000-000000009703')$$,
  'members of other clients stay');

select is((select e.summary -> 'elsewhere' -> 1 -> 'ids' from billing.erasures e),
  '["cus_ext-9702"]', 'customers of others are not named');

select * from finish();
rollback;

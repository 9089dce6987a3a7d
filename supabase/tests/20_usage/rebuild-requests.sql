-- What changes whose usage is whose, or what counts within what, asks for a rebuild of what it may
-- touch and of no more; the next rollup does it.
begin;
select plan(20);

insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01');
insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp") values
  ('SCHOLAR', 'm1', 10, '{"client_id": "acme", "cache_read_tokens": 4}', '2026-06-10 12:00+00'),
  ('SCHOLAR', 'm1', 10, '{"client_id": "acme"}', '2026-06-12 12:00+00'),
  ('STRAY', 'm2', 7, '{}', '2026-06-14 12:00+00'),
  ('LOST', 'm2', 5, '{"client_id": "birch"}', '2026-06-16 12:00+00');
select _billing.rollup();
-- What was asked for by a name is looked up by the rollup; here as if it began now.
create function pg_temp.taken() returns table (agents text[], from_day date, until_day date)
language sql as $$
  select _billing.resolve_rebuild_requests();
  delete from billing.rebuild_requests returning agents, from_day, until_day;
$$;
select is_empty('select * from pg_temp.taken()', 'a rollup asks for nothing');

select trigger_is('public', 'agent_assignments', 'request_rebuild', '_billing',
  'request_rebuild_for_assignment', 'a change of assignments asks for a rebuild');
insert into public.agent_assignments (agent, client_id, starts_at, ends_at)
values ('STRAY', '00000000-0000-0000-0000-00000000000a', '2026-06-10', '2026-06-20');
select results_eq('select * from pg_temp.taken()',
  $$values ('{STRAY}'::text[], '2026-06-06'::date, '2026-06-25'::date)$$,
  'for the days of one agent, a few more on either side for the zones');
update public.agent_assignments set ends_at = 'infinity';
select set_eq('select * from pg_temp.taken()',
  $$values ('{STRAY}'::text[], '2026-06-06'::date, '2026-06-25'::date),
    ('{STRAY}', '2026-06-06', 'infinity')$$, 'before and after a change');

select trigger_is('public', 'billing_settings', 'request_rebuild', '_billing',
  'request_rebuild_for_default', 'the default client asks');
update public.billing_settings set default_client_id = '00000000-0000-0000-0000-00000000000a';
select results_eq('select * from pg_temp.taken()',
  $$values (null::text[], '-infinity'::date, 'infinity'::date)$$,
  'a change of the default client asks for all days');
update public.billing_settings set default_client_id = null;
delete from billing.rebuild_requests;

select trigger_is('public', 'clients', 'request_rebuild_on_insert', '_billing',
  'request_rebuild_for_client', 'a new client asks');
insert into public.clients (name, external_id, started_on) values ('Birch', 'birch', '2026-06-01');
select results_eq('select * from pg_temp.taken()',
  $$values ('{LOST}'::text[], '2026-06-12'::date, '2026-06-21'::date)$$,
  'for what an unknown client has used, and that alone');
update public.clients set external_id = 'birch-2' where external_id = 'birch';
select trigger_is('public', 'clients', 'request_rebuild_on_rename', '_billing',
  'request_rebuild_for_rename', 'another name asks');
select results_eq('select client_ids, from_day from billing.rebuild_requests',
  $$select array[id], '-infinity'::date from public.clients where name = 'Birch'$$,
  'for everything, which may change usage of this client alone');
delete from billing.rebuild_requests;

select trigger_is('public', 'models', 'request_rebuild', '_billing', 'request_rebuild_for_model',
  'a model asks');
insert into public.models (id, family, provider) values ('m1', 'm1', 'other');
select results_eq('select * from pg_temp.taken()',
  $$values ('{SCHOLAR}'::text[], '2026-06-10'::date, '2026-06-13'::date)$$,
  'for the days on which it was used');
insert into public.models (id, family) values ('unused', 'unused');
select is_empty('select * from pg_temp.taken()', 'one that was never used for none');

select trigger_is('public', 'providers', 'request_rebuild', '_billing',
  'request_rebuild_for_provider', 'a provider asks');
update public.providers set cache_read_within_input = true where id = 'other';
select _billing.resolve_rebuild_requests();
select results_eq('select agents, from_day, until_day from billing.rebuild_requests',
  $$values ('{SCHOLAR}'::text[], '2026-06-10'::date, '2026-06-13'::date)$$,
  'for the days of its models');
create view pg_temp.used as
select metric, sum(quantity) as quantity from public.usage_records
where usage_day = '2026-06-10' and metric like '%tokens' group by metric order by metric;
select results_eq('select * from pg_temp.used',
  $$values ('unmapped_cache_read_tokens', 4::numeric), ('unmapped_input_tokens', 10)$$,
  'until then all is as before');
select _billing.serve_rebuild_requests();
select results_eq('select * from pg_temp.used',
  $$values ('cache_read_tokens', 4::numeric), ('input_tokens', 6)$$,
  'served, what is cached is no input any more');
select is_empty('select * from billing.rebuild_requests', 'and nothing is left to serve');
select lives_ok('select _billing.serve_rebuild_requests()', 'with nothing asked nothing is done');
insert into billing.rebuild_requests (agents, from_day, until_day) values
  ('{STRAY}', '2026-06-14', '2026-06-15'), (null, '2026-06-16', '2026-06-17');
update public.clients set external_id = 'birch' where external_id = 'birch-2';
select _billing.serve_rebuild_requests();
select is_empty('select * from billing.quarantined_logs',
  'requests for some and for all agents are served as one for all: nobody''s usage has owners now');

select * from finish();
rollback;

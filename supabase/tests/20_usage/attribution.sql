-- Whose usage a row is: its client_id, else metadata.client_id, else the agent's assignment at that
-- time, else the default client, else nobody's. A name that is given and unknown is never guessed.
begin;
select plan(6);

insert into public.clients (id, name, external_id, started_on) values
  ('0000000a-0000-0000-0000-000000000000', 'Column', 'column-co', '2026-01-01'),
  ('0000000b-0000-0000-0000-000000000000', 'Metadata', 'acme/42', '2026-01-01'),
  ('0000000c-0000-0000-0000-000000000000', 'Assigned', null, '2026-01-01'),
  ('0000000d-0000-0000-0000-000000000000', 'Next', null, '2026-01-01'),
  ('0000000e-0000-0000-0000-000000000000', 'Impostor',
    '0000000a-0000-0000-0000-000000000000', '2026-01-01');
insert into public.agent_assignments (agent, client_id, starts_at, ends_at) values
  ('SCHOLAR', '0000000c-0000-0000-0000-000000000000', '-infinity', '2026-06-15 00:00+00'),
  ('SCHOLAR', '0000000d-0000-0000-0000-000000000000', '2026-06-15 00:00+00', 'infinity');

create temporary table cases (rule text, client_id uuid, metadata jsonb, agent text,
  at timestamptz, expected text);
insert into cases values
  ('the column wins over metadata and assignment', '0000000a-0000-0000-0000-000000000000',
    '{"client_id": "acme/42"}', 'SCHOLAR', '2026-06-10', 'Column'),
  ('metadata wins over the assignment', null,
    '{"client_id": "0000000b-0000-0000-0000-000000000000"}', 'SCHOLAR', '2026-06-10', 'Metadata'),
  ('metadata may hold the external id', null, '{"client_id": "acme/42"}', 'SCHOLAR',
    '2026-06-10', 'Metadata'),
  ('spaces around it do not matter', null, '{"client_id": " acme/42 "}', 'SCHOLAR',
    '2026-06-10', 'Metadata'),
  ('the assignment in force at that time', null, '{}', 'SCHOLAR', '2026-06-14 23:59:59+00',
    'Assigned'),
  ('the next one from its first moment', null, '{}', 'SCHOLAR', '2026-06-15 00:00+00', 'Next'),
  ('a null in metadata says nothing', null, '{"client_id": null}', 'SCHOLAR', '2026-06-10',
    'Assigned'),
  ('a blank in metadata says nothing', null, '{"client_id": ""}', 'SCHOLAR', '2026-06-10',
    'Assigned'),
  ('an unknown column is nobody', '0000000f-0000-0000-0000-000000000000', '{}', 'SCHOLAR',
    '2026-06-10', 'unknown_client'),
  ('an unknown name in metadata is nobody, assignment or not', null, '{"client_id": "acme/43"}',
    'SCHOLAR', '2026-06-10', 'unknown_client'),
  ('an agent without assignment is nobody', null, '{}', 'CHIRON', '2026-06-10', 'no_client'),
  ('agents'' names are exact', null, '{}', 'scholar', '2026-06-10', 'no_client'),
  ('a name in another script', null, '{"client_id": "ακμή"}', 'SCHOLAR', '2026-06-10',
    'unknown_client');
insert into public.agent_usage_logs (agent, endpoint, model, client_id, metadata, "timestamp")
select agent, rule, 'claude-sonnet', client_id, metadata, at from cases;

create function pg_temp.attributed() returns table (rule text, found text) language sql as $$
  select l.endpoint, coalesce(a.reason, c.name)
  from billing.attributed_logs a join public.agent_usage_logs l using (id)
  left join public.clients c on c.id = a.client_id;
$$;
select results_eq('select * from pg_temp.attributed() order by 1',
  'select rule, expected from cases order by 1', 'each row is whose the rules say');
select is((select count(*) from pg_temp.attributed()), (select count(*) from cases),
  'a row is never two clients'' (an external id that spells another''s id loses)');

update public.billing_settings set default_client_id = '0000000d-0000-0000-0000-000000000000';
select results_eq($$select a.rule, a.found from pg_temp.attributed() a join cases c using (rule)
    where c.expected in ('no_client', 'unknown_client') order by 1$$,
  $$select rule, case expected when 'no_client' then 'Next' else expected end from cases
    where expected in ('no_client', 'unknown_client') order by 1$$,
  'with a default client, usage of nobody is its; a wrong name stays in quarantine');

select throws_ok($$insert into public.agent_assignments (agent, client_id)
  values ('SCHOLAR', '0000000a-0000-0000-0000-000000000000')$$, '23P01', null,
  'an agent works for one client at a time');
select throws_ok($$insert into public.agent_assignments (agent, client_id, starts_at, ends_at)
  values ('X', '0000000a-0000-0000-0000-000000000000', '2026-06-01', '2026-06-01')$$, '23514',
  null, 'an assignment has a duration');
select throws_ok($$insert into public.clients (name, external_id) values ('X', 'acme/42')$$,
  '23505', null, 'two clients cannot share an external id');

select * from finish();
rollback;

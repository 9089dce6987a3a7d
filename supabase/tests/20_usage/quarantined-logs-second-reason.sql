-- A log in quarantine says why it is there now: a client that becomes known does not help one whose
-- metadata cannot be read.
begin;
select plan(2);

insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", metadata)
values ('S', 'claude-sonnet', 5, '2026-06-10 12:00Z',
  '{"client_id": "acme-13", "cache_read_tokens": "many"}');
select _billing.rollup();
select is((select reason from billing.quarantined_logs), 'unknown_client', 'of nobody we know');
insert into public.clients (name, external_id, started_on)
values ('Acme', 'acme-13', '2026-06-01');
select _billing.rollup();
select is((select reason from billing.quarantined_logs), 'invalid_metadata',
  'of somebody, and unreadable');

select * from finish();
rollback;

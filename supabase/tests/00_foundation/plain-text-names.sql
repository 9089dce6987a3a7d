-- Names of logs are whatever agents send: usage counts under them as they are, and texts to people
-- show them plain. Names that operators give hold no such characters.
begin;
select plan(17);
update public.billing_settings set operator_emails = '{ops@example.test}';

select is(billing.plain_text(E'a\u202eb\u2069c\u200f\u200e\u061cd\u001b[2J\te\nf\u0085g'),
  E'abcd [2J e\nf g', 'direction characters go, control characters become spaces, lines stay');
select is(billing.plain_line(E'a\n\nb\r\nc'), 'a b  c', 'a line stays one');
select is(billing.plain_text(E'مي\u200cخواهم 😀'), E'مي\u200cخواهم 😀',
  'letters of any script and their joiners stay');
select is(billing.plain_text(null), null, 'nothing stays nothing');
select is(_billing.first_few(array[E'a\nRun for everybody', 'b'], 10, E'\n- '),
  E'a Run for everybody\n- b', 'an entry of a list starts no line of its own');

-- What operators give.
select throws_ok(format('insert into public.clients (name) values (%L)', name), '23514', null, why)
from (values (E'Acme\u202e', 'a client''s name sets no direction'),
  (E'Acme\nInvoices: 9', 'has no control character'),
  (repeat('x', 201), 'and ends at 200 characters')) v(name, why);
select lives_ok(format('insert into public.clients (id, name, external_id, started_on)
  values (''00000000-0000-0000-0000-00000000000a'', %L, ''acme'', ''2026-06-01'')',
  repeat('x', 200)), 'which it may have');
select throws_ok($$insert into public.clients (name, external_id) values ('B', E'b\u200f')$$,
  '23514', null, 'an external id is plain too');
select throws_ok(format($$insert into public.agent_assignments (agent, client_id)
  values (%L, '00000000-0000-0000-0000-00000000000a')$$, repeat('x', 201)), '23514', null,
  'an assignment names no longer agent than a log can');
select throws_ok($$select billing.create_agent_key(E'a\u2066b', null)$$, 'PT400', null,
  'a key''s name sets no direction');

-- What agents send.
update public.clients set name = 'Acme';
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", metadata) values
  (E'EVIL\u202e\nAgent GOOD', E'claude\u202e-sonnet', 1000, '2026-06-10 12:00+00',
    '{"client_id": "acme"}'),
  (E'STRAY\u202e\nAll is well', 'claude-sonnet', 1000, '2026-06-10 12:00+00', '{}');
select billing.run_monthly('2026-07-01 09:00+00');
select is((select sum(quantity) from public.usage_records where metric = 'input_tokens'
  and agent = E'EVIL\u202e\nAgent GOOD'), 1000::numeric, 'usage is counted under its name');
select billing.queue_usage_alerts('2026-07-01 09:00+00');
select ok(exists (select from public.deliveries where payload::text like '%EVIL%'
    or payload::text like '%STRAY%'), 'operators are told of it');
select is_empty($$select id from public.deliveries d, jsonb_each_text(d.payload) p
  where d.event = 'notice' and p.value ~ '[\x01-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f]'
    or p.value ~ '[\u202a-\u202e\u2066-\u2069]'$$, 'by plain texts');
select is_empty($$select id from public.deliveries d, jsonb_each_text(d.payload) p
  where p.value ~ '\nA(gent GOOD|ll is well)'$$, 'and no name starts a line');
select ok(billing.run_report_text(id) !~ '[\u202a-\u202e]', 'so does the report of a run')
from billing.monthly_runs;
select * from finish();
rollback;

-- What the API tells the audit log: reads by operators, and refused requests by their source.
begin;
select plan(21);

create function pg_temp.noted(operation text) returns table (actor text, of_what text,
  row_id text, after jsonb) language sql as $$
  select a.actor, a.table_name, a.row_id, a.after - '{first_at,last_at}'::text[]
  from billing.audit_log a where a.operation = noted.operation order by a.id;
$$;

set local role service_role;
select billing.note_reads('[
  {"actor": "ada", "operation": "getInvoice", "subject": "i-1"},
  {"actor": "ada", "operation": "listClients", "query": {"status": "active"}}]');
reset role;
select results_eq($$select * from pg_temp.noted('read')$$, $$values
    ('ada', 'getInvoice', 'i-1', null::jsonb),
    ('ada', 'listClients', '', '{"status": "active"}')$$, 'actors and what they have read');
select is(_billing.seal_audit(true, 1000000) > 0, true, 'in the chain, as all of it');

set local role service_role;
select billing.note_refusals(jsonb_build_array(
  jsonb_build_object('function', 'billing', 'code', 'unauthorized', 'address', '192.0.2.1'),
  jsonb_build_object('function', 'billing', 'code', 'unauthorized', 'address', '192.0.2.1',
    'attempts', 40),
  jsonb_build_object('function', 'billing', 'code', 'forbidden', 'address', '192.0.2.1',
    'actor', 'm-1')));
select billing.note_refusals(
  '[{"function": "billing", "code": "unauthorized", "address": "192.0.2.1", "attempts": 9}]');
reset role;
select results_eq($$select code, actor, attempts from _billing.refused_requests order by code$$,
  $$values ('forbidden', 'm-1', 1::bigint), ('unauthorized', '', 50)$$,
  'a row for each source, counted');
select is(count(*), 0::bigint, 'no address is kept') from _billing.refused_requests
where source ~ '192';
select is(_billing.source_of('192.0.2.1'), (select distinct source from _billing.refused_requests),
  'but always the same hash');
select isnt(_billing.source_of('192.0.2.2'), _billing.source_of('192.0.2.1'),
  'another one for another address');
select isnt(_billing.source_of('192.0.2.1'), left(encode(sha256('192.0.2.1'), 'hex'), 16),
  'and a key in it, so that addresses cannot be tried');
select is(_billing.source_of(null), 'unknown', 'no address is said to be unknown');
update public.billing_settings set audit_addresses = true;
select is(_billing.source_of('192.0.2.1'), '192.0.2.1', 'settings may ask for the address');

-- A flood from everywhere is a row for each of a thousand sources, and one for the rest.
select billing.note_refusals((select jsonb_agg(jsonb_build_object('function', 'billing',
  'code', 'unauthorized', 'address', '10.0.' || n / 250 || '.' || n % 250))
  from generate_series(1, 1200) n));
select billing.note_refusals((select jsonb_agg(jsonb_build_object('function', 'billing',
  'code', 'unauthorized', 'address', '10.1.' || n / 250 || '.' || n % 250, 'actor', n))
  from generate_series(1, 1200) n));
select is((select attempts from _billing.refused_requests where source = 'others'), 1200::bigint,
  'sources beyond the limit are counted as one');
select billing.note_refusals(
  '[{"function": "billing", "code": "unauthorized", "address": "10.0.0.1", "attempts": 5}]');
select is((select attempts from _billing.refused_requests where source = '10.0.0.1'), 6::bigint,
  'a known source is counted on');

-- A flood is told once a day, with the sources that were refused most often.
update public.billing_settings set operator_emails = '{operators@example.test}';
select is(_billing.tell_of_refusals(), 0::bigint, 'a few thousand refusals are no flood');
select is(_billing.tell_of_refusals(2456), 0::bigint, 'nor are as many as the bound');
select is(_billing.tell_of_refusals(2455), 2::bigint, 'one more is told, by HERMES and mail');
select matches(payload ->> 'message', '^2456 requests of 1202 sources .*more than 2455 in an hour:'
  || '\n- others: 1200 \(billing unauthorized\)'
  || '\n- [0-9a-f]{16}: 51 \(billing forbidden, billing unauthorized\)'
  || '\n- 10\.0\.0\.1: 6 [^\n]*\n- 10\.0\.0\.', 'with the counts of its sources, then by name')
from public.deliveries where dedupe_key like 'refusals:%:hermes';
select is(_billing.tell_of_refusals(2455), 0::bigint, 'and not again that day');

select is(_billing.log_refusals(date_trunc('hour', clock_timestamp())), 0::bigint,
  'the running hour waits');
select cmp_ok(_billing.log_refusals(clock_timestamp() + interval '1 hour'), '>', 1000::bigint,
  'one that is over is in the audit log');
select results_eq($$select * from pg_temp.noted('refused') where after ->> 'code' = 'forbidden'$$,
  $$select 'm-1', 'billing', row_id, '{"code": "forbidden", "attempts": 1}'::jsonb
    from pg_temp.noted('refused') where actor = 'm-1'
      and after ->> 'code' = 'forbidden'$$, 'with who and why');
select is_empty('select from _billing.refused_requests', 'counts move to the audit log once');
select is((select count(*) from pg_temp.noted('refused') where row_id = 'others'), 1::bigint,
  'the rest of a flood in one row');

select * from finish();
rollback;

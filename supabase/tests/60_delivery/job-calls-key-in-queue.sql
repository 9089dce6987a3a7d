-- A call stands in pg_net's queue until it is sent. pg_net lets every role read the queue, and its
-- owner alone can change that. So no secret stands there: a call carries a signature, which is good
-- for minutes and for that call. And nothing of ours reads the queue for others.
begin;
select plan(13);

delete from vault.secrets where name like 'billing_%';
select vault.create_secret('http://127.0.0.1:1', 'billing_functions_url');
select vault.create_secret('a-secret-of-the-functions', 'billing_cron_key');
select _billing.call_function('billing-test', '/reconcile-stripe', '{"only": "outbox"}');
select is((select array_agg(k order by k) from net.http_request_queue q
    cross join jsonb_object_keys(q.headers) k where q.url = 'http://127.0.0.1:1/reconcile-stripe'
      and lower(k) <> 'content-type'),
  '{x-billing-signature}', 'a call that waits carries a signature and no key');
select is_empty($$select q.id from net.http_request_queue q
    where concat(q.url, q.headers, convert_from(q.body, 'UTF8')) ~ 'a-secret-of-the-functions'$$,
  'the secret stands nowhere in the queue');
-- The same one stands in call-signature.test.ts: the functions compute it alike.
select is(_billing.sign_call('key', '/deliver', '{}', 1700000000), 't=1700000000,'
  'b=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a,'
  'v1=71a4802d12faefa4980de679d14d15351c8d3865838ac5cf4d4881527912882e',
  'a signature is an HMAC over time, method, path and body');
select is((select q.headers ->> 'x-billing-signature' from net.http_request_queue q
    where q.url = 'http://127.0.0.1:1/reconcile-stripe'),
  (select _billing.sign_call('a-secret-of-the-functions', '/reconcile-stripe',
      convert_from(q.body, 'UTF8'),
      substring(q.headers ->> 'x-billing-signature' from '^t=(\d+)')::bigint)
    from net.http_request_queue q where q.url = 'http://127.0.0.1:1/reconcile-stripe'),
  'the body that is signed is the one that is sent');
select ok((select abs(substring(q.headers ->> 'x-billing-signature' from '^t=(\d+)')::bigint
      - extract(epoch from clock_timestamp())) < 60 from net.http_request_queue q
    where q.url = 'http://127.0.0.1:1/reconcile-stripe'), 'at the time of the call');
select isnt(_billing.sign_call('key', '/deliver', '{}', 1),
  _billing.sign_call('other', '/deliver', '{}', 1), 'by the key');

-- If this fails, pg_net has closed its queue.
select ok(has_table_privilege('anon', 'net.http_request_queue', 'select'),
  'pg_net lets every role read its queue');
select isnt((select c.relowner::regrole::text from pg_class c
  where c.oid = 'net.http_request_queue'::regclass), 'postgres', 'which is not ours to change');
create function pg_temp.open_to_users() returns table (name text, body text) language sql as $$
  select p.oid::regprocedure::text, p.prosrc || coalesce(pg_get_function_sqlbody(p.oid), '')
  from pg_proc p
  where p.pronamespace in ('public'::regnamespace, 'billing'::regnamespace,
      '_billing'::regnamespace)
    and (has_function_privilege('anon', p.oid, 'execute')
      or has_function_privilege('authenticated', p.oid, 'execute'))
    and (has_schema_privilege('anon', p.pronamespace, 'usage')
      or has_schema_privilege('authenticated', p.pronamespace, 'usage'))
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
$$;
select isnt_empty('select name from pg_temp.open_to_users()', 'users may call some functions');
select is_empty($$select name from pg_temp.open_to_users() where body ~* '\mnet\.'$$,
  'no function that users may call reads it');
select is_empty($$select name from pg_temp.open_to_users()
    where body ~* '\mexecute\s+(format|[''"(]|\w+\s*(\|\||;|using|into))'$$,
  'or runs text as SQL');
select is_empty($$select c.oid::regclass from pg_class c
    where c.relkind in ('v', 'm') and c.relnamespace in ('public'::regnamespace,
      'billing'::regnamespace, '_billing'::regnamespace)
      and pg_get_viewdef(c.oid) ~* '\mnet\.'$$, 'nor does a view of ours');
-- It is read as the owner, so that the key need not be granted to anybody.
select ok(not has_table_privilege('service_role', 'billing.job_calls', 'insert')
  and not has_function_privilege('service_role',
    '_billing.call_function(text, text, jsonb, interval, timestamptz)', 'execute'),
  'and no role but the owner has a call signed');

select * from finish();
rollback;

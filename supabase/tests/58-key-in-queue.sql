-- The key `cron` stands in pg_net's queue until a call is sent. pg_net lets every role read the
-- queue, and its owner alone can change that. The guarantee: nothing of ours
-- reads it for others.
begin;
select plan(7);

-- If this fails, pg_net has closed its queue: then security.md need not warn.
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
  'and no role but the owner has a call made with the key');

select * from finish();
rollback;

-- What a row of the log may hold: the Data API takes what the table takes.
begin;
select plan(8);

create function pg_temp.log(of_endpoint text, of_metadata jsonb, of_features jsonb default '{}')
returns text language sql as $$
  select format('insert into public.agent_usage_logs (agent, model, endpoint, metadata,
    other_features) values (''SCHOLAR'', ''claude-sonnet'', %L, %L, %L)', of_endpoint, of_metadata,
    of_features);
$$;
select lives_ok(pg_temp.log(repeat('/', 1000), '{}'), 'an endpoint of 1,000 characters');
select throws_ok(pg_temp.log(repeat('/', 1001), '{}'), '23514', null,
  'an endpoint that is longer is refused');
select lives_ok(pg_temp.log(null, jsonb_build_object('note', repeat('x', 65000))),
  'metadata of 65,000 bytes');
select throws_ok(pg_temp.log(null, jsonb_build_object('note', repeat('x', 65536))), '23514', null,
  'metadata of more than 65,536 bytes is refused');
select throws_ok(pg_temp.log(null, jsonb_build_object('note', repeat(chr(128512), 16384))), '23514',
  null, 'bytes count, not characters');
select lives_ok(pg_temp.log(null, '{}', (select jsonb_object_agg(repeat('f', 190) || n, 1)
  from generate_series(101, 151) n)), 'too many features of long names are quarantined');
select throws_ok(pg_temp.log(null, '{}', (select jsonb_object_agg(repeat('f', 190) || n, 1)
  from generate_series(101, 501) n)), '23514', null, 'a heap of them is refused');
select billing.correct_log(id, '{"input_tokens": 5}', 'a test') from public.agent_usage_logs
where metadata ? 'note';
select is((select count(*) from public.agent_usage_logs where metadata ? 'note'), 3::bigint,
  'a row at the bound can be corrected');
select * from finish();
rollback;

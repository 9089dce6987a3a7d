-- usage_records is a pure function of the logs: rebuilt it is the same, bit for bit; tampered with
-- it is found out and repaired; restored elsewhere it is counted anew.
begin;
select plan(25);

insert into public.clients (id, name, external_id, started_on, time_zone) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', 'a', '2026-06-01', 'Pacific/Auckland'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', 'b', '2026-06-01', 'America/Santiago');
create function pg_temp.logs(first integer, last integer) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, web_searches,
    other_features, metadata, total_cost, "timestamp")
  select (array['SCHOLAR', 'CHIRON', 'PLUTUS'])[1 + n % 3],
    (array['claude-sonnet', 'gpt-4o', 'gemini-1.5-pro', 'odd'])[1 + n % 4], n * 7, n % 11, n % 2,
    case when n % 5 = 0 then jsonb_build_object('pdf_processing', n / 10.0) else '{}' end,
    jsonb_build_object('client_id', (array['a', 'b', 'nobody'])[1 + n % 3], 'batch', n % 7 = 0,
      'cache_read_tokens', n % 13, 'reasoning_tokens', n % 3),
    n * 0.000001, '2026-06-02 00:00+00'::timestamptz + n * interval '97 minutes'
  from generate_series(first, last) n;
$$;
create function pg_temp.fingerprint() returns text language sql as $$
  select md5(string_agg((r.*)::text, '|' order by r.client_id, r.usage_day, r.model, r.metric,
    r.rate_class, r.agent)) || (select md5(string_agg((q.*)::text, '|' order by q.log_id))
    from billing.quarantined_logs q) from public.usage_records r;
$$;

select pg_temp.logs(1, 200);
select _billing.rollup();
select pg_temp.logs(201, 201);
select _billing.rollup();
select pg_temp.logs(202, 700);
select _billing.rollup();
create temporary table known as select pg_temp.fingerprint() as fingerprint;

select is_empty('select * from billing.usage_discrepancies()', 'logs and records agree');
select billing.rebuild_usage();
select is(pg_temp.fingerprint(), (select fingerprint from known),
  'rebuilt from the logs, records and quarantine are the same bit for bit');
select billing.rebuild_usage('2026-06-05', '2026-06-06');
select is(pg_temp.fingerprint(), (select fingerprint from known), 'so is a day of it');
savepoint tampered;
update public.usage_records set quantity = quantity + 1 where usage_day = '2026-06-06';
select billing.rebuild_usage('2026-06-05', '2026-06-06');
select isnt(pg_temp.fingerprint(), (select fingerprint from known),
  'the day after it is not touched');
rollback to tampered;
select billing.rebuild_usage('2026-06-05', '2026-06-20', '{SCHOLAR}');
select is(pg_temp.fingerprint(), (select fingerprint from known), 'and some days of an agent');


-- Long work goes week by week, and says where it is.
select set_eq($$select client_id, usage_day, model, metric, agent, quantity, provider_cost,
    log_count from _billing.logged_usage('2026-06-03', '2026-07-09')$$,
  $$select client_id, usage_day, model, metric, agent, quantity, provider_cost, log_count
    from _billing.logged_usage('-infinity', 'infinity')
    where usage_day >= '2026-06-03' and usage_day < '2026-07-09'$$,
  'weeks that are summed one by one are as the whole');
select is(current_setting('application_name'),
  'billing: summing logs 2026-07-04 to 2026-07-09 of 2026-07-09', 'the session says where it is');
select set_eq($$select client_id, usage_day, model, metric, agent, quantity, provider_cost,
    log_count from _billing.logged_usage('1970-01-01', '2200-01-01')$$,
  $$select client_id, usage_day, model, metric, agent, quantity, provider_cost, log_count
    from _billing.logged_usage('-infinity', 'infinity')$$,
  'a range of centuries gives the same sums');
select is(current_setting('application_name'),
  'billing: summing logs 2199-12-25 to 2200-01-01 of 2200-01-01', 'in about a hundred parts');
select is_empty($$select client_id, usage_day, model, metric, rate_class, agent
    from _billing.logged_parts('-infinity', 'infinity') where client_id is not null
    group by 1, 2, 3, 4, 5, 6 having count(*) > 1$$, 'without bounds all logs are one part');
select _billing.report_progress('something else');
select is(current_setting('application_name'), 'billing: something else',
  'report_progress sets the application name');

-- Tampering: changed, removed and invented records are each listed.
update public.usage_records set quantity = quantity + 1
where (client_id, usage_day, model, metric, agent) = (select client_id, usage_day, model, metric,
  agent from public.usage_records where metric = 'input_tokens' order by 1, 2, 3, 4, 5 limit 1);
delete from public.usage_records
where (client_id, usage_day, model, metric, agent) = (select client_id, usage_day, model, metric,
  agent from public.usage_records where metric = 'output_tokens' order by 1, 2, 3, 4, 5 limit 1);
insert into public.usage_records values
  ('00000000-0000-0000-0000-00000000000a', '2026-06-10', 'invented', 'ghosts', 'GHOST', 5, 0, 1);
select results_eq($$select metric, recorded - logged, recorded is null, logged is null
    from billing.usage_discrepancies() order by metric$$,
  $$values ('ghosts', null::numeric, false, true), ('input_tokens', 1, false, false),
    ('output_tokens', null, true, false)$$, 'every difference is listed');
select is_empty($$select * from billing.usage_discrepancies('[2027-01-01,2027-02-01)')$$,
  'within the days asked for');
update public.usage_records set provider_cost = provider_cost + 1, log_count = log_count + 1
where metric = 'ghosts';
insert into public.prices (model, metric, unit_amount) values
  ('odd', 'input_tokens', 1), ('odd', 'output_tokens', 1), ('odd', 'cache_read_tokens', 1),
  ('odd', 'reasoning_tokens', 1);
select is((billing.run_monthly('2026-07-02 00:00+00') ->> 'discrepancies_repaired')::integer, 3,
  'the monthly run repairs them and says how many');
select is(pg_temp.fingerprint(), (select fingerprint from known), 'to what they were');

-- What has been compared and has not changed since is not compared again.
create view pg_temp.unverified as
select d::date as day from generate_series('2026-06-01'::timestamp, '2026-06-30',
  interval '1 day') d
where d::date not in (select usage_day from billing.usage_days where verified_changes = changes);
select is(billing.reconcile_usage('2026-07-02 03:40+00'), 0::bigint,
  'the nightly comparison finds nothing');
select is_empty('select day from pg_temp.unverified', 'and notes that the days agree');
update public.usage_records set usage_day = '2026-06-11', model = 'moved'
where (client_id, usage_day, model, metric, agent) = (select client_id, usage_day, model, metric,
  agent from public.usage_records where usage_day = '2026-06-12' and metric = 'requests'
  order by 1, 2, 3, 4, 5 limit 1);
select set_eq('select day from pg_temp.unverified', array['2026-06-11', '2026-06-12']::date[],
  'days whose records are changed by hand are compared again');
select is(billing.reconcile_usage('2026-07-03 03:40+00'), 2::bigint,
  'the next one finds and repairs what was changed by hand');
select is(pg_temp.fingerprint(), (select fingerprint from known), 'to what it was');

-- Restored into another cluster: snapshots of here mean nothing there.
update billing.usage_watermark set system_identifier = system_identifier + 1;
select is(_billing.rollup(), 700::bigint, 'in another cluster everything is counted anew');
select is(pg_temp.fingerprint(), (select fingerprint from known), 'to the same records');
update billing.usage_watermark set table_oid = 1, snapshot = '1:1:';
select is(_billing.rollup(), 700::bigint, 'and where the log table was made anew');
select is(pg_temp.fingerprint(), (select fingerprint from known), 'again to the same records');
select is(_billing.rollup(), 0::bigint, 'then it goes on from there');

select * from finish();
rollback;

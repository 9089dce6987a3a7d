-- What is asked all day is answered by indexes: it costs what is asked for, not what there is.
begin;
select plan(10);

insert into auth.users (id) values ('0000000a-0000-0000-0000-000000000001');
insert into public.clients (id, name, started_on)
select md5('hot' || n)::uuid, 'Hot ' || n, '2026-05-01' from generate_series(1, 300) n;
insert into public.client_members (client_id, user_id)
values (md5('hot7')::uuid, '0000000a-0000-0000-0000-000000000001');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
select 'S', m, 1000000, md5('hot' || n)::uuid, '2026-05-01'::date + d
from generate_series(1, 300) n, generate_series(0, 59, 4) d,
  unnest('{claude-sonnet,gpt-4o}'::text[]) m;
select _billing.rollup();
analyze;
select billing.reconcile_usage('2026-07-01 09:00+00');
select billing.run_monthly('2026-06-01 09:00+00');
analyze;

-- Tables of which a statement has read all.
create function pg_temp.scans_of(statement text) returns text[] language plpgsql as $$
declare
  before jsonb;
begin
  select jsonb_object_agg(relname, seq_scan) into before from pg_stat_xact_user_tables
  where relname in ('usage_records', 'invoice_lines', 'agent_usage_logs');
  execute statement;
  return array(select relname::text from pg_stat_xact_user_tables s
    where before ? s.relname
      and s.seq_scan > coalesce((before ->> s.relname)::bigint, 0) order by 1);
end $$;
select is(pg_temp.scans_of('select count(*) from public.usage_records'), '{usage_records}',
  'a scan of all usage is noticed');
-- A plan that is kept knows no values: what is expected then must not be what is read.
set local plan_cache_mode = force_generic_plan;
select is(pg_temp.scans_of('select _billing.rollup()'), '{}',
  'a rollup with nothing to do reads no logs');
reset plan_cache_mode;
select is(pg_temp.scans_of($$select billing.current_spend(md5('hot7')::uuid, '2026-06-29')$$), '{}',
  'live spend reads the usage of one client');
select is(pg_temp.scans_of($$select billing.preview_invoice(md5('hot7')::uuid, '2026-06-29',
  '2026-06-29')$$), '{}', 'a preview too');
select is(pg_temp.scans_of($$select billing.run_monthly('2026-07-01 09:00+00')$$), '{}',
  'closing a month reads neither all usage nor all lines');
select is(pg_temp.scans_of($$select billing.run_monthly('2026-07-01 09:00+00')$$), '{}',
  'closing it again neither');

-- Through row level security. With sequential scans off, the plan shows whether an index can
-- answer.
create function pg_temp.answered_by(statement text) returns text[] language plpgsql as $$
declare
  line text;
  lines text[] := '{}';
begin
  for line in execute 'explain (costs off) ' || statement loop
    if line ~ 'Index Cond' then
      lines := lines || btrim(line);
    end if;
  end loop;
  return lines;
end $$;
select set_config('request.jwt.claims',
  '{"sub": "0000000a-0000-0000-0000-000000000001", "role": "authenticated"}', true);
set local role authenticated;
select matches(array_to_string(pg_temp.answered_by($$select usage_day, quantity
    from public.usage_records where usage_day >= '2026-06-01'$$), ''),
  'client_id = ANY .*usage_day >= ', 'a member''s usage is found by client and day');
select matches(array_to_string(pg_temp.answered_by($$select id, number from public.invoices
    order by created_at desc limit 50$$), ''),
  'client_id = ANY', 'a member''s invoices are found by client');
select is((select count(distinct client_id) from public.usage_records), 1::bigint,
  'and there are no others for it');
reset role;

-- Workers.
select matches(array_to_string(pg_temp.answered_by($$select id from public.deliveries
    where kind = 'email' and state in ('queued', 'running') and due_at <= now()
    order by due_at, id limit 10$$), ''), 'kind = .email.*due_at <=',
  'due deliveries are found by kind and time');

select * from finish();
rollback;

-- Moving in, 7: the earlier logs, from the first cut-over day on. Copied by blocks
-- of the table, which nobody writes any more: each call takes some and notes how far it came, so
-- no lock lasts and a call that was killed is made again. A row that an agent has sent again
-- meanwhile has its id, and is not taken twice.

create or replace function billing_adoption.logs_from()
returns timestamptz language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(p.logs_from, d.first_day, date_trunc('month', now() at time zone 'UTC')::date)
    ::timestamp at time zone 'UTC'
  from (select min(f.first_day) as first_day from billing_adoption.first_days() f) d
  left join billing_adoption.plan p on true;
$$;
comment on function billing_adoption.logs_from is 'The first moment whose logs are taken.';

-- A column of the earlier log, or what stands for it where there is none.
create or replace function billing_adoption.log_value(name text, type text, otherwise text)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce((select case
      when type = 'timestamptz' and a.atttypid = 'timestamp'::regtype
        then format('o.%I at time zone ''UTC''', name)
      else format('o.%I::%s', name, type) end
    from pg_attribute a where a.attname = name and a.attnum > 0 and not a.attisdropped
      and a.attrelid = billing_adoption.place_of('agent_usage_logs')), otherwise);
$$;
comment on function billing_adoption.log_value is 'A column of the earlier log as an expression.';

-- The earlier rows of blocks [first, last) in our columns, and what is wrong with each.
create or replace function billing_adoption.log_query(first_block bigint, last_block bigint)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select format($q$
    select r.*, case when r.agent is null then 'it has no agent'
      when r.model is null then 'it has no model'
      when r."timestamp" is null then 'it has no time'
      when length(r.agent) > 200 or length(r.model) > 200 then 'a name has more than 200 characters'
      when least(r.input_tokens, r.output_tokens, r.web_searches) < 0 then 'a count is below zero'
      when r.other_features @? '$.* ? (@ < 0)' then 'a feature''s count is below zero'
      when greatest(r.input_cost, r.output_cost, r.feature_cost, r.total_cost) >= 10000
        or least(r.input_cost, r.output_cost, r.feature_cost, r.total_cost) <= -10000
        then 'a cost is out of range' end as problem
    from (select %s as id, %s as agent, %s as endpoint, %s as model,
        coalesce(%s, 0) as input_tokens, coalesce(%s, 0) as output_tokens,
        coalesce(%s, 0) as web_searches, coalesce(%s, '{}') as other_features,
        coalesce(%s, 0) as input_cost, coalesce(%s, 0) as output_cost,
        coalesce(%s, 0) as feature_cost, coalesce(%s, 0) as total_cost,
        coalesce(%s, '{}') as metadata, %s as "timestamp", coalesce(%s, %s) as created_at,
        o.ctid::text as place
      from billing_before.agent_usage_logs o
      where o.ctid >= '(%s,0)' and o.ctid < '(%s,0)') r
    where r."timestamp" >= %L or r."timestamp" is null$q$,
    billing_adoption.id_of_log((select a.atttypid = 'uuid'::regtype from pg_attribute a
      where a.attname = 'id' and not a.attisdropped
        and a.attrelid = to_regclass('billing_before.agent_usage_logs'))),
    billing_adoption.log_value('agent', 'text', 'null::text'),
    billing_adoption.log_value('endpoint', 'text', 'null::text'),
    billing_adoption.log_value('model', 'text', 'null::text'),
    billing_adoption.log_value('input_tokens', 'bigint', '0'),
    billing_adoption.log_value('output_tokens', 'bigint', '0'),
    billing_adoption.log_value('web_searches', 'bigint', '0'),
    billing_adoption.log_value('other_features', 'jsonb', '''{}''::jsonb'),
    billing_adoption.log_value('input_cost', 'numeric', '0'),
    billing_adoption.log_value('output_cost', 'numeric', '0'),
    billing_adoption.log_value('feature_cost', 'numeric', '0'),
    billing_adoption.log_value('total_cost', 'numeric', '0'),
    billing_adoption.log_value('metadata', 'jsonb', '''{}''::jsonb'),
    billing_adoption.log_value('timestamp', 'timestamptz', 'null::timestamptz'),
    billing_adoption.log_value('created_at', 'timestamptz', 'null::timestamptz'),
    billing_adoption.log_value('timestamp', 'timestamptz', 'now()'),
    first_block, last_block, billing_adoption.logs_from());
$$;
comment on function billing_adoption.log_query is 'The query that reads some earlier logs.';

-- Copies the next blocks; false once there is nothing left.
create or replace function billing_adoption.copy_logs(blocks integer default 1000)
returns boolean language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  place constant regclass := to_regclass('billing_before.agent_usage_logs');
  done billing_adoption.copied;
  blocks_there bigint;
  taken bigint;
begin
  if place is null then
    return false;
  end if;
  insert into billing_adoption.copied default values on conflict do nothing;
  select * into done from billing_adoption.copied for update;
  blocks_there := pg_relation_size(place) / current_setting('block_size')::bigint;
  if done.next_block >= blocks_there then
    return false;
  end if;
  execute format($q$
    with rows as materialized (%s), noted as (
      insert into billing_adoption.not_taken (source, source_id, reason)
      select 'agent_usage_logs', r.id::text, r.problem from rows r where r.problem is not null
      on conflict do nothing)
    insert into public.agent_usage_logs (id, agent, endpoint, model, input_tokens, output_tokens,
      web_searches, other_features, input_cost, output_cost, feature_cost, total_cost, metadata,
      "timestamp", created_at)
    select id, agent, endpoint, model, input_tokens, output_tokens, web_searches, other_features,
      input_cost, output_cost, feature_cost, total_cost, metadata, "timestamp", created_at
    from rows where problem is null on conflict (id) do nothing$q$,
    billing_adoption.log_query(done.next_block, done.next_block + blocks));
  get diagnostics taken = row_count;
  update billing_adoption.copied
  set next_block = done.next_block + blocks, rows_taken = rows_taken + taken;
  return done.next_block + blocks < blocks_there;
end $$;
comment on function billing_adoption.copy_logs is
  'Copies earlier logs of some more blocks; whether there are more.';

-- What agents write: one row per model call, append-only. The columns down to created_at are the
-- wire contract; client_id, corrects_id and the two bookkeeping columns are ours.
create table public.agent_usage_logs (
  id uuid primary key default billing.new_id(),
  agent text not null,
  endpoint text,
  model text not null,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  web_searches bigint not null default 0,
  other_features jsonb not null default '{}',
  input_cost numeric(10, 6) not null default 0,
  output_cost numeric(10, 6) not null default 0,
  feature_cost numeric(10, 6) not null default 0,
  total_cost numeric(10, 6) not null default 0,
  metadata jsonb not null default '{}',
  "timestamp" timestamptz not null default now(),
  created_at timestamptz not null default now(),
  -- Of a row that comes with a token of one client's agent and does not say whose it is.
  client_id uuid default (
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'billing_client')::uuid,
  corrects_id uuid,
  -- A row may stand for the calls of a window (a minute, an hour) that its writer has summed.
  calls bigint not null default 1,
  seq bigint generated always as identity,
  stored_by xid8 generated always as (billing.storing_transaction()) stored,
  -- One comparison while all is well; which column it was is found out when it is not.
  constraint agent_usage_logs_counts_not_negative check (
    least(input_tokens, output_tokens, web_searches) >= 0 or corrects_id is not null
    or case when input_tokens < 0 then billing.refuse_negative('input_tokens', input_tokens)
      when output_tokens < 0 then billing.refuse_negative('output_tokens', output_tokens)
      else billing.refuse_negative('web_searches', web_searches) end),
  constraint agent_usage_logs_calls_in_range check (
    abs(calls) <= 1000000000 and (calls >= 1 or corrects_id is not null)),
  -- NaN sorts above every number.
  constraint agent_usage_logs_costs_numbers check (
    greatest(input_cost, output_cost, feature_cost, total_cost) <> 'NaN'
    or case when input_cost = 'NaN' then billing.refuse_nan('input_cost', input_cost)
      when output_cost = 'NaN' then billing.refuse_nan('output_cost', output_cost)
      when feature_cost = 'NaN' then billing.refuse_nan('feature_cost', feature_cost)
      else billing.refuse_nan('total_cost', total_cost) end),
  -- Names are keys of usage_records: longer than an index row can be, one would stop the rollup.
  constraint agent_usage_logs_agent_length check (length(agent) <= 200),
  constraint agent_usage_logs_model_length check (length(model) <= 200),
  -- The Data API takes whatever the table takes: without a bound one row could hold a gigabyte.
  constraint agent_usage_logs_endpoint_length check (length(endpoint) <= 1000),
  constraint agent_usage_logs_metadata_size check (
    pg_column_size(metadata) <= 65536 or corrects_id is not null),
  constraint agent_usage_logs_features_size check (pg_column_size(other_features) <= 65536),
  constraint agent_usage_logs_other_features_not_negative check (
    other_features = '{}' or corrects_id is not null
    or not other_features @? '$.* ? (@ < 0)'
    or billing.refuse_negative('other_features',
      (jsonb_path_query_first(other_features, '$.* ? (@ < 0)') #>> '{}')::numeric))
) with (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table public.agent_usage_logs is
  'One row per model call, as agents log it. Append-only; corrected by rows with corrects_id.';
comment on column public.agent_usage_logs."timestamp" is 'When the call happened.';
comment on column public.agent_usage_logs.created_at is 'When the row arrived.';
comment on column public.agent_usage_logs.client_id is
  'Whose usage it is, where the writer knows; before metadata.client_id and assignments.';
comment on column public.agent_usage_logs.corrects_id is
  'The row this one corrects. Stored by billing.correct_log and billing.retract_log alone.';
comment on column public.agent_usage_logs.stored_by is
  'Transaction that stored the row: what the rollup''s watermark is compared with.';

-- The rollup reads by transaction; rebuild and reconcile by time. No foreign key and no trigger
-- that fires on an agent's insert: nothing here may refuse or slow one. Times are summarized as
-- rows come: what is not summarized is read by every search. Eight stretches of time per range:
-- where retention has made room, new rows lie where old ones did, and each of them is added to the
-- range's stretches, which costs more the more there may be.
create index agent_usage_logs_stored_by on public.agent_usage_logs (stored_by);
create index agent_usage_logs_timestamp on public.agent_usage_logs using brin
  ("timestamp" timestamptz_minmax_multi_ops (values_per_range = 16))
  with (autosummarize = on);

create trigger refuse_change before truncate on public.agent_usage_logs
  for each statement execute function _billing.refuse_change();
-- Personal data in metadata is erased in place, by billing.erase_personal_data alone: nobody is
-- granted to update, and what is counted stays.
create trigger refuse_update before update on public.agent_usage_logs
  for each statement when (current_setting('billing.erasing', true) is distinct from 'on')
  execute function _billing.refuse_change();

-- Deletes of anything but retention are refused by migration log_retention.

alter table public.agent_usage_logs enable row level security;
revoke all on public.agent_usage_logs from anon, authenticated, service_role;

-- What agents send, column by column. A correction is no agent's act: to the Data API every
-- secret key is service_role, and none can name a row to correct.
grant select on public.agent_usage_logs to service_role;
grant insert (id, agent, endpoint, model, input_tokens, output_tokens, web_searches,
  other_features, input_cost, output_cost, feature_cost, total_cost, metadata, "timestamp",
  created_at, client_id, calls)
  on public.agent_usage_logs to service_role;
grant select on public.agent_usage_logs to authenticated;

create policy "operators read logs" on public.agent_usage_logs
  for select to authenticated using ((select billing.is_operator()));

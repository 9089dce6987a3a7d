-- Usage per client, agent, model, client-local day and metric: what is rated. A pure function of
-- agent_usage_logs, so it can be thrown away and rebuilt, bit for bit. Each minute's rollup updates
-- the records of the day: with room in its page an update touches no index, and tables that change
-- all day are vacuumed and analyzed after 2 % of them, not after 20 % (figures: ADR 66).
create table public.usage_records (
  client_id uuid not null references public.clients (id),
  usage_day date not null,
  model text not null,
  metric text not null,
  agent text not null,
  quantity numeric not null,
  provider_cost numeric not null,
  log_count bigint not null,
  rate_class text not null default 'standard',
  primary key (client_id, usage_day, model, metric, rate_class, agent)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table public.usage_records is
  'Aggregated usage: quantity per client, client-local day, model, metric and agent.';
comment on column public.usage_records.metric is
  'input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
   web_searches, requests, or any other key of other_features. Tokens of rows of which it is not
   known how they count: unmapped_…, without a price.';
comment on column public.usage_records.rate_class is
  'At which of its rates the provider charges the calls (billing.rate_classes); of what are no
   tokens always standard.';
comment on column public.usage_records.provider_cost is
  'What the usage cost us, USD. A call''s feature_cost stands at its requests.';
comment on column public.usage_records.log_count is 'Log rows that contributed.';
alter table public.usage_records enable row level security;
revoke all on public.usage_records from anon, authenticated, service_role;
grant select on public.usage_records to service_role;

-- All but provider_cost, the seller's business; as for clients.metadata, operators too read it with
-- the service key, and `select=*` is refused.
grant select (client_id, usage_day, model, metric, rate_class, agent, quantity, log_count)
  on public.usage_records to authenticated;

create policy "members and operators read usage" on public.usage_records
  for select to authenticated
  using (client_id = any ((select billing.readable_clients())::uuid[]));

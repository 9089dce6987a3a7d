-- What role billing_agent may insert into the log through the Data API. Its token names the key;
-- the rights of the key are read here with each row, so that revoking it holds at once.

create function billing.agent_may_log(
  agent text, client_id uuid, metadata jsonb, "timestamp" timestamptz
) returns boolean language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp as $$
-- Definer: the role may read no key.
declare
  claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
  key _billing.agent_keys;
  claim constant text := nullif(btrim(metadata ->> 'client_id'), '');
  refused text;
begin
  if claims ->> 'billing_key' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    key := _billing.valid_agent_key((claims ->> 'billing_key')::uuid, 'jwt');
  else
    perform billing.raise_error('unauthorized', 'the token names no key');
  end if;
  -- The Data API has seen that the token has not ended yet. Signed for longer than a key lives, it
  -- was not signed for its key.
  if jsonb_typeof(claims -> 'exp') is distinct from 'number' or (claims ->> 'exp')::numeric
    > extract(epoch from key.created_at + interval '8784 hours') then
    perform billing.raise_error('unauthorized', 'the token outlives its key');
  end if;
  refused := case
    -- The log goes by client_id; a row that calls two clients is wrong about one of them.
    when key.client_ids is not null and client_id <> _billing.claimed_client(key, claim)
      then 'client_not_allowed'
    when key.client_ids is not null and client_id is not null and claim is not null
      and _billing.claimed_client(key, claim) is null then 'client_not_allowed'
    else _billing.refused_by_key(
      key, agent, coalesce(client_id, _billing.claimed_client(key, claim)), "timestamp") end;
  if refused is not null then
    perform billing.raise_error(refused, format('the key may not log this: agent %s, client %s, '
      'time %s', agent, coalesce(client_id::text, claim, 'none'), "timestamp"));
  end if;
  perform _billing.use_agent_key(key, 1);
  return true;
end $$;
comment on function billing.agent_may_log is
  'Whether the key that the request''s token names may log this row; raises why not.';
grant execute on function billing.agent_may_log(text, uuid, jsonb, timestamptz) to billing_agent;

-- Column defaults, generated columns and checks are computed with the rights of the inserting role.
grant execute on function billing.new_id() to billing_agent;
grant execute on function billing.storing_transaction() to billing_agent;
grant execute on function billing.refuse_negative(text, numeric) to billing_agent;
grant execute on function billing.refuse_nan(text, numeric) to billing_agent;

-- No select: what was inserted is not shown, and `Prefer: return=representation` is refused.
grant insert (id, agent, endpoint, model, input_tokens, output_tokens, web_searches,
  other_features, input_cost, output_cost, feature_cost, total_cost, metadata, "timestamp",
  client_id, calls)
  on public.agent_usage_logs to billing_agent;

create policy "keys of agents log for their clients" on public.agent_usage_logs
  for insert to billing_agent
  with check (billing.agent_may_log(agent, client_id, metadata, "timestamp"));

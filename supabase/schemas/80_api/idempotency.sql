-- Answers of the HTTP API to requests that carried an Idempotency-Key: sent again, the same request
-- gets the same answer and does nothing. Written in the transaction of the work, so there is an
-- answer exactly where there was an effect; a request that failed may be tried again.
create table billing.idempotency_keys (
  actor text not null,
  key text not null constraint idempotency_keys_length check (length(key) between 1 and 255),
  operation text not null,
  request_hash text not null,
  status smallint,
  answer json,
  created_at timestamptz not null default now(),
  primary key (actor, key)
);
comment on table billing.idempotency_keys is
  'Answers to requests with an Idempotency-Key, per caller; kept for a week.';
comment on column billing.idempotency_keys.request_hash is
  'SHA-256 of path and body: the same key with another request is refused.';
create index idempotency_keys_created_at on billing.idempotency_keys (created_at);
alter table billing.idempotency_keys enable row level security;
revoke all on billing.idempotency_keys from public;
grant select, insert, update, delete on billing.idempotency_keys to service_role;

-- Takes the key, or returns what is known of it. A second request with the key waits here until the
-- first has committed or failed: two at once have one effect.
create function billing.claim_idempotency_key(actor text, key text, operation text,
  request_hash text)
returns table (is_new boolean, same_request boolean, status smallint, answer json)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  delete from billing.idempotency_keys k where k.created_at < now() - interval '7 days';
  insert into billing.idempotency_keys as k (actor, key, operation, request_hash)
  values (claim_idempotency_key.actor, claim_idempotency_key.key,
    claim_idempotency_key.operation, claim_idempotency_key.request_hash)
  on conflict on constraint idempotency_keys_pkey do nothing;
  if found then
    return query select true, true, null::smallint, null::json;
    return;
  end if;
  return query
  select false, k.operation = claim_idempotency_key.operation
    and k.request_hash = claim_idempotency_key.request_hash, k.status, k.answer
  from billing.idempotency_keys k
  where k.actor = claim_idempotency_key.actor and k.key = claim_idempotency_key.key;
end $$;
comment on function billing.claim_idempotency_key is
  'Takes an idempotency key, or returns its answer and whether the request is the same.';
grant execute on function billing.claim_idempotency_key(text, text, text, text) to service_role;

-- Keys of agents: whose usage a key may log, for which clients, how much and of which times. A key
-- reads nothing and corrects nothing. Its token is told once; only a hash of it is kept, apart
-- from the key, so that neither views nor the audit log hold it.

create table _billing.agent_keys (
  id uuid primary key default gen_random_uuid(),
  name text not null constraint agent_keys_name_length check (
    btrim(name) <> '' and length(name) <= 200
    and name !~ '[\x01-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]'),
  kind text not null constraint agent_keys_kind_known check (kind in ('token', 'jwt')),
  agent text constraint agent_keys_agent_length check (
    btrim(agent) <> '' and length(agent) <= 200),
  client_ids uuid[] constraint agent_keys_clients_named check (
    cardinality(client_ids) between 1 and 1000 and array_position(client_ids, null) is null),
  scopes text[] not null default '{usage:write}'
    constraint agent_keys_scopes_known check (scopes <@ '{usage:write}'),
  daily_events bigint constraint agent_keys_daily_events_positive check (daily_events > 0),
  networks cidr[] constraint agent_keys_networks_of_tokens check (
    networks is null or kind = 'token' and cardinality(networks) between 1 and 100
    and array_position(networks, null) is null),
  max_age interval not null constraint agent_keys_max_age_in_range check (
    max_age > '0' and max_age <= '10 years'),
  max_ahead interval not null constraint agent_keys_max_ahead_in_range check (
    max_ahead >= '0' and max_ahead <= '24 hours'),
  expires_at timestamptz,
  revoked_at timestamptz,
  revoked_because text,
  replaces_id uuid unique references _billing.agent_keys (id),
  created_by text not null default billing.actor(),
  created_at timestamptz not null default now(),
  -- A signed token ends by itself within 366 days, also one of which nobody knows any more.
  constraint agent_keys_jwt_expires check (
    kind = 'token' or expires_at is not null and expires_at <= created_at + interval '8784 hours')
);
comment on table _billing.agent_keys is
  'Keys of agents, what each may log, and until when. Never deleted: logs came by them.';
create trigger require_second_factor before insert or update on _billing.agent_keys
  for each statement execute function _billing.guard_by_second_factor();
alter table _billing.agent_keys enable row level security;
revoke all on _billing.agent_keys from public;

create table _billing.agent_key_hashes (
  hash bytea primary key,
  key_id uuid not null unique references _billing.agent_keys (id)
);
comment on table _billing.agent_key_hashes is
  'SHA-256 of each token: 192 random bits need no slow hash.';
alter table _billing.agent_key_hashes enable row level security;
revoke all on _billing.agent_key_hashes from public;

create table _billing.agent_key_use (
  key_id uuid primary key references _billing.agent_keys (id),
  last_used_at timestamptz not null default '-infinity'
);
comment on table _billing.agent_key_use is
  'When each key was last used, to the minute: it is not written more often.';
alter table _billing.agent_key_use enable row level security;
revoke all on _billing.agent_key_use from public;

-- Several rows a day, so that requests of one key never wait for each other's count.
create table _billing.agent_key_days (
  key_id uuid not null references _billing.agent_keys (id),
  day date not null,
  slot bigint generated always as identity,
  events bigint not null,
  primary key (key_id, day, slot)
);
comment on table _billing.agent_key_days is
  'Events that keys with a quota have stored on each UTC day: the sum of the slots of the day.';
alter table _billing.agent_key_days enable row level security;
revoke all on _billing.agent_key_days from public;

create view billing.agent_keys as
select k.id, k.name, k.kind, k.agent, k.client_ids, k.scopes, k.daily_events,
  case when k.daily_events is not null then (
    select coalesce(sum(d.events), 0)::bigint from _billing.agent_key_days d
    where d.key_id = k.id and d.day = (now() at time zone 'UTC')::date) end as events_today,
  k.networks, k.max_age, k.max_ahead,
  case when k.revoked_at is not null then 'revoked' when k.expires_at <= now() then 'expired'
    when s.id is not null then 'replaced' else 'active' end as state,
  k.expires_at, k.revoked_at, k.revoked_because, k.replaces_id, k.created_by, k.created_at,
  case when isfinite(u.last_used_at) then u.last_used_at end as last_used_at
from _billing.agent_keys k
join _billing.agent_key_use u on u.key_id = k.id
left join _billing.agent_keys s on s.replaces_id = k.id;
comment on view billing.agent_keys is
  'Keys of agents, without anything that opens: what each may log, its state and its last use.
   A replaced key is valid until it expires. Read with the rights of the owner.';
revoke all on billing.agent_keys from public;
grant select on billing.agent_keys to service_role;

-- Sources: engines of their own that hold the raw calls of some agents and send sums of windows.
-- A window's rows are rows of agent_usage_logs like all others, so rollup, rebuild, comparison and
-- retention have no exception for them; a source says what its windows add up to, and the log is
-- compared with that.
create table billing.usage_sources (
  id text primary key constraint usage_sources_id_form check (id ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
  -- Offsets of time zones are multiples of 15 minutes: so no window spans two client-local days.
  window_length interval not null default '1 minute'
    constraint usage_sources_window_divides_quarter_hour check (
      window_length between '1 second' and '15 minutes'
      and mod(900, extract(epoch from window_length)) = 0),
  -- Without a comparison for so long, operators are told.
  compared_within interval not null default '26 hours'
    constraint usage_sources_compared_within_positive check (compared_within > '0'),
  -- The login of the source's engine. Null: only the secret key and the owner push for it.
  login name,
  created_at timestamptz not null default now()
);
comment on table billing.usage_sources is
  'Engines that hold raw calls and send the sums of windows, by billing.push_windows.';
comment on column billing.usage_sources.window_length is
  'How long each window is; windows begin at multiples of it from the full hour, in UTC.';
comment on column billing.usage_sources.login is
  'The login role, a member of billing_source, that pushes and compares windows of this source.';
alter table billing.usage_sources enable row level security;
revoke all on billing.usage_sources from public;
grant select on billing.usage_sources to service_role;
create trigger require_second_factor before insert or update or delete on billing.usage_sources
  for each statement execute function _billing.guard_by_second_factor();

-- An agent's calls lie in one source; calls before `since` lie in the log.
create table billing.usage_source_agents (
  agent text primary key
    constraint usage_source_agents_agent_length check (length(agent) between 1 and 200),
  source_id text not null references billing.usage_sources (id),
  -- No window of any length has calls of both sides.
  since timestamptz not null default '-infinity'
    constraint usage_source_agents_since_quarter_hour check (since = '-infinity'
      or isfinite(since) and mod(extract(epoch from since), 900) = 0)
);
comment on table billing.usage_source_agents is
  'Agents whose raw calls lie in a source, and since when.';
alter table billing.usage_source_agents enable row level security;
revoke all on billing.usage_source_agents from public;
grant select on billing.usage_source_agents to service_role;
create index usage_source_agents_source_id on billing.usage_source_agents (source_id);
create trigger require_second_factor
  before insert or update or delete on billing.usage_source_agents
  for each statement execute function _billing.guard_by_second_factor();

-- Up to where log and source were found equal. Beside the settings, which somebody decides.
create table billing.usage_source_states (
  source_id text primary key references billing.usage_sources (id) on delete cascade,
  pushed_at timestamptz,
  compared_at timestamptz,
  -- All windows of [equal_from, equal_until) were equal; a later push moves equal_until back.
  equal_from timestamptz,
  equal_until timestamptz,
  -- Above 0 until all times that were found to differ have been found equal.
  differences bigint not null default 0,
  different tstzmultirange not null default '{}'
);
comment on table billing.usage_source_states is
  'When a source last pushed and compared, and the time within which its windows were equal.';
alter table billing.usage_source_states enable row level security;
revoke all on billing.usage_source_states from public;
grant select on billing.usage_source_states to service_role;

-- Whether a caller pushes and compares for all sources: the secret key, and the owner. Called by
-- functions of the owner, to whom current_user is the owner.
create function _billing.acts_for_all_sources() returns boolean language sql stable
set search_path = pg_catalog, pg_temp as $$
  select c.caller = 'service_role' or pg_has_role(c.caller::name, current_user, 'member')
  from (select coalesce(nullif(current_setting('role'), 'none'), session_user) as caller) c;
$$;
comment on function _billing.acts_for_all_sources is
  'Whether the caller is the secret key or the owner; a login of a source is neither.';

create function _billing.known_source(source text)
returns billing.usage_sources language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  known billing.usage_sources;
begin
  select * into known from billing.usage_sources s where s.id = source;
  if known.id is null then
    perform billing.raise_error('unknown_source', format('there is no source %s', source),
      'insert it into billing.usage_sources');
  end if;
  if known.login is distinct from session_user and not _billing.acts_for_all_sources() then
    perform billing.raise_error('unknown_source',
      format('source %s is not one of login %s', source, session_user),
      'an operator sets billing.usage_sources.login');
  end if;
  return known;
end $$;
comment on function _billing.known_source is
  'The source that a caller names; refuses a login of another source.';

-- The source that a caller names, locked: one push or comparison of a source at a time. Of two
-- versions at once the second sees the first, and no push falls within a comparison. The lock of
-- a client is taken before (ADR 20).
create function _billing.lock_source(source text)
returns billing.usage_sources language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  known billing.usage_sources;
begin
  perform from billing.usage_sources s where s.id = source for share;
  known := _billing.known_source(source);
  insert into billing.usage_source_states (source_id) values (source)
  on conflict on constraint usage_source_states_pkey do nothing;
  perform from billing.usage_source_states s where s.source_id = source for update;
  return known;
end $$;
comment on function _billing.lock_source is
  'The source of a push or comparison, locked until its end; refuses a login of another source.';

-- Which statement of a window counts, where it is not the first. Most windows are stated once.
create table _billing.window_versions (
  log_id uuid primary key,
  version integer not null constraint window_versions_later check (version > 1)
);
comment on table _billing.window_versions is
  'Version of the windows whose rows have been stated again, by the row of the log that they
   correct; a window that is not here has version 1.';
alter table _billing.window_versions enable row level security;
revoke all on _billing.window_versions from public;

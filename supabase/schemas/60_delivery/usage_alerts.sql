-- Usage alerts: budgets, caps of recharges, sudden spend, usage that nobody can be billed for. Each
-- once.

-- Clients whose last full day cost much more than the average of the fourteen days before it: in
-- what we pay, so that a price change is no jump. Days of cents are none either.
create function billing.spend_jumps(as_of timestamptz default billing.as_of())
returns table (client_id uuid, client text, usage_day date, cost numeric, average numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select c.id, c.name, y.day, x.cost, x.average
  from public.clients c
  cross join lateral (select billing.day_of(c.id, as_of) - 1 as day) y
  cross join lateral (
    select coalesce(sum(r.provider_cost) filter (where r.usage_day = y.day), 0) as cost,
      coalesce(sum(r.provider_cost) filter (where r.usage_day < y.day), 0) / 14 as average,
      count(distinct r.usage_day) filter (where r.usage_day < y.day) as days
    from public.usage_records r
    where r.client_id = c.id and r.usage_day between y.day - 14 and y.day
  ) x
  cross join public.billing_settings s
  where x.days >= 3 and x.cost > x.average * s.spend_jump_factor and x.cost - x.average >= 5;
$$;
comment on function billing.spend_jumps is
  'Clients whose last full day cost more than spend_jump_factor times their usual day (USD).';
grant execute on function billing.spend_jumps(timestamptz) to service_role;

-- Names are the agents' to choose: however many there are, a kind of notice is one message, with
-- the first few. `names` is a fingerprint of what is told.
create function _billing.unpriced_notice()
returns table (names text, message text, client_id uuid)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with missing as (
    select q.client_id, q.model, c.name, max(q.rows) as rows,
      _billing.first_few(array_agg(distinct
        _billing.named_usage(q.metric, q.rate_class))) as metrics
    from billing.quarantine_groups q join public.clients c on c.id = q.client_id
    where q.reason = 'unpriced_usage' group by q.client_id, q.model, c.name
  )
  select md5(string_agg(m.client_id || ' ' || m.model, ',' order by m.client_id, m.model)),
    case when count(*) = 1 then min(format('Model %s of client %s has no price for %s (%s log '
        || 'rows). The client''s month cannot be billed until it has one.', m.model, m.name,
        m.metrics, m.rows))
      else format('%s models have no price, and their clients'' months cannot be billed until they '
        || 'have one: %s.', count(*), _billing.first_few(array_agg(format(
          '%s of client %s for %s (%s log rows)', m.model, m.name, m.metrics, m.rows)
          order by m.rows desc, m.name, m.model), 10, '; ')) end,
    case when count(*) = 1 then min(m.client_id::text)::uuid end
  from missing m having count(*) > 0;
$$;
comment on function _billing.unpriced_notice is 'One message of all usage without a price.';

create function _billing.unmapped_notice()
returns table (names text, message text, client_id uuid)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with missing as (
    select q.model, min(q.client_id::text)::uuid as client_id,
      count(distinct q.client_id) as clients, sum(q.rows) as rows
    from (select q.client_id, q.model, max(q.rows) as rows
      from billing.quarantine_groups q where q.reason = 'unknown_provider'
      group by q.client_id, q.model) q
    group by q.model
  )
  select md5(string_agg(m.model, ',' order by m.model)),
    format('It is not known how tokens are counted of %s, and the months of the clients that use '
      || 'it cannot be billed: %s. Map each model to its provider: insert into public.models (id, '
      || 'family, provider) … on conflict (id) do update set provider = excluded.provider.',
      case when count(*) = 1 then 'a model' else count(*) || ' models' end,
      _billing.first_few(array_agg(format('%s (%s clients, %s log rows)', m.model, m.clients,
        m.rows) order by m.rows desc, m.model), 10, '; ')),
    case when count(*) = 1 and min(m.clients) = 1 then min(m.client_id::text)::uuid end
  from missing m having count(*) > 0;
$$;
comment on function _billing.unmapped_notice is
  'One message of all models of which it is not known how they count.';

create function _billing.cost_notice()
returns table (names text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with costly as (
    select q.agent, q.model, c.id, c.name, q.rows, (select sum(r.provider_cost)
      from public.usage_records r
      where r.client_id = q.client_id and r.usage_day between q.first_day and q.last_day
        and r.agent = q.agent and r.model = q.model and r.metric = q.metric) as cost
    from billing.quarantine_groups q join public.clients c on c.id = q.client_id
    where q.reason = 'unpriced_cost'
  )
  select md5(string_agg(concat_ws(' ', x.id, x.agent, x.model), ','
      order by x.id, x.agent, x.model)),
    format('%s and nothing to bill it by. Price its requests (0 where it is free), or log what '
      || 'was used.', _billing.first_few(array_agg(
        format('%s has logged %s calls of %s for %s at a cost of %s USD', x.agent, x.rows, x.model,
          x.name, round(x.cost, 2)) order by x.cost desc, x.name, x.agent, x.model), 10, '; '))
  from costly x having count(*) > 0;
$$;
comment on function _billing.cost_notice is
  'One message of all calls that have a cost and nothing to be billed by.';

create function _billing.nobody_notice()
returns table (names text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with owned_by_nobody as (
    select q.agent, count(*) as rows from billing.quarantined_logs q
    where not q.dismissed and q.reason in ('no_client', 'unknown_client') group by q.agent
  )
  select md5(string_agg(n.agent, ',' order by n.agent)),
    case when count(*) = 1 then min(format('Agent %s has logged %s calls that belong to no client. '
        || 'Assign the agent: insert into public.agent_assignments (agent, client_id) …',
        billing.plain_line(n.agent), n.rows))
      else format('%s agents have logged %s calls that belong to no client: %s. Assign them: '
        || 'insert into public.agent_assignments (agent, client_id) …', count(*), sum(n.rows),
        _billing.first_few(array_agg(format('%s (%s)', n.agent, n.rows)
          order by n.rows desc, n.agent))) end
  from owned_by_nobody n having count(*) > 0;
$$;
comment on function _billing.nobody_notice is 'One message of all agents whose usage nobody owns.';

create function _billing.future_notice()
returns table (names text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with ahead as (
    select q.agent, count(*) as rows from billing.quarantined_logs q
    where not q.dismissed and q.reason = 'future_timestamp' group by q.agent
  )
  select md5(string_agg(a.agent, ',' order by a.agent)),
    format('%s calls are dated more than a day after they arrived and are not billed: %s. Mend the '
      || 'agents'' clocks, log the calls anew and dismiss the rows: select '
      || 'billing.dismiss_quarantined(''why'', reason => ''future_timestamp'').', sum(a.rows),
      _billing.first_few(array_agg(format('%s (%s)', a.agent, a.rows)
        order by a.rows desc, a.agent)))
  from ahead a having count(*) > 0;
$$;
comment on function _billing.future_notice is 'One message of all usage dated in the future.';

-- True where operators have been told of these names this month, or of others of the kind today.
create function _billing.is_told(kind text, names text, as_of timestamptz)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.deliveries d
    where d.event = 'notice'
      and starts_with(d.dedupe_key,
        is_told.kind || to_char(as_of at time zone 'UTC', ':YYYY-MM-'))
      and (starts_with(d.dedupe_key,
          is_told.kind || to_char(as_of at time zone 'UTC', ':YYYY-MM-DD:'))
        or split_part(d.dedupe_key, ':', 3) = names));
$$;
comment on function _billing.is_told is
  'Whether a notice of these names was queued this month, or one of its kind today.';

-- Whether operators were told of this percentage of this amount, or of the client's budget three
-- times today: payers set budgets, and no number of amounts makes more notices. The amount that
-- stands is told of the next day.
create function _billing.is_budget_told(client_id uuid, told text, as_of timestamptz)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(bool_or(starts_with(d.dedupe_key, told || ':')), false)
    -- Each notice has one delivery of this kind.
    or count(*) filter (where d.kind = 'hermes' and split_part(d.dedupe_key, ':', 6)
      = (as_of at time zone 'UTC')::date::text) >= 3
  from public.deliveries d
  where d.event = 'notice' and d.client_id = is_budget_told.client_id
    and starts_with(d.dedupe_key, format('budget:%s:', is_budget_told.client_id));
$$;
comment on function _billing.is_budget_told is
  'Whether an alert of a budget was queued, or three of its client''s budget today.';

-- Of another amount it is told anew. The key ends with the day (UTC).
create function _billing.budget_alerts(as_of timestamptz)
returns table (key text, priority text, subject text, message text, client_id uuid)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select k.told || ':' || (as_of at time zone 'UTC')::date,
    case when x.reached >= 100 then 'high' else 'normal' end,
    format('%s has used %s %% of its budget', b.client, x.reached),
    format('%s has used %s of its budget of %s in the period from %s (%s %%).', b.client,
      billing.money_text(b.spent_minor, b.currency),
      billing.money_text(b.budget_minor, b.currency), b.period_start,
      b.spent_minor * 100 / b.budget_minor), b.client_id
  from billing.budget_use(as_of) b
  cross join lateral (select max(t) as reached from unnest(b.thresholds) t
    where b.spent_minor * 100 >= b.budget_minor * t) x
  cross join lateral (select format('budget:%s:%s:%s:%s', b.client_id, b.period_start,
    b.budget_minor, x.reached) as told) k
  where x.reached is not null and not _billing.is_budget_told(b.client_id, k.told, as_of);
$$;
comment on function _billing.budget_alerts is
  'Budgets that have reached a threshold: once per threshold, amount and period, three a day at most
   of a client.';

-- Rows that wait for room beneath the limit of keys.
create function _billing.key_limit_notice()
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select format('%s log rows would take clients beyond %s keys of '
      || 'usage in a day and wait in quarantine: %s. If they are meant, raise '
      || 'billing_settings.max_usage_keys_per_day, then select billing.release_held_logs().',
    sum(h.rows), min(s.max_usage_keys_per_day), _billing.first_few(array_agg(
      format('%s on %s (%s)', c.name, h.usage_day, h.rows)
      order by h.rows desc, c.name, h.usage_day)))
  from (select l.client_id, l.usage_day, count(*) as rows from billing.held_logs l
    where not exists (select from billing.dismissed_logs d where d.log_id = l.log_id)
    group by l.client_id, l.usage_day) h
  join public.clients c on c.id = h.client_id
  cross join public.billing_settings s
  having count(*) > 0;
$$;
comment on function _billing.key_limit_notice is
  'One message of all log rows held by the limit of keys in a day; null where there is none.';

-- Notices that name what waits, as long as the same names have not been told this month.
create function _billing.named_alerts(as_of timestamptz)
returns table (key text, priority text, subject text, message text, client_id uuid)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format('%s:%s:%s', n.kind, (as_of at time zone 'UTC')::date, n.names), n.priority,
    n.subject, n.message, n.client_id
  from (
    select 'unpriced' as kind, 'high' as priority, 'Usage without a price' as subject, u.names,
      u.message, u.client_id from _billing.unpriced_notice() u
    union all
    select 'unmapped', 'high', 'Usage of models without a provider', u.names, u.message,
      u.client_id from _billing.unmapped_notice() u
    union all
    select 'unpriced_cost', 'high', 'Costs with nothing to bill', c.names, c.message, null
    from _billing.cost_notice() c
    union all
    select 'nobody', 'high', 'Usage that nobody owns', o.names, o.message, null
    from _billing.nobody_notice() o
    union all
    select 'future', 'high', 'Usage dated in the future', f.names, f.message, null
    from _billing.future_notice() f
    union all
    select 'held', 'high', 'Drafts are held', h.names, h.message, null
    from _billing.held_notice() h
    union all
    select 'held_windows', 'high', 'Windows of a source are held', w.names, w.message, null
    from _billing.held_windows_notice() w
    union all
    select 'proposals', 'normal', 'Prices to be decided on', p.names, p.message, null
    from _billing.proposal_notice() p
  ) n
  where not _billing.is_told(n.kind, n.names, as_of);
$$;
comment on function _billing.named_alerts is 'Alerts of what waits, which operators have not seen.';

-- Tells of everything that has come up; returns how many deliveries that takes.
create function billing.queue_usage_alerts(as_of timestamptz default billing.as_of())
returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
  -- Once for all notices of counted usage.
  select billing.count_quarantine(as_of);
  select _billing.tell_of_caps(as_of) + coalesce(sum(billing.queue_operator_alert(
    a.key, a.priority, a.subject, a.message, a.client_id)), 0)::bigint
  from (
    select b.key, b.priority, b.subject, b.message, b.client_id
    from _billing.budget_alerts(as_of) b
    union all
    select format('spend_jump:%s:%s', j.client_id, j.usage_day), 'high',
      format('Usage of %s has jumped', j.client),
      format('Usage of %s on %s cost %s USD, %s USD on an average day of the two weeks before.',
        j.client, j.usage_day, round(j.cost, 2), round(j.average, 2)), j.client_id
    from billing.spend_jumps(as_of) j
    union all
    select n.key, n.priority, n.subject, n.message, n.client_id from _billing.named_alerts(as_of) n
    union all
    select format('too_many_keys:%s', (as_of at time zone 'UTC')::date), 'high',
      'Usage under too many names', k.message, null
    from _billing.key_limit_notice() k(message) where k.message is not null
  ) a;
$$;
comment on function billing.queue_usage_alerts is
  'Tells operators of budgets, caps, jumps, unpriced and unowned usage; once per threshold, amount
   and period, and of a client''s budget three times a day at most.';
grant execute on function billing.queue_usage_alerts(timestamptz) to service_role;

-- How each part is doing: a row each, fine, late or broken, with what to look at.

-- What each part of operations says of itself. A part may have several rows; the worst holds.
create type _billing.health_row as (part text, state text, since timestamptz, detail text);
comment on type _billing.health_row is
  'A part of operations: fine, late or broken, since when and why.';

create function _billing.health_of_jobs(at timestamptz)
returns setof _billing.health_row
language sql stable set search_path = pg_catalog, pg_temp as $$
  with job as (
    select j.name, j.last_outcome, j.last_started_at, j.warning from billing.read_jobs(at) j
  ), by_job(part, name) as (
    values ('rollup', 'billing-rollup'), ('runs', 'billing-monthly-run'),
      ('deliveries', 'billing-deliver'), ('webhooks', 'billing-stripe-events'),
      ('reconcile', 'billing-reconcile'), ('reconcile', 'billing-stripe-reconcile'),
      ('quarantine', 'billing-quarantine'), ('invariants', 'billing-invariants')
  ), part_of_job as (
    select b.part, b.name from by_job b
    union all
    select 'jobs', j.name from job j where not exists (
      select from by_job b where b.name = j.name)
  )
  select b.part, case when j.name is null
        or j.warning ~ 'failed|not scheduled|switched off|the last call' then 'broken'
      when j.warning is not null then 'late' else 'fine' end, j.last_started_at, coalesce(
      case when b.part = 'jobs' then b.name || ': ' else '' end || j.warning,
      'job ' || b.name || coalesce(', last ' || j.last_outcome, ', not run yet'))
  from part_of_job b left join job j using (name)
  union all
  select u.part, 'late', u.since, u.message from _billing.unfinished_work(at) u;
$$;
comment on function _billing.health_of_jobs is
  'Each job, and the work that jobs have not finished.';

create function _billing.health_of_runs()
returns setof _billing.health_row
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'runs', 'broken', min(p.updated_at), format('%s periods are blocked: %s', count(*),
    string_agg(distinct p.reason, ', '))
  from public.billing_periods p where p.state = 'blocked' having count(*) > 0
  union all
  select 'runs', 'late', min(h.held_at), format('%s drafts are held until they are released: %s',
    count(*), _billing.first_few(array_agg(format('%s, %s', h.client, h.message)
      order by h.client, h.period_start), 10, '; '))
  from billing.held_invoices h having count(*) > 0
  union all
  select 'runs', 'late', min(v.voided_at), format('%s voided periods wait to be regenerated: %s',
    count(*), string_agg(v.number, ', ' order by v.number))
  from _billing.voided_periods() v having count(*) > 0;
$$;
comment on function _billing.health_of_runs is 'Periods and drafts that wait for somebody.';

create function _billing.health_of_queues(at timestamptz)
returns setof _billing.health_row
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'deliveries', case when bool_or(d.state = 'dead') then 'broken' else 'late' end,
    min(d.since), format('%s gave up, %s wait for an hour or longer',
      count(*) filter (where d.state = 'dead'), count(*) filter (where d.state <> 'dead'))
  from (
    select x.state, x.finished_at as since from public.deliveries x where x.state = 'dead'
    union all
    select x.state, x.due_at from public.deliveries x
    where x.state in ('queued', 'running') and x.created_at < at - interval '1 hour'
  ) d
  having count(*) > 0
  union all
  -- Of the last five weeks, so that each month is seen; notices of operators are told otherwise.
  select 'deliveries', 'late', min(d.finished_at),
    format('%s were skipped: %s', count(*), string_agg(distinct d.last_error, '; '))
  from public.deliveries d
  where d.state = 'skipped' and d.details ? 'channel_off' and d.event <> 'notice'
    and d.finished_at > at - interval '35 days'
  having count(*) > 0
  union all
  select 'webhooks', case when bool_or(e.state = 'failed') then 'broken' else 'late' end,
    min(e.received_at), format('%s Stripe events failed, %s wait for an hour or longer',
      count(*) filter (where e.state = 'failed'), count(*) filter (where e.state = 'pending'))
  from (
    select x.state, x.received_at from billing.stripe_events x where x.state = 'failed'
    union all
    select x.state, x.received_at from billing.stripe_events x
    where x.state = 'pending' and x.received_at < at - interval '1 hour'
  ) e
  having count(*) > 0;
$$;
comment on function _billing.health_of_queues is
  'Deliveries and Stripe events that wait or failed.';

-- Usage that differed has been repaired; a person decides where Stripe and the books differ.
create function _billing.health_of_notices(at timestamptz)
returns setof _billing.health_row
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'reconcile', case when bool_or(d.dedupe_key like 'stripe:%') then 'broken' else 'late'
      end, max(d.created_at), string_agg(distinct d.payload ->> 'message', '; ')
  from public.deliveries d
  where d.kind = 'hermes' and d.event = 'notice' and d.created_at > at - interval '25 hours'
    and (d.dedupe_key like 'reconcile:%' or d.dedupe_key like 'stripe:reconcile/%')
  having count(*) > 0
  union all
  select 'reconcile', 'late', p.since, p.problem from _billing.source_problems(at) p
  union all
  select 'invariants', 'broken', max(d.created_at), 'violations were told: see '
    || 'billing.check_invariants()'
  from public.deliveries d
  where d.dedupe_key like 'invariants:%' and d.event = 'notice'
    and d.created_at > at - interval '25 hours'
  having count(*) > 0;
$$;
comment on function _billing.health_of_notices is
  'Differences and violations that operators have been told of since yesterday.';

-- Broken: a monthly run has gone by without it.
create function _billing.health_of_quarantine(at timestamptz)
returns setof _billing.health_row
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'quarantine', case when q.rows = 0 then 'fine'
      when q.oldest < at - interval '40 days' then 'broken' else 'late' end, q.oldest,
    case when q.rows > 0 then q.reasons else 'empty' end
  from (
    select coalesce(sum(s.rows), 0) as rows,
      string_agg(format('%s %s', s.rows, s.reason), ', ' order by s.reason) as reasons,
      min(s.oldest) as oldest
    from (
      -- A row of no time that there is does not say since when.
      select l.reason, count(*) as rows,
        case when l.reason <> 'invalid_timestamp' then min(l.occurred_at) end as oldest
      from billing.quarantined_logs l where not l.dismissed group by l.reason
      union all
      select c.reason, c.rows, null from billing.quarantine_counts c
    ) s
  ) q;
$$;
comment on function _billing.health_of_quarantine is 'What waits in quarantine, by reason.';

create function billing.read_health(at timestamptz default clock_timestamp())
returns table (part text, state text, since timestamptz, detail text)
language sql stable security definer set search_path = pg_catalog, pg_temp set jit = off as $$
-- Definer: jobs and queues are more than callers may read; only counts and times come out.
-- Asked each minute by monitors: reads what waits, never what has been.
  with judged as (
    select * from _billing.health_of_jobs(at)
    union all
    select * from _billing.health_of_runs()
    union all
    select * from _billing.health_of_queues(at)
    union all
    select * from _billing.health_of_notices(at)
    union all
    select * from _billing.health_of_quarantine(at)
  )
  select j.part, (array['broken', 'late', 'fine'])[w.worst],
    min(j.since) filter (where array_position('{broken,late,fine}', j.state) = w.worst),
    string_agg(j.detail, '; ' order by array_position('{broken,late,fine}', j.state), j.detail)
      filter (where j.state <> 'fine' or w.worst = 3)
  from judged j
  join (select x.part, min(array_position('{broken,late,fine}', x.state)) as worst
    from judged x group by x.part) w using (part)
  group by j.part, w.worst
  order by array_position(
    '{rollup,runs,deliveries,webhooks,reconcile,quarantine,invariants,jobs}', j.part);
$$;
comment on function billing.read_health is 'What billing.health shows.';
grant execute on function billing.read_health(timestamptz) to service_role;

create view billing.health with (security_invoker = true) as
select * from billing.read_health();
comment on view billing.health is
  'Rollup, runs, deliveries, webhooks, reconcile, quarantine, invariants and the other jobs: each
   fine, late or broken, since when, and why.';
revoke all on billing.health from public;
grant select on billing.health to service_role;

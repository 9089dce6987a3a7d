-- Runs: every client's periods that are over become invoices, in batches of clients. Idempotent:
-- what is done is not done again, what was killed has not happened, two callers share the work.
create table billing.monthly_runs (
  id bigint generated always as identity primary key,
  as_of timestamptz not null,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  actor text not null,
  healed bigint not null default 0,
  healed_until date,
  summary jsonb,
  constraint monthly_runs_summary_once_finished check (
    (finished_at is null) = (summary is null))
);
comment on table billing.monthly_runs is
  'Each run: what it did once it is finished. One is open at a time; whoever runs joins it.';
create unique index monthly_runs_one_open on billing.monthly_runs ((true))
  where finished_at is null;

create table billing.run_clients (
  run_id bigint not null references billing.monthly_runs (id) on delete cascade,
  client_id uuid not null references public.clients (id) on delete cascade,
  place integer not null,
  state text not null default 'waiting'
    constraint run_clients_state_known check (state in ('waiting', 'failed')),
  message text,
  primary key (run_id, client_id),
  constraint run_clients_failed_says_why check ((state = 'failed') = (message is not null))
);
comment on table billing.run_clients is
  'Clients that a run has not settled yet, in the order of its invoices; those that it could not.';
create index run_clients_waiting on billing.run_clients (run_id, place) where state = 'waiting';
create index run_clients_client_id on billing.run_clients (client_id);

create table billing.run_batches (
  id bigint generated always as identity primary key,
  run_id bigint not null references billing.monthly_runs (id) on delete cascade,
  clients integer not null,
  invoices integer not null,
  totals jsonb not null,
  credit_notes bigint not null,
  skipped integer not null,
  blocked jsonb not null,
  finished_at timestamptz not null default clock_timestamp()
);
comment on table billing.run_batches is 'What each batch of a run did, until the run is finished.';
create index run_batches_run_id on billing.run_batches (run_id);

alter table billing.monthly_runs enable row level security;
alter table billing.run_clients enable row level security;
alter table billing.run_batches enable row level security;
revoke all on billing.monthly_runs, billing.run_clients, billing.run_batches from public;
grant select on billing.monthly_runs, billing.run_clients, billing.run_batches to service_role;

-- Joins the run that is open, or opens one: counts what has arrived, opens the periods that are
-- over and lists the clients that have something to settle. Short, so that it can be committed
-- before the first batch: a rollup knows the new periods only then.
create function billing.begin_run(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer set search_path = '' set jit = off as $$
-- Definer: callers may start a run, only its functions may write the books.
declare
  run bigint;
begin
  if as_of > now() + interval '2 years' then
    perform billing.raise_error('invalid_argument',
      format('as_of %s is years ahead; all periods until then would be invoiced', as_of),
      'check the year');
  end if;
  insert into billing.monthly_runs (as_of, actor) values (as_of, billing.actor())
  on conflict ((true)) where finished_at is null do nothing
  returning id into run;
  if run is null then
    select r.id into run from billing.monthly_runs r where r.finished_at is null;
    return run;
  end if;
  perform set_config('billing.as_of', as_of::text, true);
  perform billing.hold_usage();
  perform billing.open_periods(as_of);
  insert into billing.run_clients (run_id, client_id, place)
  select run, c.id, row_number() over (order by c.name, c.id)
  from public.clients c
  where c.id in (select t.client_id from billing.run_targets() t);
  return run;
end $$;
comment on function billing.begin_run is
  'Opens a run, or joins the one that is open; returns its id.';

-- Settles up to so many clients of an open run that nobody else holds. Returns how many; 0 where
-- all are settled, or held by other sessions at this moment.
create function billing.settle_batch(run_id bigint, batch_size integer default 100)
returns integer language plpgsql security definer
set search_path = '' set jit = off set work_mem = '64MB' set lock_timeout = '5s' as $$
-- Definer: as above.
declare
  at constant timestamptz := (select r.as_of from billing.monthly_runs r where r.id = run_id);
  batch uuid[];
  client uuid;
begin
  select array_agg(x.client_id) into batch from (
    select c.client_id from billing.run_clients c
    join billing.settlement_locks l on l.client_id = c.client_id
    where c.run_id = settle_batch.run_id and c.state = 'waiting'
    order by c.place limit batch_size for update skip locked) x;
  if batch is null then
    return 0;
  end if;
  perform set_config('billing.as_of', at::text, true);
  -- Clients are taken without waiting, so a batch may follow another in one transaction.
  perform set_config('billing.lock_level', '1', true);
  if not billing.try_settling(run_id, batch, at) then
    foreach client in array batch loop
      perform billing.settle_alone(run_id, client, at);
    end loop;
  end if;
  return cardinality(batch);
end $$;
comment on function billing.settle_batch is
  'Settles free clients of a run; returns how many, 0 where none is left or none is free.';

-- Closes the periods of these clients, which the caller has locked. False where something fails:
-- then one client's data does, which must not stop the others. What the server interrupts is nobody's
-- fault, and is raised.
create function billing.try_settling(run_id bigint, client_ids uuid[], as_of timestamptz)
returns boolean language plpgsql set search_path = '' as $$
begin
  perform billing.settle_clients(run_id, client_ids, as_of);
  return true;
exception
  when deadlock_detected or serialization_failure or operator_intervention
    or insufficient_resources then
    raise;
  when others then
    return false;
end $$;

create function billing.settle_clients(run_id bigint, client_ids uuid[], as_of timestamptz)
returns void language plpgsql set search_path = '' as $$
declare
  targets record;
  made billing.closing;
begin
  select * into targets from billing.targets_of_run(client_ids);
  made := billing.close_periods(targets.due, targets.late, as_of, 'past_grace');
  insert into billing.run_batches (run_id, clients, invoices, totals, credit_notes, skipped,
    blocked)
  select settle_clients.run_id, cardinality(client_ids), cardinality(made.issued),
    (select coalesce(jsonb_object_agg(x.currency, x.total_minor), '{}') from (
      select i.currency, sum(i.total_minor) as total_minor from public.invoices i
      where i.id = any (made.issued) group by i.currency) x),
    made.credit_notes,
    (select count(*) from unnest(targets.due) t join public.billing_periods p
      using (client_id, period_start) where p.state = 'skipped'),
    (select coalesce(jsonb_agg(to_jsonb(b)), '[]') from unnest(made.blocked) b
      where b.reason <> 'negative_total' and (b.client_id, b.period_start) in (
        select l.client_id, l.period_start from unnest(targets.late) l));
  delete from billing.run_clients c
  where c.run_id = settle_clients.run_id and c.client_id = any (client_ids);
end $$;

-- A client whose batch failed, by itself: settled, or blocked with what went wrong. One of whom
-- another session holds a row (an editor that is open) is left to the next run.
create function billing.settle_alone(run_id bigint, client_id uuid, as_of timestamptz)
returns void language plpgsql set search_path = '' as $$
declare
  problem text;
  is_held boolean := false;
begin
  begin
    perform billing.settle_clients(run_id, array[client_id], as_of);
    return;
  exception
    when deadlock_detected or serialization_failure or operator_intervention
      or insufficient_resources then
      raise;
    when lock_not_available then
      problem := 'another session held the client; the next run settles it';
      is_held := true;
    when others then
      get stacked diagnostics problem = message_text;
  end;
  update billing.run_clients c set state = 'failed', message = problem
  where c.run_id = settle_alone.run_id and c.client_id = settle_alone.client_id;
  update public.billing_periods p
  set state = 'blocked', reason = 'internal_error', updated_at = as_of,
    message = format('closing the period failed: %s', problem)
  where not is_held and p.client_id = settle_alone.client_id
    and p.state in ('pending', 'blocked');
end $$;

-- Closes a run with its summary. Clients that other sessions held all the while are left to the
-- next run. Returns the summary, also where the run is finished already.
create function billing.finish_run(run_id bigint)
returns jsonb language plpgsql security definer set search_path = '' set jit = off as $$
-- Definer: as above.
declare
  run billing.monthly_runs;
begin
  select * into run from billing.monthly_runs r where r.id = run_id for update;
  if run.finished_at is not null then
    return run.summary;
  end if;
  update billing.run_clients c set state = 'failed',
    message = 'another session held the client; the next run settles it'
  where c.run_id = run.id and c.state = 'waiting';
  run.summary := billing.summarize_run(run);
  update billing.monthly_runs r set finished_at = clock_timestamp(), summary = run.summary
  where r.id = run.id;
  delete from billing.run_batches b where b.run_id = run.id;
  return run.summary;
end $$;
comment on function billing.finish_run is 'Ends a run; returns its summary.';

-- The first hundred are listed, all are counted: a summary is read whole.
create function billing.summarize_run(run billing.monthly_runs)
returns jsonb language sql stable set search_path = '' as $$
  with batches as materialized (
    select * from billing.run_batches b where b.run_id = run.id
  ), blocked as materialized (
    select c.name, b.*,
      row_number() over (order by c.name, b.period_start, b.reason, b.message) as place
    from (
      select p.client_id, p.period_start, p.reason, p.message
      from public.billing_periods p where p.state = 'blocked'
      union all
      select l.client_id, l.period_start, l.reason, l.message
      from batches r
      cross join lateral jsonb_populate_recordset(null::billing.blocked_target, r.blocked) l
    ) b join public.clients c on c.id = b.client_id
  ), failed as materialized (
    select c.name, f.*, row_number() over (order by c.name, f.client_id) as rank
    from billing.run_clients f join public.clients c on c.id = f.client_id
    where f.run_id = run.id and f.state = 'failed'
  )
  select jsonb_build_object(
    'as_of', run.as_of,
    'invoices', (select coalesce(sum(b.invoices), 0) from batches b),
    'totals', (select coalesce(jsonb_object_agg(x.currency, x.total_minor), '{}') from (
      select t.key as currency, sum(t.value::numeric) as total_minor
      from batches b cross join lateral jsonb_each_text(b.totals) t group by t.key) x),
    'drafts', (select count(*) from public.invoices i where i.status = 'draft'),
    'skipped', (select coalesce(sum(b.skipped), 0) from batches b),
    'credit_notes', (select coalesce(sum(b.credit_notes), 0) from batches b),
    'discrepancies_healed', run.healed,
    'blocked', (select coalesce(jsonb_agg(jsonb_build_object('client', b.name,
        'client_id', b.client_id, 'period_start', b.period_start, 'reason', b.reason,
        'message', b.message) order by b.place), '[]') from blocked b where b.place <= 100),
    'blocked_count', (select count(*) from blocked),
    'failed', (select coalesce(jsonb_agg(jsonb_build_object('client', f.name,
        'client_id', f.client_id, 'message', f.message) order by f.rank), '[]')
      from failed f where f.rank <= 100),
    'failed_count', (select count(*) from failed),
    'voided', (select coalesce(jsonb_agg(jsonb_build_object('client', v.name,
        'client_id', v.client_id, 'period_start', v.period_start, 'invoice', v.number)
        order by v.place), '[]')
      from (
        select c.name, p.*, row_number() over (order by c.name, p.period_start) as place
        from billing.voided_periods() p join public.clients c on c.id = p.client_id
      ) v where v.place <= 100),
    'quarantined', (select coalesce(jsonb_agg(jsonb_build_object('reason', q.reason,
      'rows', q.rows)), '[]') from billing.quarantine_summary() q));
$$;
comment on function billing.summarize_run is 'What a run did, from its batches.';

-- All of a run in one transaction: for the SQL editor and for tests. Payments and previews of a
-- client wait from the moment it is settled until the end; close_month lets go batch by batch.
create function billing.run_monthly(as_of timestamptz default now())
returns jsonb language plpgsql security definer
set search_path = '' set jit = off set lock_timeout = '30s' as $$
-- Definer: as above.
declare
  run bigint;
  run_as_of timestamptz;
  summary jsonb;
  tries integer;
begin
  -- Usage stands still for the whole transaction: batches of one transaction must not wait for a
  -- rollup that waits for an earlier one of them.
  perform billing.hold_usage();
  loop
    run := billing.begin_run(as_of);
    perform billing.heal_run(run);
    tries := 0;
    loop
      if billing.settle_batch(run) = 0 then
        -- Others hold what is left: a payment, a draft that is being finalized.
        exit when tries = 50 or not exists (
          select from billing.run_clients c where c.run_id = run and c.state = 'waiting');
        tries := tries + 1;
        perform pg_sleep(0.1);
      end if;
    end loop;
    select r.as_of into run_as_of from billing.monthly_runs r where r.id = run;
    summary := billing.finish_run(run);
    -- One that was open already, of an earlier time, is finished first.
    exit when run_as_of >= as_of;
  end loop;
  return summary;
end $$;
comment on function billing.run_monthly is
  'Invoices every period that is over at as_of, in one transaction; idempotent. Returns the summary
   of the run. Large ones run by call billing.close_month().';

-- The same, committed batch by batch, for as long as `budget` allows; the next call goes on. With
-- `start_new` false it only goes on with a run that is open. A procedure that commits can neither be a
-- definer nor set a timeout: it is the owner's, and ends before the owner's statements must.
create procedure billing.close_month(start_new boolean default true,
  budget interval default '90 seconds')
language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + budget;
  run bigint;
  settled integer;
begin
  select r.id into run from billing.monthly_runs r where r.finished_at is null;
  if run is null then
    if not start_new then
      return;
    end if;
    run := billing.begin_run();
    commit;
  end if;
  loop
    exit when not billing.heal_step(run);
    commit;
    if clock_timestamp() > until then
      return;
    end if;
  end loop;
  loop
    settled := billing.settle_batch(run);
    commit;
    if settled = 0 then
      exit when not exists (
        select from billing.run_clients c where c.run_id = run and c.state = 'waiting');
      perform pg_sleep(0.1);
    end if;
    if clock_timestamp() > until then
      return;
    end if;
  end loop;
  perform billing.finish_run(run);
  commit;
end $$;
comment on procedure billing.close_month is
  'Runs the month, or goes on with the run that is open, committing batch by batch; returns when the
   budget is used up.';

revoke all on all functions in schema billing from public;
revoke all on all procedures in schema billing from public;
grant execute on function billing.run_monthly(timestamptz), billing.begin_run(timestamptz),
  billing.settle_batch(bigint, integer), billing.finish_run(bigint) to service_role;
grant execute on procedure billing.close_month(boolean, interval) to service_role;

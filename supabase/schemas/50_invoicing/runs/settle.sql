-- Settling the clients of a run, batch by batch; one that fails is settled alone.

create function _billing.settle_clients(run_id bigint, client_ids uuid[], as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  targets record;
  made _billing.closing;
begin
  select * into targets from _billing.targets_of_run(client_ids);
  made := _billing.close_periods(targets.due, targets.late, as_of, 'past_grace');
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

-- Closes the periods of these clients, which the caller has locked. False where something fails:
-- then one client's data does, which must not stop the others. An interruption
-- by the server is no client's fault, and is raised.
create function _billing.try_settling(run_id bigint, client_ids uuid[], as_of timestamptz)
returns boolean language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.settle_clients(run_id, client_ids, as_of);
  return true;
exception
  when deadlock_detected or serialization_failure or operator_intervention
    or insufficient_resources then
    raise;
  when others then
    return false;
end $$;

-- A client whose batch failed, by itself: settled, or blocked with what went wrong. One of whom
-- another session holds a row (an editor that is open) is left to the next run.
create function _billing.settle_alone(run_id bigint, client_id uuid, as_of timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  problem text;
  is_held boolean := false;
begin
  begin
    perform _billing.settle_clients(run_id, array[client_id], as_of);
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

-- Settles up to so many clients of an open run that nobody else holds. Returns how many; 0 where
-- all are settled, or held by other sessions at this moment.
create function billing.settle_batch(run_id bigint, batch_size integer default 50)
returns integer language plpgsql security definer
set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off set work_mem = '64MB'
set lock_timeout = '5s' as $$
-- Definer: as above. No scans of whole tables: plans made while the first batch finds tables empty
-- stay for the session, also those of foreign keys, and each batch would cost more than the last.
declare
  at constant timestamptz := (select r.as_of from billing.monthly_runs r where r.id = run_id);
  batch uuid[];
  client uuid;
begin
  select array_agg(x.client_id) into batch from (
    select c.client_id from billing.run_clients c
    join _billing.settlement_locks l on l.client_id = c.client_id
    where c.run_id = settle_batch.run_id and c.state = 'waiting'
    order by c.place limit batch_size for update skip locked) x;
  if batch is null then
    return 0;
  end if;
  perform set_config('billing.as_of', at::text, true);
  -- Clients are taken without waiting, so a batch may follow another in one transaction.
  perform set_config('billing.lock_level', '1', true);
  if not _billing.try_settling(run_id, batch, at) then
    foreach client in array batch loop
      perform _billing.settle_alone(run_id, client, at);
    end loop;
  end if;
  return cardinality(batch);
end $$;
comment on function billing.settle_batch is
  'Settles free clients of a run; returns how many, 0 where none is left or none is free.';
grant execute on function billing.settle_batch(bigint, integer) to service_role;

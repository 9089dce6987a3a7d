-- A watermark before `upto`, about so many rows after `since`: only transactions up to the one that
-- stored the last of these rows pass for counted, so the next step goes on with the others. Rows of
-- one transaction stay together. `upto` itself where fewer rows wait.
create function _billing.watermark_after(since billing.usage_watermark,
  upto billing.usage_watermark, most_rows bigint)
returns billing.usage_watermark language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  cut xid8;
begin
  select l.stored_by into cut from public.agent_usage_logs l
  where l.stored_by >= pg_snapshot_xmin(since.snapshot)
    and not _billing.is_counted(
      l.stored_by, l.seq, since.snapshot, since.own_transaction, since.own_seq)
  order by l.stored_by offset most_rows limit 1;
  if cut is null then
    return upto;
  end if;
  -- What was counted stays counted: the cut lies beyond all that `since` could see.
  cut := greatest((cut::text::numeric + 1)::text::xid8, pg_snapshot_xmax(since.snapshot));
  if cut >= pg_snapshot_xmax(upto.snapshot) or cut > upto.own_transaction then
    return upto;
  end if;
  upto.snapshot := (select format('%s:%s:%s', least(cut, pg_snapshot_xmin(upto.snapshot)), cut,
      string_agg(x.xid::text, ',' order by x.xid))::pg_snapshot
    from pg_snapshot_xip(upto.snapshot) x(xid) where x.xid < cut);
  upto.own_seq := 0;
  if cut <= since.own_transaction then
    -- Its rows pass for counted by their number still.
    upto.own_transaction := since.own_transaction;
    upto.own_seq := since.own_seq;
  end if;
  return upto;
end $$;
comment on function _billing.watermark_after is
  'A watermark about so many rows after another.';

-- The rollup: adds each log row to usage_records exactly once, whatever commits in whatever order.
--
-- A row is new when the watermark's snapshot could not see the transaction that stored it. That is
-- exact for transactions that were in flight during the last rollup, needs no lock on the log, and
-- a transaction that stays open delays nobody's rows but its own.

-- True while there is anything for a rollup to do. Reads the watermark and what is beyond it in one
-- snapshot, without a lock: an idle rollup writes nothing and waits for nobody.
create function _billing.rollup_is_due()
returns boolean language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  since billing.usage_watermark;
begin
  select * into since from billing.usage_watermark;
  return not _billing.watermark_is_here(since)
    or exists (select from billing.rebuild_requests r where not r.in_steps)
    -- In the index's order: a plan for many such rows would read the whole table.
    or (select true from public.agent_usage_logs l
      where l.stored_by >= pg_snapshot_xmin(since.snapshot) and not _billing.is_counted(
        l.stored_by, l.seq, since.snapshot, since.own_transaction, since.own_seq)
      order by l.stored_by limit 1) is true;
end $$;
comment on function _billing.rollup_is_due is
  'Whether there is something for _billing.rollup to do; takes no lock.';

-- Counts what has arrived since the last rollup, all or about so many rows. One runs at a time (row
-- lock on the watermark); killed at any point it has done nothing. Returns the number of log rows
-- counted.
create function _billing.rollup_step(most_rows bigint default null)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp set jit = off as $$
declare
  since billing.usage_watermark;
  upto billing.usage_watermark;
  counted bigint;
  nobody text[];
  -- At most as many keys of usage in a client's day; null once what is beyond has been held.
  most integer := (select s.max_usage_keys_per_day from public.billing_settings s);
  crowded _billing.crowded_day[];
begin
  if not _billing.rollup_is_due() then
    return 0;
  end if;
  select * into since from billing.usage_watermark for update;
  if not _billing.watermark_is_here(since) then
    return _billing.recount_all();
  end if;
  upto := _billing.watermark_now(since);
  if most_rows is not null then
    upto := _billing.watermark_after(since, upto, most_rows);
  end if;
  loop
    with new_usage as materialized (
      select * from _billing.sum_logs(since, upto)
    ), busy as materialized (
      select d.client_id, d.usage_day, k.keys
      from (select n.client_id, n.usage_day, count(*) as keys from new_usage n
        where n.client_id is not null group by n.client_id, n.usage_day) d
      cross join lateral (select count(*) as keys from public.usage_records r
        where r.client_id = d.client_id and r.usage_day = d.usage_day) k
      where d.keys + k.keys > most
    ), crowded_days as materialized (
      select b.client_id, b.usage_day, greatest(most - b.keys, 0) as room
      from busy b join new_usage n on n.client_id = b.client_id and n.usage_day = b.usage_day
      where not exists (select from public.usage_records r
        where (r.client_id, r.usage_day, r.model, r.metric, r.rate_class, r.agent)
          = (n.client_id, n.usage_day, n.model, n.metric, n.rate_class, n.agent))
      group by b.client_id, b.usage_day, b.keys having b.keys + count(*) > most
    ), merged as (
      insert into public.usage_records as r
        (client_id, usage_day, model, metric, rate_class, agent, quantity, provider_cost, log_count)
      select n.client_id, n.usage_day, n.model, n.metric, n.rate_class, n.agent,
        n.quantity, n.provider_cost, n.log_count
      from new_usage n where n.client_id is not null and not exists (select from crowded_days)
      on conflict (client_id, usage_day, model, metric, rate_class, agent) do update set
        quantity = r.quantity + excluded.quantity,
        provider_cost = r.provider_cost + excluded.provider_cost,
        log_count = r.log_count + excluded.log_count
      returning r.client_id, r.usage_day
    ), noted as (
      insert into _billing.usage_changes (client_id, month)
      select distinct m.client_id, date_trunc('month', m.usage_day)::date from merged m
    ), affected as materialized (
      -- In the order in which lock_periods takes them. A period that is being rated is waited for.
      select p.client_id, p.period_start
      from (select distinct client_id, usage_day from merged) m
      join public.billing_periods p on p.client_id = m.client_id
        and p.period_start <= m.usage_day and m.usage_day < p.period_end
      order by p.client_id, p.period_start for update of p
    ), touched as (
      update public.billing_periods p set usage_version = p.usage_version + 1
      from (select distinct client_id, period_start from affected) a
      where p.client_id = a.client_id and p.period_start = a.period_start
    )
    select coalesce(sum(log_count) filter (where metric = 'requests'), 0),
      array_agg(distinct agent) filter (where client_id is null),
      (select array_agg((d.client_id, d.usage_day, d.room)::_billing.crowded_day)
        from crowded_days d)
    into counted, nobody, crowded from new_usage;
    exit when crowded is null;
    -- Nothing is merged yet: what does not fit is held, the rest summed again.
    perform _billing.hold_logs(since, upto, crowded);
    most := null;
  end loop;
  if nobody is not null then
    perform _billing.quarantine_logs(since, upto, agents => nobody);
  end if;
  if counted > 0 then
    update billing.usage_watermark w
    set snapshot = upto.snapshot, own_transaction = upto.own_transaction,
      own_seq = upto.own_seq, moved_at = now();
  end if;
  perform _billing.serve_rebuild_requests();
  return counted;
end $$;
comment on function _billing.rollup_step is
  'Adds new log rows to usage_records, about so many of them; returns how many.';

create function _billing.rollup()
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  select _billing.rollup_step();
$$;
comment on function _billing.rollup is
  'Adds all new log rows to usage_records, each exactly once; returns how many.';

-- The rollup of each minute: a long absence is caught up with in steps, each committed.
create procedure _billing.rollup_in_steps(budget interval default '90 seconds',
  most_rows bigint default 500000)
language plpgsql as $$
declare
  until constant timestamptz := clock_timestamp() + budget;
  counted bigint;
begin
  loop
    counted := _billing.rollup_step(most_rows);
    commit;
    exit when counted < most_rows or clock_timestamp() > until;
  end loop;
end $$;
comment on procedure _billing.rollup_in_steps is
  'Adds new log rows to usage_records, committed step by step, until the budget is used up.';

-- Counts what has arrived and keeps every other rollup, rebuild and retention out until the
-- transaction ends: what opens periods begins with this. An idle rollup takes no lock, so this
-- takes
-- it first.
create function _billing.hold_usage()
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform from billing.usage_watermark for update;
  return _billing.rollup();
end $$;
comment on function _billing.hold_usage is
  'Counts what has arrived and keeps usage as it is until the transaction ends.';

-- Counts what has arrived unless another session is counting: then that one does. For previews,
-- which wait for nobody.
create function _billing.rollup_if_free()
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform from billing.usage_watermark for update skip locked;
  return case when found then _billing.rollup() end;
end $$;
comment on function _billing.rollup_if_free is
  'A rollup, or null where another session is counting at this moment.';

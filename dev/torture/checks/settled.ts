/** What must be true of clients, runs and rebuilds besides the amounts. */
import type { Sql } from "postgres";
import type { Violation } from "../history.ts";
import type { ServiceBook } from "../service.ts";

/** Nobody is held back, and in no run did one client's data fail. */
export async function checkBlocked(sql: Sql): Promise<Violation[]> {
  const rows = await sql<{ name: string; detail: string }[]>`
    select c.name, format('the period of %s is %s: %s, %s', p.period_start, p.state, p.reason,
      p.message) as detail
    from public.billing_periods p join public.clients c on c.id = p.client_id
    where p.state in ('pending', 'blocked', 'voided')
    union all
    select f ->> 'client', format('the run as of %s failed for it: %s', r.as_of, f ->> 'message')
    from billing.monthly_runs r cross join lateral jsonb_array_elements(r.summary -> 'failed') f
    where f ->> 'message' not like 'another session held%'`;
  return rows.map(({ name, detail }) => ({ check: "blocked", about: [`client ${name}`], detail }));
}

/** Clients that leave and come back are served on the days on which they should be. */
export async function checkService(sql: Sql, book: ServiceBook): Promise<Violation[]> {
  const rows = await sql<{ id: string; name: string; days: string }[]>`
    select c.id, c.name, string_agg(s.starts_on || ' to ' || s.ends_on, ', '
      order by s.starts_on) as days
    from public.clients c join public.service_intervals s on s.client_id = c.id group by c.id`;
  return rows.flatMap(({ id, name, days }) => {
    const expected = book.expected().get(id)
      ?.map(({ starts_on, ends_on }) => `${starts_on} to ${ends_on}`).join(", ");
    if (expected === undefined || expected === days) return [];
    const detail = `${name} is served ${days}; it should be ${expected}`;
    return [{ check: "service", about: [`client ${name}`], detail }];
  });
}

/**
 * Notes what is rebuilt for everybody within a rollup, with the log rows that there were. A recount
 * asks for it; a request that comes while a rollup takes the little ones is taken with them, and
 * handed on as a job.
 */
export async function watchRebuilds(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create table torture.excused (by xid8 not null);
    create table torture.rebuilds (logs bigint not null, at timestamptz not null default now(),
      by xid8 not null default pg_current_xact_id());
    create function torture.excuse() returns trigger
    language plpgsql security definer as $$
    begin
      insert into torture.excused values (pg_current_xact_id());
      return null;
    end $$;
    create function torture.note_rebuild() returns trigger
    language plpgsql security definer as $$
    begin
      insert into torture.rebuilds (logs) select count(*) from public.agent_usage_logs;
      return null;
    end $$;
    create trigger torture_recount after update on billing.usage_watermark for each row
      when (old.system_identifier is distinct from new.system_identifier)
      execute function torture.excuse();
    create trigger torture_job after insert on billing.rebuild_requests for each row
      when (new.in_steps and not new.compares) execute function torture.excuse();
    create trigger torture_rebuild after delete on billing.rebuild_requests for each row
      when (not old.in_steps and old.agents is null and old.claims is null and old.models is null
        and old.from_day = '-infinity' and old.until_day = 'infinity')
      execute function torture.note_rebuild();`).simple();
}

/** No rollup did by itself what is the work of a job. */
export async function checkRebuilds(sql: Sql, rebuiltAtOnce: number): Promise<Violation[]> {
  const rows = await sql<{ logs: string }[]>`
    select logs::text from torture.rebuilds r where logs > ${3 * rebuiltAtOnce}
      and not exists (select from torture.excused e where e.by = r.by) order by at limit 5`;
  return rows.map(({ logs }) => ({
    check: "rebuilds",
    about: ["attribution"],
    detail: `a rollup rebuilt ${logs} log rows by itself, ${rebuiltAtOnce} are little`,
  }));
}

import { join } from "node:path";
import { env } from "node:process";
import postgres, { type Sql } from "postgres";
import { apply } from "../../cli/adopt/adopt.ts";
import { readMigrations } from "../../cli/adopt/migrations.ts";
import { startGuard } from "../platform/guard.ts";
import { startPostgres } from "../platform/postgres.ts";
import { repositoryRoot } from "../platform/repository.ts";
import { buildEarlierSystem, startAgent } from "../test/support/earlier-system.ts";
import { duration, type Figure, timed, whole } from "./figure.ts";

const CLIENT = "c0000000-0000-4000-8000-000000000001";

/** `adopt`: moving in beside an agent that writes; `ADOPT_ROWS` says how large the log is. */
export async function measureAdopt(): Promise<Figure[]> {
  const rows = Number(env.ADOPT_ROWS ?? 10_000_000);
  const guard = startGuard();
  const sessions: Sql[] = [];
  const server = await startPostgres({ engine: "embedded", port: 0, durable: true, guard });
  const connect = () => {
    const session = postgres(server.databaseUrl, { max: 1, onnotice: () => {} });
    sessions.push(session);
    return session;
  };
  try {
    const sql = connect();
    await buildEarlierSystem(sql, rows);
    const agent = await startAgent(connect(), CLIENT);
    const all = await timed(async () =>
      await apply({
        cutOver: null,
        cutOvers: {},
        logsFrom: null,
        isLive: true,
        moveOtherLog: false,
      }, {
        sql: connect(),
        migrations: await readMigrations(join(repositoryRoot, "supabase", "migrations")),
        out: () => {},
      })
    );
    await agent.stop();
    const view = await timed(() => sql`select count(*) from public.agent_cost_summary`);
    const [copied] = await sql`select rows_taken::float8 as taken from billing_adoption.copied`;
    const inPlace = await timed(() => rewrite(sql));
    return [{
      key: "adopt",
      what: `the longest insert while a log of ${whole(rows)} rows is adopted`,
      floor: "columns added in place, which holds every insert until the table is rewritten",
      value: agent.slowest,
      unit: "ms",
      target: { atMost: 1000 },
      detail: `${whole(agent.accepted.length)} inserts; adopted in ${duration(all)}, ` +
        `${whole(Number(copied?.taken))} rows copied; in place ${duration(inPlace)}; ` +
        `agent_cost_summary over both ${duration(view)}`,
      also: [{ what: "no insert was refused", holds: agent.failures.length === 0 }],
    }];
  } finally {
    await Promise.all(sessions.map((session) => session.end({ timeout: 1 })));
    await server.stop();
    await guard.stop();
  }
}

/** The alternative: the two columns that our log has and the earlier one has not. */
async function rewrite(sql: Sql): Promise<void> {
  const rolledBack = new Error("rolled back");
  await sql.begin(async (tx) => {
    await tx`alter table billing_before.agent_usage_logs
      add column seq bigint generated always as identity,
      add column stored_by xid8 generated always as (billing.storing_transaction()) stored`;
    throw rolledBack;
  }).catch((error: unknown) => {
    if (error !== rolledBack) throw error;
  });
}

import { join } from "node:path";
import { env } from "node:process";
import postgres, { type Sql } from "postgres";
import { type AdoptOptions, apply, undo } from "../../cli/adopt/adopt.ts";
import { readMigrations } from "../../cli/adopt/migrations.ts";
import type { BeforeCommit } from "../../cli/adopt/steps.ts";
import { startGuard } from "../platform/guard.ts";
import { startPostgres } from "../platform/postgres.ts";
import { repositoryRoot } from "../platform/repository.ts";
import { buildEarlierSystem, startAgent } from "../test/support/earlier-system.ts";
import { duration, type Figure, timed, whole } from "./figure.ts";

const PLAIN: AdoptOptions = {
  cutOver: null,
  cutOvers: {},
  logsFrom: null,
  isLive: true,
  moveOtherLog: false,
};
const tell = (line: string) => console.log(line.split("\n").slice(0, 3).join("\n"));
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
    const building = await timed(() => buildEarlierSystem(sql, rows));
    console.log(`${whole(rows)} logs of the earlier system: ${duration(building)}`);
    const migrations = await readMigrations(join(repositoryRoot, "supabase", "migrations"));
    const moved = await besideAgent(
      connect,
      (sql, beforeCommit) => apply(PLAIN, { sql, migrations, out: tell, beforeCommit }),
    );
    const view = await timed(() => sql`select count(*) from public.agent_cost_summary`);
    const [copied] = await sql`select rows_taken::float8 as taken from billing_adoption.copied`;
    const inPlace = await timed(() => rewrite(sql));
    const back = await besideAgent(
      connect,
      (sql, beforeCommit) => undo({ sql, migrations, out: tell, beforeCommit }),
    );
    return [
      {
        key: "adopt",
        what: `the longest insert while a log of ${whole(rows)} rows is adopted`,
        floor: "columns added in place, which holds every insert until the table is rewritten",
        value: moved.slowest,
        unit: "ms",
        target: { atMost: 1000 },
        detail: `${moved.detail}, ${whole(Number(copied?.taken))} rows copied; ` +
          `in place ${duration(inPlace)}; agent_cost_summary over both ${duration(view)}`,
        also: [{ what: "no insert was refused", holds: moved.refused === 0 }],
      },
      {
        key: "adopt",
        what: "the longest insert on the way back",
        floor: "none",
        value: back.slowest,
        unit: "ms",
        target: { atMost: 1000 },
        detail: back.detail,
        also: [{ what: "no insert was refused", holds: back.refused === 0 }],
      },
    ];
  } finally {
    await Promise.all(sessions.map((session) => session.end({ timeout: 1 })));
    await server.stop();
    await guard.stop();
  }
}

/** Runs some steps while an agent inserts; which step its longest insert fell into. */
async function besideAgent(
  connect: () => Sql,
  work: (sql: Sql, steps: BeforeCommit) => Promise<void>,
): Promise<{ slowest: number; refused: number; detail: string }> {
  const agent = await startAgent(connect(), CLIENT);
  const ended: { step: string; at: number }[] = [];
  const session = connect();
  const all = await timed(() =>
    work(session, (step) => {
      ended.push({ step, at: performance.now() });
      return Promise.resolve();
    })
  );
  // Adoption is claimed until its session ends.
  await session.end({ timeout: 1 });
  await agent.stop();
  // The insert is answered once the step that it waited for has committed.
  const last = ended.findLast(({ at }) => at <= agent.slowestAt)?.step ?? "the start";
  const next = ended.find(({ at }) => at > agent.slowestAt)?.step ?? "the end";
  return {
    slowest: agent.slowest,
    refused: agent.failures.length,
    detail: `${whole(agent.accepted.length)} inserts in ${duration(all)}; ` +
      `the longest was answered between "${last}" and "${next}"`,
  };
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

import postgres, { type Sql } from "postgres";
import { explainAll, type Statement, statementIn } from "../../../platform/auto-explain.ts";
import type { PlanNode } from "../../../platform/auto-explain.ts";

/** What a call costs, in numbers that a busy machine does not change. */
export interface Cost {
  /** Rows that the nodes of plans have handed on or thrown away, by the statement's text. */
  readonly rows: ReadonlyMap<string, number>;
  /** Blocks of tables and indexes that statements have touched, by the statement's text. */
  readonly blocks: ReadonlyMap<string, number>;
  /** Statements that JIT would compile. */
  readonly compiled: number;
  /** Blocks of hashes and sorts that were written to disk. */
  readonly spilled: number;
  /** Statements that were planned. */
  readonly planned: number;
}

/** A statement that costs more is compiled where JIT is on: PostgreSQL's jit_above_cost. */
const JIT_ABOVE_COST = 100_000;

/** A session of a superuser that is told of all plans. */
export interface Session {
  readonly sql: Sql;
  /** Runs `work` and says what it cost. */
  cost(work: () => Promise<unknown>): Promise<Cost>;
  readonly statements: readonly Statement[];
}

/**
 * Uses a session in which each statement is explained and none is compiled. Statistics of its
 * server stay as they are.
 */
export async function withSession<T>(
  url: string,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const superuser = new URL(url);
  superuser.username = "supabase_admin";
  const statements: Statement[] = [];
  let planned = 0;
  const sql = postgres(superuser.href, {
    max: 1,
    onnotice: ({ message }) => {
      if (message === "PLANNER STATISTICS") planned += 1;
      const statement = statementIn(message);
      if (statement !== null) statements.push(statement);
    },
  });
  try {
    await sql`
      select set_config(name, setting, false) from (values ('jit_above_cost', '-1'),
        ('billing.as_of', '2026-07-20 09:00+00'), ('log_planner_stats', 'on'),
        ('client_min_messages', 'log')) s(name, setting)`;
    await sql`alter system set autovacuum = off`;
    await sql`select pg_reload_conf()`;
    await explainAll(sql, true);
    return await use({
      sql,
      statements,
      cost: async (work) => {
        statements.length = 0;
        planned = 0;
        await work();
        return costOf(statements, planned);
      },
    });
  } finally {
    await sql.end();
  }
}

function costOf(statements: readonly Statement[], planned: number): Cost {
  const byText = (of: (plan: PlanNode) => number) =>
    new Map(
      [...Map.groupBy(statements, ({ text }) => text)].map(([text, all]) => [
        text,
        all.reduce((sum, { plan }) => sum + of(plan), 0),
      ]),
    );
  return {
    rows: byText(rowsOf),
    blocks: byText((plan) => (plan["Shared Hit Blocks"] ?? 0) + (plan["Shared Read Blocks"] ?? 0)),
    compiled:
      statements.filter(({ plan, settings }) =>
        plan["Total Cost"] > JIT_ABOVE_COST && settings["jit"] !== "off"
      ).length,
    spilled: statements.reduce((sum, { plan }) => sum + (plan["Temp Written Blocks"] ?? 0), 0),
    planned,
  };
}

function rowsOf(node: PlanNode): number {
  const rows = (node["Actual Rows"] ?? 0) + (node["Rows Removed by Filter"] ?? 0) +
    (node["Rows Removed by Join Filter"] ?? 0);
  return (node["Actual Loops"] ?? 0) * rows +
    (node.Plans ?? []).reduce((sum, below) => sum + rowsOf(below), 0);
}

/**
 * Whether a call costs half as much again without a pin, in what the pin's setting decides: a plan
 * that is kept saves planning, one for what is asked reads less.
 */
export function isWorse(setting: string, free: Cost, pinned: Cost): boolean {
  const grows = (what: "compiled" | "spilled") => free[what] > 1.5 * pinned[what];
  if (setting.startsWith("jit=")) return grows("compiled");
  if (setting.startsWith("work_mem=")) return grows("spilled");
  if (setting === "plan_cache_mode=force_generic_plan") return free.planned > pinned.planned;
  return (["rows", "blocks"] as const).some((what) =>
    [...free[what]].some(([text, now]) => {
      const before = pinned[what].get(text);
      // A few more are those that planning reads.
      return before !== undefined && now > 1.5 * before && now > before + 10;
    })
  );
}

/** A call that shows pins: SQL that comes before it, and the statement that is measured. */
export interface Call {
  readonly before?: string;
  readonly statement: string;
  /** The statement by itself does it so often that plans are kept, or long. */
  readonly once?: true;
}

/** Plans are told, or they are not: what comes before a call takes longer than the call. */
const TELL = (on: boolean) =>
  `set local auto_explain.log_min_duration = ${on ? 0 : -1};
   set local log_planner_stats = ${on ? "on" : "off"}`;

/**
 * The cost of a call after `altered` and after so many calls of the same, whose plans are kept; all
 * is taken back.
 */
export async function costOfCall(
  { sql, cost }: Session,
  call: Call,
  altered: string,
  calls: number,
): Promise<Cost> {
  const undo = new Error("taken back");
  const found: Cost[] = [];
  await sql.begin(async (tx) => {
    await tx.unsafe(TELL(false));
    // All is planned anew, and planning reads as well: with the pin as without it.
    await tx.unsafe("discard plans");
    if (altered !== "") await tx.unsafe(altered);
    if (call.before !== undefined) await tx.unsafe(call.before);
    await tx.unsafe("savepoint before");
    for (let done = 0; done < (call.once ? 0 : calls); done++) {
      await tx.unsafe(call.statement);
      await tx.unsafe("rollback to savepoint before");
    }
    await tx.unsafe(TELL(true));
    found.push(await cost(() => tx.unsafe(call.statement)));
    throw undo;
  }).catch((error: unknown) => {
    if (error !== undo) throw error;
  });
  const [only] = found;
  if (only === undefined) throw new Error("nothing was measured");
  return only;
}

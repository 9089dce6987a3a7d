import postgres from "postgres";
import { runPgtapFile } from "../test/runner/pgtap.ts";
import type { Scratch } from "./scratch.ts";

/** What a test file does on the schema as it is. */
export interface Reached {
  /** The functions that the server has counted calls of; those that it inlines are not there. */
  readonly called: ReadonlySet<string>;
  readonly isGreen: boolean;
}

/** Runs every file once and asks the server which functions were called meanwhile. */
export async function measureReach(
  scratch: Scratch,
  files: readonly string[],
  workers: number,
): Promise<Map<string, Reached>> {
  const reached = new Map<string, Reached>();
  const waiting = [...files];
  await Promise.all(Array.from({ length: workers }, () =>
    scratch.withTracked(async (url) => {
      for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
        const before = await callCounts(url);
        const { failures } = await runPgtapFile(url, file);
        const after = await callCounts(url);
        const called = [...after].filter(([name, calls]) => calls > (before.get(name) ?? 0));
        reached.set(file, {
          called: new Set(called.map(([name]) => name)),
          isGreen: failures.length === 0,
        });
      }
    })));
  return reached;
}

/** A session that has ended has told the server all that it called. */
async function callCounts(url: string): Promise<Map<string, number>> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const rows = await sql<{ name: string; calls: number }[]>`
      select funcname as name, sum(calls)::float8 as calls from pg_stat_user_functions
      group by funcname`;
    return new Map(rows.map(({ name, calls }) => [name, calls]));
  } finally {
    await sql.end();
  }
}

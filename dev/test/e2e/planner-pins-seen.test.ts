import { deepStrictEqual } from "node:assert/strict";
import postgres from "postgres";
import { withDatabaseCopies } from "../support/database-copies.ts";
import { CALLS } from "../support/pins/calls.ts";
import { costOfCall, isWorse, type Session, withSession } from "../support/pins/measure.ts";
import { SEEN } from "../support/pins/seen.ts";
import { makeWorld, STATE_NAMES, STATES } from "../support/pins/world.ts";
import { platform } from "../support/platform-env.ts";

/** Hashes of these worlds are small: 64 kB hold of them as 4 MB do of a month of a large one. */
const LITTLE_MEMORY = "set local work_mem = '64kB';";

/** Says of a pin without which its call costs no more; null where it costs half as much again. */
async function notWorse(
  session: Session,
  { name, setting, call }: (typeof SEEN)[number],
): Promise<string | null> {
  const found = CALLS[call];
  const [row] = await session.sql<{ signature: string }[]>`
    select ${name}::regproc::oid::regprocedure::text as signature`;
  if (found === undefined || row === undefined) return `${name}: ${call} is no call`;
  const before = setting.startsWith("work_mem=") ? LITTLE_MEMORY : "";
  // Plans that are kept are chosen after five that are not.
  const calls = setting.startsWith("plan_cache_mode=") ? 7 : 1;
  // What is altered is planned anew, and planning reads as well: both are.
  const costAfter = async (change: string) =>
    (await costOfCall(session, found, `${before} alter routine ${row.signature} ${change}`, calls))
      .cost;
  const pinned = await costAfter("set enable_tidscan = on");
  const free = await costAfter(`reset ${setting.slice(0, setting.indexOf("="))}`);
  return isWorse(setting, free, pinned) ? null : `${name} ${setting}: ${call} costs no more`;
}

Deno.test({
  name: "without its pin a function reads half as much again, or is planned, compiled or spilled",
  fn: () =>
    withDatabaseCopies(platform.engine, (copy) =>
      copy(async (url) => {
        const owner = postgres(url, { max: 1, onnotice: () => {} });
        await makeWorld(owner).finally(() => owner.end());
        const problems: string[] = [];
        for (const state of STATE_NAMES) {
          await withSession(url, async (session) => {
            await STATES[state](session.sql);
            for (const seen of SEEN.filter((one) => one.state === state)) {
              const problem = await notWorse(session, seen);
              if (problem !== null) problems.push(`${state}: ${problem}`);
            }
          });
        }
        deepStrictEqual(problems, []);
      })),
});

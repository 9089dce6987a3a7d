import { deepStrictEqual } from "node:assert/strict";
import postgres from "postgres";
import { withDatabaseCopies } from "../support/database-copies.ts";
import { CALLS } from "../support/pins/calls.ts";
import {
  type Cost,
  costOfCall,
  isWorse,
  type Session,
  withSession,
} from "../support/pins/measure.ts";
import { SEEN, type Seen } from "../support/pins/seen.ts";
import { makeWorld, STATE_NAMES, STATES } from "../support/pins/world.ts";
import { platform } from "../support/platform-env.ts";

/** Hashes of these worlds are small: 64 kB hold of them as 4 MB do of a month of a large one. */
const LITTLE_MEMORY = "set local work_mem = '64kB'";

/** What comes before a call that shows a pin of this setting, and how many of the same do. */
function howAsked(setting: string): { readonly before: string; readonly calls: number } {
  if (setting.startsWith("work_mem=")) return { before: LITTLE_MEMORY, calls: 1 };
  // Plans that are kept are chosen after five that are not.
  return { before: "", calls: setting.startsWith("plan_cache_mode=") ? 7 : 1 };
}

/** Pins without which a call costs no more; the call with all pins is asked once. */
async function notWorse(session: Session, pins: readonly Seen[]): Promise<string[]> {
  const problems: string[] = [];
  const withAll = new Map<string, Cost>();
  for (const { name, setting, call, state } of pins) {
    const found = CALLS[call];
    const [row] = await session.sql<{ signature: string }[]>`
      select ${name}::regproc::oid::regprocedure::text as signature`;
    if (found === undefined || row === undefined) {
      problems.push(`${name}: ${call} is no call`);
      continue;
    }
    const { before, calls } = howAsked(setting);
    const key = `${call}, ${before}, ${calls}`;
    const pinned = withAll.get(key) ?? await costOfCall(session, found, before, calls);
    withAll.set(key, pinned);
    const without = `alter routine ${row.signature} reset ${setting.split("=")[0]}; ${before}`;
    const free = await costOfCall(session, found, without, calls);
    if (!isWorse(setting, free, pinned)) {
      problems.push(`${name} ${setting}: ${call} costs no more, ${state}`);
    }
  }
  return problems;
}

/** Calls that read all there is anyway, or are made of others of these. */
const NOT_ASKED = [
  "dashboards",
  "a month closes",
  "many are settled by plans of few",
  "list prices are fetched",
  "violations are reported",
  "logs are exported",
  "usage is compared",
];

/** Calls that compile a statement. */
async function compiling(session: Session): Promise<string[]> {
  const found: string[] = [];
  for (const [name, call] of Object.entries(CALLS)) {
    if (NOT_ASKED.includes(name)) continue;
    const { compiled } = await costOfCall(session, call, "", 0);
    if (compiled > 0) found.push(`${name}: ${compiled} statements are compiled`);
  }
  return found;
}

/** Reads of one client all day: a session plans the question, and nothing that it is made of. */
const PLANNED_ONCE = [
  "spend of one",
  "usage of one with prices",
  "prices of one",
  "terms of one",
  "grants of one",
  "balances of one",
];

async function planning(session: Session): Promise<string[]> {
  const found: string[] = [];
  for (const name of PLANNED_ONCE) {
    const call = CALLS[name];
    const planned = call === undefined ? 0 : (await costOfCall(session, call, "", 7)).planned;
    if (planned !== 1) found.push(`${name}: ${planned} statements are planned`);
  }
  return found;
}

Deno.test({
  name: "without its pin a function reads half as much again, or is planned, compiled or spilled",
  fn: () =>
    withDatabaseCopies(platform.engine, (copy) =>
      copy(async (url) => {
        // Nothing else brings statistics up to date from here on.
        await withSession(url, () => Promise.resolve());
        const owner = postgres(url, { max: 1, onnotice: () => {} });
        await makeWorld(owner).finally(() => owner.end());
        const problems: string[] = [];
        for (const state of STATE_NAMES) {
          await withSession(url, async (session) => {
            await STATES[state](session.sql);
            problems.push(
              ...await notWorse(session, SEEN.filter((one) => one.state === state)),
              ...await planning(session),
              ...state === "of years" ? await compiling(session) : [],
            );
          });
        }
        deepStrictEqual(problems, []);
      })),
});

import type { Sql } from "postgres";
import { seededRandom } from "../test/support/random.ts";
import { readWorld } from "../rater/read-world.ts";
import { accountant, corrector, itemClerk } from "./actors/accountants.ts";
import { finalizer, impatient, monthlyRuns, rollups } from "./actors/bookkeepers.ts";
import { editor } from "./actors/operators.ts";
import { type Arrival, rivals } from "./actors/rivals.ts";
import { rpcWriter, sqlWriter } from "./actors/writers.ts";
import { startCalendar } from "./calendar.ts";
import { bringOnStage } from "./cast.ts";
import { checkCharges, checkInvariants, checkNumbers } from "./checks/books.ts";
import {
  checkArrivals,
  checkClaims,
  checkEnds,
  readDeliveries,
  watchClaims,
} from "./checks/deliveries.ts";
import { checkFacts, checkLogs } from "./checks/logs.ts";
import { checkHealed, checkUsage } from "./checks/usage.ts";
import { History, type Violation } from "./history.ts";
import { Ledger } from "./ledger.ts";
import { closeBooks } from "./quiesce.ts";
import type { Actor, Stage } from "./stage.ts";

/** Days that pass with each act. */
const DAYS = 3;

/**
 * The same people and the same checks on a database alone, one act after the other and nobody
 * killed: seconds instead of minutes. Returns the violations.
 */
export async function smallTorture(sql: Sql, seed: number, acts: number): Promise<Violation[]> {
  const arrived: Arrival[] = [];
  const stage: Stage = {
    sql,
    calendar: startCalendar(Infinity),
    ledger: new Ledger(),
    history: new History(),
    recent: [],
  };
  await bringOnStage(sql);
  await watchClaims(sql);
  const random = seededRandom(`small torture ${seed}`);
  const workers = rivals(stage, arrived);
  const people: [Actor, ...Actor[]] = [
    sqlWriter(stage, "writer", 1),
    rpcWriter(stage),
    rpcWriter(stage),
    rollups(stage),
    monthlyRuns(stage),
    finalizer(stage),
    impatient(stage),
    editor(stage),
    accountant(stage),
    corrector(stage),
    itemClerk(stage),
    workers,
  ];
  for (let act = 0; act < acts; act++) {
    await random.pick(people).act(random);
    stage.calendar.skip(DAYS);
  }
  const rest = await closeBooks(stage);
  for (let left = 1; left > 0 && arrived.length < 10_000;) {
    await workers.act(random);
    const [row] = await sql<{ left: number }[]>`
      select count(*)::int as left from public.deliveries where state in ('queued', 'waiting')`;
    left = row?.left ?? 0;
  }
  return await check(stage, rest, arrived);
}

async function check(
  { sql, ledger, history }: Stage,
  rest: Awaited<ReturnType<typeof closeBooks>>,
  arrived: readonly Arrival[],
): Promise<Violation[]> {
  const raw = await readWorld(sql);
  const deliveries = await readDeliveries(sql);
  const ofKind = (wanted: string) =>
    arrived.filter(({ kind }) => kind === wanted).map(({ dedupe_key }) => dedupe_key);
  return [
    ...history.violations,
    ...await checkLogs(sql, ledger),
    ...await checkFacts(sql, ledger),
    ...await checkUsage(sql, raw),
    ...await checkHealed(sql, history),
    ...await checkInvariants(sql),
    ...await checkCharges(sql, raw, rest),
    ...await checkNumbers(sql),
    ...await checkClaims(sql),
    ...checkEnds(deliveries),
    ...["archive", "stripe", "email", "hermes"].flatMap((kind) =>
      checkArrivals(kind, deliveries, ofKind(kind), ({ dedupe_key }) => dedupe_key)
    ),
  ];
}

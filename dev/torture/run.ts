import { setTimeout } from "node:timers/promises";
import { seededRandom } from "../test/support/random.ts";
import type { EngineName } from "../platform/postgres-engine.ts";
import { accountant, corrector, itemClerk } from "./actors/accountants.ts";
import { attributor, rebuilder } from "./actors/attributors.ts";
import {
  comparer,
  finalizer,
  impatient,
  monthlyRuns,
  observer,
  rollups,
} from "./actors/bookkeepers.ts";
import { moods, stripeTeller, timekeeper, workerCaller } from "./actors/deliverers.ts";
import { backendKiller, functionKiller, serverKiller } from "./actors/killers.ts";
import { monthEnds } from "./actors/month-ends.ts";
import { editor } from "./actors/operators.ts";
import { idleTenants, overpaid } from "./actors/quiet-tenants.ts";
import { type Finisher, leaver, subscriber } from "./actors/returners.ts";
import { postman, stripePeople } from "./actors/stripe-people.ts";
import { apiWriter, functionWriter, sqlWriter } from "./actors/writers.ts";
import { startCalendar } from "./calendar.ts";
import { bringOnStage, idOf, LEAVER, SUBSCRIBER } from "./cast.ts";
import { checkCharges, checkInvariants, checkNumbers } from "./checks/books.ts";
import {
  checkClaims,
  checkEnds,
  checkReceivers,
  readDeliveries,
  watchClaims,
} from "./checks/deliveries.ts";
import { checkFacts, checkLogs } from "./checks/logs.ts";
import { checkStripe } from "./checks/stripe.ts";
import { checkBlocked, checkRebuilds, checkService, watchRebuilds } from "./checks/settled.ts";
import { checkCounted, checkRepaired, checkUsage } from "./checks/usage.ts";
import { History, KILLER, type Violation } from "./history.ts";
import { Ledger } from "./ledger.ts";
import { quietAfter } from "./phases.ts";
import { closeBooks, drain, hearStripe } from "./quiesce.ts";
import { readRaw } from "./raw.ts";
import { ServiceBook } from "./service.ts";
import type { Actor, Stage } from "./stage.ts";
import { REBUILT_AT_ONCE, startWorld, type World } from "./world.ts";

export interface TortureOptions {
  readonly engine: EngineName;
  readonly seconds: number;
  readonly seed: number;
  /** Months of the books that pass meanwhile. */
  readonly months: number;
  /** Milliseconds between two kills of the server, about. */
  readonly serverKillMs: number;
  readonly tell: (line: string) => void;
}

export interface TortureResult {
  readonly counts: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
  readonly history: History;
}

/** Lets everybody loose for so many seconds, then checks the books. */
export async function torture(options: TortureOptions): Promise<TortureResult> {
  const world = await startWorld(options.engine);
  try {
    await bringOnStage(world.sql);
    await watchClaims(world.sql);
    await watchRebuilds(world.sql);
    const cycle = Math.min(options.seconds / 3, 20) * 1000;
    const stage: Stage = {
      sql: world.sql,
      calendar: startCalendar(options.seconds / options.months),
      ledger: new Ledger(),
      history: new History(),
      recent: [],
      isQuiet: quietAfter(cycle * 0.7, cycle * 0.3),
      service: new ServiceBook([SUBSCRIBER, LEAVER].map(idOf)),
    };
    const returners = [subscriber(stage), leaver(stage)];
    await letLoose(actors(stage, world, returners, options), options, stage);
    options.tell("All stop; the books are closed and everything is delivered.");
    for (const { finish } of returners) await finish();
    const afterwards = { ...stage, sql: world.connect() };
    const violations = await check(afterwards, world, options.tell);
    return {
      counts: await count(afterwards, world, violations.length),
      violations,
      history: stage.history,
    };
  } finally {
    await world.stop();
  }
}

function actors(
  stage: Stage,
  world: World,
  returners: readonly Finisher[],
  { serverKillMs }: TortureOptions,
): Actor[] {
  return [
    ...returners,
    idleTenants(stage),
    overpaid(stage),
    monthEnds(stage),
    attributor(stage),
    rebuilder(stage),
    sqlWriter(stage, "writer", 4000),
    sqlWriter(stage, "second writer", 1500),
    apiWriter(stage, world),
    functionWriter(stage, world),
    rollups(stage),
    monthlyRuns(stage),
    finalizer(stage),
    impatient(stage),
    comparer(stage),
    observer(stage),
    editor(stage),
    accountant(stage),
    corrector(stage),
    itemClerk(stage),
    workerCaller(stage, world),
    workerCaller(stage, world),
    timekeeper(stage),
    stripeTeller(stage, world),
    stripePeople(stage, world),
    postman(world),
    moods(world),
    backendKiller(stage, world.admin),
    functionKiller(stage, world),
    serverKiller(stage, world, serverKillMs),
  ];
}

/** Everybody acts by a random of their own, so that a seed gives each the same intentions. */
async function letLoose(
  all: readonly Actor[],
  { seconds, seed, tell }: TortureOptions,
  { history, calendar }: Stage,
): Promise<void> {
  const over = history.now() + seconds * 1000;
  const left = () => Math.max(over - history.now(), 0);
  const live = async ({ name, pauseMs, act }: Actor, index: number) => {
    const random = seededRandom(`${seed} ${index} ${name}`);
    while (left() > 0) {
      await setTimeout(Math.min(pauseMs * random.between(50, 150) / 100, left()));
      if (left() > 0) await act(random);
    }
  };
  const report = async () => {
    while (left() > 30_000) {
      await setTimeout(30_000);
      const kills = history.count(({ actor }) => actor === KILLER);
      const { length } = history.entries;
      tell(`${Math.round(history.now() / 1000)} s: ${length} operations, ${kills} kills`);
    }
  };
  const stopTheClock = async () => {
    await setTimeout(left());
    calendar.stop();
  };
  await Promise.all([report(), stopTheClock(), ...all.map(live)]);
}

/** Everything that must be true of the books now, findings on the way included. */
async function check(
  stage: Stage,
  world: World,
  tell: (line: string) => void,
): Promise<Violation[]> {
  const { sql, ledger, history, service } = stage;
  await hearStripe(stage, world);
  let rest = await closeBooks(stage);
  let left = await drain(stage, world);
  // A request that was given up may be served after all, when a connection is free again.
  for (let more = 2; more > 0 && (await checkCounted(sql, ledger)).length > 0; more--) {
    rest = await closeBooks(stage);
    left = await drain(stage, world);
  }
  tell(`Everything has come to rest as of ${rest.asOf}.`);
  const raw = await readRaw(sql, service);
  const deliveries = await readDeliveries(sql);
  return [
    ...history.violations,
    ...await checkLogs(sql, ledger),
    ...await checkFacts(sql, ledger),
    ...await checkCounted(sql, ledger),
    ...await checkUsage(sql, raw.world),
    ...await checkRepaired(sql, history),
    ...await checkBlocked(sql),
    ...await checkService(sql, service),
    ...await checkRebuilds(sql, REBUILT_AT_ONCE),
    ...await checkInvariants(sql),
    ...await checkCharges(sql, raw, rest),
    ...await checkNumbers(sql),
    ...await checkClaims(sql),
    ...checkEnds(deliveries),
    ...await checkReceivers(sql, deliveries, world),
    ...await checkStripe(sql, world, left),
  ];
}

async function count(
  { sql, history }: Stage,
  { stripe }: World,
  violations: number,
): Promise<Record<string, number>> {
  const [inDatabase] = await sql<Record<string, number>[]>`
    select (select count(*) from public.agent_usage_logs)::int as "rows ingested",
      (select count(*) from public.invoices where number is not null)::int as invoices,
      (select count(*) from public.credit_notes)::int as "credit notes",
      (select count(*) from public.deliveries where state = 'done')::int as deliveries`;
  const kills = (what: string) =>
    history.count(({ actor, touches, outcome, note }) =>
      actor === KILLER && touches.includes(what) && outcome === "done" &&
      note !== "was not running" && note !== "nobody there"
    );
  const of = (outcome: string) => history.count((entry) => entry.outcome === outcome);
  return {
    ...inDatabase,
    "backends killed": kills("backend"),
    "functions killed": kills("function"),
    "servers killed": kills("server"),
    runs: history.count(({ actor, outcome }) => actor === "monthly run" && outcome === "done"),
    webhooks: stripe.webhooks.answers.length,
    operations: history.entries.length,
    refused: of("refused"),
    "rolled back": of("undone"),
    "outcome unknown": of("unknown"),
    violations,
  };
}

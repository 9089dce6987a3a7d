/**
 * The first day of a month: the run of nine o'clock fails, the hourly job makes it good, and while
 * it has not committed an idle client's calls come, and an operator edits what it has read.
 */
import { setTimeout } from "node:timers/promises";
import { type Attempt, attempt, glance, Refused } from "../attempt.ts";
import { DAY, FIRST_DAY, monthOf } from "../calendar.ts";
import { type CastClient, FAMILIES, IDLERS, idOf, modelOf, MODERN, OVERPAID } from "../cast.ts";
import { type Random, seededRandom } from "../../test/support/random.ts";
import type { LogRow } from "../log-rows.ts";
import type { Actor, Stage } from "../stage.ts";
import { runOf } from "./bookkeepers.ts";
import { quietCall } from "./quiet-tenants.ts";
import { insertQuietly } from "./writers.ts";

const HOUR = 3_600_000;
/** Hourly jobs that may pass, killed or not, before a month is late. */
const HOURS = 6;
/** Milliseconds for which a run stays open once calls have come late, and for which it waits. */
const OPEN = 150;
const PATIENCE = 3000;
/** Milliseconds between two calls that come late, at most. */
const APART = 120;

interface Closing {
  /** The first day after it. */
  readonly month: string;
  readonly isOneTransaction: boolean;
}

export function monthEnds(stage: Stage): Actor {
  const { calendar } = stage;
  let last = FIRST_DAY;
  let count = 0;
  return {
    name: "month end",
    pauseMs: 300,
    act: async (others) => {
      // How often it is asked depends on how long things take: the others' intentions do not.
      const random = seededRandom(`month end ${others.below(1e9)}`);
      const month = calendar.month();
      const nine = new Date(Date.parse(month) + 9 * HOUR);
      if (month === last || calendar.now().getTime() < nine.getTime() + HOUR) return;
      last = month;
      const closing = { month, isOneTransaction: count++ % 2 === 0 };
      await failingRun(stage, random, nine);
      for (let hour = 1;; hour++) {
        const at = new Date(nine.getTime() + hour * HOUR);
        const done = await hourlyJob(stage, random, closing, at);
        if (done.outcome !== "done" && hour < HOURS) continue;
        const due = await stillDue(stage, month);
        if (due.length === 0) return;
        if (hour >= HOURS && done.outcome === "done") return complain(stage, due, at);
        if (hour >= HOURS) return;
      }
    },
  };
}

/** Rolled back with all that it has done, when it is nearly done or before. */
async function failingRun({ sql, history }: Stage, random: Random, at: Date): Promise<void> {
  await attempt(
    history,
    { actor: "month end", what: `a failing ${runOf(at)}`, touches: ["runs"] },
    () =>
      sql.begin(async (tx) => {
        if (random.chance(50)) {
          await tx`select set_config('statement_timeout', ${`${random.between(20, 400)}`}, true)`;
        }
        await tx`select billing.run_monthly(${at})`;
        throw new Refused("as planned");
      }),
  );
}

/** What pg_cron calls each hour, in company. */
async function hourlyJob(
  stage: Stage,
  random: Random,
  closing: Closing,
  at: Date,
): Promise<Attempt<string>> {
  const { sql, history } = stage;
  const { month, isOneTransaction } = closing;
  const counted = await callOf(stage, random, month, IDLERS[0]);
  await rollup(stage);
  let isOver = false;
  const open = Promise.withResolvers<void>();
  const stored = Promise.withResolvers<void>();
  const what = `${isOneTransaction ? "an hourly" : "a close_month"} ${runOf(at)}`;
  const job = attempt(history, { actor: "month end", what, touches: ["runs"] }, async () => {
    if (!isOneTransaction) {
      open.resolve();
      return await closeMonth(stage, at);
    }
    return await sql.begin(async (tx) => {
      await tx`select set_config('billing.as_of', ${at.toISOString()}, true)`;
      const [row] = await tx<{ did: boolean }[]>`
        select billing.run_if_due(${at}) is not null as did`;
      open.resolve();
      await Promise.race([stored.promise, setTimeout(PATIENCE)]);
      await setTimeout(OPEN);
      return row?.did === true ? "ran" : "nothing was due";
    });
  }).finally(() => {
    isOver = true;
    open.resolve();
  });
  const company = open.promise.then(() =>
    Promise.all([
      latecomers(stage, random, closing, counted, stored.resolve, () => isOver),
      editWhatIsRated(stage, random, month),
    ])
  );
  const [done] = await Promise.all([job, company]);
  return done;
}

/** The procedure, which commits, so that it needs a session whose clock is set. */
async function closeMonth({ sql }: Stage, at: Date): Promise<string> {
  const session = await sql.reserve();
  try {
    await session`select set_config('billing.as_of', ${at.toISOString()}, false)`;
    await session`call _billing.close_month_if_due()`;
    return "";
  } finally {
    await glance(session`select set_config('billing.as_of', '', false)`);
    session.release();
  }
}

/** A call of the last minute of a month. */
async function callOf(
  stage: Stage,
  random: Random,
  month: string,
  one: CastClient,
): Promise<LogRow | undefined> {
  const call = quietCall(one.agents[0] ?? "", new Date(Date.parse(month) - 60_000));
  const row = { ...call, web_searches: random.between(100, 900) };
  const [kept] = await insertQuietly(stage, "latecomer", [row]);
  return kept;
}

/** What was counted before is taken back, or calls come, each counted at once. */
async function latecomers(
  stage: Stage,
  random: Random,
  { month, isOneTransaction }: Closing,
  counted: LogRow | undefined,
  stored: () => void,
  isOver: () => boolean,
): Promise<void> {
  if (isOneTransaction) {
    if (counted !== undefined && random.chance(30)) await retract(stage, counted);
    else await callOf(stage, random, month, IDLERS[0]);
    stored();
    await rollup(stage);
    return;
  }
  // One of each, so that none hides that another was lost.
  for (const one of IDLERS) {
    await setTimeout(random.below(APART));
    if (isOver()) return;
    await callOf(stage, random, month, one);
    await rollup(stage);
  }
}

async function retract({ sql, history, ledger }: Stage, { id, agent }: LogRow): Promise<void> {
  const touches = [`agent ${agent}`];
  const what = `retract: log ${id} of ${agent}`;
  const result = await attempt(history, { actor: "latecomer", what, touches }, async () => {
    const [made] = await sql<{ id: string | null }[]>`
      select billing.retract_log(${id}, 'torture') as id`;
    return made?.id ?? "";
  });
  if (result.outcome === "done" && result.value !== "") {
    ledger.accept({ kind: "correction", key: result.value, touches });
  }
}

/** A meter of Stripe's for the month that is closed, or another family for its model. */
async function editWhatIsRated(stage: Stage, random: Random, month: string): Promise<void> {
  const { sql, history } = stage;
  const id = idOf(MODERN);
  const closed = monthOf(new Date(Date.parse(month) - DAY));
  const touches = [`client ${MODERN.name}`];
  if (random.chance(50)) {
    const what = `Stripe rates the tokens of ${MODERN.name} in ${closed}`;
    const mayFailBy = ["23P01"];
    await attempt(history, { actor: "modeller", what, touches, mayFailBy }, async () => {
      await sql`insert into public.stripe_meters (client_id, metric, event_name, effective_from,
          effective_until)
        values (${id}, 'input_tokens', 'tokens', ${closed}, ${month})`;
      return "";
    });
    return;
  }
  const what = `${modelOf(closed)} is of the family ${FAMILIES[1]}`;
  await attempt(history, { actor: "modeller", what, touches }, async () => {
    await sql`update public.models set family = ${FAMILIES[1]} where id = ${modelOf(closed)}`;
    return "";
  });
}

async function rollup({ sql, history }: Stage): Promise<void> {
  await attempt(history, { actor: "rollup", what: "rollup", touches: [] }, async () => {
    const [row] = await sql<{ counted: string }[]>`select _billing.rollup() as counted`;
    return `${row?.counted} rows`;
  });
}

interface Due {
  readonly name: string;
  readonly state: string;
}

/** Clients whose month is over and that nobody holds back, and that no run has settled. */
async function stillDue({ sql }: Stage, month: string): Promise<readonly Due[]> {
  const ids = [IDLERS[0], OVERPAID, MODERN].map(idOf);
  return await glance(sql<Due[]>`
    select c.name, coalesce(p.state, 'not opened') as state
    from public.clients c left join public.billing_periods p on p.client_id = c.id
      and p.period_start = ${monthOf(new Date(Date.parse(month) - DAY))}
    where c.id = any (${ids}) and coalesce(p.state, 'pending') = 'pending'`);
}

function complain({ history }: Stage, due: readonly Due[], at: Date): void {
  for (const { name, state } of due) {
    const detail =
      `the month of ${name} is ${state} as of ${at.toISOString()}, after ${HOURS} jobs`;
    history.violations.push({ check: "due", about: [`client ${name}`, "runs"], detail });
  }
}

/** Lives a random world through the real SQL, in an open transaction, and asks the laws. */
import type { Sql } from "postgres";
import postgres from "postgres";
import { z } from "zod";
import { client as clientStep, price, type Row } from "../cases/world.ts";
import { playAndCommit, playWorldStep, type WorldStep } from "./steps.ts";
import type { RandomClient } from "../properties/worlds.ts";
import { booksAlone, booksOf, FIRST_DAY, openWorld } from "./alone.ts";
import { type Broken, laws } from "./laws.ts";
import type { World } from "./moves.ts";
import { planMove } from "./plans.ts";
import type { Plan } from "./steps.ts";
import { previewDue, shownAfter } from "./previews.ts";
import { invoicesOf, type Known, type Lived, type State } from "./state.ts";

/** A law that did not hold, with what was played until then. */
export interface Failure extends Broken {
  /** Moves of the world that were made when it was found. */
  readonly moves: number;
  readonly steps: readonly WorldStep[];
}

export interface Life {
  readonly failure: Failure | null;
  /** Months that clients have lived in it. */
  readonly clientMonths: number;
}

/** A law that costs as much as a run: asked after each third. */
const costly = "running again changes the books";

/** Which laws are asked: fewer are faster where a failure that is known is made smaller. */
export type Asks = (law: string) => boolean;

/** Lives a world until a law that is asked does not hold, or to its end. */
export async function live(sql: Sql, world: World, asks: Asks): Promise<Life> {
  await sql`savepoint world`;
  const state = await settle(sql, world.clients);
  let moves = 0;
  let broken: Broken | null = null;
  for (const move of world.moves) {
    moves += 1;
    const plan = await planMove(state, move);
    if (plan !== null) broken = await makeMove(state, plan, asks);
    if (broken !== null) break;
  }
  const clientMonths = await monthsOf(state);
  if (broken === null && asks("alone")) broken = await isAlone(state);
  const failure = broken === null ? null : { ...broken, moves, steps: [...state.steps] };
  return { failure, clientMonths };
}

async function makeMove(state: State, plan: Plan, asks: Asks): Promise<Broken | null> {
  const step = await inNumbers(state, plan);
  if (step.do === "run") return await makeRun(state, plan, step, asks);
  await state.sql`savepoint move`;
  try {
    await playAndCommit(state.sql, state.clients, step);
  } catch (error) {
    // After an error of one's own the transaction must be taken back as well.
    await state.sql`rollback to savepoint move`;
    if (isRefusal(error)) return null;
    state.steps.push(step);
    return { law: `${step.do} fails`, details: [String(error)] };
  }
  // Hundreds of them, one within the other, slow each other down.
  await state.sql`release savepoint move`;
  accept(state, plan, step);
  return null;
}

/** A run, and the laws that hold after it. */
async function makeRun(
  state: State,
  plan: Plan,
  step: Extract<WorldStep, { do: "run" }>,
  asks: Asks,
): Promise<Broken | null> {
  const { sql } = state;
  state.steps.push(step);
  await sql`savepoint move`;
  let differing: string[];
  try {
    const shown = asks("preview") ? await previewDue(state, step.at) : [];
    await playWorldStep(sql, state.clients, step);
    accept(state, plan, null);
    state.lived.push({ owner: null, step: () => step });
    state.runs += 1;
    await rememberAnchors(state);
    differing = await shownAfter(state, shown);
    await sql`release savepoint move`;
  } catch (error) {
    await sql`rollback to savepoint move`;
    return { law: "run fails", details: [String(error)] };
  }
  await sql`select set_config('billing.as_of', ${step.at}, true)`;
  for (const [law, ask] of Object.entries(laws)) {
    if (!asks(law) || (law === costly && state.runs % 3 !== 0)) continue;
    const details = await ask(state);
    if (details.length > 0) return { law, details };
  }
  // Last: the laws say more of a client that was not settled.
  return differing.length > 0 ? { law: "preview", details: differing } : null;
}

function accept(state: State, plan: Plan, step: WorldStep | null): void {
  plan.accepted?.();
  if (step === null) return;
  state.steps.push(step);
  state.lived.push({ owner: plan.owner, step: plan.step });
}

/** The step, with invoices by their numbers. */
async function inNumbers(state: State, plan: Plan | Lived): Promise<WorldStep> {
  const owned = plan.owner === null ? [] : await invoicesOf(state, plan.owner);
  return plan.step((place) => owned[place]?.number ?? 0);
}

/** What the system says no to, by a code of its own or by a constraint. */
function isRefusal(error: unknown): boolean {
  return error instanceof postgres.PostgresError && /^(PT|23)/.test(error.code);
}

const months = z.array(z.object({ months: z.int() })).length(1);

async function monthsOf({ sql, clients }: State): Promise<number> {
  const [row] = months.parse(
    await sql`
      select count(*)::integer as months from public.billing_periods p
      where p.client_id = any (${[...clients.values()]})`,
  );
  return row?.months ?? 0;
}

const opened = z.array(z.object({ client_id: z.string(), period_start: z.string() }));

/** Periods that a run has opened have the anchor day of that moment. */
async function rememberAnchors({ sql, anchors, clients, known }: State): Promise<void> {
  const rows = opened.parse(
    await sql`select p.client_id, p.period_start::text from public.billing_periods p`,
  );
  const anchorOf = new Map(known.map(({ key, anchor }) => [clients.get(key), anchor]));
  for (const { client_id, period_start } of rows) {
    const period = `${client_id} ${period_start}`;
    const anchor = anchorOf.get(client_id);
    if (!anchors.has(period) && anchor !== undefined) anchors.set(period, anchor);
  }
}

async function settle(sql: Sql, clients: World["clients"]): Promise<State> {
  const state: State = {
    sql,
    clients: new Map(),
    known: [],
    size: clients.length,
    lived: [],
    steps: [],
    anchors: new Map(),
    day: FIRST_DAY,
    names: 0,
    runs: 0,
  };
  await openWorld(sql);
  for (const [index, random] of clients.entries()) {
    if (random === null) continue;
    const known = knownOf(String.fromCharCode(65 + index), random);
    state.known.push(known);
    for (const step of settling(known, random).map((one, n) => named(one, index, n))) {
      await playWorldStep(sql, state.clients, step);
      state.steps.push(step);
      state.lived.push({ owner: known.key, step: () => step });
    }
  }
  return state;
}

/** A client with its prices; where there is no default list, tokens have prices as well. */
function settling({ key, currency }: Known, { client, config, prices }: RandomClient): WorldStep[] {
  const tokens: readonly Row[] = currency === "USD" ? [] : [
    { metric: "output_tokens", unit_amount: "15", per_units: "1000000" },
    { metric: "cache_write_tokens", unit_amount: "3.75", per_units: "1000000" },
    { metric: "reasoning_tokens", unit_amount: "15", per_units: "1000000" },
  ];
  return [
    clientStep(key, config, { ...client, ended_on: null }),
    ...prices.map((row) => price(key, row)),
    ...tokens.map((row) => price(key, { currency, ...row })),
  ];
}

/** With an id that is the same each time: nothing of a world is left to chance. */
function named(step: WorldStep, client: number, n: number): WorldStep {
  const id = `00000000-0000-4000-9000-${String(client * 1000 + n + 1).padStart(12, "0")}`;
  if (step.do === "client") return { ...step, client: { id, ...step.client } };
  return step.do === "price" ? { ...step, row: { id, ...step.row } } : step;
}

function knownOf(key: string, { client, config }: RandomClient): Known {
  return {
    key,
    currency: String(config["currency"]),
    logs: new Map(),
    restated: new Set(),
    startedOn: String(client["started_on"]),
    endedOn: null,
    backOn: null,
    anchor: Number(client["billing_anchor_day"]),
    away: null,
    subscription: null,
    externalId: null,
    agents: new Set(),
    gaps: [],
    unclear: [],
  };
}

/** The books of half the clients, as they are beside the others and as they are without them. */
async function isAlone(state: State): Promise<Broken | null> {
  const chosen = state.known.map(({ key }) => key)
    .filter((_, place) => place % 2 === state.names % 2 || state.known.length === 1);
  const beside = new Map<string, string[]>();
  for (const key of chosen) {
    beside.set(key, await booksOf(state.sql, state.clients.get(key) ?? ""));
  }
  const law = "alone";
  try {
    const alone = await booksAlone(state, new Set(chosen));
    const details = chosen.flatMap((key) => [
      ...without(beside.get(key), alone.get(key)).map((line) => `${key} beside others: ${line}`),
      ...without(alone.get(key), beside.get(key)).map((line) => `${key} alone: ${line}`),
    ]);
    return details.length === 0 ? null : { law, details };
  } catch (error) {
    return { law, details: [`refused: ${error}`] };
  }
}

function without(lines: readonly string[] = [], others: readonly string[] = []): string[] {
  return lines.filter((line) => !others.includes(line));
}

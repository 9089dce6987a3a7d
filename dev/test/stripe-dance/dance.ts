import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import type { Difference } from "../../../supabase/functions/reconcile-stripe/compare.ts";
import { StripeFailure } from "../../standins/stripe/errors.ts";
import type { Sql } from "postgres";
import { z } from "zod";
import { HERE } from "./here.ts";
import { brokenLaws } from "./laws.ts";
import { bookedOf, changesOf, noticesOf } from "./ledger.ts";
import type { Move } from "./moves.ts";
import { SUBSCRIPTIONS } from "./subscriptions.ts";
import { THERE } from "./there.ts";
import { deliverBadly, waitForEvents, WIRES } from "./wires.ts";
import { type DanceWorld, inDanceWorld, type Tally } from "./world.ts";

export interface Danced {
  /** What each move did. */
  readonly steps: readonly string[];
  /** Laws that are broken, with figures; none where both sides agree. */
  readonly broken: readonly string[];
  /** What happened to the clients whose laws are broken, in order. */
  readonly history: readonly string[];
  readonly tally: Readonly<Tally>;
  /** What the reconciliation left to operators. */
  readonly left: readonly Difference[];
}

/** A refusal of our database: a rule of the books, not a fault. */
const Refusal = z.object({ code: z.string().startsWith("PT"), message: z.string() });

const DANCERS = { ...HERE, ...THERE, ...SUBSCRIPTIONS, ...WIRES };
/** Seconds that a move takes at most. */
const MOST_SECONDS = 7;

export interface DanceOptions {
  /** The version of Stripe's API that its events are of; ours unless given. */
  readonly eventVersion?: string | undefined;
  /** How many there are; three unless given. */
  readonly clients?: number;
  /** What is otherwise here, for a fault that is planted in requests. */
  readonly change?: (world: DanceWorld) => DanceWorld;
}

/** Makes the moves in a database that nothing is in, reconciles, and asks the laws. */
export function dance(
  sql: Sql,
  moves: readonly Move[],
  { eventVersion, clients = 3, change = (world) => world }: DanceOptions = {},
): Promise<Danced> {
  const seconds = (moves.length + 2 * clients) * MOST_SECONDS;
  return inDanceWorld(sql, async (sound) => {
    const world = change(sound);
    if (eventVersion !== undefined) world.stripe.state.eventVersion = eventVersion;
    const steps: string[] = [];
    const done = async (text: string) => {
      steps.push(text);
      await world.history.note(text);
    };
    for (const who of world.clients.keys()) {
      await done(await step(world, { kind: "issue", who, a: 0, b: 4500 + who }));
      await done(await step(world, { kind: "send", who: 0, a: 0, b: 0 }));
    }
    for (const [place, move] of moves.entries()) {
      world.pass(1 + move.b % MOST_SECONDS);
      const outcome = await step(world, move);
      if (outcome !== NOTHING) world.tally.moves += 1;
      await done(`${place}: ${move.kind}: ${outcome}`);
    }
    world.pass(60);
    const days = 3 + Math.ceil(seconds / 86_400);
    const { broken, left } = await reconciled(world, days, moves.length);
    const history = broken.length === 0 ? [] : await world.history.of(broken);
    return { steps, broken, history, left, tally: world.tally };
  }, { clients, seconds });
}

const NOTHING = "nothing";

async function step(world: DanceWorld, move: Move): Promise<string> {
  try {
    return await DANCERS[move.kind]?.(world, move) ?? NOTHING;
  } catch (error) {
    if (error instanceof StripeFailure) return `Stripe refused it: ${error.message}`;
    const refusal = Refusal.safeParse(error);
    if (!refusal.success) throw error;
    return `refused: ${refusal.data.code} ${refusal.data.message}`;
  }
}

/** After one reconciliation both agree; then neither late events nor another change anything. */
async function reconciled(
  world: DanceWorld,
  days: number,
  seed: number,
): Promise<Pick<Danced, "broken" | "left">> {
  await deliverBadly(world, seed);
  await waitForEvents(world);
  const late = world.stripe.webhooks.held.splice(0);
  await world.history.note("all that is not late came; it is reconciled:");
  const first = await reconcile(days, world.ports);
  await world.history.note("reconciled; what Stripe tells of it comes:");
  const { left } = first;
  // What it did in Stripe itself, for example refunds that were asked for here, is told of as ever.
  await deliverBadly(world, seed, { late: 0, lost: 0 });
  world.stripe.webhooks.held.push(...late);
  await waitForEvents(world);
  const broken = await brokenLaws(world, first);
  if (broken.length > 0) return { broken, left };
  const before = await bookedOf(world);
  await world.history.note("both sides agree; late events come, and it is reconciled again:");
  world.pass(60);
  await deliverBadly(world, seed + 1, { late: 0, lost: 0 });
  await waitForEvents(world);
  const told = await noticesOf(world);
  const second = await reconcile(days, world.ports);
  const after = await bookedOf(world);
  const anew = (await noticesOf(world)).slice(told.length);
  return {
    left,
    broken: [
      ...await brokenLaws(world, second),
      ...changesOf(before, after).map((one) => `a second reconciliation changes ${one}`),
      ...anew.map(({ message }) => `told by a second reconciliation: ${message}`),
      ...(second.told === 0 ? [] : [`a second reconciliation tells Stripe of ${second.told}`]),
    ],
  };
}

import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { StripeFailure } from "../../standins/stripe/errors.ts";
import type { Sql } from "postgres";
import { z } from "zod";
import { HERE } from "./here.ts";
import { brokenLaws } from "./laws.ts";
import { bookedOf, noticesOf } from "./ledger.ts";
import type { Move } from "./moves.ts";
import { THERE } from "./there.ts";
import { deliverBadly, waitForEvents, WIRES } from "./wires.ts";
import { type DanceWorld, inDanceWorld } from "./world.ts";

export interface Danced {
  /** What each move did. */
  readonly steps: readonly string[];
  /** Laws that are broken, with figures; none where both sides agree. */
  readonly broken: readonly string[];
}

/** A refusal of our database: a rule of the books, not a fault. */
const Refusal = z.object({ code: z.string().startsWith("PT"), message: z.string() });

const DANCERS = { ...HERE, ...THERE, ...WIRES };

/**
 * Makes the moves in a database that nothing is in, reconciles, and asks the laws. Stripe's events
 * are of `eventVersion`, ours unless given.
 */
export function dance(
  sql: Sql,
  moves: readonly Move[],
  eventVersion?: string,
): Promise<Danced> {
  return inDanceWorld(sql, async (world) => {
    if (eventVersion !== undefined) world.stripe.state.eventVersion = eventVersion;
    const steps: string[] = [];
    for (const who of world.clients.keys()) {
      steps.push(await step(world, { kind: "issue", who, a: 0, b: 4500 + who }));
      steps.push(await step(world, { kind: "send", who: 0, a: 0, b: 0 }));
    }
    for (const [place, move] of moves.entries()) {
      world.pass(1 + move.b % 7);
      steps.push(`${place}: ${move.kind}: ${await step(world, move)}`);
    }
    world.pass(60);
    return { steps, broken: await reconciled(world, moves.length) };
  });
}

async function step(world: DanceWorld, move: Move): Promise<string> {
  try {
    return await DANCERS[move.kind]?.(world, move) ?? "nothing";
  } catch (error) {
    if (error instanceof StripeFailure) return `Stripe refused it: ${error.message}`;
    const refusal = Refusal.safeParse(error);
    if (!refusal.success) throw error;
    return `refused: ${refusal.data.code} ${refusal.data.message}`;
  }
}

/** After one reconciliation both agree; then neither late events nor another change anything. */
async function reconciled(world: DanceWorld, seed: number): Promise<string[]> {
  await deliverBadly(world, seed);
  await waitForEvents(world);
  const late = world.stripe.webhooks.held.splice(0);
  const first = await reconcile(3, world.ports);
  // What it did in Stripe itself, for example refunds that were asked for here, is told of as ever.
  await deliverBadly(world, seed, { late: 0, lost: 0 });
  world.stripe.webhooks.held.push(...late);
  await waitForEvents(world);
  const broken = await brokenLaws(world, first);
  if (broken.length > 0) return broken;
  const before = await bookedOf(world);
  world.pass(60);
  await deliverBadly(world, seed + 1, { late: 0, lost: 0 });
  await waitForEvents(world);
  const told = await noticesOf(world);
  const second = await reconcile(3, world.ports);
  const after = await bookedOf(world);
  const anew = (await noticesOf(world)).slice(told.length);
  return [
    ...await brokenLaws(world, second),
    ...(after === before ? [] : [`a second reconciliation changes ${before} to ${after}`]),
    ...anew.map(({ message }) => `told by a second reconciliation: ${message}`),
    ...(second.told === 0 ? [] : [`a second reconciliation tells Stripe of ${second.told}`]),
  ];
}

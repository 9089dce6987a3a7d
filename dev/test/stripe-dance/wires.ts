/** How Stripe's events come: in no order, some twice, some late, some never. */
import { actOnEvents } from "../../../supabase/functions/_shared/stripe/events.ts";
import { seededRandom } from "../support/random.ts";
import type { Kind } from "./moves.ts";
import type { Dancer } from "./there.ts";
import type { DanceWorld } from "./world.ts";

/**
 * Brings what is held, of 100 events so many late or never, 30 of the others twice, in no order.
 * Late ones stay held.
 */
export async function deliverBadly(
  world: DanceWorld,
  seed: number,
  { late = 20, lost = 20 } = {},
): Promise<string> {
  const random = seededRandom(`events ${seed}`);
  // What waits is tried again in growing pauses, by the clock of the dance.
  await world.sql`
    update billing.stripe_events e set due_at = now()
    where e.state = 'pending' and e.due_at = 'infinity'
      and e.created_at + interval '5 seconds' * 2 ^ e.attempts < ${world.now()}`;
  const { stripe: { webhooks }, tally } = world;
  const coming = [];
  const waiting = [];
  for (const event of webhooks.held) {
    if (random.chance(late)) {
      waiting.push(event);
      tally.late += 1;
    } else if (random.chance(lost)) tally.lost += 1;
    else if (random.chance(30)) {
      coming.push(event, event);
      tally.doubled += 1;
    } else coming.push(event);
  }
  webhooks.held = waiting;
  const shuffled = coming.map((event) => ({ event, place: random.below(1_000_000) }))
    .toSorted((one, other) => one.place - other.place);
  let newest = "";
  for (const { event } of shuffled) {
    tally.came += 1;
    // Their ids count up.
    if (event.id < newest) tally.unordered += 1;
    else newest = event.id;
    await world.ports.store.receiveEvent(JSON.stringify(event));
    await actOnEvents(world.ports);
  }
  return `${shuffled.length} events come, ${waiting.length} are late`;
}

/** What waits for something else is tried again. */
export async function waitForEvents({ sql, ports }: DanceWorld): Promise<void> {
  await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
  await actOnEvents(ports);
}

export const WIRES: Partial<Record<Kind, Dancer>> = {
  events: (world, { b }) => deliverBadly(world, b),
  forget_events: ({ stripe, tally }, { b }) => {
    // Stripe keeps events for thirty days: what these told of is found as objects only.
    const random = seededRandom(`forgotten ${b}`);
    const kept = stripe.state.events.filter(() => random.chance(50));
    const gone = stripe.state.events.length - kept.length;
    stripe.state.events.length = 0;
    for (const event of kept) stripe.state.events.push(event);
    tally.forgotten += gone;
    return `Stripe no longer lists ${gone} events`;
  },
};

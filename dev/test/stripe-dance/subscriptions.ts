/** Subscriptions: moves in Stripe's Dashboard, and what must hold of them afterwards. */
import { z } from "zod";
import type { Kind } from "./moves.ts";
import { pick } from "./pick.ts";
import type { Dancer } from "./there.ts";
import type { DanceWorld } from "./world.ts";

/** Statuses of a subscription that is served. */
const RUNNING = ["active", "trialing", "past_due"];

/** A subscription of one price, with its cost a month. */
const Subscription = z.object({
  id: z.string(),
  customer: z.string(),
  status: z.string(),
  items: z.object({
    data: z.tuple([z.object({ price: z.object({ unit_amount: z.int() }) })]),
  }).transform(({ data: [{ price }] }) => price.unit_amount),
});

const subscriptionsOf = ({ stripe }: DanceWorld) =>
  [...stripe.state.subscriptions.values()].map((one) => {
    const { customer, items: fee, ...rest } = Subscription.parse(one);
    const metadata = stripe.state.customers.get(customer)?.metadata;
    return { ...rest, fee, client: metadata?.leveredge_client_id ?? "" };
  });

export const SUBSCRIPTIONS: Partial<Record<Kind, Dancer>> = {
  // A client without one subscribes: for the first time, or again.
  subscribe: (world, move) => {
    const { stripe, clients } = world;
    const served = new Set(
      subscriptionsOf(world).filter(({ status }) => status !== "canceled").map(({ client }) =>
        client
      ),
    );
    const customer = pick(
      [...stripe.state.customers.values()].filter(({ deleted, metadata }) =>
        deleted === undefined && !served.has(metadata.leveredge_client_id ?? "")
      ),
      move,
    );
    const client = clients.find(({ id }) => id === customer?.metadata.leveredge_client_id);
    if (customer === undefined || client === undefined) return undefined;
    const fee = client.unit * (100 + move.b % 900);
    const id = stripe.dashboard.subscribe(customer.id, client.currency.toLowerCase(), fee);
    return `${client.name} subscribes for ${fee}: ${id}`;
  },
  change_subscription: (world, move) => {
    const found = pick(
      subscriptionsOf(world).filter(({ status }) => status !== "canceled"),
      move,
    );
    if (found === undefined) return undefined;
    const { dashboard } = world.stripe;
    if (move.a % 4 === 0) {
      const owner = world.clients.find(({ id }) => id === found.client);
      const fee = (owner?.unit ?? 1) * (100 + move.b % 900);
      dashboard.changePrices(found.id, fee);
      return `subscription ${found.id} costs ${fee}`;
    }
    const status = move.a % 4 === 1 ? "canceled" : found.status === "paused" ? "active" : "paused";
    dashboard.changeSubscription(found.id, status);
    return `subscription ${found.id} ${status}`;
  },
};

/** Each subscription is known as it is, and a client is served while it has one that runs. */
export async function unlikeSubscriptions(world: DanceWorld): Promise<string[]> {
  const { sql } = world;
  const mirrors = await sql<{ id: string; status: string; fee: number }[]>`
    select stripe_subscription_id as id, status, base_fee_minor::int as fee
    from public.stripe_subscriptions`;
  const served = await sql<{ id: string }[]>`
    select client_id as id from public.service_intervals where ends_on = 'infinity'`;
  const known = new Map(mirrors.map((one) => [one.id, one]));
  const isServed = new Set(served.map(({ id }) => id));
  const all = subscriptionsOf(world);
  const broken = [];
  for (const { id, status, fee } of all) {
    const mirror = known.get(id);
    if (mirror?.status === status && mirror.fee === fee) continue;
    broken.push(
      `subscription ${id} is ${mirror?.status}, ${mirror?.fee} here; ${status}, ${fee} there`,
    );
  }
  for (const { id, name } of world.clients) {
    const own = all.filter(({ client }) => client === id);
    const runs = own.length === 0 || own.some(({ status }) => RUNNING.includes(status));
    if (runs === isServed.has(id)) continue;
    const states = own.map((one) => `${one.id} ${one.status}`).join(", ");
    broken.push(`${name} is ${runs ? "not " : ""}served; its subscriptions: ${states}`);
  }
  return broken;
}

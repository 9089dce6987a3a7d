import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import Stripe from "stripe";
import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { STEPS } from "../../../supabase/functions/reconcile-stripe/steps.ts";
import { STRIPE_API_VERSION } from "../../../supabase/functions/_shared/stripe/client.ts";
import type { StripePorts } from "../../../supabase/functions/_shared/stripe/ports.ts";
import { type Copy, withCopies } from "../stripe-dance/copies.ts";
import { HERE } from "../stripe-dance/here.ts";
import { brokenLaws } from "../stripe-dance/laws.ts";
import type { Kind } from "../stripe-dance/moves.ts";
import { SUBSCRIPTIONS } from "../stripe-dance/subscriptions.ts";
import { THERE } from "../stripe-dance/there.ts";
import { type DanceWorld, inDanceWorld } from "../stripe-dance/world.ts";
import { platform } from "../support/platform-env.ts";

/** What happened before, of which no event came: something to do for each step. */
const MOVES: readonly [Kind, number?][] = [
  ["issue", 0],
  ["issue", 1],
  ["issue", 2],
  ["send"],
  ["send"],
  ["pay"],
  ["overpay"],
  ["refund"],
  ["note_there"],
  ["dispute"],
  ["adjust_balance", 1],
  ["issue", 0],
  ["issue", 0],
  ["issue", 0],
  ["send"],
  ["send"],
  ["void_here", 2],
  ["transfer"],
  ["subscribe", 1],
];
async function inWorld(copy: Copy, work: (world: DanceWorld) => Promise<void>): Promise<void> {
  await copy((sql) =>
    inDanceWorld(sql, async (world) => {
      for (const [kind, who = 0] of MOVES) {
        await { ...HERE, ...THERE, ...SUBSCRIPTIONS }[kind]?.(world, { kind, who, a: 1, b: 700 });
        world.pass(5);
      }
      world.stripe.payOut("usd");
      world.stripe.webhooks.held = [];
      await work(world);
    })
  );
}

/**
 * Ports of a process that is killed at a point of its work: before a request to Stripe or to the
 * database, or when that was done and the answer is not heard. Nothing works afterwards.
 */
function dyingAt({ ports, stripe }: DanceWorld, point: number) {
  let points = 0;
  /** Where each step begins. */
  const steps = [1];
  const live = () => {
    points += 1;
    if (points >= point) throw new Error("killed");
  };
  const around = async <T>(work: () => Promise<T>): Promise<T> => {
    live();
    const done = await work();
    live();
    return done;
  };
  const { hostname: host, port } = new URL(stripe.url);
  const mortal: StripePorts = {
    now: ports.now,
    stripe: new Stripe("sk_test_dance", {
      apiVersion: STRIPE_API_VERSION,
      maxNetworkRetries: 0,
      telemetry: false,
      protocol: "http",
      host,
      port: Number(port),
      httpClient: Stripe.createFetchHttpClient((input: RequestInfo | URL, init?: RequestInit) =>
        around(() => fetch(input, init))
      ),
    }),
    store: new Proxy(ports.store, {
      get: (store, name) => {
        const own: unknown = Reflect.get(store, name);
        if (typeof own !== "function") return own;
        return (...given: unknown[]) => {
          if (name === "saveReconciliation") steps.push(points + 1);
          return around(async () => await Reflect.apply(own, store, given));
        };
      },
    }),
  };
  return { mortal, steps };
}

// It is about requests and what is stored between them: one engine tells as much as two.
if (platform.engine === "embedded") {
  Deno.test("a reconciliation that is killed in any step goes on and ends alike", () =>
    withCopies(platform.engine, async (copy) => {
      const points: number[] = [];
      await inWorld(copy, async (world) => {
        const { mortal, steps } = dyingAt(world, Infinity);
        const result = await reconcile(3, mortal);
        deepStrictEqual(await brokenLaws(world, result), [], "killed nowhere");
        // Each of these had something to do.
        const [done] = await world.sql<{ subscriptions: number; payouts: number }[]>`
          select (select count(*)::int from public.stripe_subscriptions) as subscriptions,
            (select count(*)::int from public.stripe_payouts where complete_at is not null)
              as payouts`;
        deepStrictEqual({ ...done }, { subscriptions: 1, payouts: 1 });
        // In the middle of each step.
        points.push(
          ...steps.slice(1).map((end, step) => Math.ceil(((steps[step] ?? 0) + end) / 2)),
        );
      });
      ok(points.length >= STEPS.length, points.join());
      for (const point of points) {
        await inWorld(copy, async (world) => {
          await rejects(reconcile(3, dyingAt(world, point).mortal), /killed/);
          const result = await reconcile(3, world.ports);
          deepStrictEqual(await brokenLaws(world, result), [], `killed at point ${point}`);
        });
      }
    }));

  Deno.test("a reconciliation that is killed again and again comes to its end", () =>
    withCopies(platform.engine, (copy) =>
      inWorld(copy, async (world) => {
        let kills = 0;
        let result;
        for (let point = 2; result === undefined; point += 3) {
          try {
            result = await reconcile(3, dyingAt(world, point).mortal);
          } catch {
            kills += 1;
          }
        }
        ok(kills > 5, `${kills} kills`);
        deepStrictEqual(await brokenLaws(world, result), [], `killed ${kills} times`);
      })));
}

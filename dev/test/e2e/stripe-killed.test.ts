import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { STEPS } from "../../../supabase/functions/reconcile-stripe/steps.ts";
import { type Copy, withCopies } from "../stripe-dance/copies.ts";
import { dyingAt } from "../stripe-dance/dying.ts";
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

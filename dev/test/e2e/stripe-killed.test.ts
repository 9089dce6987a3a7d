import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import { z } from "zod";
import {
  reconcile,
  type Reconciliation,
} from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { STEPS } from "../../../supabase/functions/reconcile-stripe/steps.ts";
import { type Copy, withCopies } from "../stripe-dance/copies.ts";
import { dyingAt } from "../stripe-dance/dying.ts";
import { HERE } from "../stripe-dance/here.ts";
import { brokenLaws } from "../stripe-dance/laws.ts";
import type { Kind } from "../stripe-dance/moves.ts";
import { SUBSCRIPTIONS } from "../stripe-dance/subscriptions.ts";
import { THERE } from "../stripe-dance/there.ts";
import { waitForEvents } from "../stripe-dance/wires.ts";
import { type DanceWorld, inDanceWorld } from "../stripe-dance/world.ts";
import { platform } from "../support/platform-env.ts";
import { hear, issued } from "../support/stripe-edge.ts";

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

/**
 * A refund that was booked here and failed, of which nothing tells, and a credit note for what it took:
 * that is refused until the failure is found.
 */
async function refuseNote(world: DanceWorld): Promise<Set<string>> {
  const { stripe } = world;
  await issued(world, 5000, 2);
  const invoice = [...stripe.state.invoices.keys()].at(-1) ?? "";
  stripe.payInvoice(invoice);
  const refund = stripe.dashboard.refund(invoice, 3000);
  await hear(world);
  stripe.dashboard.concludeRefund(refund.id, "failed");
  const note = stripe.dashboard.credit({ invoice, amount: 4000, out_of_band_amount: 4000 });
  return new Set([refund.id, note.id]);
}

/** Usage of a day that is over, which Stripe rates. */
async function useMetered({ sql, stripe, clients }: DanceWorld): Promise<void> {
  const client = clients[0]?.id ?? null;
  stripe.dashboard.addMeter("tokens");
  await sql`
    insert into public.stripe_meters (client_id, metric, event_name, effective_from)
    select id, 'input_tokens', 'tokens', started_on from public.clients where id = ${client}`;
  await sql`
    insert into public.agent_usage_logs (agent, endpoint, model, client_id, input_tokens, "timestamp")
    values ('SCHOLAR', 'ask', 'claude-sonnet', ${client}, 1200, now() - interval '3 days')`;
  await sql`select _billing.rollup()`;
}

/** Stripe no longer lists the events of these objects, nor those that name payments. */
function forgetEvents({ stripe: { state, webhooks } }: DanceWorld, lost: ReadonlySet<string>) {
  webhooks.held = [];
  const kept = state.events.filter(({ type, data }) =>
    type !== "invoice_payment.paid" && !lost.has(Named.parse(data.object).id)
  );
  state.events.splice(0, Infinity, ...kept);
}

const Named = z.looseObject({ id: z.string() });

/** What the steps did that no law of the dance asks for: each once. */
async function assertDone({ sql, stripe }: DanceWorld, when: string): Promise<void> {
  const [done] = await sql<Record<string, unknown>[]>`
    select (select count(*)::int from public.stripe_subscriptions) as subscriptions,
      (select count(*)::int from public.stripe_payouts where complete_at is not null) as payouts,
      (select count(*)::int from billing.stripe_meter_events where sent_at is not null) as metered,
      (select count(*)::int from public.credit_notes
        where total_minor = 4000 and voided_at is null) as refused_before,
      (select count(*) > 0 from billing.stripe_events
        where state = 'done' and attempts > 1) as waited`;
  deepStrictEqual(
    { ...done, told: [...stripe.state.meterEvents.values()].map(({ payload }) => payload.value) },
    { subscriptions: 1, payouts: 1, metered: 1, refused_before: 1, waited: true, told: ["1200"] },
    when,
  );
}

async function inWorld(copy: Copy, work: (world: DanceWorld) => Promise<void>): Promise<void> {
  await copy((sql) =>
    inDanceWorld(sql, async (world) => {
      for (const [kind, who = 0] of MOVES) {
        await { ...HERE, ...THERE, ...SUBSCRIPTIONS }[kind]?.(world, { kind, who, a: 1, b: 700 });
        world.pass(5);
      }
      world.stripe.payOut("usd");
      await useMetered(world);
      // Of nothing so far an event came.
      world.stripe.webhooks.held = [];
      forgetEvents(world, await refuseNote(world));
      await work(world);
    })
  );
}

async function assertLawful(world: DanceWorld, result: Reconciliation, when: string) {
  // Events that waited for a payment are tried again by the clock.
  await waitForEvents(world);
  deepStrictEqual(await brokenLaws(world, result), [], when);
  await assertDone(world, when);
}

// It is about requests and what is stored between them: one engine tells as much as two.
if (platform.engine === "embedded") {
  Deno.test("a reconciliation that is killed in any step goes on and ends alike", () =>
    withCopies(platform.engine, async (copy) => {
      const points: number[] = [];
      await inWorld(copy, async (world) => {
        const { mortal, steps } = dyingAt(world, Infinity);
        const result = await reconcile(3, mortal);
        await assertLawful(world, result, "killed nowhere");
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
          await assertLawful(world, result, `killed at point ${point}`);
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
        await assertLawful(world, result, `killed ${kills} times`);
      })));
}

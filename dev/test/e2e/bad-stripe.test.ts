import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import Stripe from "stripe";
import { z } from "zod";
import { agrees, bothSides } from "../../standins/stripe/both-sides.ts";
import { BEFORE_BASIL } from "../../standins/stripe/versions.ts";
import { signWebhook } from "../../standins/stripe/webhooks.ts";
import { handleCreate } from "../../../supabase/functions/create-stripe-invoice/handler.ts";
import { syncCustomers } from "../../../supabase/functions/_shared/stripe/customers.ts";
import { StripeEnvironment } from "../../../supabase/functions/_shared/stripe/environment.ts";
import { actOnEvents } from "../../../supabase/functions/_shared/stripe/events.ts";
import { deliverInvoice } from "../../../supabase/functions/_shared/stripe/invoices.ts";
import { endingWithin } from "../../../supabase/functions/_shared/stripe/open.ts";
import { callsWithin } from "../../../supabase/functions/reconcile-stripe/calls.ts";
import { handleReconcile } from "../../../supabase/functions/reconcile-stripe/handler.ts";
import { handleWebhook } from "../../../supabase/functions/stripe-webhook/handler.ts";
import { type BadMoment, type BadProxy, startBadProxy } from "../support/bad-proxy.ts";
import { BAD_ANSWERS, type BadAnswer } from "../support/bad-service.ts";
import { platform } from "../support/platform-env.ts";
import { type StripeWorld, WEBHOOK_SECRET, withStripe } from "../support/stripe-world.ts";

/** Seconds that Stripe has: a part of one while it answers badly, else those of a call. */
const BUDGETS = {
  before: { begins: 0.25, ends: 0.3 },
  after: { begins: 0.8, ends: 1 },
  well: { begins: 90, ends: 130 },
};
/** It comes with status 429. */
const RATE_LIMIT: BadAnswer = "retry-after that is no number";
const MOMENTS: readonly BadMoment[] = ["before", "after"];

interface BadStripe extends StripeWorld {
  readonly misbehave: BadProxy["misbehave"];
  /** One call of each function, as it is wired; never 500. */
  create(invoiceId: string): Promise<{ status: number; text: string }>;
  reconcile(): Promise<string[]>;
  hear(event: { readonly id: string }): Promise<void>;
}

const Left = z.object({
  left: z.array(z.object({ kind: z.string(), ours: z.string(), stripes: z.string() })),
  unfinished: z.string().optional(),
});

function post(body: unknown, headers: Record<string, string> = {}): Request {
  return new Request("http://h/", { method: "POST", body: JSON.stringify(body), headers });
}

/** Calls until the reconciliation is finished; returns the differences that are left. */
async function reconcileToItsEnd(
  callOnce: () => Promise<{ status: number; text: string }>,
): Promise<string[]> {
  for (let calls = 0; calls < 300; calls++) {
    const { status, text } = await callOnce();
    strictEqual(status, 200, text);
    const { left, unfinished } = Left.parse(JSON.parse(text));
    if (unfinished === undefined) {
      return left.map(({ kind, ours, stripes }) => `${kind} ${ours}: ${stripes}`);
    }
  }
  throw new Error("the reconciliation goes on and on");
}

/** Our functions with a Stripe that misbehaves, and one client for each bad answer and name. */
async function withBadStripe(
  names: readonly string[],
  test: (world: BadStripe) => Promise<void>,
): Promise<void> {
  const clients = BAD_ANSWERS.flatMap((_, n) => names.map((name) => `${name}${n}`));
  await withStripe(clients, async (world) => {
    world.stripe.webhooks.holding = true;
    const proxy = startBadProxy("http", Number(new URL(world.stripe.url).port));
    const environment = StripeEnvironment.parse({
      ...world.environment,
      STRIPE_API_BASE: `http://127.0.0.1:${proxy.port}`,
    });
    let budget = BUDGETS.well;
    const ports = () => endingWithin(budget.ends, environment, world.ports);
    const errors: unknown[] = [];
    const reportError = (error: unknown) => void errors.push(error);
    const answered = async (response: Response) => {
      const text = await response.text();
      ok(response.status !== 500, `${text} ${errors.at(-1)}`);
      return { status: response.status, text };
    };
    try {
      await test({
        ...world,
        misbehave: (how) => {
          budget = BUDGETS[how?.moment ?? "well"];
          proxy.misbehave(how);
        },
        create: async (id) =>
          await answered(
            await handleCreate(post({ invoice_id: id }), {
              deliver: (invoice) => deliverInvoice(invoice, ports()),
              sync: () => syncCustomers(ports()),
              reportError,
            }),
          ),
        reconcile: () =>
          reconcileToItsEnd(async () => {
            const bound = callsWithin(environment, world.ports, reportError, budget);
            return await answered(
              await handleReconcile(post({ days: 3 }), { ...bound, reportError }),
            );
          }),
        hear: async (event) => {
          const body = JSON.stringify(event);
          const signature = signWebhook(body, [WEBHOOK_SECRET], Math.floor(Date.now() / 1000));
          const work: Promise<unknown>[] = [];
          const { status, text } = await answered(
            await handleWebhook(post(event, { "stripe-signature": signature }), {
              connection: ports(),
              secrets: [WEBHOOK_SECRET],
              processEvents: () => actOnEvents(ports()),
              inBackground: (promise) => void work.push(promise),
              reportError,
            }),
          );
          strictEqual(status, 200, text);
          const before = errors.length;
          await Promise.all(work);
          deepStrictEqual(errors.slice(before), []);
        },
      });
    } finally {
      await proxy.stop();
    }
  });
}

/** A test of this file: one engine tells as much as two, and what a service holds open ends later. */
function testBadStripe(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name,
    ignore: platform.engine !== "embedded",
    sanitizeResources: false,
    sanitizeOps: false,
    fn: async () => {
      const { getInitialNetworkRetryDelay, getMaxNetworkRetryDelay } = Stripe.prototype;
      // Three tries of a request as always, without the seconds between them.
      Object.assign(Stripe.prototype, {
        getInitialNetworkRetryDelay: () => 0.001,
        getMaxNetworkRetryDelay: () => 0.001,
      });
      try {
        await fn();
      } finally {
        Object.assign(Stripe.prototype, { getInitialNetworkRetryDelay, getMaxNetworkRetryDelay });
      }
    },
  });
}

/** Does the same for each bad answer before and after the work; then Stripe is well again. */
async function everyWay(
  { misbehave }: BadStripe,
  act: (way: BadAnswer, place: number, moment: BadMoment) => Promise<void>,
): Promise<void> {
  for (const [place, way] of BAD_ANSWERS.entries()) {
    for (const moment of MOMENTS) {
      misbehave({ way, moment });
      await act(way, place, moment);
    }
  }
  misbehave(null);
}

testBadStripe(
  "an invoice that Stripe answers badly is said not to be there, and is made once",
  () =>
    withBadStripe(["One"], async (world) => {
      const { sql, stripe, invoices, create } = world;
      const idOf = (place: number) => invoices.get(`One${place}`) ?? "";
      await everyWay(world, async (way, place, moment) => {
        const { status, text } = await create(idOf(place));
        const which = `${way}, ${moment} the work: ${status} ${text}`;
        ok(status === 503 || status === 409, which);
        match(text, /"code":"stripe_(unavailable|refused)".*Stripe/, which);
      });
      for (const place of BAD_ANSWERS.keys()) {
        const { status, text } = await create(idOf(place));
        strictEqual(status, 200, `${BAD_ANSWERS[place]}: ${text}`);
      }
      strictEqual(stripe.state.customers.size, BAD_ANSWERS.length);
      strictEqual(stripe.state.invoices.size, BAD_ANSWERS.length);
      const sides = await bothSides(sql, stripe.state);
      strictEqual(sides.length, BAD_ANSWERS.length);
      ok(sides.every(agrees));
    }),
);

testBadStripe(
  "a reconciliation names what Stripe answers badly, and does all of it once later",
  () =>
    withBadStripe(["Voided", "Credited", "Paid"], async (world) => {
      const { sql, stripe, invoices, sendAll, reconcile } = world;
      await sendAll();
      const idOf = (name: string, place: number) => invoices.get(`${name}${place}`) ?? "";
      const theirs = (ours: string) =>
        [...stripe.state.invoices.values()].find(({ metadata }) =>
          metadata.leveredge_invoice_id === ours
        )?.id ?? "";
      await everyWay(world, async (way, place, moment) => {
        if (moment === "before") {
          await sql`select billing.void_invoice(${idOf("Voided", place)}, 'a mistake')`;
          await sql`select billing.issue_credit_note(${idOf("Credited", place)}, 'a gift', 1000)`;
          stripe.payInvoice(theirs(idOf("Paid", place)));
        }
        const left = await reconcile();
        const which = `${way}, ${moment} the work: ${left.join("\n")}`;
        // A rate limit cuts a call off: the next ones go on, and find what was done.
        if (way === "retry-after that is no number" && left.length === 0) return;
        ok(left.length > 0, which);
        ok(left.every((one) => /^\w+ .+: .+/.test(one) && !one.includes("\0")), which);
        ok(left.some((one) => /^(unread|not_told) /.test(one)), which);
      });
      const [told] = await sql`
      select count(*)::int from public.deliveries
      where kind = 'hermes' and dedupe_key like 'stripe:difference/%'`;
      ok(told?.count > 0, "operators are told");
      deepStrictEqual(await reconcile(), []);
      deepStrictEqual(await reconcile(), []);
      const sides = await bothSides(sql, stripe.state);
      deepStrictEqual(sides.filter((side) => !agrees(side)), []);
      strictEqual(sides.filter(({ stripes }) => stripes.status === "void").length, 16);
      strictEqual(sides.filter(({ status }) => status === "paid").length, 16);
      strictEqual(stripe.state.creditNotes.size, 16);
    }),
);

testBadStripe(
  "an event whose object Stripe answers badly is kept, and is acted on once later",
  () =>
    withBadStripe(["One"], async (world) => {
      const { sql, stripe, invoices, sendAll, reconcile, hear } = world;
      await sendAll();
      // Those of another version name what is then asked of Stripe.
      stripe.state.eventVersion = BEFORE_BASIL;
      const open = [...stripe.state.invoices.keys()];
      strictEqual(open.length, invoices.size);
      const received = async () =>
        await sql<{ id: string; state: string; note: string | null }[]>`
        select id, state, note from billing.stripe_events where payload ->> 'type' = 'invoice.paid'
        order by received_at desc`;
      await everyWay(world, async (way, place, moment) => {
        // Reads change nothing, and pass after the work.
        if (moment === "after") return;
        stripe.payInvoice(open[place] ?? "");
        const event = stripe.state.events.findLast(({ type }) => type === "invoice.paid");
        ok(event);
        await hear(event);
        const stored = (await received()).find(({ id }) => id === event.id);
        strictEqual(stored?.state, "pending", way);
        // A rate limit is no failure of the event: it waits for the next call, with its tries left.
        if (way !== RATE_LIMIT) match(stored?.note ?? "", /Stripe/, way);
        // It comes again, as Stripe's events do.
        await hear(event);
      });
      await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
      deepStrictEqual(await reconcile(), []);
      deepStrictEqual((await received()).filter(({ state }) => state !== "done"), []);
      const sides = await bothSides(sql, stripe.state);
      deepStrictEqual(sides.filter((side) => !agrees(side) || side.status !== "paid"), []);
      const [booked] = await sql`
      select count(*)::int, count(distinct invoice_id)::int as invoices from public.payments`;
      deepStrictEqual({ ...booked }, { count: BAD_ANSWERS.length, invoices: BAD_ANSWERS.length });
    }),
);

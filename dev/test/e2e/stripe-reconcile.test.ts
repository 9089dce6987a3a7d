import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { z } from "zod";
import { callsWithin } from "../../../supabase/functions/reconcile-stripe/calls.ts";
import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { agrees, bothSides } from "../../standins/stripe/both-sides.ts";
import { withStripe } from "../support/stripe-world.ts";

const Left = z.array(z.object({ kind: z.string(), ours: z.string(), stripes: z.string() }));

Deno.test("a resource that cannot be read is named and told, and stops no other", async () => {
  await withStripe(["Paid", "Refunded"], async ({ stripe, sql, sendAll, call }) => {
    await sendAll();
    stripe.webhooks.holding = true;
    const [first = "", second = ""] = [...stripe.state.invoices.keys()];
    stripe.payInvoice(first);
    stripe.payInvoice(second);
    stripe.dashboard.refund(second, 1000);
    stripe.state.events.length = 0;
    const customer = stripe.state.invoices.get(first)?.customer ?? "";
    const odd = stripe.dashboard.subscribe(customer, "usd", 9900);
    Object.assign(stripe.state.subscriptions.get(odd) ?? {}, { items: { data: "odd" } });
    stripe.faults.push({ request: "GET /v1/refunds", kind: "403", times: 1 });
    const { status, body } = await call("reconcile-stripe", { days: 3 });
    strictEqual(status, 200);
    ok(typeof body === "object" && body !== null && "left" in body);
    const left = Left.parse(body.left);
    deepStrictEqual(left.map(({ kind, ours }) => `${kind} ${ours}`), [
      "unread refunds",
      `unread subscription ${odd}`,
    ]);
    match(left[0]?.stripes ?? "", /does not have the required permissions/);
    const told = await sql<{ text: string }[]>`
      select payload ->> 'message' as text from public.deliveries
      where dedupe_key like 'stripe:difference/unread/%' and kind = 'hermes' order by id`;
    strictEqual(told.length, 2);
    match(told[0]?.text ?? "", /ours refunds, .* give the key the permission/);
    // What comes after it was done: both payments are booked; the refund is at the next call.
    deepStrictEqual((await bothSides(sql, stripe.state)).map(({ status: own }) => own), [
      "paid",
      "paid",
    ]);
    stripe.state.subscriptions.delete(odd);
    const again = await call("reconcile-stripe", { days: 3 });
    ok(typeof again.body === "object" && again.body !== null && "left" in again.body);
    deepStrictEqual(again.body.left, []);
    ok((await bothSides(sql, stripe.state)).every(agrees));
  });
});

Deno.test("cut off after every object, a reconciliation goes on and ends alike", async () => {
  await withStripe(["Paid", "Refunded"], async ({ stripe, sql, sendAll, ports }) => {
    await sendAll();
    stripe.webhooks.holding = true;
    const [first = "", second = ""] = [...stripe.state.invoices.keys()];
    stripe.payInvoice(first);
    stripe.payInvoice(second);
    stripe.dashboard.refund(second, 1000);
    const steps: string[] = [];
    let result = await reconcile(3, ports, undefined, -1);
    while (result.unfinished !== undefined && steps.length < 500) {
      steps.push(result.unfinished);
      result = await reconcile(3, ports, undefined, -1);
    }
    ok(steps.includes("refunds") && steps.includes("comparison"), steps.join());
    deepStrictEqual(result.left, []);
    ok(result.missed_events > 0);
    ok((await bothSides(sql, stripe.state)).every(agrees));
    const after = await reconcile(3, ports);
    deepStrictEqual([after.found, after.left, after.unfinished], [[], [], undefined]);
    // Enough of them: as if the time was over.
    const short = await reconcile(3, ports, undefined, undefined, 1);
    deepStrictEqual([short.found, short.left, short.unfinished], [[], [], "events"]);
    const rest = await reconcile(3, ports);
    deepStrictEqual([rest.found, rest.left, rest.unfinished], [[], [], undefined]);
  });
});

Deno.test("however slow Stripe is, no call of a reconciliation takes longer than its budget", async () => {
  await withStripe([..."ABCDEFGH"], async (world) => {
    const { stripe, sql, sendAll, ports, environment } = world;
    await sendAll();
    stripe.webhooks.holding = true;
    for (const invoice of stripe.state.invoices.keys()) stripe.payInvoice(invoice);
    // Of each payment it has to ask then.
    stripe.state.events.length = 0;
    const call = async (budget: { begins: number; ends: number }) => {
      const began = performance.now();
      const calls = callsWithin(environment, ports, () => {}, budget);
      const result = await calls.reconcile?.(3);
      return { result, seconds: (performance.now() - began) / 1000 };
    };
    stripe.slowness.milliseconds = 500;
    let calls = 0;
    for (let isUnfinished = true; isUnfinished; calls++) {
      const { result, seconds } = await call({ begins: 0.6, ends: 5 });
      ok(seconds < 2.5, `call ${calls} took ${seconds} s`);
      isUnfinished = result?.unfinished !== undefined;
      if (!isUnfinished) deepStrictEqual(result?.left, []);
    }
    ok(calls > 4, `${calls} calls`);
    // An answer that does not come within the budget is broken off, and named.
    stripe.slowness.milliseconds = 3000;
    const { result, seconds } = await call({ begins: 0, ends: 1 });
    ok(seconds < 10, `${seconds} s`);
    deepStrictEqual([result?.left[0]?.kind, result?.unfinished], ["unread", "events that wait"]);
    stripe.slowness.milliseconds = 0;
    ok((await bothSides(sql, stripe.state)).every(agrees));
  });
});

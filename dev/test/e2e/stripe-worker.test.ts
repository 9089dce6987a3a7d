import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { billJune, seedJune } from "../support/delivery-world.ts";
import { dieAt } from "../support/die-at.ts";
import { withStripeWorker } from "../support/stripe-worker-world.ts";

Deno.test("the worker sends invoices to Stripe; the mail waits for the pay link and carries it", () =>
  withStripeWorker(async ({ sql, smtp, work, states, passTime, stripe }) => {
    await seedJune(sql, 3);
    await billJune(sql);
    stripe.faults.push({ request: "POST /v1/invoices", kind: "500", times: 9 });
    await work();
    deepStrictEqual(await states("email"), { waiting: 3 });
    strictEqual(smtp.received.length, 0);
    stripe.faults.length = 0;
    await passTime();
    await work();
    deepStrictEqual(await states("stripe"), { done: 3 });
    // What Stripe's lane let go, the next worker sends: the first one has called it.
    await work();
    deepStrictEqual(await states("email"), { done: 3 });
    const links = [...stripe.state.invoices.values()].map((one) => one.hosted_invoice_url ?? "");
    deepStrictEqual(
      smtp.received.map(({ text }) => links.find((link) => text?.includes(link))).toSorted(),
      links.toSorted(),
    );
  }));

Deno.test("a worker killed at any step of a Stripe delivery makes no customer and no invoice twice", () =>
  withStripeWorker(async (world) => {
    const { sql, smtp, work, states, passTime, stripe, variables } = world;
    await seedJune(sql, 5);
    await billJune(sql);
    for (const step of ["claimed", "created", "created", "handled", "finished"]) {
      await dieAt(`stripe:${step}`, world, variables);
      await passTime();
    }
    // What has ended two workers comes last, one by one.
    for (let n = 0; n < 5; n++) await work();
    deepStrictEqual(await states("stripe"), { done: 5 });
    await work();
    deepStrictEqual(await states("email"), { done: 5 });
    strictEqual(stripe.state.customers.size, 5);
    deepStrictEqual([...stripe.state.invoices.values()].map(({ status }) => status), [
      "open",
      "open",
      "open",
      "open",
      "open",
    ]);
    const totals = await sql`select i.total_minor::int as total, m.total_minor::int as stripes
      from public.invoices i join public.stripe_invoices m on m.invoice_id = i.id`;
    strictEqual(totals.length, 5);
    ok(totals.every(({ total, stripes }) => total === stripes && total > 0));
    strictEqual(new Set(smtp.received.map(({ messageId }) => messageId)).size, 5);
  }));

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

Deno.test("each client gets one mail, by us or by Stripe as it was chosen, and reminders of the same", () =>
  withStripeWorker(async ({ sql, smtp, work, states, stripe }) => {
    await seedJune(sql, 3);
    await sql`
      insert into public.stripe_terms (client_id, mailed_by)
      select id, 'stripe' from public.clients where external_id in ('client-1', 'client-2')`;
    // The second one's invoice does not go to Stripe: nobody but us can mail it.
    await sql`
      update public.billing_config set deliveries = array_remove(deliveries, 'stripe')
      where client_id is null`;
    await sql`
      insert into public.billing_config (client_id, deliveries)
      select id, '{archive,stripe,email}' from public.clients where external_id <> 'client-2'`;
    await billJune(sql);
    await work();
    await work();
    deepStrictEqual(await states("email"), { done: 2, skipped: 1 });
    const to = (recipients: typeof smtp.received) =>
      recipients.map((mail) => mail.to?.[0]?.address).toSorted();
    deepStrictEqual(to(smtp.received), ["client-2@example.test", "client-3@example.test"]);
    strictEqual(stripe.state.mails.length, 1);
    const mailed = stripe.state.invoices.get(stripe.state.mails[0] ?? "");
    const customer = stripe.state.customers.get(mailed?.customer ?? "");
    strictEqual(customer?.email, "client-1@example.test");
    // Whatever is sent again, nobody is mailed twice.
    await sql`update public.deliveries set state = 'queued', attempts = 0, due_at = now(),
      finished_at = null where kind in ('stripe', 'email')`;
    await sql`update public.stripe_terms set mailed_by = 'us'`;
    await work();
    await work();
    strictEqual(stripe.state.mails.length, 1);
    ok(!to(smtp.received).includes("client-1@example.test"));
    // Reminders: those that we mailed are ours to remind of.
    await sql`select billing.queue_reminders('2026-07-31 09:00+00')`;
    const reminded = await sql`
      select c.external_id from public.deliveries d join public.clients c on c.id = d.client_id
      where d.event = 'reminder' order by 1`;
    deepStrictEqual(reminded.map(({ external_id }) => external_id), ["client-2", "client-3"]);
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

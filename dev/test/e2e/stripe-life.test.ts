import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import { type StripeWorld, withStripe } from "../support/stripe-world.ts";

Deno.test("changes of an invoice in Stripe are made here, and nothing differs", async () => {
  await withStripe(["Payer", "Loser", "Refunded", "Voided", "Waiver"], async (world) => {
    const { stripe, sql, sendAll } = world;
    deepStrictEqual(await sendAll(), ["done", "done", "done", "done", "done"]);
    const [first] = stripe.state.invoices.values();
    ok(first !== undefined);
    strictEqual(first.lines.reduce((sum, { amount }) => sum + amount, 0), 5000);
    match(first.number ?? "", /^INV-\d{4}-\d{6}$/);
    match(first.metadata.leveredge_client_id ?? "", /^[0-9a-f-]{36}$/);

    stripe.payInvoice(await stripeId(world, "Payer"));
    stripe.failPayment(await stripeId(world, "Loser"));
    stripe.payInvoice(await stripeId(world, "Refunded"));
    stripe.dashboard.refund(await stripeId(world, "Refunded"), 2000);
    stripe.dashboard.voidInvoice(await stripeId(world, "Voided"));
    stripe.dashboard.writeOff(await stripeId(world, "Waiver"));
    await stripe.webhooks.settled();
    ok(stripe.webhooks.answers.length > 10);
    deepStrictEqual(stripe.webhooks.answers.filter(({ status }) => status !== 200), []);
    await eventually(async () => {
      await sql`select billing.process_stripe_events()`;
      deepStrictEqual(await books(world), [
        "Loser: open, paid 0, net 0, Stripe open",
        "Payer: paid, paid 5000, net 5000, Stripe paid",
        "Refunded: paid, paid 5000, net 3000, Stripe paid",
        "Voided: void, paid 0, net 0, Stripe void",
        "Waiver: uncollectible, paid 0, net 0, Stripe uncollectible",
      ]);
    }, 40_000);
    const [note] = await sql`
      select total_minor::int, to_refund_minor::int, reason from public.credit_notes`;
    deepStrictEqual({ ...note }, {
      total_minor: 2000,
      to_refund_minor: 2000,
      reason: "Refunded in Stripe",
    });
    // The one event that moves nothing: the states above do not wait for it.
    await eventually(async () => {
      const notices = await sql`
        select payload ->> 'message' as text from public.deliveries
        where dedupe_key like 'stripe:invoice.payment_failed%' and payload ->> 'priority' = 'high'`;
      strictEqual(notices.length, 1);
      match(String(notices[0]?.text), /Payment failed: INV-.* of Loser, 50\.00 USD due/);
    });
    await assertAgreement(world);
  });
});

Deno.test("a payment taken back by a bank is booked, a credit beyond what is left is told", async () => {
  await withStripe(["Disputed", "Overcredited", "Part"], async (world) => {
    const { stripe, sql, sendAll, invoices, call } = world;
    await sendAll();
    stripe.payInvoice(await stripeId(world, "Disputed"));
    stripe.dashboard.dispute(await stripeId(world, "Disputed"));
    await sql`
      select billing.record_payment(${invoices.get("Part") ?? ""}, 1200, now(), 'transfer', 'T-9')`;
    await sql`
      select billing.issue_credit_note(${invoices.get("Overcredited") ?? ""}, 'goodwill', 3000)`;
    stripe.dashboard.credit({
      invoice: await stripeId(world, "Overcredited"),
      amount: 2500,
      memo: "Outage",
    });
    await stripe.webhooks.settled();
    await eventually(async () => {
      await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
      await sql`select billing.process_stripe_events()`;
      const told = await sql<{ text: string }[]>`
        select payload ->> 'message' as text from public.deliveries
        where dedupe_key like 'stripe:dispute/%' or dedupe_key like 'stripe:credit/%' order by id`;
      strictEqual(told.length, 2);
      const texts = told.map(({ text }) => text).join("\n");
      match(texts, /A payment of INV-.* is disputed \(fraudulent\): 50\.00 USD/);
      match(texts, /INV-.* was credited in Stripe by 25\.00 USD, but only 20\.00 USD is left/);
    }, 40_000);
    const [disputed] = await sql`
      select disputed_at is not null as disputed from public.stripe_invoices
      where invoice_id = ${invoices.get("Disputed") ?? ""}`;
    strictEqual(disputed?.disputed, true);
    await eventually(async () => {
      await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
      await sql`select billing.process_stripe_events()`;
      deepStrictEqual(await books(world), [
        "Disputed: paid, paid 5000, net 0, Stripe paid",
        "Overcredited: open, paid 0, net 0, Stripe open",
        "Part: open, paid 1200, net 1200, Stripe open",
      ]);
    }, 40_000);
    const { body } = await call("reconcile-stripe", { days: 3 });
    const { left } = z.object({
      left: z.array(z.object({ kind: z.string(), ours: z.string(), stripes: z.string() })),
    }).parse(body);
    ok(left.some(({ kind, ours }) => kind === "credit_note" && ours.includes("2000 left")));
    // The part that was paid by transfer is on Stripe's page, too.
    deepStrictEqual(left.filter(({ kind }) => kind === "due"), []);
    const part = stripe.state.invoices.get(await stripeId(world, "Part"));
    deepStrictEqual([part?.status, part?.amount_paid], ["open", 1200]);
  });
});

Deno.test("changes of an invoice here are told to Stripe, once", async () => {
  await withStripe(["Voided", "Credited", "Transfer", "Waiver", "Repaid"], async (world) => {
    const { stripe, sql, sendAll, invoices, call } = world;
    await sendAll();
    stripe.payInvoice(await stripeId(world, "Repaid"));
    await stripe.webhooks.settled();
    await eventually(async () => {
      await sql`select billing.process_stripe_events()`;
      ok((await books(world)).includes("Repaid: paid, paid 5000, net 5000, Stripe paid"));
    });
    const id = (name: string) => invoices.get(name) ?? "";
    await sql`select billing.void_invoice(${id("Voided")}, 'a mistake')`;
    await sql`select billing.issue_credit_note(${id("Credited")}, 'goodwill', 1500)`;
    await sql`select billing.record_payment(${id("Transfer")}, 5000, now(), 'transfer', 'T-1')`;
    await sql`select billing.mark_uncollectible(${id("Waiver")})`;
    await sql`select billing.issue_credit_note(${id("Repaid")}, 'complaint', 700, true)`;
    const told = await call("reconcile-stripe", { only: "outbox" });
    deepStrictEqual(told, { status: 200, body: { done: 5, problems: [] } });
    deepStrictEqual((await call("reconcile-stripe", { only: "outbox" })).body, {
      done: 0,
      problems: [],
    });
    await stripe.webhooks.settled();
    await eventually(async () => {
      await sql`select billing.process_stripe_events()`;
      deepStrictEqual(await books(world), [
        "Credited: open, paid 0, net 0, Stripe open",
        "Repaid: paid, paid 5000, net 4300, Stripe paid",
        "Transfer: paid, paid 5000, net 5000, Stripe paid",
        "Voided: void, paid 0, net 0, Stripe void",
        "Waiver: uncollectible, paid 0, net 0, Stripe uncollectible",
      ]);
    }, 40_000);
    strictEqual(stripe.state.creditNotes.size, 2);
    strictEqual((await sql`select from public.credit_notes`).length, 2);
    deepStrictEqual([...stripe.state.refunds.values()].map(({ amount }) => amount), [700]);
    await assertAgreement(world);
  });
});

async function stripeId({ sql, invoices }: StripeWorld, name: string): Promise<string> {
  const [row] = await sql<{ stripe_invoice_id: string }[]>`
    select stripe_invoice_id from public.stripe_invoices
    where invoice_id = ${invoices.get(name) ?? null}`;
  return row?.stripe_invoice_id ?? "";
}

/** How each invoice stands here and there: status, paid, what is left of the money, Stripe's. */
async function books({ sql, stripe }: StripeWorld): Promise<string[]> {
  const rows = await sql<Record<string, string>[]>`
    select c.name, i.status, i.paid_minor, m.stripe_invoice_id, m.state, (
      select coalesce(sum(p.amount_minor), 0) from public.payments p where p.invoice_id = i.id
    ) as net
    from public.invoices i join public.clients c on c.id = i.client_id
    join public.stripe_invoices m on m.invoice_id = i.id
    order by c.name`;
  return rows.map((row) => {
    strictEqual(row.state, stripe.state.invoice(row.stripe_invoice_id ?? "").status, row.name);
    return `${row.name}: ${row.status}, paid ${row.paid_minor}, net ${row.net}, Stripe ${row.state}`;
  });
}

/** Reconciliation has nothing to find. */
async function assertAgreement({ call }: StripeWorld): Promise<void> {
  const { status, body } = await call("reconcile-stripe", { days: 3 });
  strictEqual(status, 200);
  deepStrictEqual(body, { days: 3, missed_events: 0, found: [], left: [], told: 0 });
}

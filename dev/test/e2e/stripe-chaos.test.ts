import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { deliverInvoice } from "../../../supabase/functions/_shared/stripe/invoices.ts";
import { eventually } from "../support/eventually.ts";
import { dyingAt, type StripeWorld, withStripe } from "../support/stripe-world.ts";

const NAMES = ["Ada", "Bo", "Cyd", "Dee", "Eve", "Fay"];

Deno.test("killed workers, errors and lost answers make no customer and no invoice twice", async () => {
  await withStripe(NAMES, async (world) => {
    const { stripe, ports, invoices, sendAll } = world;
    // Killed between the creation of the draft and the note of its id, and before the lines.
    const killed = dyingAt(ports, "saveDraft");
    for (const id of invoices.values()) await deliverInvoice(id, killed).catch(() => "killed");
    strictEqual(stripe.state.invoices.size, NAMES.length);
    // Killed after the customer was made, before that was noted.
    const [first = ""] = invoices.values();
    await world.sql`delete from public.stripe_customers`;
    stripe.faults.push(
      { request: "POST /v1/invoices", kind: "429", times: 2 },
      { request: "GET /v1/customers/search", kind: "500", times: 1 },
      { request: "POST /v1/invoices/", kind: "lost", times: 2 },
      { request: "POST /v1/invoices/", kind: "500-after", times: 4 },
      { request: "POST /v1/invoices", kind: "500-after", times: 1 },
    );
    await deliverInvoice(first, ports);
    for (let round = 0; round < 8; round++) {
      const kinds = await sendAll();
      if (kinds.every((kind) => kind === "done")) break;
      ok(kinds.every((kind) => kind === "done" || kind === "retry"), kinds.join());
    }
    deepStrictEqual(await sendAll(), NAMES.map(() => "done"));
    strictEqual(stripe.state.customers.size, NAMES.length);
    const live = [...stripe.state.invoices.values()];
    deepStrictEqual(live.map(({ status }) => status), NAMES.map(() => "open"));
    deepStrictEqual(
      live.map(({ lines }) => lines.reduce((sum, { amount }) => sum + amount, 0)),
      NAMES.map(() => 5000),
    );
    deepStrictEqual(
      live.map(({ metadata }) => metadata.leveredge_invoice_id).toSorted(),
      [...invoices.values()].toSorted(),
    );
  });
});

Deno.test("two workers at once make one customer and one invoice", async () => {
  await withStripe(["Ada"], async ({ stripe, ports, invoices }) => {
    const [id = ""] = invoices.values();
    const outcomes = await Promise.all([1, 2, 3].map(() => deliverInvoice(id, ports)));
    ok(outcomes.some(({ kind }) => kind === "done"));
    strictEqual((await deliverInvoice(id, ports)).kind, "done");
    strictEqual(stripe.state.customers.size, 1);
    deepStrictEqual([...stripe.state.invoices.values()].map(({ status }) => status), ["open"]);
  });
});

Deno.test("webhooks lost, doubled and shuffled: after reconciliation both sides agree", async () => {
  await withStripe(NAMES, async (world) => {
    const { stripe, sql, sendAll, call } = world;
    stripe.webhooks.holding = true;
    await sendAll();
    const ids = [...stripe.state.invoices.keys()];
    const [paid = "", part = "", refunded = "", voided = "", credited = "", failed = ""] = ids;
    stripe.payInvoice(paid);
    stripe.payInvoice(part, 1234);
    stripe.payInvoice(refunded);
    stripe.dashboard.refund(refunded, 1000);
    stripe.dashboard.refund(refunded, 500);
    stripe.dashboard.voidInvoice(voided);
    stripe.dashboard.credit({ invoice: credited, amount: 900, memo: "Outage" });
    stripe.failPayment(failed);
    const subscriber = stripe.state.invoices.get(paid)?.customer ?? "";
    stripe.dashboard.subscribe(subscriber, "usd", 9900);
    const lost = new Set([
      "invoice.voided",
      "credit_note.created",
      "customer.subscription.created",
    ]);
    // Too old for Stripe to tell of it again: found as an object, not as an event.
    stripe.state.events.splice(
      0,
      stripe.state.events.length,
      ...stripe.state.events.filter(({ type }) => type !== "customer.subscription.created"),
    );
    await stripe.webhooks.releaseBadly((event) =>
      lost.has(event.type) || event.type === "invoice.paid" && JSON.stringify(event).includes(paid)
    );
    deepStrictEqual(stripe.webhooks.answers.filter(({ status }) => status !== 200), []);
    await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
    const { body } = await call("reconcile-stripe", { days: 3 });
    await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
    await sql`select billing.process_stripe_events()`;
    ok(typeof body === "object" && body !== null && "left" in body);
    deepStrictEqual(body.left, []);
    await eventually(async () => deepStrictEqual(await books(world), EXPECTED));
    const again = await call("reconcile-stripe", { days: 3 });
    deepStrictEqual(again.body, { days: 3, missed_events: 0, found: [], left: [], told: 0 });
    deepStrictEqual(await books(world), EXPECTED);
    strictEqual(stripe.state.invoices.size, NAMES.length);
    strictEqual(stripe.state.creditNotes.size, 1);
    const mirrored = await sql`select status, base_fee_minor::int from public.stripe_subscriptions`;
    deepStrictEqual(mirrored.map((row) => ({ ...row })), [
      { status: "active", base_fee_minor: 9900 },
    ]);
    // 900 credited there and 1,500 refunded, in one event or two.
    const [notes] = await sql`select sum(total_minor)::int as total from public.credit_notes`;
    strictEqual(notes?.total, 2400);
  });
});

const EXPECTED = [
  "Ada: paid, due 0, money 5000",
  "Bo: open, due 3766, money 1234",
  "Cyd: paid, due 0, money 3500",
  "Dee: void, due 0, money 0",
  "Eve: open, due 4100, money 0",
  "Fay: open, due 5000, money 0",
];

async function books({ sql }: StripeWorld): Promise<string[]> {
  const rows = await sql<Record<string, string>[]>`
    select c.name, i.status, i.amount_due_minor, (
      select coalesce(sum(p.amount_minor), 0) from public.payments p where p.invoice_id = i.id
    ) as money
    from public.invoices i join public.clients c on c.id = i.client_id order by c.name`;
  return rows.map((row) =>
    `${row.name}: ${row.status}, due ${row.amount_due_minor}, money ${row.money}`
  );
}

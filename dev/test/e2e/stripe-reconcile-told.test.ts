import { deepStrictEqual, fail, match, rejects, strictEqual } from "node:assert/strict";
import { pushToStripe } from "../../../supabase/functions/reconcile-stripe/outbox.ts";
import { tellPartPayment } from "../../../supabase/functions/reconcile-stripe/part-payments.ts";
import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { hear, inWorld, issued } from "../support/stripe-edge.ts";
import type { DanceWorld } from "../stripe-dance/world.ts";

/** What operators were told of one kind of difference. */
async function toldOf({ sql }: DanceWorld, kind: string): Promise<string[]> {
  const rows = await sql<{ text: string }[]>`
    select payload ->> 'message' as text from public.deliveries
    where dedupe_key like ${`stripe:difference/${kind}/%`} and kind = 'hermes'`;
  return rows.map(({ text }) => text);
}

inWorld(
  "the difference of a payout is told once, though the call that found it was killed",
  async (world) => {
    const { stripe, ports } = world;
    await issued(world, 5000);
    const [invoice = ""] = stripe.state.invoices.keys();
    stripe.payInvoice(invoice);
    const payout = stripe.payOut("usd");
    // 50.00 less a fee of 1.75 are 48.25; Stripe says a cent more.
    stripe.state.payouts.set(payout.id, { ...payout, amount: payout.amount + 1 });
    stripe.webhooks.held.length = 0;
    // Killed when all that it is made of is noted, before the step is.
    let isComplete = false;
    const { store } = ports;
    const killed: typeof store = {
      ...store,
      completePayout: async (id) => {
        isComplete = true;
        return await store.completePayout(id);
      },
      saveReconciliation: async (...given) => {
        if (isComplete) throw new Error("killed");
        await store.saveReconciliation(...given);
      },
    };
    await rejects(reconcile(3, { ...ports, store: killed }), /killed/);
    deepStrictEqual(await toldOf(world, "payout"), []);
    const { left } = await reconcile(3, ports);
    deepStrictEqual(left, [{
      kind: "payout",
      number: null,
      stripe_invoice_id: payout.id,
      ours: "parts come to 4825",
      stripes: "4826 usd",
    }]);
    strictEqual((await toldOf(world, "payout")).length, 1);
    // It stands in the next one's answer, and nobody is told again.
    strictEqual((await reconcile(3, ports)).left.length, 1);
    strictEqual((await toldOf(world, "payout")).length, 1);
  },
);

inWorld(
  "a second Stripe invoice of a settled invoice of last month is named as such",
  async (world) => {
    const { stripe, ports, sql, pass } = world;
    await issued(world, 5000);
    const [first = ""] = stripe.state.invoices.keys();
    stripe.payInvoice(first);
    strictEqual((await reconcile(3, ports)).left.length, 0);
    const [own] = await sql<
      { id: string; number: string }[]
    >`select id, number from public.invoices`;
    pass(40 * 86_400);
    const customer = stripe.state.invoice(first).customer;
    const twin = async (of: string) => {
      const { id = "" } = await ports.stripe.invoices.create({
        customer,
        currency: "usd",
        collection_method: "send_invoice",
        days_until_due: 14,
        auto_advance: false,
        pending_invoice_items_behavior: "exclude",
        metadata: { leveredge_invoice_id: of },
      });
      await ports.stripe.invoices.addLines(id, { lines: [{ amount: 700, description: "Work" }] });
      await ports.stripe.invoices.finalizeInvoice(id, { auto_advance: false });
      return id;
    };
    const second = await twin(own?.id ?? "");
    // Of other databases, or nothing that we would name an invoice by.
    const strange = await twin("00000000-0000-4000-8000-0000000000ff");
    const garbage = await twin("in a word");
    const { left } = await reconcile(3, ports);
    const saying = left.map((
      { kind, number, stripe_invoice_id, ours },
    ) => [kind, number, stripe_invoice_id, ours]);
    deepStrictEqual(saying.toSorted((one, other) => String(one[2]) < String(other[2]) ? -1 : 1), [
      ["twice_in_stripe", own?.number, second, first],
      ["unknown_here", null, strange, "none"],
      ["unknown_here", null, garbage, "none"],
    ]);
    match(
      (await toldOf(world, "twice_in_stripe"))[0] ?? "",
      /Void the one that ours does not name/,
    );
  },
);

inWorld(
  "a bank transfer of an adopted customer, which does not name its client, is told",
  async (world) => {
    const { stripe, ports, sql, clients } = world;
    stripe.dashboard.addCustomer({ id: "cus_adopted" });
    stripe.dashboard.addCustomer({ id: "cus_other" });
    await sql`
      insert into public.stripe_customers (client_id, livemode, stripe_customer_id)
      values (${clients[0]?.id ?? null}, false, 'cus_adopted')`;
    stripe.dashboard.transferCash("cus_adopted", 1234, "usd");
    stripe.dashboard.transferCash("cus_other", 99, "usd");
    const { left } = await reconcile(3, ports);
    deepStrictEqual(
      left.map(({ kind, stripe_invoice_id, stripes }) => [kind, stripe_invoice_id, stripes]),
      [["cash_balance", "cus_adopted", "1234 usd"]],
    );
    strictEqual((await toldOf(world, "cash_balance")).length, 1);
  },
);

inWorld(
  "a part payment that another call tells Stripe of meanwhile is told once and counted once",
  async (world) => {
    const { stripe, ports, sql, now } = world;
    const paid = async (who: number, amount: number) => {
      const invoice = await issued(world, 5000, who);
      await sql`select billing.record_payment(${invoice}, ${amount}, ${now()}, 'transfer', ${`bank ${who}`})`;
      return invoice;
    };
    // One call has read what is untold; another tells all of it before the first goes on.
    await paid(0, 3000);
    const untold = async () =>
      (await ports.store.untoldPayments()).at(-1) ?? fail("none is untold");
    const first = await untold();
    strictEqual((await pushToStripe(ports)).done, 1);
    strictEqual(await tellPartPayment(first, ports), false);

    // The other has put all that Stripe still asked for on the invoice, and has not noted that yet.
    const invoice = await paid(1, 4000);
    const stripeInvoice = [...stripe.state.invoices.keys()].at(-1) ?? "";
    stripe.dashboard.credit({ invoice: stripeInvoice, amount: 1000 });
    const second = await untold();
    const killed = await pushToStripe({
      ...ports,
      store: {
        ...ports.store,
        savePaymentRecord: async (id, record, isTold) => {
          if (isTold) throw new Error("killed");
          await ports.store.savePaymentRecord(id, record, isTold);
        },
      },
    });
    strictEqual(killed.problems.length, 1);
    strictEqual(stripe.state.invoices.get(stripeInvoice)?.status, "paid");
    strictEqual(await tellPartPayment(second, ports), true);
    await hear(world);
    deepStrictEqual((await reconcile(3, ports)).left, []);
    deepStrictEqual(
      [
        ...await sql`
        select i.status, i.paid_minor::int as paid, i.amount_due_minor::int as due,
          (select coalesce(sum(b.amount_minor), 0)::int from public.balance_entries b
            where b.client_id = i.client_id) as credit
        from public.invoices i where i.id = ${invoice}`,
      ].map((row) => ({ ...row })),
      [{ status: "paid", paid: 4000, due: 0, credit: 0 }],
    );
  },
);

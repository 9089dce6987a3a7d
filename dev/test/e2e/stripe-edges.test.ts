import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { STRIPE_PERMISSIONS } from "../../../shared/stripe/permissions.ts";
import { BEFORE_BASIL } from "../../standins/stripe/versions.ts";
import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { pushToStripe } from "../../../supabase/functions/reconcile-stripe/outbox.ts";
import { hear, here, inWorld, issued } from "../support/stripe-edge.ts";

inWorld(
  "a credit note that a refund's failure leaves room for is issued by the same reconciliation",
  async (world) => {
    const { sql, stripe, ports } = world;
    const id = await issued(world, 5000);
    const [invoice = ""] = stripe.state.invoices.keys();
    stripe.payInvoice(invoice);
    const refund = stripe.dashboard.refund(invoice, 3000);
    await hear(world);
    stripe.dashboard.concludeRefund(refund.id, "failed");
    stripe.dashboard.credit({
      invoice,
      amount: 4000,
      memo: "Outage",
      out_of_band_amount: 4000,
    });
    stripe.webhooks.held.length = 0;
    stripe.state.events.length = 0;
    deepStrictEqual((await reconcile(3, ports)).left, []);
    const notes = await sql`
      select total_minor::int as total, voided_at is not null as void
      from public.credit_notes where invoice_id = ${id} order by number`;
    deepStrictEqual([...notes], [{ total: 3000, void: true }, { total: 4000, void: false }]);
  },
);

inWorld(
  "a refund finds its payment, of which no event ever told",
  async (world) => {
    const { stripe, ports } = world;
    await here(world, "issue", 4500);
    await here(world, "send");
    const [invoice] = stripe.state.invoices.keys();
    stripe.payInvoice(invoice ?? "");
    deepStrictEqual(await hear(world, "invoice.paid"), ["invoice.paid done"]);
    // Stripe keeps events for thirty days.
    stripe.state.events.length = 0;
    await here(world, "refund_here");
    deepStrictEqual((await reconcile(3, ports)).left, []);
    strictEqual(stripe.state.refunds.size, 1);
    deepStrictEqual(await hear(world, "charge.refunded"), [
      "invoice.paid done",
      "charge.refunded done",
    ]);
  },
);

inWorld(
  "the overpayment of a revision is credit once, whichever is heard of first",
  async (world) => {
    const { stripe, ports, sql } = world;
    await here(world, "issue", 4500);
    await here(world, "send");
    const [invoice = ""] = stripe.state.invoices.keys();
    const revision = stripe.dashboard.revise(stripe.dashboard.revise(invoice, 5000), 5000);
    stripe.payInvoice(revision, 5500);
    await hear(world, "customer.updated");
    await pushToStripe(ports);
    const books = async () => ({
      ...(await sql`
      select i.status, i.amount_due_minor::int as due,
        (select sum(b.amount_minor)::int from public.balance_entries b) as credit
      from public.invoices i`)[0],
    });
    deepStrictEqual(await books(), { status: "paid", due: 0, credit: 500 });
    deepStrictEqual((await reconcile(3, ports)).left, []);
    deepStrictEqual(await books(), { status: "paid", due: 0, credit: 500 });
  },
);

inWorld(
  "two refunds of an invoice that was paid in part elsewhere are both told in one go",
  async (world) => {
    const { stripe, ports, sql, now } = world;
    await here(world, "issue", 4500);
    await here(world, "send");
    const [invoice] = stripe.state.invoices.keys();
    stripe.payInvoice(invoice ?? "", 3000);
    await hear(world, "invoice.updated", "invoice_payment.paid");
    await here(world, "transfer", 1);
    await pushToStripe(ports);
    for (const amount of [2000, 2500]) {
      await sql`
        select billing.issue_credit_note(id, 'goodwill', ${amount}, true, ${now()})
        from public.invoices`;
      world.pass(60);
    }
    deepStrictEqual(await pushToStripe(ports), { done: 2, problems: [] });
    deepStrictEqual([...stripe.state.refunds.values()].map(({ amount }) => amount), [2000, 1000]);
    deepStrictEqual((await reconcile(3, ports)).left, []);
  },
);

inWorld(
  "what is too small is collected by the next invoice where its carrier is void or paid elsewhere",
  async (world) => {
    const { stripe, ports, sql, now } = world;
    const small = await issued(world, 30);
    const voided = await issued(world, 5000);
    await sql`select billing.void_invoice(${voided}, 'a mistake', ${now()})`;
    deepStrictEqual(await pushToStripe(ports), { done: 1, problems: [] });
    const paid = await issued(world, 6000);
    await sql`select billing.record_payment(${paid}, 6000, ${now()}, 'transfer', 'bank')`;
    deepStrictEqual(await pushToStripe(ports), { done: 1, problems: [] });
    const last = await issued(world, 7000);
    const [open = ""] = [...stripe.state.invoices.values()]
      .filter(({ status }) => status === "open").map(({ id }) => id);
    stripe.payInvoice(open);
    deepStrictEqual((await reconcile(3, ports)).left, []);
    deepStrictEqual(
      [...stripe.state.invoices.values()].map(({ status, lines }) =>
        `${status} ${lines.map(({ amount }) => amount).join("+")}`
      ),
      ["void 5000+30", "paid 6000+30", "paid 7000+30"],
    );
    const rows = await sql<{ id: string; status: string; received: number }[]>`
      select i.id, i.status, coalesce(sum(p.amount_minor), 0)::int as received
      from public.invoices i left join public.payments p on p.invoice_id = i.id group by i.id`;
    const books = new Map(rows.map(({ id, status, received }) => [id, `${status} ${received}`]));
    deepStrictEqual([small, voided, paid, last].map((id) => books.get(id)), [
      "paid 30",
      "void 0",
      "paid 6000",
      "paid 7000",
    ]);
    deepStrictEqual([...await sql`select * from public.balance_entries`], []);
  },
);

inWorld(
  "an event of another version is acted on as Stripe tells its object in ours",
  async (world) => {
    const { stripe, sql, ports } = world;
    stripe.state.eventVersion = BEFORE_BASIL;
    await issued(world, 5000);
    const [invoice = ""] = stripe.state.invoices.keys();
    stripe.payInvoice(invoice, 5500);
    const note = stripe.dashboard.credit({ invoice, amount: 2000, refund_amount: 2000 });
    strictEqual(note.refunds.length, 1);
    const told = stripe.webhooks.held.find(({ type }) => type === "credit_note.created");
    ok(JSON.stringify(told).includes('"refund":"re_'), "as it was before, with one refund");
    deepStrictEqual((await hear(world)).filter((event) => !/ (done|ignored)$/.test(event)), []);
    const books = async () => ({
      ...(await sql`
      select i.status, (select sum(amount_minor)::int from public.payments) as received,
        (select sum(amount_minor)::int from public.balance_entries) as credit,
        (select array_agg(to_refund_minor::int) from public.credit_notes) as refunds
      from public.invoices i`)[0],
    });
    const expected = { status: "paid", received: 3500, credit: 500, refunds: [2000] };
    deepStrictEqual(await books(), expected);
    deepStrictEqual((await reconcile(3, ports)).left, []);
    deepStrictEqual(await books(), expected);
  },
);

inWorld(
  "a restricted key with the permissions of the list is enough",
  async (world) => {
    const { stripe, ports } = world;
    stripe.grantOnly(STRIPE_PERMISSIONS.map(({ slug }) => slug));
    stripe.state.eventVersion = BEFORE_BASIL;
    await issued(world, 5000);
    const [invoice = ""] = stripe.state.invoices.keys();
    stripe.payInvoice(invoice, 5500);
    stripe.dashboard.refund(invoice, 1000);
    stripe.dashboard.dispute(invoice);
    await here(world, "refund_here");
    await hear(world);
    const { left } = await reconcile(3, ports);
    deepStrictEqual(left.filter(({ kind }) => kind === "unread" || kind === "not_told"), []);
    const refused = stripe.seen.filter(({ status }) => status === 403);
    deepStrictEqual(refused.map(({ request }) => request), []);
  },
);

inWorld(
  "an event whose object cannot be fetched is tried again, one whose object is gone is none",
  async (world) => {
    const { stripe, sql } = world;
    stripe.state.eventVersion = BEFORE_BASIL;
    await issued(world, 5000);
    const [invoice = ""] = stripe.state.invoices.keys();
    stripe.payInvoice(invoice);
    stripe.faults.push({ request: `GET /v1/invoices/${invoice}`, kind: "403", times: 1 });
    const types = ["invoice.paid", "customer.created"];
    deepStrictEqual(await hear(world, ...types), [
      "customer.created ignored",
      "invoice.paid pending",
    ]);
    const [failed] = await sql<{ attempts: number; note: string }[]>`
      select attempts, note from billing.stripe_events where state = 'pending'`;
    strictEqual(failed?.attempts, 1);
    match(failed.note, /does not have the required permissions/);
    deepStrictEqual(await hear(world), ["customer.created ignored", "invoice.paid done"]);

    stripe.webhooks.held.push(
      ...stripe.state.events.filter(({ type }) => type === "invoice.finalized"),
    );
    stripe.state.invoices.clear();
    deepStrictEqual((await hear(world)).filter((event) => event.startsWith("invoice.final")), [
      "invoice.finalized ignored",
    ]);
  },
);

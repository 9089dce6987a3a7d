import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import Stripe from "stripe";
import { STRIPE_API_VERSION } from "../../../supabase/functions/_shared/stripe/client.ts";
import type { StripePorts } from "../../../supabase/functions/_shared/stripe/ports.ts";
import { actOnEvents } from "../../../supabase/functions/_shared/stripe/events.ts";
import { STRIPE_PERMISSIONS } from "../../../shared/stripe/permissions.ts";
import { BEFORE_BASIL } from "../../standins/stripe/versions.ts";
import { deliverInvoice } from "../../../supabase/functions/_shared/stripe/invoices.ts";
import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { pushToStripe } from "../../../supabase/functions/reconcile-stripe/outbox.ts";
import { withCopies } from "../stripe-dance/copies.ts";
import { HERE } from "../stripe-dance/here.ts";
import type { Kind } from "../stripe-dance/moves.ts";
import { type DanceWorld, inDanceWorld, KEY } from "../stripe-dance/world.ts";
import { platform } from "../support/platform-env.ts";

/**
 * A test in a world in a database of its own. It is about requests and what is stored between them:
 * one engine tells as much as two.
 */
function inWorld(name: string, work: (world: DanceWorld) => Promise<void>): void {
  if (platform.engine !== "embedded") return;
  Deno.test(
    name,
    () => withCopies(platform.engine, (copy) => copy((sql) => inDanceWorld(sql, work))),
  );
}

/** Issues an invoice to a client and brings it to Stripe; its id. */
async function issued(
  { sql, clients, ports, now }: DanceWorld,
  amount: number,
  who = 0,
): Promise<string> {
  const { id: client = null, currency = "", exponent = 0 } = clients[who] ?? {};
  const [invoice] = await sql<{ id: string }[]>`
    with made as (
      insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
      values (${client}, 'Work', ${amount}::numeric / 10::numeric ^ ${exponent}::int, ${currency},
        current_date - 1)
      returning id)
    select billing.create_one_off_invoice(array(select id from made), ${now()}) as id`;
  const id = invoice?.id ?? "";
  await sql`select billing.finalize_invoice(${id}, ${now()})`;
  strictEqual((await deliverInvoice(id, ports)).kind, "done");
  return id;
}

/** Ports whose requests are made once: a rate limit lasts as long as all tries of one. */
function withoutRetries({ ports, stripe }: DanceWorld): StripePorts {
  const { hostname: host, port } = new URL(stripe.url);
  return {
    ...ports,
    stripe: new Stripe(KEY, {
      apiVersion: STRIPE_API_VERSION,
      maxNetworkRetries: 0,
      telemetry: false,
      protocol: "http",
      host,
      port: Number(port),
    }),
  };
}

/** One move of ours for the first client or invoice. */
const here = (world: DanceWorld, kind: Kind, b = 0) =>
  HERE[kind]?.(world, { kind, who: 0, a: 0, b });

/** Acts on these events of Stripe, or on all, as if it had sent no others. */
async function hear({ sql, stripe, ports }: DanceWorld, ...types: string[]): Promise<string[]> {
  for (const event of stripe.webhooks.held.splice(0)) {
    if (types.length === 0 || types.includes(event.type)) {
      await ports.store.receiveEvent(JSON.stringify(event));
    }
  }
  await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
  await actOnEvents(ports);
  const rows = await sql<{ said: string }[]>`
    select type || ' ' || state as said from billing.stripe_events order by id`;
  return rows.map(({ said }) => said);
}

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

inWorld(
  "an open invoice is compared after sixty days, though it is older than what is asked for",
  async (world) => {
    const { stripe, ports, sql, now } = world;
    const paid = await issued(world, 5000);
    const credited = await issued(world, 6000);
    const [first = "", second = ""] = [...stripe.state.invoices.keys()];
    stripe.payInvoice(first);
    stripe.dashboard.credit({ invoice: second, amount: 1000 });
    // No event came of either, and Stripe keeps them for thirty days.
    stripe.webhooks.held.length = 0;
    stripe.state.events.length = 0;
    const later = { ...ports, now: () => new Date(now().getTime() + 60 * 86_400_000) };
    const { left } = await reconcile(30, later);
    deepStrictEqual(left, [{
      kind: "due",
      number: "INV-2026-000002",
      stripe_invoice_id: second,
      ours: "6000",
      stripes: "5000",
    }]);
    const rows = await sql<{ id: string; status: string }[]>`
      select id, status from public.invoices order by number`;
    deepStrictEqual([...rows], [{ id: paid, status: "paid" }, { id: credited, status: "open" }]);
  },
);

inWorld(
  "a rate limit cuts a reconciliation off, and the next call goes on where it was",
  async (world) => {
    const { stripe, sql } = world;
    const ports = withoutRetries(world);
    for (const amount of [5000, 6000, 7000]) await issued(world, amount);
    for (const invoice of stripe.state.invoices.keys()) {
      stripe.payInvoice(invoice);
      stripe.dashboard.refund(invoice, 1000);
    }
    stripe.webhooks.held.length = 0;
    stripe.state.events.length = 0;
    const limit = (request: string) => stripe.faults.push({ request, kind: "429", times: 1 });
    const lists = [
      "GET /v1/events",
      "GET /v1/invoices",
      "GET /v1/invoice_payments",
      "GET /v1/credit_notes",
      "GET /v1/refunds",
      "GET /v1/subscriptions",
      "GET /v1/customers",
      "GET /v1/payouts",
    ];
    lists.forEach(limit);
    const stops: string[] = [];
    let result = await reconcile(3, ports);
    while (result.unfinished !== undefined && stops.length < 50) {
      stops.push(result.unfinished);
      result = await reconcile(3, ports);
    }
    deepStrictEqual(stops, [
      "events",
      "invoices",
      "payments",
      "credit notes",
      "refunds",
      "subscriptions",
      "customer balances",
      "payouts",
    ]);
    deepStrictEqual(result.left, []);
    deepStrictEqual(
      [
        ...await sql`select status, (select sum(p.amount_minor)::int from public.payments p
        where p.invoice_id = i.id) as received from public.invoices i order by number`,
      ],
      [4000, 5000, 6000].map((received) => ({ status: "paid", received })),
    );
    // One that goes on and on is told of at last, and stops nothing else.
    stripe.faults.push({ request: "GET /v1/refunds", kind: "429", times: Infinity });
    let calls = 1;
    for (result = await reconcile(3, ports); result.unfinished; calls++) {
      strictEqual(result.unfinished, "refunds");
      result = await reconcile(3, ports);
    }
    deepStrictEqual(result.left.map(({ kind, ours }) => `${kind} ${ours}`), ["unread refunds"]);
    ok(calls > 20 && calls < 25, `${calls} calls`);
  },
);

inWorld(
  "a payout that is cut off goes on after its last page",
  async (world) => {
    const { stripe, ports, sql } = world;
    await issued(world, 5000);
    const [invoice = ""] = stripe.state.invoices.keys();
    stripe.payInvoice(invoice);
    for (let n = 0; n < 249; n++) stripe.chargeFee(1, "usd");
    const payout = stripe.payOut("usd");
    stripe.webhooks.held.length = 0;
    const pages = () =>
      stripe.seen.filter(({ request }) => request === "GET /v1/balance_transactions").length;
    const perCall: number[] = [];
    let result;
    do {
      const before = pages();
      result = await reconcile(3, ports, undefined, undefined, 1);
      if (pages() > before) perCall.push(pages() - before);
    } while (result.unfinished !== undefined && perCall.length < 9);
    deepStrictEqual(result.left, []);
    // A payment, 249 fees and the payout itself.
    deepStrictEqual(perCall, [1, 1, 1]);
    // 50.00 less a fee of 1.75 and 249 of 0.01.
    deepStrictEqual(
      [
        ...await sql`select amount_minor::int as amount, net_minor::int as net,
          difference_minor::int as difference from billing.payout_sums`,
      ],
      [{ amount: 5000 - 175 - 249, net: 5000 - 175 - 249, difference: 0 }],
    );
    strictEqual(payout.amount, 4576);
  },
);

inWorld(
  "a customer that Stripe refuses is named, and what comes after it is told",
  async (world) => {
    const { stripe, ports, sql, now } = world;
    await issued(world, 5000);
    const [customer = ""] = stripe.state.customers.keys();
    stripe.dashboard.giveCredit(customer, 700, "usd");
    await hear(world, "customer.updated");
    const request = `GET /v1/customers/${customer}/balance_transactions`;
    stripe.faults.push({ request, kind: "403", times: 1 });
    const refused = await pushToStripe(ports);
    deepStrictEqual(refused.problems.map(({ task }) => task), [
      { task: `balance of ${customer}`, stripe_invoice_id: null },
    ]);
    match(refused.problems[0]?.problem ?? "", /does not have the required permissions/);
    // Once too many requests were made, the rest waits for the next call.
    const [invoice = ""] = stripe.state.invoices.keys();
    await sql`select billing.void_invoice(id, 'a mistake', ${now()}) from public.invoices`;
    stripe.faults.push({ request: `GET /v1/invoices/${invoice}`, kind: "429", times: 3 });
    const { done, isRateLimited } = await pushToStripe(ports);
    deepStrictEqual([done, isRateLimited], [0, true]);
    deepStrictEqual(await pushToStripe(ports), { done: 1, problems: [] });
    deepStrictEqual(
      [...await sql`select sum(amount_minor)::int as credit from public.balance_entries`],
      [{ credit: 700 }],
    );
  },
);

inWorld(
  "a bank transfer that is on no invoice is told to operators, once",
  async (world) => {
    const { stripe, ports, sql } = world;
    await issued(world, 5000);
    const [customer = ""] = stripe.state.customers.keys();
    stripe.dashboard.transferCash(customer, 1234, "usd");
    stripe.dashboard.addCustomer({ id: "cus_other" });
    stripe.dashboard.transferCash("cus_other", 99, "usd");
    await reconcile(3, ports);
    deepStrictEqual((await reconcile(3, ports)).left, [{
      kind: "cash_balance",
      number: null,
      stripe_invoice_id: customer,
      ours: "on no invoice",
      stripes: "1234 usd",
    }]);
    const told = await sql<{ text: string }[]>`
      select payload ->> 'message' as text from public.deliveries
      where dedupe_key like 'stripe:difference/cash_balance/%' and kind = 'hermes'`;
    strictEqual(told.length, 1);
    match(told[0]?.text ?? "", /1234 usd\. A bank transfer that is on no invoice/);
  },
);

inWorld(
  "thousandths that are no tens: what Stripe cannot collect is collected by the next invoice",
  async (world) => {
    const { stripe, ports, sql } = world;
    const KWD = 2;
    const books = async () =>
      [
        ...await sql<{ said: string }[]>`
          select i.status || ' ' || i.amount_due_minor || ' of ' || i.total_minor as said
          from public.invoices i order by i.number`,
      ].map(({ said }) => said);
    // 12.345 dinars: Stripe takes 12.340 of them.
    await issued(world, 12_345, KWD);
    const totals = () =>
      [...stripe.state.invoices.values()].map(({ lines }) =>
        lines.reduce((sum, { amount }) => sum + amount, 0)
      );
    deepStrictEqual(totals(), [12_340]);
    const pay = async (place: number) => {
      stripe.payInvoice([...stripe.state.invoices.keys()][place] ?? "");
      await hear(world);
    };
    await pay(0);
    deepStrictEqual(await books(), ["open 5 of 12345"]);
    deepStrictEqual((await reconcile(3, ports)).left, []);
    // 10.008 and 0.005 are 10.013, of which Stripe takes 10.010; what is first due is paid first.
    await issued(world, 10_008, KWD);
    deepStrictEqual(totals(), [12_340, 10_010]);
    await pay(1);
    deepStrictEqual(await books(), ["paid 0 of 12345", "open 3 of 10008"]);
    deepStrictEqual((await reconcile(3, ports)).left, []);
    // 10.007 and 0.003 are 10.010.
    await issued(world, 10_007, KWD);
    await pay(2);
    deepStrictEqual(totals(), [12_340, 10_010, 10_010]);
    deepStrictEqual(await books(), ["paid 0 of 12345", "paid 0 of 10008", "paid 0 of 10007"]);
    deepStrictEqual((await reconcile(3, ports)).left, []);
  },
);

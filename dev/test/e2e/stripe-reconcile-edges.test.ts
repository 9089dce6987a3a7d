import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { pushToStripe } from "../../../supabase/functions/reconcile-stripe/outbox.ts";
import { hear, inWorld, issued, withoutRetries } from "../support/stripe-edge.ts";

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
    ok(calls > 6 && calls < 9, `${calls} calls`);
  },
);

inWorld(
  "a rate limit makes a reconciliation wait longer and longer, or as long as is asked for",
  async (world) => {
    const { stripe, sql, now } = world;
    await issued(world, 5000);
    /** Minutes until the next call, and where that goes on. */
    const resumes = async (retryAfter?: number) => {
      const { unfinished = "done" } = await reconcile(3, withoutRetries(world, retryAfter));
      const [run] = await sql<{ minutes: number | null }[]>`
        select round(extract(epoch from due_at - ${now()}::timestamptz) / 60)::int as minutes
        from billing.stripe_reconciliations order by started_at desc, finished_at nulls first
        limit 1`;
      return `${unfinished} ${run?.minutes}`;
    };
    stripe.faults.push({ request: "GET /v1/refunds", kind: "429", times: Infinity });
    const waits = [];
    for (let call = 0; call < 7; call++) waits.push(await resumes());
    // The first has come from the step before; then nothing is done six times.
    deepStrictEqual(waits, [5, 5, 10, 20, 40, 60, 60].map((minutes) => `refunds ${minutes}`));
    strictEqual(await resumes(), "done null");
    deepStrictEqual(await resumes(900), "refunds 15");
    // Not a day, whatever is asked for.
    deepStrictEqual(await resumes(86_400), "refunds 60");
    stripe.faults.length = 0;
    strictEqual(await resumes(), "done null");
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
    // 10.008 and 0.005 are 10.013, of which Stripe takes 10.010; the first due is paid first.
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

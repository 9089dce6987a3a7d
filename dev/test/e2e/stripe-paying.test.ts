import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { createPortalSession, createSetupSession } from "../../../shared/api/payments.ts";
import { listPayouts, payoutLines } from "../../../shared/api/payouts.ts";
import { addressOf } from "../../../shared/client/billing-client.ts";
import { type Headers, operatorHeaders, tokenHeaders } from "../access/actors.ts";
import { eventually } from "../support/eventually.ts";
import { remainingOf } from "../../standins/stripe/invoice-figures.ts";
import { type StripeWorld, withStripe } from "../support/stripe-world.ts";

type SessionRoute = typeof createPortalSession | typeof createSetupSession;

const HOME = "https://app.example.com/billing?tab=1";

/** The id of a client, and the headers of a member of it with a role. */
async function member({ sql }: StripeWorld, name: string, role: string) {
  const [client] = await sql<{ id: string }[]>`select id from public.clients where name = ${name}`;
  const user = crypto.randomUUID();
  await sql`insert into auth.users (id) values (${user})`;
  await sql`
    insert into public.client_members (client_id, user_id, role)
    values (${client?.id ?? ""}, ${user}, ${role})`;
  return { client: client?.id ?? "", headers: await tokenHeaders(user) };
}

/** Asks for a session; the answer with its status. */
async function ask(
  { platform }: StripeWorld,
  route: SessionRoute,
  client: string,
  headers: Headers,
  body: object = { return_url: HOME },
) {
  const address = addressOf(route, { client_id: client }, {});
  const response = await fetch(`${platform.urls.api}/functions/v1/${address}`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    cache: response.headers.get("cache-control"),
    body: await response.json(),
  };
}

/** A member whose role at the client is billing, or another. */
type Member = Awaited<ReturnType<typeof member>>;

/** A card is stored, and charged from then on, until the customer is gone. */
async function storesCard(world: StripeWorld, payer: Member): Promise<void> {
  const { stripe, sql, call } = world;
  await sql`
    insert into public.stripe_terms (client_id, payment_methods)
    values (${payer.client}, '{card,us_bank_account,customer_balance}')`;
  const setup = await ask(world, createSetupSession, payer.client, payer.headers);
  strictEqual(setup.status, 201);
  strictEqual(Date.parse(setup.body.expires_at) > Date.now(), true);
  const [session] = stripe.state.setupSessions.values();
  deepStrictEqual(session?.allowed_payment_method_types, ["card", "us_bank_account"]);
  deepStrictEqual([session?.currency, session?.success_url], ["usd", HOME]);
  const intent = stripe.completeSetup(session?.id ?? "", "requires_action");
  await stripe.webhooks.settled();
  const customer = stripe.state.customers.get(session?.customer ?? "");
  const charged = () => customer?.invoice_settings?.default_payment_method;
  await call("reconcile-stripe", { only: "outbox" });
  strictEqual(charged(), undefined, "a bank account is verified first");
  stripe.verifySetup(intent);
  await sql`update _billing.stripe_setups set asked_at = now() - interval '2 hours'`;
  await call("reconcile-stripe", { only: "outbox" });
  const method = stripe.state.setupIntents.get(intent)?.payment_method;
  match(method ?? "", /^pm_/);
  strictEqual(charged(), method);

  stripe.dashboard.deleteCustomer(customer?.id ?? "");
  await stripe.webhooks.settled();
  const gone = await ask(world, createSetupSession, payer.client, payer.headers);
  deepStrictEqual([gone.status, gone.body.code], [409, "stripe_customer_missing"]);
}

Deno.test("payers and operators open Stripe's portal and store cards; nobody else, and nowhere else", async () => {
  await withStripe(["Acme", "Other"], async (world) => {
    const { stripe, sendAll, sql } = world;
    const payer = await member(world, "Acme", "billing");
    const viewer = await member(world, "Acme", "viewer");
    const other = await member(world, "Other", "billing");
    const operator = await operatorHeaders();
    const portal = (headers: Headers, body?: object) =>
      ask(world, createPortalSession, payer.client, headers, body);
    const again = await portal({ ...payer.headers, "idempotency-key": "the same" });
    deepStrictEqual([again.status, again.body.code], [400, "bad_request"]);
    const early = await portal(payer.headers);
    deepStrictEqual([early.status, early.body.code], [409, "stripe_customer_missing"]);
    await sendAll();

    for (const headers of [payer.headers, operator]) {
      const { status, body, cache } = await portal(headers);
      strictEqual(status, 201);
      match(body.url, /^https:\/\/billing\.stripe\.com\//);
      deepStrictEqual([body.expires_at, cache], [null, "no-store"]);
    }
    const [first, second] = [await portal(operator), await portal(operator)];
    strictEqual(first.body.url === second.body.url, false, "each is a session of its own");
    const [kept] = await sql`
      select count(*)::int as rows from billing.idempotency_keys
      where operation in ('createPortalSession', 'createSetupSession')`;
    strictEqual(kept?.rows, 0, "no answer that opens something is kept");
    const seen = await portal(viewer.headers);
    deepStrictEqual([seen.status, seen.body.code], [403, "role_required"]);
    const outsider = await portal(other.headers);
    deepStrictEqual([outsider.status, outsider.body.code], [404, "not_found"]);

    for (
      const return_url of [
        "https://evil.example",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
        "https://user:pass@app.example.com/",
        "http://app.example.com/",
        "https://app.example.com:444/",
      ]
    ) {
      const { status, body } = await portal(operator, { return_url });
      deepStrictEqual([status, body.code], [400, "return_url_refused"], return_url);
      const setup = { return_url: HOME, cancel_url: return_url };
      const cancelled = await ask(world, createSetupSession, payer.client, operator, setup);
      deepStrictEqual([cancelled.status, cancelled.body.code], [400, "return_url_refused"]);
    }
    const script = await portal(operator, { return_url: "javascript:alert(1)" });
    deepStrictEqual([script.status, script.body.code], [400, "bad_request"]);
    stripe.state.hasPortal = false;
    const unset = await portal(operator);
    deepStrictEqual([unset.status, unset.body.code], [409, "stripe_refused"]);

    await storesCard(world, payer);
  });
});

/**
 * Files of three lines hold each line of the month once and skip none, though after each file there
 * is a line more in the first payout.
 */
async function arePagedOnce(
  { platform, sql }: StripeWorld,
  month: string,
  payout: string,
  lines: readonly string[],
): Promise<void> {
  const headers = await operatorHeaders();
  const get = (query: { month: string; limit?: number; after?: string }) =>
    fetch(`${platform.urls.api}/functions/v1/${addressOf(payoutLines, {}, query)}`, { headers });
  const paged: string[] = [];
  for (let after = ""; paged.length < 12;) {
    const file = await get({ month, limit: 3, ...after === "" ? {} : { after } });
    const rows = (await file.text()).trim().split("\r\n").slice(1).map((row) => row.split(","));
    paged.push(...rows.map((row) => row.slice(3, 10).join()));
    if (rows.length < 3) break;
    after = [rows[2]?.[0], rows[2]?.[10]].filter((name) => name !== "").join("/");
    await sql`
      insert into public.stripe_payout_transactions (transaction_id, payout_id, type, category,
        gross_minor, fee_minor, net_minor, currency, created_at)
      values (${`txn_early_${paged.length}`}, ${payout}, 'fee', 'fee', 0, 0, 0, 'USD', '2020-01-01')`;
  }
  deepStrictEqual(paged, lines);
  const refused = await get({ month, after: "po_none/txn_none" });
  strictEqual((await refused.json()).code, "bad_request");
}

/** A payout whose parts do not come to its amount is told of, once. */
async function isDifferenceTold({ stripe, call }: StripeWorld): Promise<void> {
  stripe.chargeFee(100, "usd");
  Object.assign(stripe.payOut("usd"), { amount: -99 });
  const { body } = await call("reconcile-stripe", { days: 3 });
  deepStrictEqual(
    Object(body).left.map((one: Record<string, string>) => [one.kind, one.ours, one.stripes]),
    [["payout", "parts come to -100", "-99 usd"]],
  );
}

Deno.test("a month's payouts are matched with invoices, refunds, disputes and fees, and the sums agree", async () => {
  await withStripe(["Acme", "Other"], async (world) => {
    const { stripe, sendAll, sql, call, platform } = world;
    await sendAll();
    const [first = "", second = ""] = [...stripe.state.invoices.keys()];
    stripe.payInvoice(first);
    stripe.payInvoice(second);
    stripe.dashboard.refund(first, 2000);
    stripe.chargeFee(200, "usd");
    const paid = stripe.payOut("usd");
    stripe.dashboard.decideDispute(stripe.dashboard.dispute(second), "won");
    const taken = stripe.payOut("usd");
    await stripe.webhooks.settled();
    for (const _ of [1, 2]) {
      const { body } = await call("reconcile-stripe", { days: 3 });
      deepStrictEqual(Object(body).left, []);
    }
    const month = new Date(paid.arrival_date * 1000).toISOString().slice(0, 7);
    const headers = await operatorHeaders();
    const get = (route: typeof listPayouts | typeof payoutLines) =>
      fetch(`${platform.urls.api}/functions/v1/${addressOf(route, {}, { month })}`, { headers });
    // Of 50.00 Stripe keeps 2.9 % and 0.30: 1.75. Back go 20.00, and 2.00 for Billing itself; then
    // 50.00 and a fee of 15.00 for a dispute, and 50.00 come again.
    const { data } = await (await get(listPayouts)).json();
    const sums = (row: Record<string, number>) =>
      ["gross_minor", "fee_minor", "net_minor", "amount_minor", "difference_minor", "transactions"]
        .map((name) => row[name]);
    deepStrictEqual(data.map(sums), [[7800, 350, 7450, 7450, 0, 4], [0, 1500, -1500, -1500, 0, 2]]);
    deepStrictEqual(data.map((row: { payout_id: string }) => row.payout_id), [paid.id, taken.id]);

    const answer = await get(payoutLines);
    deepStrictEqual([answer.status, answer.headers.get("content-type")], [
      200,
      "text/csv; charset=utf-8",
    ]);
    const [head, ...lines] = (await answer.text()).trim().split("\r\n").map((row) =>
      row.split(",")
    );
    deepStrictEqual(head?.slice(3, 10), [
      "category",
      "invoices",
      "clients",
      "gross",
      "fee",
      "net",
      "currency",
    ]);
    const rows = await sql<{ number: string; name: string }[]>`
      select i.number, c.name from public.invoices i join public.clients c on c.id = i.client_id
      order by i.number`;
    const [acme = "", other = ""] = rows.map(({ number, name }) => `${number},${name}`);
    deepStrictEqual(lines.map((row) => row.slice(3, 10).join()), [
      `charge,${acme},50.00,1.75,48.25,USD`,
      `charge,${other},50.00,1.75,48.25,USD`,
      `refund,${acme},-20.00,0.00,-20.00,USD`,
      "fee,,,-2.00,0.00,-2.00,USD",
      "payout,,,78.00,3.50,74.50,USD",
      `dispute,${other},-50.00,15.00,-65.00,USD`,
      `dispute_reversal,${other},50.00,0.00,50.00,USD`,
      "payout,,,0.00,15.00,-15.00,USD",
    ]);
    await arePagedOnce(world, month, paid.id, lines.map((row) => row.slice(3, 10).join()));
    // What came in by these lines is what the books say was paid and refunded.
    const [books] = await sql`
      select sum(amount_minor)::int as received from public.payments where method = 'stripe'`;
    strictEqual(books?.received, 5000 + 5000 - 2000);
    await isDifferenceTold(world);
  });
});

Deno.test("a part paid elsewhere is told to Stripe once, whatever is lost, and the rest is paid there", async () => {
  await withStripe(["Acme", "Early", "Raced"], async (world) => {
    const { stripe, sendAll, sql, call, invoices } = world;
    const transfer = (name: string, amount: number, reference: string) =>
      sql`select billing.record_payment(${invoices.get(name) ?? ""}, ${amount}::bigint, now(),
        'transfer', ${reference})`;
    // What was paid before Stripe had the invoice is a line of it, and nothing to be told.
    await transfer("Early", 700, "T-0");
    await sendAll();
    const remaining = () =>
      Object.fromEntries([...stripe.state.invoices.values()].map((invoice) => [
        stripe.state.customer(invoice.customer).name,
        `${invoice.status} ${remainingOf(invoice)}`,
      ]));
    await transfer("Acme", 1200, "T-1");
    await transfer("Acme", 300, "T-2");
    for (const lost of ["POST /v1/payment_records", "POST /v1/invoices/"]) {
      stripe.faults.push({ request: lost, kind: "lost", times: 3 });
    }
    for (let n = 0; n < 4; n++) await call("reconcile-stripe", { only: "outbox" });
    stripe.faults.length = 0;
    await stripe.webhooks.settled();
    deepStrictEqual(remaining(), { Acme: "open 3500", Early: "open 4300", Raced: "open 5000" });
    strictEqual(stripe.state.paymentRecords.size, 2);

    // The client pays all of it there, before Stripe is told of the part.
    stripe.webhooks.holding = true;
    await transfer("Raced", 2000, "T-3");
    for (const { id, customer } of stripe.state.invoices.values()) {
      if (stripe.state.customer(customer).name !== "Early") stripe.payInvoice(id);
    }
    await call("reconcile-stripe", { only: "outbox" });
    await stripe.webhooks.releaseBadly(() => false);
    await transfer("Early", 4300, "T-4");
    await eventually(async () => {
      await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
      await sql`select billing.process_stripe_events()`;
      const [waiting] = await sql`
        select count(*)::int as events from billing.stripe_events where state = 'pending'`;
      strictEqual(waiting?.events, 0);
    });
    const { body } = await call("reconcile-stripe", { days: 3 });
    deepStrictEqual(Object(body).left, []);
    deepStrictEqual(remaining(), { Acme: "paid 0", Early: "paid 0", Raced: "paid 0" });
    const books = await sql`
      select c.name, i.status, i.paid_minor::int as paid, coalesce((
        select sum(b.amount_minor)::int from public.balance_entries b where b.client_id = c.id
      ), 0) as credit from public.invoices i join public.clients c on c.id = i.client_id
      order by c.name`;
    deepStrictEqual(books.map(({ name, status, paid, credit }) => [name, status, paid, credit]), [
      ["Acme", "paid", 5000, 0],
      ["Early", "paid", 5000, 0],
      // 20.00 by transfer and 50.00 there: 20.00 are the client's.
      ["Raced", "paid", 5000, 2000],
    ]);
    deepStrictEqual([...await sql`select * from billing.check_invariants()`], []);
  });
});

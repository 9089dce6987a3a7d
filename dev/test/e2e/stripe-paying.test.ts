import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { createPortalSession, createSetupSession } from "../../../shared/api/payments.ts";
import { addressOf } from "../../../shared/client/billing-client.ts";
import { type Headers, operatorHeaders, tokenHeaders } from "../access/actors.ts";
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
    headers: { ...headers, "content-type": "application/json", "idempotency-key": "the same" },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    cache: response.headers.get("cache-control"),
    body: await response.json(),
  };
}

Deno.test("payers and operators open Stripe's portal and store cards; nobody else, and nowhere else", async () => {
  await withStripe(["Acme", "Other"], async (world) => {
    const { stripe, sendAll, sql, call } = world;
    const payer = await member(world, "Acme", "payer");
    const viewer = await member(world, "Acme", "viewer");
    const other = await member(world, "Other", "payer");
    const operator = await operatorHeaders();
    const portal = (headers: Headers, body?: object) =>
      ask(world, createPortalSession, payer.client, headers, body);
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
    deepStrictEqual([seen.status, seen.body.code], [403, "forbidden"]);
    const stranger = await portal(other.headers);
    deepStrictEqual([stranger.status, stranger.body.code], [404, "not_found"]);

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

    // A card is stored, and charged from then on.
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
  });
});

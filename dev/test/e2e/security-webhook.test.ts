import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import Stripe from "stripe";
import { hostedEnv } from "../../platform/function-env.ts";
import { serveFunctions } from "../../platform/functions.ts";
import { startGuard } from "../../platform/guard.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { platform } from "../support/platform-env.ts";

const SECRET = "whsec_replayed";
const { webhooks } = new Stripe("sk_test_replayed");

Deno.test("a webhook that is sent again changes nothing; old, early and forged ones are refused", async () => {
  const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
  const guard = startGuard();
  const functions = serveFunctions({ "stripe-webhook": { enabled: true, verify_jwt: false } }, {
    directory: join(repositoryRoot, "supabase", "functions"),
    deno: "current",
    env: {
      ...hostedEnv(platform.apiUrl, platform.databaseUrl),
      UNAUTHENTICATED_REQUESTS_PER_MINUTE: "1000",
      STRIPE_API_KEY: "sk_test_replayed",
      STRIPE_WEBHOOK_SECRET: SECRET,
    },
    guard,
  });
  const id = `evt_${crypto.randomUUID().replaceAll("-", "")}`;
  const now = () => Math.floor(Date.now() / 1000);
  const payload = JSON.stringify({
    id,
    object: "event",
    type: "customer.updated",
    created: now(),
    livemode: false,
    data: { object: { id: "cus_nobody", object: "customer", name: "Grüße" } },
  });
  const send = async (body: string, signature: string | null) => {
    const response = await functions.fetch(
      new Request(`${platform.apiUrl}/functions/v1/stripe-webhook`, {
        method: "POST",
        body,
        headers: signature === null ? {} : { "stripe-signature": signature },
      }),
    );
    const { code, duplicate } = await response.json();
    return [response.status, code ?? (duplicate ? "duplicate" : "new")];
  };
  const sign = (timestamp: number, body = payload, secret = SECRET) =>
    webhooks.generateTestHeaderStringAsync({ payload: body, secret, timestamp });
  const refused = [400, "signature_invalid"];
  try {
    const signature = await sign(now());
    deepStrictEqual(await send(payload, signature), [200, "new"]);
    // The same request, the same event signed again, and ten of both at once.
    deepStrictEqual(await send(payload, signature), [200, "duplicate"]);
    deepStrictEqual(await send(payload, await sign(now())), [200, "duplicate"]);
    const many = await Promise.all(Array.from({ length: 10 }, () => send(payload, signature)));
    deepStrictEqual(many, Array(10).fill([200, "duplicate"]));
    const [stored] = await sql`
      select count(*)::int as rows from billing.stripe_events where id = ${id}`;
    strictEqual(stored?.rows, 1);

    deepStrictEqual(await send(payload, await sign(now() - 400)), refused, "old");
    deepStrictEqual(await send(payload, await sign(now() + 400)), refused, "early");
    deepStrictEqual(await send(payload, await sign(now(), payload, "whsec_another")), refused);
    deepStrictEqual(await send(payload.replace(id, "evt_other"), signature), refused, "changed");
    deepStrictEqual(await send(payload, null), refused, "unsigned");
    deepStrictEqual(await send(payload, `t=${now()},v0=${"0".repeat(64)}`), refused, "v0 alone");
    deepStrictEqual(await send(payload, `t=${"9".repeat(8000)},v1=`), refused, "long");
    // Signed, and nothing that Postgres can store: Stripe is told why.
    const nul = payload.replace("Grüße", "\\u0000").replace(id, `${id}nul`);
    deepStrictEqual(await send(nul, await sign(now(), nul)), [400, "bad_request"]);
  } finally {
    await functions.stop();
    await guard.stop();
    await sql.end();
  }
});

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createClient } from "@supabase/supabase-js";
import { SignJWT } from "jose";
import postgres from "postgres";
import { jwtKeyId, jwtSecret, platformKeys } from "../../platform/keys.ts";
import { type Headers, signUp } from "../access/actors.ts";
import { type FullClient, fullClient } from "../access/two-clients.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const member = await signUp();
const mine = await fullClient(sql, member.id, `TOKENS-${crypto.randomUUID()}`);

interface Token {
  readonly claims?: Record<string, unknown>;
  readonly secret?: string;
  readonly kid?: string;
  readonly expires?: number;
}

/** A member's token as the project signs it, but for what is given otherwise. */
function token({ claims = {}, secret = jwtSecret, kid = jwtKeyId, expires }: Token = {}) {
  return new SignJWT({
    role: "authenticated",
    sub: member.id,
    aud: "authenticated",
    exp: expires ?? Math.floor(Date.now() / 1000) + 3600,
    ...claims,
  })
    .setProtectedHeader({ alg: "HS256", kid, typ: "JWT" }).setIssuedAt()
    .sign(new TextEncoder().encode(secret));
}

/** With a header of one's own and no signature, or somebody's. */
function unsigned(header: object, signature: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    role: "authenticated",
    sub: member.id,
    exp: 4_000_000_000,
    aud: "authenticated",
  };
  return `${part(header)}.${part(claims)}.${signature}`;
}

function bearer(text: string): Headers {
  return { apikey: platform.publishableKey, authorization: `Bearer ${text}` };
}

/** What members' own things answer: the API, the renderer. */
async function answers(headers: Headers): Promise<number[]> {
  const paths = [
    `billing/invoices/${mine.invoiceId}`,
    `billing/clients/${mine.id}`,
    `render-invoice?format=json&invoice_id=${mine.invoiceId}`,
  ];
  return await Promise.all(paths.map(async (path) => {
    const response = await fetch(`${platform.apiUrl}/functions/v1/${path}`, { headers });
    await response.body?.cancel();
    return response.status;
  }));
}

Deno.test("a member's token opens what is theirs: the others below fail for what they are", async () => {
  deepStrictEqual(await answers(bearer(await token())), [200, 200, 200]);
  const week = Math.floor(Date.now() / 1000) + 7 * 24 * 3600 - 60;
  deepStrictEqual(await answers(bearer(await token({ expires: week }))), [200, 200, 200]);
});

Deno.test("expired, unsigned, wrongly signed and foreign tokens open nothing", async () => {
  const good = await token();
  const [header = "", payload = "", signature = ""] = good.split(".");
  const other = "another-project-s-secret-of-at-least-32-characters";
  const tokens: Record<string, string> = {
    expired: await token({ expires: Math.floor(Date.now() / 1000) - 3600 }),
    "of another project, under our key's name": await token({ secret: other }),
    "of another project, under its own": await token({ secret: other, kid: "another-project" }),
    "alg none, unsigned": unsigned({ alg: "none", kid: jwtKeyId }, ""),
    "alg None, another's signature": unsigned({ alg: "None", kid: jwtKeyId }, signature),
    "without a key's name": unsigned({ alg: "HS256" }, signature),
    "another algorithm": unsigned({ alg: "RS256", kid: jwtKeyId }, signature),
    "a key from elsewhere": unsigned({
      alg: "HS256",
      kid: jwtKeyId,
      jku: "https://evil.example/jwks",
      jwk: { kty: "oct", k: "AAAA" },
    }, signature),
    "claims changed": `${header}.${unsigned({}, "").split(".")[1]}.${signature}`,
    "signature cut": `${header}.${payload}.${signature.slice(0, -2)}`,
    "signature gone": `${header}.${payload}.`,
    "the publishable key": platform.publishableKey,
    "a legacy anon key": platformKeys.anonJwt,
    nonsense: "a.b.c",
    empty: "",
  };
  for (const [name, text] of Object.entries(tokens)) {
    deepStrictEqual(await answers(bearer(text)), [401, 401, 401], name);
  }
});

Deno.test("a user that user_metadata or its own role calls operator is none", async () => {
  const claims = [
    { user_metadata: { role: "operator" } },
    { raw_app_meta_data: { role: "operator" }, is_operator: true },
    { app_metadata: { role: ["operator"] } },
    { app_metadata: { role: "Operator" } },
    { app_metadata: "operator" },
  ];
  for (const one of claims) {
    const headers = bearer(await token({ claims: one }));
    const runs = await fetch(`${platform.apiUrl}/functions/v1/billing/runs`, { headers });
    deepStrictEqual([runs.status, (await runs.json()).code], [403, "forbidden"]);
    const rows = await fetch(`${platform.apiUrl}/rest/v1/billing_settings?select=id`, { headers });
    deepStrictEqual(await rows.json(), [], JSON.stringify(one));
  }
  // As a front end would do it: what a user writes about itself lands in user_metadata.
  const user = createClient(platform.apiUrl, platform.publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
  const { data } = await user.auth.signUp({
    email: `${crypto.randomUUID()}@example.com`,
    password: "correct horse",
    options: { data: { role: "operator", app_metadata: { role: "operator" } } },
  });
  const runs = await fetch(`${platform.apiUrl}/functions/v1/billing/runs`, {
    headers: bearer(data.session?.access_token ?? ""),
  });
  await runs.body?.cancel();
  strictEqual(runs.status, 403);
});

Deno.test("a token of another role than a user's is no user", async () => {
  for (const role of ["service_role", "anon", "postgres", "supabase_admin", "no_role", null]) {
    const headers = bearer(await token({ claims: { role } }));
    deepStrictEqual(await answers(headers), [401, 401, 401], String(role));
  }
});

Deno.test("a token that names no user, another audience or issuer, or never ends opens nothing", async () => {
  const odd: Record<string, unknown>[] = [
    { sub: "not-an-id" },
    { sub: "" },
    { sub: ["a"] },
    { sub: `${member.id}'; --` },
    { role: ["authenticated"] },
    { role: { name: "authenticated" } },
    { aud: "another-service" },
    { aud: ["another-service"] },
    { aud: null },
    { iss: "https://evil.example" },
    { iss: 7 },
    { exp: null },
    { exp: "tomorrow" },
    { exp: -1 },
    { exp: [4_000_000_000] },
    { exp: true },
    // A minute more than a week, the longest that Auth can be told to make them.
    { exp: Math.floor(Date.now() / 1000) + 7 * 24 * 3600 + 60 },
    { aud: "" },
    { aud: [1] },
    { aud: { authenticated: true } },
    { iss: "" },
    { iss: ["https://project.supabase.co/auth/v1"] },
    { iss: "javascript:alert(1)//auth/v1" },
    { iss: "https://evil.example/auth/v1/../../x" },
    { nbf: 4_000_000_000 },
  ];
  for (const claims of odd) {
    const headers = bearer(await token({ claims }));
    deepStrictEqual(await answers(headers), [401, 401, 401], JSON.stringify(claims));
  }
  // Well-formed, and more than the database can store: the caller's mistake, not ours.
  const nul = bearer(await token({ claims: { user_metadata: { name: "a\0b" } } }));
  for (const status of await answers(nul)) ok(status >= 200 && status < 500, String(status));
});

Deno.test("the scheme bearer may be written in any case, and an issuer be any Auth server", async () => {
  const good = await token({ claims: { iss: "https://project.supabase.co/auth/v1" } });
  for (const scheme of ["bearer", "BEARER"]) {
    const headers = { apikey: platform.publishableKey, authorization: `${scheme} ${good}` };
    deepStrictEqual(await answers(headers), [200, 200, 200]);
  }
});

Deno.test("a removed member sees nothing from the next request on, with the same token", async () => {
  const user = await signUp();
  const client: FullClient = await fullClient(sql, user.id, `TOKENS-${crypto.randomUUID()}`);
  const see = async () => {
    const paths = [
      `functions/v1/billing/invoices/${client.invoiceId}`,
      `functions/v1/billing/clients/${client.id}/usage?start=2026-06-01&end=2026-06-30`,
      `functions/v1/render-invoice?format=json&invoice_id=${client.invoiceId}`,
    ];
    const statuses = await Promise.all(paths.map(async (path) => {
      const response = await fetch(`${platform.apiUrl}/${path}`, { headers: user.headers });
      await response.body?.cancel();
      return response.status;
    }));
    const rows = await fetch(`${platform.apiUrl}/rest/v1/invoices?select=id`, {
      headers: user.headers,
    });
    return [...statuses, (await rows.json()).length > 0];
  };
  deepStrictEqual(await see(), [200, 200, 200, true]);
  const removed = await fetch(
    `${platform.apiUrl}/functions/v1/billing/clients/${client.id}/members/${user.id}`,
    { method: "DELETE", headers: { apikey: platform.secretKey } },
  );
  await removed.body?.cancel();
  strictEqual(removed.status, 200);
  deepStrictEqual(await see(), [404, 404, 404, false]);
});

Deno.test.afterAll(() => sql.end());

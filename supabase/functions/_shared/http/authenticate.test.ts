import { deepStrictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { env } from "node:process";
import { authenticate } from "./authenticate.ts";

// A self-hosted Supabase: keys are tokens of roles, signed with JWT_SECRET or a key of SUPABASE_JWKS.
const SECRET = "a-secret-of-a-self-hosted-project-of-40-c";
const USER = "9f4d2c1e-0000-4000-8000-000000000001";
const in1Hour = Math.trunc(Date.now() / 1000) + 3600;
const user = { sub: USER, role: "authenticated", aud: "authenticated", exp: in1Hour };
const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

function hs256(claims: unknown, secret = SECRET, header: object = { alg: "HS256", typ: "JWT" }) {
  const content = `${base64url(header)}.${base64url(claims)}`;
  return `${content}.${createHmac("sha256", secret).update(content).digest("base64url")}`;
}

const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
  "sign",
  "verify",
]);
async function es256(claims: unknown) {
  const content = `${base64url({ alg: "ES256", typ: "JWT", kid: "one" })}.${base64url(claims)}`;
  const signature = await crypto.subtle.sign(
    { name: "ECDSA", hash: "SHA-256" },
    pair.privateKey,
    new TextEncoder().encode(content),
  );
  return `${content}.${Buffer.from(signature).toString("base64url")}`;
}
const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
const jwk = { kty, crv, x, y, alg: "ES256", kid: "one", use: "sig" };

/** Who is taken for the caller, under these variables. */
async function caller(variables: Record<string, string>, headers: Record<string, string>) {
  const all = { SUPABASE_URL: "http://kong:8000", ...variables };
  const before = Object.keys(all).map((name) => [name, env[name]] as const);
  Object.assign(env, all);
  try {
    const found = await authenticate(new Request("http://functions/billing", { headers }));
    return found === null ? "refused" : `${found.actor} ${found.name}`;
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete env[name];
      else env[name] = value;
    }
  }
}

const selfHosted = { JWT_SECRET: SECRET };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const service = { role: "service_role", iss: "supabase", exp: in1Hour };

Deno.test("self-hosted: keys that are tokens of the secret are keys, as for the Data API", async () => {
  deepStrictEqual([
    await caller(selfHosted, { apikey: hs256(service), ...bearer(hs256(service)) }),
    await caller(selfHosted, bearer(hs256(service))),
    await caller(selfHosted, { apikey: hs256(service) }),
    await caller(selfHosted, { apikey: hs256({ ...service, role: "anon" }) }),
    await caller(selfHosted, {
      apikey: hs256({ ...service, role: "anon" }),
      ...bearer(hs256(user)),
    }),
  ], [
    "service key:default",
    "service key:default",
    "service key:default",
    "anon anon",
    `member ${USER}`,
  ]);
});

Deno.test("self-hosted: tokens of an asymmetric key are taken by SUPABASE_JWKS", async () => {
  const variables = { ...selfHosted, SUPABASE_JWKS: JSON.stringify({ keys: [jwk] }) };
  deepStrictEqual([
    await caller(variables, { apikey: await es256(service) }),
    await caller(variables, bearer(await es256(service))),
    await caller(variables, bearer(await es256(user))),
    await caller(variables, bearer(hs256(user))),
  ], ["service key:default", "service key:default", `member ${USER}`, `member ${USER}`]);
});

Deno.test("self-hosted: forged, expired and early tokens and other roles and algorithms are refused", async () => {
  const past = in1Hour - 7200;
  for (
    const token of [
      hs256(service, "another-secret-of-another-project-40-chars"),
      hs256({ ...service, exp: past }),
      hs256({ ...service, nbf: in1Hour }),
      hs256({ ...service, role: "postgres" }),
      hs256({ ...service, role: undefined }),
      hs256(service, SECRET, { alg: "none" }),
      hs256(service, SECRET, { alg: "HS512" }),
      hs256({ ...user, exp: undefined }),
      `${hs256(service)}x`,
      "a.b.c",
    ]
  ) {
    deepStrictEqual(await caller(selfHosted, bearer(token)), "refused", token);
    // A good key beside it does not help.
    deepStrictEqual(
      await caller(selfHosted, { apikey: hs256(service), ...bearer(token) }),
      "refused",
      token,
    );
  }
});

Deno.test("hosted: a signed token of role service_role is no key", async () => {
  const hosted = { SUPABASE_JWKS: JSON.stringify({ keys: [jwk] }) };
  deepStrictEqual([
    await caller(hosted, bearer(await es256(service))),
    await caller(hosted, bearer(hs256(service))),
    await caller(hosted, bearer(await es256(user))),
  ], ["refused", "refused", `member ${USER}`]);
});

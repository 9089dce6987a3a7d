import { deepStrictEqual, ok } from "node:assert/strict";
import { SignJWT } from "jose";
import { ROUTES } from "../../../shared/api/routes.ts";
import { jwtKeyId, jwtSecret, platformKeys } from "../../platform/keys.ts";
import { FUNCTIONS } from "../access/matrix.ts";
import { billJune, seedJune, withDeliveryWorld } from "../support/delivery-world.ts";

const member = crypto.randomUUID();

/** What each answer of a function says, whatever it answers to whom. */
const EVERYWHERE: Readonly<Record<string, RegExp>> = {
  "cache-control": /^no-store$/,
  "content-security-policy": /^default-src 'none'; frame-ancestors 'none'$/,
  "referrer-policy": /^no-referrer$/,
  "strict-transport-security": /^max-age=(63072000|[1-9]\d{8,})$/,
  "x-content-type-options": /^nosniff$/,
  "x-request-id": /^[\w-]{8,64}$/,
};

/** Who asks. */
async function callers(): Promise<Record<string, Record<string, string>>> {
  const bearer = async (subject: string, claims: object) => {
    const token = await new SignJWT({ role: "authenticated", ...claims })
      .setProtectedHeader({ alg: "HS256", kid: jwtKeyId, typ: "JWT" })
      .setSubject(subject).setAudience("authenticated").setIssuedAt().setExpirationTime("1h")
      .sign(new TextEncoder().encode(jwtSecret));
    return { apikey: platformKeys.publishable, authorization: `Bearer ${token}` };
  };
  return {
    anon: {},
    agent: { apikey: platformKeys.agentSecret },
    cron: { apikey: platformKeys.cronSecret },
    service: { apikey: platformKeys.secret },
    member: await bearer(member, {}),
    operator: await bearer(crypto.randomUUID(), { app_metadata: { role: "operator" } }),
  };
}

/** Every operation and every function that is none: reads first, for the rows that are there. */
function requests(client: string, invoice: string) {
  return [
    ...ROUTES.map(({ id, method, path }) => ({
      name: id,
      method: String(method),
      path: path.replace("{client_id}", client).replace("{invoice_id}", invoice)
        .replace("{member_id}", member).replace(/\{\w+\}/, crypto.randomUUID()),
    })),
    ...Object.keys(FUNCTIONS).flatMap((name) =>
      ["GET", "POST"].map((method) => ({ name, method, path: `/${name}` }))
    ),
    ...["html", "pdf", "json"].map((format) => ({
      name: `a document as ${format}`,
      method: "GET",
      path: `/render-invoice?format=${format}&invoice_id=${invoice}`,
    })),
    { name: "nothing", method: "GET", path: "/billing/nowhere" },
    { name: "a method that is not offered", method: "PUT", path: "/billing/clients" },
    { name: "a preflight", method: "OPTIONS", path: "/billing/clients" },
  ].toSorted((one, other) => Number(one.method !== "GET") - Number(other.method !== "GET"));
}

Deno.test("every answer of every route and function to everybody keeps to the headers", () =>
  withDeliveryWorld(async ({ sql, platform }) => {
    await seedJune(sql, 1);
    await billJune(sql);
    const [{ id, client_id: client }] = await sql<[{ id: string; client_id: string }]>`
      select id, client_id from public.invoices`;
    await sql`insert into auth.users (id) values (${member})`;
    await sql`insert into public.client_members (client_id, user_id) values (${client}, ${member})`;
    const statuses = new Set<number>();
    const wrong: string[] = [];
    const all = Object.entries(await callers());
    let place = 0;
    for (const { name, method, path } of requests(client, id)) {
      place += 1;
      for (const [caller, headers] of all) {
        const ask = async (more: Record<string, string>) => {
          // An address for each request, so that refusals are not too many for one.
          const response = await fetch(`${platform.urls.api}/functions/v1${path}`, {
            method,
            headers: { ...headers, "x-forwarded-for": `198.51.100.${place}`, ...more },
          });
          await response.body?.cancel();
          statuses.add(response.status);
          wrong.push(...differencesOf(response).map((one) => `${name}, ${caller}: ${one}`));
          return response.headers.get("etag");
        };
        const etag = await ask({});
        if (etag !== null) await ask({ "if-none-match": etag });
      }
    }
    deepStrictEqual(wrong, []);
    for (const status of [200, 204, 304, 400, 401, 403, 404, 405]) {
      ok(statuses.has(status), `no answer was ${status}`);
    }
  }));

function differencesOf({ headers }: Response): string[] {
  return [
    ...Object.entries(EVERYWHERE).filter(([name, value]) => !value.test(headers.get(name) ?? ""))
      .map(([name]) => `${name} is ${headers.get(name)}`),
    // Nothing is answered by cookie.
    ...headers.has("set-cookie") ? ["it sets a cookie"] : [],
  ];
}

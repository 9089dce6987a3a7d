import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { z } from "zod";
import { tokenSigner } from "../../../cli/agent-token.ts";
import { createAgentKey, revokeAgentKey } from "../../../shared/api/agent-keys.ts";
import { previewInvoice } from "../../../shared/api/invoices.ts";
import { billingClient } from "../../../shared/client/billing-client.ts";
import { jwtSecret } from "../../platform/keys.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const billing = billingClient(createClient(platform.apiUrl, platform.secretKey));

/** A client that logs can name; served since June 2026. */
async function newClient(): Promise<{ id: string; name: string }> {
  const name = `keyed-${crypto.randomUUID()}`;
  const [row] = await sql<{ id: string }[]>`
    insert into public.clients (name, external_id, started_on)
    values (${name}, ${name}, '2026-06-01') returning id`;
  return { id: row?.id ?? "", name };
}

/** As a reference agent writes it: keys in this order, separators of Python's json. */
const WIRE_BODY = '{"agent": "SCHOLAR", "endpoint": "deep-research", ' +
  '"model": "claude-sonnet-4-20250514", "input_tokens": 1000000, "output_tokens": 100000, ' +
  '"web_searches": 10, "other_features": {"pdf_processing": 3, "image_processing": 1}, ' +
  '"input_cost": 3.0, "output_cost": 1.5, "feature_cost": 0.17, "total_cost": 4.67, ' +
  '"metadata": METADATA, "timestamp": "TIME"}';

/** Posts as the reference agent does, the same key in both headers. */
async function post(key: string, body: string, more: Record<string, string> = {}) {
  const response = await fetch(`${platform.apiUrl}/rest/v1/agent_usage_logs`, {
    method: "POST",
    headers: {
      "apikey": key,
      "Authorization": `Bearer ${key}`,
      "Content-Type": "application/json",
      "Prefer": "return=minimal",
      ...more,
    },
    body,
    signal: AbortSignal.timeout(5000),
  });
  const text = await response.text();
  return { status: response.status, code: text === "" ? "" : JSON.parse(text).details, text };
}

async function signedKey(client: string) {
  const { data } = await billing(createAgentKey, {
    body: { name: "tracker", agent: "SCHOLAR", client_ids: [client], kind: "jwt" },
  });
  if (data === null) throw new Error("no key");
  strictEqual(data.token, null);
  const token = await tokenSigner({ SUPABASE_JWT_SECRET: jwtSecret })(data.key);
  return { id: data.key.id, token };
}

const Lines = z.object({
  lines: z.array(z.object({ kind: z.string(), amount_minor: z.int() })),
});
const now = () => new Date().toISOString().replace("Z", "456");

Deno.test("the reference client's exact request with an agent's signed token is stored and billed to the cent", async () => {
  const client = await newClient();
  const { id, token } = await signedKey(client.id);
  const at = now();
  const stored = await post(token, WIRE_BODY.replace("METADATA", "{}").replace("TIME", at));
  deepStrictEqual([stored.status, stored.text], [201, ""]);
  const claim = JSON.stringify({ client_id: client.name });
  const claimed = await post(token, WIRE_BODY.replace("METADATA", claim).replace("TIME", at));
  strictEqual(claimed.status, 201);
  const [row] = await sql`
    select count(*)::int as rows, count(client_id)::int as owned from public.agent_usage_logs
    where client_id = ${client.id}`;
  deepStrictEqual({ ...row }, { rows: 2, owned: 2 });
  const { data } = await billing(previewInvoice, { body: { client_id: client.id } });
  // Each: 1M in at 3.00, 100k out at 15.00 a million, 10 searches, 3 pages at 0.02, 1 image at 0.01:
  // 3.00 + 1.50 + 0.10 + 0.06 + 0.01 = 4.67; two are 9.34.
  const { lines } = Lines.parse(data?.document);
  const usage = lines.filter(({ kind }) => kind === "usage");
  strictEqual(usage.reduce((sum, { amount_minor }) => sum + amount_minor, 0), 934);
  const [used] = await sql`
    select last_used_at is not null as used from billing.agent_keys where id = ${id}`;
  strictEqual(used?.used, true);
});

Deno.test("a signed token inserts for its client and nothing else: no row is read, changed or shown", async () => {
  const [mine, theirs] = [await newClient(), await newClient()];
  const { id, token } = await signedKey(mine.id);
  const body = (metadata: string, at = now()) =>
    WIRE_BODY.replace("METADATA", metadata).replace("TIME", at);
  const claim = JSON.stringify({ client_id: theirs.name });
  deepStrictEqual(
    (({ status, code }) => [status, code])(await post(token, body(claim))),
    [403, "client_not_allowed"],
  );
  deepStrictEqual(
    (({ status, code }) => [status, code])(await post(token, body("{}", "2020-01-01T00:00:00"))),
    [403, "time_not_allowed"],
  );
  const shown = await post(token, body("{}"), { Prefer: "return=representation" });
  strictEqual(shown.status, 403);
  const merged = await post(token, body("{}"), { Prefer: "resolution=merge-duplicates" });
  strictEqual(merged.status, 403);
  const ours = JSON.stringify({ ...JSON.parse(body("{}")), client_id: theirs.id });
  strictEqual((await post(token, ours)).status, 403);
  const headers = { apikey: token, authorization: `Bearer ${token}` };
  for (const method of ["GET", "HEAD", "PATCH", "DELETE"]) {
    const response = await fetch(`${platform.apiUrl}/rest/v1/agent_usage_logs?agent=eq.SCHOLAR`, {
      method,
      headers: { ...headers, "content-type": "application/json" },
      body: method === "PATCH" ? '{"agent": "X"}' : undefined,
    });
    await response.body?.cancel();
    strictEqual(response.status, 403, method);
  }
  for (const path of ["billing/clients", "billing/agent-keys", "ingest-usage", "deliver"]) {
    const response = await fetch(`${platform.apiUrl}/functions/v1/${path}`, {
      method: path === "ingest-usage" ? "POST" : "GET",
      headers,
      body: path === "ingest-usage" ? "[]" : undefined,
    });
    await response.body?.cancel();
    strictEqual(response.status, 401, path);
  }
  const [stored] = await sql`
    select count(*)::int as rows from public.agent_usage_logs
    where client_id in (${mine.id}, ${theirs.id})`;
  strictEqual(stored?.rows, 0);
  await billing(revokeAgentKey, { params: { key_id: id }, body: {} });
  deepStrictEqual(
    (({ status, code }) => [status, code])(await post(token, body("{}"))),
    [401, "unauthorized"],
  );
});

Deno.test("a token that is signed otherwise, or names another key, logs nothing", async () => {
  const { id } = await signedKey((await newClient()).id);
  const key = { id, client_ids: null, expires_at: "2036-01-01T00:00:00Z" };
  const forged = await tokenSigner({ SUPABASE_JWT_SECRET: "f".repeat(40) })(key);
  const body = WIRE_BODY.replace("METADATA", "{}").replace("TIME", now());
  strictEqual((await post(forged, body)).status, 401);
  const sign = tokenSigner({ SUPABASE_JWT_SECRET: jwtSecret });
  const other = await sign({ ...key, id: crypto.randomUUID() });
  strictEqual((await post(other, body)).status, 401);
  const expired = await sign({ ...key, expires_at: "2020-01-01T00:00:00Z" });
  strictEqual((await post(expired, body)).status, 401);
});

Deno.test.afterAll(() => sql.end());

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import {
  createAgentKey,
  listAgentKeys,
  revokeAgentKey,
  rotateAgentKey,
} from "../../../shared/api/agent-keys.ts";
import { billingClient } from "../../../shared/client/billing-client.ts";
import { usageLogger } from "../../../shared/client/usage-logger.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 2, onnotice: () => {} });
const billing = billingClient(createClient(platform.apiUrl, platform.secretKey));

/** A client that logs can name; served since June 2026. */
async function newClient(): Promise<{ id: string; name: string }> {
  const name = `keyed-${crypto.randomUUID()}`;
  const [row] = await sql<{ id: string }[]>`
    insert into public.clients (name, external_id, started_on)
    values (${name}, ${name}, '2026-06-01') returning id`;
  return { id: row?.id ?? "", name };
}

/** A key of SCHOLAR for one client, and its token. */
async function newKey(client: string, more: Record<string, unknown> = {}) {
  const { data, error } = await billing(createAgentKey, {
    body: { name: "SCHOLAR, test", agent: "SCHOLAR", client_ids: [client], ...more },
  });
  strictEqual(error, null);
  const token = data?.token ?? "";
  match(token, /^lea_[0-9a-f]{56}$/);
  return { id: data?.key.id ?? "", token };
}

const event = (more: Record<string, unknown> = {}) => ({
  model: "claude-sonnet",
  input_tokens: 7,
  ...more,
});

async function ingest(token: string, events: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${platform.apiUrl}/functions/v1/ingest-usage`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      // Of this test's own, so that refusals use up nobody else's answers.
      "x-forwarded-for": `10.77.${token.charCodeAt(4)}.${token.charCodeAt(5)}`,
      ...headers,
    },
    body: JSON.stringify(events),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

Deno.test("an agent logs with a key of its own, as bearer or apikey, and is billed for its client", async () => {
  const client = await newClient();
  const { id, token } = await newKey(client.id);
  const { status, body } = await ingest(token, [event(), event({ agent: "SCHOLAR" })]);
  deepStrictEqual([status, body.inserted], [200, 2]);
  const asKey = await ingest("", [event()], { apikey: token, authorization: "" });
  deepStrictEqual([asKey.status, asKey.body.inserted], [200, 1]);
  const logger = usageLogger({
    billing: billingClient(createClient(platform.apiUrl, token)),
    now: () => new Date(),
    after: () => () => {},
  });
  logger.log({ agent: "SCHOLAR", model: "claude-sonnet", input_tokens: 7 });
  strictEqual(await logger.close(), 0);
  await sql`select billing.count_usage()`;
  const [counted] = await sql`
    select sum(quantity)::int as tokens, min(agent) as agent from public.usage_records
    where client_id = ${client.id} and metric = 'input_tokens'`;
  deepStrictEqual({ ...counted }, { tokens: 28, agent: "SCHOLAR" });
  const { data } = await billing(listAgentKeys, { query: { limit: 200 } });
  const shown = data?.data.find((key) => key.id === id);
  ok(shown?.last_used_at !== null && shown?.state === "active", "its last use is shown");
  ok(!JSON.stringify(data).includes("lea_"), "no list shows a token");
});

Deno.test("events beyond a key's rights are refused one by one, with a code", async () => {
  const [mine, theirs] = [await newClient(), await newClient()];
  const { token } = await newKey(mine.id);
  const { status, body } = await ingest(token, [
    event({ agent: "CHIRON" }),
    event({ client_id: theirs.id }),
    event({ metadata: { client_id: theirs.name } }),
    event({ timestamp: "1970-01-01T00:00:00" }),
    event({ timestamp: new Date(Date.now() + 2 * 3_600_000).toISOString() }),
    event({ metadata: { client_id: mine.name } }),
    event({ corrects_id: crypto.randomUUID() }),
  ]);
  strictEqual(status, 200);
  deepStrictEqual(
    body.results.map(({ result, errors }: { result: string; errors?: Record<string, string>[] }) =>
      [result, errors?.[0]?.code, errors?.[0]?.pointer].join(" ").trim()
    ),
    [
      "invalid agent_not_allowed /agent",
      "invalid client_not_allowed /client_id",
      "invalid client_not_allowed /client_id",
      "invalid time_not_allowed /timestamp",
      "invalid time_not_allowed /timestamp",
      "inserted",
      "invalid correction_refused /corrects_id",
    ],
  );
  const [stored] = await sql`
    select count(*)::int as rows from public.agent_usage_logs where client_id = ${theirs.id}`;
  strictEqual(stored?.rows, 0);
});

Deno.test("unknown, mistyped, expired and revoked keys are answered alike, a revoked one at once", async () => {
  const client = await newClient();
  const [expired, revoked] = [await newKey(client.id), await newKey(client.id)];
  strictEqual((await ingest(revoked.token, [event()])).status, 200);
  await sql`update _billing.agent_keys set expires_at = now() where id = ${expired.id}`;
  const { error } = await billing(revokeAgentKey, {
    params: { key_id: revoked.id },
    body: { reason: "test" },
  });
  strictEqual(error, null);
  const [made] = await sql<{ token: string }[]>`select _billing.new_agent_token() as token`;
  const mistyped = `${revoked.token.slice(0, -1)}${revoked.token.endsWith("0") ? "1" : "0"}`;
  const told = new Set<string>();
  for (const token of [expired.token, revoked.token, made?.token ?? "", mistyped, "lea_x"]) {
    const { status, body, headers } = await ingest(token, [event()]);
    strictEqual(status, 401);
    ok(!headers.has("retry-after"));
    told.add(body.code);
  }
  deepStrictEqual([...told], ["unauthorized"]);
});

Deno.test("a key opens nothing but ingest-usage", async () => {
  const { token } = await newKey((await newClient()).id);
  const headers = { apikey: token, authorization: `Bearer ${token}` };
  for (const path of ["billing/clients", "billing/health", "billing/agent-keys", "deliver"]) {
    const response = await fetch(`${platform.apiUrl}/functions/v1/${path}`, { headers });
    await response.body?.cancel();
    strictEqual(response.status, 401, path);
  }
  const direct = await fetch(`${platform.apiUrl}/rest/v1/agent_usage_logs`, { headers });
  await direct.body?.cancel();
  strictEqual(direct.status, 401);
});

Deno.test("beyond the quota of the day a batch is refused until midnight, and a retry is not counted", async () => {
  const { token } = await newKey((await newClient()).id, { daily_events: 3 });
  const first = [event({ id: crypto.randomUUID() }), event({ id: crypto.randomUUID() })];
  strictEqual((await ingest(token, first)).body.inserted, 2);
  strictEqual((await ingest(token, first)).body.duplicate, 2);
  const over = await ingest(token, [event(), event()]);
  deepStrictEqual([over.status, over.body.code], [429, "quota_exceeded"]);
  const wait = Number(over.headers.get("retry-after"));
  const left = 86_400 - Math.floor(Date.now() / 1000) % 86_400;
  ok(Math.abs(wait - left) < 60, `retry after ${wait} s, midnight is in ${left}`);
  strictEqual((await ingest(token, [event()])).body.inserted, 1);
});

Deno.test("requests of one key wait for none of each other, whatever they count", async () => {
  const { id, token } = await newKey((await newClient()).id, { daily_events: 1000 });
  const held = await sql.reserve();
  try {
    strictEqual((await ingest(token, [event()])).status, 200);
    // Another request that has counted and has not committed.
    await held`begin`;
    await held`select * from billing.ingest_usage_by_key(${id}, '[{"model": "m"}]')`;
    await held`update _billing.agent_key_use set last_used_at = '-infinity' where key_id = ${id}`;
    const started = performance.now();
    strictEqual((await ingest(token, [event()])).body.inserted, 1);
    ok(performance.now() - started < 3000);
    await held`commit`;
  } finally {
    held.release();
  }
  const [counted] = await sql`select events_today::int from billing.agent_keys where id = ${id}`;
  strictEqual(counted?.events_today, 3);
});

Deno.test("a rotated key and its successor both log, until the overlap is over", async () => {
  const client = await newClient();
  const old = await newKey(client.id);
  const { data } = await billing(rotateAgentKey, {
    params: { key_id: old.id },
    body: { overlap: "2 hours" },
  });
  const successor = data?.token ?? "";
  ok(successor !== old.token);
  for (const token of [old.token, successor]) {
    strictEqual((await ingest(token, [event()])).status, 200);
  }
  const { error } = await billing(rotateAgentKey, { params: { key_id: old.id }, body: {} });
  strictEqual(error?.code, "agent_key_ended");
  await sql`update _billing.agent_keys set expires_at = now() where id = ${old.id}`;
  strictEqual((await ingest(old.token, [event()])).status, 401);
  strictEqual((await ingest(successor, [event()])).status, 200);
});

Deno.test("a key of networks is used from them alone", async () => {
  const { token } = await newKey((await newClient()).id, { networks: ["203.0.113.0/24"] });
  const from = (address: string) => ingest(token, [event()], { "cf-connecting-ip": address });
  strictEqual((await from("203.0.113.9")).status, 200);
  const refused = await from("198.51.100.9");
  deepStrictEqual([refused.status, refused.body.code], [403, "network_not_allowed"]);
});

Deno.test("the answer that tells a token is kept nowhere: no Idempotency-Key is taken", async () => {
  const ask = (headers: Record<string, string>) =>
    fetch(`${platform.apiUrl}/functions/v1/billing/agent-keys`, {
      method: "POST",
      headers: { apikey: platform.secretKey, "content-type": "application/json", ...headers },
      body: JSON.stringify({ name: "kept", client_ids: null }),
    });
  const refused = await ask({ "idempotency-key": crypto.randomUUID() });
  deepStrictEqual([refused.status, (await refused.json()).code], [400, "bad_request"]);
  const made = await ask({});
  strictEqual(made.status, 201);
  strictEqual(made.headers.get("cache-control"), "no-store");
  const { token } = await made.json();
  const [kept] = await sql`
    select count(*)::int as rows from billing.idempotency_keys
    where answer::text like ${`%${token}%`}`;
  strictEqual(kept?.rows, 0);
});

Deno.test.afterAll(() => sql.end());

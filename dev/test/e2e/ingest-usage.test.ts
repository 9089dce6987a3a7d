import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { generateInvoice } from "../../../shared/api/invoices.ts";
import { billingClient } from "../../../shared/client/billing-client.ts";
import { usageLogger } from "../../../shared/client/usage-logger.ts";
import { platformKeys } from "../../platform/keys.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 2, onnotice: () => {} });
const billing = billingClient(createClient(platform.apiUrl, platform.secretKey));

/** As a reference agent writes it: keys in this order, separators of Python's json. */
const WIRE_BODY = '{"agent": "SCHOLAR", "endpoint": "deep-research", ' +
  '"model": "claude-sonnet-4-20250514", "input_tokens": 1000000, "output_tokens": 100000, ' +
  '"web_searches": 10, "other_features": {"pdf_processing": 3, "image_processing": 1}, ' +
  '"input_cost": 3.0, "output_cost": 1.5, "feature_cost": 0.17, "total_cost": 4.67, ' +
  '"metadata": {"client_id": "CLIENT"}, "timestamp": "2026-06-03T14:21:07.123456"}';

/** A client that logs can name; served since June 2026. */
async function newClient(): Promise<{ id: string; name: string }> {
  const name = `wire-${crypto.randomUUID()}`;
  const [row] = await sql<{ id: string }[]>`
    insert into public.clients (name, external_id, started_on)
    values (${name}, ${name}, '2026-06-01') returning id`;
  return { id: row?.id ?? "", name };
}

function ingest(body: BodyInit, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${platform.apiUrl}/functions/v1/ingest-usage`, {
    method: "POST",
    headers: { apikey: platformKeys.agentSecret, "content-type": "application/json", ...headers },
    body,
  });
}

const event = (more: Record<string, unknown> = {}) => ({
  agent: "INGEST",
  model: "claude-sonnet",
  input_tokens: 7,
  timestamp: "2026-06-03T14:21:07.123456",
  ...more,
});

Deno.test("the reference client's exact request is accepted, stored and billed to the cent", async () => {
  const { id, name } = await newClient();
  const response = await fetch(`${platform.apiUrl}/rest/v1/agent_usage_logs`, {
    method: "POST",
    headers: {
      "apikey": platform.secretKey,
      "Authorization": `Bearer ${platform.secretKey}`,
      "Content-Type": "application/json",
      "Prefer": "return=minimal",
    },
    body: WIRE_BODY.replace("CLIENT", name),
    signal: AbortSignal.timeout(5000),
  });
  strictEqual(response.status, 201);
  strictEqual(await response.text(), "");
  const { data, error } = await billing(generateInvoice, {
    body: { client_id: id, period: "2026-06" },
  });
  strictEqual(error, null);
  // 3.00 + 1.50 + 10 × 0.01 + 3 × 0.02 + 0.01 = 4.67, then the minimum of 50.00.
  const lines = data?.invoice?.lines ?? [];
  const usage = lines.filter(({ kind }) => kind === "usage");
  strictEqual(usage.reduce((sum, { amount_minor }) => sum + amount_minor, 0), 467);
  strictEqual(data?.invoice?.total_minor, 5000);
  match(data?.invoice?.number ?? "", /^INV-\d{4}-\d{6}$/);
});

Deno.test("the same row with an id is stored once, by whichever endpoint it comes", async () => {
  const id = crypto.randomUUID();
  const row = event({ id });
  const direct = () =>
    fetch(`${platform.apiUrl}/rest/v1/agent_usage_logs`, {
      method: "POST",
      headers: {
        "apikey": platform.secretKey,
        "Authorization": `Bearer ${platform.secretKey}`,
        "Content-Type": "application/json",
        "Prefer": "return=minimal",
      },
      body: JSON.stringify(row),
    });
  strictEqual((await direct()).status, 201);
  strictEqual((await direct()).status, 409);
  const again = await (await ingest(JSON.stringify([row, row]))).json();
  deepStrictEqual(again.results.map(({ result }: { result: string }) => result), [
    "duplicate",
    "duplicate",
  ]);
  const other = await (await ingest(JSON.stringify([{ ...row, input_tokens: 8 }]))).json();
  deepStrictEqual(other.results[0].result, "conflict");
  deepStrictEqual(other.results[0].errors[0].pointer, "/input_tokens");
  const [stored] = await sql`
    select count(*)::int as rows, sum(input_tokens)::int as tokens
    from public.agent_usage_logs where id = ${id}`;
  deepStrictEqual({ ...stored }, { rows: 1, tokens: 7 });
});

Deno.test("an event of too many features, or with a control character in one, is invalid", async () => {
  const features = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, 1]));
  const events = [
    event({ other_features: features(50) }),
    event({ other_features: features(51) }),
    event({ other_features: { "a\nb": 1 } }),
  ];
  const answer = await (await ingest(JSON.stringify({ events }))).json();
  deepStrictEqual(
    answer.results.map(({ result }: { result: string }) => result),
    ["inserted", "invalid", "invalid"],
  );
  deepStrictEqual(answer.results[1].errors, [
    { pointer: "/other_features", detail: "has 51 features; a log may have 50 at most" },
  ]);
});

Deno.test("an agent's key cannot take usage back, by no endpoint", async () => {
  const { id: client_id } = await newClient();
  const id = crypto.randomUUID();
  strictEqual((await ingest(JSON.stringify([event({ id, client_id })]))).status, 200);
  for (const corrects_id of [id, crypto.randomUUID()]) {
    const taking = event({ client_id, corrects_id, input_tokens: -1_000_000_000 });
    const { results } = await (await ingest(JSON.stringify([event({ client_id }), taking]))).json();
    strictEqual(results[0].result, "inserted");
    strictEqual(results[1].result, "invalid");
    deepStrictEqual(results[1].errors, [{
      pointer: "/corrects_id",
      detail: "cannot be sent: an operator calls billing.correct_log or billing.retract_log",
      code: "correction_refused",
    }]);
    const direct = await fetch(`${platform.apiUrl}/rest/v1/agent_usage_logs`, {
      method: "POST",
      headers: {
        "apikey": platform.secretKey,
        "Authorization": `Bearer ${platform.secretKey}`,
        "Content-Type": "application/json",
      },
      body: JSON.stringify(taking),
    });
    strictEqual(direct.status, 403);
    strictEqual((await direct.json()).code, "42501");
  }
  const [stored] = await sql`
    select min(input_tokens)::int as least, count(corrects_id)::int as corrections
    from public.agent_usage_logs where client_id = ${client_id}`;
  deepStrictEqual({ ...stored }, { least: 7, corrections: 0 });
});

Deno.test("a batch says of each event what became of it; a bad one loses none of the others", async () => {
  const id = crypto.randomUUID();
  const body = [
    event({ id }),
    event({ id }),
    event({ id, output_tokens: 1 }),
    event({ model: undefined }),
    event({ input_tokens: -4 }),
    event({ other_features: { pages: -1 } }),
    // Passes every check of ours; the table's numeric(10,6) rounds it up and refuses.
    event({ input_cost: 9999.9999999 }),
    "no object",
    event({ timestamp: "2026-13-45T00:00:00" }),
    event({ agent: "null \u0000 inside" }),
    event({ unknown_column: 1 }),
    event({}),
  ];
  const response = await ingest(JSON.stringify({ events: body }));
  strictEqual(response.status, 200);
  const answer = await response.json();
  deepStrictEqual(
    answer.results.map(({ index, result }: { index: number; result: string }) => [index, result]),
    [
      [0, "inserted"],
      [1, "duplicate"],
      [2, "conflict"],
      ...[3, 4, 5, 6, 7, 8, 9, 10].map((index) => [index, "invalid"]),
      [11, "inserted"],
    ],
  );
  const pointers = answer.results.slice(3, 11).map(
    ({ errors }: { errors: { pointer: string }[] }) => errors[0]?.pointer,
  );
  deepStrictEqual(pointers, [
    "/model",
    "/input_tokens",
    "/other_features/pages",
    "",
    "",
    "/timestamp",
    "/agent",
    "",
  ]);
  deepStrictEqual(
    [answer.inserted, answer.duplicate, answer.conflict, answer.invalid],
    [2, 1, 1, 8],
  );
});

Deno.test("NDJSON and gzip are understood, together too", async () => {
  const lines = [event(), event(), "{"].map((line) =>
    typeof line === "string" ? line : JSON.stringify(line)
  ).join("\r\n");
  const ndjson = { "content-type": "application/x-ndjson; charset=utf-8" };
  for (
    const response of [
      await ingest(lines, ndjson),
      await ingest(gzipSync(lines), { ...ndjson, "content-encoding": "gzip" }),
    ]
  ) {
    const { inserted, invalid } = await response.json();
    deepStrictEqual([inserted, invalid], [2, 1]);
  }
});

Deno.test("1,000 events are one request; 1,001 and a body that inflates without end are refused", async () => {
  const events = Array.from({ length: 1000 }, () => event());
  const full = await (await ingest(JSON.stringify(events))).json();
  strictEqual(full.inserted, 1000);
  const over = await ingest(JSON.stringify([...events, event()]));
  strictEqual(over.status, 400);
  strictEqual((await over.json()).errors[0].pointer, "/events");
  const bomb = gzipSync(new Uint8Array(200_000_000));
  ok(bomb.byteLength < 250_000);
  const refused = await ingest(bomb, { "content-encoding": "gzip" });
  strictEqual(refused.status, 413);
  strictEqual((await refused.json()).code, "too_large");
  const broken = await ingest("not gzip", { "content-encoding": "gzip" });
  strictEqual((await broken.json()).code, "bad_request");
});

Deno.test("two writers with the same ids at once store each event once", async () => {
  const events = Array.from({ length: 200 }, () => event({ id: crypto.randomUUID() }));
  const answers = await Promise.all(
    [0, 1, 2].map(async () => await (await ingest(JSON.stringify(events))).json()),
  );
  strictEqual(answers.reduce((sum, { inserted }) => sum + inserted, 0), 200);
  strictEqual(answers.reduce((sum, { duplicate }) => sum + duplicate, 0), 400);
});

Deno.test("the usage logger's calls arrive, each once", async () => {
  const run = crypto.randomUUID();
  const logger = usageLogger({
    billing: billingClient(createClient(platform.apiUrl, platformKeys.agentSecret)),
    now: () => new Date("2026-06-03T14:21:07.123Z"),
    after: () => () => {},
  }, { batchSize: 3 });
  for (let call = 0; call < 7; call++) {
    logger.log({ agent: "LOGGER", model: "claude-opus", metadata: { run_id: run } });
  }
  strictEqual(await logger.close(), 0);
  const [stored] = await sql`
    select count(*)::int as rows from public.agent_usage_logs where metadata ->> 'run_id' = ${run}`;
  strictEqual(stored?.rows, 7);
});

Deno.test.afterAll(() => sql.end());

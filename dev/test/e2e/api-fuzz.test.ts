import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import postgres from "postgres";
import { z } from "zod";
import { startPlatform } from "../../platform/platform.ts";
import { fullClient } from "../access/two-clients.ts";
import { type FuzzRequest, fuzzRequests } from "../fuzz/requests.ts";
import { platform } from "../support/platform-env.ts";

const REQUESTS = 10_000;
const AT_ONCE = 12;
/** The same requests on every machine; change it to look elsewhere. */
const SEED = 20_260_701;

const Problem = z.strictObject({
  type: z.string().startsWith("urn:leveredge:problem:"),
  code: z.string(),
  title: z.string(),
  status: z.int().min(400).max(499),
  detail: z.string().optional(),
  errors: z.array(z.strictObject({ pointer: z.string(), detail: z.string() })).optional(),
});

Deno.test(`${REQUESTS} hostile requests: no 5xx, no trace of the inside, always a problem`, async () => {
  // A platform of its own: these requests change default prices, settings and other people's rows.
  const { urls, keys, functionLog, stop } = await startPlatform({ engine: platform.engine });
  const sql = postgres(urls.database, { max: 1, onnotice: () => {} });
  try {
    const ids = await existingIds(sql);
    const document = await (await fetch(`${urls.api}/functions/v1/billing/openapi.json`)).json();
    const requests = fc.sample(fuzzRequests(document, ids), { numRuns: REQUESTS, seed: SEED });
    // One of each operation: the first tells enough.
    const failures = new Map<string, string>();
    const statuses = new Map<number, number>();
    const queue = requests.values();
    const worker = async () => {
      for (const request of queue) {
        const { status, failure } = await judge(urls.api, keys.secret, request);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (failure !== null && !failures.has(request.operation)) {
          failures.set(request.operation, `${failure}: ${JSON.stringify(request).slice(0, 600)}`);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    deepStrictEqual([...failures], [], functionLog().slice(-30).join("\n"));
    strictEqual([...statuses.values()].reduce((sum, count) => sum + count, 0), REQUESTS);
    // A fuzzer whose requests are all refused for their credentials tests those alone.
    const done = (statuses.get(200) ?? 0) + (statuses.get(201) ?? 0);
    strictEqual(done > REQUESTS / 20, true, `only ${done} requests did anything`);
    deepStrictEqual([...await sql`select * from billing.check_invariants()`], []);
  } finally {
    await sql.end();
    await stop();
  }
});

/** Ids of rows of every kind, so that requests get past "there is no such thing". */
async function existingIds(sql: postgres.Sql): Promise<string[]> {
  const userId = crypto.randomUUID();
  await sql`insert into auth.users (id, email) values (${userId}, 'fuzz@example.com')`;
  await fullClient(sql, userId, "FUZZ");
  const rows = await sql<{ id: string }[]>`
    select id::text from public.clients union all select id::text from public.invoices
    union all select id::text from public.billing_config
    union all select id::text from public.agent_assignments
    union all select id::text from public.prices where client_id is not null`;
  return [userId, ...rows.map(({ id }) => id)];
}

async function judge(api: string, key: string, request: FuzzRequest) {
  const response = await fetch(`${api}/functions/v1${request.path}`, {
    method: request.method,
    headers: { apikey: key, "content-type": "application/json", ...request.headers },
    body: request.body,
  });
  const text = await response.text();
  return { status: response.status, failure: failureOf(response, text) };
}

function failureOf(response: Response, text: string): string | null {
  if (response.status >= 500) return `${response.status} ${text}`;
  if (/\bat \S+ \(|\.ts:\d+|PostgresError|node_modules|\bselect .* from\b/i.test(text)) {
    return `shows its inside: ${text.slice(0, 300)}`;
  }
  if (response.status < 400) return null;
  if (response.headers.get("content-type") !== "application/problem+json") return "no problem";
  const problem = Problem.safeParse(JSON.parse(text));
  return problem.success && problem.data.status === response.status ? null : `odd: ${text}`;
}

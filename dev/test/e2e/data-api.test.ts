import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import type { Database } from "../../../shared/database.types.ts";
import { startApi } from "../../platform/api.ts";
import { eventually } from "../support/eventually.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });

/** One call's row, with a run of its own so that tests find only theirs. */
function logRow(run: string, more: Record<string, unknown> = {}) {
  return {
    agent: "SCHOLAR",
    endpoint: "deep-research",
    model: "claude-sonnet-4-20250514",
    input_tokens: 1200,
    output_tokens: 350,
    web_searches: 2,
    other_features: { pdf_processing: 3, image_processing: 1 },
    input_cost: 0.0036,
    output_cost: 0.00525,
    feature_cost: 0.02,
    total_cost: 0.02885,
    metadata: { run_id: run },
    timestamp: "2026-06-03T14:21:07.123456",
    ...more,
  };
}

/** Posts as every agent does. */
function postAsAgent(row: unknown, key = platform.secretKey): Promise<Response> {
  return fetch(`${platform.apiUrl}/rest/v1/agent_usage_logs`, {
    method: "POST",
    headers: {
      apikey: key,
      Authorization: `Bearer ${key}`,
      "Content-Type": "application/json",
      Prefer: "return=minimal",
    },
    body: JSON.stringify(row),
    signal: AbortSignal.timeout(5000),
  });
}

Deno.test("an agent's row is stored as it was sent, its time read as UTC", async () => {
  const run = crypto.randomUUID();
  const response = await postAsAgent(logRow(run));
  strictEqual(response.status, 201);
  strictEqual(await response.text(), "");
  const rows = await sql`
    select input_tokens::int, feature_cost::text, jsonb_typeof(other_features) as kind,
      other_features ->> 'pdf_processing' as pages,
      to_char("timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') as at
    from public.agent_usage_logs where metadata ->> 'run_id' = ${run}
  `;
  deepStrictEqual([...rows], [{
    input_tokens: 1200,
    feature_cost: "0.020000",
    kind: "object",
    pages: "3",
    at: "2026-06-03T14:21:07.123456",
  }]);
});

Deno.test("a tracker's request is billed to the client that its metadata names, to the cent", async () => {
  const name = `tracker-${crypto.randomUUID()}`;
  await sql`insert into public.clients (name, external_id, started_on)
    values (${name}, ${name}, '2026-06-01')`;
  const response = await postAsAgent(logRow(name, {
    input_tokens: 1_000_000,
    output_tokens: 200_000,
    total_cost: 0.1 + 0.2,
    metadata: { client_id: name },
  }));
  strictEqual(response.status, 201);
  await sql`select billing.count_usage()`;
  const [logged] = await sql`select total_cost::text from public.agent_usage_logs
    where metadata ->> 'client_id' = ${name}`;
  strictEqual(logged?.total_cost, "0.300000");
  const preview = await fetch(`${platform.apiUrl}/functions/v1/billing/invoices/preview`, {
    method: "POST",
    headers: { apikey: platform.secretKey, "content-type": "application/json" },
    body: JSON.stringify({ client_id: name, day: "2026-06-03" }),
  });
  const { document } = await preview.json();
  const lines = document.lines.map(
    ({ description, amount_minor }: { description: string; amount_minor: number }) => [
      description,
      amount_minor,
    ],
  );
  // $3 for a million in, $15 a million out, $0.01 a search, $0.02 a PDF, $0.01 an image: 6.09.
  deepStrictEqual(
    new Map(lines),
    new Map([
      ["Claude Sonnet · input tokens", 300],
      ["Claude Sonnet · output tokens", 300],
      ["Image processing", 1],
      ["PDF processing", 6],
      ["Web searches", 2],
      ["Minimum monthly charge", 4391],
    ]),
  );
});

Deno.test("supabase-js inserts a row and reads it back", async () => {
  const client = createClient<Database>(platform.apiUrl, platform.secretKey);
  const run = crypto.randomUUID();
  const inserted = await client.from("agent_usage_logs").insert(
    { agent: "CHIRON", model: "claude-opus", metadata: { run_id: run } },
  );
  strictEqual(inserted.error, null);
  const { data, error } = await client.from("agent_usage_logs").select("agent, model, metadata")
    .eq("metadata->>run_id", run);
  strictEqual(error, null);
  deepStrictEqual(data, [{ agent: "CHIRON", model: "claude-opus", metadata: { run_id: run } }]);
});

Deno.test("the same id again is a conflict and stores nothing", async () => {
  const run = crypto.randomUUID();
  const row = logRow(run, { id: crypto.randomUUID() });
  strictEqual((await postAsAgent(row)).status, 201);
  const again = await postAsAgent(row);
  strictEqual(again.status, 409);
  strictEqual((await again.json()).code, "23505");
  const [{ stored }] = await sql<[{ stored: number }]>`
    select count(*)::int as stored from public.agent_usage_logs
    where metadata ->> 'run_id' = ${run}
  `;
  strictEqual(stored, 1);
});

Deno.test("a negative count is refused with a 4xx that names column and value", async () => {
  const response = await postAsAgent(logRow(crypto.randomUUID(), { input_tokens: -7 }));
  strictEqual(Math.floor(response.status / 100), 4);
  const text = await response.text();
  match(text, /input_tokens/);
  match(text, /-7/);
});

Deno.test("neither the publishable key nor a wrong one reads or writes logs", async () => {
  strictEqual((await postAsAgent(logRow("none"), platform.publishableKey)).status, 401);
  strictEqual((await postAsAgent(logRow("none"), "sb_secret_wrong")).status, 401);
  const client = createClient<Database>(platform.apiUrl, platform.publishableKey);
  const { error, status } = await client.from("agent_usage_logs").select("id");
  strictEqual(status, 401);
  strictEqual(error?.code, "42501");
});

Deno.test("the first requests of an API grant nothing to anybody", async () => {
  const privileges = () =>
    sql`
      select relname as name, relacl::text as acl from pg_class
      where relnamespace::regnamespace::text in ('public', 'billing', '_billing', 'auth')
      union all
      select 'default of ' || defaclobjtype::text, defaclacl::text from pg_default_acl
      union all
      select nspname, nspacl::text from pg_namespace
      order by 1, 2
    `;
  const before = [...await privileges()];
  // The package would grant on the first request of a connection, so this takes a new one.
  const api = await startApi({ adminUrl: platform.databaseAdminUrl, maxRows: 10, smtpPort: 1 });
  try {
    for (const key of [platform.publishableKey, platform.secretKey]) {
      const url = `${platform.apiUrl}/rest/v1/agent_usage_logs?select=id&limit=1`;
      const response = await api.fetch(new Request(url, { headers: { apikey: key } }));
      strictEqual(response.status, key === platform.secretKey ? 200 : 401);
      await response.body?.cancel();
    }
  } finally {
    await api.stop();
  }
  deepStrictEqual([...await privileges()], before);
});

Deno.test("arguments, errors and limits are those of PostgREST, for functions made just now", async () => {
  await sql.unsafe(`
    create function public.platform_probe(code text) returns text
    language plpgsql as $$
    begin
      if code is null then
        return current_setting('statement_timeout') || ' ' || current_user;
      end if;
      raise exception 'probe' using errcode = code, detail = 'why', hint = 'so';
    end $$;
    grant execute on function public.platform_probe(text) to anon, service_role;
    create function public.platform_kinds(a jsonb, b jsonb, c jsonb) returns text[]
      language sql return array[jsonb_typeof(a), jsonb_typeof(b), jsonb_typeof(c)];
    grant execute on function public.platform_kinds to service_role;
  `).simple();
  const rpc = async (name: string, args: unknown, key: string) => {
    const response = await fetch(`${platform.apiUrl}/rest/v1/rpc/${name}`, {
      method: "POST",
      headers: { apikey: key, "Content-Type": "application/json" },
      body: JSON.stringify(args),
    });
    return { status: response.status, body: await response.json() };
  };
  const call = (code: string | null, key = platform.secretKey) =>
    rpc("platform_probe", { code }, key);
  try {
    await eventually(async () => strictEqual((await call(null)).status, 200));
    strictEqual((await call(null)).body, "8s service_role");
    strictEqual((await call(null, platform.publishableKey)).body, "3s anon");
    const kinds = await rpc("platform_kinds", { a: {}, b: [1], c: "text" }, platform.secretKey);
    deepStrictEqual(kinds.body, ["object", "array", "string"]);
    const expected = { P0001: 400, PT409: 409, "23514": 400, "40001": 500, P0002: 500, LE001: 400 };
    for (const [code, status] of Object.entries(expected)) {
      const answer = await call(code);
      strictEqual(answer.status, status, code);
      deepStrictEqual(answer.body, { code, message: "probe", details: "why", hint: "so" });
    }
  } finally {
    await sql`drop function public.platform_probe(text), public.platform_kinds`;
  }
});

Deno.test.afterAll(() => sql.end());

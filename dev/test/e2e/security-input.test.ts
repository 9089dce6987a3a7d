import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import postgres from "postgres";
import { ROUTES } from "../../../shared/api/routes.ts";
import { platformKeys } from "../../platform/keys.ts";
import { signUp } from "../access/actors.ts";
import { fullClient } from "../access/two-clients.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const member = await signUp();
const mine = await fullClient(sql, member.id, `INPUT-${crypto.randomUUID()}`);
const theirs = await fullClient(sql, (await signUp()).id, `INPUT-${crypto.randomUUID()}`);
const service = { apikey: platform.secretKey };

const INJECTIONS = [
  "'; drop table public.clients; --",
  "' or '1'='1",
  "1); select pg_sleep(30); --",
  "$1; select 1",
  "x' union select decrypted_secret from vault.decrypted_secrets --",
  "\\'; select 1; --",
  "null",
];

async function ask(path: string, init: RequestInit = {}) {
  const started = performance.now();
  const response = await fetch(`${platform.apiUrl}/functions/v1/${path}`, {
    headers: service,
    ...init,
  });
  const text = await response.text();
  ok(performance.now() - started < 10_000, `${path} took its time`);
  return { status: response.status, text };
}

Deno.test("SQL in any filter, group or cursor of any list is a value or a refusal, never SQL", async () => {
  const before = await counts();
  let asks = 0;
  for (const route of ROUTES) {
    if (route.method !== "GET" || !("shape" in route.query)) continue;
    const path = route.path.slice(1).replaceAll(/\{client_id\}/g, mine.id)
      .replaceAll(/\{invoice_id\}/g, mine.invoiceId);
    const needed = { start: "2026-06-01", end: "2026-06-30", year: "2026", model: "claude-opus" };
    const keys = Object.keys(Object(route.query.shape));
    for (const key of keys) {
      for (const text of INJECTIONS) {
        const query = new URLSearchParams(
          [...Object.entries(needed).filter(([name]) => keys.includes(name) && name !== key), [
            key,
            text,
          ]],
        );
        const { status, text: answer } = await ask(`${path}?${query}`);
        ok(status < 500, `${route.id} ${key}=${text}: ${status} ${answer}`);
        ok(!/syntax error|PostgresError/.test(answer), answer);
        asks++;
      }
    }
    if (!keys.includes("cursor")) continue;
    for (const text of INJECTIONS) {
      for (const places of [1, 2]) {
        const cursor = Buffer.from(JSON.stringify(Array(places).fill(text))).toString("base64url");
        const { status, text: answer } = await ask(`${path}?${new URLSearchParams({
          ...Object.fromEntries(Object.entries(needed).filter(([name]) => keys.includes(name))),
          cursor,
        })}`);
        ok(status === 200 || status === 400, `${route.id} cursor ${text}: ${status} ${answer}`);
        asks++;
      }
    }
  }
  ok(asks > 200, `only ${asks} requests`);
  deepStrictEqual(await counts(), before);
});

Deno.test("a cursor made for one list, or for one's own rows, shows nobody another's", async () => {
  const list = await (await fetch(`${platform.apiUrl}/functions/v1/billing/invoices?limit=1`, {
    headers: service,
  })).json();
  const response = await fetch(
    `${platform.apiUrl}/functions/v1/billing/invoices?cursor=${list.next_cursor}`,
    { headers: member.headers },
  );
  const { data } = await response.json();
  ok(data.every((row: { client_id: string }) => row.client_id === mine.id));
  const other = await ask(`billing/clients?cursor=${list.next_cursor.slice(0, -4)}`);
  strictEqual(other.status, 400);
});

Deno.test("text that no store takes is the caller's mistake at every field, never a 500", async () => {
  const texts = ["nul \u0000 inside", "half \ud800 a pair", "\udfff"];
  const fields = ["name", "external_id", "email", "tax_id", "time_zone", "locale"];
  for (const text of texts) {
    for (const field of fields) {
      const { status, text: answer } = await ask("billing/clients", {
        method: "POST",
        headers: { ...service, "content-type": "application/json" },
        body: JSON.stringify({ name: "Name", [field]: text }),
      });
      strictEqual(status, 400, `${field}: ${answer}`);
    }
    for (const key of ["agent", "model"]) {
      const query = new URLSearchParams({ start: "2026-06-01", end: "2026-06-30", [key]: text });
      const { status } = await ask(`billing/usage?${query}`);
      // A query is UTF-8: half a pair arrives as the replacement character, which is text.
      strictEqual(status, text.includes("\0") ? 400 : 200);
    }
  }
});

Deno.test("the database's own expressions take no time for text made up to be slow", async () => {
  const long = (unit: string) => unit.repeat(1_000_000 / unit.length);
  await sql.begin(async (transaction) => {
    await transaction`set local statement_timeout = '3s'`;
    for (const unit of ["a", "a@", "a@a", " ", "A1", "Etc/", "A/", "_", "·", "-2026-", "0"]) {
      for (const column of ["email", "locale", "time_zone"]) {
        const refused = await transaction.savepoint((inner) =>
          inner`insert into public.clients ${inner({ name: "x", [column]: `${long(unit)}\t` })}`
        ).then(() => null, (error: unknown) => Object(error).code);
        // A check or a trigger of ours, not the clock (57014).
        ok(["23514", "PT400", "22023"].includes(refused), `${column} ${unit}: ${refused}`);
      }
    }
  });
});

Deno.test("no name of a path in Storage leads out of the client's folder", async () => {
  const [archived] = await sql`
    select count(*)::int as rows from public.deliveries d
    where d.kind = 'archive' and d.state = 'done'
      and d.details ->> 'path' !~ '^[0-9a-f-]{36}/[A-Za-z0-9._-]+\\.pdf$'`;
  strictEqual(archived?.rows, 0);
  const evil = [
    "../usage-logs/2025-01/000001-x.ndjson.gz",
    `${mine.id}/../${theirs.id}/INV-2026-000001.pdf`,
    `${mine.id}%2f..%2f${theirs.id}%2fINV-2026-000001.pdf`,
    "..%2f..%2f..%2fetc%2fpasswd",
    "%00",
  ];
  for (const path of evil) {
    for (
      const folder of ["object/invoices", "object/authenticated/invoices", "object/public/invoices"]
    ) {
      const url = `${platform.apiUrl}/storage/v1/${folder}/${path}`;
      for (const headers of [member.headers, { apikey: platform.publishableKey }]) {
        const response = await fetch(url, { headers });
        await response.body?.cancel();
        ok(response.status >= 400 && response.status < 500, `${url}: ${response.status}`);
      }
    }
  }
  // No invoice is called so; the third is longer than any invoice's name.
  const names = [
    ["..", 404],
    ["%2e%2e", 404],
    [`${mine.invoiceId}/../${theirs.invoiceId}`, 400],
    ["1 or 1=1", 404],
  ] as const;
  for (const [id, status] of names) {
    const response = await fetch(
      `${platform.apiUrl}/functions/v1/render-invoice?invoice_id=${id}`,
      { headers: member.headers },
    );
    await response.body?.cancel();
    strictEqual(response.status, status, id);
  }
});

Deno.test("a key for agents can log and nothing else, whatever the path looks like", async () => {
  const headers = { apikey: platformKeys.agentSecret };
  for (
    const path of [
      "billing/clients",
      "billing//clients",
      "billing/./clients",
      "ingest-usage/../billing/clients",
      "billing/clients/",
      "billing/CLIENTS",
      "billing/clients%2f",
      "deliver",
      "render-invoice",
      "create-stripe-invoice",
      "reconcile-stripe",
    ]
  ) {
    const response = await fetch(`${platform.apiUrl}/functions/v1/${path}`, { headers });
    await response.body?.cancel();
    ok([401, 403, 404, 405].includes(response.status), `${path}: ${response.status}`);
  }
});

async function counts() {
  const [row] = await sql`
    select (select count(*) from public.clients)::int as clients,
      (select count(*) from public.invoices)::int as invoices,
      (select count(*) from public.agent_usage_logs)::int as logs`;
  return { ...row };
}

Deno.test.afterAll(() => sql.end());

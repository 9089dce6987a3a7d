// Every operation of the HTTP API, called by the client that ships.
import "./billing-api/clients-and-terms.ts";
import "./billing-api/invoices.ts";
import "./billing-api/audit-and-catalogue.ts";
import "./billing-api/items-budgets-settings.ts";
import "./billing-api/corrections.ts";
import "./billing-api/evidence.ts";
import "./billing-api/reconciliations.ts";
import "./billing-api/summed-usage.ts";
import "./billing-api/terms-preview.ts";
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import * as clients from "../../../shared/api/clients.ts";
import * as invoices from "../../../shared/api/invoices.ts";
import * as members from "../../../shared/api/members.ts";
import * as operations from "../../../shared/api/operations.ts";
import * as terms from "../../../shared/api/terms.ts";
import * as usage from "../../../shared/api/usage.ts";
import type { Route } from "../../../shared/api/route.ts";
import { ROUTES } from "../../../shared/api/routes.ts";
import { ERRORS } from "../../../shared/errors.ts";
import { signUp } from "../access/actors.ts";
import { platform } from "../support/platform-env.ts";
import { AGENT, call, called, client, data, send, sql } from "./billing-api/calls.ts";

Deno.test("each read that takes no more than a client answers as its route says", async () => {
  const { id: client_id } = await data(client(clients.createClientRoute, {
    body: { name: `Read ${AGENT}`, started_on: "2026-05-01" },
  }));
  const reads = ROUTES.filter(({ method, path, query }) =>
    method === "GET" && !/\{(?!client_id)/.test(path) && query.safeParse({}).success
  );
  for (const route of reads) {
    const { error } = await call(route, { params: { client_id } });
    // A client without a budget has none to be read.
    ok(error === null || error.code === "not_found", `${route.id}: ${error?.detail}`);
  }
});

Deno.test("every endpoint has been called by the client", () => {
  deepStrictEqual([...called].sort(), ROUTES.map(({ id }) => id).sort());
});

Deno.test("a POST with a key is done once, answered alike, and refused for another body", async () => {
  const post = (body: unknown, key: string) => send("POST", "/billing/clients", body, key);
  const key = crypto.randomUUID();
  const name = `Once ${key}`;
  const answers = await Promise.all([1, 2, 3].map(() => post({ name }, key)));
  deepStrictEqual(answers.map(({ status }) => status), [201, 201, 201]);
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  strictEqual(new Set(texts).size, 1);
  strictEqual(
    answers.filter(({ headers }) => headers.get("idempotency-replayed") === "true").length,
    2,
  );
  const [row] = await sql`select count(*)::int as rows from public.clients where name = ${name}`;
  strictEqual(row?.rows, 1);
  const other = await post({ name: "Other" }, key);
  strictEqual((await other.json()).code, "idempotency_conflict");
  // What failed may be tried again under its key.
  const failing = crypto.randomUUID();
  strictEqual((await post({ name: "X", time_zone: "Nowhere" }, failing)).status, 400);
  strictEqual((await post({ name: "X", time_zone: "UTC" }, failing)).status, 201);
});

Deno.test("a cure stands where what is left cannot be counted in time", async () => {
  const agent = `UNCOUNTED-${crypto.randomUUID()}`;
  const made = await data(client(clients.createClientRoute, {
    body: { name: agent, started_on: "2026-05-01" },
  }));
  await sql.begin(async (counting) => {
    await counting`lock table billing.quarantine_counts in share row exclusive mode`;
    const cured = await data(client(operations.resolveQuarantine, {
      body: { action: "assign_agent", agent, client_id: made.id },
    }));
    ok(cured.remaining);
  });
  const assigned = await data(client(terms.listAssignments, { query: { client_id: made.id } }));
  strictEqual(assigned.data[0]?.agent, agent);
});

Deno.test("blank names of usage are listed as they are and dismissed by themselves", async () => {
  const agent = `BLANK-${crypto.randomUUID()}`;
  const made = await data(client(clients.createClientRoute, {
    body: { name: agent, started_on: "2026-05-01" },
  }));
  await sql`insert into public.agent_usage_logs
    (agent, model, client_id, input_tokens, "timestamp", created_at)
    select ${agent}, m, ${made.id}, 5, '2026-05-03', '2026-05-03'
    from unnest(array['', 'unheard-of']) m`;
  await sql`select billing.count_usage()`;
  await sql`select billing.count_quarantine()`;
  const listed = async () => {
    const { data: rows } = await data(client(operations.listQuarantine, {
      query: { reason: "unpriced_usage", limit: 200 },
    }));
    return rows.filter((row) => row.agent === agent).map(({ model }) => model);
  };
  deepStrictEqual(await listed(), ["", "unheard-of"]);
  const done = await data(client(operations.resolveQuarantine, {
    body: { action: "dismiss", why: "a slip", reason: "unpriced_usage", agent, model: "" },
  }));
  strictEqual(done.dismissed, 1);
  deepStrictEqual(await listed(), ["unheard-of"]);
});

Deno.test("clients answer to their external id and invoices to their number, wherever an id goes", async () => {
  const name = `named/${crypto.randomUUID()} ü`;
  const agent = `NAMED-${crypto.randomUUID()}`;
  const made = await data(client(clients.createClientRoute, {
    body: { name: "Named", external_id: name, started_on: "2026-05-01" },
  }));
  const named = { params: { client_id: name } };
  strictEqual((await data(client(clients.getClient, named))).id, made.id);
  const price = { metric: agent, unit_amount: "1.00", client_id: name };
  strictEqual((await data(client(terms.createPrice, { body: price }))).client_id, made.id);
  const assigned = await data(client(operations.resolveQuarantine, {
    body: { action: "assign_agent", agent, client_id: name },
  }));
  ok(assigned.remaining);
  await data(client(operations.resolveQuarantine, {
    body: { action: "add_price", price: { ...price, model: "x" } },
  }));
  const { data: prices } = await data(client(terms.listPrices, { query: { client_id: name } }));
  strictEqual(prices.length, 2);
  const { invoice } = await data(client(invoices.generateInvoice, {
    body: { client_id: name, period: "2026-05" },
  }));
  const number = invoice?.number ?? "";
  strictEqual(invoice?.client_id, made.id);
  const byNumber = { params: { invoice_id: number } };
  strictEqual((await data(client(invoices.getInvoice, byNumber))).id, invoice?.id);
  const paid = await data(client(invoices.recordPayment, {
    ...byNumber,
    body: { amount_minor: 100, reference: agent },
  }));
  strictEqual(paid.paid_minor, 100);
  const html = await send("GET", `/render-invoice?format=json&invoice_id=${number}`);
  strictEqual((await html.json()).id, invoice?.id);
  // Another system's ids may be UUIDs too.
  const uuid = crypto.randomUUID();
  const other = await data(client(clients.createClientRoute, {
    body: { name: "Named by UUID", external_id: uuid },
  }));
  const found = await data(client(clients.getClient, { params: { client_id: uuid } }));
  strictEqual(found.id, other.id);
  const unknown = await send("GET", "/billing/clients/nobody/usage");
  match((await unknown.json()).detail, /no client has the id or external id nobody/);
  const outsider = await signUp();
  const theirs = await fetch(`${platform.apiUrl}/functions/v1/billing/invoices/${number}`, {
    headers: outsider.headers,
  });
  await theirs.body?.cancel();
  strictEqual(theirs.status, 404);
});

Deno.test("usage of a client without days is that of the running period", async () => {
  const name = `running-${crypto.randomUUID()}`;
  const made = await data(client(clients.createClientRoute, {
    body: { name, external_id: name, started_on: "2026-05-01", billing_anchor_day: 15 },
  }));
  const [period] = await sql<{ start: string; last: string }[]>`
    select p.day::text as start, (billing.period_end_of(p.day, 15) - 1)::text as last
    from (select billing.period_start_of((now() at time zone 'UTC')::date, 15) as day) p`;
  const { start = "", last = "" } = period ?? {};
  for (const day of [start, new Date(Date.parse(start) - 86_400_000).toISOString().slice(0, 10)]) {
    await sql`
      insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
      values ('RUNNING', 'claude-sonnet', 7, ${made.id}, ${`${day}T00:00:00Z`})`;
  }
  await data(client(usage.rollupUsage, {}));
  const running = await data(client(usage.clientUsage, { params: { client_id: name } }));
  deepStrictEqual([running.start, running.end], [start, last]);
  deepStrictEqual(
    running.data.map(({ metric, quantity }) => [metric, quantity]),
    [["input_tokens", "7"], ["requests", "1"]],
  );
  const member = await signUp();
  await data(client(members.addMember, {
    params: { client_id: name },
    body: { user_id: member.id },
  }));
  const theirs = await fetch(`${platform.apiUrl}/functions/v1/billing/clients/${name}/usage`, {
    headers: member.headers,
  });
  deepStrictEqual(
    await theirs.json(),
    { ...running, data: running.data.map((row) => ({ ...row, provider_cost: null })) },
  );
  const before = await data(client(usage.clientUsage, {
    params: { client_id: name },
    query: { start: "2026-01-01" },
  }));
  deepStrictEqual([before.start, before.end], ["2026-01-01", last]);
  strictEqual(before.data.find(({ metric }) => metric === "input_tokens")?.quantity, "14");
});

Deno.test("pages meet without gap or overlap, and cursors of others are refused", async () => {
  for (let index = 0; index < 5; index++) {
    await data(client(clients.createClientRoute, { body: { name: `Page ${AGENT}` } }));
  }
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await data(client(clients.listClients, { query: { limit: 2, cursor } }));
    seen.push(...page.data.map(({ id }) => id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  const all = await sql<{ id: string }[]>`select id from public.clients order by name, id::text`;
  deepStrictEqual(seen, all.map(({ id }) => id));
  const refused = await client(clients.listClients, { query: { cursor: "bm90IG91cnM" } });
  strictEqual(refused.error?.code, "bad_request");
});

Deno.test("a read that has not changed is answered 304", async () => {
  const first = await send("GET", "/billing/prices?limit=2");
  const etag = first.headers.get("etag") ?? "";
  await first.body?.cancel();
  const second = await send("GET", "/billing/prices?limit=2", undefined, undefined, {
    "if-none-match": etag,
  });
  strictEqual(second.status, 304);
  strictEqual(await second.text(), "");
});

Deno.test("an error is a problem with a code, its status and where", async () => {
  const cases: [string, string, unknown, number, string][] = [
    ["GET", "/billing/nothing", undefined, 404, "not_found"],
    ["DELETE", "/billing/clients", undefined, 405, "method_not_allowed"],
    ["POST", "/billing/clients", { name: " " }, 400, "bad_request"],
    ["POST", "/billing/clients", { name: "X", time_zone: "Mars" }, 400, "invalid_argument"],
    ["GET", `/billing/invoices/${crypto.randomUUID()}`, undefined, 404, "not_found"],
    ["GET", "/billing/invoices/7", undefined, 404, "not_found"],
    ["GET", "/billing/clients/nobody/spend", undefined, 404, "not_found"],
    ["GET", "/billing/clients?limit=2&limit=3", undefined, 400, "bad_request"],
    ["POST", "/billing/runs", { as_of: "2199-01-01T00:00:00Z" }, 400, "bad_request"],
    [
      "POST",
      "/billing/invoices/generate",
      { client_id: crypto.randomUUID(), period: "2026-05" },
      404,
      "unknown_client",
    ],
  ];
  for (const [method, path, body, status, code] of cases) {
    const response = await send(method, path, body);
    const problem = await response.json();
    strictEqual(response.status, status, `${method} ${path}`);
    strictEqual(response.headers.get("content-type"), "application/problem+json");
    deepStrictEqual([problem.code, problem.status], [code, status]);
  }
});

Deno.test("the catalogue of errors holds every code that the database raises, with its status", async () => {
  const codes = await sql<{ code: string; http_status: number }[]>`
    select code, http_status from billing.error_codes`;
  for (const { code, http_status } of codes) {
    strictEqual(
      new Map<string, { status: number }>(Object.entries(ERRORS)).get(code)?.status,
      http_status,
      code,
    );
  }
});

Deno.test("the document that is served is the one of the routes", async () => {
  const document = await (await send("GET", "/billing/openapi.json")).json();
  const served = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(Object(operations)).map((method) => `${method.toUpperCase()} ${path}`)
  );
  const routes = ROUTES.map(({ method, path }: Route) => `${method} ${path}`);
  deepStrictEqual(served.sort(), routes.sort());
});

Deno.test.afterAll(() => sql.end());

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { ROUTES } from "../../../shared/api/routes.ts";
import { listFiles } from "../runner/files.ts";
import {
  type ActorName,
  ACTORS,
  agentHeaders,
  type Headers,
  KEY_HEADERS,
  operatorHeaders,
  signUp,
} from "../access/actors.ts";
import {
  BUCKETS,
  ENDPOINT_FUNCTIONS,
  ENDPOINTS,
  FUNCTIONS,
  INTERNAL,
  ROLES,
  SIGNED_AGENT,
  TABLES,
} from "../access/matrix.ts";
import { fullClient } from "../access/two-clients.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const [viewer, payer, admin, outsider] = [
  await signUp(),
  await signUp(),
  await signUp(),
  await signUp(),
];
const mine = await fullClient(sql, viewer.id, `MATRIX-${crypto.randomUUID()}`);
const theirs = await fullClient(sql, outsider.id, `MATRIX-${crypto.randomUUID()}`, "admin");
await sql`
  insert into public.client_members (client_id, user_id, role)
  values (${mine.id}, ${payer.id}, 'billing'), (${mine.id}, ${admin.id}, 'admin')`;
const headers: Record<ActorName, Headers> = {
  ...KEY_HEADERS,
  ...await agentHeaders(sql, mine.id),
  viewer: viewer.headers,
  billing: payer.headers,
  admin: admin.headers,
  outsider: outsider.headers,
  operator: await operatorHeaders(),
};
/** The members whose rows are counted, with their client. */
const MEMBERS = [
  { actor: "viewer", client: mine.id, user: viewer.id },
  { actor: "billing", client: mine.id, user: payer.id },
  { actor: "admin", client: mine.id, user: admin.id },
  { actor: "outsider", client: theirs.id, user: outsider.id },
] as const;

Deno.test("a user writes no column of any table, and nobody makes anything in our schemas", async () => {
  const open = await sql`
    select c.relname as thing, r, p from pg_class c, unnest('{anon,authenticated}'::text[]) r,
      unnest('{insert,update,references}'::text[]) p
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
      and has_any_column_privilege(r, c.oid, p)
    union all
    select n.nspname, r, 'create' from pg_namespace n,
      unnest('{anon,authenticated,service_role}'::text[]) r
    where n.nspname in ('public', 'billing', '_billing') and has_schema_privilege(r, n.oid, 'create')`;
  deepStrictEqual([...open], []);
});

Deno.test("our objects stand in our schemas, where the matrix sees them, and nowhere else", async () => {
  const elsewhere = await sql`
    select x.schema, x.name from (
      select oid, relnamespace::regnamespace::text as schema, relname as name, relowner as owner
      from pg_class where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      union all
      select oid, pronamespace::regnamespace::text, proname, proowner from pg_proc
    ) x
    -- Not what an extension brought: the pgTAP of the tests is made by the same role.
    where x.owner = 'postgres'::regrole
      and not exists (select from pg_depend d where d.objid = x.oid and d.deptype = 'e')
      and x.schema not in ('public', 'billing', '_billing', 'supabase_migrations')
      and x.schema !~ '^pg_temp'`;
  deepStrictEqual([...elsewhere], []);
});

Deno.test("every bucket has its row, is private, and lets in those of its row alone", async () => {
  const buckets = await sql<{ id: string; public: boolean }[]>`
    select id, public from storage.buckets order by id`;
  deepStrictEqual(buckets.map(({ id }) => id), Object.keys(BUCKETS).sort());
  deepStrictEqual(buckets.filter((bucket) => bucket.public), []);
  const policies = await sql`select policyname from pg_policies where schemaname = 'storage'`;
  strictEqual(policies.length, Object.values(BUCKETS).flat().length);
  for (const bucket of Object.keys(BUCKETS)) {
    // So that there is something to be seen.
    const stored = await fetch(`${platform.apiUrl}/storage/v1/object/${bucket}/${mine.id}/matrix`, {
      method: "POST",
      headers: { ...headers.service, "content-type": "application/pdf" },
      body: "%PDF-",
    });
    await stored.body?.cancel();
    strictEqual(stored.status, 200);
    for (const actor of ["nobody", "garbled", "anon", ...ROLES, "operator"] as const) {
      const response = await fetch(`${platform.apiUrl}/storage/v1/object/list/${bucket}`, {
        method: "POST",
        headers: { ...headers[actor], "content-type": "application/json" },
        body: JSON.stringify({ prefix: mine.id, limit: 10 }),
      });
      const seen = await response.json();
      ok(response.status >= 400 || seen.length === 0, `${actor} lists ${bucket}`);
    }
  }
});

for (const [table, { member: condition }] of Object.entries(TABLES)) {
  Deno.test(`${table}: each actor reads exactly the rows that the matrix says`, async () => {
    const all = await countRows(table, "true");
    for (const { actor, client, user } of MEMBERS) {
      const expected = await countRows(
        table,
        condition.replaceAll("$client", `'${client}'`).replaceAll("$user", `'${user}'`),
      );
      strictEqual(await readable(table, headers[actor]), expected, actor);
      if (condition !== "false") ok(expected > 0, `the test gives ${actor} a row of ${table}`);
      if (condition.includes("$client")) ok(expected < all, `others have rows of ${table}`);
    }
    strictEqual(await readable(table, headers.operator), all, "operator");
    strictEqual(await readable(table, headers.service), all, "service");
    // To the Data API every secret key is the service role: only functions tell them apart.
    strictEqual(await readable(table, headers.cron), all, "cron");
    for (const actor of ["nobody", "garbled", "anon", "keyed", "signed"] as const) {
      strictEqual(await readable(table, headers[actor]), "refused", actor);
    }
  });

  Deno.test(`${table}: neither members nor operators nor anybody can write`, async () => {
    const body = JSON.stringify({ [await firstColumn(table)]: null });
    const actors = ["nobody", "garbled", "anon", ...ROLES, "operator", "keyed", "signed"] as const;
    for (const actor of actors) {
      for (const method of ["POST", "PATCH", "DELETE"]) {
        // What this one may insert is put to the test in agent-keys.
        if (actor === "signed" && method === "POST" && table in SIGNED_AGENT) continue;
        const response = await fetch(`${platform.apiUrl}/rest/v1/${table}?limit=1`, {
          method,
          headers: { ...headers[actor], "content-type": "application/json" },
          body: method === "DELETE" ? undefined : body,
        });
        await response.body?.cancel();
        ok([401, 403].includes(response.status), `${actor} ${method}: ${response.status}`);
      }
    }
    const granted = await sql`
      select r, p from unnest('{anon,authenticated}'::text[]) r,
        unnest('{insert,update,delete,truncate}'::text[]) p
      where has_table_privilege(r, ${`public.${table}`}, p)`;
    deepStrictEqual([...granted], []);
  });
}

Deno.test("internal objects cannot be reached through the Data API by anybody", async () => {
  for (const name of Object.keys(INTERNAL)) {
    for (const actor of ACTORS) {
      const response = await fetch(`${platform.apiUrl}/rest/v1/${name}?limit=1`, {
        headers: { ...headers[actor], "accept-profile": "billing" },
      });
      await response.body?.cancel();
      ok(response.status >= 400, `${actor} reads billing.${name}: ${response.status}`);
    }
  }
});

Deno.test("every endpoint and edge function has its row", async () => {
  deepStrictEqual(ROUTES.map(({ id }) => id).sort(), Object.keys(ENDPOINTS).sort());
  const files = await listFiles("supabase/functions", "index.ts");
  const names = files.flatMap((file) => /functions\/([^/]+)\/index\.ts$/.exec(file)?.[1] ?? []);
  deepStrictEqual(names.sort(), [...ENDPOINT_FUNCTIONS, ...Object.keys(FUNCTIONS)].sort());
});

for (const route of ROUTES) {
  Deno.test(`${route.id}: only the callers of the matrix may call it`, async () => {
    for (const actor of ACTORS) {
      const kind = kindOf(actor);
      const path = route.path.replaceAll(/\{\w+\}/g, crypto.randomUUID());
      const response = await fetch(`${platform.apiUrl}/functions/v1${path}`, {
        method: route.method,
        headers: { ...headers[actor], "content-type": "application/json" },
        // Refused by every schema: a caller that gets in does nothing.
        body: route.method === "GET" ? undefined : JSON.stringify({ nonsense: true }),
      });
      await response.body?.cancel();
      const opened = response.status !== 401 && response.status !== 403;
      strictEqual(opened, ENDPOINTS[route.id]?.includes(kind), `${actor}: ${response.status}`);
      ok(response.status < 500, `${actor}: ${response.status}`);
      if (!opened) strictEqual(response.status, isUnknown(actor) ? 401 : 403, actor);
    }
  });
}

for (const [name, open] of Object.entries(FUNCTIONS)) {
  Deno.test(`${name}: only the callers of the matrix may call it`, async () => {
    for (const actor of ACTORS) {
      const response = await fetch(`${platform.apiUrl}/functions/v1/${name}`, {
        method: "POST",
        headers: { ...headers[actor], "content-type": "application/json" },
        body: JSON.stringify({ nonsense: true }),
      });
      const text = await response.text();
      const opened = response.status !== 401 && response.status !== 403;
      const kind = kindOf(actor);
      strictEqual(opened, open.includes(kind), `${actor}: ${response.status} ${text}`);
    }
  });
}

Deno.test("a member's endpoints show what is theirs and know nothing of others", async () => {
  const of = (id: string, invoice: string) => [
    `clients/${id}`,
    `clients/${id}/usage?start=2026-06-01&end=2026-06-30`,
    `clients/${id}/spend`,
    `clients/${id}/statement?year=2026`,
    `clients/${id}/calls?day=2026-06-03&agent=nobody`,
    `prices/explain?client_id=${id}&model=m&metric=input_tokens&day=2026-06-03`,
    `invoices/${invoice}`,
    `invoices/${invoice}/evidence`,
  ];
  const ask = (path: string) =>
    fetch(`${platform.apiUrl}/functions/v1/billing/${path}`, { headers: viewer.headers });
  for (const path of of(mine.id, mine.invoiceId)) {
    const response = await ask(path);
    strictEqual(response.status, 200, `${path}: ${await response.clone().text()}`);
    await response.body?.cancel();
  }
  for (const path of of(theirs.id, theirs.invoiceId)) {
    const response = await ask(path);
    strictEqual(response.status, 404, path);
    await response.body?.cancel();
  }
  const usage = await (await ask(of(mine.id, mine.invoiceId)[1] ?? "")).json();
  ok(usage.data.every((row: { provider_cost: unknown }) => row.provider_cost === null));
  const { data } = await (await ask("invoices")).json();
  deepStrictEqual(
    new Set(data.map((row: { client_id: string }) => row.client_id)),
    new Set([mine.id]),
  );
  ok(data.every((row: { status: string }) => row.status !== "draft"));
  const sums = await (await ask("open-sums")).json();
  const [open] = await sql`
    select coalesce(sum(amount_due_minor), 0)::int as due from public.invoices
    where client_id = ${mine.id} and status = 'open'`;
  strictEqual(
    sums.data.reduce((sum: number, row: { due_minor: number }) => sum + row.due_minor, 0),
    open?.due,
  );
});

Deno.test("members get their invoice's document, of others none", async () => {
  for (const [invoice, status] of [[mine.invoiceId, 200], [theirs.invoiceId, 404]] as const) {
    const url = `${platform.apiUrl}/functions/v1/render-invoice?format=json&invoice_id=${invoice}`;
    const response = await fetch(url, { headers: viewer.headers });
    await response.body?.cancel();
    strictEqual(response.status, status);
  }
  for (const actor of ["nobody", "garbled", "anon", "agent", "keyed", "signed", "cron"] as const) {
    const url = `${platform.apiUrl}/functions/v1/render-invoice?invoice_id=${mine.invoiceId}`;
    const response = await fetch(url, { headers: headers[actor] });
    await response.body?.cancel();
    strictEqual(response.status, isUnknown(actor) ? 401 : 403, actor);
  }
});

Deno.test.afterAll(() => sql.end());

/** The caller of the matrix whose rights an actor has. */
function kindOf(actor: ActorName): string {
  const isMember = actor === "outsider" || ROLES.some((role) => role === actor);
  return isMember ? "member" : actor === "nobody" ? "anon" : actor;
}

/** Agents' own keys are none to functions but ingest-usage, and signed ones to no function. */
function isUnknown(actor: ActorName): boolean {
  return ["nobody", "garbled", "anon", "keyed", "signed"].includes(actor);
}

async function countRows(table: string, condition: string): Promise<number> {
  const [row] = await sql.unsafe(
    `select count(*)::int as rows from public.${table} where ${condition}`,
  );
  return row?.rows;
}

/** How many rows a caller sees through the Data API, or `refused`. */
async function readable(table: string, who: Headers): Promise<number | "refused"> {
  // Of some tables users may not read every column, and so not `*`.
  const query = new URLSearchParams({ select: await firstColumn(table), limit: "1" });
  const response = await fetch(`${platform.apiUrl}/rest/v1/${table}?${query}`, {
    headers: { ...who, prefer: "count=exact" },
  });
  await response.body?.cancel();
  if (response.status === 401 || response.status === 403) return "refused";
  return Number(response.headers.get("content-range")?.split("/")[1]);
}

/** The first column that a caller could write. */
async function firstColumn(table: string): Promise<string> {
  const [column] = await sql<{ name: string }[]>`
    select attname as name from pg_attribute
    where attrelid = ${`public.${table}`}::regclass and attnum > 0
      and attidentity = '' and attgenerated = '' order by attnum limit 1`;
  return column?.name ?? "";
}

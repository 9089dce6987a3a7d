import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import { SignJWT } from "jose";
import { z } from "zod";
import { ROUTES } from "../../../shared/api/routes.ts";
import { FREE, GUARDED } from "../access/matrix.ts";
import { billingClient } from "../../../shared/client/billing-client.ts";
import { billingCommand } from "../../../cli/billing-command.ts";
import { runCommandLine } from "../../../cli/command-line.ts";
import { jwtKeyId, jwtSecret } from "../../platform/keys.ts";
import { progressTo } from "../../../cli/terminal/progress.ts";
import {
  billJune,
  type DeliveryWorld,
  seedJune,
  withDeliveryWorld,
} from "../support/delivery-world.ts";
import { eventually } from "../support/eventually.ts";
import { seedSubjects } from "../support/guarded-subjects.ts";

const operator = crypto.randomUUID();

/** An operator's token; `aal2` where a second factor was verified. */
async function token(aal: "aal1" | "aal2"): Promise<string> {
  return await new SignJWT({ role: "authenticated", aal, app_metadata: { role: "operator" } })
    .setProtectedHeader({ alg: "HS256", kid: jwtKeyId, typ: "JWT" })
    .setSubject(operator).setAudience("authenticated").setIssuedAt().setExpirationTime("1h")
    .sign(new TextEncoder().encode(jwtSecret));
}

type Ask = (path: string, init?: RequestInit & { readonly body?: string }) => Promise<
  { status: number; body: unknown }
>;

function asking({ platform }: DeliveryWorld, headers: Record<string, string>): Ask {
  return async (path, init = {}) => {
    const response = await fetch(`${platform.urls.api}/functions/v1${path}`, {
      ...init,
      headers: {
        apikey: platform.keys.publishable,
        "content-type": "application/json",
        ...headers,
      },
    });
    return { status: response.status, body: await response.json().catch(() => null) };
  };
}

async function asOperator(world: DeliveryWorld, aal: "aal1" | "aal2" = "aal1"): Promise<Ask> {
  return asking(world, { authorization: `Bearer ${await token(aal)}` });
}

/** Acts that take a second factor; a preview of terms comes before the terms are there. */
const ACTS = ROUTES.filter(({ id }) => id in GUARDED)
  .sort((a, b) => Number(a.id === "createConfig") - Number(b.id === "createConfig"));

/** A command line on the world, its output and its exit code. */
async function run({ platform }: DeliveryWorld, ...args: string[]) {
  const lines: string[] = [];
  const errors: string[] = [];
  const terminal = {
    out: (text: string) => void lines.push(text),
    error: (text: string) => void errors.push(text),
  };
  const client = billingClient(createClient(platform.urls.api, platform.keys.secret));
  const code = await runCommandLine(
    billingCommand({
      connect: () => client,
      terminal,
      progress: progressTo({ write: () => {}, isTerminal: false, now: () => 0 }),
      signToken: () => Promise.reject(new Error("no key is signed here")),
    }),
    args,
    terminal,
  );
  return { code, out: lines.join("\n"), errors: errors.join("\n") };
}

Deno.test("reads by an operator are in the audit log before the answer, once an hour", () =>
  withDeliveryWorld(async (world) => {
    const { sql } = world;
    await seedJune(sql, 2);
    await billJune(sql);
    const ask = await asOperator(world);
    const [{ id, client_id: client }] = await sql<[{ id: string; client_id: string }]>`
      select id, client_id from public.invoices limit 1`;
    const reads = [
      `/billing/invoices/${id}`,
      `/billing/invoices/${id}`,
      `/billing/clients/${client}`,
      "/billing/invoices?status=open&limit=1",
      "/billing/invoices?status=open&limit=2",
      `/render-invoice?format=json&invoice_id=${id}`,
      `/billing/clients/${client}/personal-data`,
    ];
    for (const path of reads) strictEqual((await ask(path)).status, 200, path);
    const rows = await sql`select actor, table_name, row_id, after from billing.audit_log
      where operation = 'read' order by id`;
    deepStrictEqual([...rows], [
      { actor: operator, table_name: "getInvoice", row_id: id, after: null },
      { actor: operator, table_name: "getClient", row_id: client, after: null },
      { actor: operator, table_name: "listInvoices", row_id: "", after: { status: "open" } },
      { actor: operator, table_name: "renderInvoice", row_id: id, after: null },
      { actor: operator, table_name: "exportPersonalData", row_id: client, after: null },
    ]);
    // Programs and members are not people who look into things.
    const asKey = asking(world, { apikey: world.platform.keys.secret });
    strictEqual((await asKey(`/billing/clients/${client}`)).status, 200);
    strictEqual((await sql`select from billing.audit_log where operation = 'read'`).length, 5);
  }));

Deno.test("refused requests are counted by source and hour, and the address is a hash", () =>
  withDeliveryWorld(async (world) => {
    const { sql, platform } = world;
    const from = (address: string, headers: Record<string, string> = {}) =>
      asking(world, { "x-forwarded-for": address, ...headers });
    for (let n = 0; n < 5; n++) {
      strictEqual((await from("192.0.2.7")("/billing/clients")).status, 401);
    }
    const key = from("192.0.2.7", { apikey: platform.keys.agentSecret });
    strictEqual((await key("/billing/clients")).status, 403);
    const counts = async () => [
      ...await sql`select function_name, code, actor, attempts::int
        from _billing.refused_requests order by 1, 2`,
    ];
    await eventually(async () =>
      deepStrictEqual(await counts(), [
        { function_name: "billing", code: "forbidden", actor: "key:agent", attempts: 1 },
        { function_name: "billing", code: "unauthorized", actor: "", attempts: 5 },
      ])
    );
    const sources = await sql`select distinct source from _billing.refused_requests`;
    ok(sources.every(({ source }) => /^[0-9a-f]{16}$/.test(source)), JSON.stringify(sources));
    await sql`select _billing.log_refusals(now() + interval '1 hour')`;
    const [{ logged }] = await sql<[{ logged: number }]>`
      select (after ->> 'attempts')::int as logged from billing.audit_log
      where operation = 'refused' and after ->> 'code' = 'unauthorized'
        and table_name = 'billing'`;
    strictEqual(logged, 5);
  }));

const page = z.object({
  data: z.array(z.object({ position: z.string(), hash: z.string() })),
  next_cursor: z.string().nullable(),
});

Deno.test("the audit log is handed out with its chain, which anybody can verify", () =>
  withDeliveryWorld(async (world) => {
    const { sql } = world;
    await seedJune(sql, 3);
    await billJune(sql);
    await sql`select _billing.seal_audit()`;
    const asKey = asking(world, { apikey: world.platform.keys.secret });
    const first = page.parse((await asKey("/billing/audit?limit=4")).body);
    deepStrictEqual(first.data.map(({ position }) => position), ["1", "2", "3", "4"]);
    const next = page.parse((await asKey(`/billing/audit?cursor=${first.next_cursor}`)).body);
    strictEqual(next.data[0]?.position, "5");
    const exported = await run(world, "audit-export");
    strictEqual(exported.code, 0, exported.errors);
    const head = exported.out.split("\n").map((line) => JSON.parse(line)).at(-1);
    strictEqual((await run(world, "audit-verify", head.position, head.hash)).code, 0);
    strictEqual((await run(world, "audit-verify", head.position, "0".repeat(64))).code, 1);
    // What the owner of the database changes is seen by both.
    await sql`alter table billing.audit_log disable trigger user`;
    await sql`update billing.audit_log set actor = 'eve'
      where id = (select audit_id from billing.audit_seals where position = 3)`;
    await sql`alter table billing.audit_log enable trigger user`;
    const broken = await run(world, "audit-export");
    deepStrictEqual([broken.code, broken.errors], [1, "the entry of position 3 was changed"]);
    const verified = await run(world, "audit-verify");
    strictEqual(verified.code, 1);
    match(verified.out, /row \d+ was changed/);
  }));

Deno.test("an operator's acts take a second factor where settings ask for it; reads do not", () =>
  withDeliveryWorld(async (world) => {
    const { sql } = world;
    const { path, client, user } = await seedSubjects(sql);
    const answersOf = async (ask: Ask) => {
      const codes: Record<string, unknown> = {};
      for (const route of ACTS) {
        const { status, body } = await ask(path(route), {
          method: route.method,
          body: JSON.stringify(GUARDED[route.id]?.(client, user) ?? {}),
        });
        const code = z.object({ code: z.string() }).safeParse(body).data?.code;
        codes[route.id] = code ?? (status < 300 ? "done" : status);
      }
      return codes;
    };
    await sql`update public.billing_settings set require_aal2 = true`;
    const refused = await answersOf(await asOperator(world, "aal1"));
    deepStrictEqual(
      refused,
      Object.fromEntries(Object.keys(refused).map((route) => [route, "second_factor_required"])),
    );
    // Every act of the API is guarded or known not to be.
    deepStrictEqual(
      [...Object.keys(GUARDED), ...Object.keys(FREE)].sort(),
      ROUTES.filter(({ method }) => method !== "GET").map(({ id }) => id).sort(),
    );
    strictEqual((await (await asOperator(world))(`/billing/clients/${client}`)).status, 200);
    const allowed = await answersOf(await asOperator(world, "aal2"));
    deepStrictEqual(
      allowed,
      Object.fromEntries(Object.keys(allowed).map((route) => [route, "done"])),
      "each act is done: it was refused above for the second factor alone",
    );
  }));

Deno.test("a client's people are exported and erased by a call each, and the books stay", () =>
  withDeliveryWorld(async (world) => {
    const { sql } = world;
    await seedJune(sql, 1);
    await billJune(sql);
    const exported = await run(world, "personal-data", "client-1");
    strictEqual(JSON.parse(exported.out).client.email, "client-1@example.test");
    const early = await run(world, "erase-personal-data", "client-1", "asked for");
    strictEqual(early.code, 1);
    match(early.errors, /it is served/);
    await sql`update public.clients set ended_on = '2026-07-01'`;
    await sql`select billing.record_payment(id, amount_due_minor) from public.invoices`;
    const erased = await run(world, "erase-personal-data", "client-1", "asked for");
    strictEqual(erased.code, 0, erased.errors);
    deepStrictEqual((await run(world, "erase-personal-data", "client-1", "again")).out, erased.out);
    const [client] = await sql`select name, email from public.clients`;
    match(client?.name, /^Erased client /);
    strictEqual(client?.email, null);
    const [invoice] = await sql`select document::text from public.invoices`;
    match(invoice?.document, /Client 1/);
  }));

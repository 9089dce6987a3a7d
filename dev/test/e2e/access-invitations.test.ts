import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { z } from "zod";
import { startApi } from "../../platform/api.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { type Headers, signUp, tokenHeaders } from "../access/actors.ts";
import { fullClient } from "../access/two-clients.ts";
import { mailedLink } from "../support/mailed-link.ts";
import { platform } from "../support/platform-env.ts";

/** What an invitation opens and tells, with an Auth that has addresses confirmed. */

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const auth = await startApi({
  adminUrl: platform.databaseAdminUrl,
  maxRows: 10,
  smtpPort: Number(new URL(platform.smtpUrl).port),
  confirmsEmails: true,
});
const admin = await signUp();
const mine = await fullClient(sql, admin.id, `INVITED-${crypto.randomUUID()}`, "admin");

const Invited = z.object({ id: z.string(), user_id: z.string().nullable(), role: z.string() });
const newEmail = () => `${crypto.randomUUID()}@example.com`;

/** Asks Auth with the public key, as a page does. */
function askAuth(path: string, body?: object): Promise<Response> {
  return auth.fetch(
    new Request(`http://auth.test/auth/v1/${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { apikey: platform.publishableKey, "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    }),
  );
}

/** Opens the link that Auth has mailed. */
async function openLink(email: string): Promise<void> {
  const link = new URL(await mailedLink(email));
  const opened = await askAuth(`verify${link.search}`);
  await opened.body?.cancel();
  ok(opened.headers.get("location")?.includes("access_token="), String(opened.status));
}

async function userOf(email: string): Promise<{ id: string; confirmed: boolean }> {
  const [row] = await sql<{ id: string; confirmed: boolean }[]>`
    select id, email_confirmed_at is not null as confirmed from auth.users where email = ${email}`;
  if (row === undefined) throw new Error(`no user ${email}`);
  return row;
}

async function invite(body: object): Promise<{ status: number; answer: unknown }> {
  const response = await fetch(
    `${platform.apiUrl}/functions/v1/billing/clients/${mine.id}/members`,
    {
      method: "POST",
      headers: { ...admin.headers, "content-type": "application/json" },
      body: JSON.stringify(body),
    },
  );
  return { status: response.status, answer: await response.json() };
}

/** The clients that a user sees by the API, and by the Data API. */
async function seenBy(headers: Headers): Promise<{ api: unknown[]; dataApi: unknown[] }> {
  const ids = z.array(z.object({ id: z.string() }));
  const ask = async (path: string) =>
    await (await fetch(`${platform.apiUrl}/${path}`, { headers })).json();
  const { data } = z.object({ data: ids }).parse(await ask("functions/v1/billing/clients"));
  const rows = ids.parse(await ask("rest/v1/clients?select=id"));
  return { api: data.map(({ id }) => id), dataApi: rows.map(({ id }) => id) };
}

Deno.test("Auth confirms an address when its link is opened, and lets nobody in before", async () => {
  const [signedUp, asked] = [newEmail(), newEmail()];
  const password = "correct horse";
  const made = await (await askAuth("signup", { email: signedUp, password })).json();
  strictEqual(made.access_token, undefined);
  strictEqual((await userOf(signedUp)).confirmed, false);
  const refused = await askAuth("token?grant_type=password", { email: signedUp, password });
  strictEqual((await refused.json()).error_code, "email_not_confirmed");
  await (await askAuth("otp", { email: asked, create_user: true })).body?.cancel();
  strictEqual((await userOf(asked)).confirmed, false);
  await openLink(asked);
  strictEqual((await userOf(asked)).confirmed, true);
});

Deno.test("an account with an address that is not confirmed gets nothing of what it is invited to", async () => {
  const email = newEmail();
  await (await askAuth("signup", { email, password: "of another" })).body?.cancel();
  const { id } = await userOf(email);
  // By phone, or where the project lets in whose address is not confirmed, it has a session.
  const headers = await tokenHeaders(id);
  const { status, answer } = await invite({ email, role: "admin" });
  deepStrictEqual([status, Invited.parse(answer).user_id], [201, null]);
  deepStrictEqual(await seenBy(headers), { api: [], dataApi: [] });
  const [row] = await sql<{ members: number }[]>`
    select count(*)::int as members from public.client_members where user_id = ${id}`;
  strictEqual(row?.members, 0);
  // The owner of the address opens the link.
  await (await askAuth("otp", { email, create_user: true })).body?.cancel();
  await openLink(email);
  deepStrictEqual(await seenBy(headers), { api: [mine.id], dataApi: [mine.id] });
  const members = await sql<{ user_id: string | null; role: string }[]>`
    select user_id, role from billing.members_of(${mine.id}) where email = ${email}`;
  deepStrictEqual([...members], [{ user_id: id, role: "admin" }]);
});

Deno.test("a password of before the confirmation opens nothing, with the trigger of docs/security.md", async () => {
  const page = await Deno.readTextFile(join(repositoryRoot, "docs", "security.md"));
  const written = /```sql\n(\s*create function public\.forget_unproved_password[^]*?)```/.exec(
    page,
  );
  const password = "of another";
  const signIn = async (email: string) => {
    const answer = await askAuth("token?grant_type=password", { email, password });
    return Object(await answer.json()).access_token !== undefined;
  };
  const confirmedAfterSignUp = async () => {
    const email = newEmail();
    await (await askAuth("signup", { email, password })).body?.cancel();
    await (await askAuth("otp", { email, create_user: true })).body?.cancel();
    await openLink(email);
    return email;
  };
  strictEqual(await signIn(await confirmedAfterSignUp()), true, "as Auth does without it");
  try {
    await sql.unsafe(written?.[1] ?? "").simple();
    strictEqual(await signIn(await confirmedAfterSignUp()), false);
  } finally {
    await sql`drop function if exists public.forget_unproved_password cascade`;
  }
});

Deno.test("an admin is answered alike, whether an address has an account or not", async () => {
  const known = newEmail();
  await (await askAuth("otp", { email: known, create_user: true })).body?.cancel();
  await openLink(known);
  const shape = async (email: string) => {
    const { status, answer } = await invite({ email, role: "billing" });
    const { id, created_at, ...rest } = Object(answer);
    ok(z.uuid().safeParse(id).success && typeof created_at === "string");
    return { status, ...rest, email: rest.email === email };
  };
  const told = { status: 201, client_id: mine.id, user_id: null, role: "billing", email: true };
  deepStrictEqual(await shape(known), told);
  deepStrictEqual(await shape(newEmail()), told);
  const listed = await sql<{ user_id: string | null }[]>`
    select user_id from billing.members_of(${mine.id}) where email = ${known}`;
  deepStrictEqual([...listed], [{ user_id: null }]);
});

Deno.test("a member or an invited address is not invited again: 409 names what changes the role", async () => {
  const email = newEmail();
  const { id } = Invited.parse((await invite({ email, role: "viewer" })).answer);
  const again = async () => {
    const { status, answer } = await invite({ email, role: "admin" });
    const { code, detail } = z.object({ code: z.string(), detail: z.string() }).parse(answer);
    deepStrictEqual([status, code], [409, "already_member"]);
    const [, method = "", path = ""] = /\((?:.* )?([A-Z]+) (\/billing\/\S+)\)$/.exec(detail) ?? [];
    return { method, path };
  };
  const { method, path } = await again();
  deepStrictEqual({ method, path }, {
    method: "PATCH",
    path: `/billing/clients/${mine.id}/members/${id}`,
  });
  await (await askAuth("otp", { email, create_user: true })).body?.cancel();
  await openLink(email);
  const user = await userOf(email);
  const headers = await tokenHeaders(user.id);
  deepStrictEqual(await seenBy(headers), { api: [mine.id], dataApi: [mine.id] });
  const named = await again();
  const changed = await fetch(`${platform.apiUrl}/functions/v1${named.path}`, {
    method: named.method,
    headers: { ...admin.headers, "content-type": "application/json" },
    body: JSON.stringify({ role: "admin" }),
  });
  const { user_id, role } = Invited.parse(await changed.json());
  deepStrictEqual([changed.status, user_id, role], [200, user.id, "admin"]);
});

Deno.test("a member who comes to have another address that is invited has the higher role", async () => {
  const [first, second] = [newEmail(), newEmail()];
  await (await askAuth("otp", { email: first, create_user: true })).body?.cancel();
  await openLink(first);
  const { id } = await userOf(first);
  const headers = await tokenHeaders(id);
  await invite({ email: first, role: "viewer" });
  await seenBy(headers);
  await invite({ email: second, role: "admin" });
  await sql`update auth.users set email = ${second} where id = ${id}`;
  await seenBy(headers);
  const members = await sql<{ user_id: string | null; role: string }[]>`
    select user_id, role from billing.members_of(${mine.id})
    where email in ${sql([first, second])}`;
  deepStrictEqual([...members], [{ user_id: id, role: "admin" }]);
});

Deno.test("an invitation that is taken back opens nothing", async () => {
  const email = newEmail();
  await (await askAuth("otp", { email, create_user: true })).body?.cancel();
  await openLink(email);
  const { id } = Invited.parse((await invite({ email })).answer);
  const removed = await fetch(
    `${platform.apiUrl}/functions/v1/billing/clients/${mine.id}/members/${id}`,
    { method: "DELETE", headers: admin.headers },
  );
  deepStrictEqual([removed.status, (await removed.json()).id], [200, id]);
  const headers = await tokenHeaders((await userOf(email)).id);
  deepStrictEqual(await seenBy(headers), { api: [], dataApi: [] });
});

Deno.test.afterAll(async () => {
  await auth.stop();
  await sql.end();
});

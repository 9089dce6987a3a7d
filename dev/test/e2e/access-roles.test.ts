import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { ROUTES } from "../../../shared/api/routes.ts";
import { type Headers, signUp } from "../access/actors.ts";
import { ENDPOINTS, ROLE_NEEDED, ROLES } from "../access/matrix.ts";
import { fullClient } from "../access/two-clients.ts";
import { platform } from "../support/platform-env.ts";

/** The access matrix of members by their roles. */

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const [viewer, payer, admin, outsider] = [
  await signUp(),
  await signUp(),
  await signUp(),
  await signUp(),
];
const mine = await fullClient(sql, viewer.id, `ROLES-${crypto.randomUUID()}`);
const theirs = await fullClient(sql, outsider.id, `ROLES-${crypto.randomUUID()}`, "admin");
await sql`
  insert into public.client_members (client_id, user_id, role)
  values (${mine.id}, ${payer.id}, 'billing'), (${mine.id}, ${admin.id}, 'admin')`;
const headers = {
  viewer: viewer.headers,
  billing: payer.headers,
  admin: admin.headers,
  outsider: outsider.headers,
};

for (const [id, { role: needed, body }] of Object.entries(ROLE_NEEDED)) {
  Deno.test(`${id}: of a client's members those from ${needed} on, and nobody of another client`, async () => {
    const route = ROUTES.find((one) => one.id === id);
    ok(route !== undefined && ENDPOINTS[id]?.includes("member"), id);
    const takesKey = route.method !== "GET" && !("opensByItself" in route);
    const answers = async (client: string, who: Headers) => {
      const path = route.path.replace("{client_id}", client)
        .replace("{member_id}", crypto.randomUUID());
      const response = await fetch(`${platform.apiUrl}/functions/v1${path}`, {
        method: route.method,
        headers: {
          ...who,
          "content-type": "application/json",
          ...takesKey ? { "idempotency-key": crypto.randomUUID() } : {},
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const { code } = await response.json();
      return { status: response.status, code };
    };
    for (const role of ROLES) {
      const { status, code } = await answers(mine.id, headers[role]);
      if (ROLES.indexOf(role) < ROLES.indexOf(needed)) {
        deepStrictEqual([status, code], [403, "role_required"], role);
      } else {
        ok(status < 500 && ![401, 403].includes(status), `${role}: ${status} ${code}`);
      }
      strictEqual((await answers(theirs.id, headers[role])).status, 404, role);
    }
    strictEqual((await answers(mine.id, headers.outsider)).status, 404);
  });
}

Deno.test("every act that is open to members has the role that it takes", () => {
  const acts = ROUTES.filter(({ id, method, readsOnly }) =>
    method !== "GET" && readsOnly !== true && ENDPOINTS[id]?.includes("member")
  );
  deepStrictEqual(acts.map(({ id }) => id).filter((id) => !(id in ROLE_NEEDED)), []);
});

Deno.test("an admin adds users by email, not by an id that would tell whose it is", async () => {
  const add = (body: object) =>
    fetch(`${platform.apiUrl}/functions/v1/billing/clients/${mine.id}/members`, {
      method: "POST",
      headers: { ...headers.admin, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const byId = await add({ user_id: outsider.id, role: "viewer" });
  deepStrictEqual([byId.status, (await byId.json()).code], [400, "bad_request"]);
  const [{ email } = { email: "" }] = await sql<{ email: string }[]>`
    select email from billing.members_of(${theirs.id})`;
  const byEmail = await add({ email, role: "billing" });
  const invited = await byEmail.json();
  deepStrictEqual([byEmail.status, invited.role], [201, "billing"]);
  const [audit] = await sql`
    select actor, after ->> 'role' as role from billing.audit_log
    where table_name = 'member_invitations' and row_id = ${invited.id}`;
  deepStrictEqual({ ...audit }, { actor: admin.id, role: "billing" });
});

Deno.test.afterAll(() => sql.end());

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { decodeProtectedHeader, jwtVerify } from "jose";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { jwtKeyId, jwtSecret } from "../../platform/keys.ts";
import type { Database } from "../../../shared/database.types.ts";
import { platform } from "../support/platform-env.ts";

function newClient() {
  return createClient<Database>(platform.apiUrl, platform.publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
}

Deno.test("signing up gives a token that names its key, and signing in again works", async () => {
  const email = `${crypto.randomUUID()}@example.com`;
  const password = "correct horse";
  const { data, error } = await newClient().auth.signUp({ email, password });
  strictEqual(error, null);
  const token = data.session?.access_token ?? "";
  strictEqual(decodeProtectedHeader(token).kid, jwtKeyId);
  const { payload } = await jwtVerify(token, new TextEncoder().encode(jwtSecret));
  strictEqual(payload.sub, data.user?.id);
  strictEqual(payload.role, "authenticated");
  strictEqual((await newClient().auth.signInWithPassword({ email, password })).error, null);
  ok((await newClient().auth.signInWithPassword({ email, password: "wrong one" })).error);
});

Deno.test("a user sees the clients they are a member of, and no others", async () => {
  const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const user = newClient();
    const { data } = await user.auth.signUp({
      email: `${crypto.randomUUID()}@example.com`,
      password: "correct horse",
    });
    const names = [`Mine ${crypto.randomUUID()}`, `Theirs ${crypto.randomUUID()}`];
    const clients = await sql<{ id: string }[]>`
      insert into public.clients ${sql(names.map((name) => ({ name })))} returning id
    `;
    await sql`
      insert into public.client_members (client_id, user_id)
      values (${clients[0]?.id ?? ""}, ${data.user?.id ?? ""})
    `;
    const seen = await user.from("clients").select("name");
    strictEqual(seen.error, null);
    deepStrictEqual(seen.data, [{ name: names[0] }]);
  } finally {
    await sql.end();
  }
});

Deno.test("a user's token says their app_metadata, as GoTrue's does, and they cannot write it", async () => {
  const sql = postgres(platform.databaseAdminUrl, { max: 1, onnotice: () => {} });
  const email = `${crypto.randomUUID()}@example.com`;
  const password = "correct horse";
  const claims = async () => {
    const { data } = await newClient().auth.signInWithPassword({ email, password });
    const secret = new TextEncoder().encode(jwtSecret);
    return (await jwtVerify(data.session?.access_token ?? "", secret)).payload;
  };
  try {
    const user = newClient();
    const { data } = await user.auth.signUp({ email, password });
    await user.auth.updateUser({ data: { role: "operator" } });
    ok(!JSON.stringify((await claims()).app_metadata ?? {}).includes("operator"));
    await sql`update auth.users set raw_app_meta_data = '{"role": "operator"}'
      where id = ${data.user?.id ?? ""}`;
    deepStrictEqual((await claims()).app_metadata, { role: "operator" });
  } finally {
    await sql.end();
  }
});

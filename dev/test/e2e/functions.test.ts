import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createClient } from "@supabase/supabase-js";
import { hostedEnv } from "../../platform/function-env.ts";
import { serveFunctions } from "../../platform/functions.ts";
import { startGuard } from "../../platform/guard.ts";
import { platformKeys } from "../../platform/keys.ts";
import { platform } from "../support/platform-env.ts";

for (const deno of ["current", "hosted"] as const) {
  Deno.test(`functions know users and named keys, and nobody else (Deno ${deno})`, async () => {
    const client = createClient(platform.apiUrl, platform.publishableKey, {
      auth: { persistSession: false, autoRefreshToken: false },
    });
    const { data } = await client.auth.signUp({
      email: `${crypto.randomUUID()}@example.com`,
      password: "correct horse",
    });
    const guard = startGuard();
    const functions = serveFunctions({ guarded: { enabled: true, verify_jwt: false } }, {
      directory: fileURLToPath(new URL("../functions", import.meta.url)),
      deno,
      env: hostedEnv(platform.apiUrl, platform.databaseUrl),
      guard,
    });
    const call = async (headers: Record<string, string>) => {
      const url = `${platform.apiUrl}/functions/v1/guarded`;
      const response = await functions.fetch(new Request(url, { headers }));
      return { status: response.status, body: await response.json() };
    };
    try {
      const asUser = await call({
        apikey: platform.publishableKey,
        authorization: `Bearer ${data.session?.access_token}`,
      });
      deepStrictEqual(asUser.body, { mode: "user", user: data.user?.id, rows: 0 });
      const asCron = await call({ apikey: platformKeys.cronSecret });
      // Its client is anonymous, and anonymous callers see nothing.
      deepStrictEqual(asCron.body, { mode: "secret", user: null, rows: "42501" });
      strictEqual((await call({ apikey: platform.secretKey })).status, 401);
      strictEqual((await call({ authorization: "Bearer a.b.c" })).status, 401);
    } finally {
      await functions.stop();
      await guard.stop();
    }
  });
}

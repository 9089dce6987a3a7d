import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { DenoVersion } from "./deno-binary.ts";
import { hostedEnv } from "./function-env.ts";
import { serveFunctions } from "./functions.ts";
import type { Functions } from "./functions.ts";
import { startGuard } from "./guard.ts";
import { platformKeys } from "./keys.ts";

const base = "http://127.0.0.1:54321/functions/v1";
const probeSchema = z.object({
  path: z.string(),
  body: z.string(),
  env: z.array(z.string()),
  canRun: z.boolean(),
});

async function withFunctions(
  deno: DenoVersion,
  verify_jwt: boolean,
  run: (functions: Functions) => Promise<void>,
): Promise<void> {
  const guard = startGuard();
  const functions = serveFunctions({
    probe: { enabled: true, verify_jwt },
    broken: { enabled: true, verify_jwt: false },
    missing: { enabled: true, verify_jwt: false },
  }, {
    directory: fileURLToPath(new URL("../test/functions", import.meta.url)),
    deno,
    env: { ...hostedEnv("http://127.0.0.1:54321", "postgresql://x"), HERMES_URL: "http://h" },
    guard,
  });
  try {
    await run(functions);
  } finally {
    await functions.stop();
    await guard.stop();
  }
}

for (const deno of ["current", "hosted"] as const) {
  Deno.test(`a function sees what a hosted one sees (Deno ${deno})`, () =>
    withFunctions(deno, false, async (functions) => {
      const response = await functions.fetch(
        new Request(`${base}/probe/deep/er?x=1`, { method: "POST", body: "héllo" }),
      );
      const seen = probeSchema.parse(await response.json());
      strictEqual(seen.path, "/probe/deep/er");
      strictEqual(seen.body, "héllo");
      strictEqual(seen.canRun, false);
      deepStrictEqual(
        seen.env.filter((name) => name.startsWith("SUPABASE_") || name === "HERMES_URL"),
        [
          "HERMES_URL",
          "SUPABASE_ANON_KEY",
          "SUPABASE_DB_URL",
          "SUPABASE_JWKS",
          "SUPABASE_PUBLISHABLE_KEYS",
          "SUPABASE_SECRET_KEYS",
          "SUPABASE_SERVICE_ROLE_KEY",
          "SUPABASE_URL",
        ],
      );
    }));
}

Deno.test("verify_jwt lets keys and user tokens in, nobody else", () =>
  withFunctions("current", true, async (functions) => {
    const statusWith = async (headers: Record<string, string>) => {
      const response = await functions.fetch(new Request(`${base}/probe`, { headers }));
      await response.body?.cancel();
      return response.status;
    };
    strictEqual(await statusWith({}), 401);
    strictEqual(await statusWith({ authorization: "Bearer garbage" }), 401);
    strictEqual(await statusWith({ apikey: platformKeys.publishable }), 200);
    strictEqual(await statusWith({ authorization: `Bearer ${platformKeys.anonJwt}` }), 200);
  }));

Deno.test("a GET may not answer with HTML", () =>
  withFunctions("current", false, async (functions) => {
    const response = await functions.fetch(new Request(`${base}/probe?html=1`));
    strictEqual(response.headers.get("content-type"), "text/plain; charset=utf-8");
    await response.body?.cancel();
  }));

Deno.test("a function that does not start is a 503 and says why in the log", () =>
  withFunctions("current", false, async (functions) => {
    const response = await functions.fetch(new Request(`${base}/broken`));
    strictEqual(response.status, 503);
    strictEqual((await response.json()).code, "BOOT_ERROR");
    match(functions.log().join("\n"), /broken on purpose/);
    const missing = await functions.fetch(new Request(`${base}/missing`));
    strictEqual(missing.status, 404);
    await missing.body?.cancel();
  }));

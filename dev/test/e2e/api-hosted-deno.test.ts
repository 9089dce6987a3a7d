import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { hostedEnv } from "../../platform/function-env.ts";
import { serveFunctions } from "../../platform/functions.ts";
import { startGuard } from "../../platform/guard.ts";
import { platformKeys } from "../../platform/keys.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { platform } from "../support/platform-env.ts";

Deno.test("billing and ingest-usage run on the Deno that hosted functions are compatible with", async () => {
  const guard = startGuard();
  const functions = serveFunctions({
    billing: { enabled: true, verify_jwt: false },
    "ingest-usage": { enabled: true, verify_jwt: false },
  }, {
    directory: join(repositoryRoot, "supabase", "functions"),
    deno: "hosted",
    env: hostedEnv(platform.apiUrl, platform.databaseUrl),
    guard,
  });
  const ask = (path: string, init: RequestInit) =>
    functions.fetch(new Request(`${platform.apiUrl}/functions/v1/${path}`, init));
  try {
    const listed = await ask("billing/clients?limit=1", {
      headers: { apikey: platform.secretKey },
    });
    strictEqual(listed.status, 200);
    const key = crypto.randomUUID();
    const post = () =>
      ask("billing/clients", {
        method: "POST",
        headers: { apikey: platform.secretKey, "idempotency-key": key },
        body: JSON.stringify({ name: `Hosted ${key}` }),
      });
    deepStrictEqual(await (await post()).json(), await (await post()).json());
    const stored = await ask("ingest-usage", {
      method: "POST",
      headers: {
        apikey: platformKeys.agentSecret,
        "content-encoding": "gzip",
        "content-type": "application/x-ndjson",
      },
      body: gzipSync('{"agent":"HOSTED","model":"claude-opus"}\n'),
    });
    strictEqual((await stored.json()).inserted, 1);
  } finally {
    await functions.stop();
    await guard.stop();
  }
});

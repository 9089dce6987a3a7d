import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { hostedEnv } from "../../platform/function-env.ts";
import { serveFunctions } from "../../platform/functions.ts";
import { startGuard } from "../../platform/guard.ts";
import { platformKeys } from "../../platform/keys.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";
import { eventually } from "../support/eventually.ts";
import { platform } from "../support/platform-env.ts";

/** Every function that there is: the next one must be in these tests too. */
const files = await listFiles("supabase/functions", "index.ts");
const NAMES = files.flatMap((file) => /functions\/([^/]+)\/index\.ts$/.exec(file)?.[1] ?? []);
const Line = z.looseObject({ request_id: z.string(), status: z.number(), route: z.string() });

/** Functions that give unauthenticated requests three answers a minute, and what they log. */
async function withFunctions(
  work: (
    ask: (path: string, init?: RequestInit) => Promise<Response>,
    lines: string[],
  ) => Promise<void>,
) {
  const guard = startGuard();
  const lines: string[] = [];
  const functions = serveFunctions(
    Object.fromEntries(NAMES.map((name) => [name, { enabled: true, verify_jwt: false }])),
    {
      directory: join(repositoryRoot, "supabase", "functions"),
      deno: "current",
      env: {
        ...hostedEnv(platform.apiUrl, platform.databaseUrl),
        UNAUTHENTICATED_REQUESTS_PER_MINUTE: "3",
        STRIPE_API_KEY: "sk_test_of_this_test",
        STRIPE_WEBHOOK_SECRET: "whsec_of_this_test",
      },
      guard,
      onLine: (line) => lines.push(line.replace(/^[\w-]+: /, "")),
    },
  );
  try {
    await work(
      (path, init) => functions.fetch(new Request(`${platform.apiUrl}/functions/v1/${path}`, init)),
      lines,
    );
  } finally {
    await functions.stop();
    await guard.stop();
  }
}

Deno.test("each function refuses unauthenticated requests a few times, then answers 429; others are served", async () => {
  await withFunctions(async (ask) => {
    const forged = { method: "POST", body: "{}", headers: { "stripe-signature": "t=1,v1=00" } };
    const wrong = { headers: { apikey: "sb_secret_wrong" } };
    const requests: [string, RequestInit, number][] = [
      ["billing/clients", wrong, 401],
      ["billing/clients", {}, 401],
      ["billing/openapi.json", {}, 200],
      ["ingest-usage", { ...wrong, method: "POST", body: "[]" }, 401],
      ["render-invoice", wrong, 401],
      ["stripe-webhook", forged, 400],
      ["deliver", { ...wrong, method: "POST" }, 401],
      ["create-stripe-invoice", { ...wrong, method: "POST", body: "{}" }, 401],
      ["reconcile-stripe", { ...wrong, method: "POST" }, 401],
    ];
    const known = new Set(requests.map(([path]) => path.split("/")[0]));
    deepStrictEqual([...known].sort(), NAMES);
    for (const [path, init, status] of requests) {
      const seen: number[] = [];
      for (let n = 0; n < 4; n++) {
        const response = await ask(path, init);
        seen.push(response.status);
        const text = await response.text();
        if (response.status !== 429) continue;
        strictEqual(JSON.parse(text).code, "rate_limited");
        const wait = Number(response.headers.get("retry-after"));
        ok(wait >= 1 && wait <= 20, `${wait} s`);
      }
      // The paths of one function share their budget: the first has used up that of billing.
      ok(seen.includes(429), `${path}: ${seen}`);
      ok(seen.every((one) => one === status || one === 429), `${path}: ${seen}`);
    }
    const served = await ask("billing/clients", { headers: { apikey: platform.secretKey } });
    strictEqual(served.status, 200);
    await served.body?.cancel();
  });
});

Deno.test("each request is one JSON line with its id, and nothing personal or secret in it", async () => {
  await withFunctions(async (ask, lines) => {
    const headers = { apikey: platform.secretKey, "x-request-id": "of-this-test-1" };
    const made = await ask("billing/clients", {
      method: "POST",
      headers,
      body: JSON.stringify({ name: "Ada Lovelace", email: "ada@example.com" }),
    });
    strictEqual(made.headers.get("x-request-id"), "of-this-test-1");
    const { id } = await made.json();
    await (await ask("billing/clients?q=Lovelace", { headers })).body?.cancel();
    const invoice = crypto.randomUUID();
    await (await ask(`billing/invoices/${invoice}`, { headers })).body?.cancel();
    await (await ask(`render-invoice?invoice_id=${invoice}`, { headers })).body?.cancel();
    const broken = { apikey: platformKeys.agentSecret, "content-encoding": "gzip" };
    await (await ask("ingest-usage", { method: "POST", headers: broken, body: "Ada" })).body
      ?.cancel();

    const parsed = lines.map((line) => Line.parse(JSON.parse(line)));
    deepStrictEqual(
      parsed.map(({ route, status, code, invoice_ids }) => [route, status, code, invoice_ids]),
      [
        ["/billing/clients", 201, undefined, undefined],
        ["/billing/clients", 400, "bad_request", undefined],
        ["/billing/invoices/{invoice_id}", 404, "not_found", [invoice]],
        ["/render-invoice", 404, "not_found", [invoice]],
        ["/ingest-usage", 400, "bad_request", undefined],
      ],
    );
    strictEqual(parsed.filter(({ request_id }) => request_id === "of-this-test-1").length, 4);
    for (const told of ["Ada", "Lovelace", "ada@example.com", id, ...secrets()]) {
      ok(!lines.join("\n").includes(told), `the log tells ${told}`);
    }
  });
});

Deno.test("half-sent bodies do not close a function, and hanging up on it writes no error", async () => {
  await withFunctions(async (ask, lines) => {
    const hangUp = new AbortController();
    const agent = { apikey: platformKeys.agentSecret, "content-type": "application/json" };
    const forged = () => ({
      "stripe-signature": `t=${Math.floor(Date.now() / 1000)},v1=${"0".repeat(64)}`,
    });
    const requests = [
      ["ingest-usage", agent, 200],
      ["stripe-webhook", forged(), 400],
    ] as const;
    for (const [path, headers, status] of requests) {
      // Started once, so that what is measured is not the start.
      await (await ask(path, { method: "POST", headers, body: "[]" })).body?.cancel();
      for (let n = 0; n < 40; n++) {
        const body = new ReadableStream<Uint8Array>({
          start: (to) => {
            to.enqueue(new TextEncoder().encode("["));
            hangUp.signal.addEventListener("abort", () => to.error(new Error("hung up")));
          },
        });
        void ask(path, { method: "POST", headers, body }).then((it) => it.body?.cancel());
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
      const started = performance.now();
      const response = await ask(path, { method: "POST", headers, body: "[]" });
      await response.body?.cancel();
      strictEqual(response.status, status, path);
      ok(performance.now() - started < 1000, `${path}: ${performance.now() - started} ms`);
    }
    hangUp.abort();
    await eventually(() => Promise.resolve(ok(lines.length >= 40)));
    deepStrictEqual(lines.filter((line) => line.includes('"level":"error"')), []);
  });
});

function secrets(): string[] {
  return [platform.secretKey, platformKeys.agentSecret, platformKeys.cronSecret];
}

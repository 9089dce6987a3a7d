import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";
import { answerTo, HANDLERS, pathOf, reached, WEBHOOK_SECRET } from "./function-requests.ts";

/** Bytes of a body that each function reads at most; null: none. */
const LIMITS: Readonly<Record<string, number | null>> = {
  billing: 1_000_000,
  "create-stripe-invoice": 10_000,
  deliver: null,
  "ingest-usage": 8_000_000,
  "reconcile-stripe": 10_000,
  "render-invoice": 10_000,
  "stripe-webhook": 1_048_576,
};
const PARSE_JSON = Object.keys(LIMITS).filter((name) =>
  !["deliver", "stripe-webhook"].includes(name)
);

Deno.test("each function is wrapped by withRequest under its own name, and is in these tests", async () => {
  const files = await listFiles("supabase/functions", "index.ts");
  const names = files.flatMap((file) => /functions\/([^/]+)\/index\.ts$/.exec(file)?.[1] ?? []);
  deepStrictEqual(Object.keys(HANDLERS).sort(), names.sort());
  deepStrictEqual(Object.keys(LIMITS).sort(), names.sort());
  for (const name of names) {
    const text = await Deno.readTextFile(
      join(repositoryRoot, "supabase", "functions", name, "index.ts"),
    );
    ok(
      new RegExp(`fetch: withRequest\\(\\s*"${name}",`).test(text),
      `${name} is not wrapped by withRequest`,
    );
  }
});

for (const [name, limit] of Object.entries(LIMITS)) {
  Deno.test(`${name}: a body without end is refused at its limit, and no more of it is read`, async () => {
    const { body, sent } = endless();
    const signed = { "stripe-signature": `t=${seconds()},v1=${"0".repeat(64)}` };
    const { status, code } = await answerTo(name, body, signed);
    // The worker takes no body: it hangs up on one and works.
    deepStrictEqual([status, code], limit === null ? [200, undefined] : [413, "too_large"]);
    ok(sent() <= (limit ?? 0) + 3 * CHUNK, `${sent()} bytes were read`);
    deepStrictEqual(reached.splice(0), []);
  });

  Deno.test(`${name}: no answer may be stored on the way or taken for another type`, async () => {
    const answer = HANDLERS[name];
    const url = `http://functions.test${pathOf(name)}/nowhere?x=1`;
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]) {
      const response = await answer?.(new Request(url, { method, headers: { apikey: "x" } }));
      await response?.body?.cancel();
      strictEqual(response?.headers.get("x-content-type-options"), "nosniff", method);
      strictEqual(response?.headers.get("cache-control"), "no-store", method);
    }
    reached.splice(0);
  });

  Deno.test(`${name}: a method that is not offered is refused, whatever a header calls it`, async () => {
    for (const method of ["PUT", "HEAD", "PATCH", "DELETE"]) {
      const response = await HANDLERS[name]?.(
        new Request(`http://functions.test${pathOf(name)}`, {
          method,
          headers: { apikey: "x", "x-http-method-override": "POST", "x-method-override": "POST" },
        }),
      );
      await response?.body?.cancel();
      // HEAD is GET without its body: of the API's lists it is offered.
      if (method === "HEAD" && name === "billing") continue;
      strictEqual(response?.status, 405, method);
      ok(response?.headers.get("allow")?.includes("POST"), method);
    }
    reached.splice(0);
  });
}

for (const name of PARSE_JSON) {
  Deno.test(`${name}: a gzip bomb is refused while it inflates`, async () => {
    const bomb = gzipSync(new Uint8Array(50_000_000));
    const { status, code } = await answerTo(name, bomb, { "content-encoding": "gzip" });
    deepStrictEqual([status, code], [413, "too_large"]);
  });

  Deno.test(`${name}: JSON nested deeper than anything needs is the caller's mistake`, async () => {
    const arrays = "[".repeat(4000) + "]".repeat(4000);
    const objects = '{"a":'.repeat(1500) + "1" + "}".repeat(1500);
    const bodies = [objects, `{"metadata":${arrays}}`, `{"events":[],"x":${arrays}}`];
    // Of a batch only the event is refused: below.
    if (name !== "ingest-usage") bodies.push(arrays);
    for (const text of bodies) {
      // With a key the whole body is written down, which is one more walk through it.
      for (const key of ["", "k"]) {
        const headers: Record<string, string> = key === "" ? {} : { "idempotency-key": key };
        const { status, code } = await answerTo(name, text, headers);
        deepStrictEqual([status, code], [400, "bad_request"], text.slice(0, 20));
      }
    }
    deepStrictEqual(reached.splice(0), []);
  });

  Deno.test(`${name}: a body that is no UTF-8, no JSON or a polluted object is refused`, async () => {
    const bodies: BodyInit[] = [
      new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      new Uint8Array([0xed, 0xa0, 0x80]),
      "\0",
      "{nope",
      "NaN",
      '{"__proto__":{"name":"x","events":[],"invoice_id":"x"}}',
      '{"constructor":{"prototype":{"polluted":true}}}',
    ];
    for (const body of bodies) {
      const { status, code } = await answerTo(name, body);
      deepStrictEqual([status, code], [400, "bad_request"], String(body));
    }
    strictEqual(Object.hasOwn(Object.prototype, "polluted"), false);
    deepStrictEqual(reached.splice(0), []);
  });
}

Deno.test("the deepest body that is taken is a hundred levels", async () => {
  const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
  const { detail } = await answerTo("billing", nested(101));
  strictEqual(detail, "the body is nested more than 100 levels deep");
  strictEqual((await answerTo("billing", nested(100))).detail, undefined);
});

Deno.test("of a batch the event that is nested too deeply is refused, not the batch", async () => {
  const { readEvents } = await import("../../../supabase/functions/ingest-usage/handler.ts");
  const deep = `{"agent":"A","x":${"[".repeat(500_000)}${"]".repeat(500_000)}}`;
  const read = (body: string, type: string) =>
    readEvents(
      new Request("http://f.test", { method: "POST", body, headers: { "content-type": type } }),
    );
  const Batch = z.object({ events: z.array(z.unknown()) });
  for (
    const [body, type] of [
      [`[{"agent":"B"},${deep}]`, "application/json"],
      [`{"events":[{"agent":"B"},${deep}]}`, "application/json"],
      [`{"agent":"B"}\n${deep}\n`, "application/x-ndjson"],
    ] as const
  ) {
    const { events } = Batch.parse(await read(body, type));
    deepStrictEqual(events, [{ agent: "B" }, "nested too deeply"]);
  }
});

Deno.test("a usage event keeps or refuses what is called __proto__, and never drops it", async () => {
  const { UsageEvent } = await import("../../../shared/api/events.ts");
  const problems = (text: string) => {
    const { error } = UsageEvent.safeParse(JSON.parse(text));
    return error?.issues.map(({ path, message }) => `${path.join("/")} ${message}`) ?? [];
  };
  const event = (more: string) => `{"agent":"A","model":"m",${more}}`;
  deepStrictEqual(problems(event('"other_features":{"__proto__":5}')), [
    "other_features no feature can be called __proto__",
  ]);
  deepStrictEqual(problems(event('"__proto__":{"client_id":1}')), [
    ' Unrecognized key: "__proto__"',
  ]);
  deepStrictEqual(problems(event('"other_features":{"constructor":1,"toString":2}')), []);
  const kept = UsageEvent.parse(JSON.parse(event('"metadata":{"__proto__":{"a":1}}')));
  strictEqual(JSON.stringify(kept.metadata), '{"__proto__":{"a":1}}');
});

for (const name of Object.keys(LIMITS).filter((one) => LIMITS[one] !== null)) {
  Deno.test(`${name}: forty half-sent bodies do not close it`, async () => {
    const signed = { "stripe-signature": `t=${seconds()},v1=${"0".repeat(64)}` };
    const stalled = Array.from({ length: 40 }, () => halfSent());
    const held = stalled.map(({ body, length }) =>
      answerTo(name, body, { ...signed, "content-length": length })
    );
    const started = performance.now();
    const { status } = await answerTo(name, "{nope", signed);
    strictEqual(status, 400);
    ok(performance.now() - started < 1000, `answered after ${performance.now() - started} ms`);
    for (const { end } of stalled) end();
    for (const { status } of await Promise.all(held)) ok(status >= 400 && status < 500);
    reached.splice(0);
  });
}

Deno.test("a body nested 100,000 deep is the caller's mistake everywhere", async () => {
  const depth = 100_000;
  const bodies = [
    "[".repeat(depth) + "]".repeat(depth),
    '{"a":'.repeat(depth) + "1" + "}".repeat(depth),
    "[".repeat(depth),
  ];
  for (const name of Object.keys(LIMITS).filter((one) => (LIMITS[one] ?? 0) > 10_000)) {
    for (const body of bodies) {
      // An array at the top is a batch of events, each with its own result.
      if (name === "ingest-usage" && body.startsWith("[[") && body.endsWith("]")) continue;
      const { status } = await answerTo(name, body, signedNow(body));
      strictEqual(status, 400, `${name}: ${body.slice(0, 3)}`);
    }
  }
  reached.splice(0);
});

const seconds = () => Math.floor(Date.now() / 1000);

/** As Stripe signs it with the secret of these tests. */
function signedNow(body: string): Record<string, string> {
  const digest = createHmac("sha256", WEBHOOK_SECRET).update(`${seconds()}.${body}`).digest("hex");
  return { "stripe-signature": `t=${seconds()},v1=${digest}` };
}

/** One byte of an announced body; the rest never comes. `end` hangs up. */
function halfSent() {
  const hangUp = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => {
      controller.enqueue(new Uint8Array([0x7b]));
      hangUp.promise.then(() => controller.error(new Error("the caller hung up")));
    },
  });
  return { body, length: "1000", end: () => hangUp.resolve() };
}

const CHUNK = 65_536;

/** A body that goes on until somebody hangs up; breaks off where a handler would hold it all. */
function endless(): { body: ReadableStream<Uint8Array<ArrayBuffer>>; sent: () => number } {
  let bytes = 0;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => {
      bytes += CHUNK;
      if (bytes > 32_000_000) controller.error(new Error("nobody hung up"));
      else controller.enqueue(new Uint8Array(CHUNK).fill(0x20));
    },
  }, { highWaterMark: 0 });
  return { body, sent: () => bytes };
}

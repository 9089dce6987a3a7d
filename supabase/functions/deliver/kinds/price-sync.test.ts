import assert from "node:assert/strict";
import { SourceUnreadable } from "../../../../shared/catalogue/list-price.ts";
import { sha256Of } from "../../../../shared/sha256.ts";
import { fetchPriceSource } from "../outbound/price-source.ts";
import type { DeliveryJob } from "../types.ts";
import { priceSyncer, type SourceSync } from "./price-sync.ts";

const MAP = `{"m": {"litellm_provider": "p", "input_cost_per_token": 3e-06}}`;
const HASH = sha256Of(MAP);

function job(attempts = 1, payload: Record<string, unknown> = { source: "litellm" }): DeliveryJob {
  return {
    id: "1",
    kind: "price_sync",
    event: "price_sync",
    dedupe_key: "price_sync:litellm:2026-06-20",
    client_id: null,
    invoice_id: null,
    credit_note_id: null,
    payload,
    lease: "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa",
    attempts,
  };
}

/** A source that answers so, and the catalogue; `refused` is what the database says of it. */
function world(
  answer: () => Response | Promise<Response>,
  { compared = "", refused, off = false }: {
    compared?: string;
    refused?: Error;
    off?: boolean;
  } = {},
) {
  const syncs: SourceSync[] = [];
  const problems: string[] = [];
  let asked = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    asked++;
    return answer();
  });
  const url = `http://127.0.0.1:${server.addr.port}/prices.json`;
  const syncer = priceSyncer({
    tables: {
      url: () => Promise.resolve(off ? null : url),
      isCompared: (_source, sha256) => Promise.resolve(sha256 === compared),
      compare: (sync) => {
        if (refused !== undefined) return Promise.reject(refused);
        syncs.push(sync);
        return Promise.resolve({ new_models: 1 });
      },
      noteProblem: (source, problem) =>
        Promise.resolve(void problems.push(`${source}: ${problem}`)),
    },
    fetchText: (where) => fetchPriceSource(where, { bytes: 100_000, withinMs: 1000 }),
    now: () => performance.now(),
    today: () => new Date("2026-06-20T05:30:00Z"),
  });
  return {
    ...syncer,
    syncs,
    problems,
    asked: () => asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("a source is fetched and all of it compared, with what it sent and its hash", async () => {
  await using one = world(() => new Response(MAP));
  assert.deepEqual(await one.sync(job()), {
    kind: "done",
    details: { sha256: HASH, models: 1, new_models: 1 },
  });
  const [sync] = one.syncs;
  assert.equal(sync?.sha256, HASH);
  assert.equal(sync?.fetchedAt, "2026-06-20T05:30:00.000Z");
  assert.equal(new TextDecoder().decode(sync?.raw), MAP);
  assert.deepEqual(sync?.models[0]?.prices.map(({ amount, written }) => [amount, written]), [
    ["0.000003", "3e-06"],
  ]);
  assert.ok(one.spent() > 0);
});

Deno.test("a text that was compared is not read again, and one that is off is not fetched", async () => {
  await using same = world(() => new Response(MAP), { compared: HASH });
  assert.deepEqual(await same.sync(job()), {
    kind: "done",
    details: { sha256: HASH, unchanged: true },
  });
  assert.deepEqual(same.syncs, []);
  await using off = world(() => new Response(MAP), { off: true });
  assert.equal((await off.sync(job())).kind, "skipped");
  assert.equal(off.asked(), 0);
});

Deno.test("an unreadable source is tried again for a while, then reported; nothing is compared", async () => {
  const bodies: Record<string, () => Response> = {
    "it answered 503": () => new Response("busy", { status: 503 }),
    "it answered 302": () => new Response(null, { status: 302, headers: { location: "/other" } }),
    "not JSON, or cut off": () => new Response(MAP.slice(0, -5)),
    "it is not UTF-8": () => new Response(new Uint8Array([0x7b, 0xff, 0x7d])),
    "it has no models": () => new Response("{}"),
    "not an object of JSON": () => new Response("[]"),
    "it does not answer: the answer has more than 100000 bytes": () =>
      new Response(`{"m": "${"x".repeat(200_000)}"}`),
  };
  for (const [problem, answer] of Object.entries(bodies)) {
    await using one = world(answer);
    assert.deepEqual(await one.sync(job(3)), { kind: "retry", error: problem });
    assert.deepEqual(one.problems, []);
    assert.deepEqual(await one.sync(job(4)), { kind: "skipped", error: problem });
    assert.deepEqual(one.problems, [`litellm: ${problem}`]);
    assert.deepEqual(one.syncs, []);
  }
});

Deno.test("a page of HTML and NULs are no prices", async () => {
  for (const body of ["<!DOCTYPE html><html></html>", "\0".repeat(50_000), "1".repeat(90_000)]) {
    await using one = world(() => new Response(body));
    assert.equal((await one.sync(job())).kind, "retry");
    assert.deepEqual(one.syncs, []);
  }
});

Deno.test("a source that does not end, or never begins, ends the try", async () => {
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(10_000).fill(0x20)),
      }),
    );
  await using one = world(endless);
  assert.match(JSON.stringify(await one.sync(job())), /more than 100000 bytes/);
  const never = Promise.withResolvers<Response>();
  await using two = world(() => never.promise);
  assert.match(JSON.stringify(await two.sync(job())), /does not answer/);
  never.resolve(new Response());
});

Deno.test("a source that looks cut off is reported; a database that is away is tried again", async () => {
  const cut = new SourceUnreadable("litellm has 1 models, and 9 were known: it looks cut off");
  await using one = world(() => new Response(MAP), { refused: cut });
  assert.equal((await one.sync(job(4))).kind, "skipped");
  assert.match(one.problems[0] ?? "", /looks cut off/);
  await using two = world(() => new Response(MAP), { refused: new Error("connection refused") });
  await assert.rejects(two.sync(job(4)), /connection refused/);
  assert.deepEqual(two.problems, []);
});

Deno.test("a payload that names no source is dead", async () => {
  await using one = world(() => new Response(MAP));
  assert.equal((await one.sync(job(1, { source: "elsewhere" }))).kind, "dead");
});

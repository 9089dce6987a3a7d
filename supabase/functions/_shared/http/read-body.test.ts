import assert from "node:assert/strict";
import { parseJson, readText } from "./read-body.ts";
import { functionLimits } from "./function-limits.ts";
import { ProblemError } from "./problem.ts";
import { chunksOf, receiveBody } from "./receive-body.ts";

function post(body: BodyInit, headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/", { method: "POST", body, headers });
}

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "none";
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.code;
    throw error;
  }
}

function gzip(input: string | ArrayBuffer): Promise<ArrayBuffer> {
  const stream = new Blob([input]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

const GZIP = { "content-encoding": "GZIP" };

Deno.test("a body is read as text, inflated where it says gzip", async () => {
  assert.equal(await readText(post("ä€"), 10), "ä€");
  assert.equal(await readText(post(await gzip("ä€".repeat(3)), GZIP), 100), "ä€".repeat(3));
  assert.equal(await readText(new Request("http://localhost/"), 10), "");
});

Deno.test("a character that is cut between two chunks stays whole", async () => {
  const bytes = new TextEncoder().encode("€");
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(bytes.slice(0, 1));
      controller.enqueue(bytes.slice(1));
      controller.close();
    },
  });
  assert.equal(await readText(post(stream), 10), "€");
});

Deno.test("more than the limit is refused, also what only inflates to more", async () => {
  assert.equal(await codeOf(() => readText(post("x".repeat(11)), 10)), "too_large");
  const bomb = await gzip(new ArrayBuffer(5_000_000));
  assert.equal(await codeOf(() => readText(post(bomb, GZIP), 100_000)), "too_large");
});

Deno.test("broken gzip, another encoding and bytes that are no text are the caller's mistakes", async () => {
  const cases = [
    post("plain", GZIP),
    post((await gzip("cut off")).slice(0, 12), GZIP),
    post("x", { "content-encoding": "br" }),
    post(new Uint8Array([0xff, 0xfe])),
  ];
  for (const request of cases) {
    assert.equal(await codeOf(() => readText(request, 1000)), "bad_request");
  }
});

Deno.test("an empty body is an empty object, anything but JSON is refused", async () => {
  assert.deepEqual(parseJson(" \n"), {});
  assert.deepEqual(parseJson("[1]"), [1]);
  assert.equal(await codeOf(() => parseJson("{")), "bad_request");
});

Deno.test("a body that does not arrive in time ends as 408, and its sender is hung up on", async () => {
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array([0x7b])),
    cancel: () => void (cancelled = true),
  });
  const code = await codeOf(() =>
    receiveBody(async (incoming) => {
      for await (const _ of chunksOf(stream, incoming));
    }, 20)
  );
  assert.deepEqual([code, cancelled], ["body_timeout", true]);
});

Deno.test("bytes that are held at once are bounded, for one caller and for all", () => {
  const limits = functionLimits({ now: () => 0 });
  const from = (name: string) => {
    const request = limits.begin(new Request("http://localhost/"));
    request.identify({ class: "service", name });
    return request;
  };
  const [one, more, other, third] = [from("a"), from("a"), from("b"), from("c")];
  one.hold(20_000_000);
  assert.throws(() => more.hold(5_000_000), ProblemError);
  other.hold(24_000_000);
  assert.throws(() => third.hold(5_000_000), ProblemError);
  one.end();
  third.hold(5_000_000);
});

import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { sharedReads } from "./shared-reads.ts";

/** Answers `1`, `2`, … once each is let go. */
function server() {
  const waiting: (() => void)[] = [];
  let asked = 0;
  return {
    ask: () => {
      asked += 1;
      const answer = String(asked);
      return new Promise<Response>((resolve) => waiting.push(() => resolve(new Response(answer))));
    },
    answer: () => waiting.splice(0).forEach((go) => go()),
    asked: () => asked,
  };
}

const textOf = async (answer: Promise<Response>) => await (await answer).text();

Deno.test("reads of the same at the same time are one request, and each has the answer", async () => {
  const { ask, answer, asked } = server();
  const reads = sharedReads();
  const texts = [reads.read("a", ask), reads.read("a", ask), reads.read("b", ask)].map(textOf);
  answer();
  deepStrictEqual(await Promise.all(texts), ["1", "1", "2"]);
  const later = textOf(reads.read("a", ask));
  answer();
  strictEqual(await later, "3");
  strictEqual(asked(), 3);
});

Deno.test("a read after a write, or beside one, has no answer from before", async () => {
  const { ask, answer } = server();
  const reads = sharedReads();
  const before = textOf(reads.read("a", ask));
  const write = reads.write(ask);
  const beside = textOf(reads.read("a", ask));
  answer();
  await write;
  const after = textOf(reads.read("a", ask));
  answer();
  deepStrictEqual([await before, await beside, await after], ["1", "3", "4"]);
});

Deno.test("a read that fails is asked again", async () => {
  const reads = sharedReads();
  await rejects(reads.read("a", () => Promise.reject(new Error("away"))), /away/);
  strictEqual(await textOf(reads.read("a", () => Promise.resolve(new Response("here")))), "here");
});

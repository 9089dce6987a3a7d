import assert from "node:assert/strict";
import { inPieces, type Piece } from "./pieces.ts";

/** A text of the numbers up to `all`, one a piece; of four the third fails. */
function numbers(all: number) {
  const reported: unknown[] = [];
  let at = 1;
  const piece = (): Piece => ({
    text: `${at}\r\n`,
    next: at === all ? null : () => Promise.reject(new Error("the test reads by itself")),
  });
  const read = () => {
    at += 1;
    return all === 4 && at === 3
      ? Promise.reject(new Error("the database is gone"))
      : Promise.resolve(piece());
  };
  const stream = inPieces(piece(), read, (error) => reported.push(error));
  return { answer: new Response(stream), reported, last: () => at };
}

Deno.test("a long text is sent piece by piece, each read when the one before is taken", async () => {
  const { answer, last } = numbers(50);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(last() < 5, `${last()} pieces were read before one was taken`);
  const lines = (await answer.text()).split("\r\n");
  assert.deepEqual(lines.slice(0, 3), ["1", "2", "3"]);
  assert.equal(lines.length, 51);
  assert.equal(last(), 50);
});

Deno.test("a text that fails in the middle breaks off: no part passes for the whole", async () => {
  const { answer, reported } = numbers(4);
  await assert.rejects(() => answer.text());
  assert.match(String(reported), /the database is gone/);
});

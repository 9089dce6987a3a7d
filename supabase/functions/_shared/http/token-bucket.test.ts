import assert from "node:assert/strict";
import { tokenBucket } from "./token-bucket.ts";

/** A bucket of three, one back every two seconds, and a clock to turn. */
function atTime() {
  const clock = { ms: 1000 };
  return { clock, three: tokenBucket({ size: 3, secondsEach: 2, now: () => clock.ms }) };
}

Deno.test("a full bucket gives as many as it holds, then none", () => {
  const { three } = atTime();
  assert.deepEqual([1, 2, 3, 4].map(() => three.take()), [true, true, true, false]);
  assert.equal(three.isEmpty(), true);
});

Deno.test("one comes back with time, and it says when", () => {
  const { clock, three } = atTime();
  while (three.take());
  assert.equal(three.secondsToNext(), 2);
  clock.ms += 1999;
  assert.deepEqual([three.take(), three.secondsToNext()], [false, 1]);
  clock.ms += 1;
  assert.deepEqual([three.isEmpty(), three.take(), three.take()], [false, true, false]);
});

Deno.test("it never holds more than its size, and a clock that is set back takes nothing", () => {
  const { clock, three } = atTime();
  clock.ms += 3_600_000;
  assert.deepEqual([1, 2, 3, 4].map(() => three.take()), [true, true, true, false]);
  clock.ms -= 5000;
  assert.equal(three.isEmpty(), true);
  clock.ms += 2000;
  assert.equal(three.take(), true);
});

import assert from "node:assert/strict";
import { keyedBuckets } from "./keyed-buckets.ts";

Deno.test("each key has a bucket; the one used longest ago is forgotten", () => {
  const buckets = keyedBuckets({ perMinute: 1, now: () => 0, keys: 2 });
  assert.deepEqual([buckets("a").take(), buckets("a").take(), buckets("b").take()], [
    true,
    false,
    true,
  ]);
  assert.equal(buckets("a").isEmpty(), true);
  buckets("c").take();
  assert.equal(buckets("a").isEmpty(), true);
  assert.equal(buckets("b").isEmpty(), false);
});

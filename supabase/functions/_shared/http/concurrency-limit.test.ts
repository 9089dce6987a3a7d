import assert from "node:assert/strict";
import { concurrencyLimit, type Share } from "./concurrency-limit.ts";

const SHARE = { atOnce: 9, waiting: 9 };

/** Capacity of two, two may wait; the test makes time pass. */
function limited() {
  const due: (() => void)[] = [];
  const { acquire } = concurrencyLimit({
    room: 2,
    waiting: 2,
    withinMs: 1000,
    after: (_, run) => {
      due.push(run);
      return () => void due.splice(due.indexOf(run), 1);
    },
  });
  const log: string[] = [];
  const request = async (name: string, size = 1, share: Partial<Share> = {}) => {
    const acquired = await acquire(size, { key: "one caller", ...SHARE, ...share });
    log.push("refused" in acquired ? `${name} rejected` : `${name} started`);
    return "refused" in acquired ? null : acquired.release;
  };
  return { request, log, passTime: (some = 9) => due.slice(0, some).forEach((run) => run()) };
}

Deno.test("requests up to the capacity start at once, the next wait in their order", async () => {
  const { request, log } = limited();
  const [first, second] = [await request("one"), await request("two")];
  const [third, fourth] = [request("three"), request("four")];
  assert.deepEqual(log, ["one started", "two started"]);
  second?.();
  await third;
  first?.();
  await fourth;
  assert.deepEqual(log.slice(2), ["three started", "four started"]);
});

Deno.test("a request is rejected when too many wait, or when it waits too long", async () => {
  const { request, log, passTime } = limited();
  const release = await request("one");
  await request("two");
  const waiting = [request("three"), request("four")];
  assert.equal(await request("five"), null);
  passTime();
  assert.deepEqual(await Promise.all(waiting), [null, null]);
  assert.equal(log.length, 5);
  // A request that timed out no longer takes a place.
  release?.();
  assert.notEqual(await request("six"), null);
  const seventh = request("seven");
  passTime();
  assert.equal(await seventh, null);
});

Deno.test("releasing twice frees the capacity once", async () => {
  const { request, passTime } = limited();
  const release = await request("one");
  await request("two");
  release?.();
  release?.();
  assert.notEqual(await request("three"), null);
  const fourth = request("four");
  passTime();
  assert.equal(await fourth, null);
});

Deno.test("a large request takes more capacity, waits for it and keeps its place", async () => {
  const { request, log } = limited();
  const release = await request("small");
  const [large, behind] = [request("large", 9), request("behind")];
  assert.deepEqual(log, ["small started"]);
  release?.();
  (await large)?.();
  await behind;
  assert.deepEqual(log, ["small started", "large started", "behind started"]);
});

Deno.test("a request behind one that timed out starts at once if there is capacity", async () => {
  const { request, passTime, log } = limited();
  await request("one");
  const large = request("large", 2);
  const small = request("small");
  passTime(1);
  assert.equal(await large, null);
  assert.notEqual(await small, null);
  assert.deepEqual(log, ["one started", "large rejected", "small started"]);
});

Deno.test("a caller that has used its share waits for itself alone", async () => {
  const { request, log } = limited();
  const busy = { key: "busy", atOnce: 1, waiting: 1 };
  const release = await request("busy one", 1, busy);
  const second = request("busy two", 1, busy);
  assert.equal(await request("busy three", 1, busy), null);
  const quiet = await request("quiet", 1, { key: "quiet" });
  assert.notEqual(quiet, null);
  release?.();
  assert.notEqual(await second, null);
  assert.deepEqual(log, [
    "busy one started",
    "busy three rejected",
    "quiet started",
    "busy two started",
  ]);
});

Deno.test("callers take turns, however many requests of one of them wait", async () => {
  const { acquire } = concurrencyLimit({ room: 1, waiting: 200, withinMs: 5000 });
  const order: string[] = [];
  const share = (key: string) => ({ key, atOnce: 1, waiting: 100 });
  const held = await acquire(1, share("A"));
  const queued = [..."AAAAAAAABBC"].map(async (key) => {
    const acquired = await acquire(1, share(key));
    order.push(key);
    if ("release" in acquired) acquired.release();
  });
  if ("release" in held) held.release();
  await Promise.all(queued);
  assert.equal(order.join(""), "ABCABAAAAAA");
});

Deno.test("a full queue rejects the last request of the caller with most waiting", async () => {
  const { request, log } = limited();
  await request("one", 2, { key: "holds" });
  const flood = [
    request("flood one", 1, { key: "flood" }),
    request("flood two", 1, { key: "flood" }),
  ];
  const other = request("other", 1, { key: "other" });
  assert.equal(await flood[1], null);
  assert.deepEqual(log, ["one started", "flood two rejected"]);
  // Of callers with one each the last to come is rejected.
  assert.equal(await request("last", 1, { key: "third" }), null);
  void other;
});

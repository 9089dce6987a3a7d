import assert from "node:assert/strict";
import { concurrencyLimit } from "./concurrency-limit.ts";

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
  const request = (name: string, size = 1) =>
    acquire(size).then((release) => {
      log.push(release === null ? `${name} rejected` : `${name} started`);
      return release;
    });
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

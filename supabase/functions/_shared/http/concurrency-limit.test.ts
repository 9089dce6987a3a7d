import assert from "node:assert/strict";
import { concurrencyLimit } from "./concurrency-limit.ts";

/** Room for two, two may wait; time passes when it is told to. */
function built() {
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
  const came: string[] = [];
  const knock = (name: string, size = 1) =>
    acquire(size).then((release) => {
      came.push(release === null ? `${name} is sent away` : `${name} is in`);
      return release;
    });
  return { knock, came, passTime: (some = 9) => due.slice(0, some).forEach((run) => run()) };
}

Deno.test("as many as there is room for are at work, the next wait in their order", async () => {
  const { knock, came } = built();
  const [first, second] = [await knock("one"), await knock("two")];
  const [third, fourth] = [knock("three"), knock("four")];
  assert.deepEqual(came, ["one is in", "two is in"]);
  second?.();
  await third;
  first?.();
  await fourth;
  assert.deepEqual(came.slice(2), ["three is in", "four is in"]);
});

Deno.test("whoever comes when too many wait, or waits too long, is sent away", async () => {
  const { knock, came, passTime } = built();
  const release = await knock("one");
  await knock("two");
  const waiting = [knock("three"), knock("four")];
  assert.equal(await knock("five"), null);
  passTime();
  assert.deepEqual(await Promise.all(waiting), [null, null]);
  assert.equal(came.length, 5);
  // Who has gone is not let in any more: there is room again for who comes now.
  release?.();
  assert.notEqual(await knock("six"), null);
  const seventh = knock("seven");
  passTime();
  assert.equal(await seventh, null);
});

Deno.test("leaving twice makes room once", async () => {
  const { knock, passTime } = built();
  const release = await knock("one");
  await knock("two");
  release?.();
  release?.();
  assert.notEqual(await knock("three"), null);
  const fourth = knock("four");
  passTime();
  assert.equal(await fourth, null);
});

Deno.test("what is large takes more room, waits for it and is overtaken by nobody", async () => {
  const { knock, came } = built();
  const release = await knock("small");
  const [large, behind] = [knock("large", 9), knock("behind")];
  assert.deepEqual(came, ["small is in"]);
  release?.();
  (await large)?.();
  await behind;
  assert.deepEqual(came, ["small is in", "large is in", "behind is in"]);
});

Deno.test("whoever waits behind what gave up is let in at once, where there is room", async () => {
  const { knock, passTime, came } = built();
  await knock("one");
  const large = knock("large", 2);
  const small = knock("small");
  passTime(1);
  assert.equal(await large, null);
  assert.notEqual(await small, null);
  assert.deepEqual(came, ["one is in", "large is sent away", "small is in"]);
});

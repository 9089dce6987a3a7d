import assert from "node:assert/strict";
import { singleFlight } from "./single-flight.ts";

Deno.test("work asked for while it runs runs once more, never twice at a time", async () => {
  let atOnce = 0;
  let runs = 0;
  const gates: (() => void)[] = [];
  const ask = singleFlight(async () => {
    assert.equal(++atOnce, 1);
    runs += 1;
    await new Promise<void>((resolve) => gates.push(resolve));
    atOnce -= 1;
  });
  const first = ask();
  const others = [ask(), ask(), ask()];
  gates.shift()?.();
  await first;
  await Promise.resolve();
  gates.shift()?.();
  await Promise.all(others);
  assert.equal(runs, 2);
});

Deno.test("work that failed is begun again at the next asking", async () => {
  let runs = 0;
  const ask = singleFlight(() => {
    runs += 1;
    return runs === 1 ? Promise.reject(new Error("away")) : Promise.resolve();
  });
  await assert.rejects(ask(), /away/);
  await ask();
  assert.equal(runs, 2);
});

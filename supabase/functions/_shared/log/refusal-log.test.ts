import assert from "node:assert/strict";
import { type CountedRefusal, isRefusal, type Refusal, refusalLog } from "./refusal-log.ts";

const refusal: Refusal = {
  function: "billing",
  code: "unauthorized",
  address: "192.0.2.1",
  actor: null,
};

/** A log whose second passes when it is told to. */
function built(store: (refusals: readonly CountedRefusal[]) => Promise<unknown>) {
  const reported: unknown[] = [];
  let second = Promise.withResolvers<void>();
  const note = refusalLog({
    store,
    reportError: (error) => reported.push(error),
    wait: () => second.promise,
  });
  const pass = async () => {
    second.resolve();
    second = Promise.withResolvers<void>();
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  return { note, pass, reported };
}

Deno.test("refusals of a second are one statement, counted by what and from where", async () => {
  const stored: (readonly CountedRefusal[])[] = [];
  const { note, pass } = built((refusals) => Promise.resolve(stored.push(refusals)));
  for (let n = 0; n < 1000; n++) note(refusal);
  note({ ...refusal, code: "forbidden", actor: "m" });
  assert.equal(stored.length, 0);
  await pass();
  assert.deepEqual(stored, [[
    { ...refusal, attempts: 1000 },
    { ...refusal, code: "forbidden", actor: "m", attempts: 1 },
  ]]);
  note(refusal);
  await pass();
  assert.deepEqual(stored.at(-1), [{ ...refusal, attempts: 1 }]);
});

Deno.test("refusals from everywhere fill no memory: the rest is one count", async () => {
  const stored: CountedRefusal[] = [];
  const { note, pass } = built((refusals) => Promise.resolve(stored.push(...refusals)));
  for (let n = 0; n < 10_000; n++) note({ ...refusal, address: `192.0.${n}` });
  await pass();
  assert.equal(stored.length, 201);
  assert.deepEqual(stored.at(-1), { ...refusal, address: null, attempts: 9800 });
});

Deno.test("counts that cannot be stored are reported, and the next second is stored", async () => {
  let fails = true;
  const stored: CountedRefusal[] = [];
  const { note, pass, reported } = built((refusals) => {
    if (fails) return Promise.reject(new Error("no database"));
    return Promise.resolve(stored.push(...refusals));
  });
  note(refusal);
  await pass();
  assert.match(String(reported), /no database/);
  fails = false;
  note(refusal);
  await pass();
  assert.equal(stored.length, 1);
});

Deno.test("a refusal is what somebody may not do, not what somebody does wrongly", () => {
  assert.deepEqual(
    ["unauthorized", "second_factor_required", "bad_request", "not_found", null].map(isRefusal),
    [true, true, false, false, false],
  );
});

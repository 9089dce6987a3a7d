import assert from "node:assert/strict";
import { sha256Of } from "../../../shared/sha256.ts";
import { functionLimits } from "../_shared/http/function-limits.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { withinLimits } from "../_shared/http/request-limits.ts";
import { withAgentKeys } from "./agent-key.ts";

const KEY = { id: crypto.randomUUID(), agent: "SCHOLAR" };
const token = (body: string) => {
  const front = `lea_${sha256Of(body).slice(0, 48)}`;
  return front + sha256Of(front).slice(0, 8);
};

/** Recognizes one token; the test makes time pass and sees what is looked up. */
function recognizer(known: string) {
  const looked: string[] = [];
  const clock = { now: 0 };
  const limits = functionLimits({ now: () => clock.now });
  const authenticate = withAgentKeys({
    otherwise: () => Promise.resolve({ actor: "anon", name: "others", claims: null }),
    find: (hash) => {
      looked.push(hash);
      return Promise.resolve(hash === sha256Of(known) ? KEY : null);
    },
    now: () => clock.now,
  });
  const ask = (headers: Record<string, string>) => {
    const request = new Request("http://test", {
      headers: { "cf-connecting-ip": "192.0.2.1", ...headers },
    });
    const begun = limits.begin(request);
    return withinLimits(begun, async () => {
      const caller = await authenticate(request);
      if (caller === null) begun.countAnswer();
      return caller;
    });
  };
  return { ask, looked, clock };
}

Deno.test("a token is recognized as bearer and as apikey, and looked up once a minute", async () => {
  const mine = token("mine");
  const { ask, looked, clock } = recognizer(mine);
  const ways: Record<string, string>[] = [
    { authorization: `Bearer ${mine}` },
    { apikey: mine },
    { apikey: "sb_publishable_x", authorization: `bearer ${mine}` },
  ];
  for (const headers of ways) {
    const caller = await ask(headers);
    assert.equal(caller?.name, `agent-key:${KEY.id}`);
    assert.deepEqual(caller?.agentKey, { ...KEY, address: "192.0.2.1" });
  }
  assert.equal(looked.length, 1);
  clock.now = 60_001;
  await ask({ apikey: mine });
  assert.equal(looked.length, 2);
});

Deno.test("other tokens are left to other checks; two tokens are none", async () => {
  const mine = token("mine");
  const { ask, looked } = recognizer(mine);
  assert.equal((await ask({ apikey: "sb_secret_x" }))?.name, "others");
  assert.equal(await ask({ apikey: mine, authorization: `Bearer ${token("yours")}` }), null);
  assert.equal(looked.length, 0);
});

Deno.test("a mistyped token costs no look-up, an unknown one none once its address has no answers left", async () => {
  const mine = token("mine");
  const { ask, looked } = recognizer(mine);
  assert.ok(await ask({ apikey: mine }));
  assert.equal(await ask({ apikey: `${mine.slice(0, -1)}x` }), null);
  assert.equal(looked.length, 1);
  await assert.rejects(async () => {
    for (let one = 0; one < 100; one++) await ask({ apikey: token(`made up ${one}`) });
  }, ProblemError);
  assert.ok(looked.length <= 61, `${looked.length} look-ups`);
  // A known caller at the same address is not refused with it.
  assert.ok(await ask({ apikey: mine }));
});

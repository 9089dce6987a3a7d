import assert from "node:assert/strict";
import { handleDeliver } from "./handler.ts";

const summary = { states: { done: 3 }, more: true };
const overview = { pending: 2, dead: 1, run: null };

async function ask(method: string, work = () => Promise.resolve(summary)) {
  const reported: unknown[] = [];
  const response = await handleDeliver(new Request("http://functions.test/deliver", { method }), {
    work,
    overview: () => Promise.resolve(overview),
    reportError: (error) => void reported.push(error),
  });
  return { status: response.status, body: await response.json(), reported };
}

Deno.test("POST works and says what became of it", async () => {
  assert.deepEqual((await ask("POST")).body, summary);
});

Deno.test("GET says what is left and works nothing", async () => {
  const answer = await ask("GET", () => Promise.reject(new Error("worked")));
  assert.deepEqual(answer.body, overview);
});

Deno.test("other methods are refused", async () => {
  assert.equal((await ask("DELETE")).status, 405);
});

Deno.test("an internal error is told to operators, not to the caller", async () => {
  const { status, body, reported } = await ask("POST", () => Promise.reject(new Error("secret")));
  assert.equal(status, 500);
  assert.equal(JSON.stringify(body).includes("secret"), false);
  assert.equal(reported.length, 1);
});

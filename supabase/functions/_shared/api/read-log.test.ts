import assert from "node:assert/strict";
import type { Caller } from "../http/authenticate.ts";
import { readLog } from "./read-log.ts";

const operator: Caller = { actor: "operator", name: "ada", claims: {} };
const read = { operation: "getInvoice", subject: "i-1", query: {} };

function built() {
  const stored: unknown[] = [];
  const clock = { ms: 0 };
  const note = readLog(
    (reads) => Promise.resolve(stored.push(...JSON.parse(reads))),
    () => clock.ms,
  );
  return { stored, clock, note };
}

Deno.test("reads by an operator are noted once an hour, pages of a list as one", async () => {
  const { stored, clock, note } = built();
  await note(operator, read);
  await note(operator, read);
  await note(operator, { ...read, subject: "i-2" });
  const list = { operation: "listClients", subject: "" };
  await note(operator, { ...list, query: { status: "active", cursor: "a", limit: 50 } });
  await note(operator, { ...list, query: { status: "active", cursor: "b", limit: 9 } });
  await note({ ...operator, name: "bob" }, read);
  assert.deepEqual(stored, [
    { actor: "ada", operation: "getInvoice", subject: "i-1" },
    { actor: "ada", operation: "getInvoice", subject: "i-2" },
    { actor: "ada", operation: "listClients", subject: "", query: { status: "active" } },
    { actor: "bob", operation: "getInvoice", subject: "i-1" },
  ]);
  clock.ms += 3_600_000;
  await note(operator, read);
  assert.equal(stored.length, 5);
});

Deno.test("members and keys are not noted", async () => {
  const { stored, note } = built();
  for (const actor of ["member", "service", "cron"] as const) {
    await note({ ...operator, actor }, read);
  }
  assert.deepEqual(stored, []);
});

Deno.test("a read that cannot be noted is not answered, and is noted with the next try", async () => {
  let fails = true;
  const stored: unknown[] = [];
  const note = readLog((reads) => {
    if (fails) return Promise.reject(new Error("no database"));
    return Promise.resolve(stored.push(reads));
  });
  await assert.rejects(() => note(operator, read), /no database/);
  fails = false;
  await note(operator, read);
  assert.equal(stored.length, 1);
});

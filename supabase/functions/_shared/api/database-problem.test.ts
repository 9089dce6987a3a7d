import assert from "node:assert/strict";
import postgres from "postgres";
import { databaseProblem } from "./database-problem.ts";

function problemOf(code: string, detail?: string) {
  const error = Object.assign(new postgres.PostgresError("a"), { message: "told", code, detail });
  return databaseProblem(error);
}

Deno.test("what passes by itself says so: to come again, not that something broke", () => {
  const passing = ["40001", "40P01", "55P03", "57014", "53300"];
  assert.deepEqual(passing.map((state) => problemOf(state)?.status), [429, 429, 429, 429, 503]);
});

Deno.test("domain errors go by their own code, unknown ones are surprises", () => {
  assert.equal(problemOf("PT409", "client_blocked")?.code, "client_blocked");
  assert.equal(problemOf("PT409", "no_such_code"), null);
  assert.equal(problemOf("XX000"), null);
  assert.equal(databaseProblem(new Error("elsewhere")), null);
});

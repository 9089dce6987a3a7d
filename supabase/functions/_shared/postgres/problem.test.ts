import assert from "node:assert/strict";
import postgres from "postgres";
import { databaseProblem, internalError } from "./problem.ts";

function errorOf(code: string, detail?: string) {
  return Object.assign(new postgres.PostgresError("a"), { message: "told", code, detail });
}

function problemOf(code: string, detail?: string) {
  return databaseProblem(errorOf(code, detail));
}

Deno.test("a passing failure asks to retry and is no internal error", () => {
  const passing = ["40001", "40P01", "55P03", "57014", "53300"];
  assert.deepEqual(passing.map((state) => problemOf(state)?.status), [429, 429, 429, 429, 503]);
});

Deno.test("domain errors go by their own code, unknown ones are surprises", () => {
  assert.equal(problemOf("PT409", "client_blocked")?.code, "client_blocked");
  assert.equal(problemOf("PT409", "no_such_code"), null);
  assert.equal(problemOf("XX000"), null);
  assert.equal(databaseProblem(new Error("elsewhere")), null);
});

Deno.test("a database that is away is no bug: come again", () => {
  const lost = ["CONNECTION_CLOSED", "ECONNREFUSED", "EPIPE", "PGRST002"].map((code) =>
    Object.assign(new Error("gone"), { code })
  );
  const told = [...lost, ...["57P01", "57P03", "08006"].map((state) => errorOf(state))];
  assert.deepEqual(
    new Set(told.map((error) => internalError(error).code)),
    new Set(["database_unavailable"]),
  );
  assert.equal(internalError(new Error("elsewhere")).code, "internal");
  assert.equal(internalError(errorOf("23505")).code, "internal");
});

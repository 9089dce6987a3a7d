import assert from "node:assert/strict";
import postgres from "postgres";
import { databaseProblem, surprise } from "./database-problem.ts";

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

Deno.test("a database that is away is no bug: come again", () => {
  const lost = ["CONNECTION_CLOSED", "ECONNREFUSED", "EPIPE", "PGRST002"].map((code) =>
    Object.assign(new Error("gone"), { code })
  );
  const told = [...lost.map(surprise), problemOf("57P01"), problemOf("57P03"), problemOf("08006")];
  assert.deepEqual(new Set(told.map((each) => each?.code)), new Set(["database_unavailable"]));
  assert.equal(surprise(new Error("elsewhere")).code, "internal");
  const refused = Object.assign(new postgres.PostgresError("a"), { code: "23505" });
  assert.equal(surprise(refused).code, "internal");
});

import assert from "node:assert/strict";
import postgres from "postgres";
import { z } from "zod";
import { errorReporter } from "./error-reporter.ts";
import { inContext } from "./request-context.ts";

function reported(error: unknown): string {
  const lines: string[] = [];
  const report = errorReporter("thing", (_, line) => lines.push(line), () => ({
    STRIPE_API_KEY: "sk_test_verysecret",
    UNSET: undefined,
  }));
  const current = {
    id: "request-12345",
    route: "/",
    invoiceIds: new Set<string>(),
  };
  inContext(current, () => report(error));
  assert.equal(lines.length, 1);
  return lines[0] ?? "";
}

Deno.test("of an error of the database codes and names are told, never what a row holds", () => {
  const error = Object.assign(new postgres.PostgresError("a"), {
    message: 'null value in row of "Ada Lovelace"',
    code: "23502",
    table_name: "clients",
    detail: "Failing row contains (Ada Lovelace).",
  });
  const line = reported(error);
  assert.ok(!line.includes("Ada"), line);
  assert.deepEqual(
    [JSON.parse(line).error.code, JSON.parse(line).error.table_name, JSON.parse(line).request_id],
    ["23502", "clients", "request-12345"],
  );
});

Deno.test("of data that does not fit a schema the place is told, not the value", () => {
  const result = z.object({ name: z.enum(["a"]) }).safeParse({ name: "Ada" });
  const line = reported(result.error);
  assert.ok(!line.includes("Ada"), line);
  assert.deepEqual(JSON.parse(line).error.issues, ["name: invalid_value"]);
});

Deno.test("secrets and addresses in a message are not told; what is no error is not shown", () => {
  const line = reported(new Error("sk_test_verysecret of ada@example.com refused"));
  assert.equal(JSON.parse(line).error.message, "[secret] of [address] refused");
  assert.ok(!reported({ password: "hunter2hunter2" }).includes("hunter2"));
});

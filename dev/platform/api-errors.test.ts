import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { isoInstant } from "./api-database.ts";
import { toPostgrestError } from "./api-errors.ts";

Deno.test("each SQLSTATE has PostgREST's HTTP status", () => {
  const status = (code: string, anonymous = false) =>
    toPostgrestError({ code, message: "m" }, anonymous).status;
  deepStrictEqual(
    [
      "P0001",
      "23514",
      "23505",
      "23503",
      "PT402",
      "42883",
      "40001",
      "57014",
      "53300",
      "PGRST002",
      "LE001",
    ]
      .map((code) => status(code)),
    [400, 400, 409, 409, 402, 404, 500, 500, 503, 503, 400],
  );
  strictEqual(status("42501"), 403);
  strictEqual(status("42501", true), 401);
});

Deno.test("a field that PostgreSQL leaves out is null in the answer", () => {
  deepStrictEqual(toPostgrestError({ code: "P0001", message: "m" }, false).body, {
    code: "P0001",
    message: "m",
    details: null,
    hint: null,
  });
});

Deno.test("instants are written as PostgREST writes them", () => {
  strictEqual(isoInstant("2026-06-03 14:21:07.123456+00"), "2026-06-03T14:21:07.123456+00:00");
  strictEqual(isoInstant("2026-06-03 14:21:07"), "2026-06-03T14:21:07");
});

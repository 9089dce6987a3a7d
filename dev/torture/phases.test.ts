import { ok } from "node:assert/strict";
import { quietAfter } from "./phases.ts";

Deno.test("writers pause at the end of each cycle", () => {
  ok(!quietAfter(60_000, 1)());
  ok(quietAfter(0, 60_000)());
});

import { deepStrictEqual } from "node:assert/strict";
import { reasonsOf } from "./reasons.ts";

Deno.test("each reason stands once, with its agents once", () => {
  deepStrictEqual(
    reasonsOf([
      { reason: "no_client", agent: "B" },
      { reason: "no_client", agent: "A" },
      { reason: "unpriced", agent: null },
      { reason: "no_client", agent: "B" },
    ]),
    [{ reason: "no_client", agents: ["A", "B"] }, { reason: "unpriced", agents: [] }],
  );
});

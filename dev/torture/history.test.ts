import { deepStrictEqual } from "node:assert/strict";
import { type Entry, historyOf, KILLER } from "./history.ts";

const entry = (
  began: number,
  actor: string,
  touches: string[],
  outcome: Entry["outcome"],
): Entry => ({ began, ended: began + 10, actor, what: `at ${began}`, touches, outcome, note: "" });

Deno.test("a history is cut down to what concerns the violation, and the kills that hit it", () => {
  const entries = [
    entry(0, "writer", ["agent A"], "done"),
    entry(20, "writer", ["agent B"], "done"),
    entry(25, KILLER, [], "done"),
    entry(40, "editor", ["agent A"], "refused"),
    entry(60, "writer", ["agent A", "agent B"], "unknown"),
    entry(65, KILLER, [], "done"),
  ];
  deepStrictEqual(historyOf(entries, ["agent A"]).map(({ what }) => what), [
    "at 0",
    "at 60",
    "at 65",
  ]);
});

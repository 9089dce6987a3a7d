import assert from "node:assert/strict";
import { displayWidth, shorten, tableLines } from "./table.ts";

Deno.test("columns stand under each other, also beside wide characters", () => {
  const columns = [{ title: "Client", align: "left" }, { title: "Total", align: "right" }] as const;
  assert.deepEqual(tableLines(columns, [["みどり", "12"], ["Acme Robotics", "1,000"]]), [
    "Client         Total",
    "─────────────  ─────",
    "みどり            12",
    "Acme Robotics  1,000",
  ]);
});

Deno.test("a long name is cut to the width it may take", () => {
  assert.equal(shorten("Acme", 4), "Acme");
  assert.equal(shorten("Acme Robotics", 6), "Acme…");
  assert.equal(displayWidth(shorten("みどり機械株式会社", 8)), 7);
});

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

Deno.test("a name moves no cursor, starts no line and turns nothing around on a terminal", () => {
  const name = "a\u001b[2J\u001b]0;title\u0007\r\nb\u202ec\u009bd";
  const lines = tableLines([{ title: "Name", align: "left" }], [[name]]);
  assert.equal(lines.length, 3);
  assert.equal(/[\p{Cc}\u202e]/u.test(lines.join("")), false);
});

import { deepStrictEqual } from "node:assert/strict";
import { longFiles } from "./file-length.ts";

Deno.test("a file of more than 350 lines is named, and so is an exception that is none", () => {
  const lengths = new Map([["a.ts", 350], ["b.sql", 351], ["c.ts", 400], ["d.ts", 12]]);
  deepStrictEqual(longFiles(lengths, { "c.ts": "a reason", "d.ts": "a reason" }), [
    "b.sql has 351 lines; at most 350",
    "d.ts is excused in vain",
  ]);
});

import { strictEqual } from "node:assert/strict";
import { csvOfRows } from "./csv-of-rows.ts";

Deno.test("rows become CSV with every field, exact, and no formula", () => {
  strictEqual(
    csvOfRows([
      { id: "1", name: "A, B", total_minor: -400, tags: ["x"], note: null },
      { id: "2", name: "=1+1", total_minor: 12, later: true },
    ]),
    'id,name,total_minor,tags,note,later\r\n1,"A, B",-400,"[""x""]",,\r\n2,\'=1+1,12,,,true\r\n',
  );
  strictEqual(csvOfRows([]), "\r\n");
});

import assert from "node:assert/strict";
import { csvOf } from "./csv.ts";

Deno.test("cells are quoted where they must be, and nothing of others is a formula", () => {
  assert.equal(
    csvOf(["a", "b"], [["1", 'x,"y"'], ["-12.50", "two\nlines"], [null, ""]]),
    'a,b\r\n1,"x,""y"""\r\n-12.50,"two\nlines"\r\n,\r\n',
  );
  for (const formula of ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\tx", '=HYPERLINK("x")']) {
    const [, line = ""] = csvOf(["a"], [[formula]]).split("\r\n");
    assert.match(line, /^"?'/, formula);
  }
});

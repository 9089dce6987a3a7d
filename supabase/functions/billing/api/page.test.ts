import assert from "node:assert/strict";
import { cursorKeys, pageOf } from "./page.ts";
import { ProblemError } from "../../_shared/http/problem.ts";

const row = (key: string) => ({ item: key, keys: [key, "Ω"] });

Deno.test("a page that is not the last says where the next begins", () => {
  const page = pageOf([row("a"), row("b"), row("c")], 2);
  assert.deepEqual(page.data, ["a", "b"]);
  assert.deepEqual(cursorKeys(page.next_cursor ?? "", 2), ["b", "Ω"]);
});

Deno.test("the last page has no cursor, full or not", () => {
  assert.equal(pageOf([row("a"), row("b")], 2).next_cursor, null);
  assert.equal(pageOf([], 2).next_cursor, null);
});

Deno.test("without a cursor a page begins at the beginning", () => {
  assert.equal(cursorKeys(undefined, 2), null);
});

Deno.test("a cursor of another list is refused", () => {
  const foreign = pageOf([row("a"), row("b")], 1).next_cursor ?? "";
  for (const cursor of ["", "%%%", "bm90IGpzb24", "WzFd", "WyJcdTAwMDAiXQ"]) {
    assert.throws(() => cursorKeys(cursor, 1), ProblemError, cursor);
  }
  assert.throws(() => cursorKeys(foreign, 3), ProblemError);
});

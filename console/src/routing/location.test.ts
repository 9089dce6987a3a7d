import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { hrefOf, parseHash } from "./location.ts";

Deno.test("a location survives its address, whatever its parts hold", () => {
  const path = ["invoices", "a/b?c#d é%"];
  const query = { status: "open", cursor: '["x&y=z",1]' };
  deepStrictEqual(parseHash(hrefOf(path, query)), { path, query });
});

Deno.test("the start page has no path, and empty values are left out", () => {
  deepStrictEqual(parseHash(""), { path: [], query: {} });
  deepStrictEqual(parseHash("#/"), { path: [], query: {} });
  deepStrictEqual(parseHash("#/invoices?status="), { path: ["invoices"], query: {} });
  strictEqual(hrefOf(["invoices"], { status: "", cursor: undefined }), "#/invoices");
});

Deno.test("a hash that is no encoding is no error", () => {
  deepStrictEqual(parseHash("#/%E0%A4%A"), { path: ["%E0%A4%A"], query: {} });
});

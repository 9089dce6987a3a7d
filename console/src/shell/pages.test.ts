import { strictEqual } from "node:assert/strict";
import { pageAt } from "./pages.ts";

Deno.test("the start page is another for each role", () => {
  strictEqual(pageAt([], "operator")?.title, "Home");
  strictEqual(pageAt([], "member")?.title, "Spend");
});

Deno.test("a member finds no page of the operator's", () => {
  strictEqual(pageAt(["clients"], "member"), undefined);
  strictEqual(pageAt(["clients", "7"], "member"), undefined);
  strictEqual(pageAt(["statement"], "operator"), undefined);
});

Deno.test("a path is found by its parts, and no longer one is", () => {
  strictEqual(pageAt(["invoices", "INV-1", "lines", "3"], "member")?.title, "Why this price");
  strictEqual(pageAt(["invoices", "INV-1", "lines"], "member"), undefined);
  strictEqual(pageAt(["nothing"], "operator"), undefined);
});

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Ledger } from "./ledger.ts";

const details = (ledger: Ledger, stored: Record<string, string>) =>
  ledger.complaints(new Map(Object.entries(stored))).map(({ detail }) => detail);

Deno.test("an accepted row must be there as it was accepted", () => {
  const ledger = new Ledger();
  ledger.settle(ledger.offer([{ id: "a", print: "1" }]), "accepted");
  deepStrictEqual(details(ledger, { a: "1" }), []);
  deepStrictEqual(details(ledger, {}), ["row a was accepted and is not there"]);
  deepStrictEqual(details(ledger, { a: "2" }), ["row a is stored as 2, accepted was 1"]);
});

Deno.test("a refused row must not be there", () => {
  const ledger = new Ledger();
  ledger.settle(ledger.offer([{ id: "a", print: "1" }]), "refused");
  deepStrictEqual(details(ledger, {}), []);
  strictEqual(details(ledger, { a: "1" }).length, 1);
});

Deno.test("an unanswered transaction may be there or not, but never in part", () => {
  const ledger = new Ledger();
  ledger.offer([{ id: "a", print: "1" }, { id: "b", print: "1" }]);
  deepStrictEqual(details(ledger, {}), []);
  deepStrictEqual(details(ledger, { a: "1", b: "1" }), []);
  deepStrictEqual(details(ledger, { a: "1" }), [
    "1 of the 2 rows of one transaction are stored",
  ]);
});

Deno.test("of two contents under one id the accepted one stays", () => {
  const ledger = new Ledger();
  ledger.settle(ledger.offer([{ id: "a", print: "1" }]), "accepted");
  ledger.settle(ledger.offer([{ id: "a", print: "2" }]), ["refused"]);
  deepStrictEqual(details(ledger, { a: "1" }), []);
  strictEqual(details(ledger, { a: "2" }).length, 1);
});

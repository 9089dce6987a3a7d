import { deepStrictEqual } from "node:assert/strict";
import { clauses, descriptions, words } from "./voice.ts";

Deno.test("a statement begins with a noun; a question and code may begin otherwise", () => {
  deepStrictEqual(clauses("What is paid stays.\n\nWhat is paid?\n\n```\nWho pays.\n```\n"), [
    "1: a sentence begins with a noun: What is paid stays.",
  ]);
  deepStrictEqual(clauses("A run. Who pays\nis asked.\n"), [
    "1: a sentence begins with a noun: Who pays\nis asked.",
  ]);
});

Deno.test("words of a private language are named with what to say", () => {
  deepStrictEqual(words("fine\nStrangers wait"), ["2: Strangers: say unauthenticated callers"]);
});

Deno.test("a description of a pgTAP test begins with a noun", () => {
  deepStrictEqual(descriptions("select is(1, 1,\n  'who pays, pays');\nselect ok(true, 'who');"), [
    "2: a description begins with a noun: 'who pays, pays'",
  ]);
});

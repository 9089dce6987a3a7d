import { deepStrictEqual } from "node:assert/strict";
import { clauses, commentClauses, descriptions, testNames, words } from "./voice.ts";

Deno.test("a statement begins with a noun; a question and code may begin otherwise", () => {
  deepStrictEqual(clauses("What is paid stays.\n\nWhat is paid?\n\n```\nWho pays.\n```\n"), [
    "1: a sentence begins with a noun: What is paid stays.",
  ]);
  deepStrictEqual(clauses("A run. Who pays\nis asked.\n"), [
    "1: a sentence begins with a noun: Who pays\nis asked.",
  ]);
});

Deno.test("no clause follows a semicolon, and who has a noun before it", () => {
  deepStrictEqual(clauses("A run stops; what is left\nwaits. It says what is left.\n"), [
    "1: a sentence begins with a noun: what is left\nwaits",
  ]);
  deepStrictEqual(clauses("It is seen by who asks, and by people who ask.\n"), [
    "1: a sentence begins with a noun: by who asks, and by people who ask",
  ]);
});

Deno.test("a comment may have a clause as its heading, and no other", () => {
  const sql = "-- What is posted of payments.\nselect 1;\n-- One step. What fails\n-- waits.\n";
  deepStrictEqual(commentClauses(sql), ["3: a sentence begins with a noun: What fails\nwaits."]);
  deepStrictEqual(
    commentClauses("comment on table t is\n  'Rows; what is old goes.';\nselect 'a; what is b';"),
    ["2: a sentence begins with a noun: what is old goes"],
  );
  deepStrictEqual(commentClauses("/**\n * A step;\n * what is left waits.\n */\nconst a = 1;\n"), [
    "3: a sentence begins with a noun: what is left waits",
  ]);
});

Deno.test("words of a private language are named with what to say", () => {
  deepStrictEqual(words("fine\nStrangers wait"), ["2: Strangers: say unauthenticated callers"]);
  deepStrictEqual(words("Stripe has it no more; it takes no more."), [
    "1: say no longer: it no more",
  ]);
});

Deno.test("a description of a pgTAP test begins with a noun", () => {
  deepStrictEqual(
    descriptions("select is(1, 1,\n  'who pays, pays', 'what stays');\nselect ok(true, 'who');"),
    [
      "2: a description begins with a noun: 'who pays, pays'",
      "2: a description begins with a noun: 'what stays'",
    ],
  );
});

Deno.test("a name of a test, a step or a case begins with a noun", () => {
  const code = 'Deno.test("what is paid", f);\nawait t.step(\n  "who pays", f);\n' +
    'const c = { name: "what stays" };\nconst what = "what is said";\n';
  deepStrictEqual(testNames(code), [
    '1: a name begins with a noun: "what is paid"',
    '3: a name begins with a noun: "who pays"',
    '4: a name begins with a noun: "what stays"',
  ]);
});

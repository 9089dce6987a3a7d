import assert from "node:assert/strict";
import { JsonObject, line, name, words } from "./fields.ts";

Deno.test("a JSON object is passed on as it came, whatever its keys are called", () => {
  const sent = '{"__proto__":{"a":1},"nested":{"__proto__":2},"constructor":[null,true,1.5]}';
  assert.equal(JSON.stringify(JsonObject.parse(JSON.parse(sent))), sent);
});

Deno.test("a value that cannot be stored or read back is refused with the reason", () => {
  const deep = (levels: number) => JSON.parse(`{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`);
  const cases: [unknown, string | undefined][] = [
    [{ text: "a\0b" }, "holds NUL or half a surrogate pair"],
    [{ list: [{ "\ud800": 1 }] }, "holds NUL or half a surrogate pair"],
    [{ at: undefined }, "holds a value that is not JSON: undefined"],
    [{ n: Infinity }, "holds a number beyond JSON"],
    [[1], "is no object"],
    [null, "is no object"],
    [deep(63), undefined],
    [deep(100_000), "is nested more than 64 levels deep"],
  ];
  for (const [value, message] of cases) {
    assert.equal(JsonObject.safeParse(value).error?.issues[0]?.message, message);
  }
});

Deno.test("a name that is given is plain: it moves no cursor, starts no line, sets no direction", () => {
  for (
    const bad of [
      "a\nb",
      "a\u001b[2J",
      "a\u0085",
      "a\u202e",
      "a\u2066b",
      "a\u200f",
      "\u061ca",
      " ",
      "",
    ]
  ) {
    assert.equal(name(200).safeParse(bad).success, false, JSON.stringify(bad));
  }
  for (const good of ["Acme GmbH & Co. KG", "\u05d0\u05d1\u05d2", "می\u200cخواهم", "😀"]) {
    assert.equal(name(200).safeParse(good).success, true, good);
  }
  assert.equal(line(50).safeParse("").success, true);
  assert.equal(line(50).safeParse("a\u202e").success, false);
  assert.equal(
    name(200).safeParse("a\u202e").error?.issues[0]?.message,
    "holds a control or direction character",
  );
});

Deno.test("a reference to a name of the logs takes it as it was logged", () => {
  assert.equal(words(200).safeParse("EVIL\u202e").success, true);
});

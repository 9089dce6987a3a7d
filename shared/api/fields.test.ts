import assert from "node:assert/strict";
import { JsonObject } from "./fields.ts";

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

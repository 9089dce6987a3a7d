import assert from "node:assert/strict";
import { add, ceil, divide, parseDecimal, roundHalfAway, sum, whole } from "./fraction.ts";

Deno.test("halves are rounded away from zero, and only halves", () => {
  const cases: [string, bigint][] = [
    ["0.5", 1n],
    ["-0.5", -1n],
    ["2.5", 3n],
    ["-2.5", -3n],
    ["2.4999999999999999999999", 2n],
    ["-2.4999999999999999999999", -2n],
    ["0", 0n],
    ["1005e-1", 101n],
  ];
  for (const [text, expected] of cases) {
    assert.equal(roundHalfAway(parseDecimal(text)), expected, text);
  }
});

Deno.test("three thirds are one", () => {
  const third = divide(whole(1), whole(3));
  assert.deepEqual(sum([third, third, third]), whole(1));
});

Deno.test("a tenth and two tenths are three tenths", () => {
  assert.deepEqual(add(parseDecimal("0.1"), parseDecimal("0.2")), parseDecimal("0.3"));
});

Deno.test("a started block counts, a full one does not start the next", () => {
  assert.deepEqual(ceil(parseDecimal("2.000001")), whole(3));
  assert.deepEqual(ceil(whole(2)), whole(2));
  assert.deepEqual(ceil(parseDecimal("-2.5")), whole(-2));
});

Deno.test("text that is no decimal number is refused", () => {
  for (const text of ["", "NaN", "1,5", "0x10", "1."]) {
    assert.throws(() => parseDecimal(text), RangeError, text);
  }
});

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decimalToMinor,
  type Exponent,
  groupDecimal,
  minorToDecimal,
  type NumberStyle,
  trimDecimal,
} from "./money.ts";

const WESTERN: NumberStyle = { decimal: ".", group: ",", grouping: "western" };
const INDIAN: NumberStyle = { decimal: ".", group: ",", grouping: "indian" };
const exponents = fc.constantFrom<Exponent>(0, 2, 3);

Deno.test("minor units become decimals with exactly the currency's places", () => {
  const cases: [bigint | number, Exponent, string][] = [
    [0, 0, "0"],
    [0, 2, "0.00"],
    [5, 2, "0.05"],
    [-5, 2, "-0.05"],
    [-5, 3, "-0.005"],
    [99, 0, "99"],
    [12500, 2, "125.00"],
    [1250, 3, "1.250"],
    [9007199254740991, 2, "90071992547409.91"],
    [-123456789012345678901234567890n, 2, "-1234567890123456789012345678.90"],
  ];
  for (const [minor, exponent, expected] of cases) {
    assert.equal(minorToDecimal(minor, exponent), expected);
  }
});

Deno.test("a number that is not an exact integer is refused, never rounded", () => {
  for (const value of [0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => minorToDecimal(value, 2), RangeError);
  }
});

Deno.test("minor units survive the way to a decimal and back", () => {
  fc.assert(fc.property(fc.bigInt(), exponents, (minor, exponent) => {
    assert.equal(decimalToMinor(minorToDecimal(minor, exponent), exponent), minor);
  }));
});

Deno.test("decimals become minor units only when nothing is lost", () => {
  assert.equal(decimalToMinor("12.5", 2), 1250n);
  assert.equal(decimalToMinor("12.5000", 2), 1250n);
  assert.equal(decimalToMinor("-0.005", 3), -5n);
  assert.equal(decimalToMinor("7", 0), 7n);
  assert.throws(() => decimalToMinor("12.505", 2), /more than 2 decimals/);
});

Deno.test("text that is no decimal is refused by name", () => {
  for (const text of ["", "-", ".5", "5.", "1e3", "1,000", " 1", "NaN", "--1", "٣"]) {
    assert.throws(() => trimDecimal(text, 0), /not a decimal/, text);
  }
});

Deno.test("trimming drops zeros that say nothing and keeps every digit that counts", () => {
  const cases: [string, number, string][] = [
    ["3.0000", 2, "3.00"],
    ["0.0750", 2, "0.075"],
    ["10000000.000000", 0, "10000000"],
    ["100", 0, "100"],
    ["007.10", 0, "7.1"],
    ["-0.00", 2, "0.00"],
    ["-0.0", 0, "0"],
    ["5", 3, "5.000"],
  ];
  for (const [decimal, places, expected] of cases) {
    assert.equal(trimDecimal(decimal, places), expected);
  }
});

Deno.test("grouping follows the locale's habit", () => {
  const cases: [string, string, string][] = [
    ["0", "0", "0"],
    ["-999", "-999", "-999"],
    ["1000", "1,000", "1,000"],
    ["-1234567.5", "-1,234,567.5", "-12,34,567.5"],
    ["123456789", "123,456,789", "12,34,56,789"],
  ];
  for (const [decimal, western, indian] of cases) {
    assert.equal(groupDecimal(decimal, WESTERN), western);
    assert.equal(groupDecimal(decimal, INDIAN), indian);
  }
});

Deno.test("grouping adds separators and nothing else", () => {
  fc.assert(fc.property(fc.bigInt(), fc.constantFrom(WESTERN, INDIAN), (value, style) => {
    assert.equal(groupDecimal(String(value), style).replaceAll(",", ""), String(value));
  }));
});

Deno.test("western grouping agrees with Intl", () => {
  const intl = new Intl.NumberFormat("en-US");
  fc.assert(fc.property(fc.bigInt(), (value) => {
    assert.equal(groupDecimal(String(value), WESTERN), intl.format(value));
  }));
});

import { strictEqual, throws } from "node:assert/strict";
import { amount, change, money, quantity } from "./figures.ts";

const EN = ["en-US"];

Deno.test("money has the decimals of its currency, and the characters of the language", () => {
  strictEqual(money(125050, "USD", EN), "$1,250.50");
  strictEqual(money(-5, "USD", EN), "-$0.05");
  strictEqual(money(1250, "JPY", EN), "¥1,250");
  strictEqual(money(1250, "KWD", EN).replace(/\s/g, " "), "KWD 1.250");
  strictEqual(money(125050, "EUR", ["de-DE"]).replace(/\s/g, " "), "1.250,50 €");
});

Deno.test("amounts and quantities keep every digit that counts, beyond what a float holds", () => {
  strictEqual(amount("0.000003", "USD", EN), "$0.000003");
  strictEqual(amount("3.5000", "USD", EN), "$3.50");
  strictEqual(amount("123456789012345678.99", "USD", EN), "$123,456,789,012,345,678.99");
  strictEqual(quantity("12345678901234567890.5000", EN), "12,345,678,901,234,567,890.5");
  throws(() => quantity("NaN", EN), RangeError);
});

Deno.test("a change has its sign, and none where there was nothing before", () => {
  strictEqual(change(200, 250, EN), "+25%");
  strictEqual(change(200, 100, EN), "-50%");
  strictEqual(change(0, 5, EN), null);
});

Deno.test("in text that runs to the left an amount is kept together, with its sign before it", () => {
  const shown = money(-400, "USD", ["ar-u-nu-latn"]);
  strictEqual(shown.replaceAll(/\s/g, " "), "\u2066-4.00 US$\u2069");
});

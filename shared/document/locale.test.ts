import assert from "node:assert/strict";
import { dayBefore, formatDay, formatMoney, formatPrice, formatQuantity } from "./locale.ts";
import { localeFormat } from "./locale.ts";

const USD = { currency: "USD", exponent: 2 } as const;

/** Without the differences between kinds of space, which change with the runtime's data. */
function plain(text: string): string {
  return text.replace(/[\u00a0\u202f]/g, " ");
}

Deno.test("money reads as a person of the locale writes it", () => {
  const cases: [string, string, 0 | 2 | 3, number, string][] = [
    ["en-US", "USD", 2, 1234567890, "$12,345,678.90"],
    ["en-US", "USD", 2, -500, "-$5.00"],
    ["en-US", "KWD", 3, 1250, "KWD 1.250"],
    ["en-GB", "USD", 2, 12500, "US$125.00"],
    ["en-GB", "GBP", 2, 12500, "£125.00"],
    ["en-NZ", "NZD", 2, 12500, "$125.00"],
    ["en-IN", "INR", 2, 123456789, "₹12,34,567.89"],
    ["de-DE", "EUR", 2, 1234567, "12.345,67 €"],
    ["fr-FR", "EUR", 2, -1234567, "-12 345,67 €"],
    ["de-CH", "CHF", 2, 1234567, "CHF 12’345.67"],
    ["nl-NL", "EUR", 2, 1234567, "€ 12.345,67"],
    ["ja-JP", "JPY", 0, 13500, "¥13,500"],
    ["el-GR", "EUR", 2, 750, "7,50 €"],
    ["xx", "USD", 2, 1250, "US$12.50"],
  ];
  for (const [locale, currency, exponent, minor, expected] of cases) {
    assert.equal(plain(formatMoney(minor, { currency, exponent }, localeFormat(locale))), expected);
  }
});

Deno.test("money agrees with Intl where the runtime knows the locale's habit", () => {
  const cases: [string, string][] = [
    ["en-US", "USD"],
    ["de-DE", "EUR"],
    ["fr-FR", "EUR"],
    [
      "en-IN",
      "INR",
    ],
    ["en-GB", "GBP"],
    ["sv-SE", "SEK"],
  ];
  for (const [locale, currency] of cases) {
    const intl = new Intl.NumberFormat(locale, {
      style: "currency",
      currency,
      currencyDisplay: currency === "SEK" ? "code" : "symbol",
    });
    const mine = formatMoney(123456789, { currency, exponent: 2 }, localeFormat(locale));
    assert.equal(plain(mine), plain(intl.format(1234567.89)));
  }
});

Deno.test("days read as a person of the locale writes them", () => {
  const cases: [string, string, string][] = [
    ["en-US", "June 1, 2026", "Jun 1"],
    ["en-GB", "1 June 2026", "1 Jun"],
    ["en", "June 1, 2026", "Jun 1"],
    ["de-AT", "01.06.2026", "01.06."],
    ["fr-FR", "01/06/2026", "01/06"],
    ["sv-SE", "2026-06-01", "1/6"],
    ["ja-JP", "2026年6月1日", "6/1"],
    ["ar-KW", "2026-06-01", "06-01"],
  ];
  for (const [locale, long, short] of cases) {
    assert.equal(formatDay("2026-06-01", localeFormat(locale)), long);
    assert.equal(formatDay("2026-06-01", localeFormat(locale), "short"), short);
  }
});

Deno.test("a price shows every digit it has and at least the currency's", () => {
  const american = localeFormat("en-US");
  assert.equal(formatPrice("3.000000", USD, american), "$3.00");
  assert.equal(formatPrice("0.0750", USD, american), "$0.075");
  assert.equal(formatPrice("450", { currency: "JPY", exponent: 0 }, american), "¥450");
});

Deno.test("a quantity is grouped and has no needless zeros", () => {
  assert.equal(formatQuantity("10000000.000", localeFormat("en-US")), "10,000,000");
  assert.equal(formatQuantity("1234.50", localeFormat("de-DE")), "1.234,5");
});

Deno.test("the last day of a half-open range is the day before its end", () => {
  assert.equal(dayBefore("2026-07-01"), "2026-06-30");
  assert.equal(dayBefore("2028-03-01"), "2028-02-29");
  assert.equal(dayBefore("2027-01-01"), "2026-12-31");
});

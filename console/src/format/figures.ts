import { type Exponent, minorToDecimal, trimDecimal } from "../../../shared/money.ts";
import { shownLocales } from "./locales.ts";

/** Figures in the user's language. They are formatted from exact text: no figure is ever a float. */

/** How many decimals a currency has. */
export function exponentOf(currency: string): Exponent {
  const { maximumFractionDigits } = new Intl.NumberFormat("en", { style: "currency", currency })
    .resolvedOptions();
  return maximumFractionDigits === 0 ? 0 : maximumFractionDigits === 3 ? 3 : 2;
}

/** `(125050, "USD")` is `$1,250.50` where the language is English. */
export function money(minor: number, currency: string, locales = shownLocales()): string {
  return amount(minorToDecimal(minor, exponentOf(currency)), currency, locales);
}

/** An exact amount of major units, with every digit that counts. */
export function amount(decimal: string, currency: string, locales = shownLocales()): string {
  const text = trimDecimal(decimal, exponentOf(currency));
  const digits = text.split(".")[1]?.length ?? 0;
  const shown = new Intl.NumberFormat([...locales], {
    style: "currency",
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: Math.min(digits, 100),
  }).format(numeric(text));
  return isolated(shown, locales);
}

/** In text that runs to the left an amount stays together, its sign before it: `-4.00 US$`. */
function isolated(amount: string, locales: readonly string[]): string {
  if (!locales[0]?.startsWith("ar")) return amount;
  return `\u2066${amount.replaceAll(/[\u200e\u200f\u061c]/g, "")}\u2069`;
}

/** A quantity with its thousands apart. */
export function quantity(decimal: string, locales = shownLocales()): string {
  return new Intl.NumberFormat([...locales], { maximumFractionDigits: 20 })
    .format(numeric(trimDecimal(decimal, 0)));
}

/** A percentage between two figures, or null where the first is nothing. */
export function change(before: number, after: number, locales = shownLocales()): string | null {
  if (before === 0) return null;
  return new Intl.NumberFormat([...locales], {
    style: "percent",
    maximumFractionDigits: 0,
    signDisplay: "exceptZero",
  }).format(after / before - 1);
}

/** `Intl` takes text as exact decimals; the type of that text is narrower than `string`. */
function numeric(text: string): `${number}` {
  if (!isNumeric(text)) throw new RangeError(`not a decimal: ${text}`);
  return text;
}

function isNumeric(text: string): text is `${number}` {
  return /^-?\d+(\.\d+)?$/.test(text);
}

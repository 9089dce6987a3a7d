import { type ExactJson, isObject, parseExactJson } from "./exact-json.ts";
import { type ListPrice, SourceUnreadable } from "./list-price.ts";

/** What all sources have in common: text from outside that may be anything. */

const CLASS = /^[a-z0-9_.]{1,40}(\+[a-z0-9_.]{1,40}){0,3}$/;

type Entry = { readonly [name: string]: ExactJson };

/** An object of JSON. Throws `SourceUnreadable` on everything else, however deep or cut off. */
export function readObject(text: string): Entry {
  try {
    const value = parseExactJson(text);
    if (isObject(value)) return value;
  } catch (error) {
    // A RangeError: nested deeper than the stack. The text itself is not reported.
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    throw new SourceUnreadable("not JSON, or cut off");
  }
  throw new SourceUnreadable("not an object of JSON");
}

/** Whether the database can keep a name: of some length, no control characters, whole letters. */
export function isName(name: string): boolean {
  return name.length > 0 && name.length <= 300 && name.isWellFormed() && !/\p{Cc}/u.test(name);
}

/** Whether a list price can be kept: exactly, at a class and beyond a threshold that there can be. */
export function isListable({ amount, rateClass, aboveTokens, field }: ListPrice): boolean {
  return /^\d{1,12}(\.\d{1,40})?$/.test(amount) && CLASS.test(rateClass) &&
    (aboveTokens === null || /^[1-9]\d{0,14}$/.test(aboveTokens)) && field.length <= 300;
}

/** A day as `YYYY-MM-DD` that there is; null for everything else. */
export function dayOf(value: ExactJson | undefined): string | null {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\d$/.test(value)) return null;
  const day = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value) ? value : null;
}

/** The class of a call beyond a threshold: the lowest is `long_context`, the next have numbers. */
export function longContextClass(above: string, thresholds: readonly string[]): string {
  const place = thresholds.indexOf(above);
  return place <= 0 ? "long_context" : `long_context_${place + 1}`;
}

/** Thresholds, each once, ascending. */
export function ascending(thresholds: readonly string[]): readonly string[] {
  return [...new Set(thresholds)].sort((a, b) => Number(a) - Number(b));
}

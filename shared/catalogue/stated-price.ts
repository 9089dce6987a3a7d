import { isAboveZero, isNumber, product } from "./decimals.ts";
import type { ListedModel, ListPrice } from "./list-price.ts";
import { ascending, isListable, longContextClass } from "./source-text.ts";

/** A price as a source with plain fields states it: OpenRouter, models.dev. */
export interface StatedPrice {
  readonly metric: string;
  /** `fast`, `priority` …; undefined for the standard tier. */
  readonly tier?: string;
  /** Input tokens of a call beyond which it holds. */
  readonly above?: string;
  /** Where in the source it stands, and the number as it is written there. */
  readonly field: string;
  readonly written: string;
  /** The price is for so many units: a factor to get that of one. */
  readonly factor: string;
}

/**
 * List prices of what a source states. Zero and less say that there is no price. A value that is no
 * number, or cannot be kept exactly, is listed as inexpressible.
 */
export function listPrices(
  stated: readonly StatedPrice[],
): Pick<ListedModel, "prices" | "inexpressible"> {
  const thresholds = ascending(stated.flatMap(({ above }) => above ?? []));
  const prices = new Map<string, ListPrice>();
  const inexpressible: string[] = [];
  for (const { metric, tier, above, field, written, factor } of stated) {
    if (!isNumber(written)) {
      inexpressible.push(field);
      continue;
    }
    if (!isAboveZero(written)) continue;
    const amount = product(written, factor);
    const long = above === undefined ? undefined : longContextClass(above, thresholds);
    const parts = [tier, long].filter((part) => part !== undefined);
    const rateClass = parts.length === 0 ? "standard" : parts.join("+");
    const key = `${metric} ${rateClass}`;
    const other = prices.get(key);
    const price = { metric, rateClass, aboveTokens: above ?? null, amount, field, written };
    if (!isListable(price)) inexpressible.push(field);
    else if (other === undefined) prices.set(key, price);
    else if (other.amount !== amount) inexpressible.push(field);
  }
  return { prices: [...prices.values()], inexpressible };
}

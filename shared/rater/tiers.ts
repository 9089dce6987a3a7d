import { type Fraction, ZERO } from "./fraction.ts";
import { decimalOf, items, member, parseExactJson } from "./json.ts";
import type { PriceRow } from "./world.ts";

export interface Tier {
  readonly above: Fraction;
  /** Inclusive; undefined: no bound. */
  readonly upTo: Fraction | undefined;
  readonly unitAmount: Fraction;
  readonly flatAmount: Fraction;
}

/** The tiers of a price, ascending. */
export function tiersOf(price: PriceRow): Tier[] {
  let above = ZERO;
  return items(parseExactJson(price.tiers ?? "[]")).map((row) => {
    const tier: Tier = {
      above,
      upTo: decimalOf(member(row, "up_to")),
      unitAmount: decimalOf(member(row, "unit_amount")) ?? ZERO,
      flatAmount: decimalOf(member(row, "flat_amount")) ?? ZERO,
    };
    above = tier.upTo ?? above;
    return tier;
  });
}

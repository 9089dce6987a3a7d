import { add, compare, divide, type Fraction, min, multiply, subtract, sum } from "../fraction.ts";
import type { PriceModel } from "../price-model.ts";
import { type Tier, tiersOf } from "../tiers.ts";

/** Each tier prices the units in it. */
export const amount: PriceModel = ({ from, to }, { price, per }) =>
  subtract(totalOf(to, per, tiersOf(price)), totalOf(from, per, tiersOf(price)));

function totalOf(units: Fraction, per: Fraction, tiers: readonly Tier[]): Fraction {
  return sum(
    tiers.filter((tier) => compare(units, tier.above) > 0).map((tier) => {
      const last = tier.upTo === undefined ? units : min(units, tier.upTo);
      const within = subtract(last, tier.above);
      return add(divide(multiply(within, tier.unitAmount), per), tier.flatAmount);
    }),
  );
}

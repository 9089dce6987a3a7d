import { add, compare, divide, isZero, multiply, subtract, whole } from "../fraction.ts";
import type { PriceModel } from "../price-model.ts";
import { tiersOf } from "../tiers.ts";

/** The tier that the period's total reaches prices all units. */
export const amount: PriceModel = ({ from, to, total }, { price, per }) => {
  const tier = tiersOf(price).find(({ upTo }) => upTo === undefined || compare(total, upTo) <= 0);
  if (tier === undefined) throw new RangeError("the last tier has a bound");
  const units = divide(multiply(subtract(to, from), tier.unitAmount), per);
  // The flat amount comes with the first unit, and goes when the last is taken back.
  const flats = subtract(whole(isZero(to) ? 0 : 1), whole(isZero(from) ? 0 : 1));
  return add(units, multiply(flats, tier.flatAmount));
};

import {
  add,
  ceil,
  compare,
  divide,
  type Fraction,
  min,
  multiply,
  subtract,
  ZERO,
} from "../fraction.ts";
import type { PriceModel } from "../price-model.ts";
import { type Tier, tiersOf } from "../tiers.ts";

/** Each tier prices the blocks of `per_units` units in it; a block that is started is whole. */
export const amount: PriceModel = ({ from, to }, { price, per }) => {
  const tiers = tiersOf(price);
  const blocks = (units: Fraction) => ceil(divide(units, per));
  return subtract(blocksCost(blocks(to), per, tiers), blocksCost(blocks(from), per, tiers));
};

/** What so many blocks cost from the first on: a tier holds as many as go between its bounds. */
function blocksCost(blocks: Fraction, per: Fraction, tiers: readonly Tier[]): Fraction {
  let cost = ZERO;
  for (const { above, upTo, unitAmount, flatAmount } of tiers) {
    const first = divide(above, per);
    if (compare(blocks, first) <= 0) break;
    const last = upTo === undefined ? blocks : min(blocks, divide(upTo, per));
    cost = add(add(cost, multiply(subtract(last, first), unitAmount)), flatAmount);
  }
  return cost;
}

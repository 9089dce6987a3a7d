import { divide, multiply, subtract } from "../fraction.ts";
import type { PriceModel } from "../price-model.ts";

/** The amount of the day (see list-price.ts) for each `per_units` units. */
export const amount: PriceModel = ({ from, to }, { unitAmount, per }) =>
  divide(multiply(subtract(to, from), unitAmount), per);

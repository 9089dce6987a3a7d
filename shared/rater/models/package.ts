import { ceil, divide, multiply, subtract } from "../fraction.ts";
import type { PriceModel } from "../price-model.ts";

/** `unit_amount` for each block of `per_units` units that is started. */
export const amount: PriceModel = ({ from, to }, { unitAmount, per }) =>
  multiply(subtract(ceil(divide(to, per)), ceil(divide(from, per))), unitAmount);

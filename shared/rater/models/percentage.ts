import { divide, multiply, subtract, whole } from "../fraction.ts";
import type { PriceModel } from "../price-model.ts";

/** `unit_amount` percent of units that are an amount. */
export const amount: PriceModel = ({ from, to }, { unitAmount }) =>
  divide(multiply(subtract(to, from), unitAmount), whole(100));

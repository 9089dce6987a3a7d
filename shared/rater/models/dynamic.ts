import { subtract } from "../fraction.ts";
import type { PriceModel } from "../price-model.ts";

/** Units are the amount itself. */
export const amount: PriceModel = ({ from, to }) => subtract(to, from);

import type { Fraction } from "./fraction.ts";
import type { PriceRow } from "./world.ts";

/** A stretch of a period's units of one metric of one model: those after `from` up to `to`. */
export interface Stretch {
  readonly from: Fraction;
  readonly to: Fraction;
  /** Units of the whole period. */
  readonly total: Fraction;
}

/** What a price is, as numbers. */
export interface PriceTerms {
  /** What per_units units cost: the price's own amount, or that of the day. */
  readonly unitAmount: Fraction;
  readonly per: Fraction;
  readonly price: PriceRow;
}

/** A price model: the exact price of units beyond the free ones, in major units. */
export type PriceModel = (paid: Stretch, terms: PriceTerms) => Fraction;

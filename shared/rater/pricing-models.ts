import { type Fraction, max, negate, parseDecimal, subtract, ZERO } from "./fraction.ts";
import { MODELS } from "./models/all.ts";
import type { Stretch } from "./price-model.ts";
import type { PriceRow } from "./world.ts";

/**
 * Exact price of a stretch, in major units of the price's currency. Free units come first. Units
 * taken back beyond those there were stand below zero and cost the mirror image.
 */
export function priceOf(
  price: PriceRow,
  { from, to, total }: Stretch,
  /** What per_units units cost on the day, where the price alone does not say it. */
  unitAmount: Fraction = parseDecimal(price.unit_amount ?? "0"),
): Fraction {
  const below = { from: negate(from), to: negate(to), total: negate(total) };
  return subtract(
    priceAboveZero(price, { from, to, total }, unitAmount),
    priceAboveZero(price, below, unitAmount),
  );
}

function priceAboveZero(price: PriceRow, stretch: Stretch, unitAmount: Fraction): Fraction {
  const amount = MODELS.get(price.pricing_model);
  if (amount === undefined) throw new RangeError(`unknown price model ${price.pricing_model}`);
  const free = parseDecimal(price.free_units);
  const beyondFree = (units: Fraction) => max(subtract(units, free), ZERO);
  return amount(
    {
      from: beyondFree(stretch.from),
      to: beyondFree(stretch.to),
      total: beyondFree(stretch.total),
    },
    { unitAmount, per: parseDecimal(price.per_units), price },
  );
}

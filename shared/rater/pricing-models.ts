import {
  add,
  ceil,
  compare,
  divide,
  type Fraction,
  isZero,
  max,
  min,
  multiply,
  negate,
  parseDecimal,
  subtract,
  sum,
  whole,
  ZERO,
} from "./fraction.ts";
import { decimalOf, items, member, parseExactJson } from "./json.ts";
import type { PriceRow } from "./world.ts";

/** A stretch of a period's units of one metric of one model: those after `from` up to `to`. */
export interface Stretch {
  readonly from: Fraction;
  readonly to: Fraction;
  /** Units of the whole period. */
  readonly total: Fraction;
}

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
  const free = parseDecimal(price.free_units);
  const beyondFree = (units: Fraction) => max(subtract(units, free), ZERO);
  const paid: Stretch = {
    from: beyondFree(stretch.from),
    to: beyondFree(stretch.to),
    total: beyondFree(stretch.total),
  };
  const per = parseDecimal(price.per_units);
  switch (price.pricing_model) {
    case "per_unit":
    case "cost_plus":
      return divide(multiply(subtract(paid.to, paid.from), unitAmount), per);
    case "package": {
      const blocks = subtract(ceil(divide(paid.to, per)), ceil(divide(paid.from, per)));
      return multiply(blocks, unitAmount);
    }
    case "graduated":
      return subtract(
        graduatedTotal(paid.to, per, tiersOf(price)),
        graduatedTotal(paid.from, per, tiersOf(price)),
      );
    case "volume":
      return volumePrice(paid, per, tiersOf(price));
    case "percentage":
      return divide(multiply(subtract(paid.to, paid.from), unitAmount), whole(100));
    case "dynamic":
      return subtract(paid.to, paid.from);
    default:
      throw new RangeError(`unknown price model ${price.pricing_model}`);
  }
}

interface Tier {
  readonly above: Fraction;
  /** Inclusive; undefined: no bound. */
  readonly upTo: Fraction | undefined;
  readonly unitAmount: Fraction;
  readonly flatAmount: Fraction;
}

function tiersOf(price: PriceRow): Tier[] {
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

function graduatedTotal(units: Fraction, per: Fraction, tiers: readonly Tier[]): Fraction {
  return sum(
    tiers.filter((tier) => compare(units, tier.above) > 0).map((tier) => {
      const last = tier.upTo === undefined ? units : min(units, tier.upTo);
      const within = subtract(last, tier.above);
      return add(divide(multiply(within, tier.unitAmount), per), tier.flatAmount);
    }),
  );
}

function volumePrice(paid: Stretch, per: Fraction, tiers: readonly Tier[]): Fraction {
  const tier = tiers.find(({ upTo }) => upTo === undefined || compare(paid.total, upTo) <= 0);
  if (tier === undefined) throw new RangeError("the last tier has a bound");
  const units = divide(multiply(subtract(paid.to, paid.from), tier.unitAmount), per);
  // The flat amount comes with the first unit, and goes when the last is taken back.
  const flats = subtract(whole(isZero(paid.to) ? 0 : 1), whole(isZero(paid.from) ? 0 : 1));
  return add(units, multiply(flats, tier.flatAmount));
}

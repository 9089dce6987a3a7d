import type { Day } from "./calendar.ts";
import { add, divide, type Fraction, multiply, ONE, parseDecimal, whole } from "./fraction.ts";
import type { ListPriceRow, PriceRow, World } from "./world.ts";

/** The list price of a day, and whether it is of the very rate class that was asked for. */
export interface Listed {
  readonly row: ListPriceRow;
  readonly isOwnClass: boolean;
}

/**
 * Looks up provider list prices. A class without a price has that of the last of its parts that has
 * one, else the standard one; reasoning is output where it has no price of its own.
 */
export function listPrices(
  world: World,
): (model: string, metric: string, rateClass: string, day: Day) => Listed | undefined {
  const rows = Map.groupBy(world.list_prices, ({ model }) => model);
  return (model, metric, rateClass, day) => {
    const held = (rows.get(model) ?? []).filter((row) =>
      row.effective_from <= day && day < row.effective_until
    );
    const metrics = metric === "reasoning_tokens" ? [metric, "output_tokens"] : [metric];
    for (const listedClass of classesFor(rateClass)) {
      for (const listedMetric of metrics) {
        const row = held.find((row) =>
          row.metric === listedMetric && row.rate_class === listedClass
        );
        if (row !== undefined) return { row, isOwnClass: listedClass === rateClass };
      }
    }
    return undefined;
  };
}

function classesFor(rateClass: string): string[] {
  return [rateClass, ...rateClass.split("+").reverse(), "standard"];
}

/** What per_units units cost under cost_plus: the list price with the markup, and the fee. */
export function costPlusAmount(price: PriceRow, listed: ListPriceRow): Fraction {
  const list = multiply(parseDecimal(listed.amount), parseDecimal(price.per_units));
  return add(withMarkup(price, list), parseDecimal(price.unit_amount ?? "0"));
}

/** What units cost by what was logged: their cost with the markup, and the fee for so many. */
export function loggedCostAmount(price: PriceRow, cost: Fraction, quantity: Fraction): Fraction {
  const fee = divide(parseDecimal(price.unit_amount ?? "0"), parseDecimal(price.per_units));
  return add(withMarkup(price, cost), multiply(fee, quantity));
}

function withMarkup(price: PriceRow, cost: Fraction): Fraction {
  const markup = divide(parseDecimal(price.markup_percent ?? "0"), whole(100));
  return multiply(cost, add(ONE, markup));
}

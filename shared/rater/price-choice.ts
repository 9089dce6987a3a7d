import type { Day } from "./calendar.ts";
import { type Fraction, multiply, ONE } from "./fraction.ts";
import { decimalOf, member, parseExactJson } from "./json.ts";
import { costPlusAmount, listPrices } from "./list-price.ts";
import { STANDARD } from "./rate-class.ts";
import type { PriceRow, World } from "./world.ts";

/** The price that holds, and the factor that usage of a class takes of it. */
export interface Choice {
  readonly price: PriceRow;
  readonly multiplier: Fraction;
  /** Under cost_plus: the list price of the day, and what per_units units cost by it. */
  readonly listed?: { readonly id: string; readonly unitAmount: Fraction };
}

/** What is looked for: the price of a metric and class of a model for a client in its currency. */
export interface Wanted {
  readonly clientId: string;
  readonly model: string;
  readonly metric: string;
  readonly rateClass: string;
  readonly currency: string;
}

/**
 * Chooses prices: the client's before the default list; a price of the class itself before that of
 * its parts before the standard one, times its multiplier; an exact model before a family before any
 * model.
 * Answers, for a client-local day, the price in force, or undefined when there is none: also where
 * that price is cost_plus and there is no list price on the day.
 */
export function priceChooser(world: World): (wanted: Wanted) => (day: Day) => Choice | undefined {
  const families = new Map(world.models.map(({ id, family }) => [id, family]));
  const list = listPrices(world);
  return (wanted) => {
    const ranked = world.prices
      .flatMap((price) => candidate(price, wanted, families.get(wanted.model)))
      .sort((a, b) => a.rank - b.rank);
    return (day) => {
      const choice = ranked.find(({ price }) =>
        price.effective_from <= day && day < price.effective_until
      );
      if (choice?.price.pricing_model !== "cost_plus") return choice;
      const listed = list(wanted.model, wanted.metric, wanted.rateClass, day);
      return listed && {
        price: choice.price,
        multiplier: listed.isOwnClass ? ONE : choice.multiplier,
        listed: { id: listed.row.id, unitAmount: costPlusAmount(choice.price, listed.row) },
      };
    };
  };
}

function candidate(price: PriceRow, wanted: Wanted, family: string | undefined) {
  const parts = wanted.rateClass.split("+");
  const distance = price.rate_class === wanted.rateClass
    ? 0
    : price.rate_class === STANDARD
    ? parts.length + 1
    : parts.indexOf(price.rate_class) + 1 || undefined;
  const isForModel = price.model === wanted.model;
  const isForFamily = price.family !== null && price.family === family;
  const isForAny = price.model === null && price.family === null;
  const fits = price.currency === wanted.currency && price.metric === wanted.metric &&
    (isForModel || isForFamily || isForAny) &&
    (price.client_id === null || price.client_id === wanted.clientId);
  if (!fits || distance === undefined) return [];
  const rank = (price.client_id === null ? 100 : 0) + distance * 10 +
    (isForModel ? 1 : isForFamily ? 2 : 3);
  return [{ price, rank, multiplier: distance === 0 ? ONE : factorOf(price, wanted.rateClass) }];
}

/** The factor that a price names for a class, else the product of those of what else is in it. */
function factorOf(price: PriceRow, rateClass: string): Fraction {
  const factors = parseExactJson(price.class_multipliers);
  const factor = (name: string) => decimalOf(member(factors, name));
  return factor(rateClass) ??
    rateClass.split("+").filter((part) => part !== price.rate_class)
      .reduce((product, part) => multiply(product, factor(part) ?? ONE), ONE);
}

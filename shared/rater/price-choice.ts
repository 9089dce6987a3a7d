import type { Day } from "./calendar.ts";
import { type Fraction, multiply, ONE, parseDecimal } from "./fraction.ts";
import { decimalOf, isObject, member, parseExactJson } from "./json.ts";
import { costPlusAmount, listPrices } from "./list-price.ts";
import { STANDARD } from "./rate-class.ts";
import type { PriceRow, World } from "./world.ts";

/** The price that holds, and the factor that usage of a class takes of it. */
export interface Choice {
  readonly price: PriceRow;
  readonly multiplier: Fraction;
  /** Under cost_plus by the list: the list price of the day, and what per_units units cost by it. */
  readonly listed?: {
    readonly id: string;
    readonly unitAmount: Fraction;
    /** What one unit costs by the list alone, at the class. */
    readonly cost: Fraction;
  };
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
      if (choice.price.cost_basis === "logged_cost") return { ...choice, multiplier: ONE };
      const listed = list(wanted.model, wanted.metric, wanted.rateClass, day);
      if (listed === undefined) return undefined;
      const multiplier = listed.isOwnClass ? ONE : choice.multiplier;
      return {
        price: choice.price,
        multiplier,
        listed: {
          id: listed.row.id,
          unitAmount: costPlusAmount(choice.price, listed.row),
          cost: multiply(parseDecimal(listed.row.amount), multiplier),
        },
      };
    };
  };
}

function candidate(price: PriceRow, wanted: Wanted, family: string | undefined) {
  const parts = wanted.rateClass.split("+");
  const distance = price.rate_class === wanted.rateClass
    ? 0
    : price.rate_class === STANDARD
    ? 9
    : 1 + [...parts, ...withFewerThresholds(wanted.rateClass)].indexOf(price.rate_class) ||
      undefined;
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

/**
 * Classes that stand for one beyond two or three thresholds of long context, the nearest first: with
 * fewer thresholds, whole and as the part alone.
 */
function withFewerThresholds(rateClass: string): string[] {
  const [, before = "", count] = /^(.*)long_context_([23])$/.exec(rateClass) ?? [];
  const fewer = count === "3" ? ["long_context_2", "long_context"] : ["long_context"];
  return count === undefined ? [] : fewer.flatMap((part) => [before + part, part]);
}

/**
 * The factor that a price names for a class, else the product of those of what else is in it. Where
 * it does not name so many thresholds of long context, those of fewer.
 */
function factorOf(price: PriceRow, rateClass: string): Fraction {
  const factors = parseExactJson(price.class_multipliers);
  const names = isObject(factors) ? [...factors.keys(), price.rate_class] : [price.rate_class];
  const long = /long_context(_[23])?$/.exec(rateClass)?.[0];
  const fewer = long === undefined ? [] : [long, ...withFewerThresholds(long)];
  const told = fewer.find((part) => names.some((name) => name.split("+").includes(part)));
  const asTold = long === undefined
    ? rateClass
    : rateClass.slice(0, -long.length) + (told ?? "long_context");
  if (asTold === price.rate_class) return ONE;
  const factor = (name: string) => decimalOf(member(factors, name));
  return factor(asTold) ??
    asTold.split("+").filter((part) => part !== price.rate_class)
      .reduce((product, part) => multiply(product, factor(part) ?? ONE), ONE);
}

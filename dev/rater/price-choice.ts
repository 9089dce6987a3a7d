import type { Day } from "./calendar.ts";
import { type Fraction, ONE, parseDecimal } from "./fraction.ts";
import { costPlusAmount, listPrices } from "./list-price.ts";
import type { PriceRow, World } from "./world.ts";

/** The price that holds, and the factor that batch usage takes of it. */
export interface Choice {
  readonly price: PriceRow;
  readonly multiplier: Fraction;
  /** Under cost_plus: the list price of the day, and what per_units units cost by it. */
  readonly listed?: { readonly id: string; readonly unitAmount: Fraction };
}

/** What is looked for: the price of a metric of a model for a client in its currency. */
export interface Wanted {
  readonly clientId: string;
  readonly model: string;
  readonly metric: string;
  readonly currency: string;
}

const BATCH = "batch_";

/**
 * Chooses prices: the client's before the default list; a price of its own for batch usage before
 * the batch multiplier of the plain metric; an exact model before a family before any model.
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
    const isBatch = wanted.metric.startsWith(BATCH);
    const metric = isBatch ? wanted.metric.slice(BATCH.length) : wanted.metric;
    return (day) => {
      const choice = ranked.find(({ price }) =>
        price.effective_from <= day && day < price.effective_until
      );
      if (choice?.price.pricing_model !== "cost_plus") return choice;
      const listed = list(wanted.model, metric, isBatch ? "batch" : "standard", day);
      return listed && {
        price: choice.price,
        multiplier: listed.isOwnClass ? ONE : choice.multiplier,
        listed: { id: listed.row.id, unitAmount: costPlusAmount(choice.price, listed.row) },
      };
    };
  };
}

function candidate(price: PriceRow, wanted: Wanted, family: string | undefined) {
  const isOwnMetric = price.metric === wanted.metric;
  const isPlainMetric = wanted.metric === `${BATCH}${price.metric}`;
  const isForModel = price.model === wanted.model;
  const isForFamily = price.family !== null && price.family === family;
  const isForAny = price.model === null && price.family === null;
  const fits = price.currency === wanted.currency &&
    (isOwnMetric || isPlainMetric) && (isForModel || isForFamily || isForAny) &&
    (price.client_id === null || price.client_id === wanted.clientId);
  if (!fits) return [];
  const rank = (price.client_id === null ? 100 : 0) + (isOwnMetric ? 0 : 10) +
    (isForModel ? 1 : isForFamily ? 2 : 3);
  return [{ price, rank, multiplier: isOwnMetric ? ONE : parseDecimal(price.batch_multiplier) }];
}

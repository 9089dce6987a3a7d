import { addDays, type Day } from "./calendar.ts";
import {
  add,
  compare,
  type Fraction,
  isZero,
  multiply,
  roundHalfAway,
  sum,
  ZERO,
} from "./fraction.ts";
import { loggedCostAmount } from "./list-price.ts";
import { type Choice, priceChooser, type Wanted } from "./price-choice.ts";
import { priceOf } from "./pricing-models.ts";
import type { Terms } from "./terms.ts";
import type { Usage } from "./usage.ts";
import type { World } from "./world.ts";

export interface UsageLine {
  readonly kind: "usage";
  readonly model: string;
  readonly metric: string;
  readonly rateClass: string;
  /** Null unless the client's lines are split by agent. */
  readonly agent: string | null;
  readonly priceId: string;
  /** First day under this price from the first day of service on. */
  readonly serviceStart: Day;
  /** First day under this price in the period, served or not; with it the line is unique. */
  readonly priceStart: Day;
  readonly quantity: Fraction;
  readonly amountMinor: bigint;
}

/** A line before it is rounded, with what decides it where the higher of two costs holds. */
interface Unrounded {
  readonly line: Omit<UsageLine, "amountMinor">;
  readonly amount: Fraction;
  readonly either?: {
    readonly logged: Fraction;
    readonly list: Fraction;
    readonly byLogged: Fraction;
  };
}

/** Usage that must have a price and has none. */
export interface Unpriced {
  readonly model: string;
  readonly metric: string;
  readonly rateClass: string;
}

export interface RatedUsage {
  readonly lines: readonly UsageLine[];
  readonly unpriced: readonly Unpriced[];
}

interface Segment {
  readonly start: Day;
  readonly priceStart: Day;
  readonly choice: Choice;
  readonly usage: Usage[];
}

/** Rates a client's usage of its days of service. */
export function usageRater(
  world: World,
): (clientId: string, usage: readonly Usage[], terms: Terms) => RatedUsage {
  const choose = priceChooser(world);
  return (clientId, usage, terms) => {
    const unpriced: Unpriced[] = [];
    const days = new Set(terms.service);
    const served = usage.filter(({ day }) => days.has(day));
    const priced: Segment[] = [];
    const costs = costsByDay(served);
    for (const group of Map.groupBy(served, keyOf).values()) {
      const [first] = group;
      if (first === undefined) continue;
      const { model, metric, rateClass } = first;
      const { currency } = terms;
      const wanted: Wanted = { clientId, model, metric, rateClass, currency };
      const { segments, orphans } = segmentsOf(group, choose(wanted), terms, costs);
      const isFree = world.unbilled_metrics.includes(metric);
      if (!isFree && !isZero(sum(orphans.map(({ quantity }) => quantity)))) {
        unpriced.push({ model, metric, rateClass });
      }
      priced.push(...segments.filter((segment) => segment.usage.length > 0));
    }
    const unrounded = [...Map.groupBy(priced, poolOf).values()].flatMap((pool) =>
      linesOf(pool.sort(inOrderOfUse), terms)
    );
    const lines = byHigherCost(unrounded).map(({ line, amount }) => ({
      ...line,
      amountMinor: roundHalfAway(multiply(amount, terms.minorPerMajor)),
    }));
    return { lines, unpriced };
  };
}

function keyOf({ model, metric, rateClass }: Usage): string {
  return JSON.stringify([model, metric, rateClass]);
}

/** Free units and tiers belong to what a price names: a model, a family, or any model. */
function poolOf({ choice, usage }: Segment): string {
  const { model, family } = choice.price;
  return JSON.stringify([model, family, usage[0]?.metric, usage[0]?.rateClass]);
}

function inOrderOfUse(a: Segment, b: Segment): number {
  if (a.start !== b.start) return a.start < b.start ? -1 : 1;
  const [one, other] = [a.usage[0]?.model ?? "", b.usage[0]?.model ?? ""];
  return one < other ? -1 : 1;
}

/** What was logged as the cost of an agent's calls of a model on a day, whatever they used. */
function costsByDay(usage: readonly Usage[]): (row: Usage) => Fraction {
  const keyOf = ({ day, model, agent }: Usage) => JSON.stringify([day, model, agent]);
  const costs = new Map<string, Fraction>();
  for (const row of usage) costs.set(keyOf(row), add(costs.get(keyOf(row)) ?? ZERO, row.cost));
  return (row) => costs.get(keyOf(row)) ?? ZERO;
}

/**
 * Splits usage where the price changes; usage without a price is among the `orphans`: days without
 * one, and what is sold by its logged cost and has none.
 */
function segmentsOf(
  usage: readonly Usage[],
  priceOn: (day: Day) => Choice | undefined,
  { period, service }: Terms,
  costOf: (row: Usage) => Fraction,
): { segments: Segment[]; orphans: Usage[] } {
  const byDay = Map.groupBy(usage, ({ day }) => day);
  const segments: Segment[] = [];
  const orphans: Usage[] = [];
  const [first] = service;
  const last = service.at(-1);
  if (first === undefined || last === undefined) return { segments, orphans };
  for (let day = period.start; day <= last; day = addDays(day, 1)) {
    const used = byDay.get(day) ?? [];
    const choice = priceOn(day);
    if (choice === undefined) {
      orphans.push(...used);
      continue;
    }
    const isAtCost = choice.price.cost_basis === "logged_cost";
    const [sold, free] = [
      used.filter((row) => !isAtCost || !isZero(costOf(row))),
      used.filter((row) => isAtCost && isZero(costOf(row))),
    ];
    orphans.push(...free);
    const latest = segments.at(-1);
    const isSame = latest?.choice.price.id === choice.price.id &&
      latest.choice.listed?.id === choice.listed?.id;
    if (isSame) latest.usage.push(...sold);
    else {
      const start = day < first ? first : day;
      segments.push({ start, priceStart: day, choice, usage: sold });
    }
  }
  return { segments, orphans };
}

/** Units are numbered through the period, so free units and tiers run on over every split. */
function linesOf(segments: readonly Segment[], terms: Terms): Unrounded[] {
  const total = sum(segments.flatMap(({ usage }) => usage.map(({ quantity }) => quantity)));
  const lines: Unrounded[] = [];
  let used: Fraction = ZERO;
  for (const { start, priceStart, choice, usage } of segments) {
    const shares = Map.groupBy(usage, ({ agent }) => terms.byAgent ? agent : null);
    const inOrder = [...shares].sort(([a], [b]) => (a ?? "") < (b ?? "") ? -1 : 1);
    for (const [agent, rows] of inOrder) {
      const quantity = sum(rows.map((row) => row.quantity));
      const from = used;
      used = add(used, quantity);
      const first = rows[0];
      if (first === undefined || isZero(quantity)) continue;
      const { price, multiplier, listed } = choice;
      const logged = sum(rows.map((row) => row.cost));
      const byLogged = loggedCostAmount(price, logged, quantity);
      const byPrice = () =>
        multiply(priceOf(price, { from, to: used, total }, listed?.unitAmount), multiplier);
      lines.push({
        line: {
          kind: "usage",
          model: first.model,
          metric: first.metric,
          rateClass: first.rateClass,
          agent,
          priceId: price.id,
          serviceStart: start,
          priceStart,
          quantity,
        },
        amount: price.cost_basis === "logged_cost" ? byLogged : byPrice(),
        ...price.cost_basis === "higher"
          ? { either: { logged, byLogged, list: multiply(listed?.cost ?? ZERO, quantity) } }
          : {},
      });
    }
  }
  return lines;
}

/**
 * Takes the higher of list price and logged cost where a price says so: one of them for all tokens
 * of a model and class, because what was logged for input covers what a cache read and wrote.
 */
function byHigherCost(lines: readonly Unrounded[]): readonly Unrounded[] {
  const either = lines.filter((line) => line.either !== undefined);
  const groups = Map.groupBy(
    either,
    ({ line }) => JSON.stringify([line.model, line.rateClass, line.agent]),
  );
  const byLogged = new Map<Unrounded, Fraction>();
  for (const group of groups.values()) {
    const logged = sum(group.map((line) => line.either?.logged ?? ZERO));
    const list = sum(group.map((line) => line.either?.list ?? ZERO));
    if (compare(logged, list) <= 0) continue;
    for (const line of group) byLogged.set(line, line.either?.byLogged ?? ZERO);
  }
  return lines.map((line) => ({ ...line, amount: byLogged.get(line) ?? line.amount }));
}

import { addDays, type Day } from "./calendar.ts";
import { add, type Fraction, isZero, multiply, roundHalfAway, sum, ZERO } from "./fraction.ts";
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
    const lines: UsageLine[] = [];
    const unpriced: Unpriced[] = [];
    const days = new Set(terms.service);
    const served = usage.filter(({ day }) => days.has(day));
    const priced: Segment[] = [];
    for (const group of Map.groupBy(served, keyOf).values()) {
      const [first] = group;
      if (first === undefined) continue;
      const { model, metric, rateClass } = first;
      const { currency } = terms;
      const wanted: Wanted = { clientId, model, metric, rateClass, currency };
      const { segments, orphans } = segmentsOf(group, choose(wanted), terms);
      const isFree = world.unbilled_metrics.includes(metric);
      if (!isFree && !isZero(sum(orphans.map(({ quantity }) => quantity)))) {
        unpriced.push({ model, metric, rateClass });
      }
      priced.push(...segments.filter((segment) => segment.usage.length > 0));
    }
    for (const pool of Map.groupBy(priced, poolOf).values()) {
      lines.push(...linesOf(pool.sort(inOrderOfUse), terms));
    }
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

/** Splits usage where the price changes; days without a price are `orphans`. */
function segmentsOf(
  usage: readonly Usage[],
  priceOn: (day: Day) => Choice | undefined,
  { period, service }: Terms,
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
    const latest = segments.at(-1);
    const isSame = latest?.choice.price.id === choice.price.id &&
      latest.choice.listed?.id === choice.listed?.id;
    if (isSame) latest.usage.push(...used);
    else {
      const start = day < first ? first : day;
      segments.push({ start, priceStart: day, choice, usage: [...used] });
    }
  }
  return { segments, orphans };
}

/** Units are numbered through the period, so free units and tiers run on over every split. */
function linesOf(segments: readonly Segment[], terms: Terms): UsageLine[] {
  const total = sum(segments.flatMap(({ usage }) => usage.map(({ quantity }) => quantity)));
  const lines: UsageLine[] = [];
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
      const price = priceOf(
        choice.price,
        { from, to: used, total },
        choice.listed?.unitAmount,
      );
      const amount = multiply(price, choice.multiplier);
      lines.push({
        kind: "usage",
        model: first.model,
        metric: first.metric,
        rateClass: first.rateClass,
        agent,
        priceId: choice.price.id,
        serviceStart: start,
        priceStart,
        quantity,
        amountMinor: roundHalfAway(multiply(amount, terms.minorPerMajor)),
      });
    }
  }
  return lines;
}

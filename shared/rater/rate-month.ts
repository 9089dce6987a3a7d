import { type Day, localDays, parseInstant, type Period, periodsOver } from "./calendar.ts";
import {
  divide,
  type Fraction,
  min,
  multiply,
  negate,
  roundHalfAway,
  sum,
  whole,
  ZERO,
} from "./fraction.ts";
import { partsOf, type PromotionalCredit, takeCredits } from "./promotional.ts";
import { type TaxLine, taxLines } from "./tax-lines.ts";
import { type Terms, termsOf } from "./terms.ts";
import { isUnmapped, type UnbillableReason, type Usage, usageOfLogs } from "./usage.ts";
import { type Unpriced, type UsageLine, usageRater } from "./usage-lines.ts";
import type { ClientRow, World } from "./world.ts";

export interface PlainLine {
  readonly kind: "minimum" | "one_off" | "discount" | "promotional_credit";
  readonly amountMinor: bigint;
}

/** What was decided when it happened and cannot be told from the rows that there are now. */
export interface Recorded {
  /** Periods that were opened, by client, with the anchor day of that moment. */
  readonly periods?: ReadonlyMap<string, readonly (Period & { readonly anchor: number })[]>;
  /** One-off items by client and period they were taken into: `id 2026-06-01`; major units. */
  readonly items?: ReadonlyMap<string, readonly Fraction[]>;
  readonly meters?: readonly Meter[];
  /** Promotional credit by client and period that used it, and for which charges: as items. */
  readonly promotional?: ReadonlyMap<string, readonly PromotionalCredit[]>;
}

/** Usage that Stripe rates. */
export interface Meter {
  readonly client_id: string;
  readonly metric: string;
  readonly rate_class: string;
  readonly model: string | null;
  readonly effective_from: Day;
  readonly effective_until: Day;
}

export type Line = UsageLine | PlainLine | TaxLine;

/** What becomes of one client's period. Amounts are minor units of `currency`. */
export type PeriodResult =
  & { readonly client: ClientRow; readonly period: Period; readonly currency: string }
  & (
    | { readonly outcome: "invoiced"; readonly lines: readonly Line[]; readonly totals: Totals }
    | { readonly outcome: "skipped" }
    | {
      readonly outcome: "blocked";
      readonly reason:
        | "unknown_provider"
        | "unpriced_usage"
        | "negative_total"
        | "out_of_range";
      readonly unpriced: readonly Unpriced[];
    }
  );

export interface Totals {
  readonly subtotalMinor: bigint;
  /** Positive; taken off. */
  readonly discountMinor: bigint;
  /** Added to the total. */
  readonly taxMinor: bigint;
  /** Contained in the amounts; not added. */
  readonly taxIncludedMinor: bigint;
  readonly totalMinor: bigint;
}

export interface Rating {
  readonly periods: readonly PeriodResult[];
  /** Log rows that belong to nobody or cannot be read. */
  readonly unbillable: ReadonlyMap<UnbillableReason, number>;
}

/** Beyond it sums could leave what JSON readers hold exactly. */
const LARGEST_MINOR = 900_000_000_000_000n;

/**
 * Rates from raw rows every period of every client that is over in the client's own time zone at
 * `asOf` (an instant as text), as if nothing had been invoiced. Shares no code with the database.
 */
export function rateMonth(
  world: World,
  { asOf }: { readonly asOf: string },
  recorded: Recorded = {},
): Rating {
  const { usage, unbillable } = usageOfLogs(world);
  const ours = usage.filter((one) => !recorded.meters?.some((meter) => measures(meter, one)));
  const byClient = Map.groupBy(ours, ({ clientId }) => clientId);
  const rateUsage = usageRater(world);
  const periods = world.clients.flatMap((client) => {
    const today: Day = localDays(client, world.zones)(parseInstant(asOf));
    const over = recorded.periods?.get(client.id) ?? periodsOver(client, today);
    return over.map((period) => {
      const terms = termsOf(world, client, period);
      const rated = rateUsage(client.id, byClient.get(client.id) ?? [], terms);
      const name = `${client.id} ${period.start}`;
      const items = recorded.items?.get(name) ?? [];
      const credits = recorded.promotional?.get(name) ?? [];
      return resultOf({ client, period }, terms, rated, { items, credits });
    });
  });
  return { periods, unbillable };
}

function measures(meter: Meter, { clientId, metric, rateClass, model, day }: Usage): boolean {
  return meter.client_id === clientId && meter.metric === metric &&
    meter.rate_class === rateClass &&
    (meter.model === null || meter.model === model) &&
    meter.effective_from <= day && day < meter.effective_until;
}

function resultOf(
  of: Pick<PeriodResult, "client" | "period">,
  terms: Terms,
  { lines: usageLines, unpriced }: ReturnType<ReturnType<typeof usageRater>>,
  { items, credits }: {
    readonly items: readonly Fraction[];
    readonly credits: readonly PromotionalCredit[];
  },
): PeriodResult {
  const head = { ...of, currency: terms.currency };
  const blocked = { ...head, outcome: "blocked", unpriced } as const;
  if (unpriced.some(({ metric }) => isUnmapped(metric))) {
    return { ...blocked, reason: "unknown_provider" };
  }
  if (unpriced.length > 0) return { ...blocked, reason: "unpriced_usage" };
  const discountable = [...usageLines, ...minimumLine(usageLines, terms)];
  const discount = discountLine(discountable, terms);
  const itemLines = items.map((item) => itemLine(item, terms));
  const lines = [
    ...discountable,
    ...itemLines,
    ...discount,
    ...reduced(discountable, itemLines, amountOf(discount), credits, terms),
  ];
  const totals = totalsOf(lines);
  if (totals.totalMinor < 0n) return { ...blocked, reason: "negative_total" };
  const largest = amountOf(lines.map(({ amountMinor }) => ({
    amountMinor: amountMinor < 0n ? -amountMinor : amountMinor,
  })));
  if (largest > LARGEST_MINOR) return { ...blocked, reason: "out_of_range" };
  // Of nothing there is no invoice, unless it says what was used of promotional credit.
  return totals.totalMinor === 0n && !lines.some(({ kind }) => kind === "promotional_credit")
    ? { ...head, outcome: "skipped" }
    : { ...head, outcome: "invoiced", lines, totals };
}

/** What is missing to the minimum, which is prorated by days of service. */
function minimumLine(usage: readonly UsageLine[], terms: Terms): PlainLine[] {
  const days: Fraction = divide(whole(terms.service.length), whole(terms.fullDays));
  // Usage taken back is not made up for.
  const used = amountOf(usage);
  const usedAmount = used > 0n ? used : 0n;
  const missing = roundHalfAway(multiply(terms.minimum, days)) - usedAmount;
  return missing > 0n ? [{ kind: "minimum", amountMinor: missing }] : [];
}

/** Promotional credit and taxes: credit is taken off usage and minimum, and taxes are of the rest. */
function reduced(
  discountable: readonly (UsageLine | PlainLine)[],
  items: readonly PlainLine[],
  discountMinor: bigint,
  credits: readonly PromotionalCredit[],
  terms: Terms,
): Line[] {
  const subjects = discountable.map((line) => ({
    kind: line.kind,
    metric: line.kind === "usage" ? line.metric : null,
    model: line.kind === "usage" ? line.model : null,
    agent: line.kind === "usage" ? line.agent : null,
    amountMinor: line.amountMinor,
  }));
  const parts = partsOf(subjects, discountMinor);
  const room = amountOf(discountable) + amountOf(items) + discountMinor;
  const before = parts.map(({ open }) => open);
  const taken = takeCredits(parts, credits, room).filter((amount) => amount > 0n);
  if (taken.length === 0) return taxLines([...discountable, ...items], discountMinor, terms);
  const left = parts.map(({ kind, metric, amountMinor, open }, place) => ({
    kind,
    ...metric === null ? {} : { metric },
    amountMinor: amountMinor + open - (before[place] ?? 0n),
  }));
  return [
    ...taken.map((amount) => ({ kind: "promotional_credit", amountMinor: -amount } as const)),
    ...taxLines([...left, ...items], 0n, terms),
  ];
}

function itemLine(item: Fraction, { minorPerMajor }: Terms): PlainLine {
  return { kind: "one_off", amountMinor: roundHalfAway(multiply(item, minorPerMajor)) };
}

/** A discount never exceeds what it is taken from. */
function discountLine(charges: readonly Line[], terms: Terms): PlainLine[] {
  const base = whole(amountOf(charges));
  if (base.n <= 0n) return [];
  const off = terms.discountPercent === undefined
    ? min(terms.discountFixed ?? ZERO, base)
    : divide(multiply(base, terms.discountPercent), whole(100));
  const amountMinor = roundHalfAway(negate(off));
  return amountMinor === 0n ? [] : [{ kind: "discount", amountMinor }];
}

function totalsOf(lines: readonly Line[]): Totals {
  const of = (isWanted: (line: Line) => boolean) => amountOf(lines.filter(isWanted));
  const subtotalMinor = of(({ kind }) => ["usage", "minimum", "one_off"].includes(kind));
  const discount = of(({ kind }) => kind === "discount" || kind === "promotional_credit");
  const taxMinor = of((line) => line.kind === "tax" && line.behavior === "exclusive");
  return {
    subtotalMinor,
    discountMinor: -discount,
    taxMinor,
    taxIncludedMinor: of((line) => line.kind === "tax" && line.behavior === "inclusive"),
    totalMinor: subtotalMinor + discount + taxMinor,
  };
}

function amountOf(lines: readonly { readonly amountMinor: bigint }[]): bigint {
  return sum(lines.map(({ amountMinor }) => whole(amountMinor))).n;
}

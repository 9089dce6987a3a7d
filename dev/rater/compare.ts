import type { BookedLine, BookedPeriod } from "./booked.ts";
import { parseDecimal } from "../../shared/rater/fraction.ts";
import type { Line, PeriodResult, Rating } from "../../shared/rater/rate-month.ts";

/** One thing that the database and the independent rating see differently. */
export interface Difference {
  readonly client: string;
  /** `total_minor`, or a line: `usage claude-sonnet input_tokens 2026-06-01`. */
  readonly what: string;
  readonly database: string;
  readonly independent: string;
}

/** Everything in which the invoices of the database differ from the rating; empty when they agree. */
export function compareInvoices(rating: Rating, booked: readonly BookedPeriod[]): Difference[] {
  const key = (clientId: string, start: string) => `${clientId} ${start}`;
  const byPeriod = new Map(booked.map((row) => [key(row.client_id, row.period_start), row]));
  const differences = rating.periods.flatMap((period) => {
    const name = key(period.client.id, period.period.start);
    const row = byPeriod.get(name);
    byPeriod.delete(name);
    return compareFacts(period.client.name, factsOfBooked(row), factsOfRated(period));
  });
  const unknown = [...byPeriod.values()].flatMap((row) =>
    compareFacts(row.client, factsOfBooked(row), new Map())
  );
  return [...differences, ...unknown];
}

/** Reasons for which the database holds back another number of log rows than the rating does. */
export function compareQuarantine(
  rating: Rating,
  quarantined: ReadonlyMap<string, number>,
): Difference[] {
  const counts = (rows: ReadonlyMap<string, number>): Facts =>
    new Map([...rows].map(([reason, count]) => [reason, `${count} rows`]));
  return compareFacts("quarantine", counts(quarantined), counts(rating.unbillable));
}

type Facts = Map<string, string>;

function compareFacts(client: string, database: Facts, independent: Facts): Difference[] {
  const names = new Set([...database.keys(), ...independent.keys()]);
  return [...names].map((what) => ({
    client,
    what,
    database: database.get(what) ?? "nothing",
    independent: independent.get(what) ?? "nothing",
  })).filter((fact) => fact.database !== fact.independent);
}

function factsOfBooked(period: BookedPeriod | undefined): Facts {
  if (period === undefined) return new Map();
  const { invoice, state } = period;
  const facts: Facts = new Map([[`${period.period_start}`, state]]);
  if (invoice === null) return facts;
  const { subtotal_minor, discount_minor, tax_minor, tax_included_minor, total_minor } = invoice;
  const totals = { subtotal_minor, discount_minor, tax_minor, tax_included_minor, total_minor };
  for (const [what, value] of Object.entries(totals)) facts.set(what, value);
  facts.set("currency", invoice.currency);
  for (const line of invoice.lines) addLine(facts, ...bookedLineFact(line));
  return facts;
}

function factsOfRated(period: PeriodResult): Facts {
  const facts: Facts = new Map([[`${period.period.start}`, period.outcome]]);
  if (period.outcome !== "invoiced") return facts;
  const { totals } = period;
  facts.set("subtotal_minor", `${totals.subtotalMinor}`);
  facts.set("discount_minor", `${totals.discountMinor}`);
  facts.set("tax_minor", `${totals.taxMinor}`);
  facts.set("tax_included_minor", `${totals.taxIncludedMinor}`);
  facts.set("total_minor", `${totals.totalMinor}`);
  facts.set("currency", period.currency);
  for (const line of period.lines) addLine(facts, ...ratedLineFact(line));
  return facts;
}

/** Two lines of one name would hide each other: the second gets a mark. */
function addLine(facts: Facts, name: string, value: string): void {
  facts.set(facts.has(name) ? `${name} (again)` : name, value);
}

function bookedLineFact(line: BookedLine): [name: string, value: string] {
  if (line.kind === "usage") {
    const { n, d } = parseDecimal(line.quantity ?? "0");
    return usageFact(
      { ...line, rateClass: line.rate_class },
      line.service_start,
      `${n}/${d}`,
      line.amount_minor,
    );
  }
  return line.kind === "tax"
    ? [
      `tax ${line.tax_name} ${line.tax_behavior}`,
      `${line.amount_minor} of ${line.tax_base_minor}`,
    ]
    : [line.kind, line.amount_minor];
}

function ratedLineFact(line: Line): [name: string, value: string] {
  if (line.kind === "usage") {
    const { n, d } = line.quantity;
    return usageFact(line, line.serviceStart, `${n}/${d}`, `${line.amountMinor}`);
  }
  return line.kind === "tax"
    ? [`tax ${line.name} ${line.behavior}`, `${line.amountMinor} of ${line.baseMinor}`]
    : [line.kind, `${line.amountMinor}`];
}

function usageFact(
  line: Pick<BookedLine, "model" | "metric" | "agent"> & { readonly rateClass: string | null },
  serviceStart: string | null,
  quantity: string,
  amountMinor: string,
): [name: string, value: string] {
  const agent = line.agent === null ? "" : ` by ${line.agent}`;
  const rateClass = line.rateClass === "standard" ? "" : `${line.rateClass} `;
  return [
    `usage ${line.model} ${rateClass}${line.metric}${agent} from ${serviceStart}`,
    `${amountMinor} for ${quantity.replace(/\/1$/, "")}`,
  ];
}

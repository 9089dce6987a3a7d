import { multiply, parseDecimal } from "./fraction.ts";
import { type Line, type Meter, type PeriodResult, rateMonth } from "./rate-month.ts";
import type { World } from "./world.ts";

/** An invoice as the API shows it; amounts are minor units. */
export interface ShownInvoice {
  readonly client_id: string;
  readonly currency: string;
  readonly subtotal_minor: number;
  readonly discount_minor: number;
  readonly tax_minor: number;
  readonly total_minor: number;
  readonly lines: readonly ShownLine[];
}

interface ShownLine {
  readonly kind: string;
  readonly description: string;
  readonly model: string | null;
  readonly metric: string | null;
  readonly rate_class: string | null;
  readonly agent: string | null;
  readonly service_start: string | null;
  readonly amount_minor: number;
  readonly is_late: boolean;
}

/** The period of the invoice, and what was decided when it happened. */
export interface InvoiceFacts {
  readonly period: { readonly start: string; readonly end: string; readonly anchor: number };
  readonly items: readonly string[];
  readonly meters: readonly Meter[];
  /** Promotional credit that the period used, by the charges that it was used for. */
  readonly promotional: readonly {
    readonly amount_minor: string;
    readonly metric: string | null;
    readonly model: string | null;
    readonly agent: string | null;
  }[];
}

/** Something that the invoice and the rating see differently; minor units as text, or `nothing`. */
export interface CheckedFact {
  readonly what: string;
  readonly invoice: string;
  readonly rated: string;
}

export interface CheckedInvoice {
  readonly differences: readonly CheckedFact[];
  /** How many totals and lines were compared. */
  readonly compared: number;
}

/** Rates the period of an invoice from raw rows, and compares totals and lines. */
export function checkInvoice(
  invoice: ShownInvoice,
  world: World,
  { period, items, meters, promotional }: InvoiceFacts,
): CheckedInvoice {
  const { periods } = rateMonth(world, { asOf: "2200-01-01 00:00:00+00" }, {
    periods: new Map([[invoice.client_id, [period]]]),
    items: new Map([[
      `${invoice.client_id} ${period.start}`,
      items.map((amount) => multiply(parseDecimal(amount), parseDecimal("1"))),
    ]]),
    meters,
    promotional: new Map([[
      `${invoice.client_id} ${period.start}`,
      promotional.map(({ amount_minor, ...of }) => ({ ...of, amountMinor: BigInt(amount_minor) })),
    ]]),
  });
  const shown = factsOfShown(invoice);
  const rated = factsOfRated(periods.find(({ client }) => client.id === invoice.client_id));
  const names = [...new Set([...shown.keys(), ...rated.keys()])];
  const differences = names
    .map((what) => ({
      what,
      invoice: shown.get(what) ?? "nothing",
      rated: rated.get(what) ?? "nothing",
    }))
    .filter((fact) => fact.invoice !== fact.rated);
  return { differences, compared: names.length };
}

type Facts = Map<string, string>;

function factsOfShown(invoice: ShownInvoice): Facts {
  const facts: Facts = new Map([
    ["currency", invoice.currency],
    ["subtotal", String(invoice.subtotal_minor)],
    ["discount", String(invoice.discount_minor)],
    ["tax", String(invoice.tax_minor)],
    ["total", String(invoice.total_minor)],
  ]);
  for (const line of invoice.lines) {
    const name = line.is_late ? `late ${line.description}` : nameOf(line.kind, {
      model: line.model,
      metric: line.metric,
      rateClass: line.rate_class,
      agent: line.agent,
      from: line.service_start,
    });
    addTo(facts, name, BigInt(line.amount_minor));
  }
  return facts;
}

function factsOfRated(result: PeriodResult | undefined): Facts {
  if (result?.outcome !== "invoiced") return new Map();
  const { totals, currency, lines } = result;
  const facts: Facts = new Map([
    ["currency", currency],
    ["subtotal", String(totals.subtotalMinor)],
    ["discount", String(totals.discountMinor)],
    ["tax", String(totals.taxMinor)],
    ["total", String(totals.totalMinor)],
  ]);
  for (const line of lines) addTo(facts, nameOfRated(line), line.amountMinor);
  return facts;
}

function nameOfRated(line: Line): string {
  return line.kind === "usage"
    ? nameOf(line.kind, { ...line, from: line.serviceStart })
    : nameOf(line.kind, null);
}

function nameOf(
  kind: string,
  usage: {
    readonly model: string | null;
    readonly metric: string | null;
    readonly rateClass: string | null;
    readonly agent: string | null;
    readonly from: string | null;
  } | null,
): string {
  if (kind !== "usage" || usage === null) return `line ${kind}`;
  const { model, metric, rateClass, agent, from } = usage;
  return [model, metric, rateClass === "standard" ? null : rateClass, agent, `from ${from}`]
    .filter((part) => part !== null).join(" ");
}

/** Lines of one name are compared by their sum. */
function addTo(facts: Facts, name: string, minor: bigint): void {
  facts.set(name, String(BigInt(facts.get(name) ?? "0") + minor));
}

import { trimDecimal } from "../money.ts";
import {
  dayBefore,
  formatDay,
  formatMoney,
  formatPrice,
  formatQuantity,
  type LocaleFormat,
} from "./locale.ts";
import type { DocumentLine, DocumentTier, InvoiceDocument } from "./schema.ts";
import { cleanOptional, cleanText } from "./text.ts";

/** One line of the invoice: what, how many, at which price, how much. Empty text where unknown. */
export interface LineRow {
  readonly description: string;
  /** Small print under the description, for one line: model, agent, days. */
  readonly details: readonly string[];
  /** How a price in steps came about, a line each. */
  readonly tiers: readonly string[];
  readonly quantity: string;
  readonly unit: string;
  readonly unitPrice: string;
  /** `per 1M`, or empty where the price is for one. */
  readonly per: string;
  readonly amount: string;
}

/** What one agent used, with its share of the usage amount. */
export interface AgentRow {
  readonly agent: string;
  readonly requests: string;
  readonly inputTokens: string;
  readonly outputTokens: string;
  readonly otherUnits: string;
  readonly amount: string;
}

/** The row of one line in the document's currency and the given locale. */
export function lineRow(
  line: DocumentLine,
  document: InvoiceDocument,
  format: LocaleFormat,
): LineRow {
  const agent = cleanOptional(line.agent);
  const days = line.period && sameDays(line.period, document.period)
    ? null
    : line.period && shortRange(line.period, document.period, format);
  return {
    description: cleanText(line.description),
    details: [cleanOptional(line.detail), agent && `Agent ${agent}`, days]
      .filter((part) => part !== null),
    tiers: (line.tiers ?? []).map((tier) =>
      tierText(tier, perText(line.per, format), document, format)
    ),
    quantity: line.quantity === null ? "" : formatQuantity(line.quantity, format),
    unit: cleanOptional(line.unit) ?? "",
    unitPrice: line.unit_price === null ? "" : formatPrice(line.unit_price, document, format),
    per: line.unit_price === null ? "" : perText(line.per, format),
    amount: formatMoney(line.amount_minor, document, format),
  };
}

/** The breakdown by agent, in the document's order. */
export function agentRows(document: InvoiceDocument, format: LocaleFormat): AgentRow[] {
  return document.agents.map((row) => ({
    agent: cleanText(row.agent),
    requests: formatQuantity(row.requests, format),
    inputTokens: formatQuantity(row.input_tokens, format),
    outputTokens: formatQuantity(row.output_tokens, format),
    otherUnits: formatQuantity(row.other_units, format),
    amount: formatMoney(row.amount_minor, document, format),
  }));
}

function tierText(
  tier: DocumentTier,
  per: string,
  document: InvoiceDocument,
  format: LocaleFormat,
): string {
  const reach = tier.up_to === null ? "above" : `up to ${formatQuantity(tier.up_to, format)}`;
  const flat = trimDecimal(tier.flat_amount, 0) === "0"
    ? []
    : [formatPrice(tier.flat_amount, document, format)];
  const price = `${formatPrice(tier.unit_price, document, format)} ${per}`.trimEnd();
  return `${reach}: ${[price, ...flat].join(" + ")}`;
}

function perText(per: string | null, format: LocaleFormat): string {
  const plain = per === null ? "1" : trimDecimal(per, 0);
  if (plain === "1") return "";
  const short = /^([1-9]\d{0,2})(000000|000)$/.exec(plain);
  if (!short) return `per ${formatQuantity(plain, format)}`;
  return `per ${short[1]}${short[2] === "000" ? "K" : "M"}`;
}

interface Days {
  readonly start: string;
  readonly end: string;
}

function sameDays(days: Days, other: Days | null): boolean {
  return days.start === other?.start && days.end === other.end;
}

/** Days without the year where that is the invoice's own. */
function shortRange(range: Days, period: Days | null, format: LocaleFormat): string {
  const last = dayBefore(range.end);
  const years = [range.start, last].map((day) => day.slice(0, 4));
  const length = years.every((year) => year === period?.start.slice(0, 4)) ? "short" : "long";
  const first = formatDay(range.start, format, length);
  return last <= range.start ? first : `${first} – ${formatDay(last, format, length)}`;
}

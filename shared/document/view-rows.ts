import { trimDecimal } from "../money.ts";
import { itemDescription, lineDescription, lineDetails, unitText } from "../words/line-words.ts";
import { apart, say } from "../words/words.ts";
import { dayBefore, formatDay, formatMoney, formatPrice, formatQuantity } from "./locale.ts";
import { lineTextOf, type Reader } from "./reader.ts";
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
export function lineRow(line: DocumentLine, document: InvoiceDocument, reader: Reader): LineRow {
  const { words, format } = reader;
  const agent = cleanOptional(line.agent);
  const days = line.period && sameDays(line.period, document.period)
    ? null
    : line.period && shortRange(line.period, document.period, reader);
  return {
    description: descriptionText(line, document, reader),
    details: [...detailTexts(line, document, reader), agent && say(words, "agentNamed", { agent })]
      .concat(days).filter((part) => part !== null),
    tiers: (line.tiers ?? []).map((tier) =>
      tierText(tier, perText(line.per, reader), document, reader)
    ),
    quantity: line.quantity === null ? "" : formatQuantity(line.quantity, format),
    unit: unitText(cleanOptional(line.unit) ?? "", words),
    unitPrice: line.unit_price === null ? "" : formatPrice(line.unit_price, document, format),
    per: line.unit_price === null ? "" : perText(line.per, reader),
    amount: formatMoney(line.amount_minor, document, format),
  };
}

/** The breakdown by agent, in the document's order. */
export function agentRows(document: InvoiceDocument, { format }: Reader): AgentRow[] {
  return document.agents.map((row) => ({
    agent: cleanText(row.agent),
    requests: formatQuantity(row.requests, format),
    inputTokens: formatQuantity(row.input_tokens, format),
    outputTokens: formatQuantity(row.output_tokens, format),
    otherUnits: formatQuantity(row.other_units, format),
    amount: formatMoney(row.amount_minor, document, format),
  }));
}

/** What a line is for. Items are named by people, who name them in words of their own. */
function descriptionText(line: DocumentLine, document: InvoiceDocument, reader: Reader): string {
  const text = cleanText(line.description);
  const to = lineTextOf(reader, document);
  if (!line.kind.endsWith("one_off")) return lineDescription(text, to);
  const isOfPeriod = line.kind === "late_one_off" || document.kind === "credit_note";
  return isOfPeriod ? itemDescription(text, to) : text;
}

function detailTexts(
  line: DocumentLine,
  document: InvoiceDocument,
  reader: Reader,
): (string | null)[] {
  const detail = cleanOptional(line.detail);
  return detail === null ? [] : lineDetails(detail, lineTextOf(reader, document));
}

function tierText(
  tier: DocumentTier,
  per: string,
  document: InvoiceDocument,
  { words, format }: Reader,
): string {
  const reach = tier.up_to === null
    ? words.texts.above
    : say(words, "upTo", { quantity: formatQuantity(tier.up_to, format) });
  const flat = trimDecimal(tier.flat_amount, 0) === "0"
    ? []
    : [apart(formatPrice(tier.flat_amount, document, format), words)];
  const price = `${apart(formatPrice(tier.unit_price, document, format), words)} ${per}`.trimEnd();
  return say(words, "labelled", { label: reach, value: [price, ...flat].join(" + ") });
}

function perText(per: string | null, { words, format }: Reader): string {
  const plain = per === null ? "1" : trimDecimal(per, 0);
  if (plain === "1") return "";
  const short = /^([1-9]\d{0,2})(000000|000)$/.exec(plain);
  const units = short
    ? `${short[1]}${short[2] === "000" ? "K" : "M"}`
    : formatQuantity(plain, format);
  return say(words, "per", { units });
}

interface Days {
  readonly start: string;
  readonly end: string;
}

function sameDays(days: Days, other: Days | null): boolean {
  return days.start === other?.start && days.end === other.end;
}

/** Days without the year where that is the invoice's own. */
function shortRange(range: Days, period: Days | null, { words, format }: Reader): string {
  const last = dayBefore(range.end);
  const years = [range.start, last].map((day) => day.slice(0, 4));
  const length = years.every((year) => year === period?.start.slice(0, 4)) ? "short" : "long";
  const first = formatDay(range.start, format, length);
  if (last <= range.start) return first;
  return say(words, "range", { from: first, to: formatDay(last, format, length) });
}

import { type AgentRow, agentRows, type LineRow, lineRow } from "./view-rows.ts";
import { type TotalRow, totalRows } from "./view-totals.ts";
import { type ChartView, chartView } from "./chart.ts";
import { boundDocument } from "./bounds.ts";
import { dayBefore, formatDay, formatMoney, type LocaleFormat, localeFormat } from "./locale.ts";
import type { InvoiceDocument } from "./schema.ts";
import { cleanLines, cleanOptional, cleanText } from "./text.ts";

/**
 * A document as the text a reader sees, in the client's locale: HTML and PDF are both made of this
 * and of nothing else, so they cannot disagree. All text is clean (see `text.ts`), not yet escaped.
 */
export interface InvoiceView {
  readonly title: string;
  /** The number, or a word for a document that has none yet. */
  readonly number: string;
  readonly ribbon: Ribbon | null;
  readonly facts: readonly Fact[];
  readonly seller: PartyView;
  readonly client: PartyView;
  readonly headline: { readonly amount: string; readonly text: string };
  readonly lines: readonly LineRow[];
  readonly totals: readonly TotalRow[];
  readonly agents: readonly AgentRow[];
  readonly chart: ChartView | null;
  /** How to pay and whatever else is to be said; short ones stand beside the totals. */
  readonly remarks: readonly Remark[];
  readonly remarksBeside: boolean;
  readonly paymentUrl: string | null;
  readonly footer: string | null;
  /** All lines, where there are more than paper should hold; the PDF carries it. */
  readonly annex: Annex | null;
  readonly paper: "A4" | "Letter";
  /** `YYYY-MM-DD` for the file's own dates: of issue, or for a draft the end of its period. */
  readonly datedOn: string;
}

/** A label with what it labels, and small print where one word is not enough. */
export interface Fact {
  readonly label: string;
  readonly value: string;
  readonly detail: string | null;
}

/** A file that belongs to the document. */
export interface Annex {
  readonly name: string;
  readonly type: string;
  readonly content: string;
}

/** A titled paragraph, line by line. */
export interface Remark {
  readonly title: string;
  readonly lines: readonly string[];
}

/** A word across the page that shows the status at a glance. */
export interface Ribbon {
  readonly text: string;
  readonly tone: "neutral" | "good" | "bad";
}

/** Name, then address and identifiers line by line. */
export interface PartyView {
  readonly label: string;
  readonly name: string;
  readonly lines: readonly string[];
}

/** The view of a document; `paper` overrides the document's own. */
export function invoiceView(
  whole: InvoiceDocument,
  paper: InvoiceView["paper"] = whole.paper,
): InvoiceView {
  const { document, annex } = boundDocument(whole);
  const format = localeFormat(document.locale);
  const { seller, client } = document;
  const said = [...remarks(document), ...annexRemark(annex, whole.lines.length)];
  return {
    title: document.kind === "credit_note" ? "Credit note" : "Invoice",
    number: cleanOptional(document.number) ?? "Draft",
    ribbon: RIBBONS[document.status],
    facts: facts(document, format),
    seller: party("From", seller, [cleanOptional(seller.website)]),
    client: party("Bill to", client, [labelled("Reference", client.external_id)]),
    headline: headline(document, format),
    lines: document.lines.map((line) => lineRow(line, document, format)),
    totals: totalRows(document, format),
    agents: agentRows(document, format),
    chart: chartView(document.daily, document, format),
    remarks: said,
    remarksBeside: said.flatMap(({ lines }) => lines).reduce(addRows, 0) <= ROWS_BESIDE_TOTALS,
    paymentUrl: document.payment_url,
    footer: cleanOptional(seller.footer),
    annex: annex === null
      ? null
      : { name: `${fileStem(document)}-lines.csv`, type: "text/csv", content: annex },
    paper,
    datedOn: document.issued_on ?? document.period?.end ?? "2000-01-01",
  };
}

const RIBBONS: Readonly<Record<InvoiceDocument["status"], Ribbon | null>> = {
  draft: { text: "DRAFT", tone: "neutral" },
  open: null,
  paid: { text: "PAID", tone: "good" },
  void: { text: "VOID", tone: "bad" },
  uncollectible: { text: "UNCOLLECTIBLE", tone: "bad" },
};

function facts(document: InvoiceDocument, format: LocaleFormat): Fact[] {
  const { kind, period, references } = document;
  const day = (value: string | null) => value && formatDay(value, format);
  const isNote = kind === "credit_note";
  const zone = period && `Days in ${cleanText(period.time_zone)}`;
  const rows: [string, string | null, (string | null)?][] = [
    [isNote ? "Credit note number" : "Invoice number", cleanOptional(document.number) ?? "Draft"],
    ["Date of issue", day(document.issued_on)],
    ["Date due", isNote ? null : day(document.due_on)],
    ["For invoice", cleanOptional(references.invoice_number)],
    ["Billing period", period && rangeText(period, format), zone],
    ["Replaces", cleanOptional(references.replaces)],
  ];
  return rows.flatMap(([label, value, detail = null]) => value ? [{ label, value, detail }] : []);
}

// What fits into the space at the left of the totals, which would stay empty otherwise.
const ROWS_BESIDE_TOTALS = 7;
const CHARACTERS_BESIDE_TOTALS = 40;

function addRows(rows: number, line: string): number {
  return rows + Math.max(1, Math.ceil(line.length / CHARACTERS_BESIDE_TOTALS));
}

function remarks({ kind, seller, taxes, notes, references }: InvoiceDocument): Remark[] {
  const payment = kind === "credit_note" ? null : seller.payment_instructions;
  const taxNotes = taxes.flatMap(({ note }) => cleanOptional(note) ?? []);
  return [
    { title: "Reason", lines: cleanLines(references.reason ?? "") },
    { title: "Payment", lines: cleanLines(payment ?? "") },
    { title: "Notes", lines: [...taxNotes, ...notes.flatMap(cleanLines)] },
  ].filter(({ lines }) => lines.length > 0);
}

function annexRemark(annex: string | null, lines: number): Remark[] {
  return annex === null ? [] : [{
    title: "Annex",
    lines: [`All ${lines} lines are listed in the CSV file that is attached to the PDF.`],
  }];
}

function fileStem({ kind, number }: InvoiceDocument): string {
  return (number ?? `draft-${kind}`).replace(/[^A-Za-z0-9._-]/g, "_");
}

function headline(document: InvoiceDocument, format: LocaleFormat): InvoiceView["headline"] {
  const { totals, status, due_on, kind } = document;
  const total = formatMoney(totals.total_minor, document, format);
  const due = formatMoney(totals.amount_due_minor, document, format);
  if (kind === "credit_note") return { amount: total, text: "credited" };
  if (status === "paid") return { amount: total, text: "paid, thank you" };
  if (status === "void") return { amount: total, text: "void, nothing is due" };
  if (status === "draft") return { amount: due, text: "draft, not yet due" };
  return { amount: due, text: due_on ? `due ${formatDay(due_on, format)}` : "due" };
}

function party(
  label: string,
  from: InvoiceDocument["seller"] | InvoiceDocument["client"],
  more: readonly (string | null)[],
): PartyView {
  const lines = [
    ...from.address.flatMap(cleanLines),
    cleanOptional(from.email),
    labelled("Tax ID", from.tax_id),
    ...more,
  ];
  return { label, name: cleanText(from.name), lines: lines.filter((line) => line !== null) };
}

function labelled(label: string, value: string | null): string | null {
  const text = cleanOptional(value);
  return text && `${label}: ${text}`;
}

/** Half-open days as a reader counts them, both ends included. */
export function rangeText(range: { start: string; end: string }, format: LocaleFormat): string {
  const last = dayBefore(range.end);
  const first = formatDay(range.start, format);
  return last <= range.start ? first : `${first} – ${formatDay(last, format)}`;
}

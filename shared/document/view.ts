import { type AgentRow, agentRows, type LineRow, lineRow } from "./view-rows.ts";
import { type TotalRow, totalRows } from "./view-totals.ts";
import { type ChartView, chartView } from "./chart.ts";
import { boundDocument } from "./bounds.ts";
import { reasonText } from "../words/line-words.ts";
import { say, sayCount, type Words } from "../words/words.ts";
import { dayBefore, formatDay, formatMoney } from "./locale.ts";
import { lineTextOf, type Reader, readerOf } from "./reader.ts";
import type { InvoiceDocument } from "./schema.ts";
import { cleanLines, cleanOptional, cleanText } from "./text.ts";

/**
 * A document as the text a reader sees, in the client's locale: HTML and PDF are both made of this
 * and of nothing else, so they cannot disagree. All text is clean (see `text.ts`), not yet escaped.
 */
export interface InvoiceView {
  /** In which words, and in which direction they run. */
  readonly words: Words;
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
  const reader = readerOf(whole);
  const { words } = reader;
  const { texts } = words;
  const { document, annex } = boundDocument(whole, words);
  const { seller, client } = document;
  const said = [...remarks(document, reader), ...annexRemark(annex, whole.lines.length, words)];
  const website = cleanOptional(seller.website);
  const reference = labelled(texts.reference, client.external_id, words);
  return {
    words,
    title: document.kind === "credit_note" ? texts.creditNote : texts.invoice,
    number: cleanOptional(document.number) ?? texts.draft,
    ribbon: ribbon(document.status, words),
    facts: facts(document, reader),
    seller: party(texts.from, seller, [website], words),
    client: party(texts.billTo, client, [reference], words),
    headline: headline(document, reader),
    lines: document.lines.map((line) => lineRow(line, document, reader)),
    totals: totalRows(document, reader),
    agents: agentRows(document, reader),
    chart: chartView(document.daily, document, reader),
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

function ribbon(status: InvoiceDocument["status"], { texts }: Words): Ribbon | null {
  const ribbons: Readonly<Record<InvoiceDocument["status"], Ribbon | null>> = {
    draft: { text: texts.stampDraft, tone: "neutral" },
    open: null,
    paid: { text: texts.stampPaid, tone: "good" },
    void: { text: texts.stampVoid, tone: "bad" },
    uncollectible: { text: texts.stampUncollectible, tone: "bad" },
  };
  return ribbons[status];
}

function facts(document: InvoiceDocument, reader: Reader): Fact[] {
  const { words, format } = reader;
  const { texts } = words;
  const { kind, period, references } = document;
  const day = (value: string | null) => value && formatDay(value, format);
  const isNote = kind === "credit_note";
  const zone = period && say(words, "daysIn", { zone: cleanText(period.time_zone) });
  const number = isNote ? texts.creditNoteNumber : texts.invoiceNumber;
  const rows: [string, string | null, (string | null)?][] = [
    [number, cleanOptional(document.number) ?? texts.draft],
    [texts.dateOfIssue, day(document.issued_on)],
    [texts.dateDue, isNote ? null : day(document.due_on)],
    [texts.forInvoice, cleanOptional(references.invoice_number)],
    [texts.billingPeriod, period && rangeText(period, reader), zone],
    [texts.replaces, cleanOptional(references.replaces)],
  ];
  return rows.flatMap(([label, value, detail = null]) => value ? [{ label, value, detail }] : []);
}

// What fits into the space at the left of the totals, which would stay empty otherwise.
const ROWS_BESIDE_TOTALS = 7;
const CHARACTERS_BESIDE_TOTALS = 40;

function addRows(rows: number, line: string): number {
  return rows + Math.max(1, Math.ceil(line.length / CHARACTERS_BESIDE_TOTALS));
}

function remarks(document: InvoiceDocument, reader: Reader): Remark[] {
  const { kind, seller, taxes, notes, references } = document;
  const { texts } = reader.words;
  const payment = kind === "credit_note" ? null : seller.payment_instructions;
  const reason = reasonText(references.reason ?? "", lineTextOf(reader, document));
  const taxNotes = taxes.flatMap(({ note }) => cleanOptional(note) ?? []);
  return [
    { title: texts.reason, lines: cleanLines(reason) },
    { title: texts.payment, lines: cleanLines(payment ?? "") },
    { title: texts.notes, lines: [...taxNotes, ...notes.flatMap(cleanLines)] },
  ].filter(({ lines }) => lines.length > 0);
}

function annexRemark(annex: string | null, lines: number, words: Words): Remark[] {
  return annex === null ? [] : [{
    title: words.texts.annex,
    lines: [sayCount(words, "allLinesListed", lines)],
  }];
}

function fileStem({ kind, number }: InvoiceDocument): string {
  return (number ?? `draft-${kind}`).replace(/[^A-Za-z0-9._-]/g, "_");
}

function headline(document: InvoiceDocument, { words, format }: Reader): InvoiceView["headline"] {
  const { texts } = words;
  const { totals, status, due_on, kind } = document;
  const total = formatMoney(totals.total_minor, document, format);
  const due = formatMoney(totals.amount_due_minor, document, format);
  if (kind === "credit_note") return { amount: total, text: texts.saysCredited };
  if (status === "paid") return { amount: total, text: texts.saysPaid };
  if (status === "void") return { amount: total, text: texts.saysVoid };
  if (status === "draft") return { amount: due, text: texts.saysDraft };
  const text = due_on ? say(words, "saysDueOn", { day: formatDay(due_on, format) }) : texts.saysDue;
  return { amount: due, text };
}

function party(
  label: string,
  from: InvoiceDocument["seller"] | InvoiceDocument["client"],
  more: readonly (string | null)[],
  words: Words,
): PartyView {
  const lines = [
    ...from.address.flatMap(cleanLines),
    cleanOptional(from.email),
    labelled(words.texts.taxId, from.tax_id, words),
    ...more,
  ];
  return { label, name: cleanText(from.name), lines: lines.filter((line) => line !== null) };
}

function labelled(label: string, value: string | null, words: Words): string | null {
  const text = cleanOptional(value);
  return text && say(words, "labelled", { label, value: text });
}

/** Half-open days as a reader counts them, both ends included. */
export function rangeText(
  range: { readonly start: string; readonly end: string },
  { words, format }: Reader,
): string {
  const last = dayBefore(range.end);
  const first = formatDay(range.start, format);
  return last <= range.start
    ? first
    : say(words, "range", { from: first, to: formatDay(last, format) });
}

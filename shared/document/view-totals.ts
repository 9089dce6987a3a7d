import { groupDecimal, trimDecimal } from "../money.ts";
import { lineDescription } from "../words/line-words.ts";
import { say } from "../words/words.ts";
import { formatMoney } from "./locale.ts";
import { lineTextOf, type Reader } from "./reader.ts";
import type { DocumentCredit, DocumentTax, InvoiceDocument } from "./schema.ts";
import { cleanText } from "./text.ts";

/** One row under the lines; the strong ones are the sums a reader looks for. */
export interface TotalRow {
  readonly label: string;
  readonly value: string;
  readonly strong: boolean;
}

/** Subtotal, discounts, taxes, total, credit and balance applied, amount due: in the order they are reckoned. */
export function totalRows(document: InvoiceDocument, reader: Reader): TotalRow[] {
  const { totals, discounts, taxes } = document;
  const { words, format } = reader;
  const { texts } = words;
  const row = (label: string, minor: number, strong = false): TotalRow => ({
    label,
    value: formatMoney(minor, document, format),
    strong,
  });
  const total = row(texts.total, totals.total_minor, true);
  return [
    row(texts.subtotal, totals.subtotal_minor),
    ...discounts.map((discount) =>
      row(withRest(discount, document, reader), discount.amount_minor)
    ),
    ...taxes.filter(({ behavior }) => behavior !== "inclusive").map((tax) =>
      row(taxLabel(tax, document, reader), tax.amount_minor)
    ),
    total,
    ...taxes.filter(({ behavior }) => behavior === "inclusive").map((tax) =>
      row(taxLabel(tax, document, reader), tax.amount_minor)
    ),
    ...appliedRows(document, reader, row),
    ...dueRows(document, reader, row),
  ];
}

/**
 * What each grant of credit has paid, with what was left of it, then what the balance has; or, of a
 * credit note, what comes back to each. Tax of purchases is said beside it, and what tax is left.
 */
function appliedRows(
  document: InvoiceDocument,
  reader: Reader,
  row: (label: string, minor: number) => TotalRow,
): TotalRow[] {
  const { words } = reader;
  const { credits = [], totals } = document;
  const granted = credits.reduce((sum, { amount_minor }) => sum + amount_minor, 0);
  const isNote = document.kind === "credit_note";
  const rest = isNote ? 0 : totals.balance_applied_minor - granted;
  return [
    ...credits.flatMap((credit) => [
      row(withRest(credit, document, reader), isNote ? credit.amount_minor : -credit.amount_minor),
      ...advanceRows(credit, reader, row),
    ]),
    ...(rest === 0 ? [] : [row(words.texts.balanceApplied, -rest)]),
    ...taxLeftRow(document, reader, row),
  ];
}

/** The tax in credit that was bought, by its name, its rate and the invoice of the purchase. */
function advanceRows(
  { advance }: DocumentCredit,
  { words, format }: Reader,
  row: (label: string, minor: number) => TotalRow,
): TotalRow[] {
  if (advance === undefined) return [];
  return advance.taxes.map(({ name, rate_percent, amount_minor }) =>
    row(
      say(words, "taxInAdvance", {
        tax: cleanText(name),
        rate: rateText(rate_percent, format),
        number: cleanText(advance.invoice_number),
      }),
      amount_minor,
    )
  );
}

/** The tax that is left where some of it was due with the purchase of credit. */
function taxLeftRow(
  { credits = [], taxes }: InvoiceDocument,
  { words }: Reader,
  row: (label: string, minor: number) => TotalRow,
): TotalRow[] {
  if (credits.every(({ advance }) => advance === undefined)) return [];
  const tax = taxes.reduce((sum, { amount_minor }) => sum + amount_minor, 0);
  const deducted = credits.reduce((sum, { advance }) => sum + (advance?.tax_minor ?? 0), 0);
  return [row(words.texts.taxLeft, tax - deducted)];
}

interface Deduction {
  readonly description: string;
  readonly left_minor?: number | undefined;
  readonly expired_minor?: number | undefined;
}

/** A grant of credit with what was left of it, or had expired. */
function withRest(
  { description, left_minor, expired_minor }: Deduction,
  document: InvoiceDocument,
  reader: Reader,
): string {
  const credit = writtenText(description, document, reader);
  if (left_minor === undefined) return credit;
  return say(reader.words, expired_minor === undefined ? "creditLeft" : "creditExpired", {
    credit,
    amount: formatMoney(expired_minor ?? left_minor, document, reader.format),
  });
}

/** What is still to be paid. A paid invoice was frozen while it was open: the payment is shown. */
function dueRows(
  { kind, status, totals }: InvoiceDocument,
  { words: { texts } }: Reader,
  row: (label: string, minor: number, strong?: boolean) => TotalRow,
): TotalRow[] {
  if (kind === "credit_note" || status === "void") return [];
  if (status !== "paid") return [row(texts.amountDue, totals.amount_due_minor, true)];
  return totals.amount_due_minor === 0
    ? [row(texts.amountDue, 0, true)]
    : [row(texts.paid, -totals.amount_due_minor), row(texts.amountDue, 0, true)];
}

/** A text of the system in the reader's words. */
function writtenText(text: string, document: InvoiceDocument, reader: Reader): string {
  return lineDescription(cleanText(text), lineTextOf(reader, document));
}

function taxLabel(
  tax: DocumentTax,
  document: InvoiceDocument,
  { words, format }: Reader,
): string {
  const rate = rateText(tax.rate_percent, format);
  const amount = formatMoney(tax.base_minor, document, format);
  const values = { tax: cleanText(tax.name), rate, amount };
  if (tax.behavior === "reverse_charge") return say(words, "taxReversed", values);
  return say(words, tax.behavior === "inclusive" ? "taxIncluded" : "taxOn", values);
}

function rateText(percent: string, { numbers }: Reader["format"]): string {
  return `${groupDecimal(trimDecimal(percent, 0), numbers)}%`;
}

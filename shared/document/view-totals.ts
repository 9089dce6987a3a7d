import { groupDecimal, trimDecimal } from "../money.ts";
import { lineDescription } from "../words/line-words.ts";
import { say } from "../words/words.ts";
import { formatMoney } from "./locale.ts";
import { lineTextOf, type Reader } from "./reader.ts";
import type { DocumentTax, InvoiceDocument } from "./schema.ts";
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

/** What each grant of credit has paid, with what was left of it, then what the balance has. */
function appliedRows(
  document: InvoiceDocument,
  reader: Reader,
  row: (label: string, minor: number) => TotalRow,
): TotalRow[] {
  const { words } = reader;
  const { credits = [], totals } = document;
  const granted = credits.reduce((sum, { amount_minor }) => sum + amount_minor, 0);
  const rest = totals.balance_applied_minor - granted;
  return [
    ...credits.map((credit) => row(withRest(credit, document, reader), -credit.amount_minor)),
    ...(rest === 0 ? [] : [row(words.texts.balanceApplied, -rest)]),
  ];
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
  const rate = `${groupDecimal(trimDecimal(tax.rate_percent, 0), format.numbers)}%`;
  const amount = formatMoney(tax.base_minor, document, format);
  const values = { tax: cleanText(tax.name), rate, amount };
  if (tax.behavior === "reverse_charge") return say(words, "taxReversed", values);
  return say(words, tax.behavior === "inclusive" ? "taxIncluded" : "taxOn", values);
}

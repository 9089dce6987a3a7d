import { groupDecimal, trimDecimal } from "../money.ts";
import { formatMoney, type LocaleFormat } from "./locale.ts";
import type { DocumentTax, InvoiceDocument } from "./schema.ts";
import { cleanText } from "./text.ts";

/** One row under the lines; the strong ones are the sums a reader looks for. */
export interface TotalRow {
  readonly label: string;
  readonly value: string;
  readonly strong: boolean;
}

/** Subtotal, discounts, taxes, total, credit and balance applied, amount due: in the order they are reckoned. */
export function totalRows(document: InvoiceDocument, format: LocaleFormat): TotalRow[] {
  const { totals, discounts, taxes } = document;
  const row = (label: string, minor: number, strong = false): TotalRow => ({
    label,
    value: formatMoney(minor, document, format),
    strong,
  });
  const total = row("Total", totals.total_minor, true);
  return [
    row("Subtotal", totals.subtotal_minor),
    ...discounts.map(({ description, amount_minor, left_minor }) =>
      row(withRest(description, left_minor, document, format), amount_minor)
    ),
    ...taxes.filter(({ behavior }) => behavior !== "inclusive").map((tax) =>
      row(taxLabel(tax, document, format), tax.amount_minor)
    ),
    total,
    ...taxes.filter(({ behavior }) => behavior === "inclusive").map((tax) =>
      row(taxLabel(tax, document, format), tax.amount_minor)
    ),
    ...appliedRows(document, format, row),
    ...dueRows(document, row),
  ];
}

/** What each grant of credit has paid, with what was left of it, then what the balance has. */
function appliedRows(
  document: InvoiceDocument,
  format: LocaleFormat,
  row: (label: string, minor: number) => TotalRow,
): TotalRow[] {
  const { credits = [], totals } = document;
  const granted = credits.reduce((sum, { amount_minor }) => sum + amount_minor, 0);
  const rest = totals.balance_applied_minor - granted;
  return [
    ...credits.map(({ description, amount_minor, left_minor }) =>
      row(withRest(description, left_minor, document, format), -amount_minor)
    ),
    ...(rest === 0 ? [] : [row("Balance applied", -rest)]),
  ];
}

/** A grant of credit with what was left of it. */
function withRest(
  description: string,
  left: number | undefined,
  document: InvoiceDocument,
  format: LocaleFormat,
): string {
  const name = cleanText(description);
  return left === undefined ? name : `${name} (${formatMoney(left, document, format)} left)`;
}

/** What is still to be paid. A paid invoice was frozen while it was open: the payment is shown. */
function dueRows(
  { kind, status, totals }: InvoiceDocument,
  row: (label: string, minor: number, strong?: boolean) => TotalRow,
): TotalRow[] {
  if (kind === "credit_note" || status === "void") return [];
  if (status !== "paid") return [row("Amount due", totals.amount_due_minor, true)];
  return totals.amount_due_minor === 0
    ? [row("Amount due", 0, true)]
    : [row("Paid", -totals.amount_due_minor), row("Amount due", 0, true)];
}

function taxLabel(tax: DocumentTax, document: InvoiceDocument, format: LocaleFormat): string {
  const rate = `${groupDecimal(trimDecimal(tax.rate_percent, 0), format.numbers)}%`;
  const base = formatMoney(tax.base_minor, document, format);
  const name = cleanText(tax.name);
  if (tax.behavior === "reverse_charge") return `${name} reverse charge on ${base}`;
  return tax.behavior === "inclusive"
    ? `Includes ${name} ${rate} on ${base}`
    : `${name} ${rate} on ${base}`;
}

import { getInvoice, type InvoiceLine, listInvoiceLines } from "../shared/api/invoices.ts";
import type { BillingClient } from "../shared/client/billing-client.ts";
import type { z } from "zod";
import type { Terminal } from "./command-line.ts";
import { allPages, dataOf } from "./connection.ts";
import { money } from "./money.ts";
import { show } from "./show.ts";

/** What tables of invoices show. */
export const INVOICE = [
  "number",
  "client",
  "period_start",
  "status",
  "total",
  "due",
  "due_on",
  "id",
];

/** An invoice with what it comes to as money. */
export function withTotals<
  Invoice extends { currency: string; total_minor: number; amount_due_minor: number },
>(invoice: Invoice) {
  const { currency, total_minor, amount_due_minor } = invoice;
  return {
    ...invoice,
    total: money(total_minor, currency),
    due: money(amount_due_minor, currency),
  };
}

/**
 * Shows an invoice with all of its lines, page by page as they come: an invoice of many lines is
 * never held whole, but as JSON, which is one text.
 */
export async function showInvoice(
  { billing, terminal }: { readonly billing: BillingClient; readonly terminal: Terminal },
  id: string,
  json: boolean | undefined,
): Promise<void> {
  const invoice = await dataOf(billing(getInvoice, { params: { invoice_id: id } }));
  const page = (cursor: string | undefined) =>
    dataOf(billing(listInvoiceLines, {
      params: { invoice_id: invoice.id },
      query: { cursor, limit: 200 },
    }));
  if (json) return show(terminal, json, { ...invoice, lines: await allPages(page) }, []);
  show(terminal, false, withTotals(invoice), INVOICE);
  let cursor: string | undefined;
  do {
    const { data, next_cursor } = await page(cursor);
    show(terminal, false, data.map((line) => withAmount(line, invoice.currency)), LINE);
    cursor = next_cursor ?? undefined;
  } while (cursor !== undefined);
}

const LINE = ["description", "detail", "quantity", "amount"];

function withAmount(line: z.infer<typeof InvoiceLine>, currency: string) {
  return { ...line, amount: money(line.amount_minor, currency) };
}

import { groupDecimal, minorToDecimal } from "../../shared/money.ts";
import type { Difference } from "../rater/compare.ts";
import type { MonthInvoice, MonthOutcome } from "../test/support/june/month.ts";
import { shorten, tableLines } from "../../cli/terminal/table.ts";

const NAME_WIDTH = 36;

/** What the demo prints in the end: the invoices, and what is not on one. */
export function monthReport(month: MonthOutcome): string {
  const amount = (invoice: MonthInvoice, minor: number) =>
    minor === 0 ? "–" : groupDecimal(minorToDecimal(minor, invoice.exponent), {
      decimal: ".",
      group: ",",
      grouping: "western",
    });
  const invoices = tableLines(
    [
      { title: "Number", align: "left" },
      { title: "Client", align: "left" },
      { title: "", align: "left" },
      { title: "Subtotal", align: "right" },
      { title: "Discount", align: "right" },
      { title: "Tax", align: "right" },
      { title: "Total", align: "right" },
      { title: "Now", align: "left" },
    ],
    month.invoices.map((invoice) => [
      invoice.number,
      shorten(invoice.client, NAME_WIDTH),
      invoice.currency,
      amount(invoice, invoice.subtotal_minor),
      amount(invoice, -invoice.discount_minor),
      amount(invoice, invoice.tax_minor),
      amount(invoice, invoice.total_minor),
      invoice.status,
    ]),
  );
  const quarantined = month.quarantined.map(({ reason, rows }) => `${rows} ${reason}`).join(", ");
  return [
    ...invoices,
    "",
    `Skipped      ${month.skipped.join(", ") || "nobody"}`,
    ...month.blocked.map(({ client, reason }) => `Blocked      ${client}: ${reason}`),
    `Quarantine   ${quarantined === "" ? "empty" : `${quarantined} (log rows)`}`,
    `Usage        ${month.discrepancies} differences between logs and records`,
  ].join("\n");
}

/** Where the database and the independent computation differ. */
export function differenceReport(differences: readonly Difference[]): string {
  return tableLines(
    [
      { title: "Client", align: "left" },
      { title: "What", align: "left" },
      { title: "Database", align: "right" },
      { title: "Independent", align: "right" },
    ],
    differences.map(({ client, what, database, independent }) => [
      shorten(client, NAME_WIDTH),
      what,
      database,
      independent,
    ]),
  ).join("\n");
}

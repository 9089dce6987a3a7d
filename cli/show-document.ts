import { z } from "zod";
import type { Terminal } from "./command-line.ts";
import { money } from "./money.ts";
import { tableLines } from "./terminal/table.ts";

/** What is shown of an invoice's document. */
const Shown = z.object({
  currency: z.string(),
  lines: z.array(z.object({
    description: z.string(),
    detail: z.string().nullable(),
    quantity: z.string().nullable(),
    amount_minor: z.int(),
  })),
  discounts: z.array(z.object({ description: z.string(), amount_minor: z.int() })),
  taxes: z.array(z.object({ name: z.string(), amount_minor: z.int() })),
  totals: z.object({ total_minor: z.int() }),
});

/** Prints a document's lines, with the models that they are for, down to the total. */
export function showDocument(terminal: Terminal, document: unknown): void {
  const { lines, discounts, taxes, totals, currency } = Shown.parse(document);
  const amount = (minor: number) => money(minor, currency);
  terminal.out(
    tableLines([
      { title: "Description", align: "left" },
      { title: "Detail", align: "left" },
      { title: "Quantity", align: "right" },
      { title: "Amount", align: "right" },
    ], [
      ...lines.map(({ description, detail, quantity, amount_minor }) => [
        description,
        detail ?? "",
        quantity ?? "",
        amount(amount_minor),
      ]),
      ...discounts.map(({ description, amount_minor }) => [
        description,
        "",
        "",
        amount(amount_minor),
      ]),
      ...taxes.map(({ name, amount_minor }) => [name, "", "", amount(amount_minor)]),
      ["Total", "", "", amount(totals.total_minor)],
    ]).join("\n"),
  );
}

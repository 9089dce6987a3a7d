import { z } from "zod";
import type { Generated } from "../../../shared/api/invoices.ts";
import { period } from "../format/days.ts";
import { money } from "../format/figures.ts";

const Totals = z.object({
  currency: z.string(),
  period: z.object({ start: z.string(), end: z.string() }).nullable(),
  lines: z.array(z.unknown()),
  totals: z.object({ total_minor: z.int(), amount_due_minor: z.int() }),
});

/** What an invoice would come to that is not written yet. */
export function PreviewedTotal({ generated }: { readonly generated: z.infer<typeof Generated> }) {
  const document = Totals.safeParse(generated.document).data;
  if (document === undefined) return <p>There is nothing to bill: no invoice would be made.</p>;
  const { lines, totals, currency } = document;
  return (
    <p>
      The invoice {document.period === null
        ? ""
        : `for ${period(document.period.start, document.period.end)} `}would have {lines.length}
      {" "}
      {lines.length === 1 ? "line" : "lines"} and a total of{" "}
      <strong>{money(totals.total_minor, currency)}</strong>; to pay{" "}
      {money(totals.amount_due_minor, currency)}.
    </p>
  );
}

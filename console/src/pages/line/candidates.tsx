import type { z } from "zod";
import type { InvoiceDetail, InvoiceLine } from "../../../../shared/api/invoices.ts";
import { explainPrice, type PriceCandidate } from "../../../../shared/api/terms.ts";
import { useConsole } from "../../api/context.ts";
import { useAnswer } from "../../api/use-answer.ts";
import { day } from "../../format/days.ts";
import { amount, quantity } from "../../format/figures.ts";
import { Card } from "../../parts/card.tsx";
import { Cut } from "../../parts/cut.tsx";
import { Loaded } from "../../parts/loaded.tsx";
import { type Column, Table } from "../../parts/table.tsx";

/** The price that was chosen for a line on its first day, and the ones that it beat. */
export function Candidates({ invoice, line }: {
  readonly invoice: z.infer<typeof InvoiceDetail>;
  readonly line: z.infer<typeof InvoiceLine>;
}) {
  const { api } = useConsole();
  const { model, metric, service_start } = line;
  const question = {
    client_id: invoice.client_id,
    model: model ?? "",
    metric: metric ?? "",
    day: service_start ?? "",
    rate_class: line.rate_class ?? "standard",
  };
  const answer = useAnswer(
    `explain ${JSON.stringify(question)}`,
    () => api.billing(explainPrice, { query: { ...question, limit: 200 } }),
  );
  return (
    <Card
      title="Prices considered"
      aside={service_start === null ? null : <span class="muted">on {day(service_start)}</span>}
    >
      <Loaded answer={answer}>
        {({ data, next_cursor }) => (
          <>
            <Table
              label="Prices considered"
              none="No price is in force on that day."
              rows={data}
              keyOf={({ price_id }) => price_id}
              columns={COLUMNS}
            />
            <Cut shown={data.length} isWhole={next_cursor === null} />
          </>
        )}
      </Loaded>
    </Card>
  );
}

const COLUMNS: readonly Column<z.infer<typeof PriceCandidate>>[] = [
  { title: "Rank", cell: ({ rank }) => rank },
  {
    title: "Chosen",
    cell: ({ chosen }) => chosen ? <span class="status tone-good">chosen</span> : null,
  },
  { title: "Why", cell: ({ why }) => why },
  {
    title: "Price",
    cell: (price) =>
      price.unit_amount === null ? price.pricing_model : (
        <>
          {amount(price.unit_amount, price.currency)}
          {price.per_units === "1"
            ? null
            : <div class="muted">per {quantity(price.per_units)}</div>}
          {price.multiplier === "1"
            ? null
            : <div class="muted">× {quantity(price.multiplier)}</div>}
        </>
      ),
    isFigure: true,
  },
  {
    title: "By",
    cell: ({ pricing_model }) => pricing_model.replaceAll("_", " "),
    isMinor: true,
  },
  {
    title: "In force",
    cell: ({ effective_from, effective_until }) =>
      [
        effective_from === null ? null : `from ${day(effective_from)}`,
        effective_until === null ? null : `until ${day(effective_until)}`,
        effective_from === null && effective_until === null ? "always" : null,
      ].filter((part) => part !== null).join(" "),
    isMinor: true,
  },
];

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
import { type Say, useWords } from "../../words/words.ts";

/** The price that was chosen for a line on its first day, and the ones that it beat. */
export function Candidates({ invoice, line }: {
  readonly invoice: z.infer<typeof InvoiceDetail>;
  readonly line: z.infer<typeof InvoiceLine>;
}) {
  const { api } = useConsole();
  const { say } = useWords();
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
      title={say("pricesConsidered")}
      aside={service_start === null
        ? null
        : <span class="muted">{say("onDay", { day: day(service_start) })}</span>}
    >
      <Loaded answer={answer}>
        {({ data, next_cursor }) => (
          <>
            <Table
              label={say("pricesConsidered")}
              none={say("noPrice")}
              rows={data}
              keyOf={({ price_id }) => price_id}
              columns={columns(say)}
            />
            <Cut shown={data.length} isWhole={next_cursor === null} />
          </>
        )}
      </Loaded>
    </Card>
  );
}

const columns = (say: Say): readonly Column<z.infer<typeof PriceCandidate>>[] => [
  { title: say("rank"), cell: ({ rank }) => rank },
  {
    title: say("chosen"),
    cell: ({ chosen }) => chosen ? <span class="status tone-good">{say("isChosen")}</span> : null,
  },
  { title: say("whyHead"), cell: ({ why }) => why },
  {
    title: say("price"),
    cell: (price) =>
      price.unit_amount === null ? price.pricing_model : (
        <>
          {amount(price.unit_amount, price.currency)}
          {price.per_units === "1"
            ? null
            : <div class="muted">{say("per", { units: quantity(price.per_units) })}</div>}
          {price.multiplier === "1"
            ? null
            : <div class="muted">× {quantity(price.multiplier)}</div>}
        </>
      ),
    isFigure: true,
  },
  {
    title: say("by"),
    cell: ({ pricing_model }) => pricing_model.replaceAll("_", " "),
    isMinor: true,
  },
  {
    title: say("inForce"),
    cell: ({ effective_from, effective_until }) =>
      [
        effective_from === null ? null : say("fromDay", { day: day(effective_from) }),
        effective_until === null ? null : say("untilDay", { day: day(effective_until) }),
        effective_from === null && effective_until === null ? say("always") : null,
      ].filter((part) => part !== null).join(" "),
    isMinor: true,
  },
];

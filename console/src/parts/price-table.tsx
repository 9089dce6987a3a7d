import type { z } from "zod";
import type { Price } from "../../../shared/api/terms.ts";
import { day } from "../format/days.ts";
import { amount, quantity } from "../format/figures.ts";
import { Table } from "./table.tsx";

/** Prices with what they hold for and when. */
export function PriceTable({ prices, none }: {
  readonly prices: readonly z.infer<typeof Price>[];
  readonly none: string;
}) {
  return (
    <Table
      label="Prices"
      none={none}
      rows={prices}
      keyOf={({ id }) => id}
      columns={[
        { title: "Metric", cell: ({ metric }) => metric.replaceAll("_", " ") },
        {
          title: "Of",
          cell: ({ model, family }) =>
            model ?? (family === null ? "any model" : `family ${family}`),
        },
        { title: "Class", cell: ({ rate_class }) => rate_class, isMinor: true },
        { title: "Price", cell: (price) => <PriceText price={price} />, isFigure: true },
        {
          title: "From",
          cell: ({ effective_from }) => effective_from === null ? "always" : day(effective_from),
          isMinor: true,
          isWhole: true,
        },
        {
          title: "Until",
          cell: ({ effective_until }) => effective_until === null ? "open" : day(effective_until),
          isMinor: true,
          isWhole: true,
        },
      ]}
    />
  );
}

function PriceText({ price }: { readonly price: z.infer<typeof Price> }) {
  const { pricing_model, unit_amount, per_units, currency, markup_percent } = price;
  if (pricing_model === "cost_plus") return <>list price + {markup_percent ?? "0"} %</>;
  if (unit_amount === null) return <>{pricing_model}</>;
  return (
    <>
      {amount(unit_amount, currency)}
      {per_units === "1" ? null : <div class="muted">per {quantity(per_units)}</div>}
    </>
  );
}

import type { z } from "zod";
import type { Margin, MonthlyUsageRow } from "../../../../shared/api/usage.ts";
import { money, quantity } from "../../format/figures.ts";
import type { Column } from "../../parts/table.tsx";
import { hrefOf, type Location } from "../../routing/location.ts";
import { daysOfMonth } from "../home/months.ts";
import { dollars } from "./dollars.ts";
import { marginPercent } from "./margin.ts";

type MarginRow = z.infer<typeof Margin>;
type SumRow = z.infer<typeof MonthlyUsageRow>;

/** The address of a client's usage in a month. */
function usageHref(client: string, month: string): string {
  const { start, end } = daysOfMonth(month, "9999-12-31");
  return hrefOf(["usage"], { client, from: start, to: end });
}

export function columnsOfMargins(month: string): readonly Column<MarginRow>[] {
  return [
    {
      title: "Client",
      cell: ({ client_id, client }) => (
        <a href={usageHref(client_id, month)}>
          <bdi>{client}</bdi>
        </a>
      ),
    },
    {
      title: "Revenue",
      cell: ({ currency, revenue_minor }) =>
        currency === null ? "–" : money(revenue_minor, currency),
      isFigure: true,
    },
    { title: "Provider cost", cell: (row) => dollars(row.provider_cost), isFigure: true },
    {
      title: "Margin",
      cell: (row) => {
        const percent = marginPercent(row);
        return percent === null
          ? "–"
          : <span class={percent < 0 ? "tone-bad" : undefined}>{percent.toFixed(1)} %</span>;
      },
      isFigure: true,
    },
  ];
}

/** Of an agent the way to its models, of a model to its agents. */
export function columnsOfUsage(
  by: "client" | "agent" | "model" | "metric",
  month: string,
  { path, query }: Location,
): readonly Column<SumRow>[] {
  const to = (change: Readonly<Record<string, string>>, text: string) => (
    <a href={hrefOf(path, { ...query, month, ...change, cursor: undefined })}>
      <bdi>{text}</bdi>
    </a>
  );
  const names: Readonly<Record<typeof by, Column<SumRow>["cell"]>> = {
    client: ({ client_id }) =>
      client_id === null ? "–" : <a href={usageHref(client_id, month)}>{client_id}</a>,
    agent: ({ agent }) => agent === null ? "–" : to({ agent, by: "model" }, agent),
    model: ({ model }) => model === null ? "–" : to({ model, by: "agent" }, model),
    metric: ({ metric }) => metric?.replaceAll("_", " "),
  };
  const titles = { client: "Client", agent: "Agent", model: "Model", metric: "Metric" };
  return [
    { title: titles[by], cell: names[by] },
    ...by === "metric"
      ? [{
        title: "Quantity",
        cell: (row: SumRow) => row.quantity === null ? "" : quantity(row.quantity),
        isFigure: true,
      }]
      : [],
    { title: "Provider cost", cell: (row) => dollars(row.provider_cost), isFigure: true },
  ];
}

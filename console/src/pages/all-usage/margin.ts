import { minorToDecimal } from "../../../../shared/money.ts";
import { exponentOf } from "../../format/figures.ts";

interface Margin {
  readonly currency: string | null;
  readonly revenue_minor: number;
  readonly provider_cost: string;
}

/** What of the revenue is left, in percent; null where it is not in the currency of the cost. */
export function marginPercent({ currency, revenue_minor, provider_cost }: Margin): number | null {
  if (currency !== "USD" || revenue_minor <= 0) return null;
  const revenue = Number(minorToDecimal(revenue_minor, exponentOf(currency)));
  return Math.round((1 - Number(provider_cost) / revenue) * 1000) / 10;
}

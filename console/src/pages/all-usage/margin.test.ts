import { strictEqual } from "node:assert/strict";
import { marginPercent } from "./margin.ts";

Deno.test("a margin is what of the revenue is left, in the cost's currency alone", () => {
  const of = (currency: string | null, revenue_minor: number, provider_cost: string) =>
    marginPercent({ currency, revenue_minor, provider_cost });
  // 2.50 of 4.00 are left.
  strictEqual(of("USD", 400, "1.5"), 62.5);
  strictEqual(of("USD", 100, "1.5"), -50);
  strictEqual(of("EUR", 400, "1.5"), null);
  strictEqual(of("USD", 0, "1.5"), null);
  strictEqual(of(null, 0, "1.5"), null);
});

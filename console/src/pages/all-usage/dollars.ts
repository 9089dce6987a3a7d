import { amount } from "../../format/figures.ts";

/** Whole cents: costs have twelve decimals, of which nobody reads more than two here. */
export function dollars(decimal: string): string {
  return amount(Number(decimal).toFixed(2), "USD");
}

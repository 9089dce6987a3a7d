import { minorToDecimal } from "../shared/money.ts";

/** `(12500, "USD")` is `125.00 USD`; decimals are those that the currency has. */
export function money(minor: number, currency: string): string {
  const { maximumFractionDigits } = new Intl.NumberFormat("en", { style: "currency", currency })
    .resolvedOptions();
  const exponent = maximumFractionDigits === 0 ? 0 : maximumFractionDigits === 3 ? 3 : 2;
  return `${minorToDecimal(minor, exponent)} ${currency}`;
}

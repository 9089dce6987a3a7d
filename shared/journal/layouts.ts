import { datev } from "./datev.ts";
import type { Layout } from "./movement.ts";
import { quickbooks } from "./quickbooks.ts";
import { xero } from "./xero.ts";

/** Layouts of the journal, by the programs that import them. */
export const LAYOUTS: Readonly<Record<"datev" | "quickbooks" | "xero", Layout>> = {
  datev,
  quickbooks,
  xero,
};

import { z } from "zod";
import type { LAYOUTS } from "../journal/layouts.ts";
import { Currency, Month, nothing } from "./fields.ts";
import { type Route, STAFF } from "./route.ts";

export const exportJournal = {
  id: "exportJournal",
  method: "GET",
  path: "/billing/journal",
  summary: "The journal of the ledger for a month (UTC), as CSV: account, debit, credit, tax",
  params: nothing,
  query: z.strictObject({ month: Month }),
  body: nothing,
  access: STAFF,
  status: 200,
  media: "text/csv",
  answer: z.string(),
} as const satisfies Route;

const Layout = z.enum(["datev", "quickbooks", "xero"]) satisfies z.ZodType<keyof typeof LAYOUTS>;

export const exportJournalLayout = {
  ...exportJournal,
  id: "exportJournalLayout",
  path: "/billing/journal/{layout}",
  summary: "The journal of a month in one currency, as DATEV, QuickBooks Online or Xero imports it",
  params: z.strictObject({ layout: Layout }),
  query: z.strictObject({ month: Month, currency: Currency }),
} as const satisfies Route;

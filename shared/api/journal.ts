import { z } from "zod";
import { Month, nothing } from "./fields.ts";
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

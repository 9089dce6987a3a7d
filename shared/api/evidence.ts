import { z } from "zod";
import { logRow, worldSchema } from "../rater/world.ts";
import { InvoiceName, nothing } from "./fields.ts";
import { READERS, type Route } from "./route.ts";

/** All but the logs that decides an invoice: what the rater reads, of one client and period. */
export const Facts = z.strictObject({
  world: worldSchema.omit({ logs: true }),
  period: z.strictObject({ start: z.string(), end: z.string(), anchor: z.int() }),
  /** Exact amounts of one-off items, major units. */
  items: z.array(z.string().regex(/^-?\d+(\.\d+)?$/)),
  meters: z.array(z.strictObject({
    client_id: z.string(),
    metric: z.string(),
    rate_class: z.string(),
    model: z.string().nullable(),
    effective_from: z.string(),
    effective_until: z.string(),
  })),
  /** Promotional credit that the invoice's own period used, by the charges it was used for. */
  promotional: z.array(z.strictObject({
    amount_minor: z.string().regex(/^\d+$/),
    metric: z.string().nullable(),
    model: z.string().nullable(),
    agent: z.string().nullable(),
  })),
});

export const invoiceEvidence = {
  id: "invoiceEvidence",
  method: "GET",
  path: "/billing/invoices/{invoice_id}/evidence",
  summary: "Raw rows that decide the invoice of a period, to compute it again; logs page by page",
  access: READERS,
  params: z.strictObject({ invoice_id: InvoiceName }),
  query: z.strictObject({
    limit: z.coerce.number().int().min(1).max(1000).default(1000),
    cursor: z.string().max(6000).optional(),
  }),
  body: nothing,
  answer: z.strictObject({
    /** With the first page alone. Null for an invoice that is not of a period, or a draft. */
    facts: Facts.nullable(),
    logs: z.array(logRow),
    next_cursor: z.string().nullable(),
  }),
  status: 200,
} as const satisfies Route;

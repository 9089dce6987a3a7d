import { z } from "zod";
import { invoiceEvidence } from "./evidence.ts";
import { InvoiceName, nothing, ShownInstant } from "./fields.ts";
import { InvoiceDetail, SignedPdf } from "./invoices.ts";
import { type Route, STAFF } from "./route.ts";

const Token = z.string().regex(/^[0-9a-f]{64}$/, "no token of a link");
const params = z.strictObject({ invoice_id: InvoiceName });
const EVERYBODY = ["anon", "operator", "member", "service", "cron", "agent"] as const;

export const createInvoiceLink = {
  id: "createInvoiceLink",
  method: "POST",
  path: "/billing/invoices/{invoice_id}/links",
  summary: "Link that opens the invoice without signing in; its token is told once",
  access: STAFF,
  opensByItself: true,
  params,
  query: nothing,
  body: z.strictObject({ days: z.int().min(1).max(366).default(30) }),
  answer: z.strictObject({ token: Token, expires_at: ShownInstant }),
  status: 201,
} as const satisfies Route;

export const endInvoiceLinks = {
  id: "endInvoiceLinks",
  method: "DELETE",
  path: "/billing/invoices/{invoice_id}/links",
  summary: "End all links of the invoice at once",
  access: STAFF,
  params,
  query: nothing,
  body: nothing,
  answer: z.strictObject({ ended: z.int() }),
  status: 200,
} as const satisfies Route;

/** The token stands in the body: addresses are written to logs. */
export const openInvoiceLink = {
  id: "openInvoiceLink",
  method: "POST",
  path: "/billing/invoice-links/open",
  summary: "The invoice of a link, for everybody who has it",
  access: EVERYBODY,
  readsOnly: true,
  opensByItself: true,
  params: nothing,
  query: nothing,
  body: z.strictObject({ token: Token }),
  answer: z.strictObject({
    invoice: InvoiceDetail,
    /** Null while the PDF is not archived yet. */
    pdf: SignedPdf.nullable(),
    /** Where it is paid, where that is known. */
    pay_url: z.url().nullable(),
  }),
  status: 200,
} as const satisfies Route;

export const linkEvidence = {
  id: "linkEvidence",
  method: "POST",
  path: "/billing/invoice-links/evidence",
  summary: "Raw rows that decide the invoice of a link, to compute it again",
  access: EVERYBODY,
  readsOnly: true,
  opensByItself: true,
  params: nothing,
  query: nothing,
  body: z.strictObject({ token: Token, cursor: z.string().max(6000).optional() }),
  answer: invoiceEvidence.answer,
  status: 200,
} as const satisfies Route;

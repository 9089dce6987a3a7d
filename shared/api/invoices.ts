import { z } from "zod";
import {
  ClientName,
  Currency,
  Day,
  ExactDecimal,
  Id,
  Instant,
  InvoiceName,
  listOf,
  Minor,
  Month,
  name,
  nothing,
  pageOf,
  paging,
  reason,
  ShownInstant,
  words,
} from "./fields.ts";
import { READERS, type Route, STAFF } from "./route.ts";

const Status = z.enum(["draft", "open", "paid", "void", "uncollectible"]);

/** An invoice without its lines; amounts are minor units of `currency`. */
export const Invoice = z.strictObject({
  id: Id,
  client_id: Id,
  client: z.string(),
  kind: z.enum(["period", "late", "one_off", "top_up"]),
  number: z.string().nullable(),
  status: Status,
  period_start: z.string().nullable(),
  period_end: z.string().nullable(),
  currency: Currency,
  subtotal_minor: Minor,
  discount_minor: Minor,
  tax_minor: Minor,
  total_minor: Minor,
  balance_applied_minor: Minor,
  credited_minor: Minor,
  paid_minor: Minor,
  amount_due_minor: Minor,
  issued_on: z.string().nullable(),
  due_on: z.string().nullable(),
  replaces_id: Id.nullable(),
  created_at: ShownInstant,
  finalized_at: ShownInstant.nullable(),
});

/** A line: usage, minimum, one-off, discount or tax. `precise_amount` is before rounding. */
export const InvoiceLine = z.strictObject({
  position: z.int(),
  kind: z.string(),
  description: z.string(),
  detail: z.string().nullable(),
  model: z.string().nullable(),
  metric: z.string().nullable(),
  rate_class: z.string().nullable(),
  agent: z.string().nullable(),
  service_start: z.string().nullable(),
  service_end: z.string().nullable(),
  quantity: ExactDecimal.nullable(),
  unit_amount: ExactDecimal.nullable(),
  per_units: ExactDecimal.nullable(),
  precise_amount: ExactDecimal,
  amount_minor: Minor,
  is_late: z.boolean(),
});

/** A credit note on an invoice. */
export const CreditNote = z.strictObject({
  number: z.string(),
  reason: z.string(),
  total_minor: Minor,
  issued_at: ShownInstant,
  voided_at: ShownInstant.nullable(),
});

/** Lines of an invoice that are shown with it; `listInvoiceLines` has them all. */
export const SHOWN_LINES = 200;

/** An invoice with its first lines, credit notes, payments, and where its PDF is (same credentials). */
export const InvoiceDetail = Invoice.extend({
  lines: z.array(InvoiceLine).max(SHOWN_LINES),
  lines_count: z.int(),
  credit_notes: z.array(CreditNote),
  payments: z.array(z.strictObject({
    amount_minor: Minor,
    paid_at: ShownInstant,
    method: z.string(),
    reference: z.string().nullable(),
  })),
  links: z.strictObject({ self: z.string(), pdf: z.string(), html: z.string() }),
});

/** A link to the archived PDF that opens without credentials until `expires_at`. */
export const SignedPdf = z.strictObject({
  url: z.url(),
  expires_at: ShownInstant,
  /** SHA-256 of the file, in hex, as it was when archived. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  filename: z.string(),
});

/** `outcome`: created, existing (the period has its invoice already), skipped (zero), preview. */
export const Generated = z.strictObject({
  outcome: z.enum(["created", "existing", "skipped", "preview"]),
  invoice: InvoiceDetail.nullable(),
  /** Of a dry run: the document that the invoice would have. */
  document: z.record(z.string(), z.json()).nullable(),
});

const InvoicePath = z.strictObject({ invoice_id: InvoiceName });
const base = {
  params: InvoicePath,
  query: nothing,
  body: nothing,
  access: STAFF,
  status: 200,
} as const;
const act = { ...base, method: "POST", answer: InvoiceDetail } as const;

export const listInvoices = {
  ...base,
  id: "listInvoices",
  method: "GET",
  path: "/billing/invoices",
  summary: "Invoices, newest first; members see issued ones of their clients",
  access: READERS,
  params: nothing,
  query: z.strictObject({
    ...paging,
    client_id: ClientName.optional(),
    status: Status.optional(),
    period: Month.optional(),
    number: words(60).optional(),
  }),
  answer: pageOf(Invoice),
} as const satisfies Route;

export const openSums = {
  ...base,
  id: "openSums",
  method: "GET",
  path: "/billing/open-sums",
  summary: "What open invoices come to by currency, and how much of it is overdue",
  access: READERS,
  params: nothing,
  answer: listOf(z.strictObject({
    currency: Currency,
    invoices: z.int(),
    due_minor: Minor,
    overdue_minor: Minor,
  })),
} as const satisfies Route;

export const generateInvoice = {
  ...base,
  id: "generateInvoice",
  method: "POST",
  path: "/billing/invoices/generate",
  summary: "Invoice a client's period that is over; once, however often it is asked",
  params: nothing,
  body: z.strictObject({
    client_id: ClientName,
    /** The month that the period begins in. */
    period: Month,
    dry_run: z.boolean().default(false),
  }),
  answer: Generated,
} as const satisfies Route;

export const previewInvoice = {
  ...base,
  id: "previewInvoice",
  readsOnly: true,
  method: "POST",
  path: "/billing/invoices/preview",
  summary: "The document that the invoice of the period with a day would have now; stores nothing",
  params: nothing,
  body: z.strictObject({ client_id: ClientName, day: Day.optional() }),
  answer: Generated,
} as const satisfies Route;

export const getInvoice = {
  ...base,
  id: "getInvoice",
  method: "GET",
  path: "/billing/invoices/{invoice_id}",
  summary: "One invoice with lines, status and links",
  access: READERS,
  answer: InvoiceDetail,
} as const satisfies Route;

export const listInvoiceLines = {
  ...base,
  id: "listInvoiceLines",
  method: "GET",
  path: "/billing/invoices/{invoice_id}/lines",
  summary: "All lines of an invoice in their order, or the one of a position",
  access: READERS,
  query: z.strictObject({
    ...paging,
    position: z.coerce.number().int().min(1).max(1_000_000_000).optional(),
  }),
  answer: pageOf(InvoiceLine),
} as const satisfies Route;

export const signInvoicePdf = {
  ...base,
  id: "signInvoicePdf",
  method: "GET",
  path: "/billing/invoices/{invoice_id}/pdf",
  summary: "Link to the archived PDF, good for five minutes without credentials",
  access: READERS,
  answer: SignedPdf,
} as const satisfies Route;

export const finalizeInvoice = {
  ...act,
  id: "finalizeInvoice",
  path: "/billing/invoices/{invoice_id}/finalize",
  summary: "Number and freeze a draft",
} as const satisfies Route;

export const releaseInvoice = {
  ...act,
  id: "releaseInvoice",
  path: "/billing/invoices/{invoice_id}/release",
  summary: "Let a held draft be issued, up to its total or a larger one (minor units)",
  body: z.strictObject({
    reason: reason(500),
    up_to_minor: z.int().min(1).max(9e14).optional(),
  }),
} as const satisfies Route;

export const voidInvoice = {
  ...act,
  id: "voidInvoice",
  path: "/billing/invoices/{invoice_id}/void",
  summary: "Void an unpaid invoice; it keeps its number",
  body: z.strictObject({ reason: reason(500) }),
} as const satisfies Route;

export const regenerateInvoice = {
  ...act,
  id: "regenerateInvoice",
  path: "/billing/invoices/{invoice_id}/regenerate",
  summary: "Draft that replaces a voided invoice, rated anew",
  answer: Generated,
} as const satisfies Route;

export const creditInvoice = {
  ...act,
  id: "creditInvoice",
  path: "/billing/invoices/{invoice_id}/credit",
  summary: "Credit note for an amount (minor units) or all that is left",
  body: z.strictObject({
    reason: reason(500),
    amount_minor: z.int().min(1).max(9e14).optional(),
    to_refund: z.boolean().default(false),
  }),
  answer: CreditNote,
  status: 201,
} as const satisfies Route;

export const recordPayment = {
  ...act,
  id: "recordPayment",
  path: "/billing/invoices/{invoice_id}/payments",
  summary: "Record money received; the same reference counts once",
  body: z.strictObject({
    amount_minor: z.int().min(1).max(9e14),
    paid_at: Instant.optional(),
    method: name(50).default("manual"),
    reference: name(200),
  }),
} as const satisfies Route;

export const writeOffInvoice = {
  ...act,
  id: "writeOffInvoice",
  path: "/billing/invoices/{invoice_id}/uncollectible",
  summary: "Write an open invoice off; it may still be paid",
} as const satisfies Route;

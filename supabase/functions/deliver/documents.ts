import type { Sql } from "postgres";
import { z } from "zod";
import { InvoiceDocument } from "../../../shared/document/schema.ts";
import { invoiceView } from "../../../shared/document/view.ts";
import { renderPdf } from "../_shared/pdf/render.ts";
import type { DeliveryJob } from "./types.ts";

/** What a delivery is about: the invoice, or a credit note of it. */
export interface DeliveredDocument {
  /** As issued; its status is that of the day it was issued. */
  readonly document: InvoiceDocument;
  readonly number: string;
  readonly clientId: string;
  /** Of the invoice, now. */
  readonly status: InvoiceDocument["status"];
  readonly amountDueMinor: number;
  /** Where the client's mail goes now; null when the address has been taken away. */
  readonly email: string | null;
  /** Where the invoice can be paid, once Stripe has it. */
  readonly paymentUrl: string | null;
  /** The invoice's id in Stripe, once it has it. */
  readonly stripeInvoiceId: string | null;
  /** Where the amount can be transferred to, line by line; none where that is not offered. */
  readonly bankTransfer: readonly string[];
  /** Where clients manage how they pay; null where the seller names no such page. */
  readonly paymentPageUrl: string | null;
}

/** Finds it; null when the job names none or its document cannot be read. */
export type LoadDocument = (job: DeliveryJob) => Promise<DeliveredDocument | null>;

const row = z.object({
  number: z.string(),
  client_id: z.uuid(),
  status: z.enum(["draft", "open", "paid", "void", "uncollectible"]),
  amount_due_minor: z.string().transform(Number).pipe(z.int()),
  document: InvoiceDocument,
  email: z.string().nullable(),
  stripe: z.object({
    id: z.string().nullable(),
    payment_url: z.url({ protocol: /^https?$/ }).nullable(),
    bank_transfer: z.array(z.string()).nullable(),
  }).nullable(),
  payment_page_url: z.url({ protocol: /^https$/ }).nullable(),
});

/** Reads from the database. Throws when a stored document breaks its schema. */
export function documentLoader(sql: Sql): LoadDocument {
  return async (job) => {
    const [found] = await sql`
      select coalesce(n.number, i.number) as number, i.client_id, i.status, i.amount_due_minor,
        coalesce(n.document, i.document) as document, c.email, s.payment_page_url, (
          select jsonb_build_object('id', d.external_id, 'payment_url', d.details -> 'payment_url',
            'bank_transfer', d.details -> 'bank_transfer')
          from public.deliveries d
          where d.invoice_id = i.id and d.kind = 'stripe' and d.details ? 'payment_url'
          order by d.id desc limit 1) as stripe
      from public.invoices i
      join public.clients c on c.id = i.client_id
      cross join public.billing_settings s
      left join public.credit_notes n on n.id = ${job.credit_note_id}
      where i.id = ${job.invoice_id}`;
    if (found === undefined) return null;
    const { client_id, amount_due_minor, stripe, payment_page_url, ...rest } = row.parse(found);
    return {
      ...rest,
      clientId: client_id,
      amountDueMinor: amount_due_minor,
      paymentUrl: stripe?.payment_url ?? null,
      stripeInvoiceId: stripe?.id ?? null,
      bankTransfer: stripe?.bank_transfer ?? [],
      paymentPageUrl: payment_page_url,
    };
  };
}

/** Claims the mail of an invoice for us; false where Stripe mails it. */
export function mailClaim(sql: Sql): (invoiceId: string) => Promise<boolean> {
  return async (invoiceId) => {
    const [row] = await sql`select _billing.claim_mail(${invoiceId}, 'us') as ours`;
    return z.object({ ours: z.boolean() }).parse(row).ours;
  };
}

/** Makes documents' files, and knows what that has cost. */
export interface PdfRenderer {
  /** The document as it was issued: the same bytes every time. */
  render(subject: DeliveredDocument): Promise<Uint8Array>;
  /** Milliseconds spent, all of them on the CPU. */
  spent(): number;
}

/** How many files are kept, so that archive and mail of an invoice share one. */
const KEPT = 8;

/** Renders one document at a time: it is all CPU, and so its time can be told. */
export function pdfRenderer(now: () => number): PdfRenderer {
  const files = new Map<string, Uint8Array>();
  let last: Promise<unknown> = Promise.resolve();
  let spent = 0;
  const print = async ({ document, number }: DeliveredDocument): Promise<Uint8Array> => {
    const known = files.get(number);
    if (known !== undefined) return known;
    const started = now();
    const file = await renderPdf(invoiceView(document));
    spent += now() - started;
    files.set(number, file);
    for (const oldest of files.keys()) if (files.size > KEPT) files.delete(oldest);
    return file;
  };
  return {
    render: (subject) => {
      const file = last.then(() => print(subject));
      last = file.catch(() => {});
      return file;
    },
    spent: () => spent,
  };
}

/** `INV-2026-000123.pdf`. */
export function pdfName(subject: DeliveredDocument): string {
  return documentName(subject, "pdf");
}

/** The document's number as the name of a file. */
export function documentName({ number }: DeliveredDocument, extension: string): string {
  return `${number.replace(/[^A-Za-z0-9._-]/g, "_")}.${extension}`;
}

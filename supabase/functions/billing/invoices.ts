import { z } from "zod";
import * as routes from "../../../shared/api/invoices.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found } from "./api/rows.ts";
import type { Session } from "../_shared/api/session.ts";
import { readClient } from "./clients.ts";
import { invoiceItem, lineItem, readInvoice } from "./invoice-rows.ts";

const Preview = z.record(z.string(), z.json()).nullable();

/** Invoices: read, generated, and taken through their states. */
export const invoiceEndpoints = [
  endpoint(routes.listInvoices, async ({ sql }, { query }) => {
    const after = cursorKeys(query.cursor, 2);
    const rows = await sql<PageRow[]>`
      select ${invoiceItem(sql)} as item, array[i.created_at::text, i.id::text] as keys
      from public.invoices i join public.clients c on c.id = i.client_id
      where (${query.client_id ?? null}::text is null
          or i.client_id = ${query.client_id ?? null}::text::uuid)
        and (${query.status ?? null}::text is null or i.status = ${query.status ?? null}::text)
        and (${query.number ?? null}::text is null or i.number = ${query.number ?? null}::text)
        and (${query.period ?? null}::text is null
          or to_char(i.period_start, 'YYYY-MM') = ${query.period ?? null}::text)
        and (${after?.[0] ?? null}::text is null or (i.created_at, i.id::text)
          < (${after?.[0] ?? null}::text::timestamptz, ${after?.[1] ?? null}::text))
      order by i.created_at desc, i.id::text desc limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.openSums, async ({ sql }) => {
    // Overdue: the day until which it was to be paid is over where the client is.
    const rows = await sql<{ item: unknown }[]>`
      select jsonb_build_object('currency', i.currency, 'invoices', count(*),
        'due_minor', sum(i.amount_due_minor), 'overdue_minor', coalesce(sum(i.amount_due_minor)
          filter (where i.due_on < (now() at time zone c.time_zone)::date), 0)) as item
      from public.invoices i join public.clients c on c.id = i.client_id
      where i.status = 'open'
      group by i.currency order by i.currency`;
    return { data: rows.map(({ item }) => item) };
  }),
  endpoint(routes.generateInvoice, async (session, { body: { client_id, period, dry_run } }) => {
    const { sql } = session;
    const month = `${period}-01`;
    if (dry_run) {
      await readClient(session, client_id);
      const [row] = await sql<{ document: unknown }[]>`
        select billing.preview_invoice(c.id, billing.anchor_in_month(${month}::text::date,
          c.billing_anchor_day), billing.as_of()) as document
        from public.clients c where c.id = ${client_id}::text::uuid`;
      return preview(row?.document);
    }
    const [made] = await sql<{ outcome: string; invoice_id: string | null }[]>`
      select outcome, invoice_id from billing.generate_invoice(
        ${client_id}::text::uuid, ${month}::text::date, billing.as_of())`;
    return await generated(session, made?.outcome, made?.invoice_id ?? null);
  }),
  endpoint(routes.previewInvoice, async (session, { body: { client_id, day } }) => {
    await readClient(session, client_id);
    const [row] = await session.sql<{ document: unknown }[]>`
      select billing.preview_invoice(${client_id}::text::uuid, ${day ?? null}::text::date,
        billing.as_of()) as document`;
    return preview(row?.document);
  }),
  endpoint(routes.getInvoice, (session, { params }) => readInvoice(session, params.invoice_id)),
  endpoint(routes.listInvoiceLines, async (session, { params: { invoice_id }, query }) => {
    await readInvoice(session, invoice_id);
    const after = cursorKeys(query.cursor, 1)?.[0] ?? null;
    const rows = await session.sql<PageRow[]>`
      select ${lineItem(session.sql)} as item, array[l.position::text] as keys
      from public.invoice_lines l
      where l.invoice_id = ${invoice_id}::text::uuid
        and (${query.position ?? null}::text is null
          or l.position = ${query.position ?? null}::text::integer)
        and (${after}::text is null or l.position > ${after}::text::bigint)
      order by l.position limit ${query.limit + 1}`;
    return pageOf(rows, query.limit);
  }),
  endpoint(routes.finalizeInvoice, async (session, { params: { invoice_id } }) => {
    await session.sql`
      select billing.finalize_invoice(${invoice_id}::text::uuid, billing.as_of())`;
    return await readInvoice(session, invoice_id);
  }),
  endpoint(routes.releaseInvoice, async (session, { params: { invoice_id }, body }) => {
    await session.sql`
      select billing.release_invoice(${invoice_id}::text::uuid, ${body.reason},
        ${body.up_to_minor ?? null}::bigint)`;
    return await readInvoice(session, invoice_id);
  }),
  endpoint(routes.voidInvoice, async (session, { params: { invoice_id }, body: { reason } }) => {
    await session.sql`
      select billing.void_invoice(${invoice_id}::text::uuid, ${reason}, billing.as_of())`;
    return await readInvoice(session, invoice_id);
  }),
  endpoint(routes.regenerateInvoice, async (session, { params: { invoice_id } }) => {
    const [row] = await session.sql<{ id: string | null }[]>`
      select billing.regenerate_invoice(${invoice_id}::text::uuid, billing.as_of()) as id`;
    const made = row?.id ?? null;
    return await generated(session, made === null ? "skipped" : "created", made);
  }),
  endpoint(routes.creditInvoice, async ({ sql }, { params: { invoice_id }, body }) => {
    const rows = await sql<{ number: string }[]>`
      select billing.issue_credit_note(${invoice_id}::text::uuid, ${body.reason},
        ${body.amount_minor ?? null}::bigint, ${body.to_refund}, billing.as_of()) as number`;
    return found(
      await sql<{ item: unknown }[]>`
      select jsonb_build_object('number', n.number, 'reason', n.reason,
        'total_minor', n.total_minor, 'issued_at', n.issued_at, 'voided_at', n.voided_at) as item
      from public.credit_notes n where n.number = ${found(rows).number}`,
    ).item;
  }),
  endpoint(routes.recordPayment, async (session, { params: { invoice_id }, body }) => {
    await session.sql`
      select billing.record_payment(${invoice_id}::text::uuid, ${body.amount_minor}::bigint,
        coalesce(${body.paid_at ?? null}::text::timestamptz, billing.as_of()), ${body.method},
        ${body.reference})`;
    return await readInvoice(session, invoice_id);
  }),
  endpoint(routes.writeOffInvoice, async (session, { params: { invoice_id } }) => {
    await session.sql`
      select billing.mark_uncollectible(${invoice_id}::text::uuid, billing.as_of())`;
    return await readInvoice(session, invoice_id);
  }),
];

/** A zero period has no document. */
function preview(document: unknown) {
  const content = Preview.parse(document ?? null);
  return { outcome: content === null ? "skipped" : "preview", invoice: null, document: content };
}

async function generated(session: Session, outcome: string | undefined, id: string | null) {
  return { outcome, invoice: id === null ? null : await readInvoice(session, id), document: null };
}

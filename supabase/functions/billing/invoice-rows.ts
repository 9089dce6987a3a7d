import { SHOWN_LINES } from "../../../shared/api/invoices.ts";
import { found } from "./api/rows.ts";
import type { Session } from "../_shared/api/session.ts";

/** An invoice `i` of a client `c` as the API shows it, without lines. */
export function invoiceItem(sql: Session["sql"]) {
  return sql`jsonb_build_object('id', i.id, 'client_id', i.client_id, 'client', c.name,
    'kind', i.kind, 'number', i.number, 'status', i.status, 'period_start', i.period_start,
    'period_end', i.period_end, 'currency', i.currency, 'subtotal_minor', i.subtotal_minor,
    'discount_minor', i.discount_minor, 'tax_minor', i.tax_minor, 'total_minor', i.total_minor,
    'balance_applied_minor', i.balance_applied_minor, 'credited_minor', i.credited_minor,
    'paid_minor', i.paid_minor, 'amount_due_minor', i.amount_due_minor,
    'issued_on', i.issued_on, 'due_on', i.due_on, 'replaces_id', i.replaces_id,
    'created_at', i.created_at, 'finalized_at', i.finalized_at)`;
}

/** A line `l` of an invoice as the API shows it. */
export function lineItem(sql: Session["sql"]) {
  return sql`jsonb_build_object('position', l.position, 'kind', l.kind,
    'description', l.description, 'detail', l.detail, 'model', l.model, 'metric', l.metric,
    'rate_class', l.rate_class, 'agent', l.agent, 'service_start', l.service_start,
    'service_end', l.service_end, 'quantity', trim_scale(l.quantity)::text,
    'unit_amount', trim_scale(l.unit_amount)::text, 'per_units', trim_scale(l.per_units)::text,
    'precise_amount', trim_scale(l.precise_amount)::text, 'amount_minor', l.amount_minor,
    'is_late', l.is_late)`;
}

/** An invoice that the caller may see, with all that belongs to it; or a problem `not_found`. */
export async function readInvoice({ sql }: Session, id: string): Promise<unknown> {
  const rows = await sql<{ item: unknown }[]>`
    select ${invoiceItem(sql)} || jsonb_build_object(
      'lines', (select coalesce(jsonb_agg(${lineItem(sql)} order by l.position), '[]')
        from (select x.* from public.invoice_lines x where x.invoice_id = i.id
          order by x.position limit ${SHOWN_LINES}) l),
      'lines_count', (select count(*) from public.invoice_lines x where x.invoice_id = i.id),
      'credit_notes', (select coalesce(jsonb_agg(jsonb_build_object('number', n.number,
          'reason', n.reason, 'total_minor', n.total_minor, 'issued_at', n.issued_at,
          'voided_at', n.voided_at)
          order by n.issued_at, n.number), '[]')
        from public.credit_notes n where n.invoice_id = i.id),
      'payments', (select coalesce(jsonb_agg(jsonb_build_object('amount_minor', p.amount_minor,
          'paid_at', p.paid_at, 'method', p.method, 'reference', p.reference)
          order by p.paid_at, p.id), '[]')
        from public.payments p where p.invoice_id = i.id),
      'links', jsonb_build_object('self', '/functions/v1/billing/invoices/' || i.id,
        'pdf', '/functions/v1/render-invoice?invoice_id=' || i.id,
        'html', '/functions/v1/render-invoice?format=html&invoice_id=' || i.id)) as item
    from public.invoices i join public.clients c on c.id = i.client_id
    where i.id = ${id}::text::uuid`;
  return found(rows).item;
}

import * as routes from "../../../shared/api/invoice-links.ts";
import { problem } from "../../../shared/errors.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import type { Session } from "../_shared/api/session.ts";
import { found } from "./api/rows.ts";
import { evidenceOf } from "./evidence.ts";
import { archivedPdf, type SignLink } from "./invoice-pdf.ts";
import { readInvoice } from "./invoice-rows.ts";

/**
 * Links that open one invoice without signing in. Without one that is in force nothing is
 * told: an invoice is read only after its link was found.
 */
export function invoiceLinkEndpoints(signLink: SignLink) {
  return [
    endpoint(routes.createInvoiceLink, async ({ sql }, { params: { invoice_id }, body }) =>
      found(
        await sql<{ link: unknown }[]>`
        select to_jsonb(l) as link
        from billing.create_invoice_link(${invoice_id}::text::uuid, ${body.days}) l`,
      ).link),
    endpoint(routes.endInvoiceLinks, async ({ sql }, { params: { invoice_id } }) => {
      const [row] = await sql<{ ended: string }[]>`
        select billing.end_invoice_links(${invoice_id}::text::uuid) as ended`;
      return { ended: Number(row?.ended) };
    }),
    endpoint(routes.openInvoiceLink, async (session, { body: { token } }) => {
      const id = await invoiceOf(session, token);
      const [stripe] = await session.sql<{ url: string | null }[]>`
        select s.hosted_invoice_url as url from public.stripe_invoices s
        join public.invoices i on i.id = s.invoice_id
        where s.invoice_id = ${id}::text::uuid and i.status in ('open', 'uncollectible')
          and i.amount_due_minor > 0`;
      return {
        invoice: await readInvoice(session, id),
        pdf: await archivedPdf(session, id, signLink),
        pay_url: stripe?.url ?? null,
      };
    }),
    endpoint(routes.linkEvidence, async (session, { body: { token, cursor } }) => {
      const id = await invoiceOf(session, token);
      return await evidenceOf(session, id, { limit: 1000, cursor });
    }),
  ];
}

/** As the service: what follows is of the link's invoice alone. */
async function invoiceOf(session: Session, token: string): Promise<string> {
  await session.asService();
  const [row] = await session.sql<{ id: string | null }[]>`
    select billing.invoice_of_link(${token}) as id`;
  if (row === undefined || row.id === null) {
    throw new ProblemError(problem("not_found", "the link is not in force"));
  }
  return row.id;
}

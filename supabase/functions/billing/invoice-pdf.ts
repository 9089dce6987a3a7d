import { z } from "zod";
import { signInvoicePdf } from "../../../shared/api/invoices.ts";
import { problem } from "../../../shared/errors.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import type { Session } from "../_shared/api/session.ts";
import { found } from "./api/rows.ts";

/** Seconds that a link opens for: long enough to follow it, too short to pass it on. */
const LIFETIME = 300;

/**
 * Makes a link to a file of the bucket `invoices` that needs no credentials for so many seconds and
 * is saved under `filename`. Rejects when Storage does not answer or has no such file.
 */
export type SignLink = (path: string, seconds: number, filename: string) => Promise<string>;

const archived = z.object({ path: z.string(), sha256: z.string() });

/**
 * The archived PDF. Row level security decides who sees the invoice; only then is the link signed,
 * with the service's rights, so members need none in Storage.
 */
export function invoicePdfEndpoints(signLink: SignLink) {
  return [
    endpoint(signInvoicePdf, async (session, { params: { invoice_id } }) => {
      found(
        await session.sql`
        select from public.invoices i where i.id = ${invoice_id}::text::uuid`,
      );
      await session.asService();
      const pdf = await archivedPdf(session, invoice_id, signLink);
      if (pdf === null) {
        throw new ProblemError(problem(
          "document_not_archived",
          "try again in a minute, or take the PDF from render-invoice",
        ));
      }
      return pdf;
    }),
  ];
}

/** A link to the archived PDF of an invoice, null while there is none; asked as the service. */
export async function archivedPdf({ sql }: Session, invoiceId: string, signLink: SignLink) {
  const [row] = await sql<{ details: unknown; expires_at: string }[]>`
    select d.details, to_jsonb(now() + make_interval(secs => ${LIFETIME})) #>> '{}' as expires_at
    from public.deliveries d
    where d.invoice_id = ${invoiceId}::text::uuid and d.credit_note_id is null
      and d.kind = 'archive' and d.state = 'done'`;
  if (row === undefined) return null;
  const { path, sha256 } = archived.parse(row.details);
  const filename = path.split("/").at(-1) ?? path;
  const url = await signLink(path, LIFETIME, filename);
  return { url, expires_at: row.expires_at, sha256, filename };
}

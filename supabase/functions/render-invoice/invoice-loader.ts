import { z } from "zod";
import { Id } from "../../../shared/api/fields.ts";
import type { NoteRead } from "../_shared/api/read-log.ts";
import type { OpenSession } from "../_shared/api/session.ts";
import type { Caller } from "../_shared/http/authenticate.ts";

/** What rendering needs of a row of `public.invoices`; `document` is not yet checked. */
export const InvoiceRow = z.object({
  id: z.uuid(),
  number: z.string().nullable(),
  status: z.enum(["draft", "open", "paid", "void", "uncollectible"]),
  document: z.unknown(),
});

/** See the schema of the same name. */
export type InvoiceRow = z.infer<typeof InvoiceRow>;

/** Finds an invoice by id or number; null where there is none or the caller may not see it. */
export type LoadInvoice = (name: string) => Promise<InvoiceRow | null>;

/** Reads with the caller's rights, on record. Throws when the database does not answer. */
export function invoiceLoader(
  openSession: OpenSession,
  caller: Caller,
  noteRead: NoteRead,
): LoadInvoice {
  return async (name) => {
    const id = Id.safeParse(name).data ?? null;
    await noteRead(caller, { operation: "renderInvoice", subject: name, query: {} });
    const rows = await openSession(caller, async ({ sql }) =>
      id === null
        ? await sql`
          select id, number, status, document from public.invoices where number = ${name}`
        : await sql`
          select id, number, status, document from public.invoices where id = ${id}::text::uuid`);
    return z.array(InvoiceRow).max(1).parse([...rows])[0] ?? null;
  };
}

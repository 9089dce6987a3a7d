import type { SupabaseClient } from "@supabase/supabase-js";
import { z } from "zod";

/** What rendering needs of a row of `public.invoices`; `document` is not yet checked. */
export const InvoiceRow = z.object({
  id: z.uuid(),
  number: z.string().nullable(),
  status: z.enum(["draft", "open", "paid", "void", "uncollectible"]),
  document: z.unknown(),
});

/** See the schema of the same name. */
export type InvoiceRow = z.infer<typeof InvoiceRow>;

/** Finds an invoice by id; null where there is none or the caller may not see it. */
export type LoadInvoice = (id: string) => Promise<InvoiceRow | null>;

/** Reads through the client's own rights. Throws when the database does not answer. */
export function invoiceLoader(
  client: Pick<SupabaseClient, "from">,
): LoadInvoice {
  return async (id) => {
    const { data, error } = await client.from("invoices").select(
      "id, number, status, document",
    )
      .eq("id", id).maybeSingle();
    if (error) {
      const { code, message } = error;
      throw Object.assign(new Error(`reading an invoice: ${code} ${message}`), { code });
    }
    return data === null ? null : InvoiceRow.parse(data);
  };
}

import { z } from "zod";
import { Id } from "../../../../shared/api/fields.ts";
import { problem } from "../../../../shared/errors.ts";
import { ProblemError } from "../http/problem.ts";
import type { Session } from "./session.ts";

const Fields = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
);

/**
 * A part of a request in which clients that are named by their external id, and invoices that are
 * named by their number, are replaced by their ids; the part itself where nothing is to be replaced.
 * Looked up with the caller's rights. Throws `not_found` for a name that is no id and names nothing
 * that the caller may see.
 */
export async function withIds(session: Session, part: unknown): Promise<unknown> {
  const fields = Fields.safeParse(part);
  if (!fields.success) return part;
  const { client_id, invoice_id, price } = fields.data;
  const found: Record<string, unknown> = {};
  if (typeof client_id === "string") found.client_id = await clientNamed(session, client_id);
  if (typeof invoice_id === "string") found.invoice_id = await invoiceNamed(session, invoice_id);
  if (price !== undefined) found.price = await withIds(session, price);
  const isSame = Object.entries(found).every(([key, value]) => value === fields.data[key]);
  return isSame ? part : { ...fields.data, ...found };
}

/** Another system's ids may be UUIDs too: the id of a client here goes before its external id. */
async function clientNamed({ sql }: Session, name: string): Promise<string> {
  const id = Id.safeParse(name).data ?? null;
  const [row] = await sql<{ id: string }[]>`
    select c.id from public.clients c
    where c.id = ${id}::text::uuid or c.external_id = ${name}
    order by c.id = ${id}::text::uuid desc nulls last limit 1`;
  // An id that nobody has is the business of the operation, which has its own word for it.
  if (row === undefined && id === null) throw nothingNamed("client", "external id", name);
  return row?.id ?? name;
}

/** The id of an invoice that is named by its id or its number. */
async function invoiceNamed({ sql }: Session, name: string): Promise<string> {
  if (Id.safeParse(name).success) return name;
  const [row] = await sql<{ id: string }[]>`
    select i.id from public.invoices i where i.number = ${name}`;
  if (row === undefined) throw nothingNamed("invoice", "number", name);
  return row.id;
}

function nothingNamed(what: string, name: string, given: string): ProblemError {
  return new ProblemError(problem("not_found", `no ${what} has the id or ${name} ${given}`));
}

/** What the database can queue: every kind of delivery with every event, read from its functions. */
import type { ISql } from "postgres";
import { z } from "zod";

/** A kind of delivery and the event that it tells of. */
export interface Pair {
  readonly kind: string;
  readonly event: string;
}

const Row = z.object({ name: z.string(), definition: z.string() });
const Kind = z.object({ kind: z.string(), of_invoices: z.boolean(), of_credit_notes: z.boolean() });

/** Any way of writing a row, and the one way in which ours are written. */
const WRITES = /\b(?:insert|merge)\s+into\s+(?:public\.)?"?deliveries\b/gi;
const READABLE =
  /insert into (?:public\.)?deliveries(?: as \w+)?\s*\(kind, event,[^)]*\)\s*select ('\w+'|[a-z]\.kind), '(\w+)'/gi;

/**
 * Read from the text of all functions. A kind that is a column is of `billing.delivery_kinds`, where
 * documents are delivered, or one of those that the function names. Throws where a function writes
 * deliveries in a way that cannot be read here.
 */
export async function queuedPairs(sql: ISql): Promise<Pair[]> {
  const kinds = z.array(Kind).parse([
    ...await sql`select kind, of_invoices, of_credit_notes from billing.delivery_kinds`,
  ]);
  const functions = z.array(Row).parse([
    ...await sql`
      select p.oid::regprocedure::text as name,
        case when p.prokind in ('f', 'p') then pg_get_functiondef(p.oid) else '' end as definition
      from pg_proc p
      where p.pronamespace = any (array['billing', '_billing', 'public']::regnamespace[])`,
  ]);
  const pairs = functions.flatMap(({ name, definition }) => {
    const found = [...definition.matchAll(READABLE)];
    if (found.length !== [...definition.matchAll(WRITES)].length) {
      throw new Error(`${name} writes deliveries whose kind and event cannot be read`);
    }
    return found.flatMap(([, said = "", event = ""]) =>
      kindsOf(said, definition, kinds).map((kind) => ({ kind, event }))
    );
  });
  const byText = new Map(pairs.map((pair) => [`${pair.kind}/${pair.event}`, pair]));
  return [...byText].toSorted(([one], [other]) => one < other ? -1 : 1).map(([, pair]) => pair);
}

function kindsOf(said: string, definition: string, kinds: readonly z.infer<typeof Kind>[]) {
  if (said.startsWith("'")) return [said.slice(1, -1)];
  const known = kinds.filter((kind) =>
    said !== "k.kind"
      ? definition.includes(`'${kind.kind}'`)
      : definition.includes("of_credit_notes")
      ? kind.of_credit_notes
      : kind.of_invoices
  );
  if (known.length === 0) throw new Error(`no kind is known by ${said}`);
  return known.map(({ kind }) => kind);
}

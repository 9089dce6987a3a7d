import { z } from "zod";
import { csvOf } from "./csv.ts";

/** An entry of the sealed audit log, as the API hands it out. */
export interface AuditEntry {
  readonly position: string;
  readonly content: string | null;
  readonly content_hash: string;
  readonly hash: string;
  readonly erased: boolean;
}

const HEAD = [
  "position",
  "at",
  "actor",
  "operation",
  "table_name",
  "row_id",
  "content",
  "content_hash",
  "hash",
  "erased",
];

/** What people look for; the rest is in `content`. */
const Content = z.object({
  at: z.string().nullish(),
  actor: z.string().nullish(),
  operation: z.string().nullish(),
  table_name: z.string().nullish(),
  row_id: z.string().nullish(),
});

/**
 * Entries of the audit log as CSV. `content` is the text that was sealed, unchanged: JSON begins with a
 * brace and is no formula, so the chain of hashes can be verified from the file.
 */
export function auditCsv(entries: readonly AuditEntry[], { head }: { head: boolean }): string {
  const rows = entries.map(({ position, content, content_hash, hash, erased }) => {
    const { at, actor, operation, table_name, row_id } = content === null
      ? Content.parse({})
      : Content.parse(JSON.parse(content));
    const said = [at, actor, operation, table_name, row_id].map((cell) => cell ?? null);
    return [position, ...said, content, content_hash, hash, String(erased)];
  });
  const csv = csvOf(HEAD, rows);
  return head ? csv : csv.slice(csv.indexOf("\r\n") + 2);
}

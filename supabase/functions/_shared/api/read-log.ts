import type { Sql } from "postgres";
import type { Caller } from "../http/authenticate.ts";

/** What an operator is about to read: the operation, what it is of, what it asks for. */
export interface Read {
  readonly operation: string;
  readonly subject: string;
  readonly query: Readonly<Record<string, unknown>>;
}

/** Notes a read by an operator, before it is answered; does nothing for other callers. */
export type NoteRead = (caller: Caller, read: Read) => Promise<void>;

const HOUR_MS = 3_600_000;

/** Reads that are remembered as noted; beyond it all are forgotten and noted again. */
const MOST_REMEMBERED = 5000;

/** What says which page or how many, not what is read. */
const PAGING = new Set(["cursor", "limit"]);

/**
 * Reads by operators go to the audit log, one row for each operator, operation and subject an hour:
 * an operator that pages through a list, or reloads a page, costs one statement.
 */
export function readLog(
  store: (reads: string) => Promise<unknown>,
  now: () => number = Date.now,
): NoteRead {
  let hour = 0;
  const noted = new Set<string>();
  return async (caller, { operation, subject, query }) => {
    if (caller.actor !== "operator") return;
    const present = Math.floor(now() / HOUR_MS);
    if (present !== hour || noted.size >= MOST_REMEMBERED) noted.clear();
    hour = present;
    const asked = Object.entries(query).filter(([name, value]) =>
      value !== undefined && !PAGING.has(name)
    );
    const read = {
      actor: caller.name,
      operation,
      subject,
      ...asked.length === 0 ? {} : { query: Object.fromEntries(asked) },
    };
    const key = JSON.stringify(read);
    if (noted.has(key)) return;
    // Not answered unless it is on record.
    await store(JSON.stringify([read]));
    noted.add(key);
  };
}

/** The audit log of a database. */
export function readLogOn(sql: Sql): NoteRead {
  return readLog((reads) => sql`select billing.note_reads(${reads}::text::jsonb)`);
}

import { env } from "node:process";
import { openDatabase } from "../postgres/pool.ts";
import { type NoteRefusal, refusalLog } from "./refusal-log.ts";

/**
 * Where a function notes refusals: the audit log of its database, by a connection that nothing else
 * waits for. Without a database they stand in the function's log lines alone.
 */
export function refusalsOfDatabase(reportError: (error: unknown) => void): NoteRefusal {
  const url = env.SUPABASE_DB_URL;
  if (url === undefined || url === "") return () => {};
  const sql = openDatabase(url, 1);
  return refusalLog({
    store: (refusals) =>
      sql`select billing.note_refusals(${JSON.stringify(refusals)}::text::jsonb)`,
    reportError,
  });
}

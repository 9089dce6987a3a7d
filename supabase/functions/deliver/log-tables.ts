import type { Sql } from "postgres";
import { z } from "zod";
import type { LogExports } from "./kinds/log-export.ts";

const read = z.array(
  z.object({ lines: z.string(), log_count: z.string(), checksum: z.string() }),
).max(1);

const stored = z.array(
  z.object({
    path: z.string(),
    sha256: z.string(),
    bytes: z.string().transform(Number).pipe(z.int()),
  }),
).max(1);

/** Reads and notes exports in the database. Throws `PostgresError` when a statement fails. */
export function logTables(sql: Sql): LogExports {
  return {
    read: async ({ month, part }) =>
      read.parse([
        ...await sql`
          select lines, log_count, checksum from _billing.read_log_export(${month}::date, ${part})`,
      ])[0] ?? null,
    save: async ({ month, part }, { log_count, checksum }, { path, sha256, bytes }) => {
      await sql`
        select _billing.save_log_export(${month}::date, ${part}, ${log_count}::bigint,
          ${checksum}::numeric, ${path}, ${sha256}, ${bytes})`;
    },
    stored: async ({ month, part }) =>
      stored.parse([
        ...await sql`
          select path, sha256, bytes from billing.log_exports
          where month = ${month}::date and part = ${part} and state <> 'queued'`,
      ])[0] ?? null,
  };
}

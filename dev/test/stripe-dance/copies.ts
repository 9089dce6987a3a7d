import postgres, { type Sql } from "postgres";
import type { PostgresOptions } from "../../platform/postgres.ts";
import { withDatabaseCopies } from "../support/database-copies.ts";

/** Uses a fresh copy of a migrated database once, and drops it. */
export type Copy = <T>(use: (sql: Sql) => Promise<T>) => Promise<T>;

/** A server of its own, migrated once. */
export function withCopies<T>(
  engine: PostgresOptions["engine"],
  use: (copy: Copy) => Promise<T>,
): Promise<T> {
  return withDatabaseCopies(engine, (copy) =>
    use((work) =>
      copy(async (url) => {
        const sql = postgres(url, { max: 4, onnotice: () => {} });
        try {
          return await work(sql);
        } finally {
          await sql.end({ timeout: 10 });
        }
      })
    ));
}

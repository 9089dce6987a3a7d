import process from "node:process";
import type { Sql } from "postgres";
import postgres from "postgres";

/** Work in transactions that leave nothing behind. */
export interface Transactions extends AsyncDisposable {
  /** Runs `work` in a transaction and rolls it back, also when it fails. */
  rolledBack<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
}

/** One connection to the migrated database that DATABASE_URL names. */
export function transactions(): Transactions {
  const url = process.env["DATABASE_URL"];
  if (url === undefined) throw new Error("DATABASE_URL must name a migrated database");
  // postgres.js replaces a connection after 30 to 60 minutes, also within a transaction.
  const options = { max: 1, max_lifetime: null, onnotice: () => {} };
  const sql = postgres(url, { ...options, connection: { jit: false } });
  const backend = async () => {
    const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    return row?.pid;
  };
  return {
    async rolledBack(work) {
      await sql`begin`;
      try {
        const pid = await backend();
        const result = await work(sql);
        // Another session does not see what was written, and would be believed.
        if (await backend() !== pid) throw new Error("the connection was lost in a transaction");
        return result;
      } finally {
        await sql`rollback`;
      }
    },
    [Symbol.asyncDispose]: () => sql.end(),
  };
}

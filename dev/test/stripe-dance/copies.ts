import postgres, { type Sql } from "postgres";
import { startGuard } from "../../platform/guard.ts";
import { applyMigrations } from "../../platform/migrations.ts";
import { type PostgresOptions, startPostgres } from "../../platform/postgres.ts";

/** Uses a fresh copy of a migrated database once, and drops it. */
export type Copy = <T>(use: (sql: Sql) => Promise<T>) => Promise<T>;

/** A server of its own, migrated once. */
export async function withCopies<T>(
  engine: PostgresOptions["engine"],
  use: (copy: Copy) => Promise<T>,
): Promise<T> {
  const guard = startGuard();
  try {
    const server = await startPostgres({ engine, port: 0, durable: false, guard });
    const admin = postgres(new URL("/template1", server.adminUrl).href, {
      max: 1,
      onnotice: () => {},
    });
    try {
      await applyMigrations(server.databaseUrl);
      let copies = 0;
      return await use(async (work) => {
        copies += 1;
        const database = `dance_${copies}`;
        await admin`create database ${admin(database)} template postgres owner postgres`;
        const url = new URL(`/${database}`, server.databaseUrl).href;
        const sql = postgres(url, { max: 4, onnotice: () => {}, prepare: false });
        try {
          return await work(sql);
        } finally {
          await sql.end({ timeout: 10 });
          await admin`drop database ${admin(database)} with (force)`;
        }
      });
    } finally {
      await admin.end();
      await server.stop();
    }
  } finally {
    await guard.stop();
  }
}

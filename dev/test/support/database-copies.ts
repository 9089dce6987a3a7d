import postgres from "postgres";
import { startGuard } from "../../platform/guard.ts";
import { applyMigrations } from "../../platform/migrations.ts";
import { type PostgresOptions, startPostgres } from "../../platform/postgres.ts";

/** Uses a fresh copy of a migrated database once, by its URL, and drops it. */
export type DatabaseCopy = <T>(use: (url: string) => Promise<T>) => Promise<T>;

/** A server of its own, migrated once, of which copies are made. */
export async function withDatabaseCopies<T>(
  engine: PostgresOptions["engine"],
  use: (copy: DatabaseCopy) => Promise<T>,
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
        const database = `copy_${copies}`;
        // The launcher of pg_cron has a session there, and comes back a second later.
        await admin`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = 'postgres' and backend_type like 'pg_cron%'`;
        await admin`create database ${admin(database)} template postgres owner postgres`;
        try {
          return await work(new URL(`/${database}`, server.databaseUrl).href);
        } finally {
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
